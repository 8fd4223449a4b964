//! Tables for people: the closing table of a run, and previews of query results.
//! Wide characters (Hangul, Han) align, because `tabled` measures by width.

use std::collections::BTreeMap;
use std::sync::Arc;

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style as TableStyle};

use crate::event::{NodeResult, RunEnd, Status};

/// The slowest nodes are named from this many results on, or when one took this many seconds.
const MANY_RESULTS: usize = 10;
const SLOW_SECONDS: f64 = 5.0;
const SLOWEST_SHOWN: usize = 5;
const FAILED_SHOWN: usize = 20;

/// What was built, what failed and what was slow; empty if nothing ran.
pub fn closing(end: &RunEnd) -> String {
    let mut tables = Vec::new();
    if !end.results.is_empty() {
        tables.push(built(&end.results));
    }
    let failed: Vec<&Arc<NodeResult>> = end.results.iter().filter(|result| result.status.is_failure()).collect();
    if !failed.is_empty() {
        tables.push(failures(&failed));
    }
    let slow = end.results.iter().any(|result| result.seconds >= SLOW_SECONDS);
    if end.results.len() >= MANY_RESULTS || slow {
        tables.push(slowest(&end.results));
    }
    tables.join("\n")
}

#[derive(Default)]
struct Counts {
    ok: usize,
    warned: usize,
    failed: usize,
    skipped: usize,
    seconds: f64,
}

fn built(results: &[Arc<NodeResult>]) -> String {
    let mut rows: BTreeMap<(usize, String, String), Counts> = BTreeMap::new();
    let mut layers: Vec<&str> = Vec::new();
    for result in results {
        let layer = result.node.facts.layer.as_deref().unwrap_or("");
        if !layers.contains(&layer) {
            layers.push(layer);
        }
        let rank = layer_rank(layer);
        let counts = rows.entry((rank, layer.to_owned(), kind(result))).or_default();
        counts.seconds += result.seconds;
        match result.status {
            Status::Warn => counts.warned += 1,
            Status::Skipped => counts.skipped += 1,
            status if status.is_failure() => counts.failed += 1,
            _ => counts.ok += 1,
        }
    }
    let layered = layers.iter().any(|layer| !layer.is_empty());
    let mut builder = Builder::default();
    let row = |cells: [String; 7]| cells.into_iter().skip(usize::from(!layered)).collect::<Vec<String>>();
    let heads = ["layer", "kind", "ok", "warned", "failed", "skipped", "    time"];
    builder.push_record(row(heads.map(str::to_owned)));
    for ((_, layer, kind), counts) in rows {
        let figure = |count: usize| if count == 0 { "-".to_owned() } else { count.to_string() };
        let seconds = format!("{:>8}", format!("{:.2}s", counts.seconds));
        let figures = [counts.ok, counts.warned, counts.failed, counts.skipped].map(figure);
        let [ok, warned, failed, skipped] = figures;
        let layer = if layer.is_empty() { "-".to_owned() } else { layer };
        builder.push_record(row([layer, kind, ok, warned, failed, skipped, seconds]));
    }
    let first_figure = if layered { 2 } else { 1 };
    let mut table = builder.build();
    table.with(TableStyle::rounded()).modify(Columns::new(first_figure..), Alignment::right());
    table.to_string()
}

/// The order of the usual layers; others come after them by name, what has none comes last.
fn layer_rank(layer: &str) -> usize {
    let known = ["raw", "staging", "intermediate", "analytics", "marts"];
    match layer {
        "" => usize::MAX,
        layer => known.iter().position(|known| *known == layer).unwrap_or(known.len()),
    }
}

/// `view model`, `data test`, `project hook`: what the counts are about.
pub fn kind(result: &NodeResult) -> String {
    let facts = &result.node.facts;
    match facts.resource_type.as_str() {
        "model" => format!("{} model", facts.materialized),
        "test" => "data test".to_owned(),
        "operation" => "project hook".to_owned(),
        other => other.replace('_', " "),
    }
}

fn failures(failed: &[&Arc<NodeResult>]) -> String {
    let mut builder = Builder::default();
    builder.push_record(["failed", "where"]);
    for result in failed.iter().take(FAILED_SHOWN) {
        builder.push_record([result.node.facts.name.as_str(), result.node.facts.original_file_path.as_str()]);
    }
    if failed.len() > FAILED_SHOWN {
        builder.push_record([format!("and {} more", failed.len() - FAILED_SHOWN), String::new()]);
    }
    builder.build().with(TableStyle::rounded()).to_string()
}

fn slowest(results: &[Arc<NodeResult>]) -> String {
    let mut sorted: Vec<&Arc<NodeResult>> = results.iter().filter(|result| result.status != Status::Skipped).collect();
    sorted.sort_by(|left, right| right.seconds.total_cmp(&left.seconds));
    let mut builder = Builder::default();
    builder.push_record(["slowest", "    time"]);
    for result in sorted.into_iter().take(SLOWEST_SHOWN) {
        let seconds = format!("{:>8}", format!("{:.2}s", result.seconds));
        builder.push_record([result.node.facts.name.clone(), seconds]);
    }
    let mut table = builder.build();
    table.with(TableStyle::rounded()).modify(Columns::new(1..), Alignment::right());
    table.to_string()
}

/// A preview as dbt prints it (`| a | b |` under a rule of dashes); numbers stand to the right.
pub fn preview(names: &[String], rows: &[Vec<Option<String>>], numeric: &[bool]) -> String {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let cell = |value: &Option<String>| value.clone().unwrap_or_default();
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|value| width(&cell(value)));
            cells.chain([width(name)]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: Vec<String>, right: bool| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let gap = " ".repeat(widths[at].saturating_sub(width(text)));
                let to_right = right && numeric.get(at).copied().unwrap_or(false);
                if to_right { format!("{gap}{text}") } else { format!("{text}{gap}") }
            })
            .collect();
        format!("| {} |", padded.join(" | "))
    };
    let mut lines = vec![line(names.to_vec(), true)];
    lines.push(format!("| {} |", widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join(" | ")));
    lines.extend(rows.iter().map(|row| line(row.iter().map(&cell).collect(), true)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{NodeFacts, NodeInfo};

    fn result(name: &str, kind: (&str, &str), layer: Option<&str>, status: Status) -> Arc<NodeResult> {
        let facts = Arc::new(NodeFacts {
            name: name.into(),
            resource_type: kind.0.into(),
            materialized: kind.1.into(),
            original_file_path: format!("models/{name}.sql"),
            layer: layer.map(str::to_owned),
            ..NodeFacts::default()
        });
        Arc::new(NodeResult {
            node: NodeInfo::waiting(&facts),
            status,
            message: None,
            failures: None,
            seconds: 0.5,
            thread: String::new(),
            timing: Vec::new(),
            adapter_response: None,
            compiled_path: None,
            stored_failures: None,
            group: None,
            remarks: Vec::new(),
        })
    }

    #[test]
    fn the_closing_table_counts_by_layer_and_kind_and_aligns_hangul() {
        let results = vec![
            result("항공편_정리", ("model", "view"), Some("staging"), Status::Success),
            result("b", ("model", "table"), Some("analytics"), Status::Error),
            result("t", ("test", "test"), None, Status::Warn),
            result("u", ("test", "test"), None, Status::Pass),
            result("운항_지연_검사", ("test", "test"), None, Status::Fail),
        ];
        let end = RunEnd { results, ..RunEnd::default() };
        insta::assert_snapshot!(closing(&end), @"
        ╭───────────┬─────────────┬────┬────────┬────────┬─────────┬──────────╮
        │ layer     │ kind        │ ok │ warned │ failed │ skipped │     time │
        ├───────────┼─────────────┼────┼────────┼────────┼─────────┼──────────┤
        │ staging   │ view model  │  1 │      - │      - │       - │    0.50s │
        │ analytics │ table model │  - │      - │      1 │       - │    0.50s │
        │ -         │ data test   │  1 │      1 │      1 │       - │    1.50s │
        ╰───────────┴─────────────┴────┴────────┴────────┴─────────┴──────────╯
        ╭────────────────┬───────────────────────────╮
        │ failed         │ where                     │
        ├────────────────┼───────────────────────────┤
        │ b              │ models/b.sql              │
        │ 운항_지연_검사 │ models/운항_지연_검사.sql │
        ╰────────────────┴───────────────────────────╯
        ");
    }

    #[test]
    fn the_slowest_nodes_of_a_larger_run_are_named() {
        let many = (0..12).map(|at| result(&format!("m{at}"), ("model", "view"), None, Status::Success)).collect();
        let shown = closing(&RunEnd { results: many, ..RunEnd::default() });
        assert!(shown.contains("slowest"), "{shown}");
        assert_eq!(shown.matches("0.50s").count(), SLOWEST_SHOWN);
    }

    #[test]
    fn a_preview_aligns_numbers_to_the_right() {
        let text = |value: &str| Some(value.to_owned());
        let rows = [vec![text("1"), text("가나")], vec![text("100"), None]];
        let shown = preview(&["id".into(), "name".into()], &rows, &[true, false]);
        insta::assert_snapshot!(shown, @"
        |  id | name |
        | --- | ---- |
        |   1 | 가나 |
        | 100 |      |
        ");
    }
}
