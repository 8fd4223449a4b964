//! What a template's `config(...)` call says, as it is written: not what came of it.
//!
//! State is compared by this, so that a model whose config depends on a variable or on the
//! target does not count as changed where only that differs
//! (docs.getdbt.com/reference/global-configs/behavior-changes,
//! `state_modified_compare_more_unrendered_values`). The spelling is the one that dbt writes
//! into `unrendered_config`, so that its manifests can be compared with ours.

use serde_json::{Map, Value as Json};

use super::syntax::{Call, CallArguments, Comparison, Expression, Kind, Node, Operator, Template};
use super::values;

/// The keyword arguments of the first `config(...)` in the template.
pub fn of(template: &Template) -> Option<Map<String, Json>> {
    let call = find(template, &template.body)?;
    let writer = Writer { template };
    let written = call.arguments.named.iter().map(|(key, value)| {
        let text = match &value.kind {
            Kind::Constant(constant) if constant.as_str().is_some() => values::text(constant),
            _ => writer.expression(value),
        };
        (key.to_string(), Json::String(text))
    });
    Some(written.collect())
}

fn find<'a>(template: &Template, nodes: &'a [Node]) -> Option<&'a Call> {
    nodes.iter().find_map(|node| match node {
        Node::Print(expression) | Node::Do(expression) | Node::Set(_, expression) => match &expression.kind {
            Kind::Call(call) if matches!(call.callee.kind, Kind::Name(symbol) if &**template.name(symbol) == "config") => {
                Some(call.as_ref())
            }
            _ => None,
        },
        Node::If(node) => {
            let branches = node.branches.iter().map(|(_, body)| body).chain([&node.otherwise]);
            branches.into_iter().find_map(|body| find(template, body))
        }
        Node::For(node) => find(template, &node.body),
        Node::Scope(body) => find(template, body),
        _ => None,
    })
}

struct Writer<'a> {
    template: &'a Template,
}

impl Writer<'_> {
    /// An expression in a spelling of its own: spaces and quotes as written do not matter.
    fn expression(&self, expression: &Expression) -> String {
        let pair = |pair: &(Expression, Expression), word: &str| {
            format!("{} {word} {}", self.expression(&pair.0), self.expression(&pair.1))
        };
        match &expression.kind {
            Kind::Constant(value) => values::representation(value),
            Kind::Name(symbol) => self.template.name(*symbol).to_string(),
            Kind::List(items) => format!("[{}]", self.list(items)),
            Kind::Tuple(items) if items.len() == 1 => format!("({},)", self.list(items)),
            Kind::Tuple(items) => format!("({})", self.list(items)),
            Kind::Dict(pairs) => {
                let pairs: Vec<String> = pairs
                    .iter()
                    .map(|(key, value)| format!("{}: {}", self.expression(key), self.expression(value)))
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Kind::Attribute(owner, name) => format!("{}.{name}", self.expression(owner)),
            Kind::Item(owner, key) => format!("{}[{}]", self.expression(owner), self.expression(key)),
            Kind::Call(call) => format!("{}({})", self.expression(&call.callee), self.arguments(&call.arguments)),
            Kind::Concat(parts) => parts.iter().map(|part| self.expression(part)).collect::<Vec<_>>().join(" ~ "),
            Kind::Not(inner) => format!("not {}", self.expression(inner)),
            Kind::Negate(inner) => format!("-{}", self.expression(inner)),
            Kind::And(both) => pair(both, "and"),
            Kind::Or(both) => pair(both, "or"),
            Kind::Compare(first, rest) => rest.iter().fold(self.expression(first), |text, (comparison, other)| {
                format!("{text} {} {}", sign(*comparison), self.expression(other))
            }),
            Kind::Slice(owner, parts) => format!("{}[{}]", self.expression(owner), self.slice(parts)),
            Kind::Test(_, call) if call.negated => format!("not {}", self.test(expression)),
            // dbt writes its parser's own form of the others.
            _ => self.form(expression),
        }
    }

    /// An expression as Jinja2's parser shows its tree.
    fn form(&self, expression: &Expression) -> String {
        let both = |kind: &str, both: &(Expression, Expression)| {
            format!("{kind}(left={}, right={})", self.form(&both.0), self.form(&both.1))
        };
        match &expression.kind {
            Kind::Constant(value) => format!("Const(value={})", values::representation(value)),
            Kind::Name(symbol) => format!("Name(name={}, ctx='load')", quoted(self.template.name(*symbol))),
            Kind::List(items) => format!("List(items=[{}])", self.forms(items)),
            Kind::Tuple(items) => format!("Tuple(items=[{}], ctx='load')", self.forms(items)),
            Kind::Dict(pairs) => {
                let pair = |(key, value): &(Expression, Expression)| {
                    format!("Pair(key={}, value={})", self.form(key), self.form(value))
                };
                format!("Dict(items=[{}])", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
            Kind::Attribute(owner, name) => {
                format!("Getattr(node={}, attr={}, ctx='load')", self.form(owner), quoted(name))
            }
            Kind::Item(owner, key) => format!("Getitem(node={}, arg={}, ctx='load')", self.form(owner), self.form(key)),
            Kind::Slice(owner, parts) => {
                format!("Getitem(node={}, arg={}, ctx='load')", self.form(owner), self.slice(parts))
            }
            Kind::Call(call) => {
                format!("Call(node={}, {})", self.form(&call.callee), self.argument_forms(&call.arguments))
            }
            Kind::Filter(input, filter) => {
                let arguments = self.argument_forms(&filter.arguments);
                format!("Filter(node={}, name={}, {arguments})", self.form(input), quoted(&filter.name))
            }
            Kind::Test(_, call) if call.negated => format!("Not(node={})", self.test(expression)),
            Kind::Test(..) => self.test(expression),
            Kind::Negate(inner) => format!("Neg(node={})", self.form(inner)),
            Kind::Positive(inner) => format!("Pos(node={})", self.form(inner)),
            Kind::Not(inner) => format!("Not(node={})", self.form(inner)),
            Kind::Binary(operator, sides) => both(kind_of(*operator), sides),
            Kind::And(sides) => both("And", sides),
            Kind::Or(sides) => both("Or", sides),
            Kind::Concat(parts) => format!("Concat(nodes=[{}])", self.forms(parts)),
            Kind::Compare(first, rest) => {
                let operand = |(comparison, other): &(Comparison, Expression)| {
                    format!("Operand(op='{}', expr={})", kind_of_comparison(*comparison), self.form(other))
                };
                let operands: Vec<String> = rest.iter().map(operand).collect();
                format!("Compare(expr={}, ops=[{}])", self.form(first), operands.join(", "))
            }
            Kind::Condition(parts) => {
                let (then, condition, otherwise) = parts.as_ref();
                let otherwise = self.optional(otherwise.as_ref());
                format!("CondExpr(test={}, expr1={}, expr2={otherwise})", self.form(condition), self.form(then))
            }
        }
    }

    /// A test, without the `not` that may stand before it.
    fn test(&self, expression: &Expression) -> String {
        let Kind::Test(input, call) = &expression.kind else { return String::new() };
        let arguments = self.argument_forms(&call.arguments);
        format!("Test(node={}, name={}, {arguments})", self.form(input), quoted(&call.name))
    }

    fn slice(&self, parts: &[Option<Expression>; 3]) -> String {
        let [start, stop, step] = parts.each_ref().map(|part| self.optional(part.as_ref()));
        format!("Slice(start={start}, stop={stop}, step={step})")
    }

    fn optional(&self, expression: Option<&Expression>) -> String {
        expression.map_or_else(|| "None".to_owned(), |expression| self.form(expression))
    }

    fn forms(&self, items: &[Expression]) -> String {
        items.iter().map(|item| self.form(item)).collect::<Vec<_>>().join(", ")
    }

    fn argument_forms(&self, arguments: &CallArguments) -> String {
        let named = arguments.named.iter();
        let named = named.map(|(key, value)| format!("Keyword(key={}, value={})", quoted(key), self.form(value)));
        format!(
            "args=[{}], kwargs=[{}], dyn_args={}, dyn_kwargs={}",
            self.forms(&arguments.positional),
            named.collect::<Vec<_>>().join(", "),
            self.optional(arguments.star.as_ref()),
            self.optional(arguments.double_star.as_ref())
        )
    }

    fn list(&self, items: &[Expression]) -> String {
        items.iter().map(|item| self.expression(item)).collect::<Vec<_>>().join(", ")
    }

    fn arguments(&self, arguments: &CallArguments) -> String {
        let mut parts: Vec<String> = arguments.positional.iter().map(|item| self.expression(item)).collect();
        parts.extend(arguments.named.iter().map(|(key, value)| format!("{key}={}", self.expression(value))));
        parts.extend(arguments.star.iter().map(|rest| format!("*{}", self.expression(rest))));
        parts.extend(arguments.double_star.iter().map(|rest| format!("**{}", self.expression(rest))));
        parts.join(", ")
    }
}

fn quoted(text: &str) -> String {
    values::representation(&minijinja::Value::from(text))
}

fn kind_of(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "Add",
        Operator::Subtract => "Sub",
        Operator::Multiply => "Mul",
        Operator::Divide => "Div",
        Operator::FloorDivide => "FloorDiv",
        Operator::Remainder => "Mod",
        Operator::Power => "Pow",
    }
}

fn kind_of_comparison(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "eq",
        Comparison::NotEqual => "ne",
        Comparison::Less => "lt",
        Comparison::LessOrEqual => "lteq",
        Comparison::Greater => "gt",
        Comparison::GreaterOrEqual => "gteq",
        Comparison::In => "in",
        Comparison::NotIn => "notin",
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::In => "in",
        Comparison::NotIn => "not in",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnostic::SourceFile;

    #[test]
    fn a_config_is_kept_as_it_is_written() {
        let text = "{{ config(materialized=var( \"how\" ), enabled = (target.name == 'prod'), tags=['a', \"b\"],\n \
                    alias='x', post_hook=hooks()[0] ~ 'y', full_refresh=false) }} select 1";
        let file = SourceFile::new("models/m.sql", text);
        let template = crate::jinja::parser::parse(&file, 0..text.len()).unwrap();
        assert_eq!(
            serde_json::Value::Object(super::of(&template).unwrap()),
            json!({"materialized": "var('how')", "enabled": "target.name == 'prod'", "tags": "['a', 'b']", "alias": "x",
                "post_hook": "hooks()[0] ~ 'y'", "full_refresh": "False"})
        );
    }

    #[test]
    fn what_dbt_does_not_spell_is_its_parsers_form() {
        let cases = [
            (
                "a if b == 1 else 'x'",
                "CondExpr(test=Compare(expr=Name(name='b', ctx='load'), ops=[Operand(op='eq', expr=Const(value=1))]), \
                 expr1=Name(name='a', ctx='load'), expr2=Const(value='x'))",
            ),
            ("a if b", "CondExpr(test=Name(name='b', ctx='load'), expr1=Name(name='a', ctx='load'), expr2=None)"),
            (
                "[a | default('b', true)]",
                "[Filter(node=Name(name='a', ctx='load'), name='default', args=[Const(value='b'), Const(value=True)], \
                 kwargs=[], dyn_args=None, dyn_kwargs=None)]",
            ),
            (
                "not a is none",
                "not Test(node=Name(name='a', ctx='load'), name='none', args=[], kwargs=[], dyn_args=None, dyn_kwargs=None)",
            ),
            (
                "a is not none",
                "not Test(node=Name(name='a', ctx='load'), name='none', args=[], kwargs=[], dyn_args=None, dyn_kwargs=None)",
            ),
            (
                "a + b * 2",
                "Add(left=Name(name='a', ctx='load'), right=Mul(left=Name(name='b', ctx='load'), right=Const(value=2)))",
            ),
            ("a[1:2]", "a[Slice(start=Const(value=1), stop=Const(value=2), step=None)]"),
            ("-a", "-a"),
            (
                "f(1, k={'a': b.c}) - (d, e[0])",
                "Sub(left=Call(node=Name(name='f', ctx='load'), args=[Const(value=1)], kwargs=[Keyword(key='k', \
                 value=Dict(items=[Pair(key=Const(value='a'), value=Getattr(node=Name(name='b', ctx='load'), attr='c', \
                 ctx='load'))]))], dyn_args=None, dyn_kwargs=None), right=Tuple(items=[Name(name='d', ctx='load'), \
                 Getitem(node=Name(name='e', ctx='load'), arg=Const(value=0), ctx='load')], ctx='load'))",
            ),
        ];
        for (expression, expected) in cases {
            let text = format!("{{{{ config(z={expression}) }}}}");
            let file = SourceFile::new("models/m.sql", text.as_str());
            let template = crate::jinja::parser::parse(&file, 0..text.len()).unwrap();
            assert_eq!(super::of(&template).unwrap()["z"], expected, "{expression}");
        }
    }
}
