//! `rename`: move a value to another key, or to another application.

use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::new_value::{check_id, readers};
use super::set::Environments;
use super::{CliError, Context, Exit};
use crate::exposed;
use crate::model::{ApplicationName, EnvironmentName, KeyName, SecretId};
use crate::store::{
    FileChange, LockedStore, Store, StoreError, StoredValue, UNKNOWN_TIME, is_backup, sealed_path,
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The value stays as it is, and so does the time at which it was set. In Vault \
    nothing is renamed: sync writes the new key, and sync --delete removes the old one."
)]
pub(super) struct Args {
    /// Environment, or several: ENV,ENV
    #[arg(add = environments())]
    environments: Environments,
    /// Application
    #[arg(add = applications())]
    application: ApplicationName,
    /// Key
    #[arg(add = keys())]
    key: KeyName,
    /// Its new name
    #[arg(add = keys())]
    new_key: KeyName,

    /// Give the value to another application
    #[arg(long, value_name = "APPLICATION", add = applications())]
    to_application: Option<ApplicationName>,

    /// Rename to what no spec of the environment asks for (yet)
    #[arg(long)]
    allow_unknown: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let commit = args.commit.begin(context)?;
    let store = context.store_to_change()?;
    // The new files first: whoever stops in between finds both.
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    let mut renamed = Vec::new();
    for name in &args.environments.0 {
        let (old, new) = ids(args, name);
        check(args, &old, &new, &store, context)?;
        let before = store.sealed(&old)?;
        let value = open(&old, &store, context)?;
        let set_at = match &value.opened.header.seal {
            Some(seal) => seal.set_at,
            None => UNKNOWN_TIME,
        };
        match already(&new, &value, &store, context)? {
            true => {}
            false => added.push(FileChange {
                file: sealed_path(&new),
                before: None,
                after: Some(store.seal(&new, &value.opened.value, set_at)?),
            }),
        }
        removed.push(FileChange { file: sealed_path(&old), before: Some(before), after: None });
        renamed.push((old, new));
    }
    added.append(&mut removed);
    store.write(&added)?;
    for (old, new) in &renamed {
        let names = readers(&store, new)?.join(", ");
        context.ui.status(&format!("Renamed {old} to {new}, sealed to: {names}"));
    }
    let touched = store.into_touched();
    let Args { environments, application, key, new_key, .. } = args;
    let to = args.to_application.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
    let message = format!("secrets({environments}): rename {application} {key} to {to}{new_key}");
    commit.end(touched, &message, context.ui)?;
    Ok(Exit::Done)
}

fn ids(args: &Args, environment: &EnvironmentName) -> (SecretId, SecretId) {
    let id = |application: &ApplicationName, key: &KeyName| {
        SecretId::new(environment.clone(), application.clone(), key.clone())
    };
    let to = args.to_application.as_ref().unwrap_or(&args.application);
    (id(&args.application, &args.key), id(to, &args.new_key))
}

fn check(
    args: &Args,
    old: &SecretId,
    new: &SecretId,
    store: &LockedStore,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let environment = context.checkout.environment(&old.environment)?;
    if old == new {
        return Err(
            CliError::usage(format!("{old} has that name already")).hint("give it another one")
        );
    }
    if is_backup(old) || !store.has(old) {
        let (id, file) = (old.clone(), sealed_path(old));
        return Err(CliError::from(StoreError::NotStored { id, file }).hint(format!(
            "see what there is with: phalanx-secrets export {} or list {0}",
            old.environment
        )));
    }
    check_id(new, &environment, args.allow_unknown)
        .map_err(|error| error.hint("for a spec that is yet to come, pass --allow-unknown"))?;
    readers(store, new)?;
    // Somebody who could read it under its old application may have no part in
    // the new one, where it would look like a value that nobody knows.
    if old.application != new.application {
        let withdrawals = store.withdrawals()?;
        let exposures =
            exposed::stored_values(store, &store.holders, &withdrawals, |id| id == old)?;
        if !exposures.is_empty() {
            return Err(CliError::store(format!(
                "{old} is exposed, and would not look so any more"
            ))
            .hint(format!(
                "give {new} a new value: phalanx-secrets set {} {} {}",
                new.environment, new.application, new.key
            )));
        }
    }
    Ok(())
}

fn open(id: &SecretId, store: &Store, context: &Context<'_>) -> Result<StoredValue, CliError> {
    let identities = context.identities()?;
    store
        .contents(&id.environment)?
        .open_one(id.clone(), &identities)
        .map_err(|failure| CliError::open_failures(&[failure], &store.holders, &identities))
}

/// Whether the value has its new name as well, as an interrupted renaming
/// leaves it. Another value there is not replaced.
fn already(
    new: &SecretId,
    value: &StoredValue,
    store: &Store,
    context: &Context<'_>,
) -> Result<bool, CliError> {
    if !store.has(new) {
        return Ok(false);
    }
    if open(new, store, context)?.opened.value == value.opened.value {
        return Ok(true);
    }
    Err(CliError::store(format!("{new} has another value already; nothing was renamed")).hint(
        format!(
            "if that one is no use, remove it first: phalanx-secrets remove {} {} {}",
            new.environment, new.application, new.key
        ),
    ))
}
