//! What changed since an earlier manifest.
//!
//! Compared is what people wrote, not what came of it: raw code, unrendered configs,
//! columns of contracts. So another target, another machine, or line endings are no
//! changes. Macros that come with the program are not compared: they are not the project's.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::config::merge::canonical_key;
use crate::diagnostic::Diagnostic;
use crate::manifest::{
    Detail, Disabled, Exposure, FunctionDetail, Manifest, Node, Overload, Resource, SemanticResource, Source,
};
use crate::resource::{ResourceType, UniqueId};

/// What `state:` can ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aspect {
    New,
    Old,
    Modified,
    Unmodified,
    Body,
    Configs,
    PersistedDescriptions,
    Relation,
    Macros,
    Contract,
}

impl Aspect {
    pub const NAMES: [(&'static str, Aspect); 10] = [
        ("new", Aspect::New),
        ("old", Aspect::Old),
        ("modified", Aspect::Modified),
        ("unmodified", Aspect::Unmodified),
        ("modified.body", Aspect::Body),
        ("modified.configs", Aspect::Configs),
        ("modified.persisted_descriptions", Aspect::PersistedDescriptions),
        ("modified.relation", Aspect::Relation),
        ("modified.macros", Aspect::Macros),
        ("modified.contract", Aspect::Contract),
    ];

    pub fn from_name(name: &str) -> Option<Aspect> {
        Aspect::NAMES.iter().find(|(known, _)| *known == name).map(|(_, aspect)| *aspect)
    }
}

/// Configs whose change is none: where a node is put is `relation`'s matter, tags and groups are nobody's.
const UNCOMPARED: [&str; 5] = ["alias", "schema", "database", "tags", "group"];

/// A manifest beside an earlier one.
#[derive(Debug)]
pub struct Comparison<'a> {
    pub(super) current: &'a Manifest,
    pub(super) previous: &'a Manifest,
    /// Macros that changed, or that call one that did.
    changed_macros: HashSet<&'a UniqueId>,
    /// Compare a source's database and schema as written (`state_modified_compare_more_unrendered_values`).
    unrendered_sources: bool,
}

impl<'a> Comparison<'a> {
    pub fn new(current: &'a Manifest, previous: &'a Manifest, unrendered_sources: bool) -> Self {
        let changed_macros = changed_macros(current, previous);
        Comparison { current, previous, changed_macros, unrendered_sources }
    }

    /// What cannot be told of seeds that are too large to be read, in dbt's words.
    pub fn seed_warnings(&self) -> Vec<Diagnostic> {
        let seeds = self.current.nodes.values().filter(|node| node.resource_type == ResourceType::Seed);
        let compared = seeds.filter_map(|new| Some((new, self.previous.nodes.get(&new.unique_id)?)));
        compared
            .filter(|(new, _)| new.checksum.name == "path")
            .map(|(new, old)| {
                let (event, said) = match &*old.checksum.name {
                    "path" if new.checksum == old.checksum => (
                        "SeedExceedsLimitSamePath",
                        "in size at the same path, dbt cannot tell if it has changed: assuming they are the same",
                    ),
                    "path" => (
                        "SeedExceedsLimitAndPathChanged",
                        "in size. The previous file was in a different location, assuming it has changed",
                    ),
                    _ => ("SeedIncreased", "in size. The previous file was <=1MiB, so it has changed"),
                };
                let message = format!("Found a seed ({}.{}) >1MiB {said}", new.package_name, new.name);
                Diagnostic::warning_of(event, message).fact("package_name", &new.package_name).fact("name", &new.name)
            })
            .collect()
    }

    /// Tests whose macro the earlier manifest has and this one lacks: whether they changed cannot be said.
    pub fn removed_test_macros(&self) -> Vec<Diagnostic> {
        let tests = self.current.nodes.values().filter_map(|node| Some((node, node.generic_test()?)));
        let removed = tests.filter(|(node, test)| {
            let ending = format!(".test_{}", test.test_metadata.name);
            let has = |macros: &[UniqueId]| macros.iter().any(|id| id.ends_with(&ending));
            let had = || self.previous.macros.keys().any(|id| id.ends_with(&ending));
            !node.code().is_some_and(|code| has(&code.depends_on.macros)) && had()
        });
        removed
            .map(|(node, test)| {
                let message = format!(
                    "Node '{}' (in {}) depends on a macro or test that does not exist: `{}`",
                    node.name, node.original_file_path, test.test_metadata.name
                );
                Diagnostic::error(message)
                    .at_opt(node.origin.properties.clone())
                    .hint("it was removed, and is still asked for: remove the test too, or run `tform deps`")
            })
            .collect()
    }

    /// Whether the resource is what `aspect` asks for.
    pub fn is(&self, resource: Resource<'_>, aspect: Aspect) -> bool {
        let old = self.previous.resource(resource.unique_id());
        let lacks_or = |same: fn(&Node, &Node) -> bool| match (resource, old) {
            (Resource::Node(new), Some(Resource::Node(old))) => !same(new, old),
            (Resource::Node(_), _) => true,
            _ => false,
        };
        match aspect {
            Aspect::New => old.is_none(),
            Aspect::Old => old.is_some(),
            Aspect::Modified => self.is_modified(resource, old),
            Aspect::Unmodified => !self.is_modified(resource, old),
            Aspect::Body => lacks_or(same_body),
            Aspect::PersistedDescriptions => lacks_or(same_persisted_descriptions),
            Aspect::Contract => lacks_or(same_contract),
            Aspect::Configs => match (resource, old) {
                (Resource::UnitTest(_), _) => false,
                (_, None) => true,
                (resource, Some(old)) => !same_config(resource, old),
            },
            Aspect::Relation => match (resource, old) {
                (Resource::Source(new), Some(Resource::Source(old))) => !self.same_source_relation(new, old),
                (Resource::Source(_), _) => true,
                _ => lacks_or(same_relation),
            },
            Aspect::Macros => self.macros_changed(resource),
        }
    }

    fn is_modified(&self, resource: Resource<'_>, old: Option<Resource<'_>>) -> bool {
        let differs = match (resource, old) {
            (Resource::Node(new), Some(Resource::Node(old))) => !same_node(new, old),
            (Resource::Source(new), Some(Resource::Source(old))) => !self.same_source(new, old),
            (Resource::Exposure(new), Some(Resource::Exposure(old))) => !same_exposure(new, old),
            (Resource::UnitTest(new), Some(Resource::UnitTest(old))) => new.checksum != old.checksum,
            (Resource::Semantic(new), Some(Resource::Semantic(old))) => !same_semantic(new, old),
            // New sources, exposures and metrics do not count as modified, unlike new nodes.
            (Resource::Node(_) | Resource::UnitTest(_), _) => true,
            _ => false,
        };
        differs || self.macros_changed(resource)
    }

    fn macros_changed(&self, resource: Resource<'_>) -> bool {
        let macros: &[UniqueId] = match resource {
            Resource::Node(node) => match &node.detail {
                Detail::Seed(seed) => &seed.depends_on.macros,
                _ => node.code().map_or(&[], |code| &code.depends_on.macros),
            },
            Resource::Exposure(exposure) => &exposure.depends_on.macros,
            Resource::UnitTest(test) => &test.depends_on.macros,
            Resource::Semantic(semantic) => &semantic.depends_on.macros,
            Resource::Source(_) => &[],
        };
        macros.iter().any(|id| self.changed_macros.contains(id))
    }

    fn same_source(&self, new: &Source, old: &Source) -> bool {
        self.same_source_relation(new, old)
            && new.fqn == old.fqn
            && same_unrendered(&new.unrendered_config, &old.unrendered_config, &[])
            && new.quoting == old.quoting
            && new.freshness.clone().unwrap_or_default() == old.freshness.clone().unwrap_or_default()
            && new.loaded_at_field == old.loaded_at_field
            && new.external == old.external
    }

    fn same_source_relation(&self, new: &Source, old: &Source) -> bool {
        let place = match self.unrendered_sources {
            true => {
                new.unrendered_database == old.unrendered_database && new.unrendered_schema == old.unrendered_schema
            }
            false => new.database == old.database && new.schema == old.schema,
        };
        place && new.identifier == old.identifier
    }

    /// Whether this manifest has a node of that id, switched off.
    pub(super) fn is_switched_off(&self, id: &str) -> bool {
        self.current
            .disabled
            .get(id)
            .is_some_and(|disabled| disabled.iter().any(|one| matches!(one, Disabled::Node(_))))
    }
}

/// Macros with another text than before, and those that call one of them.
fn changed_macros<'a>(current: &'a Manifest, previous: &Manifest) -> HashSet<&'a UniqueId> {
    let adapter = current.metadata.adapter_type.as_deref().unwrap_or_default();
    let is_ours = |package: &str| {
        package == "dbt"
            || package == "tform"
            || package == "dbt_postgres"
            || package.strip_prefix("dbt_").is_some_and(|rest| rest == adapter)
    };
    let mut callers: HashMap<&UniqueId, Vec<&'a UniqueId>> = HashMap::new();
    let mut queue: Vec<&'a UniqueId> = Vec::new();
    for (id, found) in &current.macros {
        for called in &found.depends_on.macros {
            callers.entry(called).or_default().push(id);
        }
        let same = |old: &str| same_text(&found.macro_sql, old);
        if !is_ours(&found.package_name) && !previous.macros.get(id).is_some_and(|old| same(&old.macro_sql)) {
            queue.push(id);
        }
    }
    let mut changed: HashSet<&'a UniqueId> = queue.iter().copied().collect();
    while let Some(id) = queue.pop() {
        for caller in callers.get(id).into_iter().flatten() {
            if changed.insert(caller) {
                queue.push(caller);
            }
        }
    }
    changed
}

fn same_node(new: &Node, old: &Node) -> bool {
    if matches!(new.detail, Detail::GenericTest(_)) {
        return same_node_config(new, old) && new.fqn == old.fqn;
    }
    let same_reference = match (new.model(), old.model()) {
        (Some(new), Some(old)) => {
            new.latest_version == old.latest_version
                && new.access == old.access
                && new.deprecation_date == old.deprecation_date
        }
        _ => true,
    };
    let same_signature = match (new.function(), old.function()) {
        (Some(new), Some(old)) => same_signature(new, old),
        _ => true,
    };
    same_body(new, old)
        && same_node_config(new, old)
        && same_persisted_descriptions(new, old)
        && new.fqn == old.fqn
        && same_relation(new, old)
        && same_contract(new, old)
        && same_reference
        && same_signature
}

/// What a function takes and gives, with its overloads but for their descriptions.
fn same_signature(new: &FunctionDetail, old: &FunctionDetail) -> bool {
    let signature = |overload: &Overload| Overload {
        description: None,
        compiled_body: None,
        arguments: overload.arguments.iter().map(without_nulls).collect(),
        returns: overload.returns.as_ref().map(without_nulls),
        ..overload.clone()
    };
    new.arguments.iter().map(without_nulls).eq(old.arguments.iter().map(without_nulls))
        && without_nulls(&new.returns) == without_nulls(&old.returns)
        && new.overloads.iter().map(signature).eq(old.overloads.iter().map(signature))
}

fn same_body(new: &Node, old: &Node) -> bool {
    match new.resource_type {
        ResourceType::Seed => new.checksum == old.checksum,
        _ => same_text(&new.raw_code, &old.raw_code),
    }
}

/// The same but for line endings and white space at the end.
fn same_text(new: &str, old: &str) -> bool {
    new == old || new.trim_end().lines().eq(old.trim_end().lines())
}

fn same_config(new: Resource<'_>, old: Resource<'_>) -> bool {
    match (new, old) {
        (Resource::Node(new), Resource::Node(old)) => same_node_config(new, old),
        (Resource::Source(new), Resource::Source(old)) => {
            same_unrendered(&new.unrendered_config, &old.unrendered_config, &[])
        }
        (Resource::Exposure(new), Resource::Exposure(old)) => {
            same_unrendered(&new.unrendered_config, &old.unrendered_config, &[])
        }
        (Resource::Semantic(new), Resource::Semantic(old)) => {
            // One has only what was set, the other, out of an artifact, the defaults as well.
            new.config.entries().collect::<HashMap<_, _>>() == old.config.entries().collect::<HashMap<_, _>>()
        }
        _ => false,
    }
}

fn same_node_config(new: &Node, old: &Node) -> bool {
    same_unrendered(&new.unrendered_config, &old.unrendered_config, &UNCOMPARED)
}

fn same_unrendered(new: &Map<String, Value>, old: &Map<String, Value>, uncompared: &[&str]) -> bool {
    let compared = |map: &Map<String, Value>| -> HashMap<String, Value> {
        let entries = map.iter().map(|(key, value)| (canonical_key(key).to_owned(), as_said(value)));
        entries.filter(|(key, _)| !uncompared.contains(&key.as_str())).collect()
    };
    let (new, old) = (compared(new), compared(old));
    new.len() == old.len() && new.iter().all(|(key, value)| old.get(key).is_some_and(|old| same_value(value, old)))
}

/// The same, also where dbt 1.12 wrote a list of a YAML file twice over, or a number as a text.
fn same_value(new: &Value, old: &Value) -> bool {
    let is_twice = |once: &[Value], twice: &[Value]| {
        !once.is_empty() && twice.len() == once.len() * 2 && twice.chunks(once.len()).all(|half| half == once)
    };
    match (new, old) {
        (Value::Array(new), Value::Array(old)) => new == old || is_twice(new, old) || is_twice(old, new),
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            *text == number.to_string()
        }
        (Value::String(text), other) | (other, Value::String(text)) if !other.is_string() => *text == as_python(other),
        _ => new == old,
    }
}

/// A value as dbt 1.12 writes it where it keeps configs as they are written.
fn as_python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => format!("[{}]", items.iter().map(as_python).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("'{key}': {}", as_python(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A config as it was said: dbt writes lists that were joined with themselves, and the trees of parsed calls.
fn as_said(value: &Value) -> Value {
    match value {
        Value::String(text) => syntax_tree(text).unwrap_or_else(|| value.clone()),
        Value::Array(items) => {
            let mut once: Vec<Value> = Vec::with_capacity(items.len());
            for item in items.iter().map(as_said) {
                if !once.contains(&item) {
                    once.push(item);
                }
            }
            Value::Array(once)
        }
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), as_said(value))).collect(),
        plain => plain.clone(),
    }
}

/// The value of `Keyword(key='limit', value=Const(value=10))`, if it is one of literals alone.
fn syntax_tree(text: &str) -> Option<Value> {
    let inner = text.strip_prefix("Keyword(key='")?.strip_suffix(')')?;
    let (_, tree) = inner.split_once("', value=")?;
    let whole = |(value, rest): (Value, &str)| rest.is_empty().then_some(value);
    literal_tree(tree).and_then(whole).or_else(|| {
        let (code, rest) = code_tree(tree)?;
        rest.is_empty().then_some(Value::from(code))
    })
}

/// The code of a name, a call or a literal, and what stands behind its tree.
fn code_tree(text: &str) -> Option<(String, &str)> {
    if let Some(text) = text.strip_prefix("Name(name='") {
        let (name, rest) = text.split_once("', ctx='load')")?;
        return Some((name.to_owned(), rest));
    }
    if let Some(text) = text.strip_prefix("Call(node=") {
        let (called, rest) = code_tree(text)?;
        let (mut arguments, rest) = sequence(rest.strip_prefix(", args=[")?, code_tree)?;
        let keyword = |text| {
            let (name, rest) = str::strip_prefix(text, "Keyword(key='")?.split_once("', value=")?;
            let (value, rest) = code_tree(rest)?;
            Some((format!("{name}={value}"), rest.strip_prefix(')')?))
        };
        let (named, rest) = sequence(rest.strip_prefix("], kwargs=[")?, keyword)?;
        arguments.extend(named);
        let rest = rest.strip_prefix("], dyn_args=None, dyn_kwargs=None)")?;
        return Some((format!("{called}({})", arguments.join(", ")), rest));
    }
    // A constant stands there as Python writes it, and so does the code that it came from.
    let inner = text.strip_prefix("Const(value=")?;
    let (_, rest) = literal_tree(text)?;
    Some((inner[..inner.len() - rest.len() - 1].to_owned(), rest))
}

/// One `Const(...)`, `List(...)` or `Dict(...)`, and what stands behind it.
fn literal_tree(text: &str) -> Option<(Value, &str)> {
    if let Some(text) = text.strip_prefix("Const(value=") {
        let (value, rest) = constant(text)?;
        return Some((value, rest.strip_prefix(')')?));
    }
    if let Some(text) = text.strip_prefix("List(items=[") {
        let (items, rest) = sequence(text, literal_tree)?;
        return Some((Value::Array(items), rest.strip_prefix("])")?));
    }
    let pair = |text| {
        let (key, rest) = literal_tree(str::strip_prefix(text, "Pair(key=")?)?;
        let (value, rest) = literal_tree(rest.strip_prefix(", value=")?)?;
        Some(((key.as_str()?.to_owned(), value), rest.strip_prefix(')')?))
    };
    let (pairs, rest) = sequence(text.strip_prefix("Dict(items=[")?, pair)?;
    Some((Value::Object(pairs.into_iter().collect()), rest.strip_prefix("])")?))
}

fn sequence<'t, T>(mut text: &'t str, one: impl Fn(&'t str) -> Option<(T, &'t str)>) -> Option<(Vec<T>, &'t str)> {
    let mut items = Vec::new();
    while !text.starts_with(']') {
        let (item, rest) = one(text)?;
        items.push(item);
        text = rest.strip_prefix(", ").unwrap_or(rest);
    }
    Some((items, text))
}

/// A Python literal without escapes.
fn constant(text: &str) -> Option<(Value, &str)> {
    for (word, value) in [("True", Value::Bool(true)), ("False", Value::Bool(false)), ("None", Value::Null)] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some((value, rest));
        }
    }
    if let Some(quote) = text.chars().next().filter(|first| matches!(first, '\'' | '"')) {
        let (inner, rest) = text[1..].split_once(quote)?;
        return (!inner.contains('\\')).then(|| (Value::from(inner), rest));
    }
    let end = text.find(')')?;
    Some((serde_json::from_str(&text[..end]).ok()?, &text[end..]))
}

/// A value without what is null or an empty list: a newer version of the format has more fields.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Object(map) => {
            let said = map.iter().map(|(key, value)| (key.clone(), without_nulls(value)));
            said.filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()))
                .collect()
        }
        plain => plain.clone(),
    }
}

/// Descriptions count where they are written to the warehouse (`persist_docs`).
fn same_persisted_descriptions(new: &Node, old: &Node) -> bool {
    let persists = |key: &str| {
        new.config.get("persist_docs").and_then(|docs| docs.get(key)).and_then(Value::as_bool).unwrap_or(false)
    };
    let columns = |node: &Node| -> HashMap<String, String> {
        node.columns.values().map(|column| (column.name.clone(), column.description.clone())).collect()
    };
    (!persists("relation") || new.description == old.description)
        && (!persists("columns") || columns(new) == columns(old))
}

/// Where people said that the node goes, not where it went.
fn same_relation(new: &Node, old: &Node) -> bool {
    let written = |node: &Node, key: &str| node.unrendered_config.get(key).map(as_said);
    ["database", "schema", "alias"].iter().all(|key| written(new, key) == written(old, key))
}

fn same_contract(new: &Node, old: &Node) -> bool {
    let (Some(new_code), Some(old_code)) = (new.code(), old.code()) else { return true };
    if new.resource_type != ResourceType::Model {
        return true;
    }
    match (new_code.contract.enforced, old_code.contract.enforced) {
        (false, false) => true,
        (true, true) => new_code.contract.checksum == old_code.contract.checksum,
        _ => false,
    }
}

fn same_exposure(new: &Exposure, old: &Exposure) -> bool {
    let parents = |exposure: &Exposure| exposure.depends_on.nodes.iter().cloned().collect::<HashSet<_>>();
    new.fqn == old.fqn
        && new.kind == old.kind
        && new.owner == old.owner
        && new.maturity == old.maturity
        && new.url == old.url
        && new.description == old.description
        && new.label == old.label
        && parents(new) == parents(old)
        && same_unrendered(&new.unrendered_config, &old.unrendered_config, &[])
}

/// What of a metric, a semantic model or a saved query counts as a change of it.
fn same_semantic(new: &SemanticResource, old: &SemanticResource) -> bool {
    let field = |resource: &SemanticResource, key: &str| without_nulls(resource.body.get(key).unwrap_or(&Value::Null));
    let part = |resource: &SemanticResource, key: &str| {
        without_nulls(resource.body.get("query_params").and_then(|query| query.get(key)).unwrap_or(&Value::Null))
    };
    let fields: &[&str] = match new.resource_type {
        ResourceType::Metric => &["type", "description", "label"],
        ResourceType::SemanticModel => {
            &["model", "description", "defaults", "entities", "dimensions", "measures", "primary_entity", "group"]
        }
        _ => &["description", "label", "group", "tags"],
    };
    let is_query = new.resource_type == ResourceType::SavedQuery;
    let unrendered = |resource: &SemanticResource| {
        resource.body.get("unrendered_config").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    fields.iter().all(|key| field(new, key) == field(old, key))
        && (!is_query || ["metrics", "group_by", "where"].iter().all(|key| part(new, key) == part(old, key)))
        && (!is_query || exports(new) == exports(old))
        && same_unrendered(&unrendered(new), &unrendered(old), &[])
}

/// What the exports of a saved query are called, and where people said that they go.
fn exports(query: &SemanticResource) -> Vec<[Value; 4]> {
    let listed = query.body.get("exports").and_then(Value::as_array).into_iter().flatten();
    let each = listed.map(|export| {
        let said = |key: &str| export.get("unrendered_config").and_then(|config| config.get(key)).cloned();
        let said = |key: &str| said(key).unwrap_or_default();
        [export["name"].clone(), said("export_as"), said("schema"), said("alias")]
    });
    each.collect()
}
