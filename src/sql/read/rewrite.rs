//! Syntax that the parser does not know in words that it does, with the same meaning for columns.
//!
//! - DuckDB's `asof join`, `positional join`: a plain and a cross join; its power `**`: a product;
//! - DuckDB's `[f(x) for x in list if g(x)]`: `list_filter(list_transform((list), x -> f(x)), x -> g(x))`;
//! - DuckDB's `from t where ...` without a `select`: `select * from t where ...`;
//! - Redshift's `approximate count(...)`, PostgreSQL's `from only t`: without the first word.

use super::super::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// One level of parentheses.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Where this level's query has its `from` that stands first.
    first_from: Option<usize>,
    has_select: bool,
    begins_with_with: bool,
    begun: bool,
}

/// Rewrites the words of a statement.
pub(super) fn for_parser(tokens: &mut Vec<TokenWithSpan>, dialect: Dialect) {
    if dialect != Dialect::Duckdb {
        leave_out(tokens);
        return;
    }
    replace_joins(tokens);
    replace_comprehensions(tokens);
    let places = lone_froms(tokens);
    for place in places.into_iter().rev() {
        let Some(span) = tokens.get(place).map(|token| token.span) else { continue };
        let added = [Token::make_keyword("select"), space(), Token::Mul, space()];
        tokens.splice(place..place, added.map(|token| TokenWithSpan { token, span }));
    }
}

fn space() -> Token {
    Token::Whitespace(sqlparser::tokenizer::Whitespace::Space)
}

fn is_word(token: &Token, text: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
}

/// The next token that is not space.
fn next(tokens: &[TokenWithSpan], from: usize) -> Option<&Token> {
    tokens.get(from..)?.iter().map(|token| &token.token).find(|token| !matches!(token, Token::Whitespace(_)))
}

/// Leaves out `only` behind `from` and `join`, and `approximate` before an aggregate.
fn leave_out(tokens: &mut [TokenWithSpan]) {
    let mut reads = false;
    for place in 0..tokens.len() {
        let Some(token) = tokens.get(place).map(|token| &token.token) else { break };
        if matches!(token, Token::Whitespace(_)) {
            continue;
        }
        let counts = is_word(token, "approximate")
            && next(tokens, place + 1)
                .is_some_and(|after| is_word(after, "count") || is_word(after, "percentile_disc"));
        let is_only = reads && is_word(token, "only");
        reads = is_word(token, "from") || is_word(token, "join");
        if let Some(slot) = tokens.get_mut(place).filter(|_| counts || is_only) {
            slot.token = space();
        }
    }
}

/// Leaves `asof` out and makes `positional` a `cross`.
fn replace_joins(tokens: &mut [TokenWithSpan]) {
    for place in 0..tokens.len() {
        let Some(token) = tokens.get(place).map(|token| &token.token) else { break };
        let joins = |word: &str| next(tokens, place + 1).is_some_and(|after| is_word(after, word));
        let replacement = if is_word(token, "asof") && ["join", "left", "right", "full", "inner"].into_iter().any(joins)
        {
            space()
        } else if is_word(token, "positional") && joins("join") {
            Token::make_keyword("cross")
        } else if *token == Token::Mul && tokens.get(place + 1).is_some_and(|after| after.token == Token::Mul) {
            space()
        } else {
            continue;
        };
        if let Some(slot) = tokens.get_mut(place) {
            slot.token = replacement;
        }
    }
}

/// Makes calls of list comprehensions, the inner ones first.
fn replace_comprehensions(tokens: &mut Vec<TokenWithSpan>) {
    for open in (0..tokens.len()).rev() {
        if tokens.get(open).is_some_and(|token| token.token == Token::LBracket)
            && let Some((close, called)) = comprehension(tokens, open)
        {
            tokens.splice(open..=close, called);
        }
    }
}

/// Where the comprehension that begins here ends, and the call that it is; `None` if it is a plain list.
fn comprehension(tokens: &[TokenWithSpan], open: usize) -> Option<(usize, Vec<TokenWithSpan>)> {
    let (mut depth, mut words) = (0_usize, [None; 3]);
    let close = (open..tokens.len()).find(|place| {
        match &tokens[*place].token {
            Token::LBracket | Token::LParen | Token::LBrace => depth += 1,
            Token::RBracket | Token::RParen | Token::RBrace => depth = depth.saturating_sub(1),
            token if depth == 1 => {
                // In this order; `case when ... end` has no `for`, and its words come before it.
                let at = words.iter().position(Option::is_none);
                let wanted = at.and_then(|at| ["for", "in", "if"].get(at));
                if let (Some(at), Some(wanted)) = (at, wanted)
                    && is_word(token, wanted)
                {
                    words[at] = Some(*place);
                }
            }
            _ => {}
        }
        depth == 0
    })?;
    let (from, within) = (words[0]?, words[1]?);
    let variable = tokens[from + 1..within].iter().find(|token| matches!(token.token, Token::Word(_)))?;
    let span = tokens[open].span;
    let name = |text: &str| TokenWithSpan { token: Token::make_word(text, None), span };
    let sign = |token: Token| TokenWithSpan { token, span };
    let lambda = |body: &[TokenWithSpan]| {
        let mut lambda = vec![sign(Token::Comma), variable.clone(), sign(Token::Arrow)];
        lambda.extend_from_slice(body);
        lambda.push(sign(Token::RParen));
        lambda
    };
    let mut called = Vec::new();
    if words[2].is_some() {
        called.extend([name("list_filter"), sign(Token::LParen)]);
    }
    called.extend([name("list_transform"), sign(Token::LParen), sign(Token::LParen)]);
    called.extend_from_slice(&tokens[within + 1..words[2].unwrap_or(close)]);
    called.push(sign(Token::RParen));
    called.extend(lambda(&tokens[open + 1..from]));
    if let Some(condition) = words[2] {
        called.extend(lambda(&tokens[condition + 1..close]));
    }
    Some((close, called))
}

/// The places of `from` that begin a query which has no `select`.
fn lone_froms(tokens: &[TokenWithSpan]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut levels = vec![Level::default()];
    let mut before: Option<&Token> = None;
    for (place, token) in tokens.iter().map(|token| &token.token).enumerate() {
        if matches!(token, Token::Whitespace(_)) {
            continue;
        }
        let Some(level) = levels.last_mut() else { return Vec::new() };
        match token {
            Token::LParen => {
                level.begun = true;
                levels.push(Level::default());
            }
            Token::RParen => {
                found.extend(level.first_from.filter(|_| !level.has_select));
                if levels.len() > 1 {
                    levels.pop();
                }
            }
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::SELECT => level.has_select = true,
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT
                    if level.first_from.is_some() || level.has_select =>
                {
                    found.extend(level.first_from.take().filter(|_| !level.has_select));
                    level.has_select = false;
                }
                Keyword::WITH if !level.begun => level.begins_with_with = true,
                Keyword::FROM if !level.has_select && level.first_from.is_none() && begins(before, *level) => {
                    level.first_from = Some(place);
                }
                _ => {}
            },
            _ => {}
        }
        if let Some(level) = levels.last_mut().filter(|_| !matches!(token, Token::LParen)) {
            level.begun = true;
        }
        before = Some(token);
    }
    found.extend(levels.iter().filter(|level| !level.has_select).filter_map(|level| level.first_from));
    found.sort_unstable();
    found
}

/// Whether a `from` behind this word begins a query.
fn begins(before: Option<&Token>, level: Level) -> bool {
    match before {
        None | Some(Token::LParen) => true,
        Some(Token::RParen) => level.begins_with_with,
        Some(Token::Word(word)) => {
            matches!(word.keyword, Keyword::UNION | Keyword::ALL | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::NAME)
        }
        _ => false,
    }
}
