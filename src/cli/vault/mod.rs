//! `vault`: who may read and write an environment's secrets in Vault.

mod approle;
mod audit;
mod clash;
mod copy;
mod export;
mod issue;
mod kubernetes;
mod python;
mod read_token;
mod tokens;
mod write_token;

use crate::cli::completion::environments;
use clap::Subcommand;

use super::connection::{Credentials, ServerArgs};
use super::{CliError, Context, Exit, one_place};
use crate::model::{Environment, EnvironmentName, SecretValue, VaultLocation};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look for what is wrong with the read AppRole and the write token
    Audit(audit::Args),
    /// Copy all entries from another path in the same Vault
    CopySecrets(copy::Args),
    /// Make the AppRole with which the cluster reads its secrets
    CreateReadApprole(approle::Args),
    /// Make a token with which a cluster without AppRole reads its secrets
    CreateReadToken(read_token::Args),
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
        Command::CreateReadToken(args) => read_token::run(args, context),
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

    /// The same, for a command that writes there.
    fn environment_to_write(&self, context: &Context<'_>) -> Result<Environment, CliError> {
        let environment = self.environment(context)?;
        one_place::refuse(&environment, &self.server, |_| false, context)?;
        Ok(environment)
    }

    fn location(&self, environment: &Environment) -> VaultLocation {
        self.server.location(&environment.vault)
    }
}

/// The text of a secret that Vault made, which always is text.
fn text_of(secret: &SecretValue) -> Result<&str, CliError> {
    secret.expose_str().ok_or_else(|| CliError::vault("Vault gave a secret that is not text"))
}

/// An error, if older credentials than those just made are left.
fn not_revoked(what: &str, left: Vec<String>) -> Result<(), CliError> {
    if left.is_empty() {
        return Ok(());
    }
    let message = format!("the new {what} works, but older ones could not be revoked");
    Err(CliError::vault(message).detail(left))
}
