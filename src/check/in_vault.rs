//! Where environments are in Vault, as far as their files can be wrong about
//! it.

use super::finding::{Finding, FindingKind};
use super::specs::Lines;
use crate::layout::{Layout, PULL_SECRET};
use crate::model::{Environment, VaultLocation};

/// What Vault's API puts after the mount, and no path within it begins with.
const API: [&str; 2] = ["data", "metadata"];

/// The same path prefix without what only the API has in it, where it has such.
#[must_use]
pub fn without_api_path(vault: &VaultLocation) -> Option<String> {
    let (first, rest) = vault.path.split_once('/').unwrap_or((&vault.path, ""));
    let rest = if rest.is_empty() { "PATH" } else { rest };
    API.contains(&first).then(|| format!("{}/{rest}", vault.mount))
}

/// Environments whose places in Vault are no good places.
pub(super) fn findings(
    layout: Layout,
    lines: &mut Lines<'_>,
    environment: &Environment,
    others: &[&Environment],
) -> Vec<Finding> {
    let vault = &environment.vault;
    let prefix = format!("{}/{}", vault.mount, vault.path);
    let mut messages = Vec::new();
    if let Some(right) = without_api_path(vault) {
        messages.push(format!(
            "the path prefix {prefix:?} is that of Vault's API, which puts \"data\" or \
             \"metadata\" after the mount by itself: everything would be made anew in another \
             place; write {right:?}"
        ));
    }
    for other in others.iter().filter(|other| other.name != environment.name) {
        if !is_one_server(vault, &other.vault) || vault.mount != other.vault.mount {
            continue;
        }
        let Some(below) = vault.path.strip_prefix(&other.vault.path) else { continue };
        if below.is_empty() {
            messages.push(format!(
                "it is in one place of Vault ({prefix}) with {}: each would write over the other's \
                 secrets",
                other.name
            ));
            continue;
        }
        let Some(below) = below.strip_prefix('/') else { continue };
        let name = below.split('/').next().unwrap_or(below);
        if name == PULL_SECRET || other.applications.keys().any(|known| known.as_str() == name) {
            messages.push(format!(
                "it is in a folder of Vault ({prefix}) that is named like {}'s entry {name}, which \
                 lies beside it: policies and listings do not tell the two apart",
                other.name
            ));
        }
    }
    let place = |message: String| {
        let (file, line) =
            lines.of_first(&layout.files_of(&environment.name), layout.path_of_prefix());
        Finding::new(FindingKind::Place, message)
            .in_environment(Some(&environment.name))
            .in_file(file)
            .on_line(line)
    };
    messages.into_iter().map(place).collect()
}

fn is_one_server(one: &VaultLocation, other: &VaultLocation) -> bool {
    one.url.trim_end_matches('/').eq_ignore_ascii_case(other.url.trim_end_matches('/'))
}
