//! `vault create-write-token`.

use jiff::Timestamp;

use super::issue::{self, Purpose, TokenArgs, Workshop};
use super::{Credentials, Target};
use crate::cli::commit::{Commit, CommitArgs};
use crate::cli::{CliError, Context, Exit};
use crate::layout::VAULT_WRITE_TOKEN;
use crate::model::{SecretId, VaultLocation};
use crate::static_values::WRITE_TOKEN_KEY;
use crate::store::StoreError;
use crate::vault::{CreatedToken, VaultClient, write_policy};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It takes an administrator's token; docs/vault.md has the policy for it. The older \
    write tokens\nare revoked once the new one has been seen to work."
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    token: TokenArgs,

    /// Seal the token into the store, where sync finds it, instead of printing
    /// it
    #[arg(long)]
    store: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment_to_write(context)?;
    let location = args.target.location(&environment);
    let settings = context.settings.vault()?;
    let name = environment.name.as_str();
    let place = match args.store {
        true => Some(Place {
            id: SecretId::parse(name, VAULT_WRITE_TOKEN, WRITE_TOKEN_KEY)?,
            commit: args.commit.begin(context)?,
        }),
        false => None,
    };
    if let Some(Place { id, .. }) = &place
        && context.checkout.store()?.holders.who_can_read(id).next().is_none()
    {
        return Err(StoreError::NoHolder { id: id.clone() }.into());
    }
    let purpose = purpose(&location);
    let create = async |vault: &VaultClient| {
        let workshop = Workshop { vault, location: &location, settings: &settings, context };
        let hand_out = |token: &CreatedToken, description: &_| match place {
            Some(place) => place.store(token, context),
            None => issue::print(token, description, context),
        };
        issue::issue(&purpose, &args.token, &workshop, hand_out).await
    };
    args.target.server.with_vault(Credentials::Administrator, &environment, context, create)
}

/// What the token is for.
fn purpose(location: &VaultLocation) -> Purpose {
    Purpose {
        title: "write token",
        name: location.write_token(),
        policy: location.write_policy(),
        rules: write_policy(location),
        capabilities: &["create", "read", "update", "delete"],
    }
}

/// Where the token is stored.
struct Place {
    id: SecretId,
    commit: Commit,
}

impl Place {
    fn store(self, token: &CreatedToken, context: &Context<'_>) -> Result<(), CliError> {
        let Self { id, commit } = self;
        let store = context.store_to_change()?;
        let now = store.time_of_change(Timestamp::now())?;
        store.put(&id, &token.token, store.time_of_change_of(&id, now)?)?;
        let touched = store.into_touched();
        context.ui.status(&format!("Stored {id}."));
        let message = format!("secrets({}): set {VAULT_WRITE_TOKEN}", id.environment);
        commit.end(touched, &message, context.ui)
    }
}
