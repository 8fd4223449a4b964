//! From a template to a target, by answers.

use serde_json::{Map, Value as Json};

use super::template::{Field, Prompt, Template};
use crate::report::{Dialog, Ended};

/// Asks for what a target is made of.
///
/// # Errors
/// If the answers end before.
pub fn target(dialog: &Dialog<'_>, template: &Template) -> Result<Map<String, Json>, Ended> {
    let mut target: Map<String, Json> = template.fixed.iter().cloned().collect();
    ask_all(dialog, &template.prompts, &mut target)?;
    Ok(target)
}

fn ask_all(dialog: &Dialog<'_>, prompts: &[Prompt], target: &mut Map<String, Json>) -> Result<(), Ended> {
    for prompt in prompts {
        match prompt {
            Prompt::Fixed(key, value) => drop(target.insert(key.clone(), value.clone())),
            Prompt::Field(field) => drop(target.insert(field.key.clone(), ask(dialog, field)?)),
            Prompt::Choose(what, options) => {
                let names: Vec<&str> = options.iter().map(|(name, _)| name.as_str()).collect();
                let chosen = choose(dialog, what, &names, None)?;
                if let Some((_, prompts)) = options.get(chosen) {
                    ask_all(dialog, prompts, target)?;
                }
            }
        }
    }
    Ok(())
}

/// Asks until the answer is one for this field.
fn ask(dialog: &Dialog<'_>, field: &Field) -> Result<Json, Ended> {
    let hint = field.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    let default = field.default.as_ref().map(|default| match default.as_str() {
        _ if field.hidden => " [hidden]".to_owned(),
        Some(text) => format!(" [{text}]"),
        None => format!(" [{default}]"),
    });
    let question = format!("{}{hint}{}", field.key, default.unwrap_or_default());
    loop {
        let answer = if field.hidden { dialog.ask_hidden(&question)? } else { dialog.ask(&question)? };
        match (answer.is_empty(), &field.default) {
            (true, Some(default)) => return Ok(default.clone()),
            (true, None) => {}
            (false, _) => match field.kind.read(&answer) {
                Ok(value) => return Ok(value),
                // What is not shown while it is typed is not shown afterwards.
                Err(what) if field.hidden => dialog.say(&format!("this is not {what}")),
                Err(what) => dialog.say(&format!("'{answer}' is not {what}")),
            },
        }
    }
}

/// Asks for one of some options; gives its place.
///
/// # Errors
/// If the answers end before.
pub fn choose(dialog: &Dialog<'_>, what: &str, options: &[&str], default: Option<usize>) -> Result<usize, Ended> {
    let list = options.iter().enumerate().map(|(at, option)| format!("[{}] {option}", at + 1));
    let list = list.collect::<Vec<_>>().join("\n");
    let shown = default.map(|at| format!(" [{}]", at + 1)).unwrap_or_default();
    loop {
        dialog.say(&list);
        let answer = dialog.ask(&format!("Which {what}? Enter its number{shown}"))?;
        let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let named = options.iter().position(|option| *option == answer);
        match named.or(number).or(default.filter(|_| answer.is_empty())) {
            Some(at) if at < options.len() => return Ok(at),
            _ => dialog.say(&format!("'{answer}' is none of them")),
        }
    }
}

/// Asks for a yes; anything else but a no is asked again, and nothing is a no.
///
/// # Errors
/// If the answers end before.
pub fn confirm(dialog: &Dialog<'_>, question: &str) -> Result<bool, Ended> {
    loop {
        match dialog.ask(&format!("{question} [y/N]"))?.to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            other => dialog.say(&format!("'{other}' is not yes or no")),
        }
    }
}
