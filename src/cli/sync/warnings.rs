//! What a sync warns of before it writes.

use crate::cli::ui::Ui;
use crate::layout::PULL_SECRET;
use crate::plan::{EntryChange, KeyChange, Plan};
use crate::printable::printable_name;
use crate::vault::CurrentSecrets;

/// Warns where Vault is set to delete what it holds by itself
/// (`delete_version_after`).
pub(in crate::cli) fn warn_of_expiry(current: &CurrentSecrets, ui: &Ui) {
    let expiring = current.entries.iter().filter(|(_, entry)| entry.data.is_some());
    let expiring = expiring.filter_map(|(name, entry)| Some((entry.deleted_at?, name)));
    let count = expiring.clone().count();
    if let Some((time, name)) = expiring.min() {
        ui.warn(&format!(
            "Vault will delete {count} of these entries by itself, the first ({name}) at {time}: \
             delete_version_after is set on them or on the mount"
        ));
    }
}

/// Warns where an entry that once existed is made anew: what was generated for
/// it could still be brought back.
pub(super) fn warn_of_deleted(plan: &Plan, current: &CurrentSecrets, ui: &Ui) {
    for (application, change) in &plan.changes {
        let version = current.entries.get(application).map_or(0, |entry| entry.version);
        if matches!(change, EntryChange::Create { .. }) && version > 0 {
            let is_destroyed =
                current.entries.get(application).is_some_and(|entry| entry.is_destroyed);
            let (what, instead) = match is_destroyed {
                true => ("destroyed", "restore a backup"),
                false => ("deleted", "undelete that version"),
            };
            ui.warn(&format!(
                "{application} was {what} in Vault (version {version}), so its generated secrets \
                 are made anew; to have the old ones back instead, {instead} first"
            ));
        }
    }
}

/// Names what the entry of the pull secret loses: it is wholly made of the
/// registries in the store, as with the Python CLI.
pub(in crate::cli) fn warn_of_pull_secret(plan: &Plan, ui: &Ui) {
    let change = plan.changes.get(PULL_SECRET);
    let Some(EntryChange::Update { keys }) = change else { return };
    let lost = keys.iter().filter(|(_, change)| **change == KeyChange::Delete);
    let lost: Vec<String> = lost.map(|(key, _)| printable_name(key)).collect();
    if !lost.is_empty() {
        ui.warn(&format!(
            "the entry {PULL_SECRET} holds nothing but the store's registries, so what else is \
             there is deleted: {}; to leave it alone, pass --exclude {PULL_SECRET}",
            lost.join(", ")
        ));
    }
}
