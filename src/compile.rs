//! A node to its final SQL.
