//! `rekey`: seal again what is not sealed to exactly today's holders.

use super::ui::Ui;
use super::{CliError, Context, Exit};
use crate::store::{
    Access, FileChange, Holders, Identities, LockedStore, RekeyError, SealFault, StaleValue,
    sealed_path, write_together,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this environment, or this application of it
    #[arg(value_name = "ENVIRONMENT[/APPLICATION]", default_value = "*")]
    scope: Access,

    /// Show what would be sealed again, and change nothing. Needs no key
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let ui = context.ui;
    let in_scope = |id: &crate::model::SecretId| args.scope.covers_secret(id);
    if args.dry_run {
        let store = context.checkout.store()?;
        let stale = store
            .stale(in_scope, &store.holders)
            .map_err(|error| rekey_error(error, &store.holders, None))?;
        for StaleValue { id, fault, .. } in &stale {
            ui.line(&sealed_path(id))?;
            ui.status(&format!("  {fault}"));
        }
        ui.status(&match stale.len() {
            0 => "Everything is sealed to exactly today's holders.".to_owned(),
            count => format!("{} would be sealed again.", values(count)),
        });
        return Ok(Exit::Done);
    }
    let store = context.store_to_change()?;
    let stale = store
        .stale(in_scope, &store.holders)
        .map_err(|error| rekey_error(error, &store.holders, None))?;
    if stale.is_empty() {
        ui.status("Everything is sealed to exactly today's holders.");
        return Ok(Exit::Done);
    }
    let identities = context.identities()?;
    let unbound = stale.iter().filter(|value| value.fault == SealFault::Unbound).count();
    let changes = seal_again(&store, stale, &store.holders, &identities, ui).map_err(|error| {
        rekey_error(error, &store.holders, Some(&identities)).hint(
            "nothing was changed; a part can be done with: phalanx-secrets rekey ENVIRONMENT"
                .to_owned(),
        )
    })?;
    write_together(context.checkout.tree.folder()?, &changes)
        .map_err(|error| CliError::from(error).hint("run it again to finish".to_owned()))?;
    ui.status(&format!("Sealed {} again.", values(changes.len())));
    if unbound > 0 {
        ui.warn(&format!(
            "{} of them had been sealed by another tool: they are bound to their secrets now, and \
             when they were set is not known",
            values(unbound)
        ));
    }
    Ok(Exit::Done)
}

/// Seals values again in memory, with a progress bar.
pub(super) fn seal_again(
    store: &LockedStore,
    stale: Vec<StaleValue>,
    holders: &Holders,
    identities: &Identities,
    ui: &Ui,
) -> Result<Vec<FileChange>, RekeyError> {
    let progress = ui.progress_bar("Sealing again", stale.len());
    store.seal_again(stale, holders, identities, || progress.advance())
}

/// What to say where values could not be sealed again.
pub(super) fn rekey_error(
    error: RekeyError,
    holders: &Holders,
    identities: Option<&Identities>,
) -> CliError {
    match error {
        RekeyError::Open(failures) => {
            let none = Identities::default();
            CliError::open_failures(&failures, holders, identities.unwrap_or(&none))
        }
        RekeyError::Seal(error) => error.into(),
    }
}

fn values(count: usize) -> String {
    if count == 1 { "1 value".to_owned() } else { format!("{count} values") }
}
