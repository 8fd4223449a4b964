//! One `select`: its list, and what decides its rows.

use std::sync::Arc;

use sqlparser::ast::{
    ConnectByKind, Distinct, ExcludeSelectItem, Expr, GroupByExpr, GroupByWithModifier, Ident, ObjectName, OrderBy,
    OrderByKind, RenameSelectItem, Select, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::query::Reading;
use super::scope::{From, Scope, Visible};
use super::shape::{Column, Rest, Shape};
use super::{Dialect, Influence, Kind, expression, from, names};

/// Reads a `select`; `sorting` is the order that decides its rows, if one does.
///
/// # Errors
/// What in it is not understood.
pub(super) fn read(
    reading: &mut Reading<'_>,
    select: &Select,
    outer: Option<&Scope<'_>>,
    sorting: Option<&OrderBy>,
) -> Result<Shape, String> {
    if !select.lateral_views.is_empty() {
        return Err("`lateral view` is not understood".to_owned());
    }
    let from = from::read(reading, &select.from, outer)?;
    let bound = reading.bound.len();
    if !select.connect_by.is_empty() && from.places("level").is_empty() {
        // How deep in the hierarchy a row is: no column of anything.
        reading.bound.push("level".into());
    }
    let shape = read_list(reading, select, &from, (outer, sorting));
    reading.bound.truncate(bound);
    shape
}

/// The list of a `select` whose `from` is read, and everything behind.
fn read_list(
    reading: &mut Reading<'_>,
    select: &Select,
    from: &From,
    (outer, sorting): (Option<&Scope<'_>>, Option<&OrderBy>),
) -> Result<Shape, String> {
    let mut shape = Shape::default();
    if select.projection.is_empty() {
        // `from t` alone gives everything.
        shape = if select.from.is_empty() { shape } else { from.shape() };
    }
    for item in &select.projection {
        let scope = Scope { from, aliases: &shape.columns, windows: &select.named_window, outer };
        let more = read_item(reading, item, &scope)?;
        shape.columns.extend(more.columns);
        shape.rest = match (shape.rest, more.rest) {
            (Some(one), Some(other)) => Rest::of_all(vec![&one, &other]),
            (one, other) => one.or(other),
        };
    }
    if let Some(exclude) = &select.exclude {
        let excluded = excluded(exclude);
        shape.columns.retain(|column| !excluded.iter().any(|name| name.eq_ignore_ascii_case(&column.name)));
    }
    let scope = Scope { from, aliases: &shape.columns, windows: &select.named_window, outer };
    read_conditions(reading, select, &scope)?;
    read_grouping(reading, select, &scope)?;
    if let Some(order) = sorting {
        read_order(reading, order, &scope)?;
    }
    Ok(shape)
}

fn read_conditions(reading: &mut Reading<'_>, select: &Select, scope: &Scope<'_>) -> Result<(), String> {
    let conditions = [&select.selection, &select.prewhere, &select.having, &select.qualify];
    for condition in conditions.into_iter().flatten() {
        reading.decides(condition, scope, Influence::Filter)?;
    }
    if let Some(Distinct::On(expressions)) = &select.distinct {
        for expression in expressions {
            decide_by(reading, expression, scope, Influence::Filter)?;
        }
    }
    for connect in &select.connect_by {
        let conditions = match connect {
            ConnectByKind::ConnectBy { relationships, .. } => relationships.iter().collect(),
            ConnectByKind::StartWith { condition, .. } => vec![condition.as_ref()],
        };
        for condition in conditions {
            reading.decides(condition, scope, Influence::Filter)?;
        }
    }
    Ok(())
}

fn read_grouping(reading: &mut Reading<'_>, select: &Select, scope: &Scope<'_>) -> Result<(), String> {
    let modifiers = match &select.group_by {
        GroupByExpr::All(modifiers) => {
            let is_key = |column: &&Column| column.inputs.iter().all(|input| input.kind != Kind::Aggregated);
            let keys: Vec<Column> = scope.aliases.iter().filter(is_key).cloned().collect();
            keys.iter().for_each(|column| reading.influence(&column.inputs, Influence::Group));
            modifiers
        }
        GroupByExpr::Expressions(expressions, modifiers) => {
            for expression in expressions {
                decide_by(reading, expression, scope, Influence::Group)?;
            }
            modifiers
        }
    };
    for modifier in modifiers {
        if let GroupByWithModifier::GroupingSets(sets) = modifier {
            reading.decides(sets, scope, Influence::Group)?;
        }
    }
    Ok(())
}

fn read_order(reading: &mut Reading<'_>, order: &OrderBy, scope: &Scope<'_>) -> Result<(), String> {
    match &order.kind {
        OrderByKind::All(_) => {
            let columns = scope.aliases.to_vec();
            columns.iter().for_each(|column| reading.influence(&column.inputs, Influence::Sort));
        }
        OrderByKind::Expressions(expressions) => {
            for by in expressions {
                decide_by(reading, &by.expr, scope, Influence::Sort)?;
            }
        }
    }
    Ok(())
}

/// Notes an expression that may also be the place or the alias of an output column.
fn decide_by(reading: &mut Reading<'_>, expression: &Expr, scope: &Scope<'_>, how: Influence) -> Result<(), String> {
    let alias = match expression {
        Expr::Identifier(ident) => {
            let name = reading.dialect.fold(ident);
            scope.aliases.iter().find(|column| column.name.eq_ignore_ascii_case(&name))
        }
        other => expression::place(other).and_then(|place| scope.aliases.get(place)),
    };
    match alias {
        Some(column) => {
            let inputs = column.inputs.clone();
            reading.influence(&inputs, how);
            Ok(())
        }
        None => reading.decides(expression, scope, how),
    }
}

fn read_item(reading: &mut Reading<'_>, item: &SelectItem, scope: &Scope<'_>) -> Result<Shape, String> {
    let one = |column: Column| Shape { columns: vec![column], rest: None };
    match item {
        SelectItem::UnnamedExpr(expression) => {
            if let Some(shape) = read_several(reading, expression, scope)? {
                return Ok(shape);
            }
            let column = expression::read(reading, expression, scope)?;
            if unpacks_a_struct(expression, reading.dialect) {
                return Ok(fields(&column, &expression.to_string()));
            }
            let name = match expression {
                // A column keeps the name that its relation gives it.
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) if !column.name.is_empty() => column.name.clone(),
                _ => names::of_expression(expression, reading.dialect),
            };
            Ok(one(column.named(name)))
        }
        SelectItem::ExprWithAlias { expr, alias } => {
            let column = expression::read(reading, expr, scope)?;
            Ok(one(column.named(reading.dialect.fold(alias))))
        }
        SelectItem::ExprWithAliases { expr, aliases } => {
            let column = expression::read(reading, expr, scope)?.raised(Kind::Derived);
            let columns = aliases.iter().map(|alias| column.clone().named(reading.dialect.fold(alias)));
            Ok(Shape { columns: columns.collect(), rest: None })
        }
        SelectItem::Wildcard(options) => {
            let shape = expand(reading, scope.from);
            read_wildcard(reading, shape, options, scope)
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
            let shape = qualified(reading, name, scope)?;
            read_wildcard(reading, shape, options, scope)
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expression), options) => {
            let column = expression::read(reading, expression, scope)?;
            let shape = fields(&column, &expression.to_string());
            read_wildcard(reading, shape, options, scope)
        }
    }
}

/// All columns of a `from`; those whose relation's columns were written down are taken for all.
fn expand(reading: &mut Reading<'_>, from: &From) -> Shape {
    for visible in &from.visible {
        if let Visible::Rest(relation) = visible {
            let rest = from.relations.get(*relation).and_then(|relation| relation.shape.rest.as_ref());
            assume(reading, rest);
        }
    }
    from.shape()
}

fn assume(reading: &mut Reading<'_>, rest: Option<&Rest>) {
    if let Some(Rest::Of { base, declared: true }) = rest {
        reading.assumed.insert(*base);
    }
}

fn qualified(reading: &mut Reading<'_>, name: &ObjectName, scope: &Scope<'_>) -> Result<Shape, String> {
    let path = names::parts(name, reading.dialect);
    let mut place = Some(scope);
    while let Some(scope) = place {
        if let Some(shape) = scope.from.columns_of(&path) {
            assume(reading, shape.rest.as_ref());
            return Ok(shape.clone());
        }
        place = scope.outer;
    }
    // `column.*`: the fields of a value.
    let idents: Option<Vec<Ident>> = name.0.iter().map(|part| part.as_ident().cloned()).collect();
    let column = match idents.as_deref() {
        Some([ident]) => scope.name(ident, reading.dialect),
        Some(idents) => scope.path(idents, reading.dialect),
        None => return Err(format!("`{name}.*` is not understood")),
    };
    Ok(fields(&column, &name.to_string()))
}

fn fields(column: &Column, text: &str) -> Shape {
    let reason = format!("the fields of `{text}` are not known").into();
    Shape { columns: Vec::new(), rest: Some(Rest::Parts { inputs: column.inputs.clone(), reason }) }
}

fn read_wildcard(
    reading: &mut Reading<'_>,
    mut shape: Shape,
    options: &WildcardAdditionalOptions,
    scope: &Scope<'_>,
) -> Result<Shape, String> {
    let mut left_out = options.opt_exclude.as_ref().map(excluded).unwrap_or_default();
    if let Some(except) = &options.opt_except {
        left_out.extend(std::iter::once(&except.first_element).chain(&except.additional_elements).map(of_ident));
    }
    let is = |column: &Column, name: &str| column.name.eq_ignore_ascii_case(name);
    shape.columns.retain(|column| !left_out.iter().any(|name| is(column, name)));
    if let Some(like) = &options.opt_ilike {
        let pattern = like.pattern.to_lowercase();
        shape.columns.retain(|column| is_like(&column.name.to_lowercase(), &pattern));
    }
    for element in options.opt_replace.iter().flat_map(|replace| &replace.items) {
        let name = of_ident(&element.column_name);
        let column = expression::read(reading, &element.expr, scope)?;
        match shape.columns.iter_mut().find(|have| is(have, &name)) {
            Some(have) => *have = column.named(have.name.clone()),
            // One of those that are not known: it is there, at a place that is not known.
            None => shape.columns.push(column.named(name)),
        }
    }
    let renamings = match &options.opt_rename {
        Some(RenameSelectItem::Single(one)) => std::slice::from_ref(one),
        Some(RenameSelectItem::Multiple(several)) => several,
        None => &[],
    };
    for renaming in renamings {
        let name = of_ident(&renaming.ident);
        let alias = reading.dialect.fold(&renaming.alias);
        match shape.columns.iter_mut().find(|have| is(have, &name)) {
            Some(have) => have.name = alias,
            None => shape.columns.extend(shape.rest.as_ref().map(|rest| rest.column(&name).named(alias))),
        }
    }
    Ok(shape)
}

fn of_ident(ident: &Ident) -> Arc<str> {
    ident.value.as_str().into()
}

fn excluded(exclude: &ExcludeSelectItem) -> Vec<Arc<str>> {
    let last = |name: &ObjectName| name.0.last().and_then(|part| part.as_ident()).map(of_ident);
    match exclude {
        ExcludeSelectItem::Single(name) => last(name).into_iter().collect(),
        ExcludeSelectItem::Multiple(names) => names.iter().filter_map(last).collect(),
    }
}

/// Whether a text is like a pattern with `%` and `_`.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut expression = String::from("(?s)^");
    for character in pattern.chars() {
        match character {
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    regex::Regex::new(&expression).is_ok_and(|expression| expression.is_match(text))
}

/// Whether this may be DuckDB's `unnest` of a struct, which gives a column for each field
/// (duckdb.org/docs/stable/sql/query_syntax/unnest). Of a list that is written out it gives one.
fn unpacks_a_struct(expression: &Expr, dialect: Dialect) -> bool {
    let Expr::Function(function) = expression else { return false };
    let sqlparser::ast::FunctionArguments::List(list) = &function.args else { return false };
    let is_list = list.args.len() == 1
        && matches!(
            list.args.first(),
            Some(sqlparser::ast::FunctionArg::Unnamed(sqlparser::ast::FunctionArgExpr::Expr(Expr::Array(_))))
        );
    dialect == Dialect::Duckdb && names::function_name(&function.name) == "unnest" && !is_list
}

/// DuckDB's `columns(...)`: the expression once for each column that it stands for.
/// Source: duckdb.org/docs/stable/sql/expressions/star
fn read_several(reading: &mut Reading<'_>, expression: &Expr, scope: &Scope<'_>) -> Result<Option<Shape>, String> {
    if reading.dialect != Dialect::Duckdb {
        return Ok(None);
    }
    let Some(choice) = expression::columns_choice(expression) else { return Ok(None) };
    let mut shape = expand(reading, scope.from);
    match choice {
        expression::Choice::All(options) => {
            if let Some(options) = options {
                shape = read_wildcard(reading, shape, options, scope)?;
            }
        }
        expression::Choice::Matching(pattern) => {
            let pattern = regex::Regex::new(&pattern).map_err(|error| format!("`columns('{pattern}')`: {error}"))?;
            shape.columns.retain(|column| pattern.is_match(&column.name));
        }
        expression::Choice::Unclear => return Err("`columns` with a function is not understood".to_owned()),
    }
    let columns = std::mem::take(&mut shape.columns);
    for column in columns {
        let name = column.name.clone();
        let before = reading.columns_item.replace(column);
        let read = expression::read(reading, expression, scope);
        reading.columns_item = before;
        shape.columns.push(read?.named(name));
    }
    if let Some(rest) = &shape.rest
        && !matches!(expression, Expr::Function(_))
    {
        shape.rest = Some(Rest::Unclear {
            reason: "an expression over `columns` that are not all known".into(),
            declared: rest.is_declared(),
        });
    }
    Ok(Some(shape))
}
