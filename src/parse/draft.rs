//! Drafts of all nodes: one per file, block of a file, hook, or snapshot in YAML.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::capture::Calls;
use super::node::{Draft, read_calls};
use super::properties::Section;
use super::workspace::{Workspace, stripped};
use super::{PropertiesFile, SHARE, extract, folders, gather, python_model};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::jinja::blocks::{self, BlockKind};
use crate::load::{Checksum as FileChecksum, File, FileKind};
use crate::manifest::{CallTarget, Checksum, ResourceType};

/// Drafts, each made where it stays: a list of ten thousand by value is some megabytes, copied whenever lists are joined.
pub type Drafts = Vec<Box<Draft>>;

/// Every draft, by package; what is wrong with one goes to `problems`.
pub fn all(workspace: &Workspace<'_>, properties: &[PropertiesFile], problems: &mut Diagnostics) -> Drafts {
    let mut drafts = Vec::new();
    for package in 0..workspace.packages.len() {
        let name = &workspace.packages[package].name;
        for kind in [
            FileKind::Model,
            FileKind::Snapshot,
            FileKind::Analysis,
            FileKind::SingularTest,
            FileKind::Seed,
            FileKind::Function,
        ] {
            let files: Vec<&File> = workspace.inputs.files.of_kind(kind).filter(|file| file.package == *name).collect();
            let read: Vec<Result<Drafts, Diagnostic>> =
                files.into_par_iter().with_max_len(SHARE).map(|file| read_file(workspace, package, file)).collect();
            drafts.reserve(read.len());
            for result in read {
                match result {
                    Ok(found) => drafts.extend(found),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        drafts.extend(gather(hooks(workspace, package), problems).into_iter().map(Box::new));
        let in_yaml: Vec<Result<Draft, Diagnostic>> = properties
            .iter()
            .filter(|file| file.package == package)
            .flat_map(|file| yaml_snapshots(workspace, file))
            .collect();
        drafts.extend(gather(in_yaml, problems).into_iter().map(Box::new));
    }
    drafts
}

fn read_file(workspace: &Workspace<'_>, package: usize, file: &File) -> Result<Drafts, Diagnostic> {
    if file.kind == FileKind::Snapshot {
        return snapshots(workspace, package, file);
    }
    let mut draft = Box::new(file_draft(workspace, package, file));
    // Functions in Python are templates, unlike models.
    if draft.is_python() && draft.resource_type != ResourceType::Function {
        if let Some(code) = &draft.code {
            draft.calls = python_model::calls(code)?;
        }
    } else if draft.resource_type != ResourceType::Seed {
        read_calls(workspace, &mut draft)?;
    }
    Ok(vec![draft])
}

/// The draft of a file that is one node.
fn file_draft(workspace: &Workspace<'_>, package: usize, file: &File) -> Draft {
    let package_name = &workspace.packages[package].name;
    let name = file.stem().to_owned();
    let (resource_type, path) = match file.kind {
        FileKind::Analysis if workspace.inputs.settings.own_analysis_config => {
            (ResourceType::Analysis, file.resource_path.clone())
        }
        FileKind::Analysis => (ResourceType::Analysis, format!("analysis/{}", file.resource_path)),
        FileKind::SingularTest => {
            let folder = file.resource_path.rsplit_once('/').map_or("", |(folder, _)| folder);
            (ResourceType::Test, Path::new(folder).join(format!("{name}.sql")).display().to_string())
        }
        FileKind::Seed => (ResourceType::Seed, file.resource_path.clone()),
        FileKind::Function => (ResourceType::Function, file.resource_path.clone()),
        _ => (ResourceType::Model, file.resource_path.clone()),
    };
    let mut fqn = folders(package_name, &path);
    fqn.push(name.clone());
    let is_seed = resource_type == ResourceType::Seed;
    let code = (!is_seed).then(|| stripped(&file.source));
    let raw_code = code.as_ref().map_or("", |span| &span.file.text[span.start..span.end]);
    Draft {
        unique_id: [resource_type.as_str(), ".", package_name, ".", &name].concat().into(),
        resource_type,
        name,
        package,
        path,
        original_file_path: file.path.clone(),
        fqn,
        raw_code: raw_code.into(),
        checksum: Checksum { name: file.checksum.name.into(), checksum: file.checksum.checksum.clone() },
        language: match file.extension().as_str() {
            "py" => "python",
            "js" => "javascript",
            _ => "sql",
        },
        calls: Calls::default(),
        static_config: None,
        written_config: None,
        hook: None,
        code,
    }
}

/// The snapshot blocks of a file.
fn snapshots(workspace: &Workspace<'_>, package: usize, file: &File) -> Result<Drafts, Diagnostic> {
    let package_name = &workspace.packages[package].name;
    let found = blocks::scan(&file.source, &[BlockKind::Snapshot])?;
    let drafts = found.into_iter().map(|block| {
        let mut draft = file_draft(workspace, package, file);
        draft.resource_type = ResourceType::Snapshot;
        draft.unique_id = format!("snapshot.{package_name}.{}", block.name).into();
        let stem = std::mem::replace(&mut draft.name, block.name.clone());
        draft.fqn = folders(package_name, &file.resource_path);
        draft.fqn.push(stem);
        draft.fqn.push(block.name.clone());
        draft.raw_code = block.contents().into();
        draft.code = Some(Span::new(&file.source, block.body.start, block.body.end));
        read_calls(workspace, &mut draft)?;
        Ok(Box::new(draft))
    });
    drafts.collect()
}

/// Snapshots that stand in a properties file alone, with `relation:`.
fn yaml_snapshots(workspace: &Workspace<'_>, file: &PropertiesFile) -> Vec<Result<Draft, Diagnostic>> {
    let package_name = &workspace.packages[file.package].name;
    let snapshots = file.properties.nodes.iter().filter(|entry| entry.section == Section::Snapshots);
    let drafts = snapshots.filter_map(|entry| {
        let relation = entry.relation.as_ref()?;
        let mut fqn = folders(package_name, &file.resource_path);
        fqn.push(entry.name.clone());
        let Some(found) = extract::reference(relation) else {
            let message = format!("Invalid ref or source expression: {relation}");
            return Some(Err(Diagnostic::error(message)
                .at(entry.span.clone())
                .hint("write `relation: ref('model')` or `relation: source('source', 'table')`")));
        };
        let mut calls = Calls::default();
        for (call, _) in found.refs {
            calls.places.push((CallTarget::Ref(call.clone()), entry.span.clone()));
            calls.refs.push(call);
        }
        for (call, _) in found.sources {
            calls.places.push((CallTarget::Source(call.clone()), entry.span.clone()));
            calls.sources.push(call);
        }
        let checksum = FileChecksum::of_code(&entry.span.file.text);
        Some(Ok(Draft {
            resource_type: ResourceType::Snapshot,
            name: entry.name.clone(),
            package: file.package,
            path: match file.resource_path.rsplit_once('/') {
                Some((folder, _)) => format!("{folder}/{}.sql", entry.name),
                None => format!("{}.sql", entry.name),
            },
            original_file_path: file.path.clone(),
            unique_id: format!("snapshot.{package_name}.{}", entry.name).into(),
            fqn,
            raw_code: format!("select * from {{{{ {relation} }}}}").into(),
            checksum: Checksum { name: checksum.name.into(), checksum: checksum.checksum },
            language: "sql",
            code: None,
            calls,
            static_config: None,
            written_config: None,
            hook: None,
        }))
    });
    drafts.collect()
}

/// `on-run-start` and `on-run-end`, as operations.
fn hooks(workspace: &Workspace<'_>, package: usize) -> Vec<Result<Draft, Diagnostic>> {
    let config = &workspace.packages[package].package.config;
    let start = config.on_run_start.iter().enumerate().map(|hook| (hook, "on-run-start"));
    let end = config.on_run_end.iter().enumerate().map(|hook| (hook, "on-run-end"));
    let package_name = &workspace.packages[package].name;
    let checksum = FileChecksum::of_code(&config.file.text);
    start
        .chain(end)
        .map(|((index, hook), tag)| {
            let name = format!("{package_name}-{tag}-{index}");
            let path = format!("hooks/{name}.sql");
            let mut fqn = folders(package_name, &path);
            fqn.push(name.clone());
            let mut draft = Draft {
                resource_type: ResourceType::Operation,
                unique_id: format!("operation.{package_name}.{name}").into(),
                package,
                original_file_path: format!("./{}", crate::project::FILE_NAME),
                fqn,
                path,
                raw_code: hook.sql.as_str().into(),
                checksum: Checksum { name: checksum.name.into(), checksum: checksum.checksum.clone() },
                language: "sql",
                code: Some(place_of(&hook.sql, &hook.span)),
                calls: Calls::default(),
                static_config: None,
                written_config: None,
                hook: Some((index, tag)),
                name,
            };
            read_calls(workspace, &mut draft)?;
            Ok(draft)
        })
        .collect()
}

/// A text at its place in the file if it stands there as it is, else on its own.
fn place_of(text: &str, span: &Span) -> Span {
    let file = &span.file.text;
    if let Some(at) = file.get(span.start..span.end).and_then(|written| written.find(text)) {
        return Span::new(&span.file, span.start + at, span.start + at + text.len());
    }
    let alone: Arc<SourceFile> = SourceFile::new(span.file.path.as_str(), text);
    Span::new(&alone, 0, text.len())
}
