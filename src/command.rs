//! One file for each family of commands.
