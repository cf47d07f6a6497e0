//! `remove`: remove one stored value.

use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::{CliError, Context, Exit};
use crate::model::{ApplicationName, EnvironmentName, KeyName, SecretId};
use crate::store::{StoreError, sealed_path};
use crate::suggest::nearest;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// Application, or pull-secret, oidc-clients or vault-write-token
    #[arg(add = applications())]
    application: ApplicationName,
    /// Key (of a pull secret, the registry; of oidc-clients, the client)
    #[arg(add = keys())]
    key: KeyName,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let commit = args.commit.begin(context)?;
    let store = context.store_to_change()?;
    let id = SecretId::new(args.environment.clone(), args.application.clone(), args.key.clone());
    let file = sealed_path(&id);
    let contents = store.contents(&id.environment)?;
    if !contents.has(&id.application, &id.key) {
        let beside = contents.ids().filter(|stored| stored.application == id.application);
        let keys: Vec<KeyName> = beside.map(|stored| stored.key).collect();
        let near = nearest(id.key.as_str(), keys.iter().map(KeyName::as_str));
        let hint = near.map(|near| format!("did you mean {near}?"));
        return Err(CliError::from(StoreError::NotStored { id, file }).hint(hint));
    }
    if !args.yes && !context.ui.confirm(&format!("Remove {file}?"))? {
        context.ui.status("Nothing was removed.");
        return Ok(Exit::Done);
    }
    store.remove(&id)?;
    let touched = store.into_touched();
    context.ui.status(&format!(
        "Removed {id}. What was committed of it remains in git's history, and what was synced, in \
         Vault."
    ));
    let SecretId { environment, application, key } = &id;
    let message = format!("secrets({environment}): remove {application} {key}");
    commit.end(touched, &message, context.ui)?;
    Ok(Exit::Done)
}
