//! `remove`: remove one stored value.

use super::checkout::not_stored;
use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::input::YES;
use super::{CliError, Context, Exit, uncommitted};
use crate::model::{ApplicationName, EnvironmentName, KeyName, SecretId};
use crate::store::sealed_path;

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
    let id = SecretId::new(args.environment.clone(), args.application.clone(), args.key.clone());
    let (file, sealed) = {
        let store = context.checkout.store()?;
        let contents = store.contents(&id.environment)?;
        if !contents.has(&id.application, &id.key) {
            if contents.ids().next().is_none() {
                // Values may outlive the environment that they are for.
                context.checkout.environment(&id.environment)?;
            }
            return Err(not_stored(&contents, id));
        }
        (sealed_path(&id), store.sealed(&id)?)
    };
    uncommitted::warn([&id], context);
    if !args.yes && !context.ui.confirm(&format!("Remove {file}?"), YES)? {
        context.ui.status("Nothing was removed.");
        return Ok(Exit::Done);
    }
    let store = context.store_to_change()?;
    if store.has(&id) && store.sealed(&id)? != sealed {
        return Err(CliError::store(format!("{file} changed meanwhile; nothing was removed"))
            .hint("look who changed it, and run this again"));
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
