//! `vault audit`: what is wrong with who may read and write an environment.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::python::report_time;
use super::{Credentials, Target, clash, tokens};
use crate::cli::{CliError, Context, Exit, Ui};
use crate::model::{EnvironmentName, VaultLocation};
use crate::vault::{AppRole, TokenDescription, VaultClient, VaultError, read_policy, write_policy};

/// How long before its end a token is reported.
const WARNING_TIME: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, clap::Args)]
#[command(after_help = "It takes an administrator's token; docs/vault.md has the policy for it.")]
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
            let (location, environment) = (&location, &environment.name);
            let audit = Audit { vault, location, environment, ui: context.ui };
            Ok(audit.report(Timestamp::now()).await?)
        },
    )?;
    context.ui.data(report.text.as_bytes())?;
    for hint in &report.hints {
        context.ui.hint(hint);
    }
    Ok(if report.text.is_empty() { Exit::Done } else { Exit::Findings })
}

/// What is wrong, as the Python CLI words it, and what mends it.
#[derive(Default)]
struct Report {
    text: String,
    hints: Vec<String>,
}

impl Report {
    fn hint(&mut self, hint: String) {
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
    }

    /// Adds what is wrong with one thing, if there is something.
    fn section(&mut self, heading: &str, errors: &[String]) {
        if !errors.is_empty() {
            let bullets: String = errors.iter().map(|error| format!("• {error}\n")).collect();
            self.text.push_str(&format!("{heading}:\n{bullets}"));
        }
    }
}

/// What the text of a policy is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    Right,
    /// Right but for white space around it.
    Padded,
    Wrong,
}

struct Audit<'a> {
    vault: &'a VaultClient,
    location: &'a VaultLocation,
    environment: &'a EnvironmentName,
    ui: &'a Ui,
}

impl Audit<'_> {
    async fn report(&self, now: Timestamp) -> Result<Report, VaultError> {
        let mut report = Report::default();
        let Self { vault, location, environment, ui } = self;
        let (name, role) = self.find_role(&mut report).await?;
        let tokens = tokens::all(vault, ui).await?;
        let policy = location.read_policy();
        let mut readers = tokens::named(tokens.clone(), &location.read_token());
        // Others are of an environment whose own name ends like this.
        readers.retain(|token| token.policies.contains(&policy));
        // The cluster may have either of them.
        if role.is_none() && readers.is_empty() {
            report.text.push_str(&format!("No read AppRole ({name})\n"));
            let named = match name == location.read_approle() {
                true => String::new(),
                false => format!(" --role {name}"),
            };
            report.hint(format!(
                "make it with: phalanx-secrets vault create-read-approle {environment}{named}"
            ));
        } else {
            let rules = self.rules(&policy, &read_policy(location)).await?;
            if let Some(role) = role {
                self.report_role(&mut report, &name, &role, rules);
            }
            self.report_tokens(&mut report, "read", &readers, (&policy, rules), now);
        }

        let mut writers = tokens::named(tokens, &location.write_token());
        let own = location.write_policy();
        if writers.iter().any(|token| token.policies.contains(&own)) {
            // Others may be of an environment whose path ends alike.
            writers.retain(|token| !clash::is_of_another(&token.policies, &own));
        }
        if writers.is_empty() {
            report.text.push_str(&format!("No write token ({})\n", location.write_token()));
            report.hint(format!(
                "make it with: phalanx-secrets vault create-write-token {environment}"
            ));
            return Ok(report);
        }
        let policy = location.write_policy();
        let rules = self.rules(&policy, &write_policy(location)).await?;
        self.report_tokens(&mut report, "write", &writers, (&policy, rules), now);
        Ok(report)
    }

    /// The AppRole of the environment, and its name. Where another environment
    /// has the usual one, it is any with the environment's policy.
    async fn find_role(
        &self,
        report: &mut Report,
    ) -> Result<(String, Option<AppRole>), VaultError> {
        let Self { vault, location, .. } = self;
        let usual = location.read_approle().to_owned();
        let role = vault.approle(&usual).await?;
        let clash = role.as_ref().and_then(|role| clash::other_policy(role, location));
        if role.as_ref().is_some_and(|_| clash.is_none()) {
            return Ok((usual, role));
        }
        let own = location.read_policy();
        for name in vault.approles().await? {
            let found = match vault.approle(&name).await {
                // It is another environment's as far as this token goes.
                Err(error) if error.is_forbidden() => continue,
                found => found?,
            };
            if found.as_ref().is_some_and(|role| role.policies.contains(&own)) {
                return Ok((name, found));
            }
        }
        let Some(policy) = clash else { return Ok((usual, None)) };
        report.hint(format!(
            "the AppRole {usual} has the policy {policy}: it may be that of another environment \
             whose Vault path ends alike; if it is this one's, from before its path changed: \
             phalanx-secrets vault create-read-approle {} --take-over",
            self.environment
        ));
        Ok((clash::fitting_role(location), None))
    }

    fn report_role(&self, report: &mut Report, name: &str, role: &AppRole, rules: Rules) {
        let policy = self.location.read_policy();
        let mut errors = audit_policies(&role.policies, &policy);
        let must_be_made = !errors.is_empty() || rules == Rules::Wrong;
        errors.extend(audit_rules(&policy, rules));
        report.section(&format!("Problems with read AppRole ({name})"), &errors);
        if must_be_made {
            let named = match name == self.location.read_approle() {
                true => String::new(),
                false => format!(" --role {name}"),
            };
            report.hint(format!(
                "make the AppRole right, with a new SecretID that the cluster then needs: \
                 phalanx-secrets vault create-read-approle {}{named}",
                self.environment
            ));
        } else if rules == Rules::Padded {
            report.hint(without_padding(&policy));
        }
    }

    fn report_tokens(
        &self,
        report: &mut Report,
        kind: &str,
        tokens: &[TokenDescription],
        (policy, rules): (&str, Rules),
        now: Timestamp,
    ) {
        if tokens.len() > 1 {
            report.text.push_str(&format!("Multiple {kind} tokens found\n"));
        }
        let mut must_be_made = tokens.len() > 1 || (!tokens.is_empty() && rules == Rules::Wrong);
        for token in tokens {
            let mut errors: Vec<String> = audit_expiry(token, now).into_iter().collect();
            errors.extend(audit_policies(&token.policies, policy));
            must_be_made |= !errors.is_empty();
            errors.extend(audit_rules(policy, rules));
            let name = &token.display_name;
            report.section(&format!("Problems with {kind} token ({name})"), &errors);
        }
        let is_other = |token: &TokenDescription| !token.policies.iter().any(|one| one == policy);
        let environment = self.environment;
        let make = format!("phalanx-secrets vault create-{kind}-token {environment}");
        if tokens.iter().any(is_other) {
            report.hint(format!(
                "a token without the policy {policy} may be that of another environment whose \
                 Vault path ends alike; if not, make a {kind} token that takes the place of all: \
                 {make} --revoke-others"
            ));
        } else if must_be_made {
            report.hint(format!("make a {kind} token that takes the place of all: {make}"));
        } else if rules == Rules::Padded && !tokens.is_empty() {
            report.hint(without_padding(policy));
        }
    }

    /// Compares the text of a policy.
    async fn rules(&self, name: &str, expected: &str) -> Result<Rules, VaultError> {
        Ok(match self.vault.policy(name).await? {
            Some(text) if text == expected => Rules::Right,
            Some(text) if text.trim() == expected => Rules::Padded,
            _ => Rules::Wrong,
        })
    }
}

/// How to mend a policy that an older version of this program wrote, without
/// new credentials.
fn without_padding(policy: &str) -> String {
    format!(
        "the policy {policy} allows what it should, but phalanx vault audit wants it without the \
         line feed that older versions of this program left at its end: printf %s \"$(vault \
         policy read {policy})\" | vault policy write {policy} -"
    )
}

fn audit_expiry(token: &TokenDescription, now: Timestamp) -> Option<String> {
    let Some(expires) = token.expires else {
        return Some("Token expiration missing".to_owned());
    };
    let time = report_time(expires);
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

fn audit_rules(policy: &str, rules: Rules) -> Option<String> {
    (rules != Rules::Right).then(|| format!("Policy {policy} doesn't have expected contents"))
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
