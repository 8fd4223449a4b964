//! Relations: a table, view or the like by its name, and how SQL writes that name.
//!
//! A [`Relation`] is a value; it knows nothing of whether the warehouse has it.
//! Follows docs.getdbt.com/reference/dbt-classes#relation.

use std::fmt;
use std::sync::Arc;

use super::AdapterError;

/// The prefix of the CTE that stands for an ephemeral model.
const EPHEMERAL_PREFIX: &str = "__dbt__cte__";

/// What a relation is in the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationKind {
    Table,
    View,
    Cte,
    MaterializedView,
    External,
    PointerTable,
    Ephemeral,
    Function,
}

impl RelationKind {
    pub const ALL: [RelationKind; 8] = [
        RelationKind::Table,
        RelationKind::View,
        RelationKind::Cte,
        RelationKind::MaterializedView,
        RelationKind::External,
        RelationKind::PointerTable,
        RelationKind::Ephemeral,
        RelationKind::Function,
    ];

    /// dbt's word for it, as `relation.type` gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            RelationKind::Table => "table",
            RelationKind::View => "view",
            RelationKind::Cte => "cte",
            RelationKind::MaterializedView => "materialized_view",
            RelationKind::External => "external",
            RelationKind::PointerTable => "pointer_table",
            RelationKind::Ephemeral => "ephemeral",
            RelationKind::Function => "function",
        }
    }

    pub fn parse(word: &str) -> Option<RelationKind> {
        RelationKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for RelationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One of the three parts of a relation's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Database,
    Schema,
    Identifier,
}

impl Part {
    pub const ALL: [Part; 3] = [Part::Database, Part::Schema, Part::Identifier];

    pub fn as_str(self) -> &'static str {
        match self {
            Part::Database => "database",
            Part::Schema => "schema",
            Part::Identifier => "identifier",
        }
    }
}

/// Yes or no for each part of a name: whether it is quoted, whether it is written at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    pub database: bool,
    pub schema: bool,
    pub identifier: bool,
}

impl Policy {
    pub const ALL: Policy = Policy { database: true, schema: true, identifier: true };
    pub const NONE: Policy = Policy { database: false, schema: false, identifier: false };

    pub fn part(self, part: Part) -> bool {
        match part {
            Part::Database => self.database,
            Part::Schema => self.schema,
            Part::Identifier => self.identifier,
        }
    }

    /// This policy with the parts that `changes` names replaced.
    #[must_use]
    pub fn with(self, changes: PolicyChange) -> Policy {
        Policy {
            database: changes.database.unwrap_or(self.database),
            schema: changes.schema.unwrap_or(self.schema),
            identifier: changes.identifier.unwrap_or(self.identifier),
        }
    }
}

/// Changes to a [`Policy`]; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyChange {
    pub database: Option<bool>,
    pub schema: Option<bool>,
    pub identifier: Option<bool>,
}

/// How relations are written in one warehouse, and what can be done to them there.
#[derive(Debug, PartialEq, Eq)]
pub struct RelationStyle {
    /// The name of dbt's class, which `relation.get('metadata').type` gives.
    pub class_name: &'static str,
    pub quote_character: char,
    pub quote: Policy,
    pub include: Policy,
    /// Whether a subquery must have an alias.
    pub require_alias: bool,
    /// Kinds that can be renamed, so that they are built beside and swapped.
    pub renameable: &'static [RelationKind],
    /// Kinds with a `create or replace`.
    pub replaceable: &'static [RelationKind],
    /// The longest identifier, in bytes, if the warehouse has a limit.
    pub longest_identifier: Option<usize>,
}

/// Rows of a span of time only: sampling and microbatch put it around a `ref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTimeFilter {
    pub field: String,
    /// Inclusive, as it is written in SQL.
    pub start: Option<String>,
    /// Exclusive, as it is written in SQL.
    pub end: Option<String>,
}

impl EventTimeFilter {
    fn condition(&self) -> Option<String> {
        let field = &self.field;
        match (&self.start, &self.end) {
            (Some(start), Some(end)) => Some(format!("{field} >= '{start}' and {field} < '{end}'")),
            (Some(start), None) => Some(format!("{field} >= '{start}'")),
            (None, Some(end)) => Some(format!("{field} < '{end}'")),
            (None, None) => None,
        }
    }
}

/// The three parts of a name, each of which may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Path {
    pub database: Option<Arc<str>>,
    pub schema: Option<Arc<str>>,
    pub identifier: Option<Arc<str>>,
}

impl Path {
    pub fn new(database: Option<&str>, schema: Option<&str>, identifier: Option<&str>) -> Path {
        Path { database: database.map(Arc::from), schema: schema.map(Arc::from), identifier: identifier.map(Arc::from) }
    }

    pub fn part(&self, part: Part) -> Option<&Arc<str>> {
        match part {
            Part::Database => self.database.as_ref(),
            Part::Schema => self.schema.as_ref(),
            Part::Identifier => self.identifier.as_ref(),
        }
    }

    pub fn set(&mut self, part: Part, value: Option<Arc<str>>) {
        match part {
            Part::Database => self.database = value,
            Part::Schema => self.schema = value,
            Part::Identifier => self.identifier = value,
        }
    }
}

/// A relation by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    pub path: Path,
    pub kind: Option<RelationKind>,
    pub quote: Policy,
    pub include: Policy,
    pub style: &'static RelationStyle,
    /// `--empty` and `--limit`: at most so many rows are read where the relation is referred to.
    pub limit: Option<usize>,
    pub event_time_filter: Option<Arc<EventTimeFilter>>,
    /// SQL that stands in the place of the name: a file or a table function (DuckDB sources).
    pub external: Option<Arc<str>>,
    pub require_alias: bool,
    /// True for relations that tform itself named; they match names in any case where unquoted.
    pub dbt_created: bool,
    /// The name of an integration catalog (docs.getdbt.com/docs/mesh/iceberg), if the model has one.
    pub catalog: Option<Arc<str>>,
    /// For `information_schema(view)`: the view, or an empty string for the schema alone.
    pub information_schema_view: Option<Arc<str>>,
}

impl Relation {
    /// A relation with the warehouse's own quoting.
    pub fn new(style: &'static RelationStyle, path: Path, kind: Option<RelationKind>) -> Relation {
        Relation {
            path,
            kind,
            quote: style.quote,
            include: style.include,
            style,
            limit: None,
            event_time_filter: None,
            external: None,
            require_alias: style.require_alias,
            dbt_created: false,
            catalog: None,
            information_schema_view: None,
        }
    }

    /// The relation that stands for an ephemeral model: the CTE with its name.
    pub fn ephemeral(style: &'static RelationStyle, identifier: &str) -> Relation {
        let path = Path { identifier: Some(Relation::ephemeral_name(identifier).into()), ..Path::default() };
        let mut relation = Relation::new(style, path, Some(RelationKind::Cte));
        relation.quote.identifier = false;
        relation
    }

    /// The name of the CTE that stands for the ephemeral model `name`.
    pub fn ephemeral_name(name: &str) -> String {
        format!("{EPHEMERAL_PREFIX}{name}")
    }

    pub fn database(&self) -> Option<&str> {
        self.path.database.as_deref()
    }

    pub fn schema(&self) -> Option<&str> {
        self.path.schema.as_deref()
    }

    pub fn identifier(&self) -> Option<&str> {
        self.path.identifier.as_deref()
    }

    #[must_use]
    pub fn with_kind(mut self, kind: Option<RelationKind>) -> Relation {
        self.kind = kind;
        self
    }

    #[must_use]
    pub fn with_identifier(mut self, identifier: &str) -> Relation {
        self.path.identifier = Some(identifier.into());
        self
    }

    /// The relation with other parts quoted.
    #[must_use]
    pub fn quote(mut self, changes: PolicyChange) -> Relation {
        self.quote = self.quote.with(changes);
        self
    }

    /// The relation with other parts written.
    #[must_use]
    pub fn include(mut self, changes: PolicyChange) -> Relation {
        self.include = self.include.with(changes);
        self
    }

    /// The schema alone.
    #[must_use]
    pub fn without_identifier(mut self) -> Relation {
        self.include.identifier = false;
        self.path.identifier = None;
        self
    }

    /// `DATABASE.INFORMATION_SCHEMA.VIEW` of the relation's database.
    #[must_use]
    pub fn information_schema(&self, view: Option<&str>) -> Relation {
        let path = Path {
            database: self.path.database.clone(),
            schema: None,
            identifier: Some(Arc::from("INFORMATION_SCHEMA")),
        };
        Relation {
            include: Policy { database: path.database.is_some(), schema: false, identifier: true },
            quote: Policy { identifier: false, ..self.quote },
            information_schema_view: Some(Arc::from(view.unwrap_or_default())),
            ..Relation::new(self.style, path, Some(RelationKind::View))
        }
    }

    pub fn can_be_renamed(&self) -> bool {
        self.kind.is_some_and(|kind| self.style.renameable.contains(&kind))
    }

    pub fn can_be_replaced(&self) -> bool {
        self.kind.is_some_and(|kind| self.style.replaceable.contains(&kind))
    }

    /// `text` in the warehouse's quotes.
    pub fn quoted(&self, text: &str) -> String {
        let mut quoted = String::with_capacity(text.len() + 2);
        self.add_quoted(text, &mut quoted);
        quoted
    }

    fn add_quoted(&self, text: &str, to: &mut String) {
        to.push(self.style.quote_character);
        to.push_str(text);
        to.push(self.style.quote_character);
    }

    /// The relation's name as SQL writes it.
    pub fn render(&self) -> String {
        if let Some(external) = &self.external {
            return external.to_string();
        }
        let included = |part: Part| self.path.part(part).filter(|_| self.include.part(part));
        // Two quotes and a point for each part.
        let length = Part::ALL.into_iter().filter_map(included).map(|value| value.len() + 3).sum();
        let mut text = String::with_capacity(length);
        for part in Part::ALL {
            let Some(value) = included(part) else { continue };
            if !text.is_empty() {
                text.push('.');
            }
            match self.quote.part(part) {
                true => self.add_quoted(value, &mut text),
                false => text.push_str(value),
            }
        }
        if let Some(view) = self.information_schema_view.as_deref().filter(|view| !view.is_empty()) {
            text.push('.');
            text.push_str(view);
        }
        text
    }

    /// [`Relation::render`] within the limit on rows, if there is one.
    pub fn render_limited(&self) -> String {
        let name = self.render();
        let Some(limit) = self.limit else { return name };
        let alias = self.subquery_alias("limit");
        match limit {
            0 => format!("(select * from {name} where false limit 0){alias}"),
            _ => format!("(select * from {name} limit {limit}){alias}"),
        }
    }

    /// `rendered` within the span of time, if there is one.
    pub fn render_event_time_filtered(&self, rendered: String) -> String {
        match self.event_time_filter.as_ref().and_then(|filter| filter.condition()) {
            Some(condition) => {
                let alias = self.subquery_alias("et_filter");
                format!("(select * from {rendered} where {condition}){alias}")
            }
            None => rendered,
        }
    }

    fn subquery_alias(&self, purpose: &str) -> String {
        match self.require_alias {
            true => format!(" _dbt_{purpose}_subq_{}", self.identifier().unwrap_or("None")),
            false => String::new(),
        }
    }

    /// Whether the given parts are this relation's name.
    ///
    /// # Errors
    /// If they differ in case only: which of the two is meant cannot be known.
    pub fn matches(&self, search: &Path) -> Result<bool, AdapterError> {
        let mut exact = true;
        let mut near = true;
        for part in Part::ALL {
            let Some(wanted) = search.part(part) else { continue };
            let own = self.path.part(part).map_or("", |value| value);
            let caseless = self.dbt_created && !self.quote.part(part);
            exact &= own == wanted.as_ref() || (caseless && own.to_lowercase() == wanted.to_lowercase());
            let bare = |text: &str| text.trim_matches(self.style.quote_character).to_lowercase();
            near &= bare(own) == bare(wanted);
        }
        if near && !exact {
            let wanted = Relation::new(self.style, search.clone(), None).render();
            return Err(AdapterError::other(format!(
                "when searching for a relation, found an approximate match: instead of guessing, tform stops here; \
                 searched for {wanted}, found {}",
                self.render()
            )));
        }
        Ok(exact)
    }

    /// Whether both name the same relation, whatever the case and quoting.
    pub fn same_name(&self, other: &Relation) -> bool {
        CacheKey::of(self) == CacheKey::of(other)
    }

    /// # Errors
    /// If the identifier is longer than the warehouse allows.
    pub fn check_length(&self) -> Result<(), AdapterError> {
        let (Some(limit), Some(identifier), Some(_)) = (self.style.longest_identifier, self.identifier(), self.kind)
        else {
            return Ok(());
        };
        match identifier.len() > limit {
            true => Err(AdapterError::other(format!("Relation name '{identifier}' is longer than {limit} characters"))),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Relation {
    /// What `{{ relation }}` writes: the name, within its limit and its span of time.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == Some(RelationKind::Function) {
            return formatter.write_str(&self.render());
        }
        formatter.write_str(&self.render_event_time_filtered(self.render_limited()))
    }
}

/// A relation's name without regard to case, for looking it up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey {
    pub database: String,
    pub schema: String,
    pub identifier: String,
}

impl CacheKey {
    pub fn of(relation: &Relation) -> CacheKey {
        CacheKey::new(relation.database(), relation.schema(), relation.identifier())
    }

    pub fn new(database: Option<&str>, schema: Option<&str>, identifier: Option<&str>) -> CacheKey {
        let lower = |part: Option<&str>| part.unwrap_or_default().to_lowercase();
        CacheKey { database: lower(database), schema: lower(schema), identifier: lower(identifier) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static STYLE: RelationStyle = RelationStyle {
        class_name: "TestRelation",
        quote_character: '"',
        quote: Policy::ALL,
        include: Policy::ALL,
        require_alias: true,
        renameable: &[RelationKind::Table, RelationKind::View],
        replaceable: &[RelationKind::View],
        longest_identifier: Some(8),
    };

    fn orders() -> Relation {
        Relation::new(&STYLE, Path::new(Some("shop"), Some("main"), Some("orders")), Some(RelationKind::Table))
    }

    #[test]
    fn a_relation_renders_by_its_policies_and_limits() {
        let off = PolicyChange { database: Some(false), ..PolicyChange::default() };
        let cases = [
            (orders(), r#""shop"."main"."orders""#),
            (orders().include(off), r#""main"."orders""#),
            (orders().quote(off), r#"shop."main"."orders""#),
            (orders().without_identifier(), r#""shop"."main""#),
            (orders().information_schema(None), r#""shop".INFORMATION_SCHEMA"#),
            (orders().information_schema(Some("columns")), r#""shop".INFORMATION_SCHEMA.columns"#),
            (Relation::ephemeral(&STYLE, "base"), "__dbt__cte__base"),
            (
                Relation { limit: Some(0), ..orders() },
                r#"(select * from "shop"."main"."orders" where false limit 0) _dbt_limit_subq_orders"#,
            ),
            (
                Relation { limit: Some(5), require_alias: false, ..orders() },
                r#"(select * from "shop"."main"."orders" limit 5)"#,
            ),
            (Relation { external: Some("'a.parquet'".into()), ..orders() }, "'a.parquet'"),
            (
                Relation {
                    require_alias: false,
                    event_time_filter: Some(Arc::new(EventTimeFilter {
                        field: "at".into(),
                        start: Some("2020-01-01".into()),
                        end: Some("2020-01-02".into()),
                    })),
                    ..orders()
                },
                r#"(select * from "shop"."main"."orders" where at >= '2020-01-01' and at < '2020-01-02')"#,
            ),
        ];
        for (relation, expected) in cases {
            assert_eq!(relation.to_string(), expected);
        }
    }

    #[test]
    fn names_that_differ_in_case_match_only_where_unquoted() {
        let search = Path::new(Some("shop"), Some("main"), Some("ORDERS"));
        assert!(orders().matches(&search).is_err());
        let unquoted = Relation { dbt_created: true, quote: Policy::NONE, ..orders() };
        assert_eq!(unquoted.matches(&search).ok(), Some(true));
        assert_eq!(orders().matches(&Path::new(None, None, Some("other"))).ok(), Some(false));
    }

    #[test]
    fn kinds_say_what_can_be_done() {
        assert!(orders().can_be_renamed() && !orders().can_be_replaced());
        assert!(!orders().with_kind(None).can_be_renamed());
        assert!(orders().with_identifier("longer_than_8").check_length().is_err());
        assert!(RelationKind::ALL.iter().all(|kind| RelationKind::parse(kind.as_str()) == Some(*kind)));
    }
}
