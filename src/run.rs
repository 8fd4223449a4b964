//! Compiled nodes to relations: scheduler, materializations, tests, hooks.
