//! `vault create-read-token`.

use super::issue::{self, Purpose, TokenArgs, Workshop};
use super::kubernetes::SecretName;
use super::{Credentials, Target, text_of};
use crate::cli::{CliError, Context, Exit};
use crate::model::VaultLocation;
use crate::vault::{CreatedToken, VaultClient, read_policy};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "For clusters whose Vault Secrets Operator is set to authMethod: token; all others \
    take the AppRole.\nIt takes an administrator's token; docs/vault.md has the policy for it. \
    The older read tokens\nare revoked once the new one has been seen to work."
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,

    /// Print a Kubernetes Secret of this name, for the Vault Secrets Operator
    #[arg(long, value_name = "NAME")]
    as_secret: Option<SecretName>,

    #[command(flatten)]
    token: TokenArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment_to_write(context)?;
    let location = args.target.location(&environment);
    let settings = context.settings.vault()?;
    let purpose = purpose(&location);
    let create = async |vault: &VaultClient| {
        let workshop = Workshop { vault, location: &location, settings: &settings, context };
        let hand_out = |token: &CreatedToken, description: &_| match &args.as_secret {
            Some(name) => print_secret(name, token, context),
            None => issue::print(token, description, context),
        };
        issue::issue(&purpose, &args.token, &workshop, hand_out).await
    };
    args.target.server.with_vault(Credentials::Administrator, &environment, context, create)
}

/// What the token is for.
fn purpose(location: &VaultLocation) -> Purpose {
    Purpose {
        title: "read token",
        name: location.read_token(),
        policy: location.read_policy(),
        rules: read_policy(location),
        capabilities: &["read"],
    }
}

/// Prints the token under the names that the operator knows.
fn print_secret(
    name: &SecretName,
    token: &CreatedToken,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let seconds = token.lifetime.to_string();
    let data = [("VAULT_TOKEN", text_of(&token.token)?), ("VAULT_TOKEN_LEASE_DURATION", &seconds)];
    context.ui.data(name.manifest(&data).as_bytes())
}
