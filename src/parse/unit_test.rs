//! Unit tests: their fixtures are read and checked.
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
use crate::manifest::{DependsOn, Fixture, Manifest, Origin, ResourceType, UnitTest};

/// Makes a unit test; `manifest` has the seeds already. Its model and the versions that
/// it is for are looked up by `graph::resolve`.
///
/// # Errors
/// Rows that do not fit their format, fixtures and seeds that do not exist.
pub fn unit_test(workspace: &Workspace<'_>, placed: &Placed<'_>, manifest: &Manifest) -> Result<UnitTest, Diagnostic> {
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
    let Some(inputs) = placed.entry.values.get("given").and_then(Value::as_array) else {
        let problem = placed.error(format!("unit test `{name}` has no list under `given`"));
        return Err(problem.hint("a test of a model without inputs says `given: []`"));
    };
    for input in inputs {
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
            if let Some(key) = given.keys().find(|key| !["macros", "vars", "env_vars"].contains(&&***key)) {
                let problem = placed.error(format!("unknown key `{key}` in `overrides` of unit test `{name}`"));
                return Err(problem.hint("overrides stand under `macros`, `vars` and `env_vars`"));
            }
            let part = |key: &str| given.get(key).cloned().unwrap_or_else(|| json!({}));
            Some(json!({"macros": part("macros"), "vars": part("vars"), "env_vars": part("env_vars")}))
        }
        _ => None,
    };
    let listed = |given: &Value, key: &str| given.get(key).is_some_and(|versions| !versions.is_null());
    let versions = match placed.entry.values.get("versions") {
        Some(given) if listed(given, "include") && listed(given, "exclude") => {
            let text = "Unit tests can not both include and exclude versions.";
            return Err(placed.error(text).hint("name the versions in one of `include` and `exclude`"));
        }
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
                (Some(Value::Array(rows)), _, _) if rows.iter().all(Value::is_object) => Value::Array(rows.clone()),
                (None, None, Some(input)) => Value::Array(self.seed_rows(input)?),
                _ => {
                    let message = format!("Unit test {test} has {kind} rows which do not match format dict");
                    return Err(self.placed.error(message));
                }
            },
            "csv" | "sql" => {
                // As a template that is rendered, a text loses the line end behind its last line.
                let inline = rows.and_then(Value::as_str);
                let inline = inline.map(|text| text.strip_suffix('\n').unwrap_or(text).to_owned());
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
        let of_format: Vec<&&File> = own.iter().filter(|file| file.extension() == format).collect();
        if let [first, second, ..] = of_format.as_slice() {
            let message = format!(
                "dbt found two fixtures with the name \"{name}\".\nSince these resources have the same name, dbt will be \
                 unable to find the correct resource when looking for fixture(\"{name}\").\n- {}\n- {}",
                first.path, second.path
            );
            return Err(self.placed.error(message).hint("rename one of them"));
        }
        let found = of_format.first().copied().or_else(|| own.first());
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
