//! `vault copy-secrets`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Credentials, Target};
use crate::cli::left_out::LeftOut;
use crate::cli::ownership::{self, TakeOverArgs};
use crate::cli::provenance::Origin;
use crate::cli::{CliError, Context, Exit};
use crate::model::{ApplicationName, VaultLocation};
use crate::printable::printable_name;
use crate::sync::Owner;
use crate::vault::{CurrentSecrets, CurrentValue, VaultClient};

#[derive(Debug, clap::Args)]
#[command(after_help = "OLD begins with the mount, as the environment's Vault path prefix does: \
    secret/old/path. The\nentries directly below it are copied; folders are named, and the exit \
    code is 1. Nothing is\ncopied where an entry of the environment holds something else, unless \
    --replace is given.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,

    /// Where to copy from, with the mount
    old: String,

    /// Replace entries that hold something else
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    take_over: TakeOverArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment_to_write(context)?;
    let new = args.target.location(&environment);
    // However many slashes a shell has put there.
    let parts: Vec<&str> = args.old.split('/').filter(|part| !part.is_empty()).collect();
    let old = VaultLocation::new(&new.url, &parts.join("/"))
        .map_err(|error| CliError::new(Exit::Usage, &error))?;
    if old == new {
        let message = format!("Vault path {} cannot be copied onto itself", new.path);
        return Err(CliError::usage(message)
            .hint("name the path where the secrets were before, with the mount".to_owned()));
    }
    let copy = async |vault: &VaultClient| copy(args, vault, &old, &new, context).await;
    args.target.server.with_vault(Credentials::Entries, &environment, context, copy)
}

async fn copy(
    args: &Args,
    vault: &VaultClient,
    old: &VaultLocation,
    new: &VaultLocation,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let from = vault.at(old).read_environment([], &BTreeSet::new()).await?;
    let entries: BTreeMap<&ApplicationName, &BTreeMap<String, CurrentValue>> = from
        .entries
        .iter()
        .filter_map(|(name, entry)| Some((name, entry.data.as_ref()?)))
        .collect();
    if entries.is_empty() {
        return Err(nothing_there(args, &from));
    }
    let mut left_out = LeftOut::new(context.ui, "copied");
    left_out.beside_entries(&from);
    let now = vault.read_environment(entries.keys().copied(), &BTreeSet::new()).await?;
    let there = |name: &ApplicationName| now.entries.get(name).cloned().unwrap_or_default();
    let differing: Vec<String> = entries
        .iter()
        .filter_map(|(name, data)| {
            let there = there(name).data.filter(|there| there != *data)?;
            Some(match dropped(Some(&there), data).as_slice() {
                [] => name.to_string(),
                keys => format!("{name} ({} does not have: {})", args.old, keys.join(", ")),
            })
        })
        .collect();
    if !args.replace && !differing.is_empty() {
        let message = "entries of the environment hold something else; nothing was copied";
        return Err(CliError::store(message)
            .detail(differing)
            .hint("to replace what they hold, pass --replace".to_owned()));
    }
    let environment = &args.target.environment;
    let owner = args.take_over.owner(Origin::find(context).as_ref(), context);
    let written = entries.iter().filter(|(name, data)| there(name).data.as_ref() != Some(**data));
    owner.refuse(environment, &now, written.map(|(name, _)| *name)).map_err(ownership::refused)?;
    let foreign = owner.foreign(environment, &now);
    context.ui.line(&format!("Copying secrets from {} to {}", old.path, new.path))?;
    let entries = entries.into_iter().map(|(name, data)| (name.to_string(), Some((name, data))));
    let folders = from.folders.iter().map(|folder| (folder.clone(), None));
    for (listed, entry) in entries.chain(folders).collect::<BTreeMap<_, _>>() {
        let Some((name, data)) = entry else {
            context.ui.line(&format!("Skipping subdirectory {listed}"))?;
            continue;
        };
        let now = there(name);
        if now.data.as_ref() == Some(data) {
            context.ui.status(&format!("{name} is there already"));
            continue;
        }
        let dropped = dropped(now.data.as_ref(), data);
        if !dropped.is_empty() {
            let dropped = dropped.join(", ");
            context.ui.warn(&format!("{name} loses what {} does not have: {dropped}", args.old));
        }
        vault.write_entry(name, data, now.version).await?;
        if foreign.iter().any(|one| one.application == *name) {
            let note = Owner::own_notes(environment, &now);
            if let Err(error) = vault.write_metadata(name, &note).await {
                context.ui.warn(&format!("Vault still names the owner of {name} before: {error}"));
            }
        }
        context.ui.line(&format!("Copied Vault secret for {name}"))?;
    }
    Ok(left_out.exit())
}

/// The keys that an entry has now, and will not have.
fn dropped(
    now: Option<&BTreeMap<String, CurrentValue>>,
    then: &BTreeMap<String, CurrentValue>,
) -> Vec<String> {
    let keys = now.into_iter().flat_map(BTreeMap::keys);
    keys.filter(|key| !then.contains_key(*key)).map(|key| printable_name(key)).collect()
}

/// Why there is nothing to copy.
fn nothing_there(args: &Args, found: &CurrentSecrets) -> CliError {
    let failed = CliError::vault(format!("there is nothing at {} in Vault", args.old));
    if found.folders.is_empty() {
        let hint = "the path begins with the mount, and has no data/ behind it: secret/old/path";
        return failed.hint(hint);
    }
    let folders: Vec<&str> = found.folders.iter().map(String::as_str).collect();
    failed.hint(format!("below it there is {}: name one of these", folders.join(", ")))
}
