//! What holds for any text: reading ends, without a panic, in a stack of any size.

use std::time::Instant;

use proptest::prelude::*;

use super::super::*;
use super::{DIALECTS, Known, columns_of};

fn read(sql: &str, dialect: Dialect) -> Result<QueryLineage, String> {
    let mut known = Known::default();
    known.0.insert(vec!["t".to_owned()], columns_of("a int, b text, c"));
    known.0.insert(vec!["u".to_owned()], columns_of("a, d, ..."));
    lineage(sql, dialect, &known)
}

/// Words of which any order may come.
const WORDS: &[&str] = &[
    "select",
    "from",
    "where",
    "group by",
    "having",
    "qualify",
    "order by",
    "limit",
    "union all",
    "except",
    "with",
    "recursive",
    "as",
    "(",
    ")",
    ",",
    "*",
    ".",
    "t",
    "u",
    "a",
    "b",
    "x",
    "t.*",
    "t.a",
    "1",
    "'s'",
    "join",
    "left join",
    "on",
    "using",
    "natural join",
    "lateral",
    "unnest",
    "values",
    "case",
    "when",
    "then",
    "else",
    "end",
    "over",
    "partition by",
    "window",
    "sum",
    "count",
    "columns",
    "pivot",
    "unpivot",
    "for",
    "in",
    "exists",
    "not",
    "and",
    "or",
    "=",
    "+",
    "-",
    "->",
    "->>",
    "::",
    "int",
    "[",
    "]",
    "{",
    "}",
    ":",
    "exclude",
    "replace",
    "rename",
    "interval",
    "cast",
    "distinct",
    "filter",
    "all",
    "any",
    "by name",
    "null",
    "is",
    "between",
    "like",
    ";",
    "--",
    "\"",
    "`",
    "$$",
    "at",
    "prior",
    "connect by",
    "start with",
    "tablesample",
    "table",
    "array",
    "row",
    "extract",
    "grouping sets",
    "é",
    "한",
    "\0",
    "||",
    ":=",
    "=>",
    "?",
    "@",
    "#",
    "|>",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_words_in_any_order_are_read_or_refused(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
        begins in any::<bool>(),
    ) {
        let text = format!("{}{}", if begins { "select " } else { "" }, words.join(" "));
        for (_, dialect) in DIALECTS {
            let _ = read(&text, *dialect);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        for (_, dialect) in DIALECTS {
            let _ = read(&text, *dialect);
        }
    }

    /// A query of the grammar below is always read, and names its columns.
    #[test]
    fn made_queries_are_read(query in made_query()) {
        for (_, dialect) in DIALECTS {
            let read = read(&query, *dialect);
            prop_assert!(read.as_ref().is_ok_and(|query| query.columns.len() == 2), "{query}\n{read:?}");
        }
    }
}

fn made_query() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("select a, b from t".to_owned()),
        Just("select a, count(*) as b from t group by a".to_owned()),
        Just("select t.a, u.d as b from t join u on t.a = u.a".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|query| format!("select * from ({query}) as x")),
            inner.clone().prop_map(|query| format!("with x as ({query}) select b as a, a as b from x where a > b")),
            inner.clone().prop_map(|query| format!("select a, (select max(b) from ({query}) as y) as b from t")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one}) union all ({other})")),
            (inner.clone(), inner).prop_map(|(one, other)| {
                format!("select x.a, y.b from ({one}) as x left join ({other}) as y on x.a = y.a")
            }),
        ]
    })
}

/// Runs on a thread with a small stack, as a worker's may be.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(work);
    thread.expect("a thread starts").join().expect("it does not overflow");
}

#[test]
fn deep_queries_do_not_overflow_the_stack() {
    on_a_small_stack(|| {
        for (_, dialect) in DIALECTS {
            let sum = format!("select {} as x from t", vec!["a"; 20_000].join(" + "));
            assert_eq!(read(&sum, *dialect).map(|query| query.columns[0].inputs.len()), Ok(1));
            let union = vec!["select a from t"; 3_000].join(" union all ");
            assert_eq!(read(&union, *dialect).map(|query| query.columns.len()), Ok(1));
            let condition = format!("select a from t where {}", vec!["a = 1"; 5_000].join(" or "));
            assert_eq!(read(&condition, *dialect).map(|query| query.influences.len()), Ok(1));
            let subqueries = format!("{}select a from t{}", "select a from (".repeat(90), ") as x".repeat(90));
            assert_eq!(read(&subqueries, *dialect).map(|query| query.columns.len()), Ok(1));
            let nested = format!("select {}a{} as x from t", "(".repeat(10_000), ")".repeat(10_000));
            assert!(read(&nested, *dialect).is_err());
        }
    });
}

#[test]
fn strange_nesting_ends_soon() {
    let begun = Instant::now();
    for (_, dialect) in DIALECTS {
        for depth in [5, 12, 40, 200] {
            for open in ["(", "((select a from ", "case when ", "not ", "- ", "[", "{'a': ", "a in (", "coalesce(("] {
                let _ = read(&format!("select {}", open.repeat(depth)), *dialect);
                let _ = read(&format!("select a from {}", open.repeat(depth)), *dialect);
                let _ = read(&format!("select a from t where {} a", open.repeat(depth)), *dialect);
            }
        }
    }
    assert!(begun.elapsed().as_secs() < 300, "{:?}", begun.elapsed());
}
