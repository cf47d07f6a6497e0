//! `vault`: who may read and write an environment's secrets in Vault.

mod approle;
mod audit;
mod copy;
mod export;
mod write_token;

use crate::cli::completion::environments;
use clap::Subcommand;

use super::connection::{Credentials, ServerArgs};
use super::{CliError, Context, Exit};
use crate::model::{Environment, EnvironmentName, SecretValue, VaultLocation};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look for what is wrong with the read AppRole and the write token
    Audit(audit::Args),
    /// Copy all entries from another path in the same Vault
    CopySecrets(copy::Args),
    /// Make the AppRole with which the cluster reads its secrets
    CreateReadApprole(approle::Args),
    /// Make the token with which secrets are synced into Vault
    CreateWriteToken(write_token::Args),
    /// Write all that Vault holds into JSON files, in the clear
    ExportSecrets(export::Args),
}

pub(super) fn run(command: &Command, context: &Context<'_>) -> Result<Exit, CliError> {
    match command {
        Command::Audit(args) => audit::run(args, context),
        Command::CopySecrets(args) => copy::run(args, context),
        Command::CreateReadApprole(args) => approle::run(args, context),
        Command::CreateWriteToken(args) => write_token::run(args, context),
        Command::ExportSecrets(args) => export::run(args, context),
    }
}

/// The environment that a command is for.
#[derive(Debug, clap::Args)]
struct Target {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    server: ServerArgs,
}

impl Target {
    fn environment(&self, context: &Context<'_>) -> Result<Environment, CliError> {
        context.checkout.environment(&self.environment)
    }

    fn location(&self, environment: &Environment) -> VaultLocation {
        self.server.location(&environment.vault)
    }
}

/// A scalar of YAML: as it is, where it can be nothing but text.
fn yaml_text(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
    let is_text = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_plain)
        && text.chars().any(|c| !c.is_ascii_alphabetic());
    if is_text { text.to_owned() } else { format!("{:?}", text) }
}

/// The text of a secret that Vault made, which always is text.
fn text_of(secret: &SecretValue) -> Result<&str, CliError> {
    secret.expose_str().ok_or_else(|| CliError::store("Vault gave a secret that is not text"))
}
