//! `rename`: move a value to another key, or to another application; or all
//! that an application has.

use std::collections::BTreeSet;

use super::checkout::not_stored;
use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::new_value::{ValueArgs, check_new_id, check_value, readers};
use super::set::Environments;
use super::{CliError, Context, Exit};
use crate::exposed;
use crate::model::{ApplicationName, Environment, KeyName, Kind, SecretId, SecretValue};
use crate::provenance::is_own_note;
use crate::store::{FileChange, Store, StoredValue, is_backup, sealed_path};
use crate::vault::EntryBackup;

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "phalanx-secrets rename [OPTIONS] <ENVIRONMENTS> <APPLICATION> <KEY> \
    <NEW_KEY>\n       phalanx-secrets rename [OPTIONS] <ENVIRONMENTS> <APPLICATION> [KEY] \
    --to-application <APPLICATION>",
    after_help = "The value stays as it is, and so does the time at which it was set. In Vault \
    nothing is renamed: sync writes the new key, and sync --delete removes the old one. Without \
    KEY, --to-application moves all values of the application, and its backup. What is generated \
    is in Vault alone: to keep it, run backup ENV before, and restore ENV APPLICATION before the \
    next sync."
)]
pub(super) struct Args {
    /// Environment, or several: ENV,ENV
    #[arg(add = environments())]
    environments: Environments,
    /// Application
    #[arg(add = applications())]
    application: ApplicationName,
    /// Key
    #[arg(add = keys(), required_unless_present = "to_application")]
    key: Option<KeyName>,
    /// Its new name
    #[arg(add = keys(), required_unless_present = "to_application")]
    new_key: Option<KeyName>,

    /// Give the value to another application; without KEY, all values
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
    /// What is sealed under the new name.
    renamed: SecretValue,
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
        let environment = context.checkout.environment(name)?;
        let ids = ids(args, &environment, context)?;
        if args.key.is_none() {
            tell_generated(args, &environment, &ids, context);
        }
        for (old, new) in ids {
            touched.extend([sealed_path(&old), sealed_path(&new)]);
            renamings.extend(prepare(args, &environment, old, new, context)?);
        }
    }
    if renamings.is_empty() {
        context.ui.status("Nothing was renamed.");
    }
    let store = context.store_to_change()?;
    let change = |file, before, after| FileChange { file, before, after };
    // The new files first: whoever stops in between finds both.
    let mut changes = Vec::new();
    for Renaming { new, value, renamed, already, .. } in &renamings {
        let after = match already {
            Some(already) => already.clone(),
            None => store.seal(new, renamed, &value.opened.note)?,
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
    commit.end(touched, &message(args), context.ui)?;
    Ok(Exit::Done)
}

/// What a commit says.
fn message(args: &Args) -> String {
    let Args { environments, application, key, new_key, to_application, .. } = args;
    let words = |application: Option<&ApplicationName>, key: Option<&KeyName>| {
        let words = [application.map(ApplicationName::as_str), key.map(KeyName::as_str)];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let new_key = new_key.as_ref().or(key.as_ref());
    let (old, new) =
        (words(Some(application), key.as_ref()), words(to_application.as_ref(), new_key));
    format!("secrets({environments}): rename {old} to {new}")
}

/// The old and the new names in an environment: of one value, or of all that
/// the application has.
fn ids(
    args: &Args,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Vec<(SecretId, SecretId)>, CliError> {
    let to = args.to_application.as_ref().unwrap_or(&args.application);
    let pair = |key: &KeyName, new_key: &KeyName| {
        let id = |application: &ApplicationName, key: &KeyName| {
            SecretId::new(environment.name.clone(), application.clone(), key.clone())
        };
        (id(&args.application, key), id(to, new_key))
    };
    if let Some(key) = &args.key {
        return Ok(vec![pair(key, args.new_key.as_ref().unwrap_or(key))]);
    }
    if *to == args.application {
        return Err(CliError::usage(format!("{to} has that name already"))
            .hint("give another one with --to-application"));
    }
    let contents = context.checkout.store()?.contents(&environment.name)?;
    let own: Vec<SecretId> =
        contents.ids().filter(|id| id.application == args.application).collect();
    let is_done = || contents.ids().any(|id| id.application == *to);
    if own.is_empty() && !(args.environments.0.len() > 1 && is_done()) {
        let (name, application) = (&environment.name, &args.application);
        return Err(CliError::store(format!("nothing is stored for {application} in {name}"))
            .hint(format!("see what is needed with: phalanx-secrets list {name}")));
    }
    Ok(own.iter().map(|id| pair(&id.key, &id.key)).collect())
}

/// Says what of the new application is generated, before anything is done: its
/// values are in Vault alone, under the old name.
fn tell_generated(
    args: &Args,
    environment: &Environment,
    ids: &[(SecretId, SecretId)],
    context: &Context<'_>,
) {
    let Some(to) = &args.to_application else { return };
    let declared = [&args.application, to].map(|name| environment.applications.get(name));
    let specs = declared.into_iter().flatten().flat_map(|declared| &declared.secrets);
    let generated = specs.filter(|(_, spec)| matches!(spec.kind, Kind::Generate(_)));
    let generated: BTreeSet<&str> = generated.map(|(key, _)| key.as_str()).collect();
    if generated.is_empty() {
        return;
    }
    let (name, old) = (&environment.name, &args.application);
    let generated = generated.into_iter().collect::<Vec<_>>().join(", ");
    context.ui.warn(&format!(
        "what is generated is in Vault alone, under {old}, and the next sync of {name} makes it \
         anew for {to}: {generated}"
    ));
    match ids.iter().any(|(old, _)| is_backup(old)) {
        true => context.ui.hint(&format!(
            "to keep it as it was at the last backup, before that sync: phalanx-secrets restore \
             {name} {to}"
        )),
        false => context.ui.hint(&format!(
            "to keep it, before that sync: phalanx-secrets backup {name}, then phalanx-secrets \
             rename {name} {old} --to-application {to}, which moves the backup, and \
             phalanx-secrets restore {name} {to}"
        )),
    }
}

/// Looks at what is to be renamed in an environment; `None` where it has its
/// new name already.
fn prepare(
    args: &Args,
    environment: &Environment,
    old: SecretId,
    new: SecretId,
    context: &Context<'_>,
) -> Result<Option<Renaming>, CliError> {
    let store = context.checkout.store()?;
    if old == new {
        return Err(
            CliError::usage(format!("{old} has that name already")).hint("give it another one")
        );
    }
    // A backup goes with all of its application.
    let goes_along = is_backup(&old) && args.key.is_none();
    if (is_backup(&old) && !goes_along) || !store.has(&old) {
        // An interrupted renaming of several has done these.
        if !is_backup(&old) && store.has(&new) && args.environments.0.len() > 1 {
            context.ui.status(&format!("{old} is named {new} already"));
            return Ok(None);
        }
        return Err(not_stored(&store.contents(&old.environment)?, old));
    }
    if !goes_along {
        check_new_id(&new, environment, args.allow_unknown)?;
    }
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
            let instead = match goes_along {
                true => format!("make a new one first: phalanx-secrets backup {}", new.environment),
                false => format!(
                    "give {new} a new value: phalanx-secrets set {} {} {}",
                    new.environment, new.application, new.key
                ),
            };
            return Err(CliError::store(format!(
                "{old} is exposed, and would not look so any more"
            ))
            .hint(instead));
        }
    }
    let before = store.sealed(&old)?;
    let value = open(&old, store, context)?;
    let renamed = match goes_along {
        true => without_own_notes(&old, &value.opened.value)?,
        false => value.opened.value.clone(),
    };
    if !goes_along {
        check_value(&new, &renamed, environment, args.value)?;
    }
    let already = already(&new, &renamed, store, context)?;
    Ok(Some(Renaming { old, new, value, renamed, before, already }))
}

/// A backup without the notes of a sync, which are of the old application.
fn without_own_notes(id: &SecretId, document: &SecretValue) -> Result<SecretValue, CliError> {
    let path = sealed_path(id);
    let mut backup = EntryBackup::from_json(document)
        .map_err(|error| CliError::store(format!("{path}: {error}")))?;
    backup.custom_metadata.retain(|note, _| !is_own_note(note));
    backup.to_json().map_err(|key| CliError::store(format!("{path}: {key} is not text")))
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
    value: &SecretValue,
    store: &Store,
    context: &Context<'_>,
) -> Result<Option<Vec<u8>>, CliError> {
    if !store.has(new) {
        return Ok(None);
    }
    let sealed = store.sealed(new)?;
    if open(new, store, context)?.opened.value == *value {
        return Ok(Some(sealed));
    }
    Err(CliError::store(format!("{new} has another value already; nothing was renamed")).hint(
        format!(
            "if that one is no use, remove it first: phalanx-secrets remove {} {} {}",
            new.environment, new.application, new.key
        ),
    ))
}
