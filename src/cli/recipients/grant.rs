//! `recipients grant`: let a holder read more.

use super::change::{Change, ChangeArgs, check_access};
use super::{holder, listed};
use crate::cli::completion::holders;
use crate::cli::{CliError, Context, Exit};
use crate::model::HolderName;
use crate::store::Access;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Name of the holder
    #[arg(add = holders())]
    name: HolderName,

    /// What they may read: `*` is everything
    #[arg(value_name = "ENVIRONMENT[/APPLICATION]", required = true)]
    access: Vec<Access>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    check_access(&args.access, &args.change, context)?;
    let store = context.store_to_change()?;
    let name = &args.name;
    let before = holder(&store.holders, name)?;
    let mut after = before.clone();
    for access in &args.access {
        if !after.access.iter().any(|has| has.includes(access)) {
            // What the new one includes need not be said any more.
            after.access.retain(|has| !access.includes(has));
            after.access.push(access.clone());
        }
    }
    if after == *before {
        context.ui.status(&format!("{name} can read that already: {}.", listed(&before.access)));
        return Ok(Exit::Done);
    }
    let summary = format!("grant {} to {name}", listed(&args.access));
    let change = Change { name: name.clone(), after: Some(after), withdrawn: None, summary };
    change.apply(store, &args.change, context)
}
