//! Jinja in configuration files: `env_var`, `var`, `target` and the filters that give types.
//!
//! Configuration is rendered before any macro is known, so a small environment is enough.
//! A text that is one expression keeps that expression's type
//! (docs.getdbt.com/reference/dbt-jinja-functions/as_native).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Kwargs, Object, ObjectRepr, Rest, Serde, ValueKind};
use minijinja::{Environment as Templates, Error, ErrorKind, UndefinedBehavior, Value, context};
use serde_json::Map;

use crate::diagnostic::{Diagnostic, Span};
use crate::invocation::Environment;
use crate::invocation::environment::{MASK, SECRET_PREFIX};
use crate::project::StringRenderer;

/// How deep calls may go inside each other in one text.
const MAX_CALLS: usize = 100;

/// What the texts of a file may use.
#[derive(Clone)]
pub struct RenderContext<'a> {
    pub environment: &'a Arc<Environment>,
    /// `--vars`, over those of `vars.yml`.
    pub vars: &'a Map<String, serde_json::Value>,
    /// Jinja's `target`; absent where the profile is not known yet, empty for commands without one,
    /// to which every part of it is an empty text.
    pub target: Option<&'a Map<String, serde_json::Value>>,
    /// Whether `DBT_ENV_SECRET_` variables may be used: in profiles and package lists.
    pub allows_secrets: bool,
    /// Whether a `var` without value is an error; `deps` and `clean` go without.
    pub requires_vars: bool,
    pub dbt_version: &'a str,
    /// Jinja's `modules`.
    pub modules: Option<&'a Value>,
}

/// Renders texts of `dbt_project.yml`, `profiles.yml`, package lists and selectors.
pub struct ConfigRenderer {
    templates: Templates<'static>,
    environment: Arc<Environment>,
    said: Arc<Mutex<Vec<Said>>>,
}

/// A text that a template logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    /// For everyone, not only for the log file.
    pub info: bool,
}

impl ConfigRenderer {
    pub fn new(context: &RenderContext<'_>) -> ConfigRenderer {
        let mut templates = Templates::new();
        // As in Python's Jinja, what is unknown is written as an empty text; only a part of it is an error.
        templates.set_undefined_behavior(UndefinedBehavior::Lenient);
        templates.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        templates.set_recursion_limit(MAX_CALLS);
        let environment = context.environment.clone();
        let allows_secrets = context.allows_secrets;
        templates.add_function("env_var", move |name: String, default: Option<Value>, options: Kwargs| {
            let default = options.get::<Option<Value>>("default")?.or(default);
            env_var(&environment, allows_secrets, &name, default)
        });
        let vars = context.vars.clone();
        let requires_vars = context.requires_vars;
        templates.add_function("var", move |name: String, rest: Rest<Value>, options: Kwargs| {
            let default = options.get::<Option<Value>>("default")?.or_else(|| rest.first().cloned());
            match (vars.get(&name), default) {
                (Some(value), _) => Ok(Value::from(Serde(value))),
                (None, Some(default)) => Ok(default),
                (None, None) if !requires_vars => Ok(Value::from(())),
                (None, None) => Err(failed(format!("Required var '{name}' not found in config"))),
            }
        });
        templates.add_function("fromjson", |text: String| {
            serde_json::from_str::<serde_json::Value>(&text)
                .map(|value| Value::from(Serde(&value)))
                .map_err(|error| failed(format!("`fromjson` got text that is not JSON: {error}")))
        });
        templates.add_function("return", |value: Value| value);
        templates.add_filter("as_text", |value: Value| value.to_string());
        templates.add_filter("as_bool", as_bool);
        templates.add_filter("as_number", as_number);
        templates.add_filter("as_native", |value: Value| match value.as_str() {
            Some(text) => python_literal(text).unwrap_or(value),
            None => value,
        });
        let said: Arc<Mutex<Vec<Said>>> = Arc::default();
        let log = said.clone();
        templates.add_function("log", move |message: Value, rest: Rest<Value>, options: Kwargs| {
            let info = options.get::<Option<Value>>("info")?.or_else(|| rest.first().cloned());
            let info = info.is_some_and(|info| info.is_true());
            log.lock().unwrap_or_else(PoisonError::into_inner).push(Said { text: masked(message.to_string()), info });
            Ok::<_, Error>(String::new())
        });
        templates.add_global("dbt_version", context.dbt_version.to_owned());
        if let Some(modules) = context.modules {
            templates.add_global("modules", modules.clone());
        }
        match context.target {
            Some(target) => templates.add_global("target", Value::from(Serde(target))),
            // Commands that need no profile read every field of the target as an empty text.
            None if !context.requires_vars => templates.add_global("target", Value::from_object(NoTarget)),
            None => {}
        }
        ConfigRenderer { templates, environment: context.environment.clone(), said }
    }

    /// What templates said by `log` since this was last asked; secrets that they use are masked.
    pub fn said(&self) -> Vec<Said> {
        std::mem::take(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn evaluate(&self, text: &str) -> Result<serde_json::Value, Error> {
        let value = match single_expression(text) {
            Some(expression) => {
                let value = self.value_of(expression)?;
                let value = value.downcast_object_ref::<Flag>().map_or(value.clone(), |flag| Value::from(flag.value));
                if expression.trim_end().ends_with("as_bool") && value.kind() != ValueKind::Bool {
                    return Err(failed(format!("could not convert value '{value}' into type 'bool'")));
                }
                value
            }
            None => Value::from(self.templates.render_str(text, context! {})?),
        };
        if value.is_undefined() {
            return Ok(serde_json::Value::String(String::new()));
        }
        let json = serde_json::to_value(&value)
            .map_err(|error| failed(format!("this gives no value that YAML could hold: {error}")))?;
        Ok(self.with_secrets(json))
    }

    /// The value of an expression; several with commas between them are one tuple.
    fn value_of(&self, expression: &str) -> Result<Value, Error> {
        match self.templates.compile_expression(expression) {
            Ok(compiled) => compiled.eval(context! {}),
            Err(error) => match self.templates.compile_expression(&format!("({expression})")) {
                Ok(compiled) => compiled.eval(context! {}),
                Err(_) => Err(error),
            },
        }
    }

    /// Puts the values of secrets where [`env_var`] left their names.
    fn with_secrets(&self, json: serde_json::Value) -> serde_json::Value {
        match json {
            serde_json::Value::String(mut text) => {
                while let Some((before, rest)) = text.split_once(SECRET_START) {
                    let Some((name, after)) = rest.split_once(SECRET_END) else { break };
                    let value = self.environment.get(name).unwrap_or_default();
                    text = format!("{before}{value}{after}");
                }
                serde_json::Value::String(text)
            }
            json => json,
        }
    }
}

/// The target of commands that have none.
#[derive(Debug)]
struct NoTarget;

impl Object for NoTarget {
    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        Some(Value::from(""))
    }
}

impl StringRenderer for ConfigRenderer {
    fn render(&self, text: &str, span: &Span) -> Result<serde_json::Value, Diagnostic> {
        self.evaluate(text).map_err(|error| diagnostic(&error, text, span))
    }
}

/// A text with a mask where secrets would be put.
fn masked(mut text: String) -> String {
    while let Some((before, rest)) = text.split_once(SECRET_START) {
        let Some((_, after)) = rest.split_once(SECRET_END) else { break };
        text = format!("{before}{MASK}{after}");
    }
    text
}

/// Around the name of a secret until rendering is done, so that no filter gets hold of its value.
const SECRET_START: &str = "$$$DBT_SECRET_START$$$";
const SECRET_END: &str = "$$$DBT_SECRET_END$$$";

fn env_var(
    environment: &Environment,
    allows_secrets: bool,
    name: &str,
    default: Option<Value>,
) -> Result<Value, Error> {
    if name.starts_with(SECRET_PREFIX) {
        if !allows_secrets {
            let files = "`profiles.yml` and `packages.yml`";
            return Err(failed(format!("secret env vars are allowed only in {files}, found '{name}' elsewhere")));
        }
        if environment.get(name).is_some() {
            return Ok(Value::from(format!("{SECRET_START}{name}{SECRET_END}")));
        }
    }
    match (environment.get(name), default.filter(|default| !default.is_none())) {
        (Some(value), _) => Ok(Value::from(value)),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(failed(format!("env var required but not provided: '{name}'"))),
    }
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// What `as_bool` gives: in dbt a text until the whole is rendered, and so true as an operand of `and`,
/// `or`, `not`.
#[derive(Debug)]
struct Flag {
    value: bool,
    /// As it was given: `true`, `True`.
    text: String,
}

impl Object for Flag {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn as_bool(value: Value) -> Result<Value, Error> {
    let text = match bool::try_from(value.clone()) {
        Ok(true) => "True".to_owned(),
        Ok(false) => "False".to_owned(),
        Err(_) => value.to_string(),
    };
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(Value::from_object(Flag { value: true, text })),
        "false" => Ok(Value::from_object(Flag { value: false, text })),
        // It may stand in a comparison: `target.name == 'dev' | as_bool`.
        _ => Ok(value),
    }
}

fn as_number(value: Value) -> Result<Value, Error> {
    if value.is_number() {
        return Ok(value);
    }
    let text = value.to_string();
    let digits = text.trim().replace('_', "");
    if let Ok(number) = digits.parse::<i64>() {
        return Ok(Value::from(number));
    }
    match digits.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::from(number)),
        _ => Err(failed(format!("could not convert value '{text}' into type 'number'"))),
    }
}

/// A literal of Python (`True`, `[1, 'a']`, `{'a': 1}`): Jinja writes them the same way.
fn python_literal(text: &str) -> Option<Value> {
    let mut templates = Templates::empty();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let value = templates.compile_expression_owned(text.to_owned()).ok()?.eval(context! {}).ok()?;
    (!value.is_undefined()).then_some(value)
}

/// The expression of a text that is exactly one `{{ ... }}`.
fn single_expression(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let mut quote = None;
    let mut characters = inner.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '}') if inner[at..].starts_with("}}") => return None,
            _ => {}
        }
    }
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_suffix('-').unwrap_or(inner).trim())
}

fn diagnostic(error: &Error, text: &str, span: &Span) -> Diagnostic {
    let detail = error.detail().unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::SyntaxError => format!("invalid Jinja: {detail}"),
        ErrorKind::UnknownFunction => format!("{detail} here: configuration may use `env_var`, `var` and `target`"),
        ErrorKind::UndefinedError => format!("a name in `{}` is not defined", text.trim()),
        _ if detail.is_empty() => format!("Jinja failed: {error}"),
        _ => detail.to_owned(),
    };
    let diagnostic = Diagnostic::error(message).at(span.clone());
    match detail {
        _ if detail.starts_with("env var required") => {
            diagnostic.hint("set the variable, or give `env_var` a default as its second argument")
        }
        _ if detail.starts_with("Required var") => {
            let hint = "give it by `--vars`, in `vars.yml`, or as the second argument of `var`";
            let mut diagnostic = diagnostic.hint(hint);
            diagnostic.set_kind("Compilation Error");
            diagnostic
        }
        _ => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::SourceFile;

    fn render(text: &str, allows_secrets: bool) -> String {
        let variables = [("PORT", "5432"), ("FLAG", "True"), ("LIST", "[1, 'a']"), ("DBT_ENV_SECRET_P", "s3cret")];
        let environment: Environment =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let vars = json!({"schema": "mart", "n": 3});
        let target = json!({"name": "dev"});
        let renderer = ConfigRenderer::new(&RenderContext {
            environment: &Arc::new(environment),
            vars: vars.as_object().unwrap(),
            target: target.as_object(),
            allows_secrets,
            requires_vars: true,
            dbt_version: "1.11.0",
            modules: None,
        });
        let file = SourceFile::new("x.yml", text);
        match renderer.render(text, &Span::new(&file, 0, text.len())) {
            Ok(value) => value.to_string(),
            Err(problem) => problem.message,
        }
    }

    #[test]
    fn configuration_renders_with_types() {
        let cases = [
            ("{{ env_var('PORT') }}", r#""5432""#),
            ("{{ env_var('PORT') | int }}", "5432"),
            ("{{ env_var('PORT') | as_number }}", "5432"),
            ("{{ env_var('FLAG') | as_bool }}", "true"),
            ("{{ 'true' | as_bool }}-x", r#""true-x""#),
            ("{{ true | as_bool }}-x", r#""True-x""#),
            ("{{ 'false' | as_bool and 'true' | as_bool }}", "true"),
            ("{{ 'true' | as_bool and 'false' | as_bool }}", "false"),
            ("{{ 'false' | as_bool or 'true' | as_bool }}", "false"),
            ("{{ not ('false' | as_bool) }}", "false"),
            ("{{ env_var('LIST') | as_native }}", r#"[1,"a"]"#),
            ("{{ env_var('PORT') | as_bool }}", "could not convert value '5432' into type 'bool'"),
            ("{{ env_var('NO', 'x') }}", r#""x""#),
            ("{{ env_var('NO', default='x') }}", r#""x""#),
            ("{{ env_var('NO') }}", "env var required but not provided: 'NO'"),
            ("{{ var('schema') }}_{{ target.name }}", r#""mart_dev""#),
            ("{{ var('n') }}", "3"),
            ("{{ var('no', true) }}", "true"),
            ("{{ var('no') }}", "Required var 'no' not found in config"),
            ("{{ target.name == 'dev' }}", "true"),
            ("{{ 'a' if target.name == 'dev' else 'b' }}", r#""a""#),
            ("{% if target.name == 'dev' %}x{% else %}y{% endif %}", r#""x""#),
            ("{{- target.name.upper() -}}", r#""DEV""#),
            ("{{ '}}' }}", r#""}}""#),
            ("{{ dbt_version }}", r#""1.11.0""#),
            ("{{ nothing }}", r#""""#),
            ("{{ target.warehouse }}", r#""""#),
            ("a{{ nothing }}b", r#""ab""#),
            ("{{ nothing | upper }}", r#""""#),
            ("{{ nothing.part }}", "a name in `{{ nothing.part }}` is not defined"),
            ("a{{ nothing.part }}", "a name in `a{{ nothing.part }}` is not defined"),
            ("{{ 'a }}", "invalid Jinja: unexpected end of string"),
        ];
        for (text, expected) in cases {
            assert_eq!(render(text, false), expected, "{text}");
        }
    }

    #[test]
    fn secrets_are_for_profiles_only_and_reach_no_filter() {
        assert_eq!(render("a{{ env_var('DBT_ENV_SECRET_P') }}b", true), r#""as3cretb""#);
        let elsewhere =
            "secret env vars are allowed only in `profiles.yml` and `packages.yml`, found 'DBT_ENV_SECRET_P' elsewhere";
        assert_eq!(render("{{ env_var('DBT_ENV_SECRET_P') }}", false), elsewhere);
        assert!(!render("{{ env_var('DBT_ENV_SECRET_P') | upper }}", true).contains("S3CRET"));
    }
}
