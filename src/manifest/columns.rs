//! The columns of nodes and sources, as properties files describe them.
//!
//! There are more of these than of anything else: what only few columns have takes no room, and
//! a node's columns stand in a list under their own names, not in a map beside them.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use indexmap::IndexMap;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::UniqueId;

/// A column as described in a properties file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnInfo {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub quote: Option<bool>,
    pub rest: ColumnRest,
}

/// What most columns have nothing of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RareFacts {
    pub meta: Map<String, Value>,
    /// Each a dictionary with `type`, `name`, `expression`, `columns`, `to`, `warn_unenforced`, ...
    pub constraints: Vec<Value>,
    pub tags: Vec<String>,
    pub granularity: Option<String>,
    pub doc_blocks: Vec<UniqueId>,
    /// Keys that dbt does not know and keeps (`policy_tags`, ...).
    pub more: Map<String, Value>,
}

static NOTHING: std::sync::LazyLock<RareFacts> = std::sync::LazyLock::new(RareFacts::default);

/// [`RareFacts`] that take room only where there are any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnRest(Option<Box<RareFacts>>);

impl From<RareFacts> for ColumnRest {
    fn from(facts: RareFacts) -> Self {
        ColumnRest((facts != *NOTHING).then(|| Box::new(facts)))
    }
}

impl Deref for ColumnRest {
    type Target = RareFacts;

    fn deref(&self) -> &RareFacts {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for ColumnRest {
    fn deref_mut(&mut self) -> &mut RareFacts {
        self.0.get_or_insert_default()
    }
}

impl Serialize for ColumnInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// What a column's `config` repeats.
        #[derive(Serialize)]
        struct Config<'a> {
            meta: &'a Map<String, Value>,
            tags: &'a [String],
        }
        let RareFacts { meta, constraints, tags, granularity, doc_blocks, more } = &*self.rest;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("description", &self.description)?;
        map.serialize_entry("meta", meta)?;
        map.serialize_entry("data_type", &self.data_type)?;
        map.serialize_entry("constraints", constraints)?;
        map.serialize_entry("quote", &self.quote)?;
        map.serialize_entry("config", &Config { meta, tags })?;
        map.serialize_entry("tags", tags)?;
        map.serialize_entry("granularity", granularity)?;
        map.serialize_entry("doc_blocks", doc_blocks)?;
        for (key, value) in more {
            map.serialize_entry(key, value)?;
        }
        // dbt writes these for every column.
        for key in ["dimension", "entity"].into_iter().filter(|key| !more.contains_key(*key)) {
            map.serialize_entry(key, &())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ColumnInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The fields as they stand in the artifact.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Flat {
            name: String,
            description: String,
            meta: Map<String, Value>,
            data_type: Option<String>,
            constraints: Vec<Value>,
            quote: Option<bool>,
            tags: Vec<String>,
            granularity: Option<String>,
            doc_blocks: Vec<UniqueId>,
        }
        let flat = Flat::deserialize(deserializer)?;
        let Flat { name, description, meta, data_type, constraints, quote, tags, granularity, doc_blocks } = flat;
        let rest = RareFacts { meta, constraints, tags, granularity, doc_blocks, more: Map::new() };
        Ok(ColumnInfo { name, description, data_type, quote, rest: rest.into() })
    }
}

/// The columns of one node or source, in order, each under its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns(Vec<ColumnInfo>);

impl Columns {
    /// So many are found faster by looking at each than by hashing.
    const FEW: usize = 32;

    pub fn get(&self, name: &str) -> Option<&ColumnInfo> {
        self.0.iter().find(|column| column.name == name)
    }

    pub fn values(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.0.iter()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut ColumnInfo> {
        self.0.iter_mut()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<ColumnInfo> for Columns {
    /// Of two with one name, the second stands in the place of the first.
    fn from_iter<I: IntoIterator<Item = ColumnInfo>>(columns: I) -> Self {
        let columns = columns.into_iter();
        let mut all: Vec<ColumnInfo> = Vec::with_capacity(columns.size_hint().0);
        let mut places: HashMap<String, usize> = HashMap::new();
        for column in columns {
            if all.len() == Self::FEW {
                places = all.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
            }
            let known = match all.len() < Self::FEW {
                true => all.iter().position(|known| known.name == column.name),
                false => places.get(&column.name).copied(),
            };
            match known {
                Some(at) => all[at] = column,
                None => {
                    if all.len() >= Self::FEW {
                        places.insert(column.name.clone(), all.len());
                    }
                    all.push(column);
                }
            }
        }
        Columns(all)
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|column| (&column.name, column)))
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let columns = IndexMap::<String, ColumnInfo>::deserialize(deserializer)?;
        // The key is what the column is found by, whatever stands under it.
        Ok(columns.into_iter().map(|(name, column)| ColumnInfo { name, ..column }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_columns_with_one_name_the_last_counts_in_the_place_of_the_first() {
        for count in [3, 100] {
            let column = |name: usize, description: &str| ColumnInfo {
                name: format!("c{name}"),
                description: description.to_owned(),
                ..ColumnInfo::default()
            };
            let twice = (0..count).map(|name| column(name, "first")).chain([column(1, "second")]);
            let columns: Columns = twice.collect();
            assert_eq!(columns.len(), count);
            assert_eq!(columns.values().nth(1).map(|column| column.description.as_str()), Some("second"));
            let read: Columns = serde_json::from_str(&serde_json::to_string(&columns).unwrap()).unwrap();
            assert_eq!(read, columns);
        }
    }
}
