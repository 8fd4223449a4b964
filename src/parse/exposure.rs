//! Exposures and groups.
//!
//! Source: docs.getdbt.com/docs/build/exposures and docs.getdbt.com/docs/build/groups.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::configure::{self, Own};
use super::properties::Entry;
use super::workspace::Workspace;
use super::{docs, folders};
use crate::diagnostic::Diagnostic;
use crate::jinja::TemplateSource;
use crate::manifest::{DependsOn, Exposure, Group, Origin, Owner, ResourceType};

/// An entry with the package and the file that it is from.
#[derive(Debug, Clone)]
pub struct Placed<'p> {
    pub package: usize,
    /// The properties file, relative to the package, and within its resource folder.
    pub original_file_path: &'p str,
    pub resource_path: &'p str,
    pub entry: &'p Entry,
}

impl Placed<'_> {
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.entry.span.clone())
    }

    /// The text under a key.
    pub fn text(&self, key: &str) -> Result<Option<String>, Diagnostic> {
        match self.entry.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.error(format!("`{key}` of `{}` must be text", self.entry.name))),
        }
    }

    /// The mapping under a key; absent is empty.
    pub fn mapping(&self, key: &str) -> Result<Map<String, Value>, Diagnostic> {
        match self.entry.values.get(key) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(_) => Err(self.error(format!("`{key}` of `{}` must be a mapping", self.entry.name))),
        }
    }

    /// The fqn: package, folders, name.
    pub fn fqn(&self, workspace: &Workspace<'_>) -> Vec<String> {
        let mut fqn = folders(&workspace.packages[self.package].name, self.resource_path);
        fqn.push(self.entry.name.clone());
        fqn
    }

    fn owner(&self, kind: &str) -> Result<Owner, Diagnostic> {
        let owner = self.mapping("owner")?;
        let given = |key: &str| owner.get(key).is_some_and(|value| !value.is_null());
        if !given("name") && !given("email") {
            return Err(self.error(format!("{kind} owner must have at least one of 'name' or 'email'")));
        }
        serde_json::from_value(Value::Object(owner))
            .map_err(|problem| self.error(format!("the owner of `{}` is not valid: {problem}", self.entry.name)))
    }
}

/// Makes an exposure.
///
/// # Errors
/// A missing or wrong type or owner, wrong configs, `depends_on` that is no ref or source.
pub fn exposure(workspace: &Workspace<'_>, placed: &Placed<'_>) -> Result<Exposure, Diagnostic> {
    const KINDS: [&str; 5] = ["dashboard", "notebook", "analysis", "ml", "application"];
    const MATURITIES: [&str; 3] = ["low", "medium", "high"];
    let name = &placed.entry.name;
    let kind = placed.text("type")?.unwrap_or_default();
    if !KINDS.contains(&kind.as_str()) {
        let problem = placed.error(format!("exposure `{name}` has an invalid type '{kind}'"));
        return Err(problem.hint(format!("the type must be one of {}", KINDS.join(", "))).suggest(&kind, KINDS));
    }
    let maturity = placed.text("maturity")?;
    if let Some(given) = maturity.as_deref().filter(|given| !MATURITIES.contains(given)) {
        let problem = placed.error(format!("exposure `{name}` has an invalid maturity '{given}'"));
        return Err(problem.hint(format!("the maturity must be one of {}", MATURITIES.join(", "))));
    }
    let package = &workspace.packages[placed.package].name;
    let fqn = placed.fqn(workspace);
    let given = placed.mapping("config")?;
    let own = Own { properties: &given, calls: super::workspace::empty() };
    let failed = |message: String| placed.error(format!("invalid config of exposure `{name}`: {message}"));
    let places = workspace.places(placed.package);
    let mut config = configure::config(places, ResourceType::Exposure, &fqn, own).map_err(failed)?;
    let unrendered_config =
        configure::unrendered(workspace.unrendered_places(placed.package), ResourceType::Exposure, &fqn, own);
    let tree = workspace.packages[placed.package].trees.of(ResourceType::Exposure);
    let mut tags: BTreeSet<String> = config.tags().into_iter().map(str::to_owned).collect();
    for value in [tree.top("tags"), placed.entry.values.get("tags")].into_iter().flatten() {
        match value {
            Value::String(tag) => drop(tags.insert(tag.clone())),
            other => tags.extend(other.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)),
        }
    }
    if tree.top("tags").is_some_and(Value::is_null) {
        let message = "Field \"tags\" of type List[str] in ExposureConfig has invalid value None";
        return Err(placed
            .error(message)
            .hint("give `tags` a list, or take the key from `exposures:` of dbt_project.yml"));
    }
    let mut meta = tree.top("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    meta.extend(placed.mapping("meta")?);
    meta.extend(config.meta().cloned().unwrap_or_default());
    let tags: Vec<String> = tags.into_iter().collect();
    config.set("tags", json!(tags));
    config.set("meta", Value::Object(meta.clone()));
    let unique_id: crate::manifest::UniqueId = format!("exposure.{package}.{name}").into();
    let description = placed.text("description")?.unwrap_or_default();
    let mut made = Exposure {
        name: name.clone(),
        resource_type: ResourceType::Exposure,
        package_name: package.to_string(),
        path: placed.resource_path.to_owned(),
        original_file_path: placed.original_file_path.to_owned(),
        fqn,
        kind,
        owner: placed.owner("Exposure")?,
        description: docs::describe(workspace, placed.package, &unique_id, &description, &placed.entry.span)?.text,
        label: placed.text("label")?,
        maturity,
        meta,
        tags,
        config,
        unrendered_config,
        url: placed.text("url")?,
        depends_on: DependsOn::default(),
        refs: Vec::new(),
        sources: Vec::new(),
        metrics: Vec::new(),
        created_at: workspace.created_at,
        origin: Origin { code: None, properties: Some(placed.entry.span.clone()), calls: Vec::new() },
        unique_id,
    };
    add_dependencies(workspace, placed, &mut made)?;
    Ok(made)
}

fn add_dependencies(workspace: &Workspace<'_>, placed: &Placed<'_>, made: &mut Exposure) -> Result<(), Diagnostic> {
    let Some(list) = placed.entry.values.get("depends_on").filter(|list| !list.is_null()) else { return Ok(()) };
    let Some(items) = list.as_array() else {
        return Err(placed.error(format!("`depends_on` of exposure `{}` must be a list", made.name)));
    };
    let model = json!({"name": made.name, "unique_id": &*made.unique_id});
    let host = workspace.host(&made.name, move || model.clone());
    for item in items {
        let Some(text) = item.as_str() else {
            return Err(placed.error(format!("`depends_on` of exposure `{}` must be a list of texts", made.name)));
        };
        let source = TemplateSource::text(placed.original_file_path, &format!("{{{{ {text}}}}}"));
        let calls = workspace.capture(placed.package, &made.unique_id, &source, &host);
        let calls = calls.map_err(|problem| problem.at(placed.entry.span.clone()))?;
        made.refs.extend(calls.refs);
        made.sources.extend(calls.sources);
        made.metrics.extend(calls.metrics);
        let places = calls.places.into_iter().map(|(call, _)| (call, placed.entry.span.clone()));
        made.origin.calls.extend(places);
    }
    Ok(())
}

/// Makes a group.
///
/// # Errors
/// A missing owner.
pub fn group(workspace: &Workspace<'_>, placed: &Placed<'_>) -> Result<Group, Diagnostic> {
    let package = &workspace.packages[placed.package].name;
    let given = placed.mapping("config")?;
    let own = Own { properties: &given, calls: super::workspace::empty() };
    let places = workspace.places(placed.package);
    // dbt configures groups with the models.
    let found = configure::config(places, ResourceType::Group, &placed.fqn(workspace), own)
        .map_err(|message| placed.error(format!("invalid config of group `{}`: {message}", placed.entry.name)))?;
    let mut config: Map<String, Value> =
        found.set_values().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    config.entry("meta").or_insert_with(|| json!({}));
    // They are kept as they are set, without defaults; hooks are for what runs.
    config.remove("pre-hook");
    config.remove("post-hook");
    Ok(Group {
        name: placed.entry.name.clone(),
        resource_type: ResourceType::Group,
        package_name: package.to_string(),
        path: placed.resource_path.to_owned(),
        original_file_path: placed.original_file_path.to_owned(),
        unique_id: format!("group.{package}.{}", placed.entry.name).into(),
        owner: placed.owner("Group")?,
        description: placed.text("description")?,
        config: Value::Object(config),
    })
}
