//! From text to a syntax tree, on a stack that is large enough for it.
//!
//! A tree of a long chain (`a or b or ...`, `union all` of a thousand queries) is as deep as
//! the chain is long, and to drop it takes a stack as deep. A level takes at least one word
//! or operator of the text, so their number bounds the depth.

mod rewrite;

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::{self as dialects, Dialect as Grammar};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::Dialect;

/// Bytes of stack for a level of the tree, in a build without optimisation.
const LEVEL: usize = 2048;
/// The deepest chain that is read; 400 MB of addresses, of which only what is used is taken.
const DEEPEST: usize = 200_000;
/// How deep parentheses and the like may nest.
pub(super) const NESTING: usize = 400;
/// Deeper parentheses at the start of a `from` are tried in both meanings, at each level.
const FROM_NESTING: usize = 12;

/// Calls `then` with the query that `sql` is.
///
/// # Errors
/// If it is not one query, or not in a syntax that is known here.
pub(super) fn with_query<T>(sql: &str, dialect: Dialect, then: impl FnOnce(&Query) -> T) -> Result<T, String> {
    let own = grammar(dialect);
    measured(tokens(sql, own)?, |_| {
        // What only the parser of this dialect does not know may be known to the general one.
        let general = |error| parse(sql, &dialects::GenericDialect {}, dialect).map_err(|_| error);
        let query = parse(sql, own, dialect).or_else(general)?;
        Ok(then(&query))
    })?
}

/// The grammar of a dialect.
pub(super) fn grammar(dialect: Dialect) -> &'static dyn Grammar {
    match dialect {
        Dialect::Duckdb => &dialects::DuckDbDialect,
        Dialect::Postgres => &dialects::PostgreSqlDialect {},
        Dialect::Redshift => &dialects::RedshiftSqlDialect {},
    }
}

/// Calls `then` on a stack that is large enough for the tree of these tokens.
///
/// # Errors
/// If they are more than any stack holds.
pub(super) fn measured<T>(tokens: Vec<TokenWithSpan>, then: impl FnOnce(Vec<TokenWithSpan>) -> T) -> Result<T, String> {
    let depth = depth(&tokens)?;
    Ok(stacker::maybe_grow(64 * 1024 + depth * LEVEL, 256 * 1024 + depth * LEVEL, || then(tokens)))
}

pub(super) fn tokens(sql: &str, grammar: &dyn Grammar) -> Result<Vec<TokenWithSpan>, String> {
    Tokenizer::new(grammar, sql).tokenize_with_location().map_err(|error| format!("not readable as SQL: {error}"))
}

/// A bound of the depth of the tree that these tokens can become.
fn depth(tokens: &[TokenWithSpan]) -> Result<usize, String> {
    let (mut words, mut nested, mut nesting, mut from_nested) = (0, 0_usize, 0, None::<usize>);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket | Token::LBrace => {
                nested += 1;
                nesting = nesting.max(nested);
                if let Some(count) = &mut from_nested {
                    *count += 1;
                    if *count > FROM_NESTING {
                        return Err(format!("more than {FROM_NESTING} parentheses around a table"));
                    }
                    continue;
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => nested = nested.saturating_sub(1),
            Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) => {}
            Token::Word(word) if is_from(&word.value) => {
                words += 1;
                from_nested = Some(0);
                continue;
            }
            _ => words += 1,
        }
        from_nested = None;
    }
    if words > DEEPEST {
        return Err(format!("longer than {DEEPEST} words"));
    }
    Ok(words + nesting.min(DEEPEST))
}

fn is_from(word: &str) -> bool {
    ["from", "join"].iter().any(|start| word.eq_ignore_ascii_case(start))
}

fn parse(sql: &str, grammar: &dyn Grammar, dialect: Dialect) -> Result<Box<Query>, String> {
    let mut tokens = tokens(sql, grammar)?;
    rewrite::for_parser(&mut tokens, dialect);
    let parser = Parser::new(grammar).with_recursion_limit(NESTING).with_tokens_with_locations(tokens);
    let statements = { parser }.parse_statements().map_err(|error| format!("not readable as SQL: {error}"))?;
    let mut statements = statements.into_iter();
    match (statements.next(), statements.next()) {
        (Some(Statement::Query(query)), None) => Ok(query),
        (None, _) => Err("empty".to_owned()),
        (Some(_), None) => Err("not a query".to_owned()),
        (Some(_), Some(_)) => Err("more than one statement".to_owned()),
    }
}
