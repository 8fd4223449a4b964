//! Docs blocks, and the descriptions that use them.
//!
//! `doc('name')` looks in the package that is named, or else in the root project, then in
//! the package of the description (docs.getdbt.com/docs/build/documentation).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Span};
use crate::jinja::blocks::{self, BlockKind};
use crate::jinja::context::Function;
use crate::jinja::values;
use crate::jinja::{Engine, Scope, TemplateSource, error};
use crate::manifest::{DocBlock, ResourceType, UniqueId};

use super::workspace::{Names, Workspace};

/// Every docs block, by package and name.
#[derive(Debug, Default)]
pub struct Docs {
    pub blocks: Vec<Arc<DocBlock>>,
    places: HashMap<(Arc<str>, Arc<str>), (usize, Span)>,
    root: Arc<str>,
    /// Whether a description's own package goes before the root project.
    own_package_first: bool,
}

/// A file with docs blocks.
pub struct DocsFile<'a> {
    pub package: &'a Arc<str>,
    pub span: Span,
    pub path: String,
    pub original_file_path: String,
}

/// The blocks of one file with the places of their names.
///
/// # Errors
/// A block that is not closed or has no name; broken Jinja in one.
pub fn read(file: &DocsFile<'_>, engine: &Engine) -> Result<Vec<(DocBlock, Span)>, Diagnostic> {
    let source = &file.span.file;
    if !source.text.contains("docs") {
        return Ok(Vec::new());
    }
    let found = blocks::scan(source, &[BlockKind::Docs])?;
    let read = found.into_iter().map(|block| {
        let contents = rendered(engine, file, block.contents())?;
        let doc = DocBlock {
            unique_id: format!("doc.{}.{}", file.package, block.name).into(),
            resource_type: ResourceType::Doc,
            package_name: file.package.to_string(),
            path: file.path.clone(),
            original_file_path: file.original_file_path.clone(),
            block_contents: contents.trim().to_owned(),
            name: block.name,
        };
        Ok((doc, Span::new(source, block.head.start, block.head.end)))
    });
    read.collect()
}

/// A block's text with its Jinja done; no name has a value there, and that is no mistake.
fn rendered<'a>(engine: &Engine, file: &DocsFile<'_>, contents: &'a str) -> Result<Cow<'a, str>, Diagnostic> {
    if !super::properties::holds_jinja(contents) {
        return Ok(Cow::Borrowed(contents));
    }
    let source = TemplateSource::text(&file.original_file_path, contents);
    let scope = Scope::parsing(file.package, values::dict_of::<&str>([]));
    Ok(Cow::Owned(engine.render(&source, &scope)?.value))
}

/// The package and the name of the page that a documentation site begins with.
pub const OVERVIEW: (&str, &str) = ("dbt", "__overview__");

/// The page that a site begins with where no project has one of its own: sites look it up by its id.
pub fn overview() -> DocBlock {
    let (package, name) = OVERVIEW;
    DocBlock {
        unique_id: format!("doc.{package}.{name}").into(),
        resource_type: ResourceType::Doc,
        package_name: package.to_owned(),
        path: "overview.md".to_owned(),
        original_file_path: "docs/overview.md".to_owned(),
        name: name.to_owned(),
        block_contents: "### Documentation of this project\n\nThe tree on the left shows what the project builds, by \
                         project or by database; the graph shows what is built from what.\n\nA docs block \
                         `__overview__` in a Markdown file of the project takes the place of this page."
            .to_owned(),
    }
}

impl Docs {
    pub fn new(root: &Arc<str>, own_package_first: bool) -> Self {
        Docs { root: root.clone(), own_package_first, ..Docs::default() }
    }

    /// Adds a block; fails if its package has another of that name.
    pub fn add(&mut self, doc: DocBlock, span: Span) -> Result<(), Diagnostic> {
        let key = (Arc::from(doc.package_name.as_str()), Arc::from(doc.name.as_str()));
        if let Some((_, first)) = self.places.get(&key) {
            let message = format!("dbt found two docs with the same name: \"{}\"", doc.name);
            return Err(Diagnostic::error(message).at(span).note_at("the other block", first.clone()).hint(
                "to fix this, rename or remove one of these files, or change the name of one of these docs blocks",
            ));
        }
        self.places.insert(key, (self.blocks.len(), span));
        self.blocks.push(Arc::new(doc));
        Ok(())
    }

    fn in_package(&self, package: &str, name: &str) -> Option<&Arc<DocBlock>> {
        let key = (Arc::from(package), Arc::from(name));
        self.places.get(&key).map(|(index, _)| &self.blocks[*index])
    }

    /// What `doc` means in a description of `package`.
    pub fn resolve(&self, package: &str, names: &[String]) -> Option<&Arc<DocBlock>> {
        match names {
            [name] => {
                let order = if self.own_package_first { [package, &self.root] } else { [&*self.root, package] };
                let near = order.into_iter().find_map(|package| self.in_package(package, name));
                near.or_else(|| {
                    // The first block of that name, wherever it is.
                    self.blocks.iter().find(|block| block.name == *name)
                })
            }
            [package, name] => self.in_package(package, name),
            _ => None,
        }
    }
}

impl Docs {
    /// The contents of every block by each way to name it from a package.
    fn names(&self, package: &str) -> HashMap<Vec<String>, String> {
        let mut names = HashMap::new();
        for block in &self.blocks {
            names.insert(vec![block.package_name.clone(), block.name.clone()], block.block_contents.clone());
            let short = vec![block.name.clone()];
            if let Some(found) = self.resolve(package, &short) {
                names.insert(short, found.block_contents.clone());
            }
        }
        names
    }
}

/// A description, rendered, with the ids of the blocks that it uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    pub text: String,
    pub blocks: Vec<UniqueId>,
}

/// Whose descriptions are rendered. Those of what is disabled stay as they are written: what they name may be
/// missing.
pub struct Owner<'a> {
    pub package: usize,
    pub unique_id: &'a str,
    pub is_enabled: bool,
}

impl Owner<'_> {
    /// # Errors
    /// Broken Jinja, and docs that are not there.
    pub fn describe(&self, workspace: &Workspace<'_>, text: &str, span: &Span) -> Result<Description, Diagnostic> {
        match self.is_enabled {
            true => describe(workspace, self.package, self.unique_id, text, span),
            false => Ok(Description { text: text.to_owned(), blocks: Vec::new() }),
        }
    }
}

/// Renders a description of `owner`, a resource of `package`.
///
/// # Errors
/// Broken Jinja, a block that does not exist.
pub fn describe(
    workspace: &Workspace<'_>,
    package: usize,
    owner: &str,
    text: &str,
    span: &Span,
) -> Result<Description, Diagnostic> {
    if !super::properties::holds_jinja(text) {
        return Ok(Description { text: text.to_owned(), blocks: Vec::new() });
    }
    let package_name = workspace.packages[package].name.clone();
    let docs = &workspace.docs;
    // A template loses the line end at its end.
    if let Some(found) = only_docs(docs, &package_name, text.strip_suffix('\n').unwrap_or(text)) {
        return Ok(found);
    }
    // The blocks live as long as the invocation: a function of the context owns what it uses.
    let known: HashMap<Vec<String>, String> = mentioned(text)
        .into_iter()
        .filter_map(|names| {
            let block = docs.resolve(&package_name, &names)?;
            Some((names, block.block_contents.clone()))
        })
        .collect();
    // A name that is computed can be that of any block.
    let computed: HashMap<Vec<String>, String> = match mentioned(text).len() < text.matches("doc").count() {
        true => docs.names(&package_name),
        false => HashMap::new(),
    };
    let is_missing = mentioned(text).iter().any(|names| docs.resolve(&package_name, names).is_none());
    let names_of_blocks: Vec<String> = match is_missing {
        true => docs.names(&package_name).into_keys().filter_map(|names| names.into_iter().next_back()).collect(),
        false => Vec::new(),
    };
    let owner = owner.to_owned();
    let doc = Function::value("doc", move |_, arguments| {
        let names: Vec<String> = arguments.positional.iter().map(values::text).collect();
        match known.get(&names) {
            Some(contents) => Ok(minijinja::Value::from(contents.as_str())),
            None => match computed.get(&names) {
                Some(contents) => Ok(minijinja::Value::from(contents.as_str())),
                None => {
                    let name = names.last().map_or("", String::as_str);
                    Err(error(
                        Diagnostic::error(missing(&owner, &names))
                            .suggest(name, names_of_blocks.iter().map(String::as_str))
                            .hint(format!("write it into a Markdown file: `{{% docs {name} %}}...{{% enddocs %}}`")),
                    ))
                }
            },
        }
    });
    let value = workspace.yaml_value(package, text, span, Names(vec![("doc", doc)]))?;
    let blocks = plain_calls(text).filter_map(|names| Some(docs.resolve(&package_name, &names)?.unique_id.clone()));
    Ok(Description { text: super::python::text(&value), blocks: blocks.collect() })
}

fn missing(owner: &str, names: &[String]) -> String {
    match names {
        [name] => format!("Documentation for '{owner}' depends on doc '{name}' which was not found"),
        [package, name] => {
            format!("Documentation for '{owner}' depends on doc '{name}' in package '{package}' which was not found")
        }
        _ => format!("doc() takes at most two arguments ({} given)", names.len()),
    }
}

/// A description of text and plain `{{ doc('name') }}`, without the engine.
fn only_docs(docs: &Docs, package: &str, text: &str) -> Option<Description> {
    let mut description = Description::default();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(inside) = rest[start..].strip_prefix("{{") else {
            if rest[start..].starts_with("{%") || rest[start..].starts_with("{#") {
                return None;
            }
            description.text.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            continue;
        };
        let end = inside.find("}}")?;
        let names = doc_arguments(inside[..end].trim())?;
        let block = docs.resolve(package, &names)?;
        description.text.push_str(&rest[..start]);
        description.text.push_str(&block.block_contents);
        description.blocks.push(block.unique_id.clone());
        rest = &inside[end + 2..];
    }
    description.text.push_str(rest);
    Some(description)
}

/// The literal arguments of a `doc(...)` expression.
fn doc_arguments(expression: &str) -> Option<Vec<String>> {
    let inside = expression.strip_prefix("doc")?.trim_start().strip_prefix('(')?.trim_end().strip_suffix(')')?;
    inside
        .split(',')
        .map(|argument| {
            let argument = argument.trim();
            let quote = argument.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let name = argument.strip_prefix(quote)?.strip_suffix(quote)?;
            (!name.contains(['\'', '"', '\\'])).then(|| name.to_owned())
        })
        .collect()
}

/// The arguments of each `{{ doc(...) }}` that has nothing else in its braces: only those are recorded, as in dbt.
fn plain_calls(text: &str) -> impl Iterator<Item = Vec<String>> {
    text.split("{{").skip(1).filter_map(|rest| {
        let (inside, _) = rest.split_once("}}")?;
        doc_arguments(inside.trim_start_matches(['-', '+']).trim_end_matches('-').trim())
    })
}

/// The arguments of every literal `doc(...)` call in a text.
fn mentioned(text: &str) -> Vec<Vec<String>> {
    let calls = text.match_indices("doc").filter_map(|(at, _)| {
        let end = text[at..].find(')')?;
        doc_arguments(&text[at..=at + end])
    });
    calls.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs() -> Docs {
        let root: Arc<str> = "shop".into();
        let mut docs = Docs::new(&root, false);
        let file = crate::diagnostic::SourceFile::new("models/a.md", "{% docs a %} in root {% enddocs %}");
        for (package, contents) in [(root, "in root"), (Arc::from("utils"), "in utils")] {
            let span = Span::new(&file, 0, file.text.len());
            let source =
                DocsFile { package: &package, span, path: "a.md".into(), original_file_path: "models/a.md".into() };
            let engine = Engine::new(Vec::new(), crate::jinja::EngineOptions::new("shop")).unwrap();
            for (mut doc, span) in read(&source, &engine).unwrap() {
                doc.block_contents = contents.to_owned();
                docs.add(doc, span).unwrap();
            }
        }
        docs
    }

    #[test]
    fn a_description_takes_the_block_of_the_root_project_first() {
        let docs = docs();
        let check = |package: &str, text: &str, expected: &str| {
            assert_eq!(only_docs(&docs, package, text).map(|found| found.text).as_deref(), Some(expected), "{text}");
        };
        check("shop", "see {{ doc('a') }}.", "see in root.");
        check("utils", "{{ doc(\"a\") }}", "in root");
        check("shop", "{{ doc('utils', 'a') }} {b}", "in utils {b}");
        assert_eq!(only_docs(&docs, "shop", "{{ var('x') }}"), None);
        assert_eq!(only_docs(&docs, "shop", "{{ doc('nothing') }}"), None);
    }

    #[test]
    fn a_name_given_twice_in_a_package_is_an_error() {
        let mut docs = docs();
        let again = docs.blocks[0].as_ref().clone();
        let file = crate::diagnostic::SourceFile::new("models/b.md", "");
        let problem = docs.add(again, Span::new(&file, 0, 0)).unwrap_err();
        assert_eq!(problem.message, "dbt found two docs with the same name: \"a\"");
    }
}
