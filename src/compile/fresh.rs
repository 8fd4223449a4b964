//! Tests that look at fresh rows only.
//!
//! What is tested names the field by which the age of a row is known, and a window
//! (`tform.yml`, or `tform` in its `meta`). [`restrict`] puts the bound into `where` of the
//! tests that are meant, so that it stands wherever `where` does. The bound is a literal, so
//! that partitions and sort keys prune.
//! How it is used: docs_site/guide/freshness.md.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rayon::prelude::*;
use serde_json::Value;

use crate::adapter::Capabilities;
use crate::manifest::{Manifest, Node, ResourceType, Threshold, UniqueId};
use crate::settings::{Scope, Settings, scope_of};

/// The rows that a test looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshRows {
    /// What is tested.
    pub of: UniqueId,
    /// SQL that is true for fresh rows.
    pub condition: String,
}

/// When and on what tests run.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub now: DateTime<Utc>,
    pub capabilities: &'a Capabilities,
    /// `--fresh-only`: all tests that can.
    pub fresh_only: bool,
}

/// Restricts tests to fresh rows and says which; tests of what has no window stay as they are.
pub fn restrict(manifest: &mut Manifest, settings: &Settings, moment: Moment<'_>) -> HashMap<UniqueId, FreshRows> {
    let nodes: Vec<&Node> = manifest.nodes.values().map(AsRef::as_ref).collect();
    let found: Vec<(UniqueId, FreshRows)> = nodes
        .into_par_iter()
        .filter(|node| node.resource_type == ResourceType::Test)
        .filter(|test| match scope_of(test) {
            Ok(Some(Scope::Fresh)) => true,
            Ok(None) => moment.fresh_only,
            // What is wrong has been said when the project was parsed.
            Ok(Some(Scope::All)) | Err(_) => false,
        })
        .filter_map(|test| Some((test.unique_id.clone(), rows_of(manifest, settings, test, moment)?)))
        .collect();
    for (id, rows) in &found {
        let Some(test) = manifest.nodes.get_mut(id) else { continue };
        let config = &mut Arc::make_mut(test).config;
        let both = match config.text("where").filter(|given| !given.is_empty()) {
            Some(given) => format!("({given}) and {}", rows.condition),
            None => rows.condition.clone(),
        };
        config.set("where", Value::String(both));
    }
    found.into_iter().collect()
}

fn rows_of(manifest: &Manifest, settings: &Settings, test: &Node, moment: Moment<'_>) -> Option<FreshRows> {
    let (of, rows) = settings.tested_rows(manifest, test)?;
    let rows = rows.ok()?;
    let bound = moment.now.trunc_subsecs(0) - length(&rows.window?)?;
    let bound = moment.capabilities.event_time_text(bound);
    Some(FreshRows { of, condition: format!("{} >= '{bound}'", rows.field?) })
}

/// How long a threshold is.
fn length(threshold: &Threshold) -> Option<TimeDelta> {
    let count = threshold.count?;
    match threshold.period.as_deref()? {
        "minute" => TimeDelta::try_minutes(count),
        "hour" => TimeDelta::try_hours(count),
        "day" => TimeDelta::try_days(count),
        _ => None,
    }
}
