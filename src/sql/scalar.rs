//! Whether a text is one expression, and what of it a place in another query would change.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Whitespace};

use super::Dialect;
use super::read::{NESTING, grammar, measured, tokens};

/// What is to be known of an expression before it is put into another query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar {
    /// Something in it is named together with what holds it (`orders.id`).
    pub is_qualified: bool,
}

/// Reads `text` as one expression without comments; `None` if it is something else, or if its
/// syntax is not known here.
pub fn scalar(text: &str, dialect: Dialect) -> Option<Scalar> {
    let tokens = tokens(text, grammar(dialect)).ok()?;
    let is_comment = |token: &Token| {
        matches!(token, Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)))
    };
    if tokens.iter().any(|token| is_comment(&token.token) || token.token == Token::SemiColon) {
        return None;
    }
    let is_qualified = tokens.iter().any(|token| token.token == Token::Period);
    let is_whole = measured(tokens, |tokens| {
        let parser = Parser::new(grammar(dialect)).with_recursion_limit(NESTING).with_tokens_with_locations(tokens);
        let mut parser = { parser };
        parser.parse_expr().is_ok() && parser.peek_token_ref().token == Token::EOF
    });
    is_whole.is_ok_and(|is_whole| is_whole).then_some(Scalar { is_qualified })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<bool>) {
        let found = scalar(text, Dialect::Postgres).map(|scalar| scalar.is_qualified);
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn one_expression_is_told_from_other_texts() {
        check("id", Some(false));
        check("\"Id\" is null", Some(false));
        check("a = 1 and b in (select 1)", Some(false));
        check("orders.id > 0", Some(true));
        check("lower(o.name)", Some(true));
        check("a, b", None);
        check("a = 1 order by b", None);
        check("a = 1) x where (b = 2", None);
        check("a -- all", None);
        check("a /* all */ = 1", None);
        check("a; drop table b", None);
        check("a = '--'", Some(false));
        check("", None);
    }
}
