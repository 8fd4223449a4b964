//! The kinds of resources and their ids: the vocabulary that everything else shares.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `model.package.name`, `test.package.name.hash`, ...; cheap to clone.
pub type UniqueId = Arc<str>;

/// A map whose keys nobody chooses to do harm, so that hashing them can be fast.
pub type FastMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::FixedState>;

/// A set of such keys.
pub type FastSet<K> = std::collections::HashSet<K, foldhash::fast::FixedState>;

/// What there is under ids, in order.
pub type ById<V> = indexmap::IndexMap<UniqueId, V, foldhash::fast::FixedState>;

/// What kind of resource something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    Model,
    Analysis,
    Test,
    Snapshot,
    Operation,
    Seed,
    SqlOperation,
    Source,
    Macro,
    Doc,
    Exposure,
    Metric,
    Group,
    SavedQuery,
    SemanticModel,
    UnitTest,
    Function,
}

impl ResourceType {
    /// The name as dbt writes it (`resource_type`, prefix of ids).
    pub fn as_str(self) -> &'static str {
        match self {
            ResourceType::Model => "model",
            ResourceType::Analysis => "analysis",
            ResourceType::Test => "test",
            ResourceType::Snapshot => "snapshot",
            ResourceType::Operation => "operation",
            ResourceType::Seed => "seed",
            ResourceType::SqlOperation => "sql_operation",
            ResourceType::Source => "source",
            ResourceType::Macro => "macro",
            ResourceType::Doc => "doc",
            ResourceType::Exposure => "exposure",
            ResourceType::Metric => "metric",
            ResourceType::Group => "group",
            ResourceType::SavedQuery => "saved_query",
            ResourceType::SemanticModel => "semantic_model",
            ResourceType::UnitTest => "unit_test",
            ResourceType::Function => "function",
        }
    }

    /// Several of them, as dbt writes it: `models`, `analyses`, `saved_queries`.
    pub fn plural(self) -> String {
        let name = self.as_str();
        match self {
            ResourceType::Analysis => "analyses".to_owned(),
            _ => name.strip_suffix('y').map_or_else(|| format!("{name}s"), |stem| format!("{stem}ies")),
        }
    }

    /// Whether `ref` can point at it.
    pub fn is_refable(self) -> bool {
        matches!(self, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
