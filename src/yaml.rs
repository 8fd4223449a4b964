//! YAML with places, read as PyYAML reads it.
