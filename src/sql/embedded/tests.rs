//! What runs on the embedded engine as it is, what is rewritten, and what is left to the target, with the reason.

use super::*;

fn check(dialect: Dialect, sql: &str, expected: Result<&str, &str>) {
    let found = query_on_duckdb(sql, dialect);
    let found = found.as_deref().map_err(String::as_str);
    assert_eq!(found, expected, "{sql}");
}

fn same(dialect: Dialect, sql: &str) {
    check(dialect, sql, Ok(sql));
}

#[test]
fn what_means_the_same_passes_as_it_is() {
    for dialect in [Dialect::Postgres, Dialect::Redshift] {
        same(
            dialect,
            "select a, count(*) as n from (select 1 as a) as t where a is not null group by 1 having count(*) > 1",
        );
        same(dialect, "with t as (select 1 as a) select row_number() over (partition by a order by a desc) from t");
        same(
            dialect,
            "select coalesce(a, 0), a || 'x', a::integer, cast(a as decimal(10, 2)) from (select 1 as a) as t",
        );
        same(
            dialect,
            "select extract(year from d), date_trunc('month', d), d + interval '1 day' from (select date '2024-01-31' as d) as t",
        );
        same(dialect, "select total / 100.0, sum(a) / 2.0 from (select 1 as a, 2 as total) as t group by 1");
        same(
            dialect,
            "select case when a in (select 1) then 'x' else null end from (select 1 as a) as t union all select 'b'",
        );
        same(dialect, "select a / 2 from (select 1 as a) as t");
    }
    // Redshift's average of whole numbers is a whole number; DuckDB has no `every`.
    same(Dialect::Postgres, "select avg(a) / 2 from (select 1 as a) as t");
    let refused = |dialect, sql: &str| assert!(query_on_duckdb(sql, dialect).is_err(), "{sql}");
    refused(Dialect::Redshift, "select avg(a) from (select 1 as a) as t");
    refused(Dialect::Postgres, "select every(a) from (select true as a) as t");
}

#[test]
fn what_has_another_form_is_rewritten() {
    check(
        Dialect::Redshift,
        "select nvl(a, 0), getdate() from t",
        Ok("SELECT coalesce(a, 0), CAST(current_timestamp AS TIMESTAMP) FROM t"),
    );
    check(
        Dialect::Redshift,
        "select dateadd(week, 2, d), datediff('day', d, e) from t",
        Ok(
            "SELECT (CAST(d AS TIMESTAMP) + to_days(CAST(2 AS INTEGER) * 7)), date_diff('day', CAST(d AS TIMESTAMP), CAST(e AS TIMESTAMP)) FROM t",
        ),
    );
    check(
        Dialect::Redshift,
        "select listagg(distinct a, ',') within group (order by a) from t",
        Ok("SELECT string_agg(DISTINCT CAST(a AS VARCHAR), ',' ORDER BY a) FROM t"),
    );
    check(Dialect::Redshift, "select a::numeric from t", Ok("SELECT a::DECIMAL(18,0) FROM t"));
    check(
        Dialect::Postgres,
        "select a::numeric, b::float from t",
        Ok("SELECT a::DECIMAL(38,10), b::DOUBLE PRECISION FROM t"),
    );
    check(
        Dialect::Postgres,
        "select btrim(a)::varchar(3) from t",
        Ok("SELECT left(CAST(TRIM(a) AS VARCHAR), 3) FROM t"),
    );
}

#[test]
fn what_may_mean_something_else_is_refused() {
    let refused = |sql: &str, reason: &str| check(Dialect::Postgres, sql, Err(reason));
    refused("select to_char(d, 'YYYY') from t", "of `to_char(...)`");
    refused("select a ~ 'x' from t", "of the operator `~`");
    refused("select a::timestamptz from t", "of the type `TIMESTAMPTZ`");
    refused("select substr(a, -2) from t", "of `SUBSTR(a, -2)`");
    refused("select * from unnest(array[1]) as t", "it reads `UNNEST(ARRAY[1]) AS t`");
    refused("select sum(a) / count(*) from t", "it divides, and `sum(a)` is another kind of number on DuckDB");
    refused(
        "select n / 2 from (select sum(a) as n from t) as s",
        "it divides, and `sum(a)` is another kind of number on DuckDB",
    );
    refused(
        "select extract(year from d) / 5 from t",
        "it divides, and `EXTRACT(YEAR FROM d)` is another kind of number on DuckDB",
    );
    refused("select dateadd(day, 1, d) from t", "of `dateadd(...)`");
    refused("select 1; select 2", "it is not one query");
    same(Dialect::Postgres, "select sum(b * 1.5) / 3, sum(a * 1.0) / 2 from t");
}

#[test]
fn a_backslash_before_a_sign_keeps_its_meaning() {
    let like = |sql, expected| check(Dialect::Postgres, sql, Ok(expected));
    like("select a like '%\\_%' from t", "SELECT a LIKE '%\\_%' ESCAPE '\\' FROM t");
    like("select a not ilike b || '%' from t", "SELECT a NOT ILIKE b || '%' ESCAPE '\\' FROM t");
    same(Dialect::Postgres, "select a like '%_', b like '%|_%' escape '|' from t");
    check(Dialect::Redshift, "select a like '%\\_%' from t", Err("of a backslash"));
}

#[test]
fn numbers_that_are_doubles_on_duckdb_alone_are_not_made_texts() {
    let refused = |sql: &str, reason: &str| check(Dialect::Postgres, sql, Err(reason));
    refused("select avg(a)::text from t", "of the text of `avg(a)`");
    refused("select 'x' || a / 2.0 from t", "of the text of `a / 2.0`");
    refused("select concat(a, coalesce(b::float8, 0)) from t", "of the text of `coalesce(b::FLOAT8, 0)`");
    same(Dialect::Postgres, "select a::text, 1.5::text, (a / 2)::text, avg(a) from t");
}

#[test]
fn seconds_keep_their_fraction_and_medians_theirs() {
    let refused = |sql: &str, reason: &str| check(Dialect::Postgres, sql, Err(reason));
    refused("select extract(second from d) from t", "of `EXTRACT(SECOND FROM d)`");
    refused("select date_part('milliseconds', d) from t", "of `date_part('milliseconds', d)`");
    refused("select substring(a from 'b.') from t", "of `SUBSTRING(a FROM 'b.')`");
    refused("select sign(a) / 2 from t", "it divides, and `sign(a)` is another kind of number on DuckDB");
    check(
        Dialect::Postgres,
        "select percentile_cont(0.5) within group (order by a desc) from t",
        Ok("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(a AS DOUBLE) DESC) FROM t"),
    );
    check(Dialect::Redshift, "select median(a) from t", Ok("SELECT median(CAST(a AS DOUBLE)) FROM t"));
}

#[test]
fn types_have_their_names_on_duckdb() {
    let check = |name, dialect, expected: Result<&str, &str>| {
        let found = type_on_duckdb(name, dialect);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{name}");
    };
    check("integer", Dialect::Postgres, Ok("INTEGER"));
    check("numeric", Dialect::Postgres, Ok("DECIMAL(38,10)"));
    check("numeric", Dialect::Redshift, Ok("DECIMAL(18,0)"));
    check("character varying(20)", Dialect::Postgres, Ok("varchar"));
    check("timestamp without time zone", Dialect::Redshift, Ok("TIMESTAMP WITHOUT TIME ZONE"));
    check("super", Dialect::Redshift, Err("DuckDB has no type like `super`"));
    check("timestamptz", Dialect::Postgres, Err("DuckDB has no type like `timestamptz`"));
}
