//! `restore`: the backup that is in the store, back into Vault.

use std::collections::{BTreeMap, BTreeSet};

use super::backup::{open, others_notes};
use super::completion::{applications, environments};
use super::connection::{Credentials, ServerArgs};
use super::left_out::LeftOut;
use super::ownership::{self, TakeOverArgs};
use super::provenance::Origin;
use super::trust::TrustArgs;
use super::{CliError, Context, Exit, RevisionArgs, one_place};
use crate::model::{ApplicationName, EnvironmentName};
use crate::provenance::{Provenance, is_own_note};
use crate::suggest::nearest;
use crate::vault::{CurrentSecrets, Entry, EntryBackup, EntrySettings, VaultClient};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It brings back what the last backup holds: values, what was noted beside them, \
    and the settings\nof each entry; a sync then does the rest. Where Vault holds something \
    else, nothing is written\nunless --replace is given. To restore an older backup, name its \
    commit with --rev. The exit\ncode is 1 where something could not be brought back."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// Application; without one, all that the backup holds
    #[arg(add = applications())]
    application: Option<ApplicationName>,

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

pub(super) fn run(args: &Args, mut context: Context<'_>) -> Result<Exit, CliError> {
    // Whoever can push can seal a backup: recipients are public.
    args.trust.apply(&mut context, &args.environment)?;
    let context = &context;
    let store = context.checkout.store()?;
    let environment = context.checkout.environment(&args.environment)?;
    one_place::refuse(&environment, &args.server, |_| false, context)?;
    let contents = store.contents(&args.environment)?;
    let mut backups = open(&contents, store, &context.identities()?)?;
    if let Some(wanted) = &args.application {
        let names: Vec<String> = backups.keys().map(ToString::to_string).collect();
        backups.retain(|name, _| name == wanted);
        if backups.is_empty() && !names.is_empty() {
            let near = nearest(wanted.as_str(), names.iter().map(String::as_str));
            return Err(CliError::store(format!("there is no backup of {wanted}"))
                .hint(near.map(|near| format!("did you mean {near}?")))
                .hint(format!("there are backups of: {}", names.join(", "))));
        }
    }
    if backups.is_empty() {
        return Err(CliError::store(format!("there is no backup of {}", args.environment))
            .hint(format!("one is made with: {}", args.command("backup")))
            .hint("to restore one that was stored before, name its commit with --rev".to_owned()));
    }
    args.server.with_vault(Credentials::Entries, &environment, context, async |vault| {
        restore(args, vault, &backups, context).await
    })
}

impl Args {
    /// Another command for the same environment in the same Vault.
    fn command(&self, verb: &str) -> String {
        self.server.told(&format!("phalanx-secrets {verb} {}", self.environment))
    }
}

/// What a backup would change in Vault.
struct Change<'a> {
    name: &'a ApplicationName,
    backup: &'a EntryBackup,
    now: Entry,
    /// Whether the values differ, or are not there.
    values: bool,
    /// Whether the settings differ; where the backup has none, they do not.
    settings: bool,
    /// Whether what others noted differs.
    notes: bool,
    /// Whether Vault has something of what differs.
    replaces: bool,
}

impl<'a> Change<'a> {
    fn new(
        name: &'a ApplicationName,
        backup: &'a EntryBackup,
        now: Entry,
        settings: Option<&EntrySettings>,
    ) -> Self {
        let values = now.data.as_ref() != Some(&backup.data);
        let wanted = backup.settings.as_ref().filter(|wanted| !wanted.is_default());
        let settings_differ = wanted.is_some_and(|wanted| settings != Some(wanted));
        let notes_now = others_notes(&now.custom_metadata);
        let notes = now.data.is_none() || notes_now != others_notes(&backup.custom_metadata);
        let has_settings = settings.is_some_and(|settings| !settings.is_default());
        let replaces = now.data.is_some()
            && (values || settings_differ && has_settings || notes && !notes_now.is_empty());
        Self { name, backup, now, values, settings: settings_differ, notes, replaces }
    }

    /// The keys that are in Vault alone.
    fn dropped(&self) -> Vec<&str> {
        let now = self.now.data.iter().flat_map(BTreeMap::keys);
        now.filter(|key| !self.backup.data.contains_key(*key)).map(String::as_str).collect()
    }

    /// Brings it back. The settings come first, for a version is deleted after
    /// the time that was set when it was written.
    async fn apply(
        &self,
        environment: &EnvironmentName,
        vault: &VaultClient,
        left_out: &mut LeftOut<'_>,
    ) -> Result<(), CliError> {
        let Self { name, backup, now, .. } = self;
        if let Some(settings) = backup.settings.as_ref().filter(|_| self.settings)
            && let Err(error) = vault.write_entry_settings(name, settings).await
        {
            let what = format!("the settings of {name} (cas_required and so on)");
            left_out.add(what, &error.to_string());
        }
        let mut notes = backup.custom_metadata.clone();
        if self.values {
            vault.write_entry(name, &backup.data, now.version).await?;
            // A backup may be from before the environment was renamed.
            notes.extend(Provenance::of_environment(environment).to_metadata());
        } else {
            // What a sync noted of these values is newer than the backup.
            notes.retain(|note, _| !is_own_note(note));
            let own = now.custom_metadata.iter();
            let own = own.filter(|(note, _)| is_own_note(note));
            notes.extend(own.map(|(note, value)| (note.clone(), value.clone())));
        }
        if now.custom_metadata != notes
            && let Err(error) = vault.write_metadata(name, &notes).await
        {
            match others_notes(&backup.custom_metadata).is_empty() {
                false => left_out.add(format!("what was noted beside {name}"), &error.to_string()),
                true => {
                    left_out.warn(&format!("the environment is not noted beside {name}: {error}"))
                }
            }
        }
        Ok(())
    }
}

/// Compares a backup with Vault.
fn changes<'a>(
    backups: &'a BTreeMap<ApplicationName, EntryBackup>,
    current: &CurrentSecrets,
    settings: &BTreeMap<ApplicationName, Option<EntrySettings>>,
) -> Vec<Change<'a>> {
    let changes = backups.iter().map(|(name, backup)| {
        let now = current.entries.get(name).cloned().unwrap_or_default();
        Change::new(name, backup, now, settings.get(name).and_then(Option::as_ref))
    });
    changes.filter(|change| change.values || change.settings || change.notes).collect()
}

async fn restore(
    args: &Args,
    vault: &VaultClient,
    backups: &BTreeMap<ApplicationName, EntryBackup>,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let ui = context.ui;
    let current = vault.read_environment(backups.keys(), &BTreeSet::new()).await?;
    let has_settings = |backup: &EntryBackup| {
        backup.settings.as_ref().is_some_and(|settings| !settings.is_default())
    };
    let with_settings = backups.iter().filter(|(_, backup)| has_settings(backup));
    let settings = vault.entry_settings(with_settings.map(|(name, _)| name)).await?;
    let changes = changes(backups, &current, &settings);
    let replaced: Vec<&Change<'_>> = changes.iter().filter(|change| change.replaces).collect();
    if !args.replace && !replaced.is_empty() {
        let differing = replaced.iter().map(|change| match change.dropped().as_slice() {
            [] => change.name.to_string(),
            dropped => {
                let dropped = dropped.join(", ");
                format!("{} (the backup does not have: {dropped})", change.name)
            }
        });
        return Err(CliError::store("Vault holds something else; nothing was restored")
            .detail(differing)
            .hint("to replace what it holds by the backup, pass --replace".to_owned()));
    }
    let owner = args.take_over.owner(Origin::find(context).as_ref(), context);
    owner
        .refuse(&args.environment, &current, changes.iter().map(|change| change.name))
        .map_err(ownership::refused)?;
    let mut left_out = LeftOut::new(ui, "restored");
    let verb = if args.dry_run { "Would restore" } else { "Restored" };
    for change in &changes {
        let dropped = change.dropped();
        if !dropped.is_empty() {
            let (name, keys) = (change.name, dropped.join(", "));
            ui.warn(&format!("{name} loses what the backup does not have: {keys}"));
        }
        if !args.dry_run {
            change.apply(&args.environment, vault, &mut left_out).await?;
        }
        let what = if change.values { "Vault secret for" } else { "settings and notes of" };
        ui.line(&format!("{verb} {what} {}", change.name))?;
    }
    let unknown: Vec<&str> = changes
        .iter()
        .filter(|change| change.now.version == 0 && change.backup.settings.is_none())
        .map(|change| change.name.as_str())
        .collect();
    if !unknown.is_empty() {
        ui.warn(&format!(
            "the backup does not say which settings these entries had (cas_required, \
             max_versions, delete_version_after), so set them again where they had any: {}",
            unknown.join(", ")
        ));
    }
    ui.status(&match (changes.len(), args.dry_run) {
        (0, _) => "Vault holds all of the backup already; nothing was written.".to_owned(),
        (_, true) => "This was a dry run; nothing was written.".to_owned(),
        _ => format!("Now for the rest: {}", args.command("sync")),
    });
    Ok(left_out.exit())
}
