//! Python's tuples whose items have names too: groups, calendar weeks, parts of a time.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::values;

/// What the tuples of one kind have in common.
#[derive(Debug)]
pub struct Class {
    /// How Python names it where it prints one; nothing for one that prints as any tuple.
    shown: Option<&'static str>,
    names: &'static [&'static str],
}

/// Of the filter `groupby`.
const GROUP: Class = Class { shown: None, names: &["grouper", "list"] };

/// What `isocalendar()` gives.
pub const ISO_CALENDAR_DATE: Class =
    Class { shown: Some("datetime.IsoCalendarDate"), names: &["year", "week", "weekday"] };

/// What `timetuple()` gives.
pub const STRUCT_TIME: Class = Class {
    shown: Some("time.struct_time"),
    names: &["tm_year", "tm_mon", "tm_mday", "tm_hour", "tm_min", "tm_sec", "tm_wday", "tm_yday", "tm_isdst"],
};

/// A tuple with names; there is one item for each name.
pub struct NamedTuple {
    class: &'static Class,
    items: Vec<Value>,
}

pub fn value(class: &'static Class, items: Vec<Value>) -> Value {
    Value::from_object(NamedTuple { class, items })
}

/// One group of the filter `groupby`.
pub fn group(grouper: Value, list: Value) -> Value {
    value(&GROUP, vec![grouper, list])
}

impl fmt::Debug for NamedTuple {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shown) = self.class.shown else {
            return formatter.write_str(&values::representation(&values::tuple(self.items.clone())));
        };
        let named = self.class.names.iter().zip(&self.items);
        let named: Vec<String> = named.map(|(name, item)| format!("{name}={}", values::representation(item))).collect();
        write!(formatter, "{shown}({})", named.join(", "))
    }
}

impl Object for NamedTuple {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = match key.as_str() {
            Some(name) => self.class.names.iter().position(|known| *known == name)?,
            None => key.as_usize()?,
        };
        self.items.get(at).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
