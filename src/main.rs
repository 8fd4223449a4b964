//! The `tform` executable: arguments in, exit code out.

use std::process::ExitCode;

/// Nodes are made on all threads and kept until the end: with the system's allocator, parsing takes half as long again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(tform::command::main(std::env::args_os()))
}
