//! `recipients`: who can read what.

mod add;
mod change;
mod grant;
mod list;
mod remove;
mod revoke;
mod show;

use clap::Subcommand;

use super::{CliError, Context, Exit};
use crate::model::HolderName;
use crate::store::{Holder, Holders};
use crate::suggest::nearest;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show who can read which environment
    List(list::Args),
    /// Show a holder's keys, and what they can read
    Show(show::Args),
    /// Add a holder, or a key to one
    Add(add::Args),
    /// Let a holder read more
    Grant(grant::Args),
    /// Withdraw some of a holder's access
    Revoke(revoke::Args),
    /// Remove a holder, or one of their keys
    Remove(remove::Args),
}

pub(super) fn run(command: &Command, context: &Context<'_>) -> Result<Exit, CliError> {
    match command {
        Command::List(args) => list::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::Add(args) => add::run(args, context),
        Command::Grant(args) => grant::run(args, context),
        Command::Revoke(args) => revoke::run(args, context),
        Command::Remove(args) => remove::run(args, context),
    }
}

/// The holder of a name.
fn holder<'a>(holders: &'a Holders, name: &HolderName) -> Result<&'a Holder, CliError> {
    holders.get(name).ok_or_else(|| {
        let near = nearest(name.as_str(), holders.iter().map(|(name, _)| name.as_str()));
        CliError::usage(format!("there is no holder named {name}"))
            .hint(near.map(|near| format!("did you mean {near}?")))
            .hint("see all of them with: phalanx-secrets recipients list".to_owned())
    })
}

/// A list as a sentence has it; nothing at all is "nothing".
fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}
