//! `rekey`: seal again what is not sealed to exactly today's holders, or in the
//! form of an earlier version.

use super::checkout::unknown_application;
use super::commit::CommitArgs;
use super::ui::Ui;
use super::{CliError, Context, Exit};
use crate::layout::RESERVED_APPLICATIONS;
use crate::model::SecretId;
use crate::store::{
    Access, FileChange, Holders, Identities, LockedStore, RekeyError, SealFault, StaleValue,
    Withdrawal, Withdrawals, sealed_path,
};
use crate::tree::Tree;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this environment, or this application of it
    #[arg(value_name = "ENVIRONMENT[/APPLICATION]", default_value = "*")]
    scope: Access,

    /// Show what would be sealed again, and change nothing. Needs no key
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    commit: CommitArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let ui = context.ui;
    refuse_unknown(&args.scope, context)?;
    let in_scope = |id: &SecretId| args.scope.covers_secret(id);
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
    let commit = args.commit.begin(context)?;
    let store = context.store_to_change()?;
    let stale = store
        .stale(in_scope, &store.holders)
        .map_err(|error| rekey_error(error, &store.holders, None))?;
    if stale.is_empty() {
        ui.status("Everything is sealed to exactly today's holders.");
        return Ok(Exit::Done);
    }
    let former = context.checkout.former_holders();
    let withdrawals = store.withdrawals()?;
    let late = withdrawals.unrecorded(&stale, &store.holders, &former);
    let unexplained =
        stale.iter().filter(|value| !former.explains(value, &store.holders, &withdrawals)).count();
    let identities = context.identities()?;
    let unbound = stale.iter().filter(|value| value.fault == SealFault::Unbound).count();
    let of_all = stale.len();
    let mut changes: Vec<FileChange> = record(&context.checkout.tree, &late)?.into_iter().collect();
    let sealed = seal_again(&store, stale, &store.holders, &identities, ui).map_err(|error| {
        rekey_error(error, &store.holders, Some(&identities)).hint(
            "nothing was changed; a part can be done with: phalanx-secrets rekey ENVIRONMENT"
                .to_owned(),
        )
    })?;
    let count = sealed.len();
    let left = of_all - count;
    changes.extend(sealed);
    store
        .write(&changes)
        .map_err(|error| CliError::from(error).hint("run it again to finish".to_owned()))?;
    if count > 0 {
        ui.status(&format!("Sealed {} again.", values(count)));
    }
    warn_of_late(&late, ui);
    if unexplained > 0 {
        ui.warn(&format!(
            "{} had been sealed to keys that neither recipients/withdrawn.toml nor git's history \
             names, so who could read them is not known",
            values(unexplained)
        ));
    }
    if left > 0 {
        ui.hint(&format!(
            "{}; someone who can open what is left runs: phalanx-secrets rekey",
            match left {
                1 => "1 value stays as an earlier version sealed it".to_owned(),
                _ => format!("{left} values stay as an earlier version sealed them"),
            }
        ));
    }
    if count == 0 {
        return Ok(Exit::Done);
    }
    if unbound > 0 {
        ui.warn(&format!(
            "{} of them had been sealed by another tool: they are bound to their secrets now, and \
             when they were set is not known",
            values(unbound)
        ));
    }
    let what = match &args.scope {
        Access::Everything => "secrets".to_owned(),
        scope => format!("secrets({scope})"),
    };
    let message = format!("{what}: seal {} again", values(count));
    commit.end(store.into_touched(), &message, context.ui)?;
    Ok(Exit::Done)
}

/// A misspelt name must not look as if all were well. What is stored may be for
/// what no spec knows any more.
fn refuse_unknown(scope: &Access, context: &Context<'_>) -> Result<(), CliError> {
    let (name, application) = match scope {
        Access::Everything => return Ok(()),
        Access::Environment(name) => (name, None),
        Access::Application(name, application) => (name, Some(application)),
    };
    let contents = context.checkout.store()?.contents(name)?;
    let is_wanted =
        |id: &SecretId| application.is_none_or(|application| *application == id.application);
    if contents.ids().any(|id| is_wanted(&id)) {
        return Ok(());
    }
    let environment = context.checkout.environment(name)?;
    match application {
        Some(application)
            if !environment.applications.contains_key(application)
                && !RESERVED_APPLICATIONS.contains(&application.as_str()) =>
        {
            Err(unknown_application(&environment, application))
        }
        _ => Ok(()),
    }
}

/// The record of withdrawn access, with more appended to it.
pub(super) fn record(tree: &Tree, more: &[Withdrawal]) -> Result<Option<FileChange>, CliError> {
    if more.is_empty() {
        return Ok(None);
    }
    let file = Withdrawals::path();
    let before = tree.read_text(&file)?;
    let mut after = before.clone();
    for withdrawal in more {
        after = Some(withdrawal.append_to(after.as_deref())?);
    }
    let (before, after) = (before.map(String::into_bytes), after.map(String::into_bytes));
    Ok(Some(FileChange { file, before, after }))
}

/// Says which values were sealed to somebody whose access has ended.
pub(super) fn warn_of_late(late: &[Withdrawal], ui: &Ui) {
    for Withdrawal { holder, access, .. } in late {
        for access in access {
            ui.warn(&format!(
                "in {access}, a value was sealed to {holder}, whose access has ended; it is \
                 exposed until it changes (see: phalanx-secrets exposed)"
            ));
        }
    }
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
