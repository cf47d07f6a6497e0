//! `get`: print one stored value.

use super::completion::{applications, environments, keys};
use super::{CliError, Context, Exit, RevisionArgs};
use crate::model::{ApplicationName, EnvironmentName, KeyName, Kind, SecretId};
use crate::store::{StoreError, sealed_path};

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

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    let id = SecretId::new(args.environment.clone(), args.application.clone(), args.key.clone());
    let contents = store.contents(&id.environment)?;
    if !contents.has(&id.application, &id.key) {
        return Err(not_stored(context, id));
    }
    let identities = context.identities()?;
    let stored = contents
        .open_one(id.clone(), &identities)
        .map_err(|failure| CliError::open_failures(&[failure], &store.holders, &identities))?;
    super::checkout::warn_of_seals(context.ui, store, std::slice::from_ref(&stored));
    context.ui.value(&stored.opened.value)?;
    Ok(Exit::Done)
}

/// What to say where no value is stored: why, as far as the specs tell.
fn not_stored(context: &Context<'_>, id: SecretId) -> CliError {
    let environment = match context.checkout.environment(&id.environment) {
        Ok(environment) => environment,
        Err(error) => return error,
    };
    if crate::layout::RESERVED_APPLICATIONS.contains(&id.application.as_str()) {
        let hint = format!(
            "store it with: phalanx-secrets set {} {} {}",
            id.environment, id.application, id.key
        );
        return CliError::from(StoreError::NotStored { file: sealed_path(&id), id }).hint(hint);
    }
    let Some(spec) = environment.spec(&id.application, &id.key) else {
        return super::checkout::unknown_secret(&environment, &id.application, &id.key);
    };
    let hint = match &spec.kind {
        Kind::Static => format!(
            "store it with: phalanx-secrets set {} {} {}",
            id.environment, id.application, id.key
        ),
        Kind::Copy(source) => format!("it is a copy of {source}; ask for that"),
        Kind::Generate(generator) => {
            format!("it is generated ({}) and kept in Vault alone", generator.name())
        }
        Kind::Value(_) => format!("it is a fixed value, in {}", spec.origin),
    };
    CliError::from(StoreError::NotStored { file: sealed_path(&id), id }).hint(hint)
}
