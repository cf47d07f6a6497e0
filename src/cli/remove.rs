//! `remove`: remove one stored value.

use super::{CliError, Context, Exit};
use crate::model::{ApplicationName, EnvironmentName, KeyName, SecretId};
use crate::store::{StoreError, sealed_path};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environment
    environment: EnvironmentName,
    /// Application, or pull-secret, oidc-clients or vault-write-token
    application: ApplicationName,
    /// Key (of a pull secret, the registry; of oidc-clients, the client)
    key: KeyName,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    let id = SecretId::new(args.environment.clone(), args.application.clone(), args.key.clone());
    let file = sealed_path(&id);
    if !store.contents(&id.environment)?.has(&id.application, &id.key) {
        return Err(StoreError::NotStored { id, file }.into());
    }
    if !args.yes && !context.ui.confirm(&format!("Remove {file}?"))? {
        context.ui.status("Nothing was removed.");
        return Ok(Exit::Done);
    }
    store.remove(&id)?;
    context.ui.status(&format!(
        "Removed {id}. What was committed of it remains in git's history, and what was synced, in \
         Vault."
    ));
    Ok(Exit::Done)
}
