//! Which macros a template's text calls, without running it.

use super::syntax::{Call, CallArguments, Expression, FilterCall, Kind, Node, Target, Template};

/// A call whose name stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticCall {
    /// `name(...)` or `package.name(...)`.
    Named(String),
    /// `adapter.dispatch('name', 'namespace')`.
    Dispatch { name: String, namespace: Option<String> },
}

/// The calls of a template, each once, in the order of the text.
pub fn of(template: &Template) -> Vec<StaticCall> {
    let mut finder = Finder { template, calls: Vec::new() };
    finder.nodes(&template.body);
    finder.calls
}

struct Finder<'a> {
    template: &'a Template,
    calls: Vec<StaticCall>,
}

impl Finder<'_> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(_) | Node::Break | Node::Continue => {}
            Node::Print(expression) | Node::Do(expression) | Node::Set(_, expression) => self.expression(expression),
            Node::If(node) => {
                for (condition, body) in &node.branches {
                    self.expression(condition);
                    self.nodes(body);
                }
                self.nodes(&node.otherwise);
            }
            Node::For(node) => {
                self.expression(&node.iterable);
                node.condition.iter().for_each(|condition| self.expression(condition));
                self.nodes(&node.body);
                self.nodes(&node.otherwise);
            }
            Node::SetBlock(node) => {
                self.filters(&node.filters);
                self.nodes(&node.body);
            }
            Node::Macro(_, definition) => {
                for parameter in &definition.parameters {
                    parameter.default.iter().for_each(|default| self.expression(default));
                }
                self.nodes(&definition.body);
            }
            Node::Call(node) => {
                self.expression(&node.call);
                self.nodes(&node.definition.body);
            }
            Node::Filter(node) => {
                self.filters(&node.filters);
                self.nodes(&node.body);
            }
            Node::With(node) => {
                node.assignments.iter().for_each(|(_, expression): &(Target, Expression)| self.expression(expression));
                self.nodes(&node.body);
            }
            Node::Scope(body) => self.nodes(body),
        }
    }

    fn filters(&mut self, filters: &[FilterCall]) {
        filters.iter().for_each(|filter| self.arguments(&filter.arguments));
    }

    fn arguments(&mut self, arguments: &CallArguments) {
        self.expressions(&arguments.positional);
        arguments.named.iter().for_each(|(_, expression)| self.expression(expression));
        arguments.star.iter().chain(&arguments.double_star).for_each(|expression| self.expression(expression));
    }

    fn expressions(&mut self, expressions: &[Expression]) {
        expressions.iter().for_each(|expression| self.expression(expression));
    }

    fn expression(&mut self, expression: &Expression) {
        match &expression.kind {
            Kind::Constant(_) | Kind::Name(_) => {}
            Kind::List(items) | Kind::Tuple(items) | Kind::Concat(items) => self.expressions(items),
            Kind::Dict(pairs) => pairs.iter().for_each(|(key, value)| {
                self.expression(key);
                self.expression(value);
            }),
            Kind::Attribute(base, _) | Kind::Negate(base) | Kind::Positive(base) | Kind::Not(base) => {
                self.expression(base);
            }
            Kind::Item(base, index) => {
                self.expression(base);
                self.expression(index);
            }
            Kind::Slice(base, parts) => {
                self.expression(base);
                parts.iter().flatten().for_each(|part| self.expression(part));
            }
            Kind::Call(call) => self.call(call),
            Kind::Filter(base, filter) => {
                self.expression(base);
                self.arguments(&filter.arguments);
            }
            Kind::Test(base, test) => {
                self.expression(base);
                self.arguments(&test.arguments);
            }
            Kind::Binary(_, operands) | Kind::And(operands) | Kind::Or(operands) => {
                self.expression(&operands.0);
                self.expression(&operands.1);
            }
            Kind::Compare(first, rest) => {
                self.expression(first);
                rest.iter().for_each(|(_, expression)| self.expression(expression));
            }
            Kind::Condition(parts) => {
                self.expression(&parts.0);
                self.expression(&parts.1);
                parts.2.iter().for_each(|otherwise| self.expression(otherwise));
            }
        }
    }

    fn call(&mut self, call: &Call) {
        if let Some(found) = self.named(call)
            && !self.calls.contains(&found)
        {
            self.calls.push(found);
        }
        self.expression(&call.callee);
        self.arguments(&call.arguments);
    }

    fn named(&self, call: &Call) -> Option<StaticCall> {
        match &call.callee.kind {
            Kind::Name(symbol) => {
                let name = self.template.name(*symbol).as_ref();
                (!matches!(name, "ref" | "source" | "config")).then(|| StaticCall::Named(name.to_owned()))
            }
            Kind::Attribute(base, attribute) => {
                let Kind::Name(symbol) = &base.kind else { return None };
                match (self.template.name(*symbol).as_ref(), attribute.as_ref()) {
                    ("adapter", "dispatch") => dispatch(&call.arguments),
                    ("adapter", _) => None,
                    (package, name) => Some(StaticCall::Named(format!("{package}.{name}"))),
                }
            }
            _ => None,
        }
    }
}

fn dispatch(arguments: &CallArguments) -> Option<StaticCall> {
    let text = |expression: &Expression| match &expression.kind {
        Kind::Constant(value) => value.as_str().map(str::to_owned),
        _ => None,
    };
    let find = |index: usize, name: &str| {
        let named = arguments.named.iter().find(|(known, _)| known.as_ref() == name).map(|(_, expression)| expression);
        arguments.positional.get(index).or(named).and_then(text)
    };
    Some(StaticCall::Dispatch { name: find(0, "macro_name")?, namespace: find(1, "macro_namespace") })
}
