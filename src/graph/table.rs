//! Manifests for tests, from a table of lines.
//!
//! One resource a line: what it is, its name, `<-` and what it reads, `|` and attributes:
//!
//! ```text
//! source raw.orders
//! model stg_orders <- raw.orders | path=models/staging/stg_orders.sql tags=nightly,core
//! model orders <- stg_orders, other.customers | group=finance access=private version=2 latest=2
//! test not_null_orders_id <- orders | generic=not_null column=id
//! unit_test orders_add_up <- orders
//! ```
//!
//! A name with a dot is a source's table, or a node in the package before the dot
//! (`pkg.name`) where there is such a package. The root package is `shop`.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::config::NodeConfig;
use crate::diagnostic::{SourceFile, Span};
use crate::manifest::{
    Access, CallTarget, Checksum, Code, DependsOn, Detail, Disabled, Docs, Exposure, Fixture, GenericTestDetail, Group,
    Manifest, ModelDetail, Node, Origin, Owner, Quoting, RefCall, SeedDependsOn, SeedDetail, SemanticResource, Source,
    SourceCall, TestMetadata, UnitTest, Version,
};
use crate::resource::{ResourceType, UniqueId};

pub(crate) const ROOT: &str = "shop";

struct Line<'a> {
    kind: &'a str,
    name: &'a str,
    reads: Vec<&'a str>,
    attributes: IndexMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Line<'a> {
        let (head, attributes) = line.split_once('|').unwrap_or((line, ""));
        let (head, reads) = head.split_once("<-").unwrap_or((head, ""));
        let (kind, name) = head.trim().split_once(' ').unwrap_or_else(|| panic!("no name in `{line}`"));
        let words = attributes.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, "true")));
        let reads = reads.split(',').map(str::trim).filter(|read| !read.is_empty()).collect();
        Line { kind, name: name.trim(), reads, attributes: words.collect() }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.attributes.get(key).copied()
    }

    fn text(&self, key: &str, default: &str) -> String {
        self.get(key).unwrap_or(default).to_owned()
    }

    fn package(&self) -> String {
        self.text("package", ROOT)
    }
}

/// Reads the table; names of packages are those that some line gives with `package=`.
pub(crate) fn manifest(text: &str) -> Manifest {
    let lines: Vec<Line<'_>> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Line::parse)
        .collect();
    let mut packages: Vec<String> = lines.iter().map(Line::package).chain([ROOT.to_owned()]).collect();
    packages.sort_unstable();
    packages.dedup();
    let mut manifest = Manifest::default();
    manifest.metadata.project_name = Some(ROOT.to_owned());
    manifest.metadata.adapter_type = Some("duckdb".to_owned());
    for line in &lines {
        add(&mut manifest, line, &packages);
    }
    manifest
}

fn add(manifest: &mut Manifest, line: &Line<'_>, packages: &[String]) {
    let package = line.package();
    let off = line.get("disabled").is_some();
    match line.kind {
        "source" => {
            let source = source(line, &package);
            let id = source.unique_id.clone();
            if off {
                manifest.disabled.entry(id).or_default().push(Disabled::Source(Box::new(source)));
            } else {
                manifest.sources.insert(id, Arc::new(source));
            }
        }
        "exposure" => {
            let exposure = exposure(line, &package, packages);
            manifest.exposures.insert(exposure.unique_id.clone(), Arc::new(exposure));
        }
        "unit_test" => {
            let test = unit_test(line, &package);
            manifest.unit_tests.insert(test.unique_id.clone(), Arc::new(test));
        }
        "group" => {
            let id = UniqueId::from(format!("group.{package}.{}", line.name));
            let group = Group {
                name: line.name.to_owned(),
                resource_type: ResourceType::Group,
                package_name: package,
                path: String::new(),
                original_file_path: "models/groups.yml".to_owned(),
                unique_id: id.clone(),
                owner: Owner::default(),
                description: None,
                config: json!({}),
            };
            manifest.groups.insert(id, Arc::new(group));
        }
        "metric" | "semantic_model" | "saved_query" => {
            let resource = semantic(line, &package, packages);
            let id = resource.unique_id.clone();
            let resources = match line.kind {
                "metric" => &mut manifest.metrics,
                "semantic_model" => &mut manifest.semantic_models,
                _ => &mut manifest.saved_queries,
            };
            resources.insert(id, Arc::new(resource));
        }
        _ => {
            let node = node(line, &package, packages);
            let id = node.unique_id.clone();
            if off {
                manifest.disabled.entry(id).or_default().push(Disabled::Node(Box::new(node)));
            } else {
                manifest.nodes.insert(id, Arc::new(node));
            }
        }
    }
}

fn resource_type(kind: &str) -> ResourceType {
    match kind {
        "model" => ResourceType::Model,
        "seed" => ResourceType::Seed,
        "snapshot" => ResourceType::Snapshot,
        "analysis" => ResourceType::Analysis,
        "test" => ResourceType::Test,
        "operation" => ResourceType::Operation,
        "metric" => ResourceType::Metric,
        "semantic_model" => ResourceType::SemanticModel,
        "saved_query" => ResourceType::SavedQuery,
        other => panic!("no such resource: {other}"),
    }
}

fn folder(kind: &str) -> &'static str {
    match kind {
        "seed" => "seeds",
        "snapshot" => "snapshots",
        "test" => "tests",
        "analysis" => "analyses",
        _ => "models",
    }
}

/// The reads of a line as refs and sources: a dotted name is a source unless a package is before the dot.
fn calls(line: &Line<'_>, packages: &[String]) -> (Vec<RefCall>, Vec<SourceCall>) {
    let mut refs = Vec::new();
    let mut sources = Vec::new();
    for read in &line.reads {
        let (read, version) = read.split_once('@').map_or((*read, None), |(read, version)| (read, Some(version)));
        let version = version.map(|version| Version::from_json(&scalar(version)).unwrap());
        match read.split_once('.') {
            Some((package, name)) if packages.iter().any(|known| known == package) => {
                refs.push(RefCall { name: name.to_owned(), package: Some(package.to_owned()), version });
            }
            Some((source, table)) => sources.push(SourceCall(source.to_owned(), table.to_owned())),
            None => refs.push(RefCall { name: read.to_owned(), package: None, version }),
        }
    }
    (refs, sources)
}

fn scalar(text: &str) -> Value {
    text.parse::<i64>()
        .map(Value::from)
        .or_else(|_| text.parse::<bool>().map(Value::from))
        .unwrap_or_else(|_| json!(text))
}

fn config(line: &Line<'_>, resource_type: ResourceType) -> NodeConfig {
    let mut config = NodeConfig::new(resource_type);
    for (key, value) in &line.attributes {
        if let Some(key) = key.strip_prefix("config.") {
            config.set(key, scalar(value));
        }
    }
    for key in ["materialized", "group"] {
        if let Some(value) = line.get(key) {
            config.set(key, json!(value));
        }
    }
    if let Some(tags) = line.get("tags") {
        config.set("tags", json!(tags.split(',').collect::<Vec<_>>()));
    }
    config
}

fn tags(line: &Line<'_>) -> Vec<String> {
    line.get("tags").map(|tags| tags.split(',').map(str::to_owned).collect()).unwrap_or_default()
}

fn fqn(package: &str, path: &str, name: &str, version: Option<&str>) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    parts.pop();
    let folders = parts.into_iter().skip(1);
    let mut fqn: Vec<String> = std::iter::once(package.to_owned()).chain(folders).chain([name.to_owned()]).collect();
    fqn.extend(version.map(|version| format!("v{version}")));
    fqn
}

fn node(line: &Line<'_>, package: &str, packages: &[String]) -> Node {
    let kind = resource_type(line.kind);
    let version = line.get("version");
    let path = line.text("path", &format!("{}/{}.sql", folder(line.kind), line.name));
    let suffix = version.map(|version| format!(".v{version}")).unwrap_or_default();
    let hash = if line.get("generic").is_some() { ".0123456789" } else { "" };
    let id = UniqueId::from(format!("{kind}.{package}.{}{suffix}{hash}", line.name));
    let (refs, sources) = calls(line, packages);
    let written: Vec<String> = line.reads.iter().map(|read| format!("{{{{ ref('{read}') }}}}")).collect();
    let body = line.text("body", &format!("select * from {}", written.join(", ")));
    let file = SourceFile::new(path.clone(), body.clone());
    let span_of = |name: &str| {
        let start = body.rfind(name).unwrap_or(0);
        Span::new(&file, start, start + name.len())
    };
    let mut spans: Vec<(CallTarget, Span)> =
        refs.iter().map(|call| (CallTarget::Ref(call.clone()), span_of(&call.name))).collect();
    spans.extend(sources.iter().map(|call| (CallTarget::Source(call.clone()), span_of(&call.1))));
    let mut code = Code { refs, sources, ..Code::default() };
    code.depends_on.macros =
        line.get("macros").into_iter().flat_map(|ids| ids.split(',')).map(UniqueId::from).collect();
    let detail = detail(line, kind, code);
    Node {
        database: Some("db".to_owned()),
        schema: line.text("schema", "main"),
        name: line.name.to_owned(),
        resource_type: kind,
        package_name: package.to_owned(),
        path: path.split_once('/').map_or(path.as_str(), |(_, rest)| rest).to_owned(),
        original_file_path: path.clone(),
        unique_id: id,
        fqn: fqn(package, &path, line.name, version),
        alias: line.text("alias", &format!("{}{}", line.name, suffix.replace('.', "_"))),
        checksum: Checksum { name: "sha256".into(), checksum: body.clone() },
        config: config(line, kind),
        tags: tags(line),
        description: line.text("description", ""),
        columns: crate::manifest::Columns::default(),
        meta: Map::new(),
        group: line.get("group").map(str::to_owned),
        docs: Docs::default(),
        patch_path: line.get("patch").map(|path| format!("{package}://{path}")),
        build_path: None,
        unrendered_config: Map::new(),
        created_at: 0.0,
        relation_name: None,
        raw_code: Arc::from(body),
        doc_blocks: Vec::new(),
        detail,
        origin: Origin { code: Some(Span::new(&file, 0, 0)), properties: None, calls: spans },
    }
}

fn detail(line: &Line<'_>, kind: ResourceType, code: Code) -> Detail {
    let version = |key: &str| line.get(key).and_then(|text| Version::from_json(&scalar(text)));
    match kind {
        ResourceType::Seed => {
            Detail::Seed(Box::new(SeedDetail { root_path: None, depends_on: SeedDependsOn::default() }))
        }
        ResourceType::Model => Detail::Model(Box::new(ModelDetail {
            code,
            access: match line.get("access") {
                Some("private") => Access::Private,
                Some("public") => Access::Public,
                _ => Access::Protected,
            },
            constraints: Vec::new(),
            version: version("version"),
            latest_version: version("latest").or_else(|| version("version")),
            deprecation_date: None,
            primary_key: Vec::new(),
            time_spine: None,
        })),
        ResourceType::Snapshot => Detail::Snapshot(Box::new(code)),
        ResourceType::Test if line.get("generic").is_some() => {
            let mut kwargs = Map::new();
            if let Some(column) = line.get("column") {
                kwargs.insert("column_name".to_owned(), json!(column));
            }
            let attached = code.refs.first().map(|call| UniqueId::from(format!("model.{ROOT}.{}", call.name)));
            Detail::GenericTest(Box::new(GenericTestDetail {
                code,
                column_name: line.get("column").map(str::to_owned),
                file_key_name: None,
                attached_node: attached,
                test_metadata: TestMetadata { name: line.text("generic", ""), kwargs, namespace: None },
            }))
        }
        _ => Detail::Code(Box::new(code)),
    }
}

fn source(line: &Line<'_>, package: &str) -> Source {
    let (source, table) = line.name.split_once('.').unwrap_or_else(|| panic!("`{}` has no table", line.name));
    let path = line.text("path", "models/sources.yml");
    Source {
        database: Some("db".to_owned()),
        schema: line.text("schema", source),
        name: table.to_owned(),
        resource_type: ResourceType::Source,
        package_name: package.to_owned(),
        path: path.clone(),
        original_file_path: path,
        unique_id: UniqueId::from(format!("source.{package}.{source}.{table}")),
        fqn: vec![package.to_owned(), source.to_owned(), table.to_owned()],
        source_name: source.to_owned(),
        source_description: String::new(),
        loader: String::new(),
        identifier: table.to_owned(),
        quoting: Quoting::default(),
        loaded_at_field: None,
        loaded_at_query: None,
        freshness: None,
        external: None,
        description: String::new(),
        columns: crate::manifest::Columns::default(),
        meta: Map::new(),
        source_meta: Map::new(),
        tags: tags(line),
        config: config(line, ResourceType::Source),
        patch_path: None,
        unrendered_config: Map::new(),
        relation_name: None,
        created_at: 0.0,
        unrendered_database: None,
        unrendered_schema: None,
        doc_blocks: Vec::new(),
        origin: Origin::default(),
    }
}

fn exposure(line: &Line<'_>, package: &str, packages: &[String]) -> Exposure {
    let (refs, sources) = calls(line, packages);
    let path = line.text("path", "models/exposures.yml");
    Exposure {
        name: line.name.to_owned(),
        resource_type: ResourceType::Exposure,
        package_name: package.to_owned(),
        path: path.clone(),
        unique_id: UniqueId::from(format!("exposure.{package}.{}", line.name)),
        fqn: fqn(package, &path, line.name, None),
        original_file_path: path,
        kind: "dashboard".to_owned(),
        owner: Owner::default(),
        description: String::new(),
        label: None,
        maturity: None,
        meta: Map::new(),
        tags: tags(line),
        config: config(line, ResourceType::Exposure),
        unrendered_config: Map::new(),
        url: None,
        depends_on: DependsOn::default(),
        refs,
        sources,
        metrics: Vec::new(),
        created_at: 0.0,
        origin: Origin::default(),
    }
}

fn unit_test(line: &Line<'_>, package: &str) -> UnitTest {
    let model = line.reads.first().copied().unwrap_or_default();
    let path = line.text("path", "models/unit_tests.yml");
    let fixture = |input: Option<&str>| Fixture {
        input: input.map(str::to_owned),
        rows: json!([]),
        format: "dict".to_owned(),
        fixture: None,
    };
    UnitTest {
        model: model.to_owned(),
        given: line.get("given").into_iter().map(|input| fixture(Some(input))).collect(),
        expect: fixture(None),
        name: line.name.to_owned(),
        resource_type: ResourceType::UnitTest,
        package_name: package.to_owned(),
        path: path.clone(),
        unique_id: UniqueId::from(format!("unit_test.{package}.{model}.{}", line.name)),
        fqn: fqn(package, &path, line.name, None),
        original_file_path: path,
        description: String::new(),
        overrides: line.get("incremental").map(|text| json!({"macros": {"is_incremental": scalar(text)}})),
        depends_on: DependsOn::default(),
        config: config(line, ResourceType::UnitTest),
        checksum: line.get("checksum").map(str::to_owned),
        schema: None,
        created_at: 0.0,
        versions: line.get("include").map(|text| json!({"include": [scalar(text)]})),
        version: None,
        origin: Origin::default(),
    }
}

fn semantic(line: &Line<'_>, package: &str, packages: &[String]) -> SemanticResource {
    let kind = resource_type(line.kind);
    let (refs, _) = calls(line, packages);
    let path = line.text("path", "models/metrics.yml");
    let body = match line.kind {
        "metric" => json!({"type_params": {"measure": line.get("measure").map(|name| json!({"name": name}))}}),
        "semantic_model" => json!({"measures": [{"name": line.text("measure", "count")}]}),
        _ => {
            json!({"query_params": {"metrics": line.get("metrics").map(|names| names.split(',').collect::<Vec<_>>())}})
        }
    };
    SemanticResource {
        name: line.name.to_owned(),
        resource_type: kind,
        package_name: package.to_owned(),
        path: path.clone(),
        unique_id: UniqueId::from(format!("{kind}.{package}.{}", line.name)),
        fqn: fqn(package, &path, line.name, None),
        original_file_path: path,
        body: body.as_object().cloned().unwrap_or_default(),
        refs: if line.kind == "semantic_model" { refs } else { Vec::new() },
        metrics: Vec::new(),
        depends_on: DependsOn::default(),
        config: config(line, kind),
        origin: Origin::default(),
    }
}
