//! Expressions: by how tightly their operators bind, as in Jinja2.

use std::sync::Arc;

use minijinja::Value;

use super::{MAX_CHAIN, Parsed, Parser};
use crate::jinja::filters;
use crate::jinja::lexer::TokenKind;
use crate::jinja::syntax::{Call, CallArguments, Comparison, Expression, FilterCall, Kind, Operator, Place, TestCall};
use crate::jinja::tests;

impl Parser<'_> {
    /// An expression, or several with commas between them as a tuple.
    pub(super) fn tuple(&mut self, condition: bool, ends: &[&str]) -> Parsed<Expression> {
        let start = self.place();
        let first = self.conditional(condition)?;
        if !self.is_symbol(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_symbol(",") {
            let ended = matches!(self.token().kind, TokenKind::VariableEnd | TokenKind::BlockEnd | TokenKind::End);
            if ended || self.is_symbol(")") || self.is_any_name(ends) {
                break;
            }
            items.push(self.conditional(condition)?);
        }
        Ok(Expression { place: start.to(self.last_place()), kind: Kind::Tuple(items) })
    }

    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.conditional(true)
    }

    fn conditional(&mut self, allowed: bool) -> Parsed<Expression> {
        self.deeper(|parser| {
            let mut value = parser.binary(0)?;
            let mut chain = 0;
            while allowed && parser.skip_name("if") {
                parser.check_chain(&mut chain)?;
                let condition = parser.binary(0)?;
                let otherwise = if parser.skip_name("else") { Some(parser.expression()?) } else { None };
                let place = value.place.to(parser.last_place());
                value = Expression { place, kind: Kind::Condition(Box::new((value, condition, otherwise))) };
            }
            Ok(value)
        })
    }

    fn check_chain(&self, chain: &mut usize) -> Parsed<()> {
        *chain += 1;
        if *chain > MAX_CHAIN {
            return Err(self.fail(format!("an expression with more than {MAX_CHAIN} parts in a row"), self.place()));
        }
        Ok(())
    }

    /// Operators that bind at least as tightly as `lowest`. The levels, loosest first:
    /// `or` 0, `and` 1, `not` 2, comparisons 3, `+ -` 4, `~` 5, `* / // %` 6, `**` 7.
    fn binary(&mut self, lowest: u8) -> Parsed<Expression> {
        let mut left = if lowest <= 2 && self.is_name("not") {
            let start = self.next().place;
            let inner = self.deeper(|parser| parser.binary(2))?;
            Expression { place: start.to(inner.place), kind: Kind::Not(Box::new(inner)) }
        } else {
            self.unary(true)?
        };
        let mut chain = 0;
        loop {
            self.check_chain(&mut chain)?;
            left = match self.token().kind {
                TokenKind::Symbol("~") if lowest <= 5 => self.concat(left)?,
                TokenKind::Symbol(_) | TokenKind::Name if lowest <= 3 && self.comparison().is_some() => {
                    self.compare(left)?
                }
                TokenKind::Symbol(symbol) => match operator(symbol).filter(|(level, _)| *level >= lowest) {
                    Some((level, operator)) => {
                        self.next();
                        let right = self.binary(level + 1)?;
                        let place = left.place.to(right.place);
                        Expression { place, kind: Kind::Binary(operator, Box::new((left, right))) }
                    }
                    None => return Ok(left),
                },
                TokenKind::Name if lowest == 0 && self.is_name("or") => {
                    self.next();
                    let right = self.binary(1)?;
                    Expression { place: left.place.to(right.place), kind: Kind::Or(Box::new((left, right))) }
                }
                TokenKind::Name if lowest <= 1 && self.is_name("and") => {
                    self.next();
                    let right = self.binary(2)?;
                    Expression { place: left.place.to(right.place), kind: Kind::And(Box::new((left, right))) }
                }
                _ => return Ok(left),
            };
        }
    }

    fn concat(&mut self, left: Expression) -> Parsed<Expression> {
        let start = left.place;
        let mut parts = vec![left];
        while self.skip_symbol("~") {
            parts.push(self.binary(6)?);
        }
        Ok(Expression { place: start.to(self.last_place()), kind: Kind::Concat(parts) })
    }

    /// The comparison that stands next, and how many tokens it has.
    fn comparison(&self) -> Option<(Comparison, usize)> {
        let comparison = match &self.token().kind {
            TokenKind::Symbol("==") => Comparison::Equal,
            TokenKind::Symbol("!=") => Comparison::NotEqual,
            TokenKind::Symbol("<") => Comparison::Less,
            TokenKind::Symbol("<=") => Comparison::LessOrEqual,
            TokenKind::Symbol(">") => Comparison::Greater,
            TokenKind::Symbol(">=") => Comparison::GreaterOrEqual,
            TokenKind::Name if self.is_name("in") => Comparison::In,
            TokenKind::Name if self.is_name("not") => {
                let follows = self.tokens.get(self.at + 1)?;
                let is_in = follows.kind == TokenKind::Name && self.text(follows.place) == "in";
                return is_in.then_some((Comparison::NotIn, 2));
            }
            _ => return None,
        };
        Some((comparison, 1))
    }

    fn compare(&mut self, first: Expression) -> Parsed<Expression> {
        let mut rest = Vec::new();
        while let Some((comparison, tokens)) = self.comparison() {
            (0..tokens).for_each(|_| {
                self.next();
            });
            rest.push((comparison, self.binary(4)?));
        }
        Ok(Expression { place: first.place.to(self.last_place()), kind: Kind::Compare(Box::new(first), rest) })
    }

    fn unary(&mut self, with_filters: bool) -> Parsed<Expression> {
        let start = self.place();
        let mut value = if self.skip_symbol("-") {
            let inner = self.deeper(|parser| parser.unary(false))?;
            Expression { place: start.to(inner.place), kind: Kind::Negate(Box::new(inner)) }
        } else if self.skip_symbol("+") {
            let inner = self.deeper(|parser| parser.unary(false))?;
            Expression { place: start.to(inner.place), kind: Kind::Positive(Box::new(inner)) }
        } else {
            self.primary()?
        };
        value = self.postfix(value)?;
        if with_filters {
            value = self.filters_and_tests(value)?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let place = self.place();
        let kind = match self.token().kind.clone() {
            TokenKind::Name => return self.name(),
            TokenKind::String(first) => {
                self.next();
                let mut text = String::from(first);
                while let TokenKind::String(more) = &self.token().kind {
                    text.push_str(more);
                    self.next();
                }
                Kind::Constant(Value::from(text))
            }
            TokenKind::Integer(number) => {
                self.next();
                Kind::Constant(i64::try_from(number).map_or_else(|_| Value::from(number), Value::from))
            }
            TokenKind::Float(number) => {
                self.next();
                Kind::Constant(Value::from(number))
            }
            TokenKind::Symbol("(") => {
                self.next();
                return self.parenthesis(place);
            }
            TokenKind::Symbol("[") => {
                self.next();
                Kind::List(self.list_items()?)
            }
            TokenKind::Symbol("{") => {
                self.next();
                Kind::Dict(self.dict_items()?)
            }
            _ => return Err(self.expected("an expression")),
        };
        Ok(Expression { place: place.to(self.last_place()), kind })
    }

    fn name(&mut self) -> Parsed<Expression> {
        let place = self.next().place;
        let kind = match self.text(place) {
            "true" | "True" => Kind::Constant(Value::from(true)),
            "false" | "False" => Kind::Constant(Value::from(false)),
            "none" | "None" => Kind::Constant(Value::from(())),
            name => {
                let symbol = self.intern(name);
                for (special, count) in &mut self.special_names {
                    *count += usize::from(*special == symbol);
                }
                Kind::Name(symbol)
            }
        };
        Ok(Expression { place, kind })
    }

    fn parenthesis(&mut self, start: Place) -> Parsed<Expression> {
        if self.is_symbol(")") {
            let end = self.next().place;
            return Ok(Expression { place: start.to(end), kind: Kind::Tuple(Vec::new()) });
        }
        let mut inner = self.tuple(true, &[])?;
        let end = self.expect_symbol(")")?;
        inner.place = start.to(end);
        Ok(inner)
    }

    fn list_items(&mut self) -> Parsed<Vec<Expression>> {
        let mut items = Vec::new();
        while !self.is_symbol("]") {
            if !items.is_empty() {
                self.expect_symbol(",")?;
                if self.is_symbol("]") {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        self.expect_symbol("]")?;
        Ok(items)
    }

    fn dict_items(&mut self) -> Parsed<Vec<(Expression, Expression)>> {
        let mut items = Vec::new();
        while !self.is_symbol("}") {
            if !items.is_empty() {
                self.expect_symbol(",")?;
                if self.is_symbol("}") {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect_symbol(":")?;
            items.push((key, self.expression()?));
        }
        self.expect_symbol("}")?;
        Ok(items)
    }

    fn postfix(&mut self, mut value: Expression) -> Parsed<Expression> {
        let mut chain = 0;
        loop {
            self.check_chain(&mut chain)?;
            let kind = match self.token().kind {
                TokenKind::Symbol(".") => {
                    self.next();
                    let token = self.next();
                    match token.kind {
                        TokenKind::Name => Kind::Attribute(Box::new(value), self.text(token.place).into()),
                        TokenKind::Integer(index) => {
                            let index = Expression { place: token.place, kind: Kind::Constant(Value::from(index)) };
                            Kind::Item(Box::new(value), Box::new(index))
                        }
                        _ => return Err(self.fail("expected a name after `.`", token.place)),
                    }
                }
                TokenKind::Symbol("[") => {
                    self.next();
                    self.subscript(value)?
                }
                TokenKind::Symbol("(") => {
                    let arguments = self.arguments()?;
                    Kind::Call(Box::new(Call { callee: value, arguments }))
                }
                _ => return Ok(value),
            };
            let start = match &kind {
                Kind::Attribute(base, _) | Kind::Item(base, _) | Kind::Slice(base, _) => base.place,
                Kind::Call(call) => call.callee.place,
                _ => self.last_place(),
            };
            value = Expression { place: start.to(self.last_place()), kind };
        }
    }

    fn subscript(&mut self, base: Expression) -> Parsed<Kind> {
        let start = self.place();
        let mut parts: [Option<Expression>; 3] = [None, None, None];
        if !self.is_symbol(":") {
            let first = self.tuple(true, &[])?;
            if self.skip_symbol("]") {
                return Ok(Kind::Item(Box::new(base), Box::new(first)));
            }
            parts[0] = Some(first);
        }
        for part in parts.iter_mut().skip(1) {
            if !self.skip_symbol(":") {
                break;
            }
            if !self.is_symbol(":") && !self.is_symbol("]") {
                *part = Some(self.expression()?);
            }
        }
        if !self.is_symbol("]") {
            return Err(self.expected("`]`").note_at("subscript starts here", start.span(self.file)));
        }
        self.next();
        Ok(Kind::Slice(Box::new(base), Box::new(parts)))
    }

    fn arguments(&mut self) -> Parsed<CallArguments> {
        self.expect_symbol("(")?;
        let mut arguments = CallArguments::default();
        let mut first = true;
        while !self.is_symbol(")") {
            if !first {
                self.expect_symbol(",")?;
                if self.is_symbol(")") {
                    break;
                }
            }
            first = false;
            let place = self.place();
            if self.skip_symbol("**") {
                arguments.double_star = Some(self.expression()?);
            } else if self.skip_symbol("*") {
                arguments.star = Some(self.expression()?);
            } else if self.token().kind == TokenKind::Name && self.kind_after(1) == Some(&TokenKind::Symbol("=")) {
                let (name, _) = self.expect_name("a name")?;
                self.next();
                if arguments.named.iter().any(|(given, _)| **given == *name) {
                    return Err(self.fail(format!("argument `{name}` is given twice"), place));
                }
                arguments.named.push((name.into(), self.expression()?));
            } else if arguments.named.is_empty() && arguments.double_star.is_none() {
                arguments.positional.push(self.expression()?);
            } else {
                return Err(self.fail("an argument without a name follows one with a name", place));
            }
        }
        self.expect_symbol(")")?;
        Ok(arguments)
    }

    fn filters_and_tests(&mut self, mut value: Expression) -> Parsed<Expression> {
        let mut chain = 0;
        loop {
            self.check_chain(&mut chain)?;
            let start = value.place;
            let kind = if self.skip_symbol("|") {
                Kind::Filter(Box::new(value), Box::new(self.filter_call()?))
            } else if self.skip_name("is") {
                Kind::Test(Box::new(value), Box::new(self.test_call()?))
            } else if self.is_symbol("(") {
                let arguments = self.arguments()?;
                Kind::Call(Box::new(Call { callee: value, arguments }))
            } else {
                return Ok(value);
            };
            value = Expression { place: start.to(self.last_place()), kind };
        }
    }

    fn dotted_name(&mut self, what: &str) -> Parsed<(Arc<str>, Place)> {
        let (name, mut place) = self.expect_name(what)?;
        let mut name = name.to_owned();
        while self.skip_symbol(".") {
            let (part, end) = self.expect_name(what)?;
            name.push('.');
            name.push_str(part);
            place = place.to(end);
        }
        Ok((name.into(), place))
    }

    pub(super) fn filter_call(&mut self) -> Parsed<FilterCall> {
        let (name, place) = self.dotted_name("the name of a filter")?;
        let arguments = if self.is_symbol("(") { self.arguments()? } else { CallArguments::default() };
        let filter = filters::find(&name);
        Ok(FilterCall { place: place.to(self.last_place()), name, filter, arguments })
    }

    fn test_call(&mut self) -> Parsed<TestCall> {
        let negated = self.skip_name("not");
        let (name, place) = self.dotted_name("the name of a test")?;
        let starts_argument = match self.token().kind {
            TokenKind::Name => !self.is_any_name(&["else", "or", "and", "if", "is", "recursive", "in", "not"]),
            TokenKind::String(_) | TokenKind::Integer(_) | TokenKind::Float(_) => true,
            TokenKind::Symbol(symbol) => matches!(symbol, "[" | "{"),
            _ => false,
        };
        let arguments = if self.is_symbol("(") {
            self.arguments()?
        } else if starts_argument {
            let primary = self.primary()?;
            CallArguments { positional: vec![self.postfix(primary)?], ..CallArguments::default() }
        } else {
            CallArguments::default()
        };
        let test = tests::find(&name);
        Ok(TestCall { place: place.to(self.last_place()), name, test, negated, arguments })
    }
}

/// An arithmetic operator and how tightly it binds.
fn operator(symbol: &str) -> Option<(u8, Operator)> {
    Some(match symbol {
        "+" => (4, Operator::Add),
        "-" => (4, Operator::Subtract),
        "*" => (6, Operator::Multiply),
        "/" => (6, Operator::Divide),
        "//" => (6, Operator::FloorDivide),
        "%" => (6, Operator::Remainder),
        "**" => (7, Operator::Power),
        _ => return None,
    })
}
