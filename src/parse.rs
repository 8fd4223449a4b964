//! Files to `Manifest`.
