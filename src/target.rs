//! Profiles and targets: which warehouse, with which credentials.
