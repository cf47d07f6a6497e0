//! `verify`: whether each change was made by somebody who may.

use super::trust::RootArgs;
use super::{CliError, Context, Exit, RevisionArgs};
use crate::model::EnvironmentName;
use crate::repo::Revision;

#[derive(Debug, clap::Args)]
#[command(after_help = "Each commit since the trusted one that changes values, holders or specs \
    must carry an SSH\nsignature by a signing key that recipients/ lists, in the commit before it, \
    for a holder with\naccess to what it changes. It needs no identity, and looks at commits only.")]
pub(super) struct Args {
    /// Environments [default: all that are kept here]
    #[arg(value_name = "ENVIRONMENT")]
    environments: Vec<EnvironmentName>,

    #[command(flatten)]
    root: RootArgs,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let checkout = &context.checkout;
    let repository = checkout.repository()?;
    let commit = match checkout.commit {
        Some(commit) => commit,
        None => {
            let revision = Revision::of_work_tree(&repository, checkout.layout)?;
            if !revision.modified.is_empty() {
                context.ui.warn("what is not committed yet cannot be verified, and is left out");
            }
            revision.commit
        }
    };
    let store = checkout.store()?;
    let known = checkout.layout.environments(&checkout.tree)?;
    if let Some(unknown) = args.environments.iter().find(|name| !known.contains(name)) {
        // Fails with the names that there are.
        checkout.environment(unknown)?;
    }
    let environments = match args.environments.as_slice() {
        [] => known.into_iter().filter(|name| store.settings.serves(name)).collect(),
        some => some.to_vec(),
    };
    args.root.verify(context, &repository, commit, environments)?;
    Ok(Exit::Done)
}
