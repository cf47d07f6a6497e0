//! What was changed in Vault by hand: found, told, and what to do about it.

use git2::Oid;

use crate::cli::provenance::Origin;
use crate::cli::session::CompareArgs;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Context, Exit};
use crate::layout::PULL_SECRET;
use crate::model::EnvironmentName;
use crate::printable::{printable, printable_name};
use crate::repo::short;
use crate::shell::quoted;
use crate::store::{DriftRule, STORE_FILE};
use crate::sync::{Behind, Diverged, Drift, DriftChange, Judgement, Relation, StoreHistory};

/// How many lines each list has.
const SHOWN: usize = 20;

/// The store with its history, where the values are from there.
pub(in crate::cli) fn store_history(
    compare: &CompareArgs,
    origin: Option<&Origin>,
    context: &Context<'_>,
) -> Result<Option<StoreHistory>, CliError> {
    let Some(store) = context.checkout.store_if_any().filter(|_| compare.is_from_store()) else {
        return Ok(None);
    };
    let at = match origin {
        Some(origin) => Some((context.checkout.repository()?, origin.commit())),
        None => None,
    };
    Ok(Some(StoreHistory {
        at,
        tree: context.checkout.tree.clone(),
        identities: context.identities()?,
        drift: store.settings.drift.clone(),
        may_go_back: compare.trust.may_go_back(),
    }))
}

/// Tells what a sync replaces, or keeps, that was changed in Vault by hand.
pub(super) fn tell(judgement: &Judgement, name: &EnvironmentName, ui: &Ui) {
    if let Some(why) = &judgement.unknown_base {
        ui.warn(&format!(
            "what the store was at the last sync cannot be told ({why}), so times decide what is \
             newer"
        ));
    }
    let with = |action| judgement.drift.iter().filter(move |one| one.action == action);
    let replaced: Vec<&Drift> = with(DriftRule::Revert).filter(|one| one.key.is_some()).collect();
    if !replaced.is_empty() {
        ui.warn("changed in Vault by hand since the last sync; the store's values replace them:");
        list(replaced.iter().copied(), ui);
        if let Some(hint) = take_hint(name, replaced.iter().copied()) {
            ui.hint(&hint);
        }
    }
    let kept: Vec<&Drift> = with(DriftRule::Keep).collect();
    if !kept.is_empty() {
        ui.status(&format!("Kept as they were changed in Vault (drift in {STORE_FILE}):"));
        list(kept.iter().copied(), ui);
    }
}

/// Tells an audit's reader what was changed in Vault by hand, and what is from
/// elsewhere.
pub(in crate::cli) fn tell_audit(judgement: &Judgement, name: &EnvironmentName, ui: &Ui) {
    if let Some(why) = &judgement.unknown_base {
        ui.warn(&format!(
            "what the store was at the last sync cannot be told ({why}), so times decide what is \
             newer"
        ));
    }
    if !judgement.behind.is_empty() {
        ui.warn("Vault was synced from commits that are not part of this history:");
        judgement
            .behind
            .iter()
            .take(SHOWN)
            .for_each(|one| ui.status(&format!("  • {}", behind(one))));
    }
    if !judgement.drift.is_empty() {
        ui.warn("changed in Vault by hand since the last sync:");
        list(&judgement.drift, ui);
        if let Some(hint) = take_hint(name, &judgement.drift) {
            ui.hint(&hint);
        }
    }
}

fn list<'a>(drift: impl IntoIterator<Item = &'a Drift>, ui: &Ui) {
    let mut rest = drift.into_iter();
    rest.by_ref().take(SHOWN).for_each(|one| ui.status(&format!("  • {}", describe(one))));
    match rest.count() {
        0 => {}
        count => ui.status(&format!("  and {count} more")),
    }
}

fn describe(drift: &Drift) -> String {
    let Drift { application, key, change, is_conflict, version, time, .. } = drift;
    let key = key.as_deref().map(|key| format!(" {}", printable_name(key))).unwrap_or_default();
    let change = match change {
        DriftChange::Changed => "changed",
        DriftChange::Removed => "removed",
    };
    let time = time.map(|time| format!(", {time:.0}")).unwrap_or_default();
    let also = if *is_conflict { "; changed in the store as well" } else { "" };
    format!("{application}{key} ({change} in version {version}{time}{also})")
}

fn behind(one: &Behind) -> String {
    let Behind { application, commit, relation } = one;
    let commit = Oid::from_str(commit).map_or_else(|_| printable(commit), short);
    let relation = match relation {
        Relation::Later => "which comes after this one",
        Relation::Elsewhere => "which is on another branch, or was one before a rewrite",
        Relation::Unknown => "which this clone does not have",
    };
    format!("{application}: commit {commit}, {relation}")
}

/// How Vault's values come into the store, where there are any that can.
fn take_hint<'a>(
    name: &EnvironmentName,
    drift: impl IntoIterator<Item = &'a Drift>,
) -> Option<String> {
    let is_there = |one: &&Drift| one.is_static && one.change == DriftChange::Changed;
    let only: Vec<String> = drift.into_iter().filter(is_there).map(only).collect();
    let only = match only.as_slice() {
        [] => return None,
        [_] | [_, _] | [_, _, _] => only.join(" "),
        _ => "--only APPLICATION/KEY".to_owned(),
    };
    Some(format!(
        "to take Vault's into the store instead: phalanx-secrets import {name} --from-vault {only}"
    ))
}

fn only(drift: &Drift) -> String {
    let application = &drift.application;
    match drift.key.as_deref() {
        Some(key) if application.as_str() != PULL_SECRET => {
            format!("--only {}", quoted(&format!("{application}/{key}")))
        }
        _ => format!("--only {application}"),
    }
}

/// What a sync says that is refused for what Vault holds.
pub(in crate::cli) fn refused(error: Diverged, name: &EnvironmentName) -> CliError {
    match &error {
        Diverged::Behind { entries, .. } => {
            let lines: Vec<String> = entries.iter().take(SHOWN).map(behind).collect();
            let more = entries.len().saturating_sub(SHOWN);
            let more = (more > 0).then(|| format!("and {more} more"));
            let is_later = entries.iter().any(|one| one.relation != Relation::Elsewhere);
            let fetch = is_later.then(|| {
                "bring this clone up to date first: git pull (in a shallow one: git fetch \
                 --unshallow)"
                    .to_owned()
            });
            CliError::new(Exit::Store, &error)
                .detail(lines.into_iter().chain(more))
                .hint(fetch)
                .hint(
                    "where this is meant, as in going back after a mistake: --allow-rollback"
                        .to_owned(),
                )
        }
        Diverged::Drift { values } => {
            let lines: Vec<String> = values.iter().map(describe).collect();
            let overwrite: Vec<String> = values
                .iter()
                .take(3)
                .map(|one| match &one.key {
                    Some(key) => {
                        let target = format!("{}/{key}", one.application);
                        format!("--overwrite={}", quoted(&target))
                    }
                    None => format!("--overwrite={}", one.application),
                })
                .collect();
            CliError::new(Exit::Changed, &error).detail(lines).hint(take_hint(name, values)).hint(
                format!(
                    "to replace Vault's with the store's: phalanx-secrets sync {name} {}",
                    overwrite.join(" ")
                ),
            )
        }
    }
}
