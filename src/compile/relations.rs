//! The relations that nodes and sources are, seen from what refers to them.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::adapter::{EventTimeFilter, Path, PolicyChange, Relation};
use crate::manifest::{Node, Quoting, Source};

use super::runtime::{Deferred, EventTime, Runtime};

impl Runtime {
    /// The relation of a node, with the project's and its own quoting.
    pub fn relation_of(&self, node: &Node) -> Relation {
        let path = Path::new(node.database.as_deref(), Some(node.schema.as_str()), Some(node.alias.as_str()));
        self.quoted(path, node)
    }

    fn quoted(&self, path: Path, node: &Node) -> Relation {
        let mut relation = self.capabilities().relation(path, None);
        relation.quote = relation.quote.with(self.quoting).with(quoting_of(node));
        relation
    }

    /// What `ref` gives: the node's relation, or that of the earlier run it is deferred to.
    pub fn ref_relation(&self, target: &Node) -> Relation {
        self.elsewhere(target).unwrap_or_else(|| self.relation_of(target))
    }

    /// The relation of the earlier run that is read in place of the node's own.
    pub fn elsewhere(&self, target: &Node) -> Option<Relation> {
        let other = self.deferred.get(&target.unique_id).filter(|other| other.is_read)?;
        Some(self.deferred_relation(other, target))
    }

    /// What a foreign key refers to: a relation that this run builds, else that of the earlier run.
    pub fn key_relation(&self, target: &Node) -> Relation {
        match self.deferred.get(&target.unique_id).filter(|other| !other.is_selected) {
            Some(other) => self.deferred_relation(other, target),
            None => self.relation_of(target),
        }
    }

    fn deferred_relation(&self, other: &Deferred, target: &Node) -> Relation {
        let (schema, alias) = (other.schema.as_str(), other.alias.as_str());
        self.quoted(Path::new(other.database.as_deref(), Some(schema), Some(alias)), target)
    }

    /// The CTE that stands for an ephemeral model.
    pub fn ephemeral_relation(&self, target: &Node) -> Relation {
        Relation::ephemeral(&self.capabilities().relation, &target.alias)
    }

    pub fn source_relation(&self, source: &Source) -> Relation {
        let (schema, identifier) = (source.schema.as_str(), source.identifier.as_str());
        let path = Path::new(source.database.as_deref(), Some(schema), Some(identifier));
        let mut relation = self.capabilities().relation(path, None);
        relation.quote = relation.quote.with(policy(&source.quoting));
        if self.capabilities().external_sources {
            relation.external = external_location(source).map(Arc::from);
        }
        relation
    }

    /// With `--empty`, `--sample` or in a batch, only some rows of what is read.
    pub fn bounded(&self, mut relation: Relation, event_time: Option<&str>, batch: Option<&EventTime>) -> Relation {
        if self.flags.empty {
            relation.limit = Some(0);
        }
        if let (Some(field), Some(window)) = (event_time, batch.or(self.flags.sample.as_ref())) {
            let written = |time: chrono::DateTime<chrono::Utc>| self.capabilities().event_time_text(time);
            relation.event_time_filter = Some(Arc::new(EventTimeFilter {
                field: field.to_owned(),
                start: window.start.map(written),
                end: window.end.map(written),
            }));
        }
        relation
    }
}

/// The file or function that a source is read from (`external_location` in its meta or config).
///
/// `{name}`, `{identifier}`, `{schema}`, ... are filled in; what is not a function call is quoted.
/// Source: the README of dbt-duckdb, "Reading from external files".
pub fn external_location(source: &Source) -> Option<String> {
    let layers = [source.config.meta(), Some(&source.meta), Some(&source.source_meta)];
    let setting = |key: &str| -> Option<&Json> {
        let config = source.config.get(key).filter(|_| source.config.is_set(key));
        config.or_else(|| layers.iter().flatten().find_map(|meta| meta.get(key)))
    };
    let template = setting("external_location")?.as_str()?;
    let field = |name: &str| -> Option<String> {
        Some(match name {
            "name" => source.name.clone(),
            "identifier" => source.identifier.clone(),
            "schema" => source.schema.clone(),
            "database" => source.database.clone().unwrap_or_default(),
            "source_name" => source.source_name.clone(),
            other => match setting(other)? {
                Json::String(text) => text.clone(),
                value => value.to_string(),
            },
        })
    };
    let location = match setting("formatter").and_then(Json::as_str) {
        Some("oldstyle") => fill(template, "%(", ")s", field),
        Some("template") => fill(&fill(template, "${", "}", field), "$", "", field),
        _ => fill(template, "{", "}", field).replace("{{", "{").replace("}}", "}"),
    };
    let as_it_is = location.contains('(') || location.starts_with('\'');
    Some(if as_it_is { location } else { format!("'{location}'") })
}

/// Replaces each `open name close` whose name is known; others stay as they are.
fn fill(template: &str, open: &str, close: &str, field: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find(open) {
        let inside = &rest[start + open.len()..];
        let length =
            inside.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(inside.len());
        let value = if inside[length..].starts_with(close) { field(&inside[..length]) } else { None };
        filled.push_str(&rest[..start]);
        rest = match value {
            Some(value) => {
                filled.push_str(&value);
                &inside[length + close.len()..]
            }
            None => {
                filled.push_str(open);
                inside
            }
        };
    }
    filled.push_str(rest);
    filled
}

fn quoting_of(node: &Node) -> PolicyChange {
    let quoting = node.config.get("quoting");
    let part = |name: &str| quoting.and_then(|quoting| quoting.get(name)).and_then(Json::as_bool);
    PolicyChange { database: part("database"), schema: part("schema"), identifier: part("identifier") }
}

fn policy(quoting: &Quoting) -> PolicyChange {
    PolicyChange { database: quoting.database, schema: quoting.schema, identifier: quoting.identifier }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_filled_with_the_names_of_the_source() {
        let field = |name: &str| (name == "name").then(|| "flights".to_owned());
        assert_eq!(fill("data/{name}.csv", "{", "}", field), "data/flights.csv");
        assert_eq!(fill("read_csv('{name}', {x: 1})", "{", "}", field), "read_csv('flights', {x: 1})");
        assert_eq!(fill("%(name)s.csv", "%(", ")s", field), "flights.csv");
        assert_eq!(fill("{name", "{", "}", field), "{name");
    }
}
