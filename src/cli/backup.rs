//! `backup`: Vault's entries, sealed in the store.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::commit::CommitArgs;
use super::completion::environments;
use super::connection::{Credentials, ServerArgs};
use super::left_out::LeftOut;
use super::{CliError, Context, Exit};
use crate::model::{ApplicationName, EnvironmentName, HolderName};
use crate::provenance::is_own_note;
use crate::store::{Contents, Identities, Store, StoreError, backup_id, is_backup};
use crate::vault::{CurrentSecrets, EntryBackup, EntrySettings};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Everything that Vault holds for the environment is sealed into the store, one \
    file an\napplication: secrets/ENV/APPLICATION/@vault.age, to the holders who may read the \
    application.\nWhat did not change since the last backup keeps its file. What a rebuild would \
    lose without\nit: phalanx-secrets audit ENV --rebuild. The exit code is 1 where Vault holds \
    something that\na backup does not keep, as entries in folders are."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    context.checkout.store()?;
    let commit = args.commit.begin(context)?;
    let environment = context.checkout.environment(&args.environment)?;
    let (current, settings) =
        args.server.with_vault(Credentials::Entries, &environment, context, async |vault| {
            let current =
                vault.read_environment(environment.applications.keys(), &BTreeSet::new()).await?;
            let there = current.entries.iter().filter(|(_, entry)| entry.data.is_some());
            let settings = vault.entry_settings(there.map(|(name, _)| name)).await?;
            Ok((current, settings))
        })?;
    let mut left_out = LeftOut::new(context.ui, "backed up");
    left_out.beside_entries(&current);
    tell_unknown_settings(&settings, context);
    let identities = context.identities()?;
    let store = context.store_to_change()?;
    let contents = store.contents(&environment.name)?;
    let before = open(&contents, &store, &identities)?;
    let changed = changed(&environment.name, &current, &settings, &before)?;
    // All of them can be sealed, or none is.
    for (name, _) in &changed {
        let id = backup_id(&environment.name, name)?;
        if store.holders.who_can_read(&id).map(HolderName::as_str).next().is_none() {
            return Err(StoreError::NoHolder { id }.into());
        }
    }
    let now = store.time_of_change(Timestamp::now())?;
    for (name, backup) in &changed {
        let id = backup_id(&environment.name, name)?;
        let document = backup
            .to_json()
            .map_err(|key| CliError::store(format!("{name} {key} in Vault is not text")))?;
        store.put(&id, &document, store.time_of_change_of(&id, now)?)?;
        context.ui.line(&format!("Backed up Vault secret for {name}"))?;
    }
    let is_there = |name: &ApplicationName| {
        current.entries.get(name).is_some_and(|entry| entry.data.is_some())
    };
    for name in before.keys().filter(|name| !is_there(name)) {
        context.ui.status(&format!(
            "{name} is no longer in Vault; its backup is kept (phalanx-secrets remove {} {name} \
             @vault removes it)",
            environment.name
        ));
    }
    if changed.is_empty() {
        context.ui.status("The backup is up to date; nothing was written.");
    }
    let touched = store.into_touched();
    let message = format!("secrets({}): back up Vault", environment.name);
    commit.end(touched, &message, context.ui)?;
    Ok(left_out.exit())
}

/// Says of which entries the token may not read the settings.
fn tell_unknown_settings(
    settings: &BTreeMap<ApplicationName, Option<EntrySettings>>,
    context: &Context<'_>,
) {
    let unknown = settings.iter().filter(|(_, settings)| settings.is_none());
    let unknown: Vec<&str> = unknown.map(|(name, _)| name.as_str()).collect();
    if !unknown.is_empty() {
        context.ui.warn(&format!(
            "the token may not read the settings of entries (read on MOUNT/metadata/PATH/*), so \
             the backup does not keep them (cas_required, max_versions, delete_version_after): {}",
            unknown.join(", ")
        ));
    }
}

/// The entries whose backup has to be made, or made anew. The notes of a sync
/// alone make no backup old.
fn changed<'a>(
    environment: &EnvironmentName,
    current: &'a CurrentSecrets,
    settings: &BTreeMap<ApplicationName, Option<EntrySettings>>,
    before: &BTreeMap<ApplicationName, EntryBackup>,
) -> Result<Vec<(&'a ApplicationName, EntryBackup)>, CliError> {
    let mut changed = Vec::new();
    for (name, entry) in &current.entries {
        let before = before.get(name);
        // What cannot be known now was known before.
        let known = || before.and_then(|before| before.settings.clone());
        let settings = settings.get(name).cloned().flatten().or_else(known);
        let Some(backup) = EntryBackup::of(entry, settings) else { continue };
        backup_id(environment, name)?;
        if before.is_none_or(|before| !is_same(before, &backup)) {
            changed.push((name, backup));
        }
    }
    Ok(changed)
}

/// Whether two backups keep the same, but for the notes of a sync. A backup
/// that keeps no settings is as good as one of an entry without any.
fn is_same(one: &EntryBackup, other: &EntryBackup) -> bool {
    let settings = |backup: &EntryBackup| backup.settings.clone().unwrap_or_default();
    one.data == other.data
        && settings(one) == settings(other)
        && others_notes(&one.custom_metadata) == others_notes(&other.custom_metadata)
}

/// What others noted beside an entry.
pub(super) fn others_notes(notes: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let others = notes.iter().filter(|(note, _)| !is_own_note(note));
    others.map(|(note, value)| (note.as_str(), value.as_str())).collect()
}

/// Opens all backups of an environment.
pub(super) fn open(
    contents: &Contents,
    store: &Store,
    identities: &Identities,
) -> Result<BTreeMap<ApplicationName, EntryBackup>, CliError> {
    let (values, failures) = contents.open_all(is_backup, identities);
    if !failures.is_empty() {
        return Err(CliError::open_failures(&failures, &store.holders, identities));
    }
    let mut backups = BTreeMap::new();
    for stored in values {
        let backup = EntryBackup::from_json(&stored.opened.value).map_err(|error| {
            CliError::store(format!("{}: {error}", crate::store::sealed_path(&stored.id)))
        })?;
        backups.insert(stored.id.application, backup);
    }
    Ok(backups)
}
