//! What `tform.yml` adds to models, seeds and snapshots: tests, which dbt does not see, and
//! the age of their rows.

use rayon::prelude::*;
use serde_json::Map;

use super::PropertiesFile;
use super::properties::{NodeProperties, Properties, Reading, Section, columns_of, tests_of};
use super::workspace::{Names, Workspace};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::{Manifest, Node, ResourceType};
use crate::settings::{ModelSettings, Scope, scope_of};

/// Where the file is, relative to the project.
pub const PATH: &str = "tform.yml";

/// The tests of `tform.yml` as a properties file; nodes that are not there are problems.
pub fn read(workspace: &Workspace<'_>, manifest: &Manifest, problems: &mut Diagnostics) -> Option<PropertiesFile> {
    let settings = &workspace.inputs.files.own_settings;
    let file = settings.file.as_ref()?;
    let render = |text: &str, span| workspace.yaml_value(0, text, &span, Names::default());
    let mut reading = Reading { file, render: &render, warns: true, problems: Diagnostics::new() };
    let mut properties = Properties::default();
    for model in &settings.models {
        match section(manifest, &model.name) {
            Some(section) => properties.nodes.push(node(&mut reading, section, model)),
            None => {
                let names = manifest.nodes.values().filter(|node| node.resource_type.is_refable());
                let problem = Diagnostic::error(format!("there is no model, seed or snapshot `{}`", model.name));
                let problem = problem.at(model.span.clone());
                problems.push(problem.suggest(&model.name, names.map(|node| node.name.as_str())));
            }
        }
    }
    problems.extend(reading.problems);
    Some(PropertiesFile { package: 0, path: PATH.to_owned(), resource_path: PATH.to_owned(), properties })
}

/// Says what is wrong with what nodes and sources say of the age of their rows.
pub fn check(workspace: &Workspace<'_>, manifest: &Manifest, problems: &mut Diagnostics) {
    let settings = &workspace.inputs.files.own_settings;
    let nodes: Vec<&Node> = manifest.nodes.values().map(AsRef::as_ref).collect();
    let of_nodes: Vec<Diagnostic> = nodes
        .par_iter()
        .filter(|node| node.resource_type.is_refable())
        .filter_map(|node| settings.rows_of(node).err())
        .collect();
    problems.extend(of_nodes);
    problems.extend(manifest.sources.values().filter_map(|source| settings.rows_of_source(source).err()));
    let tests = nodes.par_iter().filter(|node| node.resource_type == ResourceType::Test);
    let of_tests: Vec<Diagnostic> = tests.filter_map(|test| of_test(workspace, manifest, test)).collect();
    problems.extend(of_tests);
}

fn of_test(workspace: &Workspace<'_>, manifest: &Manifest, test: &Node) -> Option<Diagnostic> {
    match scope_of(test) {
        Err(problem) => Some(problem),
        Ok(Some(Scope::Fresh)) if !has_window(workspace, manifest, test) => {
            let text = format!("test `{}` has `scope: fresh`, and what it tests has no fresh window", test.name);
            let hint = "give it `freshness_field` and `fresh_window` in `tform.yml`, or under `tform` in its `meta`";
            Some(Diagnostic::error(text).at_opt(test.origin.properties.clone()).hint(hint))
        }
        Ok(_) => None,
    }
}

/// Whether it is known which rows of what a test tests are fresh. What is wrong there is said of it.
fn has_window(workspace: &Workspace<'_>, manifest: &Manifest, test: &Node) -> bool {
    let settings = &workspace.inputs.files.own_settings;
    settings.tested_rows(manifest, test).is_none_or(|(_, rows)| rows.is_ok_and(|rows| rows.window.is_some()))
}

fn section(manifest: &Manifest, name: &str) -> Option<Section> {
    let node = manifest.nodes.values().find(|node| node.name == name && node.resource_type.is_refable())?;
    Some(match node.resource_type {
        ResourceType::Seed => Section::Seeds,
        ResourceType::Snapshot => Section::Snapshots,
        _ => Section::Models,
    })
}

fn node(reading: &mut Reading<'_>, section: Section, model: &ModelSettings) -> NodeProperties {
    let (columns, tests) = match model.entry.as_map() {
        Some(map) => (columns_of(reading, map), tests_of(reading, map).unwrap_or_default()),
        None => (Vec::new(), Vec::new()),
    };
    NodeProperties {
        section,
        name: model.name.clone(),
        span: model.span.clone(),
        description: String::new(),
        config: Map::new(),
        written_config: Map::new(),
        columns,
        tests,
        quote_columns: None,
        constraints: Vec::new(),
        latest_version: None,
        versions: Vec::new(),
        deprecation_date: None,
        time_spine: None,
        semantics: None,
        relation: None,
        signature: Map::new(),
    }
}
