//! The relations that the warehouse has, as far as this invocation knows.
//!
//! Filled once at the start of a run, then kept up to date by what the run itself does.
//! Names are looked up in any case; whether such a match is the right one is then
//! [`Relation::matches`]'s question.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::IndexMap;

use super::{AdapterError, BoundView, CacheKey, Kept, Path, Relation, Schemas};

/// A database and a schema, lower-case.
type Place = (String, String);

#[derive(Debug, Default)]
struct Known {
    relations: HashMap<Place, IndexMap<String, Relation>>,
    /// Schemas whose relations are all known.
    loaded: HashSet<Place>,
    /// Relations with those that go along when they are dropped.
    readers: HashMap<CacheKey, HashSet<CacheKey>>,
    /// Views that have more than their query.
    kept: HashMap<CacheKey, Kept>,
}

impl Known {
    /// Forgets a relation and all that reads from it.
    fn forget(&mut self, dropped: CacheKey) {
        let readers = self.readers.remove(&dropped).unwrap_or_default();
        self.kept.remove(&dropped);
        let CacheKey { database, schema, identifier } = dropped;
        if let Some(schema) = self.relations.get_mut(&(database, schema)) {
            schema.shift_remove(&identifier);
        }
        for reader in readers {
            self.forget(reader);
        }
    }

    /// What read from the relation, or was read by it, goes on under its new name.
    fn rename_links(&mut self, from: &CacheKey, to: &CacheKey) {
        if let Some(readers) = self.readers.remove(from) {
            self.readers.insert(to.clone(), readers);
        }
        for readers in self.readers.values_mut() {
            if readers.remove(from) {
                readers.insert(to.clone());
            }
        }
    }
}

/// The relations of some schemas, shared by the threads of an invocation.
#[derive(Debug, Default)]
pub struct RelationCache {
    known: RwLock<Known>,
}

fn place(database: Option<&str>, schema: Option<&str>) -> Place {
    (database.unwrap_or_default().to_lowercase(), schema.unwrap_or_default().to_lowercase())
}

fn split(relation: &Relation) -> (Place, String) {
    let CacheKey { database, schema, identifier } = CacheKey::of(relation);
    ((database, schema), identifier)
}

impl RelationCache {
    pub fn new() -> RelationCache {
        RelationCache::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in everything that a query found in `schemas`; they count as known from now on.
    pub fn fill(&self, schemas: &[Schemas], relations: Vec<Relation>) {
        let mut known = self.write();
        for wanted in schemas {
            for schema in &wanted.schemas {
                known.loaded.insert(place(Some(&wanted.database), Some(schema)));
            }
        }
        for relation in relations {
            let (place, identifier) = split(&relation);
            if known.loaded.contains(&place) || schemas.iter().any(|wanted| wanted.schemas.is_empty()) {
                known.loaded.insert(place.clone());
            }
            known.relations.entry(place).or_default().entry(identifier).or_insert(relation);
        }
    }

    /// Whether all relations of the schema are known.
    pub fn is_loaded(&self, database: Option<&str>, schema: Option<&str>) -> bool {
        self.read().loaded.contains(&place(database, schema))
    }

    /// The known relations of a schema.
    pub fn relations(&self, database: Option<&str>, schema: Option<&str>) -> Vec<Relation> {
        self.read()
            .relations
            .get(&place(database, schema))
            .into_iter()
            .flatten()
            .map(|(_, found)| found.clone())
            .collect()
    }

    /// The relation of that name.
    ///
    /// # Errors
    /// If there is one whose name differs in case only.
    pub fn find(&self, path: &Path) -> Result<Option<Relation>, AdapterError> {
        let place = place(path.database.as_deref(), path.schema.as_deref());
        let identifier = path.identifier.as_deref().unwrap_or_default().to_lowercase();
        let found = self.read().relations.get(&place).and_then(|schema| schema.get(&identifier)).cloned();
        match found {
            Some(relation) => Ok(relation.matches(path)?.then_some(relation)),
            None => Ok(None),
        }
    }

    /// Takes note of a new relation; one of that name that is known already stays.
    pub fn add(&self, relation: Relation) {
        let (place, identifier) = split(&relation);
        self.write().relations.entry(place).or_default().entry(identifier).or_insert(relation);
    }

    /// Takes note of who reads from whom.
    pub fn link(&self, bound: Vec<BoundView>) {
        let mut known = self.write();
        for BoundView { view, origin } in bound {
            known.readers.entry(origin).or_default().insert(view);
        }
    }

    /// Takes note of what views have beside their queries.
    pub fn keep(&self, kept: Vec<(CacheKey, Kept)>) {
        let mut known = self.write();
        for (view, found) in kept {
            let kept = known.kept.entry(view).or_default();
            kept.grants |= found.grants;
            kept.comments |= found.comments;
            kept.late |= found.late;
        }
    }

    /// What a view had beside its query when its schema was asked for.
    pub fn kept_by(&self, view: &Relation) -> Kept {
        self.read().kept.get(&CacheKey::of(view)).copied().unwrap_or_default()
    }

    /// Whether something is known to be bound to the relation.
    pub fn is_read(&self, relation: &Relation) -> bool {
        self.read().readers.get(&CacheKey::of(relation)).is_some_and(|readers| !readers.is_empty())
    }

    /// Forgets a relation with all that is bound to it; a schema that holds nothing stays known.
    pub fn drop(&self, relation: &Relation) {
        self.write().forget(CacheKey::of(relation));
    }

    /// # Errors
    /// If a relation of the new name is known.
    pub fn rename(&self, from: &Relation, to: &Relation) -> Result<(), AdapterError> {
        let (old_place, old_name) = split(from);
        let (new_place, new_name) = split(to);
        let mut known = self.write();
        if known.relations.get(&new_place).is_some_and(|schema| schema.contains_key(&new_name)) {
            return Err(AdapterError::other(format!(
                "relation {} cannot be renamed to {}: there is one of that name already",
                from.render(),
                to.render()
            )));
        }
        let old = known.relations.get_mut(&old_place).and_then(|schema| schema.shift_remove(&old_name));
        let kind = to.kind.or_else(|| old.and_then(|old| old.kind));
        known.rename_links(&CacheKey::of(from), &CacheKey::of(to));
        known.relations.entry(new_place).or_default().insert(new_name, to.clone().with_kind(kind));
        Ok(())
    }

    /// Forgets a schema with all that is in it.
    pub fn drop_schema(&self, database: Option<&str>, schema: Option<&str>) {
        let place = place(database, schema);
        let mut known = self.write();
        known.relations.remove(&place);
        known.loaded.remove(&place);
    }

    /// Forgets what is known of the schemas that `relation` and its like stand in: the next
    /// question about them asks the warehouse.
    pub fn forget(&self, database: Option<&str>, schema: Option<&str>) {
        self.drop_schema(database, schema);
    }

    pub fn clear(&self) {
        *self.write() = Known::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::RelationKind;
    use crate::adapter::duckdb::CAPABILITIES;

    fn relation(schema: &str, name: &str) -> Relation {
        CAPABILITIES.relation(Path::new(Some("db"), Some(schema), Some(name)), Some(RelationKind::Table))
    }

    fn names(cache: &RelationCache) -> Vec<String> {
        cache
            .relations(Some("DB"), Some("S"))
            .iter()
            .filter_map(|found| found.identifier().map(str::to_owned))
            .collect()
    }

    #[test]
    fn the_cache_follows_what_the_run_does() {
        let cache = RelationCache::new();
        let schemas = [Schemas { database: "db".into(), schemas: vec!["s".into(), "empty".into()] }];
        cache.fill(&schemas, vec![relation("s", "a"), relation("s", "b")]);
        assert!(cache.is_loaded(Some("db"), Some("EMPTY")) && !cache.is_loaded(Some("db"), Some("other")));
        cache.add(relation("s", "c"));
        cache.drop(&relation("s", "A"));
        cache.drop(&relation("s", "missing"));
        cache.rename(&relation("s", "b"), &relation("s", "d").with_kind(None)).unwrap();
        assert_eq!(names(&cache), ["c", "d"]);
        assert!(cache.rename(&relation("s", "c"), &relation("s", "D")).is_err());
        let found = cache.find(&relation("s", "d").path).unwrap().unwrap();
        assert_eq!(found.kind, Some(RelationKind::Table));
        assert!(cache.find(&relation("s", "D").path).is_err());
        assert!(cache.find(&relation("s", "b").path).unwrap().is_none());
        cache.drop_schema(Some("db"), Some("s"));
        assert!(names(&cache).is_empty() && !cache.is_loaded(Some("db"), Some("s")));
    }

    #[test]
    fn what_is_bound_to_a_relation_goes_with_it() {
        let cache = RelationCache::new();
        let schemas = [Schemas { database: "db".into(), schemas: vec!["s".into()] }];
        cache.fill(&schemas, ["a", "v", "w", "x"].map(|name| relation("s", name)).to_vec());
        let link = |view: &str, origin: &str| BoundView {
            view: CacheKey::of(&relation("s", view)),
            origin: CacheKey::of(&relation("s", origin)),
        };
        cache.link(vec![link("v", "a"), link("w", "v"), link("x", "b")]);
        cache.rename(&relation("s", "a"), &relation("s", "a_old")).unwrap();
        cache.rename(&relation("s", "w"), &relation("s", "w_new")).unwrap();
        cache.add(relation("s", "a"));
        cache.drop(&relation("s", "a_old"));
        assert_eq!(names(&cache), ["x", "a"]);
    }

    #[test]
    fn a_whole_database_may_be_filled_in() {
        let cache = RelationCache::new();
        cache.fill(&[Schemas { database: "db".into(), schemas: vec![] }], vec![relation("s", "a")]);
        assert!(cache.is_loaded(Some("db"), Some("s")));
    }
}
