//! `recipients revoke`: withdraw some of a holder's access.

use super::change::{Change, ChangeArgs};
use super::{holder, listed};
use crate::cli::completion::holders;
use crate::cli::{CliError, Context, Exit};
use crate::model::HolderName;
use crate::shell::quoted;
use crate::store::Access;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Name of the holder
    #[arg(add = holders())]
    name: HolderName,

    /// What they may read no more: of an environment, its applications too
    #[arg(value_name = "ENVIRONMENT[/APPLICATION]", required = true)]
    access: Vec<Access>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.store_to_change()?;
    let name = &args.name;
    let before = holder(&store.holders, name)?;
    for access in &args.access {
        let wider = before.access.iter().find(|has| has.includes(access) && *has != access);
        if let Some(wider) = wider {
            return Err(CliError::usage(format!("{name} has {access} as part of {wider}")).hint(
                format!(
                    "withdraw that, then grant again what is to stay: phalanx-secrets recipients \
                     revoke {name} {}",
                    quoted(&wider.to_string())
                ),
            ));
        }
        if !before.access.iter().any(|has| access.includes(has)) {
            return Err(CliError::usage(format!("{name} cannot read {access}"))
                .hint(format!("{name} can read: {}", listed(&before.access))));
        }
    }
    let (withdrawn, kept): (Vec<Access>, Vec<Access>) = before
        .access
        .iter()
        .cloned()
        .partition(|has| args.access.iter().any(|access| access.includes(has)));
    let mut after = before.clone();
    after.access = kept;
    let withdrawn = Some((before.keys.clone(), withdrawn));
    let summary = format!("revoke {} from {name}", listed(&args.access));
    let change = Change { name: name.clone(), after: Some(after), withdrawn, summary };
    change.apply(store, &args.change, context)
}
