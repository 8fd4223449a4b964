//! Selection criteria to the nodes that they mean.
