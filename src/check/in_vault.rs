//! Where environments are in Vault, as far as their files can be wrong about
//! it.

use super::finding::{Finding, FindingKind};
use super::overlap::{Neighbours, Shared};
use super::specs::Lines;
use crate::layout::Layout;
use crate::model::{Environment, VaultLocation};
use crate::printable::printable;

/// What Vault's API puts after the mount, and no path within it begins with.
const API: [&str; 2] = ["data", "metadata"];

/// The same path prefix without what only the API has in it, where it has such.
#[must_use]
pub fn without_api_path(vault: &VaultLocation) -> Option<String> {
    let (first, rest) = vault.path.split_once('/').unwrap_or((&vault.path, ""));
    let rest = if rest.is_empty() { "PATH" } else { rest };
    API.contains(&first).then(|| format!("{}/{rest}", vault.mount))
}

/// What is wrong with the URL of a server. One that is not there yet is another
/// matter: `--vault-url` can name one.
fn fault_of_url(url: &str) -> Option<&'static str> {
    if url.is_empty() {
        return None;
    }
    match reqwest::Url::parse(url) {
        Err(_) => Some("is none"),
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            Some("is of neither https nor http")
        }
        Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => Some("has no host"),
        Ok(_) => None,
    }
}

/// Environments whose places in Vault are no good places.
pub(super) fn findings(
    layout: Layout,
    lines: &mut Lines<'_>,
    environment: &Environment,
    neighbours: &Neighbours,
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
    for overlap in neighbours.of(&environment.name, vault) {
        let hint = overlap.hint(&environment.name).map(|hint| format!("; {hint}"));
        messages.push(format!("{}{}", overlap.text(vault), hint.unwrap_or_default()));
    }
    let place = |message: String| {
        let (file, line) =
            lines.of_first(&layout.files_of(&environment.name), layout.path_of_prefix());
        Finding::new(FindingKind::Place, message)
            .in_environment(Some(&environment.name))
            .in_file(file)
            .on_line(line)
    };
    let mut findings: Vec<Finding> = messages.into_iter().map(place).collect();
    if let Some(fault) = fault_of_url(&vault.url) {
        let (file, line) =
            lines.of_first(&layout.files_of(&environment.name), layout.path_of_url());
        let message = format!("the URL of its Vault {fault}: it begins with https:// and a host");
        let finding = Finding::new(FindingKind::Place, message);
        findings.push(finding.in_environment(Some(&environment.name)).in_file(file).on_line(line));
    }
    let mut copied = |path: &[&str], message: String| {
        let (file, line) = lines.of_first(&layout.files_of(&environment.name), path);
        let finding = Finding::new(FindingKind::Copied, message);
        findings.push(finding.in_environment(Some(&environment.name)).in_file(file).on_line(line));
    };
    if let Some(other) = neighbours.named_after(&environment.name, vault) {
        let message = format!(
            "its place in Vault ({prefix}) is named after {other}: its file was swapped with that \
             of {other}, or copied from it"
        );
        copied(layout.path_of_prefix(), message);
    }
    if let Some(declared) = neighbours.misnamed(&environment.name) {
        let declared = printable(declared);
        let message = format!(
            "it calls itself {declared}: the file was copied from that environment, or is named \
             wrongly"
        );
        copied(layout.path_of_name(), message);
    }
    for (shared, other) in neighbours.copied(&environment.name) {
        match shared {
            Shared::Fqdn => copied(&["fqdn"], format!("it has the domain name of {other}")),
            Shared::Onepassword => copied(
                layout.path_of_vault_title(),
                format!(
                    "it has the vault of {other} in 1Password, and would be given the values of \
                     that"
                ),
            ),
        }
    }
    findings
}
