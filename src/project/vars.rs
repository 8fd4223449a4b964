//! Variables: what `var('name')` gives in a package.
//!
//! `--vars` wins, then what the root project says for that package, then what it says for
//! all, then the package's own (docs.getdbt.com/docs/build/project-variables).

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

/// The variables of a whole invocation. Values are as written; Jinja in them is not rendered.
#[derive(Debug, Clone, Default)]
pub struct Vars {
    /// `--vars`.
    pub command_line: Map<String, Value>,
    /// `vars:` of the root project (or its `vars.yml`).
    pub root: Map<String, Value>,
    /// `vars:` of each package, the root project excepted.
    pub packages: HashMap<Arc<str>, Map<String, Value>>,
}

impl Vars {
    /// The value of a variable in a package.
    pub fn get(&self, package: &str, name: &str) -> Option<&Value> {
        self.command_line
            .get(name)
            .or_else(|| scoped(&self.root, package, name))
            .or_else(|| scoped(self.packages.get(package)?, package, name))
    }

    /// All variables that a package sees.
    pub fn of_package(&self, package: &str) -> Map<String, Value> {
        let mut all = Map::new();
        for vars in [self.packages.get(package), Some(&self.root)].into_iter().flatten() {
            all.extend(vars.clone());
            if let Some(Value::Object(own)) = vars.get(package) {
                all.extend(own.clone());
            }
        }
        all.extend(self.command_line.clone());
        all
    }
}

fn scoped<'a>(vars: &'a Map<String, Value>, package: &str, name: &str) -> Option<&'a Value> {
    vars.get(package).and_then(|own| own.get(name)).or_else(|| vars.get(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    #[test]
    fn the_nearest_definition_wins() {
        let vars = Vars {
            command_line: map(json!({"a": 1})),
            root: map(json!({"a": 2, "b": 2, "p": {"b": 3, "c": 3}})),
            packages: [(Arc::from("p"), map(json!({"b": 4, "c": 4, "d": 4, "p": {"e": 5}})))].into(),
        };
        let got = |name| vars.get("p", name).cloned();
        let all = vars.of_package("p");
        for (name, expected) in [("a", 1), ("b", 3), ("c", 3), ("d", 4), ("e", 5)] {
            assert_eq!(got(name), Some(json!(expected)), "{name}");
            assert_eq!(all.get(name), Some(&json!(expected)), "{name}");
        }
        assert_eq!(got("x"), None);
        assert_eq!(vars.get("root", "b"), Some(&json!(2)));
    }
}
