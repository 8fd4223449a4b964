//! Sources: each table of each source as a node of its own.
//!
//! What can be said of a source and of its tables is merged, the table's word last
//! (docs.getdbt.com/reference/source-properties).

use serde_json::{Map, Value, json};

use super::configure::{self, Own};
use super::docs;
use super::properties::{ColumnProperties, SourceProperties, TableProperties};
use super::workspace::Workspace;
use crate::adapter::{Path, PolicyChange};
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::{Freshness, Origin, Quoting, ResourceType, Source, Threshold, UniqueId};

use super::properties::FreshnessSetting;

/// A table with its source and where they are written.
#[derive(Debug, Clone)]
pub struct Table<'p> {
    pub package: usize,
    pub source: &'p SourceProperties,
    pub table: &'p TableProperties,
    /// The properties file, relative to the package, and within its resource folder.
    pub original_file_path: String,
    pub resource_path: String,
}

impl Table<'_> {
    pub fn unique_id(&self, workspace: &Workspace<'_>) -> UniqueId {
        let package = &workspace.packages[self.package].name;
        format!("source.{package}.{}.{}", self.source.name, self.table.name).into()
    }

    pub fn span(&self) -> Option<Span> {
        self.table.span.clone().or_else(|| self.source.span.clone())
    }

    fn fqn(&self, workspace: &Workspace<'_>) -> Vec<String> {
        let mut fqn = super::folders(&workspace.packages[self.package].name, &self.resource_path);
        fqn.push(self.source.name.clone());
        fqn.push(self.table.name.clone());
        fqn
    }
}

/// Makes the source of one table.
///
/// # Errors
/// Settings that contradict each other, wrong configs, broken Jinja in descriptions.
pub fn finish(workspace: &Workspace<'_>, table: &Table<'_>) -> Result<Source, Diagnostic> {
    let place = table.span();
    let failed = |message: String| {
        let name = format!("{}.{}", table.source.name, table.table.name);
        Diagnostic::error(format!("invalid source `{name}`: {message}")).at_opt(place.clone())
    };
    let fqn = table.fqn(workspace);
    let configured = joined_config(table).map_err(failed)?;
    let own = Own { properties: &configured, calls: super::workspace::empty() };
    let places = workspace.places(table.package);
    let config = configure::config(places, ResourceType::Source, &fqn, own).map_err(failed)?;
    let unrendered_places = workspace.unrendered_places(table.package);
    let unrendered_config = configure::unrendered(unrendered_places, ResourceType::Source, &fqn, own);
    let (source, one) = (&table.source.settings, &table.table.settings);
    let owner = table.unique_id(workspace);
    let nowhere = Span::new(&crate::diagnostic::SourceFile::new(table.original_file_path.as_str(), ""), 0, 0);
    let span = place.clone().unwrap_or(nowhere);
    let described = docs::Owner { package: table.package, unique_id: &owner, is_enabled: config.enabled() };
    let describe = |text: &Option<String>| described.describe(workspace, text.as_deref().unwrap_or(""), &span);
    let description = describe(&one.description)?;
    let columns: Vec<&ColumnProperties> = table.table.columns.iter().collect();
    let columns = super::node::columns(workspace, &described, &columns, &span)?;
    let mut source_meta = source.meta.clone();
    if let Some(Value::Object(more)) = source.config.get("meta") {
        source_meta.extend(more.clone());
    }
    let package = &workspace.packages[table.package].name;
    let schema = table.source.schema.clone().filter(|schema| !schema.is_empty());
    let identifier = table.table.identifier.clone().filter(|identifier| !identifier.is_empty());
    let mut made = Source {
        database: table.source.database.clone().or_else(|| workspace.database()),
        schema: schema.unwrap_or_else(|| table.source.name.clone()),
        name: table.table.name.clone(),
        resource_type: ResourceType::Source,
        package_name: package.to_string(),
        path: table.original_file_path.clone(),
        original_file_path: table.original_file_path.clone(),
        unique_id: owner.clone(),
        fqn,
        source_name: table.source.name.clone(),
        source_description: describe(&source.description)?.text,
        loader: table.source.loader.clone().unwrap_or_default(),
        identifier: identifier.unwrap_or_else(|| table.table.name.clone()),
        quoting: merged_quoting(source.quoting, one.quoting),
        loaded_at_field: config.text("loaded_at_field").map(str::to_owned),
        loaded_at_query: config.text("loaded_at_query").map(str::to_owned),
        freshness: config.get("freshness").and_then(|value| serde_json::from_value::<Freshness>(value.clone()).ok()),
        external: table.table.external.as_ref().map(external),
        description: description.text,
        columns,
        meta: config.meta().cloned().unwrap_or_default(),
        source_meta,
        tags: config.tags().into_iter().map(str::to_owned).collect(),
        config,
        patch_path: None,
        unrendered_config,
        relation_name: None,
        created_at: workspace.created_at,
        unrendered_database: table.source.unrendered_database.clone(),
        unrendered_schema: table.source.unrendered_schema.clone(),
        doc_blocks: description.blocks,
        origin: Origin { code: None, properties: place, calls: Vec::new() },
    };
    made.relation_name = Some(relation_name(workspace, &made));
    Ok(made)
}

/// The configs of source and table, with those that may stand beside `config:`.
fn joined_config(table: &Table<'_>) -> Result<Map<String, Value>, String> {
    let (source, one) = (&table.source.settings, &table.table.settings);
    let mut config = source.config.clone();
    config.extend(one.config.clone());
    let mut freshness = source.freshness.clone();
    for place in [source.config.get("freshness"), None, one.config.get("freshness")].iter().enumerate() {
        let setting = match place {
            (1, _) => one.freshness.clone(),
            (_, Some(value)) => FreshnessSetting::from_json(value)?,
            (_, None) => FreshnessSetting::default(),
        };
        freshness = freshness.merged(&setting);
    }
    match &freshness {
        FreshnessSetting::Off => config.insert("freshness".to_owned(), Value::Null),
        given if given.is_set() => config.insert("freshness".to_owned(), given.to_json()),
        _ => config.remove("freshness"),
    };
    let (field, query) = loaded_at(table)?;
    config.insert("loaded_at_field".to_owned(), field.map_or(Value::Null, Value::String));
    config.insert("loaded_at_query".to_owned(), query.map_or(Value::Null, Value::String));
    let mut meta = Map::new();
    let mut tags: Vec<String> = Vec::new();
    for settings in [source, one] {
        meta.extend(settings.meta.clone());
        if let Some(Value::Object(more)) = settings.config.get("meta") {
            meta.extend(more.clone());
        }
        tags.extend(settings.tags.clone());
        match settings.config.get("tags") {
            Some(Value::String(tag)) => tags.push(tag.clone()),
            Some(Value::Array(more)) => tags.extend(more.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
    }
    tags.sort_unstable();
    tags.dedup();
    config.insert("meta".to_owned(), Value::Object(meta));
    config.insert("tags".to_owned(), json!(tags));
    Ok(config)
}

impl FreshnessSetting {
    fn to_json(&self) -> Value {
        let threshold = |threshold: &Option<Threshold>| json!(threshold);
        match self {
            FreshnessSetting::Off => Value::Null,
            FreshnessSetting::Given { warn_after, error_after, filter } => {
                json!({"warn_after": threshold(warn_after), "error_after": threshold(error_after), "filter": filter})
            }
        }
    }
}

/// The field or query by which the age is known; a table may switch its source's off.
fn loaded_at(table: &Table<'_>) -> Result<(Option<String>, Option<String>), String> {
    let text = |settings: &super::properties::Settings, given: &Option<String>, key: &str| {
        let given = given.clone().filter(|text| !text.is_empty());
        given.or_else(|| settings.config.get(key).and_then(Value::as_str).map(str::to_owned))
    };
    let (source, one) = (&table.source.settings, &table.table.settings);
    let own_query = text(one, &one.loaded_at_query, "loaded_at_query");
    let source_query = text(source, &source.loaded_at_query, "loaded_at_query");
    let own_field = text(one, &one.loaded_at_field, "loaded_at_field");
    let source_field = text(source, &source.loaded_at_field, "loaded_at_field");
    if one.loaded_at_field_present && own_query.is_some() {
        return Err("Cannot specify both loaded_at_field and loaded_at_query at table level.".to_owned());
    }
    if source_field.is_some() && source_query.is_some() {
        return Err("Cannot specify both loaded_at_field and loaded_at_query at source level.".to_owned());
    }
    let field = if one.loaded_at_field_present { own_field } else { source_field };
    let query = if own_query.is_some() || one.loaded_at_field_present { own_query } else { source_query };
    Ok((field, query))
}

fn merged_quoting(base: Quoting, update: Quoting) -> Quoting {
    Quoting {
        database: update.database.or(base.database),
        schema: update.schema.or(base.schema),
        identifier: update.identifier.or(base.identifier),
        column: update.column.or(base.column),
    }
}

/// `external:` with every field that the manifest has.
fn external(given: &Value) -> Value {
    let mut whole = Map::new();
    for key in ["location", "file_format", "row_format", "tbl_properties", "partitions"] {
        whole.insert(key.to_owned(), given.get(key).cloned().unwrap_or(Value::Null));
    }
    if let Some(given) = given.as_object() {
        whole.extend(given.clone());
    }
    if let Some(Value::Array(partitions)) = whole.get_mut("partitions") {
        for partition in partitions.iter_mut().filter_map(Value::as_object_mut) {
            for (key, default) in [("name", ""), ("description", ""), ("data_type", "")] {
                partition.entry(key).or_insert_with(|| Value::from(default));
            }
            partition.entry("meta").or_insert_with(|| Value::Object(Map::new()));
        }
    }
    Value::Object(whole)
}

fn relation_name(workspace: &Workspace<'_>, source: &Source) -> String {
    if let Some(location) = (workspace.inputs.external_location)(source) {
        return location;
    }
    let path = Path::new(source.database.as_deref(), Some(&source.schema), Some(&source.identifier));
    let mut relation = workspace.inputs.capabilities.relation(path, None);
    let project = workspace.root().package.config.quoting;
    relation.quote = relation.quote.with(PolicyChange {
        database: source.quoting.database.or(project.database),
        schema: source.quoting.schema.or(project.schema),
        identifier: source.quoting.identifier.or(project.identifier),
    });
    relation.render()
}

/// A source of another package with the changes of an override (`overrides:`).
pub fn overridden(base: &SourceProperties, change: &SourceProperties) -> SourceProperties {
    let mut source = base.clone();
    apply(&mut source.settings, &change.settings);
    let replace = |old: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    replace(&mut source.database, &change.database);
    replace(&mut source.schema, &change.schema);
    replace(&mut source.loader, &change.loader);
    for table in &mut source.tables {
        let Some(new) = change.tables.iter().find(|new| new.name == table.name) else { continue };
        apply(&mut table.settings, &new.settings);
        replace(&mut table.identifier, &new.identifier);
        if new.external.is_some() {
            table.external.clone_from(&new.external);
        }
        if !new.columns.is_empty() {
            table.columns.clone_from(&new.columns);
        }
        if !new.tests.is_empty() {
            table.tests.clone_from(&new.tests);
        }
    }
    source
}

fn apply(old: &mut super::properties::Settings, new: &super::properties::Settings) {
    if new.description.is_some() {
        old.description.clone_from(&new.description);
    }
    if !new.meta.is_empty() {
        old.meta.clone_from(&new.meta);
    }
    if !new.tags.is_empty() {
        old.tags.clone_from(&new.tags);
    }
    if new.freshness == FreshnessSetting::Off || new.freshness.is_set() {
        old.freshness.clone_from(&new.freshness);
    }
    if new.loaded_at_field_present {
        old.loaded_at_field.clone_from(&new.loaded_at_field);
        old.loaded_at_field_present = true;
    }
    if new.loaded_at_query.is_some() {
        old.loaded_at_query.clone_from(&new.loaded_at_query);
    }
    if !new.config.is_empty() {
        old.config.clone_from(&new.config);
    }
    old.quoting = merged_quoting(old.quoting, new.quoting);
}
