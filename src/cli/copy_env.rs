//! `copy-env`: give a new environment the values of another.

use super::checkout::unknown_application;
use super::commit::CommitArgs;
use super::completion::{applications, environments};
use super::offer::{Offer, OfferArgs};
use super::{CliError, Context, Exit};
use crate::exposed;
use crate::layout::{OIDC_CLIENTS, RESERVED_APPLICATIONS, VAULT_WRITE_TOKEN};
use crate::model::{ApplicationName, Environment, EnvironmentName, SecretId};
use crate::static_values::StaticValues;
use crate::store::{Contents, is_backup};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each value is sealed to those who may read it in the new environment. What that \
    one has no spec for is left out; so are exposed values, which ought to be changed, and what \
    belongs to one environment alone: its write token, its OpenID Connect clients \
    and its backups. The exit code is 1 where values were left out."
)]
pub(super) struct Args {
    /// Environment to copy from
    #[arg(value_name = "ENV1", add = environments())]
    from: EnvironmentName,
    /// Environment to copy to
    #[arg(value_name = "ENV2", add = environments())]
    to: EnvironmentName,

    /// Leave out an application; repeatable
    #[arg(short, long, value_name = "APPLICATION", add = applications())]
    exclude: Vec<ApplicationName>,

    /// Replace stored values that differ, without asking
    #[arg(short = 'y', long, visible_alias = "yes")]
    replace: bool,

    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

/// What is of use in one environment alone.
const OF_ONE_ENVIRONMENT: [&str; 2] = [OIDC_CLIENTS, VAULT_WRITE_TOKEN];

/// The names of what is stored for one environment alone: its clients, its
/// write token and its backups.
fn of_one_environment(contents: &Contents, exclude: &[ApplicationName]) -> Vec<String> {
    let is_own =
        |id: &SecretId| is_backup(id) || OF_ONE_ENVIRONMENT.contains(&id.application.as_str());
    let own = contents.ids().filter(|id| is_own(id) && !exclude.contains(&id.application));
    own.map(|id| format!("{} {}", id.application, id.key)).collect()
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    let from = context.checkout.environment(&args.from)?;
    let to = context.checkout.environment(&args.to)?;
    if from.name == to.name {
        return Err(CliError::usage("an environment cannot be copied to itself")
            .hint("name two environments: phalanx-secrets copy-env ENV1 ENV2"));
    }
    for application in &args.exclude {
        let is_known = |environment: &Environment| {
            RESERVED_APPLICATIONS.contains(&application.as_str())
                || environment.applications.contains_key(application)
        };
        if !is_known(&from) && !is_known(&to) {
            return Err(unknown_application(&from, application));
        }
    }
    let is_wanted = |id: &SecretId| {
        let is_own = OF_ONE_ENVIRONMENT.contains(&id.application.as_str());
        id.environment == from.name
            && !is_backup(id)
            && !is_own
            && !args.exclude.contains(&id.application)
    };
    let contents = store.contents(&from.name)?;
    let withdrawals = store.withdrawals()?;
    let former = context.checkout.former_holders();
    let exposures =
        exposed::stored_values(store, &store.holders, &withdrawals, &former, is_wanted)?;
    let is_exposed = |id: &SecretId| exposures.iter().any(|one| one.id == *id);
    let own = of_one_environment(&contents, &args.exclude);
    if !own.is_empty() {
        let own = own.join(", ");
        context.ui.status(&format!("What belongs to {} alone is left out: {own}", from.name));
    }
    for exposure in &exposures {
        context.ui.warn(&format!("{} is exposed, so it is left out", exposure.id));
    }
    let values = context.open(&contents, |id| is_wanted(id) && !is_exposed(id))?;
    let mut values = StaticValues::from_stored(values)?;
    let mut unknown = Vec::new();
    for (application, values) in &mut values.applications {
        values.retain(|key, _| {
            let is_known = to.spec(application, key).is_some();
            if !is_known {
                unknown.push(format!("{application} {key}"));
            }
            is_known
        });
    }
    let offer = Offer { values, unknown: Some(unknown), missing: Vec::new(), place: "environment" };
    let options = OfferArgs::of_stored(args.replace, args.dry_run);
    let exposed = exposures.iter().map(|one| format!("{} {}", one.id.application, one.id.key));
    let exposed = exposed.collect();
    let outcome = offer.store(&to, options, args.commit, context)?;
    Ok(outcome.exit(exposed, context.ui))
}
