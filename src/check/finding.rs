//! What can be wrong with a store, and what to do about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{EnvironmentName, SecretId};
use crate::shell::quoted;
use crate::store::{STORE_FILE, StoreSettings};

/// What kind of thing is wrong, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Something in the clear where a sealed file should be.
    Plaintext,
    /// A sealed file that is damaged, or was changed after sealing.
    Damaged,
    /// A sealed file with other recipients than it says it has.
    Recipients,
    /// A sealed file in another secret's place.
    Moved,
    /// A sealed file in age's binary form.
    Binary,
    /// Stored values that no holder may read.
    Unreadable,
    /// A sealed file that is not sealed to exactly today's holders.
    Stale,
    /// A sealed file that stock tools made.
    Unbound,
    /// A required static value that is not stored.
    Missing,
    /// An environment for which nothing is stored at all.
    Empty,
    /// A file that does not belong in the store.
    Stray,
    /// An environment whose specs cannot be read.
    Specs,
    /// A setting of the store that means nothing.
    Setting,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The environment that is concerned.
    pub environment: Option<EnvironmentName>,
    /// The secret that is concerned.
    pub id: Option<SecretId>,
    /// The file or folder that is concerned, relative to the root.
    pub file: Option<String>,
    /// What is wrong. It holds nothing of any file's content but names.
    pub message: String,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, message: impl Into<String>) -> Self {
        Self { kind, environment: None, id: None, file: None, message: message.into() }
    }

    pub(super) fn in_environment(mut self, environment: Option<&EnvironmentName>) -> Self {
        self.environment = environment.cloned();
        self
    }

    pub(super) fn of_secret(mut self, id: SecretId) -> Self {
        self.environment = Some(id.environment.clone());
        self.id = Some(id);
        self
    }

    pub(super) fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// By kind, then by place.
    pub(super) fn order(&self) -> impl Ord + use<> {
        (self.kind, self.environment.clone(), self.file.clone(), self.id.clone())
    }
}

impl FindingKind {
    /// What findings of this kind have in common.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Plaintext => "Not sealed",
            Self::Damaged => "Damaged, or changed after sealing",
            Self::Recipients => "Recipients that do not add up",
            Self::Moved => "In another secret's place",
            Self::Binary => "Sealed in the binary form",
            Self::Unreadable => "Readable by nobody",
            Self::Stale => "Not sealed to exactly today's holders",
            Self::Unbound => "Sealed by another tool",
            Self::Missing => "Required and not stored",
            Self::Empty => "Environments for which nothing is stored",
            Self::Stray => "Not part of the store",
            Self::Specs => "Environments that cannot be read",
            Self::Setting => "Settings that mean nothing",
        }
    }

    /// What to do about findings of this kind: lines with exact commands, one
    /// for each environment where they differ.
    #[must_use]
    pub fn advice(self, findings: &[Finding], settings: &StoreSettings) -> Vec<String> {
        let file = the_one(findings, |finding| finding.file.as_deref().map(quoted), "FILE");
        match self {
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
                let mut kept: BTreeSet<&str> =
                    settings.not_served.iter().map(String::as_str).collect();
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
                if !others.is_empty() {
                    let file = match others.as_slice() {
                        [one] => one.file.as_deref().map(quoted),
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
