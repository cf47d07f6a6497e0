//! `recipients remove`: remove a holder, or one of their keys.

use super::change::{Change, ChangeArgs};
use super::{add::parse_keys, holder};
use crate::cli::completion::holders;
use crate::cli::{CliError, Context, Exit};
use crate::model::HolderName;
use crate::store::{Recipient, SigningKey};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Name of the holder
    #[arg(add = holders())]
    name: HolderName,

    /// Only this public key, or those in this file; repeatable
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,

    /// Only this signing key, or those in this file; repeatable
    #[arg(long = "signing-key", value_name = "KEY")]
    signing_keys: Vec<String>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let keys: Vec<Recipient> = parse_keys("--key", &args.keys)?;
    let signing_keys: Vec<SigningKey> = parse_keys("--signing-key", &args.signing_keys)?;
    let store = context.store_to_change()?;
    let name = &args.name;
    let before = holder(&store.holders, name)?;
    let absent = keys.iter().find(|key| !before.keys.contains(key)).map(ToString::to_string);
    let absent_signing = signing_keys.iter().find(|key| !before.signing_keys.contains(key));
    if let Some(key) = absent.or(absent_signing.map(ToString::to_string)) {
        return Err(CliError::usage(format!("{name} has no such key: {key}"))
            .hint(format!("see theirs with: phalanx-secrets recipients show {name}")));
    }
    let is_whole = keys.is_empty() && signing_keys.is_empty();
    let is_removed = |key: &&Recipient| is_whole || keys.contains(key);
    let (removed, kept): (Vec<&Recipient>, Vec<&Recipient>) =
        before.keys.iter().partition(is_removed);
    let after = (!kept.is_empty()).then(|| {
        let mut holder = before.clone();
        holder.keys = kept.into_iter().cloned().collect();
        holder.signing_keys.retain(|key| !signing_keys.contains(key));
        holder
    });
    let removed: Vec<Recipient> = removed.into_iter().cloned().collect();
    let withdrawn = (!removed.is_empty()).then(|| (removed, before.access.clone()));
    let summary = match &after {
        Some(_) => format!("remove a key of {name}"),
        None => format!("remove {name}"),
    };
    let change = Change { name: name.clone(), after, withdrawn, summary };
    change.apply(store, &args.change, context)
}
