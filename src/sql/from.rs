//! `from`: tables, subqueries, functions and how they are joined.

use std::sync::Arc;

use sqlparser::ast::{Expr, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins};

use super::query::{self, Reading};
use super::scope::{From, Scope, Visible};
use super::shape::{Column, Gathered, Shape, merged};
use super::{Dialect, Influence, Kind, tables};

/// Which side's rows a join keeps, and whether the other side can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Left,
    Right,
    Full,
    /// Only the left side's columns are there afterwards.
    OnlyLeft,
    OnlyRight,
}

/// Reads the `from` of a `select`.
///
/// # Errors
/// What in it is not understood.
pub(super) fn read(
    reading: &mut Reading<'_>,
    tables: &[TableWithJoins],
    outer: Option<&Scope<'_>>,
) -> Result<From, String> {
    let mut all = From::default();
    for table in tables {
        let one = read_joined(reading, table, &all, outer)?;
        all = all.beside(one);
    }
    Ok(all)
}

/// A table with its joins; `before` can be seen from the tables that look sideways.
fn read_joined(
    reading: &mut Reading<'_>,
    table: &TableWithJoins,
    before: &From,
    outer: Option<&Scope<'_>>,
) -> Result<From, String> {
    let mut left = read_factor(reading, &table.relation, before, outer)?;
    for join in &table.joins {
        let sideways = before.clone().beside(left.clone());
        let right = read_factor(reading, &join.relation, &sideways, outer)?;
        left = read_join(reading, left, right, join, (before, outer))?;
    }
    Ok(left)
}

fn read_join(
    reading: &mut Reading<'_>,
    left: From,
    right: From,
    join: &Join,
    (before, outer): (&From, Option<&Scope<'_>>),
) -> Result<From, String> {
    let (side, constraint) = match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::StraightJoin(constraint) => (Side::Both, Some(constraint)),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (Side::Left, Some(constraint)),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (Side::Right, Some(constraint)),
        JoinOperator::FullOuter(constraint) => (Side::Full, Some(constraint)),
        JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint) => (Side::OnlyLeft, Some(constraint)),
        JoinOperator::RightSemi(constraint) | JoinOperator::RightAnti(constraint) => {
            (Side::OnlyRight, Some(constraint))
        }
        JoinOperator::CrossApply | JoinOperator::OuterApply => (Side::Both, None),
        JoinOperator::AsOf { match_condition, constraint } => {
            let both = before.clone().beside(left.clone()).beside(right.clone());
            let scope = Scope { from: &both, aliases: &[], windows: &[], outer };
            reading.decides(match_condition, &scope, Influence::Join)?;
            (Side::Left, Some(constraint))
        }
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
            return Err("`array join` is not understood".to_owned());
        }
    };
    match constraint {
        Some(JoinConstraint::On(condition)) => {
            let both = before.clone().beside(left.clone()).beside(right.clone());
            let scope = Scope { from: &both, aliases: &[], windows: &[], outer };
            reading.decides(condition, &scope, Influence::Join)?;
            Ok(kept(left, right, side))
        }
        Some(JoinConstraint::Using(names)) => {
            let names = names.iter().filter_map(|name| name.0.last()).filter_map(|part| part.as_ident());
            let names: Vec<Arc<str>> = names.map(|ident| reading.dialect.fold(ident)).collect();
            Ok(joined_using(reading, left, right, &names, side))
        }
        Some(JoinConstraint::Natural) => {
            if left.rests().chain(right.rests()).any(|rest| !rest.is_declared()) {
                return Err("a natural join of columns that are not all known".to_owned());
            }
            let right_names = right.shape().columns;
            let is_common = |column: &&Column| right_names.iter().any(|other| same(&other.name, &column.name));
            let names: Vec<Arc<str>> =
                left.shape().columns.iter().filter(is_common).map(|column| column.name.clone()).collect();
            Ok(joined_using(reading, left, right, &names, side))
        }
        Some(JoinConstraint::None) | None => Ok(kept(left, right, side)),
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn kept(left: From, right: From, side: Side) -> From {
    match side {
        Side::OnlyLeft => left,
        Side::OnlyRight => right,
        _ => left.beside(right),
    }
}

/// A join by columns that both sides have; they appear once.
fn joined_using(reading: &mut Reading<'_>, left: From, right: From, names: &[Arc<str>], side: Side) -> From {
    let pairs: Vec<(Column, Column)> = names.iter().map(|name| (of_side(&left, name), of_side(&right, name))).collect();
    for (one, other) in &pairs {
        reading.influence(&one.inputs, Influence::Join);
        reading.influence(&other.inputs, Influence::Join);
    }
    if matches!(side, Side::OnlyLeft | Side::OnlyRight) {
        return kept(left, right, side);
    }
    let common: Vec<Column> = pairs
        .into_iter()
        .zip(names)
        .map(|((one, other), name)| match side {
            Side::Right => other.named(name.clone()),
            Side::Full => {
                let data_type = one.data_type.clone();
                Column { data_type, ..merged(&one, &other).raised(Kind::Derived).named(name.clone()) }
            }
            _ => one.named(name.clone()),
        })
        .collect();
    let mut all = left.beside(right);
    let is_common = |column: &Column| names.iter().position(|name| same(name, &column.name));
    let mut visible: Vec<Visible> = Vec::with_capacity(all.visible.len());
    let mut placed = vec![false; common.len()];
    if reading.dialect != Dialect::Duckdb {
        // The common columns come first.
        visible.extend(common.iter().cloned().map(Visible::Merged));
        placed.fill(true);
    }
    for entry in &all.visible {
        let Some(place) = all.listed(entry).and_then(is_common) else {
            visible.push(entry.clone());
            continue;
        };
        if let (Some(done), Some(column)) = (placed.get_mut(place), common.get(place))
            && !std::mem::replace(done, true)
        {
            visible.push(Visible::Merged(column.clone()));
        }
    }
    for (column, done) in common.iter().zip(placed) {
        if !done {
            visible.push(Visible::Merged(column.clone()));
        }
    }
    all.visible = visible;
    all
}

/// A column of one side of a join, by name.
fn of_side(from: &From, name: &Arc<str>) -> Column {
    let scope = Scope { from, aliases: &[], windows: &[], outer: None };
    scope.column(name)
}

/// One table, subquery or function.
fn read_factor(
    reading: &mut Reading<'_>,
    factor: &TableFactor,
    before: &From,
    outer: Option<&Scope<'_>>,
) -> Result<From, String> {
    let sideways = Scope { from: before, aliases: &[], windows: &[], outer };
    match factor {
        TableFactor::Table { name, alias, args, with_ordinality, .. } => {
            let table = tables::Table { name, arguments: args.as_ref(), with_ordinality: *with_ordinality };
            let (path, shape) = tables::read(reading, &table, alias.as_ref(), &sideways)?;
            Ok(aliased(reading, path, shape, alias.as_ref()))
        }
        TableFactor::Derived { lateral, subquery, alias, .. } => {
            // DuckDB needs no word to look sideways.
            let looks = *lateral || reading.dialect == Dialect::Duckdb && !before.relations.is_empty();
            let shape = query::read(reading, subquery, if looks { Some(&sideways) } else { outer })?;
            Ok(aliased(reading, Vec::new(), shape, alias.as_ref()))
        }
        TableFactor::NestedJoin { table_with_joins, alias } => {
            let inner =
                stacker::maybe_grow(128 * 1024, 1024 * 1024, || read_joined(reading, table_with_joins, before, outer))?;
            match alias {
                Some(alias) => Ok(aliased(reading, Vec::new(), inner.shape(), Some(alias))),
                None => Ok(inner),
            }
        }
        TableFactor::Pivot { table, alias, .. } | TableFactor::Unpivot { table, alias, .. } => {
            let inner = stacker::maybe_grow(128 * 1024, 1024 * 1024, || read_factor(reading, table, before, outer))?;
            let shape = tables::read_turned(reading, factor, &inner, outer)?;
            Ok(aliased(reading, Vec::new(), shape, alias.as_ref()))
        }
        other => {
            let (name, shape, alias) = tables::read_function(reading, other, &sideways)?;
            Ok(aliased(reading, vec![name], shape, alias))
        }
    }
}

/// A relation under its alias, or under its own name.
fn aliased(reading: &Reading<'_>, path: Vec<Arc<str>>, shape: Shape, alias: Option<&TableAlias>) -> From {
    let Some(alias) = alias else { return From::one(path, shape) };
    let names: Vec<Arc<str>> = alias.columns.iter().map(|column| reading.dialect.fold(&column.name)).collect();
    let mut shape = shape.renamed(&names);
    for (column, definition) in shape.columns.iter_mut().zip(&alias.columns) {
        if let Some(data_type) = &definition.data_type {
            column.data_type = Some(reading.dialect.type_text(data_type));
        }
    }
    if let Some(at) = &alias.at {
        // Redshift's `from t.items as item at place`.
        let inputs = shape.row().column("").inputs;
        shape.columns.push(Column::of(reading.dialect.fold(at), inputs));
    }
    From::one(vec![reading.dialect.fold(&alias.name)], shape)
}

/// The inputs of expressions as one value.
pub(super) fn gathered(
    reading: &mut Reading<'_>,
    expressions: impl IntoIterator<Item = impl std::borrow::Borrow<Expr>>,
    scope: &Scope<'_>,
) -> Result<Gathered, String> {
    let mut gathered = Gathered::default();
    for expression in expressions {
        let column = super::expression::read(reading, expression.borrow(), scope)?;
        gathered.add_inputs(&column.inputs, Kind::Derived);
        gathered.add_unknown(column.unknown.as_ref());
    }
    Ok(gathered)
}
