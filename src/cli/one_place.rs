//! One place in Vault is one environment's: what every command refuses that
//! would write into the place of two.

use super::connection::ServerArgs;
use super::{CliError, Context};
use crate::check::{Neighbours, Overlap};
use crate::layout::Place;
use crate::model::{Environment, EnvironmentName, VaultLocation};
use crate::printable::printable;

/// Refuses to write where another environment is as well, or in the name of
/// one whose file was copied from another. `is_beside` says which others are
/// worked on in the same run, on the same server if one is given.
pub(super) fn refuse(
    environment: &Environment,
    server: &ServerArgs,
    is_beside: impl Fn(&EnvironmentName) -> bool,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let (checkout, name) = (&context.checkout, &environment.name);
    let store = checkout.store_if_any();
    let read = Neighbours::read(&checkout.tree, checkout.layout, store, Some(name));
    let neighbours = match read {
        Ok(neighbours) => neighbours,
        Err(error) => {
            context.ui.warn(&format!("whether others are in its place cannot be told: {error}"));
            return Ok(());
        }
    };
    for (other, error) in &neighbours.unread {
        context.ui.warn(&format!("whether {other} is in its place cannot be told: {error}"));
    }
    if let Some(declared) = neighbours.misnamed(name) {
        return Err(misnamed(name, declared, context));
    }
    let mut places = vec![environment.vault.clone()];
    let mut overlaps = neighbours.of(name, &environment.vault);
    let given = server.location(&environment.vault);
    if given != environment.vault {
        let there = neighbours.places.iter().filter(|place| is_beside(&place.environment));
        let there =
            there.map(|place| Place { vault: server.location(&place.vault), ..place.clone() });
        let there = Neighbours { places: there.collect(), ..Neighbours::default() };
        overlaps.extend(neighbours.of(name, &given));
        overlaps.extend(there.of(name, &given));
        places.push(given);
    }
    match overlaps.is_empty() {
        true => Ok(()),
        false => Err(overlapping(name, &overlaps, &environment.vault, context)),
    }
}

fn overlapping(
    name: &EnvironmentName,
    overlaps: &[Overlap],
    place: &VaultLocation,
    context: &Context<'_>,
) -> CliError {
    let others = overlaps.iter().map(|one| one.other.as_str());
    let others: std::collections::BTreeSet<&str> = others.collect();
    let others: Vec<&str> = others.into_iter().collect();
    let mut lines: Vec<String> = overlaps.iter().map(|one| one.text(place)).collect();
    lines.dedup();
    let message = format!(
        "{name} is not alone in its place in Vault, but with {}; nothing was written",
        others.join(", ")
    );
    let mut failed = CliError::store(message).detail(lines);
    for overlap in overlaps {
        let hint = overlap.hint(name).filter(|hint| !failed.hints.contains(hint));
        failed = failed.hint(hint);
    }
    let wrong = overlaps.iter().find_map(|one| one.wrong(name)).unwrap_or(name);
    failed.hint(format!("the path prefix is in {}", file_of(wrong, context))).hint(
        "where the other is on another server of the same name, and not synced from here, \
             list it in not-served in store.toml"
            .to_owned(),
    )
}

fn misnamed(name: &EnvironmentName, declared: &str, context: &Context<'_>) -> CliError {
    let file = file_of(name, context);
    CliError::store(format!(
        "{file} calls the environment {}, and not {name}; nothing was written",
        printable(declared)
    ))
    .hint(format!(
        "if it was copied from that of {}, correct name, vaultPathPrefix and whatever else is \
         left of it",
        printable(declared)
    ))
}

fn file_of(name: &EnvironmentName, context: &Context<'_>) -> String {
    context.checkout.layout.files_of(name).into_iter().next().unwrap_or_default()
}
