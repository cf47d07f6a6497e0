//! `recipients show`: one holder.

use crate::cli::completion::holders;
use std::collections::BTreeMap;

use super::holder;
use crate::cli::{CliError, Context, Exit};
use crate::model::{EnvironmentName, HolderName};
use crate::store::Holder;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Name of the holder
    #[arg(add = holders())]
    name: HolderName,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    let holder = holder(&store.holders, &args.name)?;
    let mut text = format!("{} ({})\n", args.name, Holder::path(&args.name));
    text.push_str("Keys:\n");
    for key in &holder.keys {
        text.push_str(&format!("  {key}\n"));
    }
    if !holder.signing_keys.is_empty() {
        text.push_str("Signing keys:\n");
    }
    for key in &holder.signing_keys {
        text.push_str(&format!("  {key}\n    {}\n", key.fingerprint()));
    }
    text.push_str("Access:\n");
    for access in &holder.access {
        text.push_str(&format!("  {access}\n"));
    }
    let mut counts: BTreeMap<EnvironmentName, usize> = BTreeMap::new();
    for environment in store.environments()? {
        let contents = store.contents(&environment)?;
        let readable = contents.ids().filter(|id| holder.can_read(&environment, &id.application));
        let count = readable.count();
        if count > 0 {
            counts.insert(environment, count);
        }
    }
    text.push_str("Stored values that they may read:\n");
    if counts.is_empty() {
        text.push_str("  none\n");
    }
    for (environment, count) in counts {
        text.push_str(&format!("  {environment}: {count}\n"));
    }
    context.ui.data(text.as_bytes())?;
    Ok(Exit::Done)
}
