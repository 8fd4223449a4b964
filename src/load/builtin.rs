//! The macros that every project has, compiled into the binary.

use std::sync::{Arc, LazyLock, OnceLock};

use crate::diagnostic::SourceFile;
use crate::resource::FastMap;

/// A package of built-in macros.
#[derive(Debug, Clone)]
pub struct BuiltinPackage {
    /// `dbt`, `dbt_duckdb`, ...
    pub name: &'static str,
    /// By path. The path of each is `macros/...` within its package.
    pub files: Vec<Arc<SourceFile>>,
}

include!(concat!(env!("OUT_DIR"), "/builtin_macros.rs"));

/// The package of the tests that tform adds. It is called by its name only, as an installed
/// package is; a project or an installed package of that name takes its place.
pub const OWN: &str = "tform";

/// The packages of built-in macros for an adapter, in the order in which names are looked
/// for: the adapter's own, that of its parent, `dbt`; then [`OWN`].
pub fn builtin_packages(adapter: &str) -> Vec<BuiltinPackage> {
    static PACKAGES: OnceLock<Vec<BuiltinPackage>> = OnceLock::new();
    let all = PACKAGES.get_or_init(|| {
        let mut packages: Vec<BuiltinPackage> = Vec::new();
        for (package, path, text) in BUILTIN_MACROS {
            let file = SourceFile::new(format!("{package}/macros/{path}"), *text);
            match packages.iter_mut().find(|known| known.name == *package) {
                Some(known) => known.files.push(file),
                None => packages.push(BuiltinPackage { name: package, files: vec![file] }),
            }
        }
        packages
    });
    let wanted: &[&str] = match adapter {
        "duckdb" => &["dbt_duckdb", "dbt", OWN],
        "postgres" => &["dbt_postgres", "dbt", OWN],
        "redshift" => &["dbt_redshift", "dbt_postgres", "dbt", OWN],
        _ => &["dbt", OWN],
    };
    wanted.iter().filter_map(|name| all.iter().find(|package| package.name == *name)).cloned().collect()
}

/// True for a file of the built-in macros, whose lines say nothing to a project's author.
pub fn is_builtin(file: &SourceFile) -> bool {
    static TEXTS: LazyLock<FastMap<String, &str>> = LazyLock::new(|| {
        let path = |(package, path, text): &(&str, &str, &'static str)| (format!("{package}/macros/{path}"), *text);
        BUILTIN_MACROS.iter().map(path).collect()
    });
    TEXTS.get(&file.path).is_some_and(|text| file.text == *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_adapter_has_its_packages_and_those_of_its_parents() {
        let names = |adapter| builtin_packages(adapter).iter().map(|package| package.name).collect::<Vec<_>>();
        assert_eq!(names("duckdb"), ["dbt_duckdb", "dbt", "tform"]);
        assert_eq!(names("redshift"), ["dbt_redshift", "dbt_postgres", "dbt", "tform"]);
        let dbt = builtin_packages("duckdb").remove(1);
        assert!(dbt.files.len() > 20);
        assert!(dbt.files.iter().all(|file| file.path.starts_with("dbt/macros/") && file.path.ends_with(".sql")));
        assert!(dbt.files.iter().any(|file| file.text.contains("macro")));
    }
}
