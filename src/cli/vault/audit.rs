//! `vault audit`: what is wrong with who may read and write an environment.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::write_token::find;
use super::{Credentials, Target};
use crate::cli::{CliError, Context, Exit};
use crate::model::VaultLocation;
use crate::vault::{TokenDescription, VaultClient, VaultError, read_policy, write_policy};

/// How long before its end a token is reported.
const WARNING_TIME: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It takes a token that may read policies and AppRoles, and list the accessors \
    of tokens."
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let environment = args.target.environment(context)?;
    let location = args.target.location(&environment);
    let report = args.target.server.with_vault(
        Credentials::Administrator,
        &environment,
        context,
        async |vault| {
            let mut report = audit_approle(vault, &location).await?;
            report += &audit_write_tokens(vault, &location, Timestamp::now()).await?;
            Ok(report)
        },
    )?;
    context.ui.data(report.as_bytes())?;
    Ok(if report.is_empty() { Exit::Done } else { Exit::Findings })
}

/// The report on the AppRole, as the Python CLI words it.
async fn audit_approle(
    vault: &VaultClient,
    location: &VaultLocation,
) -> Result<String, VaultError> {
    let name = location.read_approle();
    let Some(role) = vault.approle(name).await? else {
        return Ok(format!("No read AppRole ({name})\n"));
    };
    let policy = location.read_policy();
    let mut errors = audit_policies(&role.policies, &policy);
    errors.extend(audit_policy(vault, &policy, &read_policy(location)).await?);
    Ok(section(&format!("Problems with read AppRole ({name})"), &errors))
}

async fn audit_write_tokens(
    vault: &VaultClient,
    location: &VaultLocation,
    now: Timestamp,
) -> Result<String, VaultError> {
    let tokens = find(vault, location).await?;
    if tokens.is_empty() {
        return Ok(format!("No write token ({})\n", location.write_token()));
    }
    let mut report = String::new();
    if tokens.len() > 1 {
        report.push_str("Multiple write tokens found\n");
    }
    let policy = location.write_policy();
    let contents = audit_policy(vault, &policy, &write_policy(location)).await?;
    for token in &tokens {
        let mut errors: Vec<String> = audit_expiry(token, now).into_iter().collect();
        errors.extend(audit_policies(&token.policies, &policy));
        errors.extend(contents.clone());
        report += &section(&format!("Problems with write token ({})", token.display_name), &errors);
    }
    Ok(report)
}

fn audit_expiry(token: &TokenDescription, now: Timestamp) -> Option<String> {
    let Some(expires) = token.expires else {
        return Some("Token expiration missing".to_owned());
    };
    let time = expires.strftime("%Y-%m-%d %H:%M:%S");
    if expires < now {
        return Some(format!("Token expired at {time}"));
    }
    let is_soon = expires.duration_since(now) < WARNING_TIME;
    is_soon.then(|| format!("Token will expire at {time}"))
}

fn audit_policies(found: &[String], expected: &str) -> Vec<String> {
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let missing = (!found.contains(expected)).then(|| format!("Missing policy {expected}"));
    let others = found.iter().filter(|name| ![expected, "default"].contains(name));
    missing.into_iter().chain(others.map(|name| format!("Unexpected policy {name}"))).collect()
}

/// Compares the text of a policy, white space aside.
async fn audit_policy(
    vault: &VaultClient,
    name: &str,
    expected: &str,
) -> Result<Option<String>, VaultError> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let there = vault.policy(name).await?;
    let is_right = there.is_some_and(|text| words(&text) == words(expected));
    Ok((!is_right).then(|| format!("Policy {name} doesn't have expected contents")))
}

fn section(heading: &str, errors: &[String]) -> String {
    if errors.is_empty() {
        return String::new();
    }
    let bullets: String = errors.iter().map(|error| format!("• {error}\n")).collect();
    format!("{heading}:\n{bullets}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_reported_before_they_expire() {
        let now: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
        let audit = |expires: Option<&str>| {
            let expires = expires.map(|time| time.parse().unwrap());
            let (display_name, accessor) = ("token-demo".to_owned(), String::new());
            let policies = Vec::new();
            audit_expiry(&TokenDescription { display_name, accessor, policies, expires }, now)
        };
        assert_eq!(audit(None).unwrap(), "Token expiration missing");
        assert_eq!(
            audit(Some("2026-01-09T23:59:59Z")).unwrap(),
            "Token expired at 2026-01-09 23:59:59"
        );
        assert_eq!(
            audit(Some("2026-01-16T23:59:59Z")).unwrap(),
            "Token will expire at 2026-01-16 23:59:59"
        );
        assert_eq!(audit(Some("2026-01-17T00:00:00Z")), None);
    }
}
