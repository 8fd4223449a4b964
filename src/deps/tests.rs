//! Packages from a hub, archives, repositories and folders, all of them on this machine.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

/// Answers requests from a table of paths until the test ends.
fn serve(pages: BTreeMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let base = address.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            reader.read_line(&mut request).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap() > 2 {
                header.clear();
            }
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match pages.get(path) {
                Some(body) => (
                    "200 OK",
                    String::from_utf8(body.clone())
                        .map_or(body.clone(), |text| text.replace("BASE", &base).into_bytes()),
                ),
                None => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    address
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        // Written by hand, because the builder refuses the bad paths that a test needs.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// A hub with `acme/util` 1.0.0 and 1.1.0, both asking for `acme/base` below 2.0.0.
fn hub() -> String {
    let version = |package: &str, number: &str, asks: Value| {
        json!({"name": package, "version": number, "packages": asks, "require_dbt_version": [">=1.0.0", "<2.0.0"],
               "downloads": {"tarball": format!("BASE/{package}-{number}.tgz")}})
    };
    let asks = json!([{"package": "acme/base", "version": [">=1.0.0", "<2.0.0"]}]);
    let util = json!({"name": "util", "namespace": "acme", "versions": {
        "1.0.0": version("util", "1.0.0", asks.clone()), "1.1.0": version("util", "1.1.0", asks),
        "1.2.0-rc1": version("util", "1.2.0-rc1", json!([])),
    }});
    let mut future = version("base", "1.9.0", json!([]));
    future["require_dbt_version"] = json!(">=9.0.0");
    let base = json!({"name": "base", "namespace": "acme", "versions": {
        "1.0.0": version("base", "1.0.0", json!([])), "1.5.0": version("base", "1.5.0", json!([])),
        "1.9.0": future, "2.0.0": version("base", "2.0.0", json!([])),
    }});
    let mut pages: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    pages.insert("/api/v1/index.json".to_owned(), br#"["acme/util", "acme/base"]"#.to_vec());
    pages.insert("/api/v1/acme/util.json".to_owned(), util.to_string().into_bytes());
    pages.insert("/api/v1/acme/base.json".to_owned(), base.to_string().into_bytes());
    for (name, number) in [("util", "1.0.0"), ("util", "1.1.0"), ("base", "1.0.0"), ("base", "1.5.0")] {
        let project = format!("name: {name}\nversion: {number}\n");
        let files = [
            (format!("acme-{name}-abc/dbt_project.yml"), project),
            (format!("acme-{name}-abc/macros/m.sql"), "select 1".to_owned()),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        pages.insert(format!("/{name}-{number}.tgz"), archive(&files));
    }
    pages.insert(
        "/evil.tgz".to_owned(),
        archive(&[("evil/dbt_project.yml", "name: evil"), ("evil/../../out.txt", "x")]),
    );
    serve(pages)
}

struct Project {
    folder: TempDir,
    hub: String,
}

impl Project {
    fn new(packages: &str) -> Project {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { folder, hub: hub() };
        project.write("shop/dbt_project.yml", "name: shop\n");
        project.write("shop/packages.yml", packages);
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    /// Runs `deps`; gives what was said, or what was wrong.
    fn deps(&self, options: &Options) -> Result<String, String> {
        let request = Request::of_folder(&self.root(), [("DBT_PACKAGE_HUB_URL", self.hub.as_str())]);
        let mut said = String::new();
        let outcome = run(&request, options, &mut |notice| said.push_str(&format!("{}\n", notice.message)));
        let shown =
            |text: String| text.replace(&self.folder.path().display().to_string(), "FOLDER").replace(&self.hub, "HUB");
        match outcome {
            Ok(warned) => Ok(shown(format!("{said}{}", warned.warnings))),
            Err(problems) => Err(shown(problems.to_string())),
        }
    }

    fn installed(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.root().join("dbt_packages"))
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        names.sort();
        names
    }

    /// What is left beside the packages, beginning with a dot.
    fn leftovers(&self) -> usize {
        let entries = fs::read_dir(self.root()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.')).count()
    }
}

#[test]
fn packages_of_the_hub_are_resolved_locked_and_installed() {
    let project = Project::new("packages:\n  - package: acme/util\n    version: [\">=1.0.0\", \"<1.1.0\"]\n");
    insta::assert_snapshot!("hub_first", project.deps(&Options::default()).unwrap());
    assert_eq!(project.installed(), ["base", "util"]);
    insta::assert_snapshot!("hub_lock", project.read("package-lock.yml"));
    // The second time the lock file holds.
    insta::assert_snapshot!("hub_second", project.deps(&Options::default()).unwrap());
    assert!(project.read("dbt_packages/util/dbt_project.yml").contains("1.0.0"));
    // A change of the list makes it resolve again.
    project.write("shop/packages.yml", "packages:\n  - package: acme/util\n    version: 1.1.0\n");
    project.deps(&Options { lock_only: true, ..Options::default() }).unwrap();
    assert!(project.read("package-lock.yml").contains("1.1.0"));
    assert!(project.read("dbt_packages/util/dbt_project.yml").contains("1.0.0"));
    project.deps(&Options { upgrade: true, ..Options::default() }).unwrap();
    assert!(project.read("dbt_packages/util/dbt_project.yml").contains("1.1.0"));
    assert_eq!(project.leftovers(), 0);
}

#[test]
fn local_and_archived_packages_are_installed() {
    let project = Project::new("packages: []\n");
    project.write(
        "shop/packages.yml",
        &format!("packages:\n  - local: ../mine\n  - tarball: {}/base-1.0.0.tgz\n    name: base\n", project.hub),
    );
    project.write("mine/dbt_project.yml", "name: mine\n");
    project.write("mine/packages.yml", "packages:\n  - package: acme/util\n    version: '>=1.0.0'\n");
    insta::assert_snapshot!("two_of_one_name", project.deps(&Options::default()).unwrap_err());
    project.write("mine/packages.yml", "packages: []\n");
    insta::assert_snapshot!("local_and_archive", project.deps(&Options::default()).unwrap());
    assert_eq!(project.installed(), ["base", "mine"]);
    assert!(project.root().join("dbt_packages/mine").symlink_metadata().unwrap().is_symlink());
    assert!(project.folder.path().join("mine/dbt_project.yml").exists());
    // Again, now with a link in the way.
    project.deps(&Options::default()).unwrap();
    assert!(project.folder.path().join("mine/dbt_project.yml").exists());
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn repositories_are_checked_out_at_a_tag_a_branch_or_a_commit() {
    let project = Project::new("");
    project.write("repo/pkg/dbt_project.yml", "name: gitty\nversion: 1\n");
    let repository = project.folder.path().join("repo");
    git(&repository, &["init", "-q"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-qm", "one"]);
    git(&repository, &["tag", "v1"]);
    let first = git(&repository, &["rev-parse", "HEAD"]);
    project.write("repo/pkg/dbt_project.yml", "name: gitty\nversion: 2\n");
    git(&repository, &["commit", "-qam", "two"]);
    let list = |revision: &str| {
        let url = repository.display();
        format!("packages:\n  - git: \"file://{url}\"\n    subdirectory: pkg\n{revision}")
    };
    for (revision, version) in [("v1", 1), ("main", 2), (first.as_str(), 1), (&first[..10], 1)] {
        project.write("shop/packages.yml", &list(&format!("    revision: \"{revision}\"\n")));
        let said = project.deps(&Options::default()).unwrap_or_else(|problem| panic!("{revision}: {problem}"));
        assert!(
            project.read("dbt_packages/gitty/dbt_project.yml").contains(&format!("version: {version}")),
            "{revision}"
        );
        assert_eq!(said.contains("pinned to the \"main\" branch"), revision == "main", "{said}");
        assert!(!project.root().join("dbt_packages/gitty/.git").exists());
    }
    assert!(project.read("package-lock.yml").contains(&first));
    project.write("shop/packages.yml", &list("    revision: nowhere\n"));
    let problem = project.deps(&Options::default()).unwrap_err();
    assert!(problem.contains("git fetch failed: couldn't find remote ref nowhere"), "{problem}");
    assert_eq!(project.installed(), ["gitty"]);
}

#[test]
fn what_cannot_be_installed_leaves_what_was_there() {
    let project = Project::new("");
    project.write("shop/dbt_packages/old/dbt_project.yml", "name: old\n");
    let check = |list: &str| {
        project.write("shop/packages.yml", &list.replace("HUB", &project.hub));
        let problem = project.deps(&Options::default()).unwrap_err();
        assert_eq!(project.installed(), ["old"]);
        assert_eq!(project.leftovers(), 0);
        assert!(!project.folder.path().join("out.txt").exists() && !project.root().join("out.txt").exists());
        problem
    };
    let hub = |name: &str, version: &str| format!("packages:\n  - package: {name}\n    version: {version}\n");
    insta::assert_snapshot!("unknown_package", check(&hub("acme/utils", "1.0.0")));
    insta::assert_snapshot!("unknown_version", check(&hub("acme/util", "'>=3.0.0'")));
    insta::assert_snapshot!("contradiction", check(&hub("acme/util", "['>=1.0.0', '<1.0.0']")));
    insta::assert_snapshot!(
        "wants_two",
        check(&format!("{}  - package: acme/base\n    version: 2.0.0\n", hub("acme/util", "1.0.0")))
    );
    insta::assert_snapshot!("path_traversal", check("packages:\n  - tarball: HUB/evil.tgz\n    name: evil\n"));
    insta::assert_snapshot!("gone", check("packages:\n  - tarball: HUB/gone.tgz\n    name: gone\n"));
    insta::assert_snapshot!("no_folder", check("packages:\n  - local: ../nowhere\n"));
}

#[test]
fn without_a_network_the_error_says_what_was_tried() {
    let mut project = Project::new("packages:\n  - package: acme/util\n    version: 1.0.0\n");
    project.hub = "http://127.0.0.1:1".to_owned();
    let problem = project.deps(&Options::default()).unwrap_err();
    assert!(problem.contains("`HUB/api/v1/index.json` cannot be reached"), "{problem}");
    assert!(problem.contains("DBT_PACKAGE_HUB_URL"), "{problem}");
}

#[test]
fn an_empty_list_installs_nothing_and_says_so() {
    let project = Project::new("");
    assert_eq!(project.deps(&Options::default()).unwrap(), "Warning: No packages were found in packages.yml\n");
}
