//! `backup` and `restore`: Vault's entries, sealed in the store, and back.

use super::completion::environments;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::commit::CommitArgs;
use super::connection::{Credentials, ServerArgs};
use super::ownership::{self, TakeOverArgs};
use super::provenance::Origin;
use super::trust::TrustArgs;
use super::{CliError, Context, Exit, RevisionArgs, one_place};
use crate::model::{ApplicationName, EnvironmentName, HolderName};
use crate::provenance::Provenance;
use crate::store::{Contents, Identities, Store, StoreError, backup_id, is_backup};
use crate::vault::{CurrentSecrets, Entry, EntryBackup, VaultClient};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Everything that Vault holds for the environment is sealed into the store, one \
    file an\napplication: secrets/ENV/APPLICATION/@vault.age, to the holders who may read the \
    application.\nWhat did not change since the last backup keeps its file. What a rebuild would \
    lose without\nit: phalanx-secrets audit ENV --rebuild"
)]
pub(super) struct BackupArgs {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It brings back what the last backup holds; a sync then does the rest. Where \
    Vault holds\nsomething else, nothing is written unless --replace is given. To restore an \
    older backup,\nname its commit with --rev."
)]
pub(super) struct RestoreArgs {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    server: ServerArgs,

    /// Replace entries that hold something else
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    take_over: TakeOverArgs,

    /// Show what would be restored, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    trust: TrustArgs,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

pub(super) fn backup(args: &BackupArgs, context: &Context<'_>) -> Result<Exit, CliError> {
    context.checkout.store()?;
    let commit = args.commit.begin(context)?;
    let environment = context.checkout.environment(&args.environment)?;
    let current =
        args.server.with_vault(Credentials::Entries, &environment, context, async |vault| {
            Ok(vault.read_environment(environment.applications.keys(), &BTreeSet::new()).await?)
        })?;
    for name in &current.unreadable_names {
        context.ui.warn(&format!("{name:?} is left out: no application can have that name"));
    }
    for folder in &current.folders {
        context.ui.warn(&format!("{folder} is left out: entries in folders are not backed up"));
    }
    let identities = context.identities()?;
    let store = context.store_to_change()?;
    let contents = store.contents(&environment.name)?;
    let before = open(&contents, &store, &identities)?;
    let changed = changed(&environment.name, &current, &before)?;
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
    Ok(Exit::Done)
}

/// The entries whose backup has to be made, or made anew. The notes of a sync
/// alone make no backup old.
fn changed<'a>(
    environment: &EnvironmentName,
    current: &'a CurrentSecrets,
    before: &BTreeMap<ApplicationName, EntryBackup>,
) -> Result<Vec<(&'a ApplicationName, EntryBackup)>, CliError> {
    let mut changed = Vec::new();
    for (name, entry) in &current.entries {
        let Some(backup) = EntryBackup::of(entry) else { continue };
        backup_id(environment, name)?;
        if before.get(name).is_none_or(|before| before.data != backup.data) {
            changed.push((name, backup));
        }
    }
    Ok(changed)
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

pub(super) fn restore(args: &RestoreArgs, mut context: Context<'_>) -> Result<Exit, CliError> {
    // Whoever can push can seal a backup: recipients are public.
    args.trust.apply(&mut context, &args.environment)?;
    let context = &context;
    let store = context.checkout.store()?;
    let environment = context.checkout.environment(&args.environment)?;
    one_place::refuse(&environment, &args.server, |_| false, context)?;
    let contents = store.contents(&args.environment)?;
    let backups = open(&contents, store, &context.identities()?)?;
    if backups.is_empty() {
        return Err(CliError::store(format!("there is no backup of {}", args.environment))
            .hint(format!("one is made with: phalanx-secrets backup {}", args.environment))
            .hint("to restore one that was stored before, name its commit with --rev".to_owned()));
    }
    args.server.with_vault(Credentials::Entries, &environment, context, async |vault| {
        restore_all(args, vault, &backups, context).await
    })
}

async fn restore_all(
    args: &RestoreArgs,
    vault: &VaultClient,
    backups: &BTreeMap<ApplicationName, EntryBackup>,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let current = vault.read_environment(backups.keys(), &BTreeSet::new()).await?;
    let there = |name: &ApplicationName| current.entries.get(name).cloned().unwrap_or_default();
    let differing: Vec<String> = backups
        .iter()
        .filter(|(name, backup)| there(name).data.is_some_and(|data| data != backup.data))
        .map(|(name, _)| name.to_string())
        .collect();
    if !args.replace && !differing.is_empty() {
        return Err(CliError::store("Vault holds something else; nothing was restored")
            .detail(differing)
            .hint("to replace what it holds by the backup, pass --replace".to_owned()));
    }
    let owner = args.take_over.owner(Origin::find(context).as_ref(), context);
    let written = backups.iter().filter(|(name, one)| there(name).data.as_ref() != Some(&one.data));
    owner
        .refuse(&args.environment, &current, written.map(|(name, _)| name))
        .map_err(ownership::refused)?;
    let verb = if args.dry_run { "Would restore" } else { "Restored" };
    let (mut count, mut new) = (0, 0);
    for (name, backup) in backups {
        let Entry { version, data, custom_metadata, .. } = there(name);
        if data.as_ref() == Some(&backup.data) {
            continue;
        }
        if !args.dry_run {
            vault.write_entry(name, &backup.data, version).await?;
            // A backup may be from before the environment was renamed.
            let mut note = backup.custom_metadata.clone();
            note.extend(Provenance::of_environment(&args.environment).to_metadata());
            if custom_metadata != note
                && let Err(error) = vault.write_metadata(name, &note).await
            {
                context.ui.warn(&format!("what was noted beside {name} is lost: {error}"));
            }
        }
        count += 1;
        new += usize::from(version == 0);
        context.ui.line(&format!("{verb} Vault secret for {name}"))?;
    }
    if new > 0 {
        context.ui.warn(
            "a backup holds no settings of entries (cas_required, max_versions, \
             delete_version_after): where entries had any, set them again",
        );
    }
    context.ui.status(&match (count, args.dry_run) {
        (0, _) => "Vault holds all of the backup already; nothing was written.".to_owned(),
        (_, true) => "This was a dry run; nothing was written.".to_owned(),
        _ => format!("Now for the rest: phalanx-secrets sync {}", args.environment),
    });
    Ok(Exit::Done)
}
