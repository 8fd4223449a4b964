//! The environment variables of one invocation, taken once at the start.
//!
//! Everything that asks for a variable asks here, so that tests can give any
//! environment and so that secrets are known to whoever prints.

use std::fmt;

use indexmap::IndexMap;

/// Variables whose names begin so must never be printed
/// (docs.getdbt.com/reference/dbt-jinja-functions/env_var#secrets).
pub const SECRET_PREFIX: &str = "DBT_ENV_SECRET";
/// Variables whose names begin so are written to the metadata of artifacts.
const CUSTOM_PREFIX: &str = "DBT_ENV_CUSTOM_ENV_";
/// What stands in place of a secret.
pub const MASK: &str = "*****";

/// A snapshot of environment variables. `Debug` shows their names only: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// In the order in which the process has them.
    variables: IndexMap<String, String>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Environment {
    /// The environment of this process; variables that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The variable's value unless it is empty, as command line flags read theirs.
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds variables of a `.env` file; those that are set already stay as they are.
    pub fn add_missing(&mut self, more: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in more {
            self.variables.entry(name).or_insert(value);
        }
    }

    /// Gives the value of `new` to `old`, or else that of `old` to `new`.
    pub fn share(&mut self, new: &str, old: &str) {
        let (from, to) = if self.variables.contains_key(new) { (new, old) } else { (old, new) };
        if let Some(value) = self.variables.get(from).cloned() {
            self.variables.insert(to.to_owned(), value);
        }
    }

    /// `DBT_ENV_CUSTOM_ENV_*` by name without the prefix, for the metadata of artifacts.
    pub fn custom(&self) -> IndexMap<String, String> {
        let custom = self.iter().filter_map(|(name, value)| Some((name.strip_prefix(CUSTOM_PREFIX)?, value)));
        custom.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The values that must not be printed, longest first.
    pub fn secrets(&self) -> Vec<&str> {
        let secrets = self.iter().filter(|(name, _)| name.starts_with(SECRET_PREFIX)).map(|(_, value)| value);
        let mut secrets: Vec<&str> = secrets.filter(|value| !value.trim().is_empty()).collect();
        secrets.sort_by_key(|value| std::cmp::Reverse(value.len()));
        secrets
    }

    /// `text` with every secret masked.
    pub fn scrub(&self, text: &str) -> String {
        self.secrets().into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<&str> {
        self.non_empty("HOME").or_else(|| self.non_empty("USERPROFILE"))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Environment { variables: variables.into_iter().collect() }
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_the_longest_first() {
        let environment =
            Environment::from([("DBT_ENV_SECRET_A", "pass"), ("DBT_ENV_SECRET_B", "password"), ("C", "c")]);
        assert_eq!(environment.scrub("password and pass and c"), "***** and ***** and c");
    }

    #[test]
    fn two_names_share_the_value_of_the_newer_one() {
        let share = |mut environment: Environment| {
            environment.share("NEW", "OLD");
            ["NEW", "OLD"].map(|name| environment.get(name).map(str::to_owned))
        };
        assert_eq!(share(Environment::from([("OLD", "1")])), [Some("1".to_owned()), Some("1".to_owned())]);
        assert_eq!(
            share(Environment::from([("OLD", "1"), ("NEW", "2")])),
            [Some("2".to_owned()), Some("2".to_owned())]
        );
        assert_eq!(share(Environment::default()), [None, None]);
    }

    #[test]
    fn debug_output_has_no_values() {
        assert_eq!(format!("{:?}", Environment::from([("DBT_ENV_SECRET_A", "hush")])), r#"{"DBT_ENV_SECRET_A"}"#);
    }

    #[test]
    fn custom_variables_lose_their_prefix() {
        let environment = Environment::from([("DBT_ENV_CUSTOM_ENV_TEAM", "data"), ("OTHER", "x")]);
        assert_eq!(environment.custom().into_iter().collect::<Vec<_>>(), [("TEAM".to_owned(), "data".to_owned())]);
    }
}
