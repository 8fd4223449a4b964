//! What columns a relation had when the test `tform.schema_unchanged` passed last.
//!
//! One JSON file for each test and target, below `tform/columns` in the target path. Who
//! removes a file accepts the columns as they are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::manifest::Node;

/// The file of one test.
pub struct SeenColumns {
    folder: PathBuf,
    name: String,
}

impl SeenColumns {
    /// The file of a test: named after what it tests and the hash of its id, which is short
    /// and says which test it is.
    pub fn of(target_path: &Path, target: &str, node: &Node) -> SeenColumns {
        let attached = node.generic_test().and_then(|test| test.attached_node.as_deref()).unwrap_or("relation");
        let hash = node.unique_id.rsplit('.').next().unwrap_or_default();
        let folder = target_path.join("tform").join("columns").join(target);
        SeenColumns { folder, name: format!("{attached}.{hash}.json") }
    }

    /// Names of columns with their types; none if nothing has been seen yet.
    ///
    /// # Errors
    /// If the file is there and cannot be read as what it is.
    pub fn read(&self) -> Result<Option<Value>, Diagnostic> {
        let path = self.folder.join(&self.name);
        let wrong = |reason: String| {
            Diagnostic::error(format!("the columns seen last cannot be read from `{}`: {reason}", path.display()))
                .hint("remove the file to accept the columns as they are")
        };
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(error.to_string())),
            Ok(text) => match serde_json::from_str::<Value>(&text) {
                Ok(columns) if columns.is_object() => Ok(Some(columns)),
                Ok(_) => Err(wrong("it holds no mapping".to_owned())),
                Err(error) => Err(wrong(error.to_string())),
            },
        }
    }

    /// # Errors
    /// If the file cannot be written.
    pub fn remember(&self, columns: &Value) -> Result<(), Diagnostic> {
        super::write(&self.folder, &self.name, columns)
    }
}
