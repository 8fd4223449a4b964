//! Versions and the ranges that `require-dbt-version` and package lists ask for.
//!
//! dbt's rules (docs.getdbt.com/reference/project-configs/require-dbt-version): a version
//! has three numbers, a pre-release comes before its release, and `<1.0.0` also excludes
//! the pre-releases of 1.0.0.

use std::cmp::Ordering;
use std::fmt;

/// `1.2.3`, `1.2.3-rc1` or `1.2.3rc1`; what follows a `+` is ignored in comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub prerelease: Option<String>,
    pub build: Option<String>,
}

impl Version {
    pub fn parse(text: &str) -> Option<Version> {
        let (major, rest) = number(text)?;
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        let (patch, rest) = number(rest.strip_prefix('.')?)?;
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let prerelease = rest.strip_prefix('-').unwrap_or(rest);
        let is_word = |text: &str| {
            text.split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        };
        if (!rest.is_empty() && !is_word(prerelease)) || build.is_some_and(|build| !is_word(build)) {
            return None;
        }
        Some(Version {
            major,
            minor,
            patch,
            prerelease: (!prerelease.is_empty()).then(|| prerelease.to_owned()),
            build: build.map(str::to_owned),
        })
    }
}

/// A number without leading zeros at the start of a text, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if let Some(prerelease) = &self.prerelease {
            write!(formatter, "-{prerelease}")?;
        }
        if let Some(build) = &self.build {
            write!(formatter, "+{build}")?;
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => compare_prereleases(left, right),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Part by part: numbers by size and before words, words by their letters, fewer parts first.
fn compare_prereleases(left: &str, right: &str) -> Ordering {
    let mut parts =
        left.split('.').zip(right.split('.')).map(|(left, right)| match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => left.cmp(right),
        });
    parts.find(|ordering| ordering.is_ne()).unwrap_or_else(|| left.split('.').count().cmp(&right.split('.').count()))
}

/// How a version is compared with the one of a [`Requirement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Exactly,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// `>=1.0.0`, `<2.0.0`, `1.2.3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub comparison: Comparison,
    pub version: Version,
}

impl Requirement {
    pub fn parse(text: &str) -> Option<Requirement> {
        let text = text.trim();
        let (comparison, rest) = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
            ("=", Comparison::Exactly),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, text.strip_prefix(sign)?)))
        .unwrap_or((Comparison::Exactly, text));
        Some(Requirement { comparison, version: Version::parse(rest.trim_start())? })
    }

    pub fn allows(&self, version: &Version) -> bool {
        let ordering = version.cmp(&self.version);
        match self.comparison {
            Comparison::Exactly => ordering.is_eq(),
            Comparison::Above => ordering.is_gt(),
            Comparison::AtLeast => ordering.is_ge(),
            Comparison::AtMost => ordering.is_le(),
            Comparison::Below => ordering.is_lt() && !self.is_prerelease_of_bound(version),
        }
    }

    fn is_prerelease_of_bound(&self, version: &Version) -> bool {
        let bound = &self.version;
        bound.prerelease.is_none()
            && version.prerelease.is_some()
            && (version.major, version.minor, version.patch) == (bound.major, bound.minor, bound.patch)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison {
            Comparison::Exactly => "=",
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
        };
        write!(formatter, "{sign}{}", self.version)
    }
}

/// Whether any version at all can meet every requirement.
pub fn is_satisfiable(requirements: &[Requirement]) -> bool {
    let with = |wanted: &[Comparison]| {
        requirements.iter().filter(|requirement| wanted.contains(&requirement.comparison)).collect::<Vec<_>>()
    };
    if let Some(exact) = with(&[Comparison::Exactly]).first() {
        return requirements.iter().all(|requirement| requirement.allows(&exact.version));
    }
    let lower = with(&[Comparison::Above, Comparison::AtLeast]);
    let upper = with(&[Comparison::Below, Comparison::AtMost]);
    lower.iter().all(|lower| {
        upper.iter().all(|upper| match lower.version.cmp(&upper.version) {
            Ordering::Less => true,
            Ordering::Equal => lower.comparison == Comparison::AtLeast && upper.comparison == Comparison::AtMost,
            Ordering::Greater => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_allow_what_dbt_allows() {
        let cases = [
            (">=1.0.0", "1.0.0", true),
            (">=1.0.0", "1.0.0-rc1", false),
            (">1.0.0", "1.0.0", false),
            ("<2.0.0", "1.11.3", true),
            ("<2.0.0", "2.0.0-b1", false),
            ("<=2.0.0", "2.0.0-b1", true),
            ("<2.0.0-b2", "2.0.0-b1", true),
            ("1.2.3", "1.2.3", true),
            ("=1.2.3", "1.2.4", false),
            (">=1.10.0rc1", "1.10.0-rc2", true),
            (">=1.9.0", "1.10.0", true),
            (" >= 1.9.0 ", "1.8.9", false),
            (">=1.0.0-alpha.2", "1.0.0-alpha.10", true),
        ];
        for (requirement, version, expected) in cases {
            let allowed = Requirement::parse(requirement).unwrap().allows(&Version::parse(version).unwrap());
            assert_eq!(allowed, expected, "{requirement} {version}");
        }
        for text in ["1.0", "", ">=", "1.2.3.4", "01.2.3", "1.x.0", "latest", "1.0.0-"] {
            assert_eq!(Requirement::parse(text), None, "{text}");
        }
    }

    #[test]
    fn contradictions_are_seen() {
        let check = |texts: &[&str]| {
            is_satisfiable(&texts.iter().map(|text| Requirement::parse(text).unwrap()).collect::<Vec<_>>())
        };
        assert!(check(&[]));
        assert!(check(&[">=1.0.0", "<2.0.0"]));
        assert!(check(&[">=1.0.0", "<=1.0.0"]));
        assert!(!check(&[">1.0.0", "<=1.0.0"]));
        assert!(!check(&[">2.0.0", "<1.0.0"]));
        assert!(!check(&["1.0.0", "1.0.1"]));
        assert!(!check(&["1.0.0", ">1.0.0"]));
    }
}
