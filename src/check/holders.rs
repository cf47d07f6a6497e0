//! What is wrong with the files of holders, whatever is sealed to them.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use super::with_causes;
use crate::layout::{Layout, LayoutError, RESERVED_APPLICATIONS};
use crate::model::{ApplicationName, Environment, EnvironmentName, HolderName};
use crate::store::{Access, Holder, Holders, SECRETS, StoreError};
use crate::suggest::nearest;
use crate::tree::Tree;

/// Files of holders that cannot be read.
pub(super) fn unreadable(tree: &Tree) -> Result<Vec<Finding>, StoreError> {
    let findings = Holders::faulty(tree)?.into_iter().map(|(file, error)| {
        let (line, message) = match &error {
            StoreError::Malformed { line, message, .. } => (*line, message.clone()),
            StoreError::PrivateKey { line, .. } => {
                let message = "there is a private key here, where only public ones may be";
                (Some(*line), message.to_owned())
            }
            error => (None, with_causes(error)),
        };
        let message = message.strip_prefix(&format!("{file}: ")).unwrap_or(&message).to_owned();
        Finding::new(FindingKind::Holder, message).in_file(file).on_line(line)
    });
    Ok(findings.collect())
}

/// Keys that several holders have, and holders with access who have none.
pub(super) fn keys(holders: &Holders) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut owners: BTreeMap<(&str, String), &HolderName> = BTreeMap::new();
    for (name, holder) in holders.iter() {
        let found = |message: String| {
            Finding::new(FindingKind::Holder, message).in_file(Holder::path(name))
        };
        let keys = holder.keys.iter().map(|key| ("key", key.as_str().to_owned()));
        let signing = holder.signing_keys.iter().map(|key| ("signing key", key.to_string()));
        let mut shared: BTreeMap<(&HolderName, &str), usize> = BTreeMap::new();
        for (what, key) in keys.chain(signing) {
            let owner = *owners.entry((what, key)).or_insert(name);
            if owner != name {
                *shared.entry((owner, what)).or_default() += 1;
            }
        }
        findings.extend(shared.into_iter().map(|((owner, what), count)| {
            let keys = if count == 1 { format!("a {what}") } else { format!("{count} {what}s") };
            found(format!(
                "it lists {keys} of {owner}: whoever is removed under one name keeps what the \
                 other may do"
            ))
        }));
        // Who only signs needs no key to read with.
        if holder.keys.is_empty() && holder.signing_keys.is_empty() && !holder.access.is_empty() {
            findings
                .push(found("it has access and no key, so nothing can be sealed to it".to_owned()));
        }
    }
    findings
}

/// Access to environments and applications that are not there.
pub(super) fn access<'a>(
    holders: &Holders,
    tree: &Tree,
    layout: Layout,
    specs: impl Fn(&EnvironmentName) -> Option<&'a Result<Environment, LayoutError>>,
    known: &[EnvironmentName],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, holder) in holders.iter() {
        for access in &holder.access {
            let (message, near) = match access {
                Access::Everything => continue,
                Access::Environment(environment) | Access::Application(environment, _)
                    if !known.contains(environment) =>
                {
                    // What a retired environment left is still to be read.
                    if tree.has_folder(&format!("{SECRETS}/{environment}")) {
                        continue;
                    }
                    let names = known.iter().map(EnvironmentName::as_str);
                    let near = nearest(environment.as_str(), names);
                    (format!("it may read {access}, and there is no such environment"), near)
                }
                Access::Environment(_) => continue,
                Access::Application(environment, application) => {
                    let Some(Ok(specs)) = specs(environment) else { continue };
                    // One that is only switched off, or has values, is there.
                    let is_there = specs.applications.contains_key(application)
                        || layout.has_application(tree, application)
                        || tree.has_folder(&format!("{SECRETS}/{environment}/{application}"))
                        || RESERVED_APPLICATIONS.contains(&application.as_str());
                    if is_there {
                        continue;
                    }
                    let names = specs.applications.keys().map(ApplicationName::as_str);
                    let near = nearest(application.as_str(), names);
                    (format!("it may read {access}, and there is no such application"), near)
                }
            };
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let finding = Finding::new(FindingKind::Holder, message + &near);
            findings.push(finding.in_file(Holder::path(name)));
        }
    }
    findings
}
