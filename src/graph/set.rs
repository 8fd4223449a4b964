//! A set of positions in a graph, one bit each.

use super::Position;

/// A set of positions; all sets of one graph have the same size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSet {
    words: Vec<u64>,
    size: usize,
}

impl NodeSet {
    /// An empty set over `size` positions.
    pub fn new(size: usize) -> Self {
        NodeSet { words: vec![0; size.div_ceil(64)], size }
    }

    /// How many positions there can be.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn contains(&self, position: Position) -> bool {
        let at = position.index();
        self.words.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// Adds a position; true if it was not there.
    pub fn insert(&mut self, position: Position) -> bool {
        let at = position.index();
        let Some(word) = self.words.get_mut(at / 64) else { return false };
        let before = *word;
        *word |= 1 << (at % 64);
        *word != before
    }

    pub fn remove(&mut self, position: Position) {
        let at = position.index();
        if let Some(word) = self.words.get_mut(at / 64) {
            *word &= !(1 << (at % 64));
        }
    }

    pub fn union_with(&mut self, other: &NodeSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    pub fn intersect_with(&mut self, other: &NodeSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    pub fn subtract(&mut self, other: &NodeSet) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// The positions in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                Some(Position::new(at * 64 + bit))
            })
        })
    }
}
