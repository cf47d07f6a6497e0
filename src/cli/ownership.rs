//! Whose the entries in Vault are, and what is said of those that are
//! another's.

use super::provenance::Origin;
use super::ui::Ui;
use super::{CliError, Context, Exit};
use crate::printable::printable;
use crate::sync::{Foreign, NotOurs, Owner};

/// How many lines a list has.
const SHOWN: usize = 20;

/// Whether what is another's may be replaced.
#[derive(Debug, clap::Args)]
pub(super) struct TakeOverArgs {
    /// Replace what another environment or repository wrote, as where one was
    /// renamed; from then on it is this environment's
    #[arg(long)]
    pub(super) take_over: bool,
}

impl TakeOverArgs {
    /// In whose name entries are written.
    pub(super) fn owner(&self, origin: Option<&Origin>, context: &Context<'_>) -> Owner {
        Owner { may_take_over: self.take_over, ..owner(origin, context) }
    }
}

/// In whose name entries are looked at.
pub(super) fn owner(origin: Option<&Origin>, context: &Context<'_>) -> Owner {
    Owner {
        remote: origin.and_then(|origin| origin.remote().map(str::to_owned)),
        repository: context.checkout.repository().ok(),
        may_take_over: false,
    }
}

/// What a command says that is refused for whose the entries are.
pub(super) fn refused(error: NotOurs) -> CliError {
    let environment = &error.environment;
    let lines: Vec<String> = error.entries.iter().take(SHOWN).map(describe).collect();
    let more = error.entries.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    let failed = CliError::new(Exit::Store, &error).detail(lines.into_iter().chain(more));
    let failed = if error.entries.iter().any(|one| one.is_of_other_environment) {
        failed.hint(format!(
            "if {environment} was made by copying that environment, its Vault path prefix has to \
             be changed: phalanx-secrets check says where"
        ))
    } else {
        failed.hint(
            "if it is one repository under another address, git fetch brings the commits that \
             are noted in Vault"
                .to_owned(),
        )
    };
    failed.hint(format!(
        "if they are to be {environment}'s from now on, as where it was renamed: --take-over"
    ))
}

/// Names what is another's, for an audit's reader.
pub(super) fn tell_audit(foreign: &[Foreign], ui: &Ui) {
    if foreign.is_empty() {
        return;
    }
    ui.warn("another environment or repository wrote these entries in Vault:");
    for one in foreign.iter().take(SHOWN) {
        ui.status(&format!("  • {}", describe(one)));
    }
    if let more @ 1.. = foreign.len().saturating_sub(SHOWN) {
        ui.status(&format!("  and {more} more"));
    }
}

fn describe(one: &Foreign) -> String {
    let Foreign { application, environment, repository, is_of_other_environment } = one;
    match (environment, repository, is_of_other_environment) {
        (Some(environment), _, true) => {
            format!("{application}: the environment {} wrote it", printable(environment))
        }
        (_, Some(repository), _) => {
            format!("{application}: it was written from {}", printable(repository))
        }
        _ => format!("{application}: it is not from here"),
    }
}
