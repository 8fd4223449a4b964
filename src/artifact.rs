//! The files under `target-path`.
