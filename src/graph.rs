//! `Manifest` to `Graph`: refs become edges.
