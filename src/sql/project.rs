//! Column lineage of a whole project: every node's columns, and which columns of which nodes
//! each of them comes from.
//!
//! [`lineage`] goes through the nodes in graph order, a layer at a time and in parallel:
//! what is known of the columns of sources and seeds, and what was read of the models before,
//! says what `*` and plain names mean in the models behind. What could not be read is said
//! per node ([`NodeLineage::unknown`]).

mod inputs;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use inputs::{Facts, inputs};

use super::{Completeness, Dialect, Influence, Kind, KnownColumn, KnownColumns, OutputColumn, QueryLineage, Relations};
use crate::resource::UniqueId;

/// How the CTEs are named that stand for ephemeral models.
pub const EPHEMERAL: &str = "__dbt__cte__";

/// A node as lineage sees it.
#[derive(Debug, Clone)]
pub struct NodeInput<'a> {
    pub id: UniqueId,
    pub parents: &'a [UniqueId],
    /// How SQL names its relation: `"db"."schema"."name"`, a file, a call, or a CTE's name.
    pub relation: Option<Cow<'a, str>>,
    /// What is known of its columns beside its code: from properties, a seed's header, a catalog.
    pub known: KnownColumns,
    pub code: NodeCode<'a>,
    /// Columns that its materialization adds to those of its code.
    pub added: Vec<Arc<str>>,
}

/// What a node's rows come from.
#[derive(Debug, Clone)]
pub enum NodeCode<'a> {
    /// A source or a seed: nothing of the project.
    Table,
    Sql(Cow<'a, str>),
    /// Why there is no SQL to read.
    Unreadable(Cow<'a, str>),
}

/// A node's columns and where they come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLineage {
    /// In their order; those that are known, if `unknown` says that others are not.
    pub columns: Vec<ColumnLineage>,
    /// What decides which rows there are.
    pub influences: Vec<ColumnInfluence>,
    /// Why not everything is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// What was taken for granted or left out on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A column and the columns that its values come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnLineage {
    pub name: Arc<str>,
    pub data_type: Option<Arc<str>>,
    pub inputs: Vec<ColumnInput>,
    /// Why the inputs are not known, or not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInput {
    pub node: UniqueId,
    pub column: Arc<str>,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnInfluence {
    pub node: UniqueId,
    pub column: Arc<str>,
    pub kind: Influence,
}

/// The lineage of every node, by id.
pub fn lineage(nodes: &[NodeInput<'_>], dialect: Dialect) -> HashMap<UniqueId, NodeLineage> {
    let mut found = HashMap::with_capacity(nodes.len());
    walk(nodes, dialect, |id, lineage| {
        found.insert(id.clone(), lineage);
    });
    found
}

/// The columns of those nodes of which all columns are known, by id.
pub fn whole_columns(nodes: &[NodeInput<'_>], dialect: Dialect) -> HashMap<UniqueId, Vec<KnownColumn>> {
    let known = nodes.iter().zip(walk(nodes, dialect, |_, _| {}));
    let whole = known.filter(|(_, known)| known.completeness == Completeness::Complete);
    whole.map(|(node, known)| (node.id.clone(), known.columns)).collect()
}

/// Reads the nodes, a layer at a time; gives what is known of the columns of each in the end.
fn walk(nodes: &[NodeInput<'_>], dialect: Dialect, mut tell: impl FnMut(&UniqueId, NodeLineage)) -> Vec<KnownColumns> {
    let mut project = Project::new(nodes);
    for layer in layers(nodes) {
        let read: Vec<(usize, NodeLineage, KnownColumns)> = layer
            .into_par_iter()
            .filter_map(|place| {
                let (lineage, known) = project.read(place, dialect)?;
                Some((place, lineage, known))
            })
            .collect();
        for (place, lineage, known) in read {
            if let (Some(slot), Some(node)) = (project.known.get_mut(place), nodes.get(place)) {
                *slot = known;
                tell(&node.id, lineage);
            }
        }
    }
    project.known
}

/// The places of the nodes, each layer behind those that it reads.
fn layers(nodes: &[NodeInput<'_>]) -> Vec<Vec<usize>> {
    let places: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(place, node)| (node.id.as_ref(), place)).collect();
    let mut waiting = vec![0_usize; nodes.len()];
    let mut children = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        for parent in node.parents.iter().filter_map(|parent| places.get(parent.as_ref())) {
            if let (Some(count), Some(children)) = (waiting.get_mut(place), children.get_mut(*parent)) {
                *count += 1;
                children.push(place);
            }
        }
    }
    let mut layers = Vec::new();
    let mut layer: Vec<usize> = (0..nodes.len()).filter(|place| waiting.get(*place) == Some(&0)).collect();
    while !layer.is_empty() {
        let mut next = Vec::new();
        for child in layer.iter().filter_map(|place| children.get(*place)).flatten() {
            if let Some(count) = waiting.get_mut(*child) {
                *count -= 1;
                if *count == 0 {
                    next.push(*child);
                }
            }
        }
        layers.push(std::mem::replace(&mut layer, next));
    }
    layers
}

struct Project<'a> {
    nodes: &'a [NodeInput<'a>],
    /// By the parts of their names in lower case; also by schema and name.
    names: HashMap<Vec<String>, Vec<usize>>,
    /// What is known of the columns of each node so far.
    known: Vec<KnownColumns>,
}

/// What one node's SQL can see.
struct Sight<'p> {
    project: &'p Project<'p>,
    own: usize,
}

impl Relations for Sight<'_> {
    fn columns(&self, name: &[String]) -> Option<&KnownColumns> {
        self.project.known.get(self.find(name)?)
    }
}

impl Sight<'_> {
    /// The node that a name means; among several it must be a parent.
    fn find(&self, name: &[String]) -> Option<usize> {
        let key: Vec<String> = name.iter().map(|part| part.to_lowercase()).collect();
        let places = self.project.names.get(&key)?;
        if let [place] = places.as_slice() {
            return Some(*place);
        }
        let parents = self.project.nodes.get(self.own)?.parents;
        let is_parent = |place: &&usize| self.project.nodes.get(**place).is_some_and(|node| parents.contains(&node.id));
        let mut candidates = places.iter().filter(is_parent);
        candidates.next().filter(|_| candidates.next().is_none()).copied()
    }
}

impl<'a> Project<'a> {
    fn new(nodes: &'a [NodeInput<'a>]) -> Project<'a> {
        let mut names: HashMap<Vec<String>, Vec<usize>> = HashMap::with_capacity(nodes.len() * 2);
        for (place, node) in nodes.iter().enumerate() {
            let Some(relation) = &node.relation else { continue };
            let parts = parts_of(relation);
            if parts.len() == 3 {
                names.entry(parts[1..].to_vec()).or_default().push(place);
            }
            names.entry(parts).or_default().push(place);
        }
        Project { nodes, names, known: nodes.iter().map(|node| node.known.clone()).collect() }
    }

    fn read(&self, place: usize, dialect: Dialect) -> Option<(NodeLineage, KnownColumns)> {
        let node = self.nodes.get(place)?;
        let sight = Sight { project: self, own: place };
        Some(match &node.code {
            NodeCode::Table => (self.as_known(node, None), node.known.clone()),
            NodeCode::Unreadable(reason) => (self.as_known(node, Some(reason)), node.known.clone()),
            NodeCode::Sql(sql) => match super::lineage(sql, dialect, &sight) {
                Ok(query) => self.translated(node, &sight, &query),
                Err(reason) => (self.as_known(node, Some(&reason)), node.known.clone()),
            },
        })
    }

    /// A node of which no SQL says anything.
    fn as_known(&self, node: &NodeInput<'_>, unknown: Option<&str>) -> NodeLineage {
        let columns = node.known.columns.iter().map(|column| ColumnLineage {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            inputs: Vec::new(),
            unknown: unknown.map(Arc::from),
        });
        NodeLineage { columns: columns.collect(), unknown: unknown.map(str::to_owned), ..NodeLineage::default() }
    }

    fn translated(&self, node: &NodeInput<'_>, sight: &Sight<'_>, query: &QueryLineage) -> (NodeLineage, KnownColumns) {
        // What a node reads of itself (incremental models) is no input.
        let relations: Vec<Option<&UniqueId>> = query
            .relations
            .iter()
            .map(|name| sight.find(name).and_then(|place| self.nodes.get(place)).map(|node| &node.id))
            .collect();
        let id_of = |relation: usize| relations.get(relation).copied().flatten().filter(|id| **id != node.id);
        let mut columns: Vec<ColumnLineage> = query.columns.iter().map(|column| self.column(column, &id_of)).collect();
        self.complete(node, query, &id_of, &mut columns);
        columns.extend(node.added.iter().map(|name| ColumnLineage {
            name: name.clone(),
            data_type: None,
            inputs: Vec::new(),
            unknown: None,
        }));
        let is_whole = query.open.is_none() || node.known.completeness == Completeness::Complete;
        let influences: BTreeSet<ColumnInfluence> = query
            .influences
            .iter()
            .filter_map(|(relation, column, kind)| {
                Some(ColumnInfluence { node: id_of(*relation)?.clone(), column: column.clone(), kind: *kind })
            })
            .collect();
        let known = KnownColumns {
            columns: columns
                .iter()
                .map(|column| KnownColumn { name: column.name.clone(), data_type: column.data_type.clone() })
                .collect(),
            completeness: match (is_whole, query.assumed.is_empty()) {
                (false, _) => Completeness::Partial,
                (true, false) if node.known.completeness != Completeness::Complete => Completeness::Declared,
                (true, _) => Completeness::Complete,
            },
        };
        columns.shrink_to_fit();
        let lineage = NodeLineage {
            unknown: unknown(query, is_whole, &columns),
            notes: self.notes(query, &relations),
            influences: influences.into_iter().collect(),
            columns,
        };
        (lineage, known)
    }

    fn column<'n>(&self, column: &OutputColumn, id_of: &dyn Fn(usize) -> Option<&'n UniqueId>) -> ColumnLineage {
        let inputs = column.inputs.iter().filter_map(|input| {
            let node = id_of(input.relation)?.clone();
            Some(ColumnInput { node, column: input.column.clone(), kind: input.kind })
        });
        // Hundreds of thousands are kept, most with one input.
        let mut inputs: Vec<ColumnInput> = inputs.collect();
        inputs.shrink_to_fit();
        ColumnLineage {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            inputs,
            unknown: column.unknown.clone(),
        }
    }

    /// Adds what is known beside the SQL: types, and columns that a `*` could not name.
    fn complete<'n>(
        &self,
        node: &NodeInput<'_>,
        query: &QueryLineage,
        id_of: &dyn Fn(usize) -> Option<&'n UniqueId>,
        columns: &mut Vec<ColumnLineage>,
    ) {
        if node.known.columns.is_empty() {
            return;
        }
        let places: HashMap<String, usize> =
            columns.iter().enumerate().map(|(place, column)| (column.name.to_lowercase(), place)).collect();
        for known in &node.known.columns {
            match places.get(&known.name.to_lowercase()).and_then(|place| columns.get_mut(*place)) {
                Some(column) => {
                    if column.data_type.is_none() {
                        column.data_type.clone_from(&known.data_type);
                    }
                }
                None => {
                    let Some(open) = query.open.as_ref().filter(|_| !node.added.contains(&known.name)) else {
                        continue;
                    };
                    let input = query.rest_of.and_then(id_of).map(|id| ColumnInput {
                        node: id.clone(),
                        column: known.name.clone(),
                        kind: Kind::Copied,
                    });
                    columns.push(ColumnLineage {
                        name: known.name.clone(),
                        data_type: known.data_type.clone(),
                        unknown: if input.is_some() { None } else { Some(open.clone()) },
                        inputs: input.into_iter().collect(),
                    });
                }
            }
        }
    }

    fn notes(&self, query: &QueryLineage, relations: &[Option<&UniqueId>]) -> Vec<String> {
        let name = |relation: usize| query.relations.get(relation).map(|parts| parts.join(".")).unwrap_or_default();
        let assumed = query.assumed.iter().map(|relation| match relations.get(*relation).copied().flatten() {
            Some(id) => format!("`*` gives the columns that are known of `{id}`; there may be others"),
            None => format!("`*` gives the columns that are known of `{}`; there may be others", name(*relation)),
        });
        let outside = relations.iter().enumerate().filter(|(_, id)| id.is_none());
        let outside = outside.map(|(relation, _)| format!("`{}` is not a node of the project", name(relation)));
        let mut seen = HashSet::new();
        assumed.chain(outside).filter(|note| seen.insert(note.clone())).collect()
    }
}

/// Why a node's lineage is not whole, in a sentence.
fn unknown(query: &QueryLineage, is_whole: bool, columns: &[ColumnLineage]) -> Option<String> {
    if let Some(reason) = query.open.as_ref().filter(|_| !is_whole) {
        return Some(reason.to_string());
    }
    let mut unclear = columns.iter().filter_map(|column| Some((&column.name, column.unknown.as_ref()?)));
    let (name, reason) = unclear.next()?;
    Some(match unclear.count() {
        0 => format!("column `{name}`: {reason}"),
        more => format!("column `{name}`: {reason} (and {more} more)"),
    })
}

/// The parts of a relation's name in lower case; one part, without spaces, if it is a file or a call.
fn parts_of(relation: &str) -> Vec<String> {
    let lower = relation.to_lowercase();
    if relation.contains('(') || relation.starts_with('\'') {
        return vec![lower.split_whitespace().collect()];
    }
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for character in lower.chars() {
        match character {
            '"' | '`' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    parts.push(part);
    parts
}
