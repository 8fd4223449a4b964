//! Queries: `with`, set operations, `values`, and what limits them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sqlparser::ast::{
    Cte as CteSyntax, Expr, LimitClause, OrderBy, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, Values, With,
};

use super::scope::{From, Scope};
use super::shape::{Base, Column, Gathered, Input, Rest, Shape, merged};
use super::{
    Completeness, Dialect, Influence, InputColumn, Kind, OutputColumn, QueryLineage, Relations, expression, select,
};

/// How often a recursive query is read again while its columns' inputs grow.
const ROUNDS: usize = 8;
/// What is left of the stack when more is taken, and how much; see `read`.
const STACK: (usize, usize) = (256 * 1024, 2 * 1024 * 1024);

pub(super) type Influences = BTreeSet<(Base, Arc<str>, Influence)>;

/// The state of reading one statement.
pub(super) struct Reading<'a> {
    pub dialect: Dialect,
    relations: &'a dyn Relations,
    bases: Vec<Vec<String>>,
    places: HashMap<Vec<String>, Base>,
    /// Those in sight, innermost last.
    ctes: Vec<Cte>,
    pub influences: Influences,
    pub assumed: BTreeSet<Base>,
    /// Parameters of the lambda functions around this place.
    pub bound: Vec<Arc<str>>,
    /// What `columns(...)` stands for at the moment.
    pub columns_item: Option<Column>,
}

#[derive(Clone)]
struct Cte {
    name: Arc<str>,
    shape: Arc<Shape>,
    influences: Arc<Influences>,
}

/// Reads a whole query.
pub(super) fn lineage(query: &Query, dialect: Dialect, relations: &dyn Relations) -> Result<QueryLineage, String> {
    let mut reading = Reading {
        dialect,
        relations,
        bases: Vec::new(),
        places: HashMap::new(),
        ctes: Vec::new(),
        influences: Influences::new(),
        assumed: BTreeSet::new(),
        bound: Vec::new(),
        columns_item: None,
    };
    let shape = read(&mut reading, query, None)?;
    let (mut open, mut rest_of, mut assumed) = (None, None, BTreeSet::new());
    match &shape.rest {
        Some(Rest::Of { base, declared: true }) => assumed = BTreeSet::from([*base]),
        Some(rest) if rest.is_declared() => assumed = std::mem::take(&mut reading.assumed),
        Some(Rest::Of { base, .. }) => {
            let name = reading.bases.get(*base as usize).map(|parts| parts.join(".")).unwrap_or_default();
            open = Some(format!("the columns of `{name}` are not known").into());
            rest_of = Some(*base as usize);
        }
        Some(Rest::Parts { reason, .. } | Rest::Unclear { reason, .. }) => open = Some(reason.clone()),
        None => {}
    }
    Ok(QueryLineage {
        columns: shape.columns.into_iter().map(output).collect(),
        influences: reading.influences.into_iter().map(|(base, column, how)| (base as usize, column, how)).collect(),
        open,
        rest_of,
        assumed: assumed.into_iter().map(|base| base as usize).collect(),
        relations: reading.bases,
    })
}

fn output(column: Column) -> OutputColumn {
    let name = column.name;
    let inputs = column.inputs.iter().map(|input| {
        let renamed = input.kind == Kind::Copied && !input.column.eq_ignore_ascii_case(&name);
        let kind = if renamed { Kind::Renamed } else { input.kind };
        InputColumn { relation: input.base as usize, column: input.column.clone(), kind }
    });
    OutputColumn { inputs: inputs.collect(), name: name.clone(), data_type: column.data_type, unknown: column.unknown }
}

impl Reading<'_> {
    /// The columns of a relation that is read by name.
    pub fn base(&mut self, parts: Vec<String>) -> Shape {
        let relations = self.relations;
        let known = relations.columns(&parts);
        let next = Base::try_from(self.bases.len()).unwrap_or(Base::MAX);
        let key = match self.dialect {
            Dialect::Duckdb => parts.iter().map(|part| part.to_lowercase()).collect(),
            Dialect::Postgres | Dialect::Redshift => parts.clone(),
        };
        let base = *self.places.entry(key).or_insert(next);
        if base == next {
            self.bases.push(parts);
        }
        let columns = known.iter().flat_map(|known| &known.columns).map(|column| Column {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            inputs: Arc::from([Input { base, column: column.name.clone(), kind: Kind::Copied }]),
            unknown: None,
        });
        let rest = match known.map_or(Completeness::Partial, |known| known.completeness) {
            Completeness::Complete => None,
            Completeness::Declared => Some(Rest::Of { base, declared: true }),
            Completeness::Partial => Some(Rest::Of { base, declared: false }),
        };
        Shape { columns: columns.collect(), rest }
    }

    /// Whether somebody outside of the query knows a relation of this name.
    pub fn is_known(&self, parts: &[String]) -> bool {
        self.relations.columns(parts).is_some()
    }

    /// The columns of the CTE of this name; what decides its rows decides those of its readers.
    pub fn cte(&mut self, name: &str) -> Option<Arc<Shape>> {
        let cte = self.ctes.iter().rev().find(|cte| cte.name.eq_ignore_ascii_case(name))?;
        let (shape, influences) = (cte.shape.clone(), cte.influences.clone());
        self.influences.extend(influences.iter().cloned());
        Some(shape)
    }

    pub fn influence(&mut self, inputs: &[Input], how: Influence) {
        self.influences.extend(inputs.iter().map(|input| (input.base, input.column.clone(), how)));
    }

    /// Notes what an expression reads as deciding rows.
    ///
    /// # Errors
    /// As [`expression::read`].
    pub fn decides(&mut self, expression: &Expr, scope: &Scope<'_>, how: Influence) -> Result<(), String> {
        let column = expression::read(self, expression, scope)?;
        self.influence(&column.inputs, how);
        Ok(())
    }
}

/// Reads a query in the sight of those around it.
///
/// # Errors
/// What in it is not understood.
pub(super) fn read(reading: &mut Reading<'_>, query: &Query, outer: Option<&Scope<'_>>) -> Result<Shape, String> {
    stacker::maybe_grow(STACK.0, STACK.1, || {
        if !query.pipe_operators.is_empty() {
            return Err("pipe operators are not understood".to_owned());
        }
        let before = reading.ctes.len();
        if let Some(with) = &query.with {
            read_with(reading, with, outer)?;
        }
        let shape = match query.body.as_ref() {
            SetExpr::Select(select) => select::read(reading, select, outer, sorting(query)),
            body => read_body(reading, body, outer).inspect(|shape| sort(reading, query, shape)),
        };
        reading.ctes.truncate(before);
        shape
    })
}

/// The `order by` that, with a limit, decides which rows there are.
fn sorting(query: &Query) -> Option<&OrderBy> {
    let limited = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => limit.is_some() || offset.is_some(),
        Some(LimitClause::OffsetCommaLimit { .. }) => true,
        None => query.fetch.is_some(),
    };
    query.order_by.as_ref().filter(|_| limited)
}

/// The order of a set operation's rows: by names or places of its columns.
fn sort(reading: &mut Reading<'_>, query: &Query, shape: &Shape) {
    let Some(OrderBy { kind: OrderByKind::Expressions(expressions), .. }) = sorting(query) else { return };
    for by in expressions {
        let column = match &by.expr {
            Expr::Identifier(ident) => shape.column(&reading.dialect.fold(ident)),
            other => expression::place(other).and_then(|place| shape.columns.get(place).cloned()),
        };
        if let Some(column) = column {
            reading.influence(&column.inputs, Influence::Sort);
        }
    }
}

fn read_with(reading: &mut Reading<'_>, with: &With, outer: Option<&Scope<'_>>) -> Result<(), String> {
    for cte in &with.cte_tables {
        let name = reading.dialect.fold(&cte.alias.name);
        if reading.is_known(&[name.to_string()]) && name.starts_with(super::project::EPHEMERAL) {
            // A model that is put in here; its columns are its own.
            continue;
        }
        let depth = reading.ctes.len();
        let outside = std::mem::take(&mut reading.influences);
        let shape = match with.recursive {
            true => read_recursive(reading, cte, &name, outer),
            false => read(reading, &cte.query, outer).map(|shape| named(reading, cte, shape)),
        };
        reading.ctes.truncate(depth);
        let influences = std::mem::replace(&mut reading.influences, outside);
        // One that nobody reads may be as strange as it likes.
        let shape = shape.unwrap_or_else(|reason| Shape {
            columns: Vec::new(),
            rest: Some(Rest::Unclear { reason: format!("`{name}`: {reason}").into(), declared: false }),
        });
        reading.ctes.push(Cte { name, shape: Arc::new(shape), influences: Arc::new(influences) });
    }
    Ok(())
}

fn named(reading: &Reading<'_>, cte: &CteSyntax, shape: Shape) -> Shape {
    let names: Vec<Arc<str>> = cte.alias.columns.iter().map(|column| reading.dialect.fold(&column.name)).collect();
    shape.renamed(&names)
}

/// A CTE that may read itself: its first branch gives the columns, the others add to their inputs.
fn read_recursive(
    reading: &mut Reading<'_>,
    cte: &CteSyntax,
    name: &Arc<str>,
    outer: Option<&Scope<'_>>,
) -> Result<Shape, String> {
    let SetExpr::SetOperation { left, .. } = cte.query.body.as_ref() else {
        return read(reading, &cte.query, outer).map(|shape| named(reading, cte, shape));
    };
    let before = reading.ctes.len();
    if let Some(with) = &cte.query.with {
        read_with(reading, with, outer)?;
    }
    let first = read_body(reading, left, outer)?;
    reading.ctes.truncate(before);
    let mut shape = named(reading, cte, first);
    for _ in 0..ROUNDS {
        reading.ctes.push(Cte {
            name: name.clone(),
            shape: Arc::new(shape.clone()),
            influences: Arc::new(Influences::new()),
        });
        let next = read(reading, &cte.query, outer).map(|shape| named(reading, cte, shape));
        reading.ctes.truncate(before);
        let next = next?;
        if next == shape {
            break;
        }
        shape = next;
    }
    Ok(shape)
}

fn read_body(reading: &mut Reading<'_>, body: &SetExpr, outer: Option<&Scope<'_>>) -> Result<Shape, String> {
    stacker::maybe_grow(STACK.0, STACK.1, || match body {
        SetExpr::Select(select) => select::read(reading, select, outer, None),
        SetExpr::Query(query) => read(reading, query, outer),
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            let first = read_body(reading, left, outer)?;
            let second = read_body(reading, right, outer)?;
            operate(reading, *op, *set_quantifier, first, second)
        }
        SetExpr::Values(values) => read_values(reading, values, outer),
        SetExpr::Table(table) => {
            let name = table.schema_name.iter().chain(&table.table_name).cloned().collect();
            Ok(reading.base(name))
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Err("not a query".to_owned())
        }
    })
}

fn operate(
    reading: &mut Reading<'_>,
    operator: SetOperator,
    quantifier: SetQuantifier,
    left: Shape,
    right: Shape,
) -> Result<Shape, String> {
    if matches!(operator, SetOperator::Except | SetOperator::Minus) {
        // The right side only takes rows away.
        for column in &right.columns {
            reading.influence(&column.inputs, Influence::Filter);
        }
        return Ok(left);
    }
    let by_name =
        matches!(quantifier, SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName);
    if by_name {
        return Ok(united_by_name(left, right));
    }
    let (count, other) = (left.columns.len(), right.columns.len());
    if count != other && left.rest.is_none() && right.rest.is_none() {
        return Err(format!("the sides of a set operation have {count} and {other} columns"));
    }
    let mut columns: Vec<Column> = left.columns.iter().zip(&right.columns).map(|(one, two)| merged(one, two)).collect();
    let unclear = Arc::<str>::from("a set operation on columns that are not all known");
    // Names come from the left; what stands beside them on the right may not be known.
    columns.extend(left.columns.iter().skip(columns.len()).map(|column| {
        let mut column = column.clone();
        column.unknown.get_or_insert_with(|| unclear.clone());
        column
    }));
    Ok(Shape { columns, rest: Rest::of_both(left.rest, right.rest) })
}

fn united_by_name(mut left: Shape, right: Shape) -> Shape {
    for column in right.columns {
        let place = left.position(&column.name);
        match place.and_then(|place| left.columns.get_mut(place)) {
            Some(have) => *have = merged(have, &column),
            None => left.columns.push(column),
        }
    }
    left.rest = Rest::of_both(left.rest, right.rest);
    left
}

fn read_values(reading: &mut Reading<'_>, values: &Values, outer: Option<&Scope<'_>>) -> Result<Shape, String> {
    let from = From::default();
    let scope = Scope { from: &from, aliases: &[], windows: &[], outer };
    let width = values.rows.iter().map(|row| row.content.len()).max().unwrap_or(0);
    let mut gathered: Vec<Gathered> = (0..width).map(|_| Gathered::default()).collect();
    for row in &values.rows {
        for (value, gathered) in row.content.iter().zip(&mut gathered) {
            gathered.add(&expression::read(reading, value, &scope)?);
        }
    }
    let columns = gathered.into_iter().enumerate().map(|(place, gathered)| {
        let name = match reading.dialect {
            Dialect::Duckdb => format!("col{place}"),
            Dialect::Postgres | Dialect::Redshift => format!("column{}", place + 1),
        };
        gathered.column(name)
    });
    Ok(Shape { columns: columns.collect(), rest: None })
}
