//! Build script: names the folder of the shared DuckDB library in the binary's
//! run path, so that `tform` starts without `LD_LIBRARY_PATH`, and lists the built-in
//! macros, so that they are compiled in.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    // What is generated names files by their places in the checkout that is compiled: a target folder may serve several
    // (and cargo does not notice that `CARGO_MANIFEST_DIR` is another one, since it sets that itself).
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-changed=src/builtin");
    println!("cargo:rerun-if-changed=project_template");
    if let Ok(folder) = std::env::var("DUCKDB_LIB_DIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    list_builtin_macros();
    list_template();
}

/// Writes `BUILTIN_MACROS`: package, path within it, text.
fn list_builtin_macros() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("src/builtin");
    let mut files = Vec::new();
    sql_files(&root, &mut files);
    files.sort();
    let mut list = String::from("const BUILTIN_MACROS: &[(&str, &str, &str)] = &[\n");
    for file in files {
        let relative = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        if let Some((package, path)) = relative.split_once('/') {
            let place = format!("/src/builtin/{relative}");
            writeln!(
                list,
                "    ({package:?}, {path:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {place:?}))),"
            )
            .expect("writing to a string cannot fail");
        }
    }
    list.push_str("];\n");
    let output = PathBuf::from(variable("OUT_DIR")).join("builtin_macros.rs");
    fs::write(&output, list).unwrap_or_else(|error| panic!("{}: {error}", output.display()));
}

/// Writes the files of `project_template` as a list of path and bytes, for `tform init`.
fn list_template() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("project_template");
    let mut files = Vec::new();
    all_files(&root, &mut files);
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let relative = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        let place = format!("/project_template/{relative}");
        writeln!(list, "    ({relative:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {place:?}))),")
            .expect("writing to a string cannot fail");
    }
    list.push(']');
    let output = PathBuf::from(variable("OUT_DIR")).join("template.rs");
    fs::write(&output, list).unwrap_or_else(|error| panic!("{}: {error}", output.display()));
}

fn all_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        // What a try-out in the folder leaves behind is not part of the template.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match path.is_dir() {
            true if !matches!(name.as_str(), "target" | "logs" | "dbt_packages") => all_files(&path, files),
            false if name != ".user.yml" => files.push(path),
            _ => {}
        }
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn sql_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sql_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
}
