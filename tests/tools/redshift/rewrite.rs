//! Redshift's statements in PostgreSQL's words.

use std::sync::LazyLock;

use regex::Regex;
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::refusals::{self, Refusal, name_length};
use crate::proxy::Script;

/// A text of one or several statements as PostgreSQL hears it.
pub fn script(sql: &str, in_transaction: bool) -> Result<Script, Refusal> {
    let tokens = Tokenizer::new(&RedshiftSqlDialect {}, sql).with_unescape(false).tokenize();
    let tokens = tokens.map_err(|error| refusals::syntax(&error.to_string()))?;
    let mut parts = Vec::new();
    for tokens in tokens.split(|token| *token == Token::SemiColon) {
        let statement = Statement::new(tokens.to_vec());
        if !statement.words.is_empty() {
            parts.push(statement.rewritten(in_transaction)?);
        }
    }
    let single = parts.len() == 1;
    let mut script = Script { sql: String::new(), after: Vec::new(), tag: None };
    for part in parts {
        script.sql.push_str(&part.sql);
        script.sql.push_str(";\n");
        script.after.extend(part.after);
        script.tag = part.tag.filter(|_| single);
    }
    if script.sql.is_empty() {
        script.sql = sql.to_owned();
    }
    Ok(script)
}

struct Statement {
    tokens: Vec<Token>,
    /// Where the words are among the tokens.
    places: Vec<usize>,
    /// Lower-case, unless quoted.
    words: Vec<String>,
}

/// What a table or a materialized view is made with beyond PostgreSQL's grammar.
#[derive(Default)]
struct Attributes {
    distribution: Option<String>,
    sort_keys: Vec<String>,
    interleaved: bool,
    backup: Option<bool>,
    auto_refresh: Option<bool>,
}

impl Statement {
    fn new(tokens: Vec<Token>) -> Statement {
        let places: Vec<usize> =
            (0..tokens.len()).filter(|place| !matches!(tokens[*place], Token::Whitespace(_))).collect();
        let word = |place: &usize| match &tokens[*place] {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
            token => token.to_string(),
        };
        let words = places.iter().map(word).collect();
        Statement { tokens, places, words }
    }

    fn begins(&self, words: &str) -> bool {
        let wanted: Vec<&str> = words.split(' ').collect();
        self.words.len() >= wanted.len() && self.words.iter().zip(&wanted).all(|(word, wanted)| word == wanted)
    }

    /// The text of the words from `from` up to `to`.
    fn text(&self, from: usize, to: usize) -> String {
        let Some(begin) = self.places.get(from) else { return String::new() };
        let end = self.places.get(to).copied().unwrap_or(self.tokens.len());
        self.tokens[*begin..end].iter().map(Token::to_string).collect::<String>().trim().to_owned()
    }

    fn whole(&self) -> String {
        self.text(0, usize::MAX)
    }

    /// The name that begins at a word, and the word behind it.
    fn name(&self, at: usize) -> (String, usize) {
        let end = at + name_length(self.words.get(at..).unwrap_or_default());
        (self.text(at, end), end)
    }

    fn rewritten(mut self, in_transaction: bool) -> Result<Script, Refusal> {
        refusals::check(&self.words, in_transaction)?;
        let plain = |sql: String| Script { sql, after: Vec::new(), tag: None };
        if let Some(sql) = self.shown() {
            return Ok(plain(sql));
        }
        if self.begins("reset query_group") {
            return Ok(plain("reset stand_in.query_group".to_owned()));
        }
        if self.begins("set query_group") {
            return Ok(plain(format!("set stand_in.query_group to {}", self.text(3, usize::MAX))));
        }
        if self.begins("set search_path") {
            return Ok(plain(format!("{}, stand_in", self.whole())));
        }
        // With a datashare in the cluster, schemas of any of its databases are made and dropped by their whole name.
        if let Some(head) =
            ["create schema if not exists", "drop schema if exists"].into_iter().find(|head| self.begins(head))
        {
            let (name, end) = self.name(head.split(' ').count());
            let own = name.rsplit('.').next().unwrap_or(&name).to_owned();
            return Ok(plain(format!("{head} {own} {}", self.text(end, usize::MAX))));
        }
        if self.begins("alter materialized view") {
            let (name, end) = self.name(3);
            let on = self.words.get(end + 2).is_some_and(|word| word == "yes");
            let sql =
                format!("update stand_in.attributes set auto_refresh = {on} where oid = '{}'::regclass", quoted(&name));
            return Ok(Script { tag: Some("ALTER MATERIALIZED VIEW"), ..plain(sql) });
        }
        if self.begins("alter table") && self.words.iter().any(|word| word == "append") {
            let (name, end) = self.name(2);
            let (source, _) = self.name(end + 2);
            let sql =
                format!("with moved as (delete from {source} returning *) insert into {name} select * from moved");
            return Ok(Script { tag: Some("ALTER TABLE"), ..plain(sql) });
        }
        if self.begins("comment on column") {
            let (name, _) = self.name(3);
            let relation = name.rsplit_once('.').map_or(name.clone(), |(relation, _)| relation.to_owned());
            let refusal = format!(
                "do $late$ begin if '{}'::regclass in (select oid from stand_in.late_views) then raise exception using \
                 errcode = '0A000', message = 'COMMENT ON COLUMN is not supported for late binding views'; end if; end $late$",
                quoted(&relation)
            );
            return Ok(Script {
                sql: format!("{refusal};\n{}", self.whole()),
                after: Vec::new(),
                tag: Some("COMMENT"),
            });
        }
        if self.begins("truncate") && in_transaction {
            // It commits what came before and itself.
            return Ok(plain(format!("{};\ncommit", self.whole())));
        }
        if let Some(script) = self.view() {
            return script;
        }
        let temporary = self.begins("create temporary table") || self.begins("create temp table");
        if temporary || self.begins("create table") || self.begins("create materialized view") {
            return self.table(temporary);
        }
        let sql = self.whole();
        refusals::parses(&sql, &self.words)?;
        Ok(plain(in_postgres(&self.named())))
    }

    /// The text with names for the subqueries that have none, which Redshift does not ask for.
    fn named(&self) -> String {
        let mut tokens = self.tokens.clone();
        let (mut open, mut count) = (Vec::new(), 0);
        let word = |at: usize| self.words.get(at).map_or("", String::as_str);
        for at in 0..self.words.len() {
            match word(at) {
                "(" => open.push(
                    at > 0
                        && matches!(word(at - 1), "from" | "join")
                        && matches!(word(at + 1), "select" | "with" | "("),
                ),
                ")" => {
                    let next = word(at + 1);
                    let is_named = next == "as" || (is_name(next) && !FOLLOWS.contains(&next));
                    if open.pop() == Some(true) && !is_named {
                        count += 1;
                        let name = format!(") as unnamed_{count}");
                        tokens[self.places[at]] = Token::make_word(&name, None);
                    }
                }
                _ => {}
            }
        }
        tokens.iter().map(Token::to_string).collect::<String>().trim().to_owned()
    }

    /// `show ...` as a query.
    fn shown(&self) -> Option<String> {
        let bare = |at: usize| -> Vec<String> {
            let (name, _) = self.name(at);
            name.split('.').map(|part| part.trim_matches('"').to_owned()).collect()
        };
        if self.begins("show schemas from database") {
            let like = self.words.iter().position(|word| word == "like").and_then(|at| self.words.get(at + 1));
            let filter = like.map_or(String::new(), |pattern| format!(" and nspname like {pattern}"));
            return Some(format!(
                "select current_database()::text as database_name, nspname::text as schema_name from pg_namespace \
                 where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'stand_in'){filter}"
            ));
        }
        if self.begins("show tables from schema") {
            let name = bare(4);
            return Some(format!(
                "select table_catalog as database_name, table_schema as schema_name, table_name, \
                 case when table_type = 'VIEW' then 'VIEW' else 'TABLE' end as table_type, \
                 case when exists (select from stand_in.svv_mv_info as m where m.schema_name = table_schema and m.name = table_name) \
                 then 'MATERIALIZED VIEW' when table_type = 'VIEW' then 'REGULAR VIEW' else 'REGULAR TABLE' end as table_subtype, remarks, \
                 'tform'::text as owner from stand_in.svv_tables where table_schema = '{}' order by 3",
                name.last()?
            ));
        }
        if self.begins("show columns from table") {
            let name = bare(4);
            return Some(format!(
                "select table_catalog as database_name, table_schema as schema_name, table_name, column_name, ordinal_position, \
                 data_type, character_maximum_length, numeric_precision, numeric_scale, remarks from stand_in.all_columns \
                 where table_schema = '{}' and table_name = '{}' order by ordinal_position",
                name.get(name.len().checked_sub(2)?)?,
                name.last()?
            ));
        }
        if self.begins("show grants on table") {
            let name = bare(4);
            return Some(format!(
                "select namespace_name as schema_name, relation_name as object_name, privilege_type, \
                 case identity_type when 'group' then '/' else '' end || identity_name as identity_name, \
                 case identity_type when 'group' then 'role' else identity_type end as identity_type from stand_in.svv_relation_privileges where namespace_name = '{}' and relation_name = '{}'",
                name.get(name.len().checked_sub(2)?)?,
                name.last()?
            ));
        }
        None
    }

    /// A late-binding view; `None` for what is none.
    fn view(&self) -> Option<Result<Script, Refusal>> {
        let replaces = self.begins("create or replace view");
        if !replaces && !self.begins("create view") {
            return None;
        }
        let (name, end) = self.name(if replaces { 4 } else { 2 });
        let tail = self.words.len().checked_sub(4)?;
        let late = self.words[tail..].join(" ") == "with no schema binding";
        let query = in_postgres(&self.text(end + 1, if late { tail } else { usize::MAX }));
        if !late {
            let verb = if replaces { "create or replace view" } else { "create view" };
            return Some(Ok(Script { sql: format!("{verb} {name} as {query}"), after: Vec::new(), tag: None }));
        }
        let drop = if replaces { format!("execute 'drop view if exists {}'; ", quoted(&name)) } else { String::new() };
        let sql = format!(
            "do $view$ begin {drop}perform stand_in.late_view('{}', $query${query}$query$); end $view$",
            quoted(&name)
        );
        Some(Ok(Script { sql, after: Vec::new(), tag: Some("CREATE VIEW") }))
    }

    fn table(&mut self, temporary: bool) -> Result<Script, Refusal> {
        let stored = self.begins("create materialized view");
        let at = if stored || temporary { 3 } else { 2 };
        let at = if self.words.get(at).is_some_and(|word| word == "if") { at + 3 } else { at };
        let (name, end) = self.name(at);
        let attributes = self.take_attributes(end);
        let sql = self.whole();
        if !stored {
            refusals::parses(&sql, &["select".to_owned()])?;
        }
        let text =
            |value: &Option<String>| value.as_ref().map_or("null".to_owned(), |text| format!("'{}'", quoted(text)));
        let flag = |value: Option<bool>| value.map_or("null".to_owned(), |value| value.to_string());
        let keys: Vec<String> = attributes.sort_keys.iter().map(|key| format!("'{}'", quoted(key))).collect();
        let remember = format!(
            "select stand_in.remember('{}', {}, array[{}]::text[], {}, {}, {})",
            quoted(&name),
            text(&attributes.distribution),
            keys.join(", "),
            attributes.interleaved,
            flag(attributes.backup),
            flag(attributes.auto_refresh)
        );
        let after = if temporary { Vec::new() } else { vec![remember] };
        Ok(Script { sql: in_postgres(&self.named()), after, tag: stored.then_some("CREATE MATERIALIZED VIEW") })
    }

    /// Takes the attributes of a table out of the statement: before `as`, and at its columns.
    fn take_attributes(&mut self, from: usize) -> Attributes {
        let mut attributes = Attributes::default();
        let (mut at, mut depth) = (from, 0);
        let mut removed = Vec::new();
        while at < self.words.len() && !(depth == 0 && self.words[at] == "as") {
            let word = |offset: usize| self.words.get(at + offset).map_or("", String::as_str);
            let taken = match (word(0), word(1)) {
                ("(", _) => {
                    depth += 1;
                    0
                }
                (")", _) => {
                    depth -= 1;
                    0
                }
                ("backup", value) => {
                    attributes.backup = Some(value == "yes");
                    2
                }
                ("diststyle", value) => {
                    attributes.distribution = Some(value.to_uppercase());
                    2
                }
                ("distkey", "(") => {
                    attributes.distribution = Some(format!("KEY({})", word(2).trim_matches('"')));
                    4
                }
                ("compound" | "interleaved", "sortkey") => {
                    attributes.interleaved = word(0) == "interleaved";
                    1
                }
                ("sortkey", "(") => {
                    let mut length = 2;
                    while word(length) != ")" && !word(length).is_empty() {
                        if word(length) != "," {
                            attributes.sort_keys.push(word(length).trim_matches('"').to_owned());
                        }
                        length += 1;
                    }
                    length + 1
                }
                ("sortkey", "auto") => 2,
                ("auto", "refresh") => {
                    attributes.auto_refresh = Some(word(2) == "yes");
                    3
                }
                ("encode", _) => 2,
                ("distkey" | "sortkey", _) if depth > 0 => 1,
                _ => 0,
            };
            removed.extend(at..at + taken);
            at += taken.max(1);
        }
        for index in removed {
            if let Some(place) = self.places.get(index) {
                self.tokens[*place] = Token::Whitespace(sqlparser::tokenizer::Whitespace::Space);
            }
        }
        let tokens = std::mem::take(&mut self.tokens);
        *self = Statement::new(tokens);
        attributes
    }
}

/// What follows a subquery without being its name.
const FOLLOWS: &[&str] = &[
    "where",
    "group",
    "order",
    "having",
    "limit",
    "union",
    "except",
    "intersect",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "on",
    "using",
    "window",
    "offset",
    "with",
];

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == '"')
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// Names and functions as PostgreSQL has them.
fn in_postgres(sql: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let rules = [
            (r"(?i)\binformation_schema\.tables\b", "stand_in.tables"),
            (r"(?i)\binformation_schema\.views\b", "stand_in.views"),
            (r#"(?i)\binformation_schema\.("columns"|columns\b)"#, "stand_in.columns"),
            (r"(?i)\bpg_catalog\.svv_", "stand_in.svv_"),
            (r"(?i)\b(pg_catalog\.)?pg_views\b", "stand_in.pg_views_all"),
            (r"(?i)\bvarchar\(max\)", "varchar(65535)"),
            (r"(?i)\bsysdate\b", "(now() at time zone 'utc')"),
            (r"(?i)\b(dateadd|datediff)\(\s*([a-z]+)\s*,", "$1('$2',"),
            (
                r"(?is)\blistagg\(\s*([^(),]+|\w+\([^()]*\)),\s*('[^']*')\s*\)\s*within\s+group\s*\(\s*(order\s+by[^)]*)\)",
                "string_agg($1::text, $2 $3)",
            ),
            (r"(?i)\blistagg\(\s*([^(),]+),\s*('[^']*')\s*\)", "string_agg($1::text, $2)"),
        ];
        rules.into_iter().filter_map(|(pattern, word)| Some((Regex::new(pattern).ok()?, word))).collect()
    });
    let mut text = RULES.iter().fold(sql.to_owned(), |text, (rule, word)| rule.replace_all(&text, *word).into_owned());
    if text.split_whitespace().next().is_some_and(|word| ["grant", "revoke"].contains(&word.to_lowercase().as_str())) {
        text = text.replace(" role ", " ").replace(" ROLE ", " ");
    }
    if text.contains("attisdistkey") {
        text = text.replace("pg_attribute", "stand_in.attribute").replace("pg_class", "stand_in.class");
    }
    text
}
