//! What becomes of warnings: shown, raised to errors, or silenced
//! (`--warn-error`, `--warn-error-options`; docs.getdbt.com/reference/global-configs/warnings).

use super::codes::{is_warning_name, warning_names};
use crate::diagnostic::Diagnostic;

/// Which warnings are errors and which are silent, by the names of events.
///
/// A name beats the group `Deprecations`, which beats `all` (or `*`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WarnErrorOptions {
    pub error: Vec<String>,
    pub warn: Vec<String>,
    pub silence: Vec<String>,
    /// The options leave alone what dbt did not ask them about
    /// (`require_all_warnings_handled_by_warn_error` is off).
    pub only_asked: bool,
}

/// What to do with one warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Show,
    Raise,
    Silence,
}

impl WarnErrorOptions {
    /// Every warning is an error: `--warn-error`.
    pub fn all() -> Self {
        WarnErrorOptions { error: vec!["all".to_owned()], ..WarnErrorOptions::default() }
    }

    /// Whether warnings are errors unless something else is said of them.
    pub fn raises_all(&self) -> bool {
        self.error.iter().any(|name| matches!(name.as_str(), "all" | "*"))
    }

    /// What becomes of the warning with this event name.
    pub fn action(&self, name: &str) -> Action {
        if self.only_asked && NEVER_ASKED.contains(&name) {
            return Action::Show;
        }
        let has = |list: &[String], wanted: &[&str]| list.iter().any(|item| wanted.contains(&item.as_str()));
        let mut groups: Vec<&[&str]> = vec![&["all", "*"]];
        if is_deprecation(name) {
            groups.insert(0, &["Deprecations"]);
        }
        let own = [name];
        groups.insert(0, &own);
        for wanted in groups {
            if has(&self.silence, wanted) {
                return Action::Silence;
            }
            if has(&self.warn, wanted) {
                return Action::Show;
            }
            if has(&self.error, wanted) {
                return Action::Raise;
            }
        }
        Action::Show
    }

    /// An error for each name that no warning has.
    pub fn unknown_names(&self) -> Vec<Diagnostic> {
        let lists = [&self.error, &self.warn, &self.silence];
        lists
            .into_iter()
            .flatten()
            .filter(|name| !matches!(name.as_str(), "all" | "*" | "Deprecations"))
            .filter(|name| !is_warning_name(name) && !is_of_fusion(name))
            .map(|name| {
                Diagnostic::error(format!("`{name}` in `warn_error_options` is not a valid dbt error name"))
                    .suggest(name, warning_names())
            })
            .collect()
    }
}

/// Names that only dbt's other engine has; projects that run on both may list them, and they mean nothing here.
fn is_of_fusion(name: &str) -> bool {
    include_str!("fusion_names.txt").lines().any(|known| known == name)
}

/// Warnings that are called deprecations and are neither in dbt's group of them nor shown once only.
const NOT_COUNTED: [&str; 2] = ["UpcomingReferenceDeprecation", "SpacesInResourceNameDeprecation"];

/// Warnings that dbt tells without asking what is to become of them, unless every warning is handled
/// (docs.getdbt.com/reference/global-configs/behavior-changes#warn-error-handler-for-all-warnings).
const NEVER_ASKED: [&str; 5] = [
    "DeprecationsSummary",
    "MicrobatchModelNoEventTimeInputs",
    "SelectExcludeIgnoredWithSelectorWarning",
    "SemanticValidationFailure",
    "WarnStateTargetEqual",
];

/// True for warnings of the group `Deprecations`.
pub fn is_deprecation(name: &str) -> bool {
    let counts = name.ends_with("Deprecation") && !NOT_COUNTED.contains(&name);
    counts || name == "DeprecationsSummary"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(error: &[&str], warn: &[&str], silence: &[&str]) -> WarnErrorOptions {
        let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        WarnErrorOptions { error: own(error), warn: own(warn), silence: own(silence), only_asked: false }
    }

    #[test]
    fn a_name_beats_its_group_and_a_group_beats_all() {
        let check = |options: WarnErrorOptions, name: &str, expected: Action| {
            assert_eq!(options.action(name), expected, "{options:?} {name}");
        };
        check(WarnErrorOptions::default(), "NothingToDo", Action::Show);
        check(WarnErrorOptions::all(), "NothingToDo", Action::Raise);
        check(options(&["all"], &["NothingToDo"], &[]), "NothingToDo", Action::Show);
        check(options(&["all"], &[], &["Deprecations"]), "ModelParamUsageDeprecation", Action::Silence);
        check(options(&["ModelParamUsageDeprecation"], &[], &["all"]), "ModelParamUsageDeprecation", Action::Raise);
        check(options(&["Deprecations"], &[], &[]), "NothingToDo", Action::Show);
    }

    #[test]
    fn some_warnings_are_only_handled_when_all_are() {
        let all = WarnErrorOptions::all();
        assert_eq!(all.action("MicrobatchModelNoEventTimeInputs"), Action::Raise);
        let some = WarnErrorOptions { only_asked: true, ..all };
        assert_eq!(some.action("MicrobatchModelNoEventTimeInputs"), Action::Show);
        assert_eq!(some.action("NothingToDo"), Action::Raise);
    }

    #[test]
    fn an_unknown_name_is_an_error_with_the_near_one() {
        let found = options(&["NothingTodo", "NothingToDo", "all"], &[], &[]).unknown_names();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].hints, ["did you mean `NothingToDo`?"]);
    }
}
