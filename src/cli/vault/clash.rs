//! Names in Vault that two environments share: the AppRole is named after the
//! last part of the path, and the policies after the path without its mount.
//! Taking such a name over would lock out whoever has it.

use crate::cli::CliError;
use crate::model::VaultLocation;
use crate::vault::{AppRole, VaultClient};

/// The policy of another environment that a role has in place of this one's.
pub(super) fn other_policy<'a>(role: &'a AppRole, location: &VaultLocation) -> Option<&'a str> {
    other(&role.policies, &location.read_policy())
}

/// Whether policies are those of another environment that has one of the kind
/// of `own`.
pub(super) fn is_of_another(policies: &[String], own: &str) -> bool {
    other(policies, own).is_some()
}

/// The policy that stands in the place of `own`: one whose name ends alike.
fn other<'a>(policies: &'a [String], own: &str) -> Option<&'a str> {
    let mut names = policies.iter().map(String::as_str);
    if names.clone().any(|name| name == own) {
        return None;
    }
    let (_, kind) = own.rsplit_once('/')?;
    names.find(|name| name.rsplit_once('/').is_some_and(|(_, other)| other == kind))
}

/// A name for the AppRole that no other environment has: its whole path.
pub(super) fn fitting_role(location: &VaultLocation) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let plain = |c| if is_plain(c) { c } else { '-' };
    format!("{}-{}", location.mount, location.path).chars().map(plain).collect()
}

/// Stops where an AppRole is another environment's.
pub(super) fn refuse_role(
    name: &str,
    role: &AppRole,
    location: &VaultLocation,
) -> Result<(), CliError> {
    let Some(policy) = other_policy(role, location) else { return Ok(()) };
    let own = location.read_policy();
    let fitting = fitting_role(location);
    Err(CliError::vault(format!(
        "the AppRole {name} has the policy {policy}, not {own}: it may be that of another \
         environment, whose cluster would be locked out; nothing was changed"
    ))
    .hint(format!("to make one of another name: --role {fitting}"))
    .hint("where it is this environment's, from before its path in Vault changed: --take-over"))
}

/// Stops where a policy is another environment's: one on another mount, or
/// whose path differs in upper and lower case.
pub(super) async fn refuse_policy(
    vault: &VaultClient,
    name: &str,
    location: &VaultLocation,
) -> Result<(), CliError> {
    let Some(text) = vault.policy(name).await? else { return Ok(()) };
    let is_own = ["data", "metadata"].iter().any(|area| {
        let below = format!("\"{}/{area}/{}", location.mount, location.path);
        let mut rest = text.split(below.as_str()).skip(1);
        rest.any(|rest| rest.starts_with(['/', '"']))
    });
    let is_of_entries = text.contains("/data/") || text.contains("/metadata/");
    if is_own || !is_of_entries {
        return Ok(());
    }
    let place = format!("{}/{}", location.mount, location.path);
    Err(CliError::vault(format!(
        "the policy {name} is about another place in Vault than {place}: it may be that of \
         another environment, which would be locked out; nothing was changed"
    ))
    .hint("see it with: vault policy read NAME; to replace it: --take-over")
    .hint("to keep both, give one of the environments another path (vault-path-prefix)"))
}
