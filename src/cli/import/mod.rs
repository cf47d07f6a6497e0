//! `import`: store the values that are kept elsewhere today.

mod only;
mod source;

use std::path::Path;

use self::only::Only;
use self::source::SourceArgs;
use super::commit::CommitArgs;
use super::completion::environments;
use super::connection::ServerArgs;
use super::offer::{OfferArgs, Outcome};
use super::{CliError, Context, Exit};
use crate::model::{Environment, EnvironmentName};
use crate::repo::is_tracked;

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "phalanx-secrets import [OPTIONS] <ENVIRONMENT> <FILE>\n       \
    phalanx-secrets import [OPTIONS] <ENVIRONMENT> <--from-onepassword|--from-vault|--from-sops \
    <FILE>>",
    after_help = "First it shows what would become of each value; nothing is stored unless all of \
    it can be. Where\nsomething is left out that --skip-unknown and --only do not ask for, it is \
    named, and the exit\ncode is 1."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,

    #[command(flatten)]
    source: SourceArgs,

    /// With --from-onepassword: store what there is even if items or fields are
    /// missing there that specs ask for
    #[arg(long)]
    allow_missing: bool,

    /// With --from-onepassword: read items as Phalanx's old installer had them,
    /// labelled generate_secrets_key and environment; NAME is the environment
    /// there [default: its name, its domain, or the end of its path in Vault]
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    labels: Option<Option<String>>,

    /// Take only the values of an application, or one; repeatable
    #[arg(long, value_name = "APPLICATION[/KEY]")]
    only: Vec<Only>,

    #[command(flatten)]
    offer: OfferArgs,

    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    if (args.allow_missing || args.labels.is_some()) && !args.source.is_onepassword() {
        return Err(CliError::usage("--allow-missing and --labels are for --from-onepassword"));
    }
    context.checkout.store()?;
    let environment = context.checkout.environment(&args.environment)?;
    // Before anything is asked for.
    if !args.offer.is_dry_run() {
        let _ = args.commit.begin(context)?;
    }
    let mut offer = args.source.read(&environment, args.labels.as_ref(), &args.server, context)?;
    if args.allow_missing {
        offer.missing.clear();
    }
    only::pick(&mut offer, &args.only)?;
    if let Some(path) = args.source.in_the_clear() {
        warn_of_place(path, context);
    }
    let outcome = offer.store(&environment, args.offer, args.commit, context)?;
    if let (Some(path), Outcome::Stored { left_out, .. }) = (args.source.in_the_clear(), &outcome) {
        let path = path.display();
        context.ui.hint(&match left_out.as_slice() {
            [] => format!("{path} still has the values in the clear; delete it in the end"),
            left_out => format!(
                "{path} still has the values in the clear; before you delete it, keep what was \
                 left out if it is of use: {}",
                left_out.join(", ")
            ),
        });
    }
    Ok(outcome.exit(Vec::new(), context.ui))
}

/// Warns of values in the clear that lie where the next commit may take them
/// along.
fn warn_of_place(path: &Path, context: &Context<'_>) {
    let place = &context.checkout.place;
    let (Ok(file), Ok(root)) = (path.canonicalize(), place.canonicalize()) else { return };
    if !file.starts_with(&root) {
        return;
    }
    let shown = path.display();
    context.ui.warn(&format!(
        "{shown} lies in the checkout with values in the clear, where a commit may take it along"
    ));
    context.ui.hint(&match is_tracked(place, &file) {
        true => format!(
            "git tracks it: take it out with git rm --cached {shown}; what was ever pushed is \
             exposed and must be changed"
        ),
        false => "keep it outside of the checkout".to_owned(),
    });
}

/// The names of what a file or folder has that is not stored.
pub(super) fn not_stored(
    path: &Path,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Vec<String>, CliError> {
    source::from_path(path, environment, context)?.not_stored(environment, context)
}
