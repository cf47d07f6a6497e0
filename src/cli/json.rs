//! What `--json` prints where a command fails.

use clap::CommandFactory as _;
use serde::Serialize;

use super::{Cli, CliError};
use crate::model::EnvironmentName;

/// An error as a JSON document, in place of that of the command.
#[derive(Serialize)]
pub(super) struct Failed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a EnvironmentName>,
    error: &'a str,
    causes: &'a [String],
    details: &'a [String],
    hints: &'a [String],
    exit_code: u8,
}

impl<'a> Failed<'a> {
    pub(super) fn of(error: &'a CliError) -> Self {
        Self {
            environment: error.environment.as_ref(),
            error: &error.message,
            causes: &error.causes,
            details: &error.details,
            hints: &error.hints,
            exit_code: error.exit.code(),
        }
    }
}

/// Whether the process was started with `--json`, for a command that has it.
pub(super) fn is_asked_for() -> bool {
    let definition = Cli::command();
    let mut command = &definition;
    for word in std::env::args_os().skip(1).take_while(|word| word != "--") {
        if let Some(found) = word.to_str().and_then(|name| command.find_subcommand(name)) {
            command = found;
        } else if word == "--json" {
            return command.get_arguments().any(|one| one.get_long() == Some("json"));
        }
    }
    false
}
