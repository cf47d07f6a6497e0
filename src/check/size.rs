//! Applications whose values come to more than a Kubernetes Secret holds, by
//! the lengths that sealed files show without any key.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use crate::kubernetes::MAX_SECRET;
use crate::model::{ApplicationName, Environment, KeyName, Kind, SecretId};
use crate::store::SECRETS;

/// More copies of copies than there are in any environment.
const MAX_CHAIN: usize = 50;

/// The applications of an environment that are too large. What is yet to be
/// generated is small, and counts for nothing here.
pub(super) fn findings(specs: &Environment, lengths: &BTreeMap<SecretId, u64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (application, needs) in &specs.applications {
        let length = |key| length_of(specs, lengths, application, key, 0);
        let total: u64 = needs.secrets.keys().map(length).sum();
        if total > MAX_SECRET {
            let largest = needs.secrets.keys().max_by_key(|key| length(key));
            let largest = largest.map(|key| format!(" ({key} alone has {})", length(key)));
            let message = format!(
                "its values come to {total} bytes{}, which is larger than the {MAX_SECRET} (1 MiB) \
                 that a Kubernetes Secret holds: Kubernetes would refuse all of it",
                largest.unwrap_or_default()
            );
            let folder = format!("{SECRETS}/{}/{application}", specs.name);
            let finding = Finding::new(FindingKind::Size, message).in_file(folder);
            findings.push(finding.in_environment(Some(&specs.name)));
        }
    }
    findings
}

fn length_of(
    specs: &Environment,
    lengths: &BTreeMap<SecretId, u64>,
    application: &ApplicationName,
    key: &KeyName,
    depth: usize,
) -> u64 {
    match specs.spec(application, key).map(|spec| &spec.kind) {
        Some(Kind::Static) => {
            let id = SecretId::new(specs.name.clone(), application.clone(), key.clone());
            lengths.get(&id).copied().unwrap_or_default()
        }
        Some(Kind::Value(value)) => value.expose().len() as u64,
        Some(Kind::Copy(source)) if depth < MAX_CHAIN => {
            length_of(specs, lengths, &source.application, &source.key, depth + 1)
        }
        _ => 0,
    }
}
