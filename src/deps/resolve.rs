//! From what is wanted to what is installed: one exact version of each package.

use indexmap::IndexMap;
use serde_json::Value;

use super::Session;
use super::list::{self, Git, Source, Wanted};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::load::{PackageContents, package_contents};
use crate::project::version::{Requirement, Version, is_satisfiable};

/// How far packages may ask for packages.
const MAX_ROUNDS: usize = 100;

/// A package with its exact version.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    pub(super) place: Place,
    /// The name of the project in it: the name of its folder.
    pub(super) name: String,
    /// What it is called in messages.
    pub(super) shown_name: String,
}

/// Where exactly a package is taken from.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Hub { package: String, version: String, latest: String, tarball: String },
    Git { git: Git, revision: String, commit: String },
    Local { path: String },
    Tarball { url: String, unrendered: String },
}

impl Place {
    /// `version 1.1.1`, `revision abc`, as dbt says it.
    pub(super) fn nice_version(&self) -> String {
        match self {
            Place::Hub { version, .. } => format!("version {version}"),
            Place::Git { commit, .. } => format!("revision {commit}"),
            Place::Local { path } => format!("<local @ {path}>"),
            Place::Tarball { url, .. } => format!("tarball (url: {url})"),
        }
    }
}

/// Resolves a list and everything that the packages on it ask for.
///
/// # Errors
/// A package that does not exist, versions that cannot be met together, two packages of
/// one name, whatever fetching gives.
pub(super) fn all(session: &Session<'_>, wanted: &[Wanted]) -> Result<Vec<Pinned>, Diagnostics> {
    let mut found: IndexMap<String, Wanted> = IndexMap::new();
    let mut pending = wanted.to_vec();
    let mut problems = Diagnostics::new();
    for _ in 0..MAX_ROUNDS {
        let mut next = Vec::new();
        for wanted in std::mem::take(&mut pending) {
            match incorporate(&mut found, wanted) {
                Ok(Some(key)) => match pin(session, &found[&key]).map_err(|error| explain(error, &found[&key])) {
                    Ok((_, asked)) => next.extend(asked),
                    Err(errors) => problems.extend(errors),
                },
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        pending = next;
        if pending.is_empty() || problems.has_errors() {
            break;
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    let list: Vec<Wanted> = found.into_values().collect();
    exactly(session, &list)
}

/// Resolves a list without what its packages ask for: that of a lock file.
pub(super) fn exactly(session: &Session<'_>, wanted: &[Wanted]) -> Result<Vec<Pinned>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut pinned: Vec<Pinned> = Vec::new();
    for wanted in wanted {
        match pin(session, wanted).map_err(|error| explain(error, wanted)) {
            Ok((package, _)) => {
                if let Err(problem) = check_name(session, &pinned, &package) {
                    problems.push(problem.at_opt(wanted.span.clone()));
                }
                pinned.push(package);
            }
            Err(errors) => problems.extend(errors),
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(pinned) }
}

fn check_name(session: &Session<'_>, pinned: &[Pinned], package: &Pinned) -> Result<(), Diagnostic> {
    let name = &package.name;
    if *name == session.project_name {
        return Err(Diagnostic::error(format!(
            "package `{}` has the name of the project itself, `{name}`",
            package.shown_name
        ))
        .hint("package names must be unique: rename one of them"));
    }
    match pinned.iter().find(|other| other.name == *name) {
        Some(other) => Err(Diagnostic::error(format!("two packages have the name `{name}`"))
            .note(format!("`{}` and `{}`", other.shown_name, package.shown_name))
            .hint("keep one of them")),
        None => Ok(()),
    }
}

/// Adds the place in the list, or who asked, to an error that has no place.
fn explain(errors: Diagnostics, wanted: &Wanted) -> Diagnostics {
    let mut explained = Diagnostics::new();
    for error in errors {
        let error = if error.span.is_none() { error.at_opt(wanted.span.clone()) } else { error };
        explained.push(match &wanted.asked_by {
            Some(packages) => error.note(format!("asked for by {packages}")),
            None => error,
        });
    }
    explained
}

/// Joins a wish with earlier ones for the same package; gives its key if anything is new.
fn incorporate(found: &mut IndexMap<String, Wanted>, wanted: Wanted) -> Result<Option<String>, Diagnostic> {
    let key = wanted.source.key();
    let Some(known) = found.get_mut(&key) else {
        found.insert(key.clone(), wanted);
        return Ok(Some(key));
    };
    match (&mut known.source, wanted.source) {
        (Source::Hub { versions, prerelease, .. }, Source::Hub { versions: more, prerelease: also, .. }) => {
            if let Some(package) = wanted.asked_by.filter(|package| known.asked_by.as_ref() != Some(package)) {
                let others = known.asked_by.take().map(|others| format!("{others}, {package}"));
                known.asked_by = Some(others.unwrap_or(package));
            }
            let more: Vec<Requirement> = more.into_iter().filter(|version| !versions.contains(version)).collect();
            let is_new = !more.is_empty() || (also && !*prerelease);
            versions.extend(more);
            *prerelease |= also;
            Ok(is_new.then_some(key))
        }
        (Source::Git(git), Source::Git(more)) => {
            git.warns_unpinned &= more.warns_unpinned;
            let more: Vec<String> =
                more.revisions.into_iter().filter(|revision| !git.revisions.contains(revision)).collect();
            let is_new = !more.is_empty();
            git.revisions.extend(more);
            Ok(is_new.then_some(key))
        }
        _ => Ok(None),
    }
}

/// The exact version of a package, and what it asks for.
fn pin(session: &Session<'_>, wanted: &Wanted) -> Result<(Pinned, Vec<Wanted>), Diagnostics> {
    let shown_name = wanted.source.shown_name();
    let (place, name, asked) = match &wanted.source {
        Source::Hub { package, versions, prerelease } => pin_hub(session, package, versions, *prerelease)?,
        Source::Git(git) => pin_git(session, git)?,
        Source::Local { path } => {
            let (name, asked) = contents(session, &session.project_root.join(path), &shown_name)?;
            (Place::Local { path: path.clone() }, name, asked)
        }
        Source::Tarball { url, name, unrendered } => {
            let folder = session.fetcher.archive(url)?;
            let (_, asked) = contents(session, &folder, &shown_name)?;
            (Place::Tarball { url: url.clone(), unrendered: unrendered.clone() }, name.clone(), asked)
        }
    };
    if !list::is_plain_path(&name) || name.contains('/') || name.is_empty() || name.starts_with('.') {
        return Err(Diagnostic::error(format!("`{name}` cannot be the name of a package's folder")).into());
    }
    Ok((Pinned { place, name, shown_name }, asked))
}

type Contents = (Place, String, Vec<Wanted>);

fn pin_hub(
    session: &Session<'_>,
    package: &str,
    versions: &[Requirement],
    prerelease: bool,
) -> Result<Contents, Diagnostics> {
    let index = session.fetcher.index()?;
    if !index.iter().any(|known| known == package) {
        return Err(Diagnostic::error(format!("package `{package}` was not found in the package index"))
            .suggest(package, index.iter().map(String::as_str))
            .into());
    }
    let description = session.fetcher.package(package)?;
    warn_of_redirect(session, package, &description);
    let shown: Vec<String> = versions.iter().map(Requirement::to_string).collect();
    if !is_satisfiable(versions) {
        return Err(Diagnostic::error(format!("no version of `{package}` can meet all of {}", shown.join(", "))).into());
    }
    let prerelease = prerelease || versions.iter().any(|requirement| requirement.version.prerelease.is_some());
    let mut installable: Vec<(Version, &String, &Value)> = description
        .get("versions")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, facts)| session.dbt_version.as_ref().is_none_or(|version| is_compatible(facts, version)))
        .filter_map(|(text, facts)| Some((Version::parse(text)?, text, facts)))
        .filter(|(version, _, _)| prerelease || version.prerelease.is_none())
        .collect();
    installable.sort_by(|left, right| left.0.cmp(&right.0));
    let allowed =
        installable.iter().rev().find(|(version, _, _)| versions.iter().all(|requirement| requirement.allows(version)));
    let Some((_, version, facts)) = allowed else {
        let newest: Vec<&str> = installable.iter().rev().take(10).map(|(_, text, _)| text.as_str()).collect();
        let compatible = if newest.is_empty() { "none".to_owned() } else { newest.join(", ") };
        let problem =
            Diagnostic::error(format!("could not find a matching compatible version for package `{package}`"))
                .note(format!("requested range: {}", shown.join(", ")))
                .note(format!("newest compatible versions: {compatible}"));
        return Err(match session.dbt_version {
            Some(_) => problem.hint("not all versions fit this version of dbt: `--no-version-check` tries any").into(),
            None => problem.into(),
        });
    };
    let text = |key: &str| facts.get(key).and_then(Value::as_str);
    let tarball = facts.pointer("/downloads/tarball").and_then(Value::as_str);
    let (Some(name), Some(tarball)) = (text("name"), tarball) else {
        return Err(Diagnostic::error(format!("the hub does not say where version {version} of `{package}` is")).into());
    };
    let asked = match facts.get("packages") {
        Some(packages @ Value::Array(_)) => list::from_index(packages, package)?,
        _ => Vec::new(),
    };
    let latest = installable.last().map_or_else(|| (*version).clone(), |(_, text, _)| (*text).clone());
    let place =
        Place::Hub { package: package.to_owned(), version: (*version).clone(), latest, tarball: tarball.to_owned() };
    Ok((place, name.to_owned(), asked))
}

/// Whether a version's `require_dbt_version` allows this version of dbt.
fn is_compatible(facts: &Value, dbt_version: &Version) -> bool {
    let texts: Vec<&str> = match facts.get("require_dbt_version") {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    texts.into_iter().filter_map(Requirement::parse).all(|requirement| requirement.allows(dbt_version))
}

fn warn_of_redirect(session: &Session<'_>, package: &str, description: &Value) {
    let text = |key: &str| description.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (namespace, name) = package.split_once('/').unwrap_or((package, ""));
    if text("redirectnamespace").is_some() || text("redirectname").is_some() {
        let namespace = text("redirectnamespace").unwrap_or(namespace);
        let name = text("redirectname").unwrap_or(name);
        let message = format!(
            "The `{package}` package is deprecated in favor of `{namespace}/{name}`. Please update your `packages.yml` \
             configuration to use `{namespace}/{name}` instead."
        );
        session.warn_once(
            Diagnostic::warning_of("PackageRedirectDeprecation", message)
                .hint("change the name in the list of packages"),
        );
    }
}

fn pin_git(session: &Session<'_>, git: &Git) -> Result<Contents, Diagnostics> {
    let revision = match git.revisions.as_slice() {
        [] => "HEAD",
        [revision] => revision,
        several => {
            return Err(Diagnostic::error(format!("`{}` is wanted at several revisions", git.shown()))
                .note(format!("these are {}", several.join(", ")))
                .hint("a `git` package needs exactly one revision")
                .into());
        }
    };
    let (folder, commit) = session.fetcher.repository(git, revision)?;
    if git.warns_unpinned && matches!(revision, "HEAD" | "main" | "master") {
        let how = match revision {
            "HEAD" => "not pinned, using HEAD (default branch)".to_owned(),
            branch => format!("pinned to the \"{branch}\" branch"),
        };
        session.warn_once(
            Diagnostic::warning_of("DepsUnpinned", format!("the git package \"{}\" is {how}", git.shown()))
                .note("this can introduce breaking changes into your project without warning")
                .hint("name a tag or a commit as its `revision`"),
        );
    }
    let (name, asked) = contents(session, &folder, git.shown())?;
    Ok((Place::Git { git: git.clone(), revision: revision.to_owned(), commit }, name, asked))
}

/// The name of the project in a folder, and the packages that it asks for.
fn contents(
    session: &Session<'_>,
    folder: &std::path::Path,
    shown: &str,
) -> Result<(String, Vec<Wanted>), Diagnostics> {
    let PackageContents { name, list } = package_contents(folder, shown)?;
    let Some(list) = list else { return Ok((name, Vec::new())) };
    let wanted = session.wanted(&list, Some(shown))?.wanted;
    Ok((name, wanted))
}
