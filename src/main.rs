//! The `tform` executable: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(tform::command::main(std::env::args_os()))
}
