//! `profile_template.yml`: what a target is made of, and what is asked for it. tform's own for each
//! database have the same form.
//!
//! Source: docs.getdbt.com/reference/commands/init.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::yaml::{self, Fields, Node, Value};

/// A template that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    /// What is not asked for.
    pub fixed: Vec<(String, Json)>,
    pub prompts: Vec<Prompt>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// `_fixed_NAME`: what comes with a choice.
    Fixed(String, Json),
    Field(Field),
    /// `_choose_WHAT`: options, each with what is asked for it.
    Choose(String, Vec<(String, Vec<Prompt>)>),
}

/// A key of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub key: String,
    pub hint: Option<String>,
    pub default: Option<Json>,
    pub kind: Kind,
    pub hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Float,
    Bool,
}

impl Kind {
    /// What an answer means.
    ///
    /// # Errors
    /// What it is not.
    pub fn read(self, answer: &str) -> Result<Json, &'static str> {
        match self {
            Kind::Text => Ok(answer.into()),
            Kind::Int => answer.parse::<i64>().map(Json::from).map_err(|_| "a whole number"),
            Kind::Float => {
                let number = answer.parse::<f64>().ok().filter(|number| number.is_finite());
                number.map(Json::from).ok_or("a number")
            }
            Kind::Bool => match answer.to_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true.into()),
                "false" | "f" | "no" | "n" | "off" | "0" => Ok(false.into()),
                _ => Err("yes or no"),
            },
        }
    }

    fn of_default(default: Option<&Node>) -> Kind {
        match default.map(|node| &node.value) {
            Some(Value::Int(_)) => Kind::Int,
            Some(Value::Float(_)) => Kind::Float,
            Some(Value::Bool(_)) => Kind::Bool,
            _ => Kind::Text,
        }
    }
}

/// Reads a template.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn read(file: &Arc<SourceFile>) -> Result<Template, Diagnostics> {
    let root = yaml::parse(file)?;
    let mut problems = root.warnings;
    let Some(root) = root.value.filter(|root| root.as_map().is_some()) else {
        problems.push(Diagnostic::error("a template of profiles is a mapping with `fixed` and `prompts`"));
        return Err(problems);
    };
    let mut fields = Fields::new(file, &root);
    fields.refuse_unknown(&["fixed", "prompts"], "in a template of profiles");
    let fixed = fields.mapping("fixed").map(Node::entries).unwrap_or_default();
    let fixed = fixed.iter().map(|entry| (entry.key.text.to_string(), entry.value.to_json())).collect();
    let prompts = fields.mapping("prompts").map(|node| prompts(node, &mut fields)).unwrap_or_default();
    problems.extend(fields.problems);
    if problems.has_errors() { Err(problems) } else { Ok(Template { fixed, prompts }) }
}

fn prompts(node: &Node, within: &mut Fields<'_>) -> Vec<Prompt> {
    node.entries().iter().filter_map(|entry| prompt(&entry.key.text, &entry.value, within)).collect()
}

fn prompt(key: &str, node: &Node, within: &mut Fields<'_>) -> Option<Prompt> {
    if let Some(name) = key.strip_prefix("_fixed_") {
        return Some(Prompt::Fixed(name.to_owned(), node.to_json()));
    }
    if node.as_map().is_none() && !node.is_null() {
        within.wrong(key, node, "a mapping");
        return None;
    }
    if let Some(what) = key.strip_prefix("_choose") {
        let options: Vec<(String, Vec<Prompt>)> =
            node.entries().iter().map(|entry| (entry.key.text.to_string(), prompts(&entry.value, within))).collect();
        if options.is_empty() {
            within.problems.push(Diagnostic::error(format!("`{key}` has no options")).at(node.span(within.file)));
        }
        return Some(Prompt::Choose(what.trim_start_matches('_').replace('_', " "), options));
    }
    let mut fields = Fields::new(within.file, node);
    fields.refuse_unknown(&["hint", "default", "type", "hide_input"], &format!("of `{key}`"));
    let default = node.get("default").filter(|default| !default.is_null());
    let kind = match fields.text("type").as_deref() {
        None => Kind::of_default(default),
        Some("string") => Kind::Text,
        Some("int") => Kind::Int,
        Some("float") => Kind::Float,
        Some("bool") => Kind::Bool,
        Some(other) => {
            let message = format!("`type` is `string`, `int`, `float` or `bool`, not `{other}`");
            fields.error("type", message);
            Kind::Text
        }
    };
    let hidden = fields.flag("hide_input").unwrap_or(false);
    let hint = node.get("hint").and_then(Node::scalar_text).map(std::borrow::Cow::into_owned);
    within.problems.extend(fields.problems);
    Some(Prompt::Field(Field { key: key.to_owned(), hint, default: default.map(Node::to_json), kind, hidden }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_in_a_template_is_located() {
        let wrong =
            "fixed: {type: postgres}\nprompt: {}\nprompts:\n  port: {type: number}\n  user: me\n  _choose_way: {}\n";
        insta::assert_snapshot!(read(&SourceFile::new("profile_template.yml", wrong)).unwrap_err(), @r"
        error: unknown key `prompt` in a template of profiles
          --> profile_template.yml:2:1
          |
        2 | prompt: {}
          | ^^^^^^
          = help: did you mean `prompts`?

        error: `type` is `string`, `int`, `float` or `bool`, not `number`
          --> profile_template.yml:4:16
          |
        4 |   port: {type: number}
          |                ^^^^^^

        error: `user` must be a mapping, this is text
          --> profile_template.yml:5:9
          |
        5 |   user: me
          |         ^^

        error: `_choose_way` has no options
          --> profile_template.yml:6:16
          |
        6 |   _choose_way: {}
          |                ^^
        ");
    }

    #[test]
    fn answers_are_read_by_the_type_of_their_field() {
        assert_eq!(Kind::Int.read("5432"), Ok(5432.into()));
        assert_eq!(Kind::Int.read("many"), Err("a whole number"));
        assert_eq!(Kind::Float.read("1.5"), Ok(1.5.into()));
        assert_eq!(Kind::Float.read("inf"), Err("a number"));
        assert_eq!((Kind::Bool.read("Yes"), Kind::Bool.read("0")), (Ok(true.into()), Ok(false.into())));
        assert_eq!(Kind::Text.read("1"), Ok("1".into()));
        assert_eq!(Kind::of_default(None), Kind::Text);
    }
}
