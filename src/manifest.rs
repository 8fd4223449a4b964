//! The manifest: every resource of a project and its packages.
//!
//! The structs are their own `manifest.json` form (schema v12): `artifact::write_manifest` writes
//! them, and the same structs read a previous one back for `--state`. After
//! `parse::manifest` the refs are as written ([`RefCall`], [`SourceCall`]) and
//! `depends_on.nodes` is empty; `graph::resolve` fills it.
//! Source: schemas.getdbt.com/dbt/manifest/v12, docs.getdbt.com/reference/artifacts/manifest-json.

mod columns;

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::NodeConfig;
use crate::diagnostic::Span;
pub use crate::resource::{ById, ResourceType, UniqueId};
pub use columns::{ColumnInfo, Columns, RareFacts};

/// A `ref` as written: `ref('name')`, `ref('package', 'name')`, `ref('name', v=2)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefCall {
    pub name: String,
    pub package: Option<String>,
    /// A version: a number or a string, kept as written.
    pub version: Option<Version>,
}

/// A model's version: an integer or any string (docs.getdbt.com/reference/resource-properties/versions).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Version {
    Number(i64),
    /// A decimal number (`1.5`), kept as its text.
    Decimal(String),
    Text(String),
}

impl Version {
    pub fn from_json(value: &Value) -> Option<Version> {
        match value {
            Value::Number(number) => Some(match number.as_i64() {
                Some(number) => Version::Number(number),
                None => Version::Decimal(number.to_string()),
            }),
            Value::String(text) => Some(Version::Text(text.clone())),
            _ => None,
        }
    }

    /// The order of versions: as numbers where both are, or else as texts.
    pub fn is_newer_than(&self, other: &Version) -> bool {
        let (one, two) = (self.to_string(), other.to_string());
        match (one.parse::<f64>(), two.parse::<f64>()) {
            (Ok(one), Ok(two)) => one > two,
            _ => one > two,
        }
    }

    pub fn to_json(&self) -> Value {
        match self {
            Version::Number(number) => Value::from(*number),
            Version::Decimal(text) => {
                text.parse::<f64>().map(Value::from).unwrap_or_else(|_| Value::from(text.as_str()))
            }
            Version::Text(text) => Value::from(text.as_str()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Number(number) => write!(formatter, "{number}"),
            Version::Decimal(text) | Version::Text(text) => formatter.write_str(text),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Version::from_json(&value).ok_or_else(|| serde::de::Error::custom("a version is a number or a string"))
    }
}

/// A `source` as written: source name and table name; serialised as a list of two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceCall(pub String, pub String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    pub name: String,
    pub checksum: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependsOn {
    #[serde(default)]
    pub macros: Vec<UniqueId>,
    #[serde(default)]
    pub nodes: Vec<UniqueId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docs {
    #[serde(default = "yes")]
    pub show: bool,
    #[serde(default)]
    pub node_color: Option<String>,
}

fn yes() -> bool {
    true
}

impl Default for Docs {
    fn default() -> Self {
        Docs { show: true, node_color: None }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    #[serde(default)]
    pub enforced: bool,
    #[serde(default = "yes")]
    pub alias_types: bool,
    #[serde(default)]
    pub checksum: Option<String>,
}

impl Default for Contract {
    fn default() -> Self {
        Contract { enforced: false, alias_types: true, checksum: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Private,
    Protected,
    Public,
}

/// A CTE that an ephemeral model adds to the SQL of what refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InjectedCte {
    pub id: UniqueId,
    pub sql: String,
}

fn text_or_null<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if text.is_empty() { serializer.serialize_none() } else { serializer.serialize_str(text) }
}

/// Something in `nodes` or `functions`: a model, analysis, test, snapshot, seed, function, hook or inline query.
///
/// What only some of them have stands in `detail`.
#[derive(Debug, Clone, Serialize)]
pub struct Node {
    pub database: Option<String>,
    /// Empty, and null where it is written, if `generate_schema_name` gave none.
    #[serde(serialize_with = "text_or_null")]
    pub schema: String,
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    /// Relative to the resource path (`models/`).
    pub path: String,
    /// Relative to the package's root.
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    pub alias: String,
    pub checksum: Checksum,
    pub config: NodeConfig,
    pub tags: Vec<String>,
    pub description: String,
    pub columns: Columns,
    pub meta: Map<String, Value>,
    pub group: Option<String>,
    pub docs: Docs,
    /// `package://path` of the properties file that describes it.
    pub patch_path: Option<String>,
    pub build_path: Option<String>,
    pub unrendered_config: Map<String, Value>,
    /// Seconds since the epoch.
    pub created_at: f64,
    pub relation_name: Option<String>,
    pub raw_code: Arc<str>,
    pub doc_blocks: Vec<UniqueId>,
    #[serde(flatten)]
    pub detail: Detail,
    /// Where the node was defined, for diagnostics; not part of the artifact.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where a resource was defined: its file, and its properties entry if it has one.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub code: Option<Span>,
    pub properties: Option<Span>,
    /// Where in `code` each `ref` and `source` stands, as far as known.
    pub calls: Vec<(CallTarget, Span)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallTarget {
    Ref(RefCall),
    Source(SourceCall),
}

/// What differs between the kinds of [`Node`].
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Detail {
    Seed(SeedDetail),
    Model(Box<ModelDetail>),
    Snapshot(Box<Code>),
    GenericTest(Box<GenericTestDetail>),
    Function(Box<FunctionDetail>),
    /// A singular test, an analysis, an inline query.
    Code(Box<Code>),
    Hook(Box<HookDetail>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeedDetail {
    /// The package's root folder, absolute.
    pub root_path: Option<String>,
    pub depends_on: SeedDependsOn,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SeedDependsOn {
    pub macros: Vec<UniqueId>,
}

/// What every node with code has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    /// `sql` or `python`.
    #[serde(default = "sql")]
    pub language: String,
    #[serde(default)]
    pub refs: Vec<RefCall>,
    #[serde(default)]
    pub sources: Vec<SourceCall>,
    /// Each a list of one (name) or two (package, name).
    #[serde(default)]
    pub metrics: Vec<Vec<String>>,
    #[serde(default)]
    pub functions: Vec<Vec<String>>,
    #[serde(default)]
    pub depends_on: DependsOn,
    pub compiled_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compiled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compiled_code: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub extra_ctes_injected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub extra_ctes: Option<Vec<InjectedCte>>,
    #[serde(default)]
    pub contract: Contract,
}

fn sql() -> String {
    "sql".to_owned()
}

impl Default for Code {
    fn default() -> Self {
        Code {
            language: sql(),
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            functions: Vec::new(),
            depends_on: DependsOn::default(),
            compiled_path: None,
            compiled: None,
            compiled_code: None,
            extra_ctes_injected: None,
            extra_ctes: None,
            contract: Contract::default(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelDetail {
    #[serde(flatten)]
    pub code: Code,
    pub access: Access,
    #[serde(default)]
    pub constraints: Vec<Value>,
    pub version: Option<Version>,
    pub latest_version: Option<Version>,
    pub deprecation_date: Option<String>,
    #[serde(default)]
    pub primary_key: Vec<String>,
    pub time_spine: Option<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GenericTestDetail {
    #[serde(flatten)]
    pub code: Code,
    pub column_name: Option<String>,
    pub file_key_name: Option<String>,
    /// The id of the node that the test stands under, `None` for sources.
    pub attached_node: Option<UniqueId>,
    pub test_metadata: TestMetadata,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestMetadata {
    pub name: String,
    pub kwargs: Map<String, Value>,
    pub namespace: Option<String>,
}

/// A user-defined function (docs.getdbt.com/docs/build/udfs).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionDetail {
    #[serde(flatten)]
    pub code: Code,
    /// Each `{name, data_type, description, default_value}`.
    #[serde(default)]
    pub arguments: Vec<Value>,
    /// `{data_type, description}`.
    #[serde(default)]
    pub returns: Value,
    /// The same name for other arguments.
    #[serde(default)]
    pub overloads: Vec<Overload>,
}

/// A further body of a function, for other arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overload {
    /// The stem of the file that has the body.
    pub defined_in: String,
    #[serde(default)]
    pub arguments: Vec<Value>,
    /// As of the function itself; `None` where it returns the same.
    #[serde(default)]
    pub returns: Option<Value>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub raw_body: Option<Arc<str>>,
    #[serde(default)]
    pub compiled_body: Option<Arc<str>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HookDetail {
    #[serde(flatten)]
    pub code: Code,
    /// From zero, among the hooks of its moment.
    pub index: Option<usize>,
}

impl Node {
    /// The part that nodes with code share; `None` for seeds.
    pub fn code(&self) -> Option<&Code> {
        match &self.detail {
            Detail::Seed(_) => None,
            Detail::Model(model) => Some(&model.code),
            Detail::GenericTest(test) => Some(&test.code),
            Detail::Function(function) => Some(&function.code),
            Detail::Snapshot(code) | Detail::Code(code) => Some(code),
            Detail::Hook(hook) => Some(&hook.code),
        }
    }

    pub fn code_mut(&mut self) -> Option<&mut Code> {
        match &mut self.detail {
            Detail::Seed(_) => None,
            Detail::Model(model) => Some(&mut model.code),
            Detail::GenericTest(test) => Some(&mut test.code),
            Detail::Function(function) => Some(&mut function.code),
            Detail::Snapshot(code) | Detail::Code(code) => Some(code),
            Detail::Hook(hook) => Some(&mut hook.code),
        }
    }

    pub fn model(&self) -> Option<&ModelDetail> {
        match &self.detail {
            Detail::Model(model) => Some(model),
            _ => None,
        }
    }

    pub fn generic_test(&self) -> Option<&GenericTestDetail> {
        match &self.detail {
            Detail::GenericTest(test) => Some(test),
            _ => None,
        }
    }

    pub fn function(&self) -> Option<&FunctionDetail> {
        match &self.detail {
            Detail::Function(function) => Some(function),
            _ => None,
        }
    }

    /// The ids of the nodes that this one is built from.
    pub fn parents(&self) -> &[UniqueId] {
        self.code().map_or(&[], |code| &code.depends_on.nodes)
    }

    pub fn is_ephemeral(&self) -> bool {
        self.resource_type == ResourceType::Model && self.config.materialized() == "ephemeral"
    }

    /// Whether a relation or a function in the warehouse stands for it.
    pub fn is_relational(&self) -> bool {
        (self.resource_type.is_refable() && !self.is_ephemeral()) || self.resource_type == ResourceType::Function
    }

    /// The name with which people look for it (`name` or `name.v2`).
    pub fn search_name(&self) -> String {
        match self.model().and_then(|model| model.version.as_ref()) {
            Some(version) => format!("{}.v{version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A table of a source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    pub database: Option<String>,
    pub schema: String,
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    pub source_name: String,
    pub source_description: String,
    pub loader: String,
    pub identifier: String,
    pub quoting: Quoting,
    pub loaded_at_field: Option<String>,
    pub loaded_at_query: Option<String>,
    /// `None` where freshness is switched off (`freshness: null`).
    pub freshness: Option<Freshness>,
    pub external: Option<Value>,
    pub description: String,
    pub columns: Columns,
    pub meta: Map<String, Value>,
    pub source_meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub config: NodeConfig,
    pub patch_path: Option<String>,
    pub unrendered_config: Map<String, Value>,
    pub relation_name: Option<String>,
    pub created_at: f64,
    pub unrendered_database: Option<String>,
    pub unrendered_schema: Option<String>,
    #[serde(default)]
    pub doc_blocks: Vec<UniqueId>,
    #[serde(skip)]
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoting {
    pub database: Option<bool>,
    pub schema: Option<bool>,
    pub identifier: Option<bool>,
    pub column: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Freshness {
    /// `None` where the table switches off what its source has (`warn_after: null`).
    #[serde(default = "no_threshold")]
    pub warn_after: Option<Threshold>,
    #[serde(default = "no_threshold")]
    pub error_after: Option<Threshold>,
    #[serde(default)]
    pub filter: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "serde takes the field's own type")]
fn no_threshold() -> Option<Threshold> {
    Some(Threshold::default())
}

impl Default for Freshness {
    fn default() -> Freshness {
        Freshness { warn_after: no_threshold(), error_after: no_threshold(), filter: None }
    }
}

impl Freshness {
    /// Whether there is a threshold at all.
    pub fn is_set(&self) -> bool {
        [&self.warn_after, &self.error_after].into_iter().flatten().any(|threshold| threshold.count.is_some())
    }
}

/// The periods of an age.
pub const PERIODS: [&str; 3] = ["minute", "hour", "day"];

/// An age: `count` periods; both or none are set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    pub count: Option<i64>,
    /// `minute`, `hour` or `day`.
    pub period: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Macro {
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub macro_sql: Arc<str>,
    pub depends_on: SeedDependsOn,
    pub description: String,
    pub meta: Map<String, Value>,
    pub docs: Docs,
    #[serde(default)]
    pub config: Value,
    pub patch_path: Option<String>,
    pub arguments: Vec<MacroArgument>,
    pub created_at: f64,
    pub supported_languages: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MacroArgument {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    pub description: String,
}

/// A `{% docs name %}` block.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DocBlock {
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub block_contents: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    /// One address, a list of them, or null.
    #[serde(default)]
    pub email: Value,
    pub name: Option<String>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exposure {
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    /// `dashboard`, `notebook`, `analysis`, `ml` or `application`.
    #[serde(rename = "type")]
    pub kind: String,
    pub owner: Owner,
    pub description: String,
    pub label: Option<String>,
    pub maturity: Option<String>,
    pub meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub config: NodeConfig,
    pub unrendered_config: Map<String, Value>,
    pub url: Option<String>,
    pub depends_on: DependsOn,
    pub refs: Vec<RefCall>,
    pub sources: Vec<SourceCall>,
    pub metrics: Vec<Vec<String>>,
    pub created_at: f64,
    #[serde(skip)]
    pub origin: Origin,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub owner: Owner,
    pub description: Option<String>,
    #[serde(default)]
    pub config: Value,
}

/// A unit test (docs.getdbt.com/docs/build/unit-tests).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnitTest {
    pub model: String,
    /// Each `{input, rows, format, fixture}`.
    pub given: Vec<Fixture>,
    pub expect: Fixture,
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    pub description: String,
    /// `{macros, vars, env_vars}`.
    pub overrides: Option<Value>,
    pub depends_on: DependsOn,
    pub config: NodeConfig,
    pub checksum: Option<String>,
    pub schema: Option<String>,
    pub created_at: f64,
    pub versions: Option<Value>,
    pub version: Option<Version>,
    #[serde(skip)]
    pub origin: Origin,
}

impl UnitTest {
    /// The name as people see it: with the version of the model, if that has one.
    pub fn versioned_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}_v{version}", self.name),
            None => self.name.clone(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fixture {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<String>,
    /// A list of dictionaries, or the text of a csv or sql fixture.
    pub rows: Value,
    pub format: String,
    pub fixture: Option<String>,
}

/// A metric, semantic model or saved query: kept as parsed, so that projects
/// with a semantic layer work; `body` has everything that has no field here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SemanticResource {
    pub name: String,
    pub resource_type: ResourceType,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    #[serde(flatten)]
    pub body: Map<String, Value>,
    #[serde(default)]
    pub refs: Vec<RefCall>,
    /// Only what calls `metric()`; those of metrics and saved queries stand in their `body`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Vec<String>>,
    #[serde(default)]
    pub depends_on: DependsOn,
    pub config: NodeConfig,
    #[serde(skip)]
    pub origin: Origin,
}

/// What was switched off, for the error of a ref that points at it and for `manifest.disabled`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Disabled {
    Node(Box<Node>),
    Source(Box<Source>),
    Exposure(Box<Exposure>),
    UnitTest(Box<UnitTest>),
    Semantic(Box<SemanticResource>),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Metadata {
    pub dbt_schema_version: String,
    pub dbt_version: String,
    /// ISO 8601, UTC, microseconds, `Z`.
    pub generated_at: String,
    pub invocation_id: Option<String>,
    pub invocation_started_at: Option<String>,
    /// `DBT_ENV_CUSTOM_ENV_*` without the prefix.
    pub env: IndexMap<String, String>,
    pub project_name: Option<String>,
    /// md5 of the project's name.
    pub project_id: Option<String>,
    pub user_id: Option<String>,
    pub send_anonymous_usage_stats: Option<bool>,
    pub adapter_type: Option<String>,
    #[serde(default)]
    pub quoting: Quoting,
    pub run_started_at: Option<String>,
}

/// Every resource of the project and its packages, by id in the order of parsing.
///
/// Nodes are behind `Arc`, so that the graph, the contexts of rendering and the runner
/// share them; a stage that changes one uses `Arc::make_mut`.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    pub metadata: Metadata,
    pub nodes: ById<Arc<Node>>,
    pub sources: ById<Arc<Source>>,
    pub macros: ById<Arc<Macro>>,
    pub docs: ById<Arc<DocBlock>>,
    pub exposures: ById<Arc<Exposure>>,
    pub metrics: ById<Arc<SemanticResource>>,
    pub groups: ById<Arc<Group>>,
    /// YAML selectors by name, as written.
    pub selectors: IndexMap<String, Value>,
    pub disabled: ById<Vec<Disabled>>,
    pub saved_queries: ById<Arc<SemanticResource>>,
    pub semantic_models: ById<Arc<SemanticResource>>,
    pub unit_tests: ById<Arc<UnitTest>>,
    pub functions: ById<Arc<Node>>,
}

/// Any resource that takes part in the graph, by reference.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    Node(&'a Arc<Node>),
    Source(&'a Arc<Source>),
    Exposure(&'a Arc<Exposure>),
    UnitTest(&'a Arc<UnitTest>),
    Semantic(&'a Arc<SemanticResource>),
}

impl Manifest {
    /// Looks a resource up by its id; the prefix tells which map it is in.
    pub fn resource(&self, id: &str) -> Option<Resource<'_>> {
        match id.split('.').next().unwrap_or("") {
            "source" => self.sources.get(id).map(Resource::Source),
            "exposure" => self.exposures.get(id).map(Resource::Exposure),
            "unit_test" => self.unit_tests.get(id).map(Resource::UnitTest),
            "metric" => self.metrics.get(id).map(Resource::Semantic),
            "semantic_model" => self.semantic_models.get(id).map(Resource::Semantic),
            "saved_query" => self.saved_queries.get(id).map(Resource::Semantic),
            "function" => self.functions.get(id).map(Resource::Node),
            _ => self.nodes.get(id).map(Resource::Node),
        }
    }

    /// Every resource that takes part in the graph.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        let semantic = self.metrics.values().chain(self.semantic_models.values());
        let semantic = semantic.chain(self.saved_queries.values());
        self.nodes
            .values()
            .map(Resource::Node)
            .chain(self.sources.values().map(Resource::Source))
            .chain(self.exposures.values().map(Resource::Exposure))
            .chain(self.unit_tests.values().map(Resource::UnitTest))
            .chain(semantic.map(Resource::Semantic))
            .chain(self.functions.values().map(Resource::Node))
    }

    /// A node by its id: one of `nodes`, or a function.
    pub fn node(&self, id: &str) -> Option<&Arc<Node>> {
        self.nodes.get(id).or_else(|| self.functions.get(id))
    }

    /// As [`Manifest::node`], to change it.
    pub fn node_mut(&mut self, id: &str) -> Option<&mut Arc<Node>> {
        match self.nodes.get_mut(id) {
            Some(node) => Some(node),
            None => self.functions.get_mut(id),
        }
    }

    /// What the warehouse has something for: the nodes and the functions.
    pub fn nodes_and_functions(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.values().chain(self.functions.values())
    }
}

impl<'a> Resource<'a> {
    /// The entry as `manifest.json` has it.
    pub fn to_json(self) -> Value {
        let entry = match self {
            Resource::Node(node) => serde_json::to_value(node),
            Resource::Source(source) => serde_json::to_value(source),
            Resource::Exposure(exposure) => serde_json::to_value(exposure),
            Resource::UnitTest(test) => serde_json::to_value(test),
            Resource::Semantic(semantic) => serde_json::to_value(semantic),
        };
        entry.unwrap_or_default()
    }

    pub fn unique_id(&self) -> &'a UniqueId {
        match self {
            Resource::Node(node) => &node.unique_id,
            Resource::Source(source) => &source.unique_id,
            Resource::Exposure(exposure) => &exposure.unique_id,
            Resource::UnitTest(test) => &test.unique_id,
            Resource::Semantic(resource) => &resource.unique_id,
        }
    }

    pub fn resource_type(&self) -> ResourceType {
        match self {
            Resource::Node(node) => node.resource_type,
            Resource::Source(_) => ResourceType::Source,
            Resource::Exposure(_) => ResourceType::Exposure,
            Resource::UnitTest(_) => ResourceType::UnitTest,
            Resource::Semantic(resource) => resource.resource_type,
        }
    }

    pub fn name(&self) -> &'a str {
        match self {
            Resource::Node(node) => &node.name,
            Resource::Source(source) => &source.name,
            Resource::Exposure(exposure) => &exposure.name,
            Resource::UnitTest(test) => &test.name,
            Resource::Semantic(resource) => &resource.name,
        }
    }

    pub fn package_name(&self) -> &'a str {
        match self {
            Resource::Node(node) => &node.package_name,
            Resource::Source(source) => &source.package_name,
            Resource::Exposure(exposure) => &exposure.package_name,
            Resource::UnitTest(test) => &test.package_name,
            Resource::Semantic(resource) => &resource.package_name,
        }
    }

    pub fn original_file_path(&self) -> &'a str {
        match self {
            Resource::Node(node) => &node.original_file_path,
            Resource::Source(source) => &source.original_file_path,
            Resource::Exposure(exposure) => &exposure.original_file_path,
            Resource::UnitTest(test) => &test.original_file_path,
            Resource::Semantic(resource) => &resource.original_file_path,
        }
    }

    pub fn fqn(&self) -> &'a [String] {
        match self {
            Resource::Node(node) => &node.fqn,
            Resource::Source(source) => &source.fqn,
            Resource::Exposure(exposure) => &exposure.fqn,
            Resource::UnitTest(test) => &test.fqn,
            Resource::Semantic(resource) => &resource.fqn,
        }
    }

    pub fn config(&self) -> &'a NodeConfig {
        match self {
            Resource::Node(node) => &node.config,
            Resource::Source(source) => &source.config,
            Resource::Exposure(exposure) => &exposure.config,
            Resource::UnitTest(test) => &test.config,
            Resource::Semantic(resource) => &resource.config,
        }
    }

    /// The ids of what it is built from; empty before `graph::resolve`.
    pub fn parents(&self) -> &'a [UniqueId] {
        match self {
            Resource::Node(node) => node.parents(),
            Resource::Source(_) => &[],
            Resource::Exposure(exposure) => &exposure.depends_on.nodes,
            Resource::UnitTest(test) => &test.depends_on.nodes,
            Resource::Semantic(resource) => &resource.depends_on.nodes,
        }
    }
}
