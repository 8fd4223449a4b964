//! Functions of other warehouses on DuckDB.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::super::Dialect;
use super::{Check, Step, UNSURE, last_name, refuse};

/// Functions that mean the same on PostgreSQL, Redshift and DuckDB, and those that dbt's
/// cross-database macros put in for DuckDB.
const SAME: &str = "abs any_value arbitrary ascii bool_and bool_or ceil ceiling char_length character_length chr \
    coalesce concat_ws corr count cume_dist current_date current_timestamp date_diff date_part \
    date_trunc dense_rank exp first_value floor greatest lag last_value lead least left length ln \
    localtimestamp log lower lpad ltrim make_date max md5 min mod now nth_value ntile nullif \
    percent_rank percentile_cont percentile_disc pi position power rank repeat replace reverse right \
    round row_number rpad rtrim sign split_part sqrt stddev stddev_pop stddev_samp string_agg \
    string_split strpos sum translate trim upper variance";
/// Those that do so on PostgreSQL alone.
const SAME_AS_POSTGRES: &str = "avg concat cbrt var_pop var_samp";
/// Those that do so on Redshift alone.
const SAME_AS_REDSHIFT: &str = "last_day median var_samp";
/// Parts of a date that `dateadd` and `datediff` count in the same way, with DuckDB's word for an interval of them.
const PARTS: [(&str, &str, u32); 8] = [
    ("year", "years", 1),
    ("quarter", "months", 3),
    ("month", "months", 1),
    ("week", "days", 7),
    ("day", "days", 1),
    ("hour", "hours", 1),
    ("minute", "minutes", 1),
    ("second", "seconds", 1),
];

/// The arguments of a function, if all of them are plain expressions.
pub(super) fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let plain = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    });
    plain.collect()
}

impl Check {
    pub(super) fn function(&mut self, expression: &mut Expr) -> Step {
        let Expr::Function(function) = &*expression else { return ControlFlow::Continue(()) };
        let name = last_name(&function.name);
        let own = if self.dialect == Dialect::Redshift { SAME_AS_REDSHIFT } else { SAME_AS_POSTGRES };
        if SAME.split_whitespace().chain(own.split_whitespace()).any(|same| same == name) {
            if name == "date_part"
                && arguments(function)
                    .is_some_and(|all| all.first().is_some_and(|part| is_of_second(&part.to_string())))
            {
                return refuse(format!("of `{expression}`"));
            }
            if matches!(name.as_str(), "concat" | "concat_ws")
                && let Some(number) =
                    arguments(function).into_iter().flatten().find(|number| super::has_other_text(number))
            {
                return refuse(format!("of the text of `{number}`"));
            }
            if name == "percentile_cont" || name == "median" {
                return self.between_doubles(expression);
            }
            if UNSURE.contains(&name.as_str()) && !super::has_fraction(expression) {
                self.is_unsure(expression);
            }
            return ControlFlow::Continue(());
        }
        match self.in_other_words(&name, function) {
            Some(text) => self.replace(expression, &text),
            None => refuse(format!("of `{}(...)`", function.name)),
        }
    }

    /// What lies between two decimals has as few digits as they have on DuckDB: there it is asked of doubles.
    fn between_doubles(&mut self, expression: &mut Expr) -> Step {
        let Expr::Function(function) = expression else { return ControlFlow::Continue(()) };
        let numbers: Vec<&mut Expr> = match &mut function.args {
            FunctionArguments::List(list) if function.within_group.is_empty() => {
                list.args.iter_mut().filter_map(plain).collect()
            }
            _ => function.within_group.iter_mut().map(|order| &mut order.expr).collect(),
        };
        for number in numbers {
            let text = format!("cast({number} as double)");
            if let ControlFlow::Break(reason) = self.replace(number, &text) {
                return ControlFlow::Break(reason);
            }
        }
        ControlFlow::Continue(())
    }

    /// A call of a function that DuckDB has under another name, or in another form.
    fn in_other_words(&self, name: &str, function: &Function) -> Option<String> {
        let arguments = arguments(function)?;
        let plain = function.over.is_none() && function.filter.is_none();
        let text = match (name, arguments.as_slice()) {
            ("btrim", [text]) => format!("trim({text})"),
            ("btrim", [text, letters]) => format!("trim({text}, {letters})"),
            _ if self.dialect != Dialect::Redshift => return None,
            ("getdate" | "sysdate", []) => "cast(current_timestamp as timestamp)".to_owned(),
            ("nvl", all) if !all.is_empty() => format!("coalesce({})", joined(all)),
            ("nvl2", [value, present, absent]) => {
                format!("case when {value} is not null then {present} else {absent} end")
            }
            ("len", [text]) => format!("length({text})"),
            ("charindex", [part, text]) => format!("strpos({text}, {part})"),
            ("dateadd", [part, number, moment]) => {
                let (_, unit, times) = PARTS.into_iter().find(|(word, ..)| is_part(part, word))?;
                format!("(cast({moment} as timestamp) + to_{unit}(cast({number} as integer) * {times}))")
            }
            // Weeks begin on another day.
            ("datediff", [part, first, last]) if !is_part(part, "week") => {
                let (word, ..) = PARTS.into_iter().find(|(word, ..)| is_part(part, word))?;
                format!("date_diff('{word}', cast({first} as timestamp), cast({last} as timestamp))")
            }
            ("listagg", [value, rest @ ..]) if plain && rest.len() < 2 => {
                let delimiter = rest.first().map_or_else(|| "''".to_owned(), ToString::to_string);
                let order: Vec<String> = function.within_group.iter().map(ToString::to_string).collect();
                let order = if order.is_empty() { String::new() } else { format!(" order by {}", order.join(", ")) };
                let FunctionArguments::List(list) = &function.args else { return None };
                let distinct = if list.duplicate_treatment.is_some() { "distinct " } else { "" };
                format!("string_agg({distinct}cast({value} as varchar), {delimiter}{order})")
            }
            _ => return None,
        };
        plain.then_some(text)
    }
}

fn plain(argument: &mut FunctionArg) -> Option<&mut Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    }
}

/// Whether a part of a moment, with or without quotes, is one in which the fraction of a second counts.
pub(super) fn is_of_second(part: &str) -> bool {
    let part = part.trim_matches('\'').to_lowercase();
    matches!(part.as_str(), "second" | "seconds" | "sec" | "secs" | "s" | "ms")
        || part.starts_with("millisecond")
        || part.starts_with("msec")
}

fn joined(arguments: &[&Expr]) -> String {
    arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// `day` or `'day'`.
fn is_part(argument: &Expr, word: &str) -> bool {
    argument.to_string().trim_matches('\'').eq_ignore_ascii_case(word)
}
