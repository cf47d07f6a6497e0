//! What to do about findings.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind};
use super::place::{NO_ENVIRONMENT, NOT_UTF8};
use crate::model::{EnvironmentName, SecretId};
use crate::shell::quoted;
use crate::store::{STORE_FILE, StoreSettings};

impl FindingKind {
    /// What to do about findings of this kind: lines with exact commands, one
    /// for each environment where they differ.
    #[must_use]
    pub fn advice(self, findings: &[Finding], settings: Option<&StoreSettings>) -> Vec<String> {
        let file = the_one(findings, |finding| finding.file.as_deref().map(quoted), "FILE");
        match self {
            Self::PrivateKey | Self::StaticFile => vec![
                format!("take it out of the commit: git rm --cached {file}"),
                "keep it outside of the checkout; if it was ever pushed, take what is in it for \
                 exposed and change it"
                    .to_owned(),
            ],
            Self::Plaintext => with_each(
                "take what it holds for exposed if it was ever pushed; change it where it comes \
                 from, then store it:",
                set_commands(findings),
            ),
            Self::Damaged => vec![format!(
                "see what happened: git log -- {file}; restore a good version: git checkout \
                 COMMIT -- {file}"
            )],
            Self::Recipients => with_each(
                &format!(
                    "others than its holders may be able to read it; see who changed it: git log \
                     -- {file}; then store a new value:"
                ),
                set_commands(findings),
            ),
            Self::Moved => with_each(
                "move it back to the secret that it was sealed for, or store the right value:",
                set_commands(findings),
            ),
            Self::Binary => with_each(
                &format!("store it anew: age --decrypt -i IDENTITY {file} |"),
                set_commands(findings),
            ),
            Self::Holder => vec![
                "correct the file that is named; then whoever can read the values runs: \
                 phalanx-secrets rekey"
                    .to_owned(),
            ],
            Self::Ignored => vec![
                "no commit would hold it; take away the line that is named, and then: git add \
                 secrets recipients"
                    .to_owned(),
            ],
            Self::Attributes => {
                vec!["add the line that init writes there: secrets/**/*.age -text".to_owned()]
            }
            Self::Unreadable => vec![
                "give a holder access: phalanx-secrets recipients grant HOLDER \
                 ENVIRONMENT[/APPLICATION]; whoever could read the values before then runs: \
                 phalanx-secrets rekey"
                    .to_owned(),
            ],
            Self::Stale | Self::Unbound => environments(findings)
                .into_iter()
                .map(|name| format!("someone who can read it runs: phalanx-secrets rekey {name}"))
                .collect(),
            Self::Unresolvable => with_exclusions(findings),
            Self::Place => {
                vec!["correct the path prefix, or the URL, in the file that is named".to_owned()]
            }
            Self::Copied | Self::Condition => {
                vec!["correct it in the file that is named".to_owned()]
            }
            Self::Name => vec![
                "rename it in the file that is named, and where the application's manifests use \
                 it; a stored value goes along with: phalanx-secrets rename ENVIRONMENT \
                 APPLICATION KEY NEW_KEY"
                    .to_owned(),
            ],
            Self::Case => vec![
                "give one of the two another name; a stored value goes along with: \
                 phalanx-secrets rename ENVIRONMENT APPLICATION KEY NEW_KEY"
                    .to_owned(),
            ],
            Self::Size => vec![
                "keep large files that are no secrets elsewhere, or give some of the values to \
                 another application"
                    .to_owned(),
            ],
            Self::Future => vec![
                "whatever goes by times takes it for the newest: correct the clock of whoever set \
                 it, then remove it and store it again"
                    .to_owned(),
            ],
            Self::Duplicate => with_each("give one of the two another id:", set_commands(findings)),
            Self::Undescribed => {
                vec!["write it there: phalanx itself refuses a secret without one".to_owned()]
            }
            Self::Missing => {
                let mut lines = with_each("store it:", set_commands(findings));
                for (name, count) in counted(findings) {
                    if count > 1 {
                        lines.push(format!("or all at once: {}", fill_commands(name.as_str())));
                    }
                }
                lines
            }
            Self::Empty => {
                let name = the_one(
                    findings,
                    |finding| finding.environment.as_ref().map(ToString::to_string),
                    "ENVIRONMENT",
                );
                let mut lines = vec![format!("to keep them here: {}", fill_commands(&name))];
                let mut kept: BTreeSet<&str> = settings
                    .into_iter()
                    .flat_map(|all| &all.not_served)
                    .map(String::as_str)
                    .collect();
                kept.extend(environments(findings).into_iter().map(EnvironmentName::as_str));
                let kept: Vec<String> = kept.into_iter().map(|name| format!("{name:?}")).collect();
                lines.push(format!(
                    "if they are kept elsewhere, say so in {STORE_FILE}: not-served = [{}]",
                    kept.join(", ")
                ));
                lines
            }
            Self::Stray => {
                let mut lines = Vec::new();
                let (leftovers, others): (Vec<&Finding>, Vec<&Finding>) =
                    findings.iter().partition(|finding| is_leftover(finding));
                if !leftovers.is_empty() {
                    lines.push("what a command left is removed by: phalanx-secrets rekey".into());
                }
                // A sealed value is not in the clear.
                let (values, others): (Vec<&Finding>, Vec<&Finding>) =
                    others.into_iter().partition(|finding| finding.id.is_some());
                if !values.is_empty() {
                    lines.push(format!("remove the value: {}", remove_command(&values)));
                }
                let (retired, others): (Vec<&Finding>, Vec<&Finding>) = others
                    .into_iter()
                    .partition(|finding| finding.message.starts_with(NO_ENVIRONMENT));
                if !retired.is_empty() {
                    let name = match retired.as_slice() {
                        [one] => one.file.as_deref().and_then(|file| file.rsplit('/').next()),
                        _ => None,
                    };
                    lines.push(format!(
                        "where it was retired, what it left is removed by: phalanx-secrets remove {}",
                        name.map_or_else(|| "ENVIRONMENT".into(), quoted)
                    ));
                }
                if !others.is_empty() {
                    let file = match others.as_slice() {
                        [one] => one.file.as_deref().map(|file| for_shell(one, file)),
                        _ => None,
                    };
                    lines.push(format!(
                        "remove it: rm -r {} (a value in the clear that was ever pushed is \
                         exposed: change it)",
                        file.as_deref().unwrap_or("FILE")
                    ));
                }
                lines
            }
            Self::Specs => vec!["correct the file that is named".to_owned()],
            Self::Setting => vec![format!("correct {STORE_FILE}")],
        }
    }
}

fn is_leftover(finding: &Finding) -> bool {
    let name = finding.file.as_deref().and_then(|file| file.rsplit('/').next());
    name.is_some_and(crate::store::is_leftover)
}

/// What the only finding gives, or a placeholder.
fn the_one(
    findings: &[Finding],
    of: impl Fn(&Finding) -> Option<String>,
    placeholder: &str,
) -> String {
    match findings {
        [one] => of(one),
        _ => None,
    }
    .unwrap_or_else(|| placeholder.to_owned())
}

/// Without which applications a sync would do the rest.
fn with_exclusions(findings: &[Finding]) -> Vec<String> {
    let mut lines = vec![
        "correct the spec, or enable the application that it starts from; until then, leave its \
         application out:"
            .to_owned(),
    ];
    let mut excluded: BTreeMap<&EnvironmentName, BTreeSet<&str>> = BTreeMap::new();
    for id in findings.iter().filter_map(|finding| finding.id.as_ref()) {
        excluded.entry(&id.environment).or_default().insert(id.application.as_str());
    }
    lines.extend(excluded.into_iter().map(|(environment, applications)| {
        let options: String =
            applications.into_iter().map(|name| format!(" --exclude {name}")).collect();
        format!("phalanx-secrets sync {environment}{options}")
    }));
    lines
}

/// A path as a shell takes it.
fn for_shell(finding: &Finding, file: &str) -> String {
    match finding.message == NOT_UTF8 {
        true => format!("$'{file}'"),
        false => quoted(file),
    }
}

fn environments(findings: &[Finding]) -> BTreeSet<&EnvironmentName> {
    findings.iter().filter_map(|finding| finding.environment.as_ref()).collect()
}

fn counted(findings: &[Finding]) -> BTreeMap<&EnvironmentName, usize> {
    let mut counts = BTreeMap::new();
    for name in findings.iter().filter_map(|finding| finding.environment.as_ref()) {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// How the values of findings are stored: the whole command for an
/// environment with one, else with placeholders.
fn set_commands(findings: &[Finding]) -> Vec<String> {
    let mut by_environment: BTreeMap<&EnvironmentName, Vec<&SecretId>> = BTreeMap::new();
    for id in findings.iter().filter_map(|finding| finding.id.as_ref()) {
        by_environment.entry(&id.environment).or_default().push(id);
    }
    let command = |(name, ids): (&EnvironmentName, Vec<&SecretId>)| match ids.as_slice() {
        [id] => {
            format!("phalanx-secrets set {name} {} {}", id.application, quoted(id.key.as_str()))
        }
        _ => format!("phalanx-secrets set {name} APPLICATION KEY"),
    };
    by_environment.into_iter().map(command).collect()
}

/// How stored values are removed: the whole command where it is one.
fn remove_command(findings: &[&Finding]) -> String {
    match findings {
        [Finding { id: Some(id), .. }] => format!(
            "phalanx-secrets remove {} {} {}",
            id.environment,
            id.application,
            quoted(id.key.as_str())
        ),
        _ => "phalanx-secrets remove ENVIRONMENT APPLICATION KEY".to_owned(),
    }
}

fn fill_commands(name: &str) -> String {
    format!(
        "phalanx-secrets static-template {name} > FILE, fill it in outside of the checkout, \
         phalanx-secrets import {name} FILE"
    )
}

fn with_each(what: &str, commands: Vec<String>) -> Vec<String> {
    if commands.is_empty() {
        return vec![format!("{what} phalanx-secrets set ENVIRONMENT APPLICATION KEY")];
    }
    commands.into_iter().map(|command| format!("{what} {command}")).collect()
}
