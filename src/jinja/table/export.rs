//! Tables in other forms: the types of columns, JSON, CSV, groups.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::{Contents, Table, failed, unknown_method};
use crate::jinja::arguments::{Arguments, required};
use crate::jinja::values::{self, Fault, Pairs};
use crate::jinja::{datetime, decimal, json};

/// agate's type of a column: its name, and how it writes values into CSV and JSON.
#[derive(Debug)]
struct DataType(&'static str);

impl Object for DataType {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("name")).then(|| Value::from(self.0))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if !matches!(method, "csvify" | "jsonify") {
            return Err(unknown_method());
        }
        let [value] = Arguments::from_values(args).bind(method, ["d"]).map_err(failed)?;
        let value = required(value, method, "d").map_err(failed)?;
        Ok(match (self.0, method) {
            _ if value.is_none() => value,
            ("Boolean" | "Integer", "jsonify") => value,
            ("Number", "jsonify") => {
                let float = decimal::float(&value).or_else(|| values::Number::of(&value).map(|number| number.float()));
                float.map_or(value, Value::from)
            }
            _ => Value::from(datetime::iso(&value).unwrap_or_else(|| values::text(&value))),
        })
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// What one value says about the type of its column; nothing if it is none.
fn kind_of_value(value: &Value) -> Option<&'static str> {
    match values::type_name(value) {
        "NoneType" | "undefined" => None,
        "bool" => Some("Boolean"),
        "int" => Some("Integer"),
        "float" => Some("Number"),
        "datetime.date" => Some("Date"),
        "datetime.datetime" => Some("DateTime"),
        _ if decimal::float(value).is_some() => Some("Number"),
        _ => Some("Text"),
    }
}

impl Contents {
    /// agate's name of a column's type.
    pub(super) fn kind(&self, index: usize) -> &'static str {
        let mut kind = None;
        for found in self.rows.iter().filter_map(|row| row.get(index).and_then(kind_of_value)) {
            kind = Some(match (kind, found) {
                (None, found) => found,
                (Some(known), found) if known == found => found,
                (Some("Integer" | "Number"), "Integer" | "Number") => "Number",
                (Some("Date" | "DateTime"), "Date" | "DateTime") => "DateTime",
                _ => "Text",
            });
        }
        kind.unwrap_or("Integer")
    }

    pub(super) fn data_type(&self, index: usize) -> Value {
        Value::from_object(DataType(self.kind(index)))
    }
}

impl Table {
    /// A list with a dict for each row, as JSON; dates are texts.
    pub(super) fn json(&self) -> String {
        let plain = |value: &Value| match datetime::type_name(value) {
            Some(_) => Value::from(values::text(value)),
            None => value.clone(),
        };
        let rows = self.0.rows.iter().map(|row| {
            values::dict_of(self.0.names.iter().zip(row.iter()).map(|(name, value)| (name.as_ref(), plain(value))))
        });
        json::to_json(&values::list(rows.collect()), false).unwrap_or_default()
    }

    pub(super) fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut written = writer.write_record(self.0.names.iter().map(|name| name.as_bytes()));
        for row in self.0.rows.iter() {
            let cells = row.iter().map(|value| if value.is_none() { String::new() } else { values::text(value) });
            written = written.and_then(|()| writer.write_record(cells));
        }
        match (written, writer.into_inner()) {
            (Ok(()), Ok(bytes)) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
            _ => String::new(),
        }
    }

    /// The tables of each value of a column, by that value.
    pub(super) fn group_by(&self, key: &Value) -> Result<Value, Fault> {
        let wanted = self.columns(key, "group_by")?;
        let [index] = wanted.as_slice() else { return Err("`group_by` needs one column".to_owned()) };
        let mut groups: indexmap::IndexMap<Value, Vec<Arc<Vec<Value>>>> = indexmap::IndexMap::new();
        for row in self.0.rows.iter() {
            let of = row.get(*index).cloned().unwrap_or_else(values::none);
            groups.entry(of).or_default().push(row.clone());
        }
        let groups: Pairs = groups.into_iter().map(|(key, rows)| (key, self.with_rows(rows))).collect();
        Ok(values::dict(groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::{Cell, Decimal, QueryResult, ResultColumn};
    use crate::jinja::{Engine, EngineOptions, Scope, TemplateSource, cells};

    fn result() -> QueryResult {
        let column = |name: &str| ResultColumn { name: name.to_owned(), type_name: "ANY".to_owned(), sql_name: None };
        let day = chrono::NaiveDate::from_ymd_opt(2020, 1, 2).unwrap_or_default();
        let price = Cell::Decimal(Decimal { mantissa: 110, scale: 2 });
        QueryResult {
            columns: ["id", "name", "price", "day"].map(column).to_vec(),
            rows: vec![
                vec![Cell::Int(2), Cell::Text("b".into()), price, Cell::Date(day)],
                vec![Cell::Int(1), Cell::Null, Cell::Float(2.5), Cell::Null],
            ],
            ..QueryResult::default()
        }
    }

    const CASES: &[(&str, &str)] = &[
        ("{{ t.columns[0].values() }} {{ t.columns['name'].values() }}", "(2, 1) ('b', None)"),
        ("{{ t.rows[0]['id'] }} {{ t.rows[0][1] }} {{ t.rows[0].price }} {{ t[1].id }}", "2 b 1.10 1"),
        ("{{ t.column_names }}", "('id', 'name', 'price', 'day')"),
        ("{{ t.columns | map(attribute='name') | join(',') }}", "id,name,price,day"),
        ("{{ t.rows | length }} {{ t | length }} {{ t.columns.keys() | list }}", "2 2 ['id', 'name', 'price', 'day']"),
        ("{% for row in t.rows %}{{ row.id }}:{{ row['day'] }};{% endfor %}", "2:2020-01-02;1:None;"),
        ("{% for row in t %}{{ row[0] }}{% endfor %}", "21"),
        ("{{ t.rows[0].values() }}", "(2, 'b', Decimal('1.10'), datetime.date(2020, 1, 2))"),
        ("{{ t.rows[0].dict()['name'] }} {{ t.rows[0].get('zz', 5) }}", "b 5"),
        ("{% set id, name, price, day = t.rows[0] %}{{ name }}", "b"),
        ("{{ t.select(['name']).column_names }} {{ t.exclude('id').columns | length }}", "('name',) 3"),
        ("{{ t.order_by('id').columns[0].values() }} {{ t.limit(1) | length }}", "(1, 2) 1"),
        ("{{ t.rename({'id': 'key'}).column_names[0] }}", "key"),
        ("{{ t.columns[1].values_without_nulls() }} {{ t.columns[9] }}", "('b',) "),
        (
            "{{ t.columns[0].data_type }} {{ t.columns['price'].data_type }} {{ t.column_types | join }}",
            "Integer Number IntegerTextNumberDate",
        ),
        (
            "{% for column in t.columns %}{{ column.data_type.jsonify(column[0]) }} {{ column.data_type.csvify(column[0]) }};\
             {% endfor %}{{ t.columns.name.data_type.jsonify(none) }}",
            "2 2;b b;1.1 1.10;2020-01-02 2020-01-02;None",
        ),
        ("{{ t.rows | map(attribute='id') | sum }} {{ t.rows[0].price * 2 }} {{ t.columns.id.name }}", "3 2.20 id"),
        ("{{ t.rows[0] }}", "<agate.Row: (2, 'b', Decimal('1.10'), datetime.date(2020, 1, 2))>"),
        (
            "{{ t.to_json() }}",
            r#"[{"id": 2, "name": "b", "price": 1.10, "day": "2020-01-02"}, {"id": 1, "name": null, "price": 2.5, "day": null}]"#,
        ),
        ("{{ t.select(['id', 'name']).to_csv() }}", "id,name\n2,b\n1,"),
        ("{% for key, part in t.group_by('id').items() %}{{ key }}={{ part | length }};{% endfor %}", "2=1;1=1;"),
    ];

    #[test]
    fn tables_read_like_agate() {
        let engine = Engine::new(Vec::new(), EngineOptions::new("root")).unwrap();
        let context = values::dict_of([("t", cells::table(result()))]);
        for (template, expected) in CASES {
            let rendered = engine.render(&TemplateSource::text("t", template), &Scope::new("root", context.clone()));
            let found = rendered.map(|rendered| rendered.value).map_err(|error| error.to_string());
            assert_eq!(found.as_deref(), Ok(*expected), "{template}");
        }
    }

    #[test]
    fn rows_of_a_seed_are_made_when_they_are_looked_at() {
        use crate::adapter::seed::{SeedFormat, SeedText, scan};
        use crate::diagnostic::SourceFile;
        let file = SourceFile::new("seeds/s.csv", "id,day\n1,2020-01-01\n2,\n");
        let seed = super::super::of_seed(scan(SeedText::Memory(file), SeedFormat::default()).unwrap());
        let made = || super::super::contents(&seed).unwrap().rows.made.get().is_some();
        assert_eq!(values::length(&seed.get_attr("rows").unwrap()), Ok(2));
        assert!(seed.is_true() && !made());
        assert_eq!(crate::jinja::cells::row_texts(&seed).count(), 2);
        assert!(!made());
        assert_eq!(
            values::text(&seed.get_attr("rows").unwrap().get_item_by_index(1).unwrap()),
            "<agate.Row: (Decimal('2'), None)>"
        );
        assert!(made());
    }
}
