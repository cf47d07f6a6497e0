//! `vault copy-secrets`.

use super::{Credentials, Target};
use crate::cli::{CliError, Context, Exit};
use crate::model::{ApplicationName, VaultLocation};
use crate::vault::{Entry, VaultClient};

#[derive(Debug, clap::Args)]
#[command(after_help = "OLD begins with the mount, as the environment's Vault path prefix does: \
    secret/old/path. The\nentries directly below it are copied. Nothing is copied where an entry \
    of the environment\nholds something else, unless --replace is given.")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,

    /// Where to copy from, with the mount
    old: String,

    /// Replace entries that hold something else
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment(context)?;
    let old = VaultLocation::new(&args.target.location(&environment).url, &args.old)
        .map_err(|error| CliError::new(Exit::Usage, &error))?;
    let copy = async |vault: &VaultClient| copy(args, vault, &old, context).await;
    args.target.server.with_vault(Credentials::Entries, &environment, context, copy)
}

async fn copy(
    args: &Args,
    vault: &VaultClient,
    old: &VaultLocation,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let from = vault.at(old).read_environment([]).await?;
    let entries: Vec<_> = from
        .entries
        .iter()
        .filter_map(|(name, entry)| Some((name, entry.data.as_ref()?)))
        .collect();
    if entries.is_empty() {
        let mut failed = CliError::store(format!("there is nothing at {} in Vault", args.old));
        failed.exit = Exit::Vault;
        return Err(failed.hint("the path begins with the mount: secret/old/path".to_owned()));
    }
    for name in &from.unreadable_names {
        context.ui.warn(&format!("{name:?} is not copied: no application can have that name"));
    }
    let now = vault.read_environment(entries.iter().map(|(name, _)| *name)).await?;
    let there = |name: &ApplicationName| now.entries.get(name).cloned().unwrap_or_default();
    let differing: Vec<String> = entries
        .iter()
        .filter(|(name, data)| there(name).data.is_some_and(|there| there != **data))
        .map(|(name, _)| name.to_string())
        .collect();
    if !args.replace && !differing.is_empty() {
        let message = "entries of the environment hold something else; nothing was copied";
        return Err(CliError::store(message)
            .detail(differing)
            .hint("to replace what they hold, pass --replace".to_owned()));
    }
    for (name, data) in entries {
        let Entry { version, data: there, .. } = there(name);
        if there.as_ref() == Some(data) {
            context.ui.status(&format!("{name} is there already"));
            continue;
        }
        vault.write_entry(name, data, version).await?;
        context.ui.line(&format!("Copied Vault secret for {name}"))?;
    }
    Ok(Exit::Done)
}
