//! The filter `urlize`: addresses in a text become links
//! (jinja.palletsprojects.com/en/stable/templates/#jinja-filters.urlize).

use std::sync::LazyLock;

use minijinja::Value;
use regex::Regex;

use super::arguments::{Arguments, integer, string, truth};
use super::text_filters::escaped;
use super::values::{self, Fault};

/// An address of the web: a scheme or `www.` and any domain, one of the old domains without either, or a
/// scheme and a number; then perhaps a port, a path, a query.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let top_level = r"([a-z]{2,63}|xn--[\w%]{2,59})";
    let named = format!(r"(https?://|www\.)([\w%-]+\.)*{top_level}");
    let known = r"([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)";
    let numbered = r"https?://(\d{1,3}(\.\d{1,3}){3}|\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])";
    Regex::new(&format!(r"(?i)^({named}|{known}|{numbered})(:\d{{1,5}})?([/?#]\S*)?$")).ok()
});

static MAIL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\S+@\w[\w.-]*\.\w+$").ok());

/// What may stand before an address, and behind it.
const OPENING: [&str; 3] = ["(", "<", "&lt;"];
const CLOSING: [&str; 6] = [")", ">", ".", ",", "\n", "&gt;"];

/// How links are written.
struct Style {
    limit: Option<usize>,
    /// `rel` and `target`, with a space before each.
    attributes: String,
    schemes: Vec<String>,
}

pub fn filter(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let names = ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"];
    let [limit, nofollow, target, rel, schemes] = arguments.bind("urlize", names)?;
    let limit = integer(limit.as_ref(), "urlize", "trim_url_limit")?;
    let rel = string(rel.as_ref(), "urlize", "rel")?.unwrap_or_default();
    let mut rels: Vec<&str> = rel.split_whitespace().chain(["noopener"]).collect();
    rels.extend(truth(nofollow.as_ref(), false).then_some("nofollow"));
    rels.sort_unstable();
    rels.dedup();
    let mut attributes = format!(" rel=\"{}\"", escaped(&rels.join(" ")));
    if let Some(target) = string(target.as_ref(), "urlize", "target")? {
        attributes.push_str(&format!(" target=\"{}\"", escaped(&target)));
    }
    let schemes = match schemes.filter(|schemes| !schemes.is_none()) {
        Some(schemes) => values::items(&schemes)?.iter().map(values::text).collect(),
        None => Vec::new(),
    };
    let style = Style { limit: limit.and_then(|limit| usize::try_from(limit).ok()), attributes, schemes };
    let text = escaped(&values::text(value));
    let mut output = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let blank = rest.starts_with(char::is_whitespace);
        let end = rest.find(|character: char| character.is_whitespace() != blank).unwrap_or(rest.len());
        match blank {
            true => output.push_str(&rest[..end]),
            false => style.write_word(&rest[..end], &mut output),
        }
        rest = &rest[end..];
    }
    Ok(Value::from(output))
}

impl Style {
    fn write_word(&self, word: &str, output: &mut String) {
        let mut middle = word;
        while let Some(rest) = OPENING.iter().find_map(|mark| middle.strip_prefix(mark)) {
            middle = rest;
        }
        let start = word.len() - middle.len();
        while let Some(rest) = CLOSING.iter().find_map(|mark| middle.strip_suffix(mark)) {
            middle = rest;
        }
        let end = balanced(word, start, start + middle.len());
        output.push_str(&word[..start]);
        self.write_address(&word[start..end], output);
        output.push_str(&word[end..]);
    }

    fn write_address(&self, address: &str, output: &mut String) {
        let matches =
            |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_some_and(|pattern| pattern.is_match(text));
        let attributes = &self.attributes;
        if matches(&ADDRESS, address) {
            let has_scheme = address.starts_with("https://") || address.starts_with("http://");
            let scheme = if has_scheme { "" } else { "https://" };
            let shown = match self.limit {
                Some(limit) if address.chars().count() > limit => {
                    address.chars().take(limit).chain("...".chars()).collect()
                }
                _ => address.to_owned(),
            };
            output.push_str(&format!("<a href=\"{scheme}{address}\"{attributes}>{shown}</a>"));
        } else if let Some(mail) = address.strip_prefix("mailto:").filter(|mail| matches(&MAIL, mail)) {
            output.push_str(&format!("<a href=\"{address}\">{mail}</a>"));
        } else if !address.starts_with("www.")
            && !address.starts_with('@')
            && !address.contains(':')
            && matches(&MAIL, address)
        {
            output.push_str(&format!("<a href=\"mailto:{address}\">{address}</a>"));
        } else if self.schemes.iter().any(|scheme| address != scheme && address.starts_with(scheme.as_str())) {
            output.push_str(&format!("<a href=\"{address}\"{attributes}>{address}</a>"));
        } else {
            output.push_str(address);
        }
    }
}

/// Where the address ends if each bracket that it opens takes its other half from what follows.
fn balanced(word: &str, start: usize, mut end: usize) -> usize {
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
        let middle = &word[start..end];
        let opened = middle.matches(open).count();
        if opened <= middle.matches(close).count() {
            continue;
        }
        for _ in 0..opened.min(word[end..].matches(close).count()) {
            end += word[end..].find(close).map_or(0, |at| at + close.len());
        }
    }
    end
}
