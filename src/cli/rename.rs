//! `rename`: move a value to another key, or to another application.

use super::checkout::not_stored;
use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::new_value::{ValueArgs, check_new_id, check_value, readers};
use super::set::Environments;
use super::{CliError, Context, Exit};
use crate::exposed;
use crate::model::{ApplicationName, EnvironmentName, KeyName, SecretId};
use crate::store::{FileChange, Store, StoredValue, is_backup, sealed_path};

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
    value: ValueArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

/// What is to be renamed.
struct Renaming {
    old: SecretId,
    new: SecretId,
    value: StoredValue,
    /// The file with the old name.
    before: Vec<u8>,
    /// The file with the new name, as an interrupted renaming left it.
    already: Option<Vec<u8>>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let commit = args.commit.begin(context)?;
    let mut renamings = Vec::new();
    let mut touched = Vec::new();
    for name in &args.environments.0 {
        let (old, new) = ids(args, name);
        touched.extend([sealed_path(&old), sealed_path(&new)]);
        renamings.extend(prepare(args, old, new, context)?);
    }
    if renamings.is_empty() {
        context.ui.status("Nothing was renamed.");
    }
    let store = context.store_to_change()?;
    let change = |file, before, after| FileChange { file, before, after };
    // The new files first: whoever stops in between finds both.
    let mut changes = Vec::new();
    for Renaming { new, value, already, .. } in &renamings {
        let after = match already {
            Some(already) => already.clone(),
            None => store.seal(new, &value.opened.value, &value.opened.note)?,
        };
        changes.push(change(sealed_path(new), already.clone(), Some(after)));
    }
    let removed = renamings.iter().map(|one| (sealed_path(&one.old), one.before.clone()));
    changes.extend(removed.map(|(file, before)| change(file, Some(before), None)));
    store.write(&changes)?;
    for Renaming { old, new, .. } in &renamings {
        let names = readers(&store, new)?.join(", ");
        context.ui.status(&format!("Renamed {old} to {new}, sealed to: {names}"));
    }
    drop(store);
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

/// Looks at what is to be renamed in an environment; `None` where it has its
/// new name already.
fn prepare(
    args: &Args,
    old: SecretId,
    new: SecretId,
    context: &Context<'_>,
) -> Result<Option<Renaming>, CliError> {
    let environment = context.checkout.environment(&old.environment)?;
    let store = context.checkout.store()?;
    if old == new {
        return Err(
            CliError::usage(format!("{old} has that name already")).hint("give it another one")
        );
    }
    if is_backup(&old) || !store.has(&old) {
        // An interrupted renaming of several has done these.
        if !is_backup(&old) && store.has(&new) && args.environments.0.len() > 1 {
            context.ui.status(&format!("{old} is named {new} already"));
            return Ok(None);
        }
        return Err(not_stored(&store.contents(&old.environment)?, old));
    }
    check_new_id(&new, &environment, args.allow_unknown)?;
    readers(store, &new)?;
    store.refuse_alike(&new)?;
    // Somebody who could read it under its old application may have no part in
    // the new one, where it would look like a value that nobody knows.
    if old.application != new.application {
        let withdrawals = store.withdrawals()?;
        let former = context.checkout.former_holders();
        let exposures =
            exposed::stored_values(store, &store.holders, &withdrawals, &former, |id| *id == old)?;
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
    let before = store.sealed(&old)?;
    let value = open(&old, store, context)?;
    check_value(&new, &value.opened.value, &environment, args.value)?;
    let already = already(&new, &value, store, context)?;
    Ok(Some(Renaming { old, new, value, before, already }))
}

fn open(id: &SecretId, store: &Store, context: &Context<'_>) -> Result<StoredValue, CliError> {
    let identities = context.identities()?;
    store
        .contents(&id.environment)?
        .open_one(id.clone(), &identities)
        .map_err(|failure| CliError::open_failures(&[failure], &store.holders, &identities))
}

/// The file with the new name, where that has the same value, as an interrupted
/// renaming leaves it. Another value there is not replaced.
fn already(
    new: &SecretId,
    value: &StoredValue,
    store: &Store,
    context: &Context<'_>,
) -> Result<Option<Vec<u8>>, CliError> {
    if !store.has(new) {
        return Ok(None);
    }
    let sealed = store.sealed(new)?;
    if open(new, store, context)?.opened.value == value.opened.value {
        return Ok(Some(sealed));
    }
    Err(CliError::store(format!("{new} has another value already; nothing was renamed")).hint(
        format!(
            "if that one is no use, remove it first: phalanx-secrets remove {} {} {}",
            new.environment, new.application, new.key
        ),
    ))
}
