//! What a template's `config(...)` call says, as it is written: not what came of it.
//!
//! State is compared by this, so that a model whose config depends on a variable or on the
//! target does not count as changed where only that differs
//! (docs.getdbt.com/reference/global-configs/behavior-changes,
//! `state_modified_compare_more_unrendered_values`). The spelling is the one that dbt writes
//! into `unrendered_config`, so that its manifests can be compared with ours.

use serde_json::{Map, Value as Json};

use super::syntax::{Call, CallArguments, Comparison, Expression, Kind, Node, Template};
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
            Kind::Binary(operator, both) => pair(both, operator.sign()),
            Kind::Compare(first, rest) => rest.iter().fold(self.expression(first), |text, (comparison, other)| {
                format!("{text} {} {}", sign(*comparison), self.expression(other))
            }),
            // dbt writes its parser's own form of the others, which is of no use to anybody.
            _ => {
                let place = expression.place;
                let text = self.template.file.text.get(place.start as usize..place.end as usize).unwrap_or("");
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            }
        }
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
}
