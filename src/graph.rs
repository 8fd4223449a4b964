//! The graph: every resource with what it is built from, free of cycles.
//!
//! [`resolve`] takes a manifest whose refs are as written and gives a [`Graph`] whose
//! edges are ids; the manifest inside has its `depends_on`, `parent_map`, `child_map`
//! and `group_map` filled in. Nothing here touches the world.
//! Source: docs.getdbt.com/terms/dag, docs.getdbt.com/reference/artifacts/manifest-json.

pub mod layers;
pub mod lookup;
mod cycle;
pub mod plan;
mod resolve;
pub mod set;
#[cfg(test)]
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod unique;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use rayon::prelude::*;

use crate::diagnostic::{Diagnostics, SourceFile, Warned};
use crate::manifest::{Manifest, Resource};
use crate::resource::{FastMap, ResourceType, UniqueId};
pub use layers::{LayerRule, LayerRules};
pub use lookup::{Lookup, Target};
pub use plan::{Blocking, Plan};
pub use set::NodeSet;

/// A resource's place in a [`Graph`].
pub type Position = NodeIndex<u32>;

/// What resolving needs to know beside the manifest.
#[derive(Debug, Clone, Default)]
pub struct ResolveOptions {
    /// Packages whose `restrict-access` is true.
    pub restricted_packages: HashSet<String>,
    /// `require_ref_searches_node_package_before_root` of the project's flags.
    pub node_package_first: bool,
    /// `require_unique_project_resource_names` of the project's flags.
    pub unique_names: bool,
    pub layers: LayerRules,
    /// Files in which something is wrong, so that not all that they define is known. What one
    /// of them may define is not said to be missing.
    pub broken: Vec<Arc<SourceFile>>,
}

impl ResolveOptions {
    /// Whether a broken file may be the one that defines `name`: by its own name, as a version of it, by a
    /// `name:` in it, or by a block.
    fn may_define(&self, name: &str) -> bool {
        let named = |file: &Arc<SourceFile>| {
            let (stem, extension) = match file.path.rsplit('/').next().unwrap_or(&file.path).split_once('.') {
                Some((stem, extension)) => (stem, extension),
                None => (file.path.as_str(), ""),
            };
            let is_own = stem.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("_v"));
            let is_properties = matches!(extension, "yml" | "yaml");
            let key = if is_properties { "name" } else { "snapshot" };
            is_own || file.text.lines().any(|line| line.contains(key) && has_word(line, name))
        };
        self.broken.iter().any(named)
    }
}

/// Whether `word` stands in a line, not as part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

/// A manifest whose references are resolved, with its edges.
#[derive(Debug, Clone)]
pub struct Graph {
    manifest: Manifest,
    lookup: Lookup,
    layer_rules: LayerRules,
    index: FastMap<UniqueId, Position>,
    /// From parents to children.
    edges: DiGraph<UniqueId, (), u32>,
    order: Vec<Position>,
    kinds: Vec<ResourceType>,
    /// Of resources that are switched on.
    enabled: NodeSet,
}

/// Turns references into edges.
///
/// # Errors
/// Every reference to something that is missing, switched off, private or ambiguous, every
/// cycle, and every pair of nodes that want the same relation. In tests, a reference to
/// something missing is a warning, and the test is switched off, as dbt does.
pub fn resolve(mut manifest: Manifest, options: &ResolveOptions) -> Result<Warned<Graph>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let (lookup, repeated) = rayon::join(
        || Lookup::new(&manifest, options.node_package_first),
        || unique::check(&manifest, options.unique_names),
    );
    resolve::link(&mut manifest, &lookup, options, &mut diagnostics);
    resolve::expand_unit_tests(&mut manifest, &lookup, &mut diagnostics);
    diagnostics.extend(repeated);
    let graph = Graph::new(manifest, lookup, options.layers.clone(), &mut diagnostics);
    diagnostics.finish(graph)
}

/// The resources that are switched on.
fn enabled(resources: &[Resource<'_>]) -> NodeSet {
    let are: Vec<bool> = resources.par_iter().map(|resource| resource.config().enabled()).collect();
    let mut enabled = NodeSet::new(resources.len());
    (0..).map(Position::new).zip(are).filter(|(_, is)| *is).for_each(|(at, _)| {
        enabled.insert(at);
    });
    enabled
}

impl Graph {
    fn new(manifest: Manifest, lookup: Lookup, layer_rules: LayerRules, diagnostics: &mut Diagnostics) -> Self {
        // Positions are given in the order of the manifest's resources.
        let resources: Vec<Resource<'_>> = manifest.resources().collect();
        let index = || -> FastMap<UniqueId, Position> {
            let ids = resources.iter().map(|resource| resource.unique_id().clone());
            ids.zip((0..).map(Position::new)).collect()
        };
        let (index, enabled) = rayon::join(index, || enabled(&resources));
        let position = |id: &UniqueId| index.get(id).copied();
        let parents: Vec<Vec<Position>> =
            resources.par_iter().map(|resource| resource.parents().iter().filter_map(position).collect()).collect();
        let mut edges = DiGraph::with_capacity(resources.len(), parents.iter().map(Vec::len).sum());
        resources.iter().for_each(|resource| {
            edges.add_node(resource.unique_id().clone());
        });
        for (child, parents) in parents.into_iter().enumerate() {
            parents.into_iter().for_each(|parent| {
                edges.add_edge(parent, Position::new(child), ());
            });
        }
        let kinds = resources.iter().map(|resource| resource.resource_type()).collect();
        let order = petgraph::algo::toposort(&edges, None).unwrap_or_else(|_| {
            cycle::report(&edges, &manifest, diagnostics);
            Vec::new()
        });
        Graph { manifest, lookup, layer_rules, index, edges, order, kinds, enabled }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// For what does not change edges: relations, compiled code, deferral.
    pub fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    pub fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// Looks names up as `ref` and `source` do.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.edges.node_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn position(&self, id: &str) -> Option<Position> {
        self.index.get(id).copied()
    }

    pub fn id(&self, position: Position) -> &UniqueId {
        &self.edges[position]
    }

    pub fn resource(&self, position: Position) -> Option<Resource<'_>> {
        self.manifest.resource(self.id(position))
    }

    pub fn resource_type(&self, position: Position) -> ResourceType {
        self.kinds[position.index()]
    }

    pub fn positions(&self) -> impl Iterator<Item = Position> + use<> {
        (0..self.len()).map(Position::new)
    }

    /// What it is built from, directly.
    pub fn parents(&self, position: Position) -> impl Iterator<Item = Position> + '_ {
        self.edges.neighbors_directed(position, Direction::Incoming)
    }

    /// What is built from it, directly.
    pub fn children(&self, position: Position) -> impl Iterator<Item = Position> + '_ {
        self.edges.neighbors_directed(position, Direction::Outgoing)
    }

    /// Everything in an order in which parents come before children.
    pub fn topological(&self) -> &[Position] {
        &self.order
    }

    /// Resources that are switched on.
    pub fn enabled(&self) -> &NodeSet {
        &self.enabled
    }

    pub fn empty_set(&self) -> NodeSet {
        NodeSet::new(self.len())
    }

    /// The set of these ids; unknown ones are left out.
    pub fn set_of<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> NodeSet {
        let mut set = self.empty_set();
        ids.into_iter().filter_map(|id| self.position(id)).for_each(|position| {
            set.insert(position);
        });
        set
    }

    /// The ids of a set, in the order of the manifest.
    pub fn ids_of<'a>(&'a self, set: &'a NodeSet) -> impl Iterator<Item = &'a UniqueId> + 'a {
        set.iter().map(|position| self.id(position))
    }

    /// Everything that the members of `set` are built from, at most `depth` steps away;
    /// members are in it if they are ancestors of other members.
    pub fn ancestors(&self, set: &NodeSet, depth: Option<usize>) -> NodeSet {
        self.reach(set, Direction::Incoming, depth)
    }

    /// Everything that is built from the members of `set`, at most `depth` steps away.
    pub fn descendants(&self, set: &NodeSet, depth: Option<usize>) -> NodeSet {
        self.reach(set, Direction::Outgoing, depth)
    }

    fn reach(&self, set: &NodeSet, direction: Direction, depth: Option<usize>) -> NodeSet {
        let mut reached = self.empty_set();
        let mut queue: VecDeque<(Position, usize)> = set.iter().map(|position| (position, 0)).collect();
        while let Some((position, steps)) = queue.pop_front() {
            if depth.is_some_and(|depth| steps >= depth) {
                continue;
            }
            for next in self.edges.neighbors_directed(position, direction) {
                if self.enabled.contains(next) && reached.insert(next) {
                    queue.push_back((next, steps + 1));
                }
            }
        }
        reached
    }

    /// For each position, the weight of the heaviest path that begins there, itself included:
    /// how much is still behind a node. With a weight of one it is the longest path's length.
    pub fn behind(&self, weight: impl Fn(Position) -> f64) -> Vec<f64> {
        let mut behind = vec![0.0_f64; self.len()];
        for position in self.order.iter().rev() {
            let most = self.children(*position).map(|child| behind[child.index()]).fold(0.0, f64::max);
            behind[position.index()] = most + weight(*position);
        }
        behind
    }

    /// For each position, the number of its connected component: two resources have the same
    /// one if any path of edges, in whatever direction, joins them.
    pub fn components(&self) -> Vec<usize> {
        let mut component = vec![usize::MAX; self.len()];
        let mut count = 0;
        for start in self.positions() {
            if component[start.index()] != usize::MAX {
                continue;
            }
            let mut stack = vec![start];
            component[start.index()] = count;
            while let Some(position) = stack.pop() {
                for next in self.edges.neighbors_undirected(position) {
                    if component[next.index()] == usize::MAX {
                        component[next.index()] = count;
                        stack.push(next);
                    }
                }
            }
            count += 1;
        }
        component
    }

    /// The names of the layers, from the sources on.
    pub fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.layer_rules.0.iter().map(|rule| rule.name.as_str())
    }

    /// The name of the layer that a resource belongs to.
    pub fn layer(&self, position: Position) -> Option<&str> {
        let rule = self.layer_rules.of(self.resource(position)?)?;
        self.layer_rules.0.get(rule).map(|rule| rule.name.as_str())
    }
}
