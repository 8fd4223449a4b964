//! Reading artifacts back, ours or dbt's, of this version or an older one.
//!
//! What an older schema lacks is filled in with what it meant then; what is not known is
//! passed over. Manifests from v7 (dbt 1.0) on are read.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use rayon::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{RunResults, Sources};
use crate::config::NodeConfig;
use crate::diagnostic::Diagnostic;
use crate::manifest::{
    Code, Detail, Disabled, Exposure, FunctionDetail, GenericTestDetail, Group, HookDetail, Macro, Manifest,
    ModelDetail, Node, Origin, SeedDependsOn, SeedDetail, SemanticResource, Source, UnitTest,
};
use crate::resource::{ById, ResourceType, UniqueId};

/// The oldest schema of a manifest that can be read.
const OLDEST_MANIFEST: u32 = 4;

/// Reads `manifest.json`; `None` if there is no such file.
///
/// # Errors
/// The file cannot be read, is no manifest, or has a schema that is too old or too new.
pub fn manifest(path: &Path) -> Result<Option<Manifest>, Diagnostic> {
    let Some(text) = text(path)? else { return Ok(None) };
    parse_manifest(&text).map(Some).map_err(|problem| broken(path, &problem))
}

/// Reads `run_results.json`; `None` if there is no such file.
///
/// # Errors
/// The file cannot be read or is not what it should be.
pub fn run_results(path: &Path) -> Result<Option<RunResults>, Diagnostic> {
    read(path)
}

/// Reads how long each node took to be built or asked, in seconds, from `run_results.json`, and nothing else of
/// it; `None` if there is no such file, or if it is of a command that only compiled.
///
/// # Errors
/// The file cannot be read or is not what it should be.
pub fn durations(path: &Path) -> Result<Option<HashMap<UniqueId, f64>>, Diagnostic> {
    #[derive(Deserialize)]
    struct Results {
        results: Vec<Taken>,
        #[serde(default)]
        args: Arguments,
    }
    #[derive(Deserialize, Default)]
    struct Arguments {
        #[serde(default)]
        which: Option<String>,
    }
    #[derive(Deserialize)]
    struct Taken {
        unique_id: UniqueId,
        #[serde(default)]
        execution_time: f64,
    }
    const BUILD: [&str; 6] = ["build", "run", "test", "seed", "snapshot", "retry"];
    let built = read::<Results>(path)?.filter(|read| read.args.which.as_deref().is_none_or(|it| BUILD.contains(&it)));
    let taken = |taken: Taken| (taken.unique_id, taken.execution_time);
    Ok(built.map(|read| read.results.into_iter().map(taken).collect()))
}

/// Reads `sources.json`; `None` if there is no such file.
///
/// # Errors
/// The file cannot be read or is not what it should be.
pub fn sources(path: &Path) -> Result<Option<Sources>, Diagnostic> {
    read(path)
}

fn text(path: &Path) -> Result<Option<String>, Diagnostic> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(Diagnostic::error(format!("cannot read `{}`: {problem}", path.display()))),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Diagnostic> {
    let Some(text) = text(path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|problem| broken(path, &problem.to_string()))
}

fn broken(path: &Path, problem: &str) -> Diagnostic {
    Diagnostic::error(format!("cannot read the artifact `{}`: {problem}", path.display()))
}

type Section = IndexMap<UniqueId, Box<RawValue>>;

/// Reads a manifest's text.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn parse_manifest(text: &str) -> Result<Manifest, String> {
    let raw: IndexMap<String, Box<RawValue>> = serde_json::from_str(text).map_err(|problem| problem.to_string())?;
    let metadata = raw.get("metadata").map_or("{}", |metadata| metadata.get());
    let mut metadata: Value = serde_json::from_str(metadata).map_err(|problem| problem.to_string())?;
    check_version(&metadata)?;
    fill(
        &mut metadata,
        &json!({"dbt_schema_version": "", "dbt_version": "", "generated_at": "", "env": {}, "invocation_id": null}),
    );
    let selectors = raw.get("selectors").and_then(|section| serde_json::from_str(section.get()).ok());
    Ok(Manifest {
        metadata: serde_json::from_value(metadata).map_err(|problem| format!("metadata: {problem}"))?,
        nodes: section(&raw, "nodes", node)?,
        sources: section(&raw, "sources", source)?,
        macros: section(&raw, "macros", |value| {
            from::<Macro>(
                value,
                &json!({
                    "macro_sql": "", "depends_on": {"macros": []}, "description": "", "meta": {}, "docs": {}, "arguments": [],
                    "created_at": 0.0, "path": "", "original_file_path": "",
                }),
            )
        })?,
        // Nothing asks for the texts of an earlier invocation's descriptions.
        docs: ById::default(),
        exposures: section(&raw, "exposures", exposure)?,
        metrics: section(&raw, "metrics", |value| semantic(value, ResourceType::Metric))?,
        groups: section(&raw, "groups", |value| {
            from::<Group>(value, &json!({"path": "", "original_file_path": "", "owner": {}}))
        })?,
        selectors: selectors.unwrap_or_default(),
        disabled: disabled(&raw)?,
        saved_queries: section(&raw, "saved_queries", |value| semantic(value, ResourceType::SavedQuery))?,
        semantic_models: section(&raw, "semantic_models", |value| semantic(value, ResourceType::SemanticModel))?,
        unit_tests: section(&raw, "unit_tests", unit_test)?,
        functions: section(&raw, "functions", node)?,
    })
}

fn check_version(metadata: &Value) -> Result<(), String> {
    let schema = metadata.get("dbt_schema_version").and_then(Value::as_str).unwrap_or_default();
    let version = schema.rsplit("/v").next().and_then(|tail| tail.strip_suffix(".json")?.parse::<u32>().ok());
    match version {
        Some(version) if version < OLDEST_MANIFEST => {
            Err(format!("its schema is v{version}, and the oldest that can be read is v{OLDEST_MANIFEST} (dbt 1.3)"))
        }
        Some(version) if version > 12 => {
            Err(format!("its schema is v{version}, and the newest that can be read is v12"))
        }
        Some(_) => Ok(()),
        None => Err("it does not say which schema it has (`metadata.dbt_schema_version`)".to_owned()),
    }
}

/// Reads the members of a section in parallel; the order stays.
fn section<T: Send>(
    raw: &IndexMap<String, Box<RawValue>>,
    key: &str,
    read: impl Fn(Value) -> Result<T, String> + Sync,
) -> Result<ById<Arc<T>>, String>
where
    Arc<T>: Send,
{
    let Some(members) = raw.get(key).filter(|section| section.get() != "null") else { return Ok(ById::default()) };
    let members: Section = serde_json::from_str(members.get()).map_err(|problem| format!("{key}: {problem}"))?;
    let members: Vec<(UniqueId, Box<RawValue>)> = members.into_iter().collect();
    let read = members.into_par_iter().map(|(id, text)| {
        let value = serde_json::from_str(text.get()).map_err(|problem| format!("{id}: {problem}"))?;
        let member = read(value).map_err(|problem| format!("{id}: {problem}"))?;
        Ok((id, Arc::new(member)))
    });
    let read: Vec<(UniqueId, Arc<T>)> = read.collect::<Result<_, String>>()?;
    Ok(read.into_iter().collect())
}

/// Puts what `defaults` has and `value` lacks (or has as null) into it.
fn fill(value: &mut Value, defaults: &Value) {
    if let (Value::Object(map), Value::Object(defaults)) = (value, defaults) {
        for (key, default) in defaults {
            match map.get_mut(key) {
                Some(present) if present.is_null() && !default.is_null() => *present = default.clone(),
                Some(_) => {}
                None => {
                    map.insert(key.clone(), default.clone());
                }
            }
        }
    }
}

fn from<T: DeserializeOwned>(mut value: Value, defaults: &Value) -> Result<T, String> {
    fill(&mut value, defaults);
    serde_json::from_value(value).map_err(|problem| problem.to_string())
}

/// dbt writes a kind of resource as one word or, in a few old versions, two.
fn kind_of(value: &Value) -> Result<ResourceType, String> {
    let kind = value.get("resource_type").cloned().unwrap_or_default();
    let kind = kind.as_str().map(|kind| kind.replace(' ', "_")).unwrap_or_default();
    serde_json::from_value(Value::from(kind.as_str())).map_err(|_| format!("unknown resource type `{kind}`"))
}

fn node(mut value: Value) -> Result<Node, String> {
    let kind = kind_of(&value)?;
    // Before v10, models had `raw_sql` and `compiled_sql`.
    for (old, new) in [("raw_sql", "raw_code"), ("compiled_sql", "compiled_code")] {
        if let Value::Object(map) = &mut value
            && let Some(text) = map.remove(old)
        {
            map.entry(new).or_insert(text);
        }
    }
    fill(
        &mut value,
        &json!({
            "schema": "", "path": "", "original_file_path": "", "fqn": [], "alias": "", "checksum": {"name": "none", "checksum": ""},
            "config": {}, "tags": [], "description": "", "columns": {}, "meta": {}, "docs": {}, "unrendered_config": {},
            "created_at": 0.0, "raw_code": "", "doc_blocks": [], "language": "sql", "refs": [], "sources": [], "metrics": [],
            "functions": [], "depends_on": {}, "contract": {}, "access": "protected", "constraints": [], "primary_key": [],
            "package_name": "", "name": "", "unique_id": "",
        }),
    );
    modernise_refs(&mut value);
    let detail = detail(kind, &value)?;
    let Value::Object(mut map) = value else { return Err("it is not a dictionary".to_owned()) };
    let mut take = |key: &str| map.remove(key).unwrap_or_default();
    let config: NodeConfig = get(take("config"))?;
    Ok(Node {
        database: get(take("database"))?,
        schema: get::<Option<String>>(take("schema"))?.unwrap_or_default(),
        name: get(take("name"))?,
        resource_type: kind,
        package_name: get(take("package_name"))?,
        path: get(take("path"))?,
        original_file_path: get(take("original_file_path"))?,
        unique_id: get(take("unique_id"))?,
        fqn: get(take("fqn"))?,
        alias: get(take("alias"))?,
        checksum: get(take("checksum"))?,
        config: config.with_resource_type(kind),
        tags: get(take("tags"))?,
        description: get(take("description"))?,
        columns: get(take("columns"))?,
        meta: get(take("meta"))?,
        group: get(take("group"))?,
        docs: get(take("docs"))?,
        patch_path: get(take("patch_path"))?,
        build_path: get(take("build_path"))?,
        unrendered_config: get(take("unrendered_config"))?,
        created_at: get(take("created_at"))?,
        relation_name: get(take("relation_name"))?,
        raw_code: get(take("raw_code"))?,
        doc_blocks: get(take("doc_blocks"))?,
        detail,
        origin: Origin::default(),
    })
}

fn get<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|problem| problem.to_string())
}

fn detail(kind: ResourceType, value: &Value) -> Result<Detail, String> {
    let text = |problem: serde_json::Error| problem.to_string();
    Ok(match kind {
        ResourceType::Seed => Detail::Seed(Box::new(SeedDetail {
            root_path: value.get("root_path").and_then(Value::as_str).map(str::to_owned),
            depends_on: SeedDependsOn::default(),
        })),
        ResourceType::Model => Detail::Model(Box::new(ModelDetail::deserialize(value).map_err(text)?)),
        ResourceType::Snapshot => Detail::Snapshot(Box::new(Code::deserialize(value).map_err(text)?)),
        ResourceType::Function => Detail::Function(Box::new(FunctionDetail::deserialize(value).map_err(text)?)),
        ResourceType::Test if value.get("test_metadata").is_some_and(|metadata| !metadata.is_null()) => {
            Detail::GenericTest(Box::new(GenericTestDetail::deserialize(value).map_err(text)?))
        }
        ResourceType::Operation => Detail::Hook(Box::new(HookDetail::deserialize(value).map_err(text)?)),
        _ => Detail::Code(Box::new(Code::deserialize(value).map_err(text)?)),
    })
}

/// Before v10, a ref was a list: `[name]` or `[package, name]`.
fn modernise_refs(value: &mut Value) {
    let Some(Value::Array(refs)) = value.get_mut("refs") else { return };
    for call in refs {
        if let Value::Array(words) = call {
            let (package, name) = match words.as_slice() {
                [package, name, ..] => (package.clone(), name.clone()),
                [name] => (Value::Null, name.clone()),
                [] => (Value::Null, Value::from("")),
            };
            *call = json!({"name": name, "package": package, "version": null});
        }
    }
}

fn source(value: Value) -> Result<Source, String> {
    let source: Source = from(
        value,
        &json!({
            "schema": "", "path": "", "original_file_path": "", "fqn": [], "source_name": "", "source_description": "",
            "loader": "", "identifier": "", "quoting": {}, "description": "", "columns": {}, "meta": {}, "source_meta": {},
            "tags": [], "config": {}, "unrendered_config": {}, "created_at": 0.0,
        }),
    )?;
    let config = source.config.clone().with_resource_type(ResourceType::Source);
    Ok(Source { config, ..source })
}

fn exposure(mut value: Value) -> Result<Exposure, String> {
    modernise_refs(&mut value);
    let exposure: Exposure = from(
        value,
        &json!({
            "path": "", "original_file_path": "", "fqn": [], "type": "", "owner": {}, "description": "", "meta": {},
            "tags": [], "config": {}, "unrendered_config": {}, "depends_on": {}, "refs": [], "sources": [], "metrics": [],
            "created_at": 0.0,
        }),
    )?;
    let config = exposure.config.clone().with_resource_type(ResourceType::Exposure);
    Ok(Exposure { config, ..exposure })
}

fn unit_test(value: Value) -> Result<UnitTest, String> {
    let test: UnitTest = from(
        value,
        &json!({
            "given": [], "expect": {"rows": [], "format": "dict"}, "path": "", "original_file_path": "", "fqn": [],
            "description": "", "depends_on": {}, "config": {}, "created_at": 0.0,
        }),
    )?;
    let config = test.config.clone().with_resource_type(ResourceType::UnitTest);
    Ok(UnitTest { config, ..test })
}

fn semantic(mut value: Value, kind: ResourceType) -> Result<SemanticResource, String> {
    modernise_refs(&mut value);
    if let Some(Value::Array(metrics)) = value.get_mut("metrics") {
        // Saved queries have names there, not calls.
        metrics.retain(Value::is_array);
    }
    let resource: SemanticResource = from(
        value,
        &json!({
            "path": "", "original_file_path": "", "fqn": [], "refs": [], "metrics": [], "depends_on": {}, "config": {},
        }),
    )?;
    let config = resource.config.clone().with_resource_type(kind);
    Ok(SemanticResource { config, ..resource })
}

fn disabled(raw: &IndexMap<String, Box<RawValue>>) -> Result<ById<Vec<Disabled>>, String> {
    let Some(section) = raw.get("disabled").filter(|section| section.get() != "null") else {
        return Ok(ById::default());
    };
    let members: IndexMap<UniqueId, Vec<Value>> =
        serde_json::from_str(section.get()).map_err(|problem| format!("disabled: {problem}"))?;
    let read = |value: Value| -> Result<Disabled, String> {
        Ok(match kind_of(&value)? {
            ResourceType::Source => Disabled::Source(Box::new(source(value)?)),
            ResourceType::Exposure => Disabled::Exposure(Box::new(exposure(value)?)),
            ResourceType::UnitTest => Disabled::UnitTest(Box::new(unit_test(value)?)),
            kind @ (ResourceType::Metric | ResourceType::SemanticModel | ResourceType::SavedQuery) => {
                Disabled::Semantic(Box::new(semantic(value, kind)?))
            }
            _ => Disabled::Node(Box::new(node(value)?)),
        })
    };
    let read = members.into_iter().map(|(id, values)| {
        let values = values.into_iter().map(read).collect::<Result<Vec<_>, _>>();
        values.map_err(|problem| format!("{id}: {problem}")).map(|values| (id, values))
    });
    read.collect()
}
