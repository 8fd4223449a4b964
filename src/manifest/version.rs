//! Versions of models.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A model's version: an integer or any string (docs.getdbt.com/reference/resource-properties/versions).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Version {
    Number(i64),
    /// A decimal number (`1.5`), kept as its text.
    Decimal(String),
    Text(String),
}

impl Version {
    pub fn from_json(value: &Value) -> Option<Version> {
        match value {
            Value::Number(number) => Some(match number.as_i64() {
                Some(number) => Version::Number(number),
                None => Version::Decimal(number.to_string()),
            }),
            Value::String(text) => Some(Version::Text(text.clone())),
            _ => None,
        }
    }

    /// The order of versions: as numbers where both are, or else as texts.
    pub fn is_newer_than(&self, other: &Version) -> bool {
        let (one, two) = (self.to_string(), other.to_string());
        match (one.parse::<f64>(), two.parse::<f64>()) {
            (Ok(one), Ok(two)) => one > two,
            _ => one > two,
        }
    }

    pub fn to_json(&self) -> Value {
        match self {
            Version::Number(number) => Value::from(*number),
            Version::Decimal(text) => {
                text.parse::<f64>().map(Value::from).unwrap_or_else(|_| Value::from(text.as_str()))
            }
            Version::Text(text) => Value::from(text.as_str()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Number(number) => write!(formatter, "{number}"),
            Version::Decimal(text) | Version::Text(text) => formatter.write_str(text),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Version::from_json(&value).ok_or_else(|| serde::de::Error::custom("a version is a number or a string"))
    }
}
