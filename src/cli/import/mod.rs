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

/// The names of what a file or folder has that is not stored.
pub(super) fn not_stored(
    path: &Path,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Vec<String>, CliError> {
    source::from_path(path, environment, context)?.not_stored(environment, context)
}
