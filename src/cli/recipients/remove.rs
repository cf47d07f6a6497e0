//! `recipients remove`: remove a holder, or one of their keys.

use super::change::{Change, ChangeArgs};
use super::{add::parse_keys, holder};
use crate::cli::{CliError, Context, Exit};
use crate::model::HolderName;
use crate::store::Recipient;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    phalanx-secrets recipients remove bob\n  \
    phalanx-secrets recipients remove bob --key age1xyz…  (bob stays; this laptop is lost)")]
pub(in crate::cli) struct Args {
    /// Name of the holder
    name: HolderName,

    /// Only this public key, or those in this file; repeatable
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let keys = parse_keys(&args.keys)?;
    let store = context.store_to_change()?;
    let name = &args.name;
    let before = holder(&store.holders, name)?;
    if let Some(key) = keys.iter().find(|key| !before.keys.contains(key)) {
        return Err(CliError::usage(format!("{name} has no such key: {key}"))
            .hint(format!("see theirs with: phalanx-secrets recipients show {name}")));
    }
    let is_removed = |key: &&Recipient| keys.is_empty() || keys.contains(key);
    let (removed, kept): (Vec<&Recipient>, Vec<&Recipient>) =
        before.keys.iter().partition(is_removed);
    let after = (!kept.is_empty()).then(|| {
        let mut holder = before.clone();
        holder.keys = kept.into_iter().cloned().collect();
        holder
    });
    let removed = removed.into_iter().cloned().collect();
    let withdrawn = Some((removed, before.access.clone()));
    Change { name: name.clone(), after, withdrawn }.apply(&store, &args.change, context)
}
