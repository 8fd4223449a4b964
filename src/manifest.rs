//! The manifest: every resource of a project and its packages.
//!
//! The structs are their own `manifest.json` form (schema v12): `artifact::write_manifest` writes
//! them, and the same structs read a previous one back for `--state`. After
//! `parse::manifest` the refs are as written ([`RefCall`], [`SourceCall`]) and
//! `depends_on.nodes` is empty; `graph::resolve` fills it.
//! Source: schemas.getdbt.com/dbt/manifest/v12, docs.getdbt.com/reference/artifacts/manifest-json.

mod columns;
pub mod contract;
mod entry;
mod node;
mod version;

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::NodeConfig;
use crate::diagnostic::Span;
pub use crate::resource::{ById, ResourceType, UniqueId};
pub use columns::{ColumnInfo, Columns, RareFacts};
pub use entry::Resource;
pub use node::{
    Access, Checksum, Code, Contract, Detail, FunctionDetail, GenericTestDetail, HookDetail, InjectedCte, ModelDetail,
    Node, Overload, SeedDetail, TestMetadata,
};
pub use version::Version;

/// A `ref` as written: `ref('name')`, `ref('package', 'name')`, `ref('name', v=2)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefCall {
    pub name: String,
    pub package: Option<String>,
    /// A version: a number or a string, kept as written.
    pub version: Option<Version>,
}

/// A `source` as written: source name and table name; serialised as a list of two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceCall(pub String, pub String);

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

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SeedDependsOn {
    pub macros: Vec<UniqueId>,
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
