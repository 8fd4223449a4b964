//! Projects on disk, and what is read of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::project::StringRenderer;

/// A folder with the given files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn request(root: &Path) -> Request {
    Request::of_folder(root, [("SCHEMA", "from_env")])
}

fn shown(problems: &Diagnostics, root: &Path) -> String {
    problems.to_string().replace(&root.display().to_string(), "ROOT")
}

const PROFILES: &str =
    "p:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:', schema: \"{{ env_var('SCHEMA') }}\"}\n";

#[test]
fn a_project_is_read_with_its_packages() {
    let folder = folder(&[
        ("dbt_project.yml", "name: shop\nprofile: p\nmodels: {+schema: '{{ target.schema }}_{{ var(\"a\") }}'}\n"),
        ("vars.yml", "vars: {a: 1, util: {b: 2}}\n"),
        ("profiles.yml", PROFILES),
        ("packages.yml", "packages: [{local: ../util}]\n"),
        ("dbt_packages/util/dbt_project.yml", "name: util\nvars: {b: 3, c: 4}\n"),
        ("dbt_packages/util/macros/m.sql", "{% macro m() %}{% endmacro %}"),
        ("dbt_packages/README.md", "not a package"),
        ("models/staging/a.SQL", "\u{feff}select 1 as é\n\n"),
        ("models/staging/a.yml", "models: []"),
        ("models/.hidden.sql", ""),
        ("models/~draft.sql", ""),
        ("models/wip/b.sql", ""),
        ("models/docs.md", "{% docs a %}{% enddocs %}"),
        (".dbtignore", "wip/\n"),
        ("seeds/s.csv", "a\n1\n"),
        ("tests/t.sql", "select 1"),
        ("tests/generic/g.sql", "{% test g(model) %}{% endtest %}"),
        ("tests/fixtures/f.csv", "a\n"),
        ("macros/x.sql", ""),
        ("target/compiled/models/no.sql", ""),
    ]);
    let loaded = project(&request(folder.path())).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let files = loaded.value;
    let list: Vec<String> = files
        .files
        .iter()
        .map(|file| format!("{:?} {} {} {}", file.kind, file.package, file.path, file.resource_path))
        .collect();
    insta::assert_snapshot!(list.join("\n"));
    let model = files.of_kind(FileKind::Model).next().unwrap();
    assert_eq!(model.source.text, "select 1 as é\n\n");
    assert_eq!((model.stem(), model.extension().as_str()), ("a", "sql"));
    assert_eq!(model.checksum, Checksum::of_code("select  1\tas é"));
    let seed = files.of_kind(FileKind::Seed).next().unwrap();
    assert_eq!((seed.checksum.name, seed.source.text.as_str()), ("sha256", ""));
    assert_eq!(files.target.schema, "from_env");
    assert_eq!(files.root().config.tree("models").unwrap().to_json(), json!({"+schema": "from_env_1"}));
    assert_eq!(files.vars.get("util", "b"), Some(&json!(2)));
    assert_eq!(files.vars.get("util", "c"), Some(&json!(4)));
    assert_eq!(files.package("util").unwrap().config.name, "util");
    let selector = SourceFile::new("selectors.yml", "{{ var('a') }} {{ target.name }}");
    let span = crate::diagnostic::Span::new(&selector, 0, selector.text.len());
    assert_eq!(files.config_renderer().render(&selector.text, &span), Ok(json!("1 dev")));
}

#[test]
fn without_a_profile_the_embedded_engine_is_used_and_said() {
    let folder = folder(&[("dbt_project.yml", "name: shop\nprofile: p\ntarget-path: out\n")]);
    let loaded = settings(&request(folder.path())).unwrap();
    insta::assert_snapshot!(shown(&loaded.warnings, folder.path()), @"note: no profile found, building on DuckDB at `out/shop.duckdb`");
    assert_eq!(loaded.value.target.database, "shop");
    assert!(root(&request(folder.path())).is_ok());
    let mut asked = request(folder.path());
    asked.target = Some("prod".to_owned());
    insta::assert_snapshot!(shown(&settings(&asked).unwrap_err(), folder.path()));
}

#[test]
fn every_file_that_cannot_be_read_is_said_in_one_go() {
    let folder = folder(&[
        ("dbt_project.yml", "name: shop\nprofile: p\n"),
        ("profiles.yml", PROFILES),
        ("packages.yml", "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.1.1\n"),
        ("models/a.sql", "select 1"),
    ]);
    fs::write(folder.path().join("models/latin.sql"), b"select 1,\n  'caf\xe9' as x").unwrap();
    fs::write(folder.path().join("models/data.sql"), vec![b' '; MAX_TEXT_BYTES as usize + 1]).unwrap();
    let problems = project(&request(folder.path())).unwrap_err();
    insta::assert_snapshot!(shown(&problems, folder.path()));
}

#[test]
fn a_folder_without_permission_is_named() {
    let folder = folder(&[("dbt_project.yml", "name: shop\n"), ("models/secret/a.sql", "select 1")]);
    let secret = folder.path().join("models/secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    let is_refused = fs::read_dir(&secret).is_err();
    let loaded = project(&request(folder.path()));
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o755)).unwrap();
    // The super-user may read everything.
    if is_refused {
        assert_eq!(
            loaded.unwrap().value.unread.iter().next().unwrap().message,
            "folder `models/secret` cannot be read: permission denied"
        );
    } else {
        assert_eq!(loaded.unwrap().value.of_kind(FileKind::Model).count(), 1);
    }
}

#[test]
fn links_to_files_are_read_and_links_to_folders_are_not() {
    let folder =
        folder(&[("dbt_project.yml", "name: shop\n"), ("models/a.sql", "select 1"), ("else/b.sql", "select 2")]);
    std::os::unix::fs::symlink(folder.path().join("else/b.sql"), folder.path().join("models/b.sql")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("models"), folder.path().join("models/loop")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("gone.sql"), folder.path().join("models/c.sql")).unwrap();
    let files = project(&request(folder.path())).unwrap().value;
    let models: Vec<&str> = files.of_kind(FileKind::Model).map(|file| file.path.as_str()).collect();
    assert_eq!(models, ["models/a.sql", "models/b.sql"]);
}

#[test]
fn broken_configuration_is_said_with_its_place() {
    let check = |files: &[(&str, &str)]| {
        let folder = folder(files);
        shown(&project(&request(folder.path())).unwrap_err(), folder.path())
    };
    insta::assert_snapshot!("no_project", check(&[("models/a.sql", "select 1")]));
    insta::assert_snapshot!("broken_yaml", check(&[("dbt_project.yml", "name: 'a\nversion: 2\n")]));
    insta::assert_snapshot!(
        "missing_variable",
        check(&[("dbt_project.yml", "name: a\nprofile: \"{{ env_var('NOPE') }}\"\n")])
    );
    insta::assert_snapshot!(
        "package_trouble",
        check(&[
            ("dbt_project.yml", "name: a\n"),
            ("dbt_packages/a/dbt_project.yml", "name: a\n"),
            ("dbt_packages/b/dbt_project.yml", "name: b\nrequire-dbt-version: '>=3.0.0'\n"),
            ("dbt_packages/c/models/c.sql", ""),
        ])
    );
}
