//! The program's front door: hands the arguments to the command line and returns its exit code.
//! The only file that ends the process or reads its arguments.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place where arguments are read")]
    let arguments = std::env::args_os().skip(1);
    waiaas_mcp::cli::run(arguments)
}
