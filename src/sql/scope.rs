//! What names mean at a place in a query.

use std::sync::Arc;

use sqlparser::ast::{Ident, NamedWindowDefinition};

use super::Dialect;
use super::Kind;
use super::shape::{Column, Rest, Shape};

/// Something in a `from`.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The parts of its name, or just its alias.
    pub path: Vec<Arc<str>>,
    pub shape: Shape,
}

/// A column of `*`.
#[derive(Debug, Clone)]
pub(super) enum Visible {
    /// That column of that relation.
    Column(usize, usize),
    /// What a join made of a column of each side.
    Merged(Column),
    /// The further columns of that relation.
    Rest(usize),
}

/// A `from`: its relations by name, and its columns in order.
#[derive(Debug, Clone, Default)]
pub(super) struct From {
    pub relations: Vec<Relation>,
    pub visible: Vec<Visible>,
}

impl From {
    pub fn one(path: Vec<Arc<str>>, shape: Shape) -> From {
        let mut visible: Vec<Visible> = (0..shape.columns.len()).map(|column| Visible::Column(0, column)).collect();
        if shape.rest.is_some() {
            visible.push(Visible::Rest(0));
        }
        From { relations: vec![Relation { path, shape }], visible }
    }

    /// This one with the columns of another behind its own.
    pub fn beside(mut self, other: From) -> From {
        let shift = self.relations.len();
        self.relations.extend(other.relations);
        self.visible.extend(other.visible.into_iter().map(|visible| match visible {
            Visible::Column(relation, column) => Visible::Column(relation + shift, column),
            Visible::Rest(relation) => Visible::Rest(relation + shift),
            merged @ Visible::Merged(_) => merged,
        }));
        self
    }

    pub fn listed<'a>(&'a self, visible: &'a Visible) -> Option<&'a Column> {
        match visible {
            Visible::Column(relation, column) => self.relations.get(*relation)?.shape.columns.get(*column),
            Visible::Merged(column) => Some(column),
            Visible::Rest(_) => None,
        }
    }

    pub fn rests(&self) -> impl Iterator<Item = &Rest> {
        self.visible.iter().filter_map(|visible| match visible {
            Visible::Rest(relation) => self.relations.get(*relation)?.shape.rest.as_ref(),
            _ => None,
        })
    }

    /// Its columns as `*` gives them.
    pub fn shape(&self) -> Shape {
        let columns = self.visible.iter().filter_map(|visible| self.listed(visible)).cloned().collect();
        Shape { columns, rest: Rest::of_all(self.rests().collect()) }
    }

    /// The places in `visible` of the listed columns of this name.
    pub fn places(&self, name: &str) -> Vec<usize> {
        let matching = |same: fn(&str, &str) -> bool| -> Vec<usize> {
            let listed = self.visible.iter().enumerate();
            let listed = listed.filter_map(|(place, visible)| Some((place, self.listed(visible)?)));
            listed.filter(|(_, column)| same(&column.name, name)).map(|(place, _)| place).collect()
        };
        let exact = matching(|one, other| one == other);
        if exact.is_empty() { matching(|one, other| one.eq_ignore_ascii_case(other)) } else { exact }
    }

    /// The listed column of this name.
    fn definite(&self, name: &str) -> Option<Column> {
        let places = self.places(name);
        let mut found = places.iter().filter_map(|place| self.listed(self.visible.get(*place)?));
        match (found.next(), found.next()) {
            (Some(column), None) => Some(column.clone()),
            (Some(_), Some(_)) => {
                Some(Column::unknown(name, format!("`{name}` is a column of more than one relation")))
            }
            _ => None,
        }
    }

    /// The relation that a qualifier names; the last one of that name.
    fn relation(&self, qualifier: &[Arc<str>]) -> Option<&Relation> {
        let matches = |relation: &&Relation| {
            let path = &relation.path;
            path.len() >= qualifier.len()
                && path.iter().rev().zip(qualifier.iter().rev()).all(|(one, other)| one.eq_ignore_ascii_case(other))
        };
        self.relations.iter().rev().find(matches)
    }

    /// The columns that `qualifier.*` gives.
    pub fn columns_of(&self, qualifier: &[Arc<str>]) -> Option<&Shape> {
        self.relation(qualifier).map(|relation| &relation.shape)
    }
}

/// What is in sight at a place.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub from: &'s From,
    /// Output columns of the same `select` that may be named.
    pub aliases: &'s [Column],
    pub windows: &'s [NamedWindowDefinition],
    /// The query around this one.
    pub outer: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    /// The column that a plain name means.
    pub fn name(&self, ident: &Ident, dialect: Dialect) -> Column {
        let name = dialect.fold(ident);
        if ident.quote_style.is_none() && is_constant(&name) {
            return Column::of(name, Arc::from([]));
        }
        self.column(&name)
    }

    /// [`Scope::name`] of a name that is folded already.
    pub fn column(&self, name: &Arc<str>) -> Column {
        self.find(name).unwrap_or_else(|| Column::unknown(name.clone(), format!("`{name}` is not a column in sight")))
    }

    fn find(&self, name: &Arc<str>) -> Option<Column> {
        if let Some(column) = self.from.definite(name) {
            return Some(column);
        }
        let alias = self.alias(name);
        let rests: Vec<&Rest> = self.from.rests().collect();
        let is_open = rests.iter().any(|rest| !rest.is_declared());
        let row = self.from.relation(std::slice::from_ref(name));
        match (alias, row) {
            (Some(_), _) if is_open => {
                let reason = format!("`{name}` may be the alias beside it or a column of what is read");
                return Some(Column::unknown(name.clone(), reason));
            }
            (Some(alias), _) => return Some(alias.clone()),
            (None, Some(relation)) => {
                let mut row = relation.shape.row();
                row.inputs.iter_mut().for_each(|input| input.kind = input.kind.max(Kind::Derived));
                return Some(row.column(name.clone()));
            }
            (None, None) => {}
        }
        let Some(rest) = Rest::of_all(rests) else { return self.outer.and_then(|outer| outer.find(name)) };
        if self.outer.is_some_and(|outer| outer.has(name)) {
            let reason = format!("`{name}` may be a column of the query around it or of what is read");
            return Some(Column::unknown(name.clone(), reason));
        }
        Some(rest.column(name))
    }

    /// Whether a relation here or further out is known to have a column of this name.
    fn has(&self, name: &str) -> bool {
        self.from.definite(name).is_some() || self.outer.is_some_and(|outer| outer.has(name))
    }

    fn alias(&self, name: &str) -> Option<&Column> {
        let mut exact = self.aliases.iter().filter(|column| *column.name == *name);
        exact.next().or_else(|| self.aliases.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
    }

    /// The column that a name with dots means: `relation.column.field`, `column.field`, ...
    pub fn path(&self, idents: &[Ident], dialect: Dialect) -> Column {
        let path: Vec<Arc<str>> = idents.iter().map(|ident| dialect.fold(ident)).collect();
        let last = path.last().cloned().unwrap_or_default();
        self.find_path(&path)
            .unwrap_or_else(|| Column::unknown(last, format!("`{}` is not a column in sight", path.join("."))))
    }

    /// [`Scope::path`] of names that are folded already; `None` if it certainly is no column.
    pub fn find_path(&self, path: &[Arc<str>]) -> Option<Column> {
        for length in 1..path.len() {
            let (qualifier, rest) = path.split_at(length);
            let Some((name, fields)) = rest.split_first() else { continue };
            let column = self.from.columns_of(qualifier).and_then(|shape| shape.column(name));
            if let Some(column) = column {
                return Some(field(column, fields));
            }
        }
        let (name, fields) = path.split_first()?;
        if let Some(column) = self.from.definite(name).or_else(|| self.alias(name).cloned()) {
            return Some(field(column, fields));
        }
        if let Some(column) = self.outer.and_then(|outer| outer.find_path(path)) {
            return Some(column);
        }
        Rest::of_all(self.from.rests().collect()).map(|rest| field(rest.column(name), fields))
    }
}

/// A field of a column's value.
pub(super) fn field(column: Column, fields: &[Arc<str>]) -> Column {
    match fields.last() {
        Some(last) => column.raised(Kind::Derived).named(last.clone()),
        None => column,
    }
}

/// Names that are functions without parentheses.
fn is_constant(name: &str) -> bool {
    const CONSTANTS: &[&str] = &[
        "current_date",
        "current_time",
        "current_timestamp",
        "current_user",
        "current_role",
        "current_schema",
        "current_catalog",
        "localtime",
        "localtimestamp",
        "session_user",
        "sysdate",
        "user",
    ];
    CONSTANTS.iter().any(|constant| constant.eq_ignore_ascii_case(name))
}
