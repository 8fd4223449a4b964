//! A seed's file as the table that macros see.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use minijinja::Value;

use crate::adapter::SeedType;
use crate::adapter::seed::{SeedFile, SeedFormat, SeedText, scan};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::jinja::table;
use crate::manifest::{Detail, Node};

/// Reads the file of a seed (docs.getdbt.com/reference/seed-configs).
///
/// # Errors
/// If it cannot be read, is not UTF-8 or not CSV; located in the file.
pub fn table(node: &Node) -> Result<Value, Diagnostic> {
    read(node).map(table::of_seed)
}

/// A column's name, its type, and the length of its longest text.
type SeedColumn = (String, (SeedType, usize));

/// The columns of a seed's file with their types and the lengths of their longest texts.
///
/// # Errors
/// As [`table`].
pub fn column_types(node: &Node) -> Result<Vec<SeedColumn>, Diagnostic> {
    let seed = read(node)?;
    Ok(seed.columns.iter().enumerate().map(|(at, name)| (name.clone(), seed.column_type(at))).collect())
}

fn read(node: &Node) -> Result<SeedFile, Diagnostic> {
    let text = SeedText::Disk { path: path_of(node), shown: node.original_file_path.clone() };
    let delimiter = delimiter(node)?;
    let types = node.config.get("column_types").and_then(serde_json::Value::as_object);
    let text_columns: Vec<&str> = types.into_iter().flat_map(|types| types.keys().map(String::as_str)).collect();
    scan(text, SeedFormat { delimiter, text_columns: &text_columns })
}

/// The names in the first line of a seed's file; no more of it is read than that line.
///
/// # Errors
/// If it cannot be read, is not UTF-8 or names nothing.
pub fn header(node: &Node) -> Result<Vec<String>, Diagnostic> {
    let path = path_of(node);
    let failed =
        |error: std::io::Error| Diagnostic::error(format!("seed file `{}` cannot be read: {error}", path.display()));
    let mut reader = BufReader::new(std::fs::File::open(&path).map_err(failed)?);
    let mut text = String::new();
    // A name in quotes may hold line ends.
    while reader.read_line(&mut text).map_err(failed)? > 0 && text.matches('"').count() % 2 == 1 {}
    let text = SeedText::Memory(SourceFile::new(node.original_file_path.as_str(), text));
    Ok(scan(text, SeedFormat { delimiter: delimiter(node)?, text_columns: &[] })?.columns)
}

fn path_of(node: &Node) -> PathBuf {
    let root = match &node.detail {
        Detail::Seed(seed) => seed.root_path.clone().unwrap_or_default(),
        _ => String::new(),
    };
    Path::new(&root).join(&node.original_file_path)
}

fn delimiter(node: &Node) -> Result<char, Diagnostic> {
    match node.config.text("delimiter").map(|text| text.chars().next()) {
        None => Ok(','),
        Some(Some(delimiter)) => Ok(delimiter),
        Some(None) => Err(Diagnostic::error(format!("`delimiter` of seed `{}` is empty", node.name))
            .hint("write the character that stands between the values, such as `delimiter: \"|\"`")),
    }
}
