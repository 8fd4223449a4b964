//! Unit tests: their fixtures are read and checked, and each is tied to its model.
//!
//! Source: docs.getdbt.com/docs/build/unit-tests.

use serde_json::{Map, Value, json};

use super::configure::{self, Own};
use super::docs;
use super::exposure::Placed;
use super::extract;
use super::python;
use super::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::load::{File, FileKind};
use crate::manifest::{DependsOn, Disabled, Fixture, Manifest, Node, Origin, ResourceType, UnitTest, Version};

/// Makes a unit test; `manifest` has the models already. For a model with versions there
/// is one for each version that is tested.
///
/// # Errors
/// Rows that do not fit their format, fixtures and models that do not exist.
pub fn unit_tests(
    workspace: &Workspace<'_>,
    placed: &Placed<'_>,
    manifest: &Manifest,
) -> Result<Vec<UnitTest>, Diagnostic> {
    let test = unit_test(workspace, placed, manifest)?;
    let (tested, is_enabled) = find_model(placed, manifest, &test)?;
    let mut test = test;
    if !is_enabled {
        test.config.set("enabled", Value::Bool(false));
    }
    if !test.config.enabled() {
        return Ok(vec![test]);
    }
    test.depends_on.nodes = vec![tested.unique_id.clone()];
    test.schema = Some(tested.schema.clone());
    check_incremental(placed, &test, tested)?;
    let given = |key: &str| {
        let list = test.versions.as_ref().and_then(|versions| versions.get(key)).and_then(Value::as_array);
        list.filter(|list| !list.is_empty()).map(|list| list.iter().filter_map(Version::from_json).collect::<Vec<_>>())
    };
    let (include, exclude) = (given("include"), given("exclude"));
    if tested.model().is_none_or(|model| model.version.is_none()) {
        if include.is_some() || exclude.is_some() {
            return Err(placed.error(format!(
                "Unit test '{}' should not have a versions include or exclude when referencing non-versioned model '{}'",
                test.name, tested.name
            )));
        }
        return Ok(vec![test]);
    }
    let wanted = |version: &Version| match (&exclude, &include) {
        (Some(exclude), _) => !exclude.contains(version),
        (None, Some(include)) => include.contains(version),
        (None, None) => true,
    };
    let versions = manifest.nodes.values().filter(|node| {
        let same = node.name == tested.name && node.package_name == tested.package_name;
        same && node.model().and_then(|model| model.version.as_ref()).is_some_and(wanted)
    });
    let tests: Vec<UnitTest> = versions
        .map(|node| {
            let mut test = test.clone();
            test.version = node.model().and_then(|model| model.version.clone());
            let shown = test.version.as_ref().map(Version::to_string).unwrap_or_default();
            test.unique_id = format!("{}_v{shown}", test.unique_id).into();
            test.depends_on.nodes = vec![node.unique_id.clone()];
            test
        })
        .collect();
    if tests.is_empty() {
        let message =
            format!("Unit test '{}' referenced a version of '{}' which was not found.", test.name, tested.name);
        return Err(placed.error(message));
    }
    Ok(tests)
}

fn unit_test(workspace: &Workspace<'_>, placed: &Placed<'_>, manifest: &Manifest) -> Result<UnitTest, Diagnostic> {
    let name = &placed.entry.name;
    let package = &workspace.packages[placed.package].name;
    let Some(model) = placed.text("model")? else {
        return Err(placed.error(format!("unit test `{name}` has no `model`")));
    };
    let mut fqn = super::generic_test::fqn(package, placed.original_file_path, &model);
    fqn.push(name.clone());
    let given_config = placed.mapping("config")?;
    let own = Own { properties: &given_config, calls: super::workspace::empty() };
    let config = configure::config(workspace.places(placed.package), ResourceType::UnitTest, &fqn, own)
        .map_err(|message| placed.error(format!("invalid config of unit test `{name}`: {message}")))?;
    let reading = Reading { workspace, placed, manifest };
    let mut given = Vec::new();
    for input in placed.entry.values.get("given").and_then(Value::as_array).into_iter().flatten() {
        let Some(Value::String(text)) = input.get("input") else {
            return Err(placed.error(format!("an input of unit test `{name}` has no `input`")));
        };
        given.push(reading.fixture(input, Some(text))?);
    }
    let Some(expect) = placed.entry.values.get("expect").filter(|expect| expect.is_object()) else {
        return Err(placed.error(format!("unit test `{name}` has no `expect`")));
    };
    let expect = reading.fixture(expect, None)?;
    let overrides = match placed.entry.values.get("overrides") {
        Some(Value::Object(given)) => {
            let part = |key: &str| given.get(key).cloned().unwrap_or_else(|| json!({}));
            Some(json!({"macros": part("macros"), "vars": part("vars"), "env_vars": part("env_vars")}))
        }
        _ => None,
    };
    let versions = match placed.entry.values.get("versions") {
        Some(Value::Object(given)) => Some(json!({"include": given.get("include"), "exclude": given.get("exclude")})),
        _ => None,
    };
    let unique_id: crate::manifest::UniqueId = format!("unit_test.{package}.{model}.{name}").into();
    let description = placed.text("description")?.unwrap_or_default();
    let description = docs::describe(workspace, placed.package, &unique_id, &description, &placed.entry.span)?.text;
    let mut test = UnitTest {
        model,
        given,
        expect,
        name: name.clone(),
        resource_type: ResourceType::UnitTest,
        package_name: package.to_string(),
        path: placed.resource_path.to_owned(),
        original_file_path: placed.original_file_path.to_owned(),
        unique_id,
        fqn,
        description,
        overrides,
        depends_on: DependsOn::default(),
        config,
        checksum: None,
        schema: None,
        created_at: workspace.created_at,
        versions,
        version: None,
        origin: Origin { code: None, properties: Some(placed.entry.span.clone()), calls: Vec::new() },
    };
    test.checksum = Some(checksum(&test));
    Ok(test)
}

/// A hash by which later runs see that a unit test has changed: over dbt's `repr` of it.
fn checksum(test: &UnitTest) -> String {
    use sha2::{Digest, Sha256};
    let fixture = |class: &str, fixture: &Fixture| {
        let format = match fixture.format.as_str() {
            "csv" => "<UnitTestFormat.CSV: 'csv'>",
            "sql" => "<UnitTestFormat.SQL: 'sql'>",
            _ => "<UnitTestFormat.Dict: 'dict'>",
        };
        let input = fixture.input.as_ref().map(|input| format!("input={}, ", python::literal(&json!(input))));
        let (rows, name) = (python::literal(&fixture.rows), python::literal(&json!(fixture.fixture)));
        format!("{class}({}rows={rows}, format={format}, fixture={name})", input.unwrap_or_default())
    };
    let object = |class: &str, value: Option<&Value>| match value.and_then(Value::as_object) {
        None => "None".to_owned(),
        Some(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}={}", python::literal(value))).collect();
            format!("{class}({})", fields.join(", "))
        }
    };
    let given: Vec<String> = test.given.iter().map(|given| fixture("UnitTestInputFixture", given)).collect();
    let mut data = format!(
        "{}-{}-[{}]-{}-{}",
        test.model,
        object("UnitTestNodeVersions", test.versions.as_ref()),
        given.join(", "),
        fixture("UnitTestOutputFixture", &test.expect),
        object("UnitTestOverrides", test.overrides.as_ref())
    );
    for input in test.given.iter().filter(|input| input.fixture.is_some()) {
        data.push_str(&format!("-{}", python::text(&input.rows)));
    }
    super::test_names::hex(&Sha256::digest(data.as_bytes()))
}

/// The model that a unit test is about, and whether it is enabled.
fn find_model<'m>(
    placed: &Placed<'_>,
    manifest: &'m Manifest,
    test: &UnitTest,
) -> Result<(&'m Node, bool), Diagnostic> {
    let mut words = test.model.split_whitespace();
    let name = words.next().unwrap_or("");
    let version = words.next().map(|word| word.trim_start_matches('v').to_owned());
    let fits = |node: &Node| {
        let own = node.model().and_then(|model| model.version.as_ref());
        let latest = node.model().and_then(|model| model.latest_version.as_ref());
        let version_fits = match &version {
            Some(version) => own.is_some_and(|own| own.to_string() == *version),
            None => own.is_none() || own == latest,
        };
        node.resource_type == ResourceType::Model
            && node.name == name
            && node.package_name == test.package_name
            && version_fits
    };
    if let Some(node) = manifest.nodes.values().find(|node| fits(node)) {
        return Ok((node, true));
    }
    let disabled = manifest.disabled.values().flatten().find_map(|disabled| match disabled {
        Disabled::Node(node) if fits(node) => Some(node.as_ref()),
        _ => None,
    });
    disabled.map(|node| (node, false)).ok_or_else(|| {
        let (package, test_name, file) = (&test.package_name, &test.name, &test.original_file_path);
        let message = format!("Unable to find model '{package}.{}' for unit test '{test_name}' in {file}", test.model);
        let models = manifest.nodes.values().filter(|node| node.resource_type == ResourceType::Model);
        placed.error(message).suggest(name, models.map(|node| node.name.as_str()))
    })
}

/// A test of an incremental model says how it is built, and gives its present rows.
fn check_incremental(placed: &Placed<'_>, test: &UnitTest, tested: &Node) -> Result<(), Diagnostic> {
    let is_incremental =
        tested.code().is_some_and(|code| code.depends_on.macros.iter().any(|id| &**id == "macro.dbt.is_incremental"));
    if !is_incremental {
        return Ok(());
    }
    let overrides = test.overrides.as_ref().and_then(|overrides| overrides.get("macros"));
    let overridden = overrides.and_then(|macros| macros.get("is_incremental")).and_then(Value::as_bool);
    let (name, model) = (&test.name, &tested.name);
    match overridden {
        None => {
            let message = format!(
                "Boolean override for 'is_incremental' must be provided for unit test '{name}' in model '{model}'"
            );
            Err(placed.error(message))
        }
        Some(true) if !test.given.iter().any(|input| input.input.as_deref() == Some("this")) => {
            let message = format!("Unit test '{name}' for incremental model '{model}' must have a 'this' input");
            Err(placed.error(message))
        }
        Some(_) => Ok(()),
    }
}

/// Where the fixtures of a unit test are read.
struct Reading<'r, 'w> {
    workspace: &'r Workspace<'w>,
    placed: &'r Placed<'r>,
    manifest: &'r Manifest,
}

impl Reading<'_, '_> {
    /// One input, or what is expected (`input` is `None`).
    fn fixture(&self, given: &Value, input: Option<&str>) -> Result<Fixture, Diagnostic> {
        let text = |key: &str| given.get(key).and_then(Value::as_str).map(str::to_owned);
        let format = text("format").unwrap_or_else(|| "dict".to_owned());
        let fixture = text("fixture");
        let rows = given.get("rows").filter(|rows| !rows.is_null());
        let kind = if input.is_some() { "input" } else { "expected" };
        let test = &self.placed.entry.name;
        let rows = match format.as_str() {
            "dict" => match (rows, &fixture, input) {
                (Some(Value::Array(rows)), _, _) => Value::Array(rows.clone()),
                (None, None, Some(input)) => Value::Array(self.seed_rows(input)?),
                _ => {
                    let message = format!("Unit test {test} has {kind} rows which do not match format dict");
                    return Err(self.placed.error(message));
                }
            },
            "csv" | "sql" => {
                let inline = rows.and_then(Value::as_str).map(str::to_owned);
                let text = match &fixture {
                    Some(name) => Some(self.fixture_text(name, &format)?),
                    None => inline,
                };
                let Some(text) = text else {
                    let message = format!(
                        "Unit test {test} has {kind} rows or fixtures which do not match format {format}.  Expected string."
                    );
                    return Err(self.placed.error(message));
                };
                if format == "csv" { Value::Array(csv_rows(&text, true)) } else { Value::String(text) }
            }
            other => {
                let problem = self.placed.error(format!("unit test `{test}` has the unknown format `{other}`"));
                return Err(problem.hint("the format must be `dict`, `csv` or `sql`"));
            }
        };
        let rows = match rows {
            Value::Array(mut rows) => {
                // A first row without nulls tells the types of the columns.
                let whole = |row: &Value| row.as_object().is_some_and(|row| row.values().all(|value| !value.is_null()));
                if let Some(at) = rows.iter().position(whole) {
                    rows.swap(0, at);
                }
                Value::Array(rows)
            }
            other => other,
        };
        Ok(Fixture { input: input.map(str::to_owned), rows, format, fixture })
    }

    fn fixture_text(&self, name: &str, format: &str) -> Result<String, Diagnostic> {
        let package = &self.workspace.packages[self.placed.package].name;
        let files = self.workspace.inputs.files.of_kind(FileKind::Fixture);
        let own: Vec<&File> = files.filter(|file| file.package == *package && file.stem() == name).collect();
        let found = own.iter().find(|file| file.extension() == format).or_else(|| own.first());
        found.map(|file| file.source.text.trim().to_owned()).ok_or_else(|| {
            let file = self.placed.original_file_path;
            let message = format!("File not found for fixture '{name}' in unit tests in {file}");
            self.placed.error(message).hint("fixtures are files below `tests/fixtures`")
        })
    }

    /// An input without rows takes those of the seed that it names.
    fn seed_rows(&self, input: &str) -> Result<Vec<Value>, Diagnostic> {
        let package = &self.workspace.packages[self.placed.package].name;
        let call = extract::reference(input).and_then(|found| found.refs.into_iter().next().map(|(call, _)| call));
        let seed = call.as_ref().and_then(|call| {
            let owner = call.package.as_deref().unwrap_or(package);
            self.manifest.nodes.get(format!("seed.{owner}.{}", call.name).as_str())
        });
        let file = seed.and_then(|seed| {
            let mut seeds = self.workspace.inputs.files.of_kind(FileKind::Seed);
            seeds.find(|file| *file.package == *seed.package_name && file.path == seed.original_file_path)
        });
        let text = file.and_then(|file| file.read().ok());
        match text {
            Some(text) => Ok(csv_rows(&text, false)),
            None => {
                let name = call.map_or_else(|| input.to_owned(), |call| call.name);
                let message = format!("Unable to find seed '{package}.{name}' for unit tests");
                Err(self.placed.error(message).hint("give the input `rows`"))
            }
        }
    }
}

/// The rows of a CSV text as dictionaries of texts; empty ones may mean null.
fn csv_rows(text: &str, empty_is_null: bool) -> Vec<Value> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let Ok(headers) = reader.headers().cloned() else { return Vec::new() };
    let rows = reader.records().filter_map(Result::ok).map(|record| {
        let mut row = Map::new();
        for (index, header) in headers.iter().enumerate() {
            let value = match record.get(index) {
                None => Value::Null,
                Some("") if empty_is_null => Value::Null,
                Some(value) => Value::String(value.to_owned()),
            };
            row.insert(header.to_owned(), value);
        }
        Value::Object(row)
    });
    rows.collect()
}
