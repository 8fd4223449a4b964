//! What a run says it will build, so that two runs do not build the same relation at once.
//!
//! A run with a small selection claims each relation for itself, and the project together with
//! others; one with a large selection claims the whole project. So runs with different
//! selections of one project go side by side (a scheduler may start one per model), and none
//! overtakes another on the same relation.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// Beyond this number of relations the whole project is claimed: servers have room for some
/// thousands of locks only, for all their sessions together.
const MOST_SINGLE: usize = 256;

/// What one run claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// In the order of their keys, which is the same for all runs: none waits in a circle.
    pub parts: Vec<Part>,
    /// How long to wait for others.
    pub wait: Duration,
    /// Who claims: different for each run.
    pub owner: String,
    /// Whether some of what is built stands in the target's schema.
    pub in_own_schema: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    pub key: i64,
    /// What people call it: a relation, or the project.
    pub name: String,
    /// Others may claim it in the same way at the same time.
    pub shared: bool,
}

/// Somebody who has claimed what we want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name of the part.
    pub name: String,
    /// The session, its user, where it comes from, since when.
    pub who: String,
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    Ours,
    /// Nothing was claimed: others were first.
    Theirs(Vec<Holder>),
    /// The warehouse takes no claims, or none that would last; why.
    Impossible(String),
}

impl Claim {
    /// The claim of a run in `project` on `relations` (database, schema, name).
    pub fn new<'a>(project: &str, relations: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> Claim {
        let mut parts: Vec<Part> = relations
            .map(|(database, schema, name)| Part {
                key: key(&["relation", database, schema, name]),
                name: format!("{schema}.{name}"),
                shared: false,
            })
            .collect();
        parts.sort();
        parts.dedup_by_key(|part| part.key);
        let whole = parts.len() > MOST_SINGLE;
        if whole {
            parts.clear();
        }
        if whole || !parts.is_empty() {
            parts.push(Part { key: key(&["project", project]), name: project.to_owned(), shared: !whole });
        }
        parts.sort();
        Claim { parts, wait: Duration::ZERO, owner: String::new(), in_own_schema: false }
    }

    /// The name of the part with this key.
    pub fn name_of(&self, key: i64) -> &str {
        self.parts.iter().find(|part| part.key == key).map_or("", |part| &part.name)
    }
}

fn key(words: &[&str]) -> i64 {
    let mut hash = Sha256::new();
    hash.update("tform");
    for word in words {
        hash.update([0]);
        hash.update(word.to_lowercase());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_relations_are_claimed_one_by_one_and_many_with_their_project() {
        let names: Vec<String> = (0..MOST_SINGLE + 1).map(|number| format!("m{number}")).collect();
        let claim = |count: usize| Claim::new("shop", names[..count].iter().map(|name| ("db", "main", name.as_str())));
        assert!(claim(0).parts.is_empty());
        let two = claim(2).parts;
        assert_eq!((two.len(), two.iter().filter(|part| part.shared).count()), (3, 1));
        assert!(two.is_sorted());
        let [whole] = claim(MOST_SINGLE + 1).parts.try_into().unwrap();
        assert_eq!((whole.name.as_str(), whole.shared), ("shop", false));
        assert!(two.iter().any(|part| part.key == whole.key && part.shared));
    }

    #[test]
    fn names_that_differ_in_case_only_are_one_relation() {
        let claim = Claim::new("p", [("DB", "Main", "a"), ("db", "main", "A")].into_iter());
        assert_eq!(claim.parts.len(), 2);
    }
}
