//! What a data test asks of a relation, in a form in which several tests share one query.
//!
//! A generic test of tform's own packages may have a gate: a macro beside it, whose name says its
//! [`Form`] (`src/builtin/README.md` has the convention). [`of`] finds the gate of a test;
//! [`figure`] turns a compiled test into an aggregate that is zero exactly when the test's own
//! query gives no row; [`query`] asks for the figures of several tests at once.
//!
//! A gate only ever proves that nothing fails. Whatever it says else, and whatever is unusual about
//! a test, the test's own SQL is run: so counts, messages and stored failures are those of a test
//! by itself.

use std::sync::Arc;

use minijinja::Value;

use super::host::NodeHost;
use super::runtime::{MacroOrigin, Runtime};
use super::{Compiled, Rendering};
use crate::jinja::{Arguments, Scope, relation_object, values};
use crate::load;
use crate::manifest::Node;
use crate::sql::{self, Dialect};

/// How a gate's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A predicate that is true for the rows that fail.
    Rows,
    /// An aggregate over all rows: zero or null if nothing fails.
    Figure,
    /// An expression that no two rows may share, null aside.
    Unique,
    /// The test's own query is counted.
    Query,
}

/// Gates that one query asks together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// They read a relation once, and keep nothing but counts.
    Scan,
    /// They read a relation once, and keep its values.
    Unique,
    /// Each reads for itself: only the statement is shared.
    Query,
}

impl Family {
    pub const ALL: [Family; 3] = [Family::Scan, Family::Unique, Family::Query];

    /// The word for it in names of files.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Scan => "scan",
            Family::Unique => "unique",
            Family::Query => "query",
        }
    }
}

impl Form {
    const ALL: [(Form, &str); 4] =
        [(Form::Rows, "rows"), (Form::Figure, "figure"), (Form::Unique, "unique"), (Form::Query, "query")];

    pub fn family(self) -> Family {
        match self {
            Form::Rows | Form::Figure => Family::Scan,
            Form::Unique => Family::Unique,
            Form::Query => Family::Query,
        }
    }
}

/// The gate of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    pub form: Form,
    /// With its package.
    macro_name: String,
}

/// Macros that decide what becomes of any test's query.
const JUDGES: [&str; 3] = ["get_test_sql", "get_limit_subquery_sql", "statement"];
/// Those of them that dispatch, by the name that they dispatch to.
const DISPATCHED_JUDGES: [&str; 3] = ["get_test_sql", "get_limit_sql", "get_limit_subquery_sql"];

/// Whether tests are run as tform's own macros do it: only then is known what a query without rows means.
pub fn tests_are_judged_as_usual(runtime: &Runtime) -> bool {
    let root = &runtime.globals.project_name;
    let is_ours = |package: &str| runtime.internal_packages.iter().any(|internal| internal == package);
    let plain = |name: &&str| runtime.engine.resolve(name, root).is_some_and(|found| load::is_builtin(&found.file));
    let dispatched = |name: &&str| package_of(runtime, name, "dbt", root).is_none_or(|package| is_ours(&package));
    let materialization = runtime.materialization("test");
    materialization.is_some_and(|found| found.origin == MacroOrigin::BuiltIn)
        && JUDGES.iter().all(plain)
        && DISPATCHED_JUDGES.iter().all(dispatched)
}

/// The package of the macro that a dispatch finds.
fn package_of(runtime: &Runtime, name: &str, namespace: &str, package: &str) -> Option<String> {
    let found = runtime.engine.dispatch(name, Some(namespace), package).ok()?;
    found.get_attr("package_name").ok().map(|package| values::text(&package))
}

/// The gate of a test, if it has one and is known to pass when its query gives no row.
pub fn of(runtime: &Runtime, node: &Node) -> Option<Gate> {
    let test = &node.generic_test()?.test_metadata;
    let own = format!("test_{}", test.name);
    let written = test.namespace.as_ref().map_or_else(|| own.clone(), |namespace| format!("{namespace}.{own}"));
    let found = runtime.engine.resolve(&written, &node.package_name)?;
    if !load::is_builtin(&found.file) {
        return None;
    }
    let package = &found.package;
    let is_ours = |package: &str| runtime.internal_packages.iter().any(|internal| internal == package);
    if package_of(runtime, &own, package, &node.package_name).is_some_and(|package| !is_ours(&package)) {
        return None;
    }
    let gate = Form::ALL.into_iter().find_map(|(form, word)| {
        let macro_name = format!("{package}.tf_gate_{word}_{}", test.name);
        runtime.engine.resolve(&macro_name, &node.package_name).map(|_| Gate { form, macro_name })
    })?;
    passes_without_rows(runtime, node).then_some(gate)
}

/// Whether a test's configs are such that it passes, and leaves nothing, when its query gives no row.
fn passes_without_rows(runtime: &Runtime, node: &Node) -> bool {
    let config = &node.config;
    let plain = |key: &str, usual: &str| match config.get(key) {
        None => true,
        Some(value) => value.as_str().is_some_and(|text| text.split_whitespace().collect::<String>() == usual),
    };
    let stores = node.keeps_failures(runtime.flags.store_failures);
    let limit = config.get("limit").is_none_or(|limit| limit.is_null() || limit.as_u64().is_some());
    let quiet = |key: &str| match config.get(key) {
        None => true,
        Some(condition) => condition.as_str().is_some_and(|text| holds_at_zero(text) == Some(false)),
    };
    let header = config.get("sql_header").is_none_or(serde_json::Value::is_null);
    plain("fail_calc", "count(*)") && !stores && limit && quiet("warn_if") && quiet("error_if") && header
}

/// Whether a condition such as `> 10` holds for zero; `None` if it is written in another way.
fn holds_at_zero(condition: &str) -> Option<bool> {
    let condition = condition.trim();
    let split = condition.find(|character: char| !matches!(character, '<' | '>' | '=' | '!'))?;
    let (operator, number) = condition.split_at(split);
    let number = number.trim();
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_zero = number.parse::<u64>().ok()? == 0;
    match operator {
        "=" | "<=" if is_zero => Some(true),
        "=" => Some(false),
        "!=" | "<>" | "<" => Some(!is_zero),
        "<=" => Some(true),
        ">" => Some(false),
        ">=" => Some(is_zero),
        _ => None,
    }
}

/// A test's question to a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What stands after `from`; `None` where the figure reads for itself.
    pub relation: Option<String>,
    /// The rows that the test is about.
    filter: Option<String>,
    form: Form,
    text: String,
}

/// The figure of a compiled test; `None` if it has to be run by itself.
///
/// `host` is the test's own.
pub fn figure(rendering: &Rendering<'_>, node: &Arc<Node>, gate: &Gate, compiled: &Compiled) -> Option<Figure> {
    if !compiled.ctes.is_empty() {
        return None;
    }
    if gate.form == Form::Query {
        return Some(Figure { relation: None, filter: None, form: gate.form, text: compiled.sql.trim().to_owned() });
    }
    let runtime = rendering.runtime;
    let test = &node.generic_test()?.test_metadata;
    let host = NodeHost::new(runtime, node, rendering.worker.clone(), Vec::new());
    let context = super::context(runtime, node, host.clone());
    let arguments = super::test_arguments(runtime, node, &test.kwargs, (&context, &host)).ok()?;
    let call = test.kwargs.get("model")?.as_str()?;
    let call = call.strip_prefix("{{ get_where_subquery(")?.strip_suffix(") }}")?;
    let relation = super::evaluate(runtime, node, &format!("{{{{ {call} }}}}"), &context).ok()?;
    let relation = relation_object::relation_of(&relation)?.to_string();
    let model = values::text(&arguments.get_attr("model").ok()?);
    let filter = filter_of(&model, &relation)?;
    let named = values::pairs(&arguments)?.into_iter().map(|(name, value)| match values::text(&name).as_str() {
        "model" => ("model".into(), Value::from(relation.as_str())),
        name => (name.into(), value),
    });
    let arguments = Arguments { positional: Vec::new(), named: named.collect() };
    let scope = Scope::new(&node.package_name, context);
    let text = values::text(&runtime.engine.call(&gate.macro_name, arguments, &scope).ok()?.value);
    let text = text.trim();
    is_askable(gate.form, text, filter, runtime.capabilities().dialect).then(|| Figure {
        filter: filter.map(str::to_owned),
        form: gate.form,
        text: text.to_owned(),
        relation: Some(relation),
    })
}

/// The filter in what `get_where_subquery` made of a relation; `None` if it made something unusual.
fn filter_of<'a>(model: &'a str, relation: &str) -> Option<Option<&'a str>> {
    if model == relation {
        return Some(None);
    }
    let rest = model.strip_prefix("(select * from ")?.strip_prefix(relation)?;
    Some(Some(rest.strip_prefix(" where ")?.strip_suffix(") dbt_subquery")?))
}

/// Whether the texts are such that they mean in a shared query what they mean in the test's own.
fn is_askable(form: Form, text: &str, filter: Option<&str>, dialect: Dialect) -> bool {
    let Some(asked) = sql::scalar(text, dialect) else { return false };
    match filter {
        None => true,
        // It looks at all rows.
        Some(_) if form == Form::Figure => false,
        // The test sees the rows under another name, so that a name in its text means something else.
        Some(_) if asked.is_qualified => false,
        Some(filter) => sql::scalar(filter, dialect).is_some(),
    }
}

impl Figure {
    /// The query of the rows that fail, if the figure is about single rows.
    pub fn failing_rows(&self) -> Option<String> {
        let relation = self.relation.as_deref().filter(|_| self.form == Form::Rows)?;
        let failing = guarded(&self.text, self.filter.as_deref());
        Some(format!("select * from {relation} where {failing}"))
    }

    /// What is zero or null if nothing fails, of the rows that `filter` lets through.
    fn aggregate(&self, filter: Option<&str>) -> String {
        let text = &self.text;
        let guarded = |inner: &str| guarded(inner, filter);
        match self.form {
            Form::Figure => text.clone(),
            Form::Rows => format!("count({})", guarded(&format!("case when {text} then 1 end"))),
            Form::Unique => {
                // A row of nulls is null, but it is counted: so nulls are asked for.
                let value = guarded(&format!("case when ({text}) is not null then ({text}) end"));
                let present = guarded(&format!("case when ({text}) is not null then 1 end"));
                format!("count({present}) - count(distinct {value})")
            }
            Form::Query => format!("(select count(*) from (\n{text}\n) tf_rows)"),
        }
    }
}

/// The query for some figures of one relation, in their order.
pub fn query(figures: &[&Figure]) -> String {
    let mut filters: Vec<&str> = figures.iter().filter_map(|figure| figure.filter.as_deref()).collect();
    // Rows that no figure is about need not be read: an index or a sort key may find the others.
    let all_filter = !figures.is_empty() && filters.len() == figures.len();
    filters.sort_unstable();
    filters.dedup();
    let is_common = all_filter && filters.len() == 1;
    let column = |(at, figure): (usize, &&Figure)| {
        let filter = figure.filter.as_deref().filter(|_| !is_common);
        format!("  {} as tf_{}", figure.aggregate(filter), at + 1)
    };
    let columns: Vec<String> = figures.iter().enumerate().map(column).collect();
    let mut sql = format!("select\n{}", columns.join(",\n"));
    if let Some(relation) = figures.first().and_then(|figure| figure.relation.as_deref()) {
        sql.push_str(&format!("\nfrom {relation}"));
    }
    // Conditions of which one of several parts has to hold.
    let mut conditions: Vec<Vec<String>> = Vec::new();
    if all_filter {
        conditions.push(filters.iter().map(|filter| format!("({filter})")).collect());
    }
    // Most rows fail nothing: one condition that ends at its first true part is cheaper than all the counts.
    if !figures.is_empty() && figures.iter().all(|figure| figure.form == Form::Rows) {
        let failing = figures.iter().map(|figure| {
            let filter = figure.filter.as_deref().filter(|_| !is_common);
            format!("({})", guarded(&figure.text, filter))
        });
        conditions.push(failing.collect());
    }
    let is_lone = conditions.len() == 1;
    let any_of = |parts: &Vec<String>| match parts.as_slice() {
        [only] => only.clone(),
        parts if is_lone => parts.join("\n  or "),
        parts => format!("({})", parts.join("\n  or ")),
    };
    let conditions: Vec<String> = conditions.iter().map(any_of).collect();
    if !conditions.is_empty() {
        sql.push_str(&format!("\nwhere {}", conditions.join("\n  and ")));
    }
    sql
}

/// `inner` where the filter lets a row through, null elsewhere: there an expression may not even be valid.
fn guarded(inner: &str, filter: Option<&str>) -> String {
    match filter {
        None => inner.to_owned(),
        Some(filter) => format!("case when ({filter}) then {inner} end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_at_zero() {
        for (condition, expected) in [
            ("!= 0", Some(false)),
            (">10", Some(false)),
            (">= 0", Some(true)),
            ("=0", Some(true)),
            ("<= 3", Some(true)),
            ("< 0", Some(false)),
            ("<> 1", Some(true)),
            ("between 1 and 2", None),
            ("> -1", None),
            ("> 1 or 1 = 1", None),
            ("", None),
        ] {
            assert_eq!(holds_at_zero(condition), expected, "{condition}");
        }
    }

    #[test]
    fn the_filter_is_found_in_the_usual_subquery_only() {
        let check = |model: &str, expected| assert_eq!(filter_of(model, "\"a\".\"b\""), expected, "{model}");
        check("\"a\".\"b\"", Some(None));
        check("(select * from \"a\".\"b\" where x = 1) dbt_subquery", Some(Some("x = 1")));
        check("(select * from \"a\".\"b\" limit 1) dbt_subquery", None);
        check("\"a\".\"c\"", None);
    }

    fn figure(form: Form, text: &str, filter: Option<&str>) -> Figure {
        Figure { relation: Some("a".into()), filter: filter.map(str::to_owned), form, text: text.to_owned() }
    }

    #[test]
    fn a_filter_guards_what_is_asked() {
        let (plain, filtered) = (figure(Form::Rows, "a is null", None), figure(Form::Rows, "b is null", Some("c > 1")));
        insta::assert_snapshot!(query(&[&plain, &filtered]), @r"
        select
          count(case when a is null then 1 end) as tf_1,
          count(case when (c > 1) then case when b is null then 1 end end) as tf_2
        from a
        where (a is null)
          or (case when (c > 1) then b is null end)
        ");
        insta::assert_snapshot!(query(&[&figure(Form::Unique, "k", None)]), @r"
        select
          count(case when (k) is not null then 1 end) - count(distinct case when (k) is not null then (k) end) as tf_1
        from a
        ");
    }

    #[test]
    fn only_rows_that_somebody_asks_about_are_read() {
        let first = figure(Form::Rows, "a is null", Some("c > 1"));
        let (same, other) = (Figure { text: "b is null".into(), ..first.clone() }, figure(Form::Rows, "x", Some("d")));
        insta::assert_snapshot!(query(&[&first, &same]), @r"
        select
          count(case when a is null then 1 end) as tf_1,
          count(case when b is null then 1 end) as tf_2
        from a
        where (c > 1)
          and ((a is null)
          or (b is null))
        ");
        insta::assert_snapshot!(query(&[&first, &other]), @r"
        select
          count(case when (c > 1) then case when a is null then 1 end end) as tf_1,
          count(case when (d) then case when x then 1 end end) as tf_2
        from a
        where ((c > 1)
          or (d))
          and ((case when (c > 1) then a is null end)
          or (case when (d) then x end))
        ");
    }

    #[test]
    fn what_would_mean_something_else_is_not_asked() {
        let check = |form, text: &str, filter| is_askable(form, text, filter, Dialect::Postgres);
        assert!(check(Form::Rows, "a is null", Some("b > 1")));
        assert!(check(Form::Rows, "t.a is null", None));
        assert!(!check(Form::Rows, "a is null", Some("b > 1 limit 3")));
        assert!(!check(Form::Rows, "t.a is null", Some("b > 1")));
        assert!(!check(Form::Unique, "a, b", None));
        assert!(!check(Form::Figure, "count(*)", Some("b > 1")));
    }
}
