//! What stands in `nodes` and `functions`: one struct for what all have, one for what each kind adds.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Columns, DependsOn, Docs, Origin, RefCall, ResourceType, SeedDependsOn, SourceCall, UniqueId, Version, yes,
};
use crate::config::NodeConfig;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    pub name: Cow<'static, str>,
    pub checksum: String,
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

/// What differs between the kinds of [`Node`].
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Detail {
    Seed(Box<SeedDetail>),
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

/// What every node with code has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    /// `sql` or `python`.
    #[serde(default = "sql")]
    pub language: Cow<'static, str>,
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

fn sql() -> Cow<'static, str> {
    Cow::Borrowed("sql")
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

    /// Whether it is a test that keeps the rows which fail it: as its config says, else as is `asked` of all.
    /// A config of `store_failures_as` alone has set `store_failures` while parsing.
    pub fn keeps_failures(&self, asked: bool) -> bool {
        self.resource_type == ResourceType::Test && self.config.flag("store_failures").unwrap_or(asked)
    }

    /// The name with which people look for it (`name` or `name.v2`).
    pub fn search_name(&self) -> String {
        match self.model().and_then(|model| model.version.as_ref()) {
            Some(version) => format!("{}.v{version}", self.name),
            None => self.name.clone(),
        }
    }
}
