//! The `phalanx-secrets` command. See the library for all that it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    phalanx_secrets::cli::main()
}
