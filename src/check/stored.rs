//! What is stored for an environment, beside what its specs ask for.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind};
use super::place::StoredFile;
use super::specs::Lines;
use crate::encoding;
use crate::layout::{Layout, OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, HolderName, KeyName, Kind, SecretId,
};
use crate::static_values::WRITE_TOKEN_KEY;
use crate::store::{Store, is_backup};
use crate::tree::Tree;

/// Stored values that nothing asks for: those that no spec could ever ask for,
/// and those that are only not needed now, since their application is switched
/// off or a condition is false.
pub(super) fn unwanted(
    tree: &Tree,
    layout: Layout,
    lines: &mut Lines<'_>,
    specs: &Environment,
    stored: &[StoredFile],
) -> (Vec<Finding>, Vec<SecretId>) {
    let (mut findings, mut not_needed_now) = (Vec::new(), Vec::new());
    for StoredFile { id, path } in stored {
        let Some(why) = why_unwanted(specs, id) else { continue };
        if specs.spec(&id.application, &id.key).is_none()
            && has_spec(tree, layout, lines, &id.application, &id.key)
        {
            not_needed_now.push(id.clone());
        } else {
            let finding = Finding::new(FindingKind::Stray, why);
            findings.push(finding.of_secret(id.clone()).in_file(path));
        }
    }
    (findings, not_needed_now)
}

/// Whether any spec of an application has a key, for whatever environment and
/// under whatever condition.
fn has_spec(
    tree: &Tree,
    layout: Layout,
    lines: &mut Lines<'_>,
    application: &ApplicationName,
    key: &KeyName,
) -> bool {
    let files = layout.specs_of(tree, application);
    files.iter().any(|file| lines.of(file, &layout.path_of_spec(key)).is_some())
}

/// Required static values that are not stored.
pub(super) fn missing(specs: &Environment, stored: &[StoredFile]) -> Vec<Finding> {
    let has: BTreeSet<&SecretId> = stored.iter().map(|file| &file.id).collect();
    let required = specs.secrets().filter(|(_, _, spec)| spec.kind == Kind::Static);
    let missing: Vec<SecretId> = required
        .map(|(application, key, _)| {
            SecretId::new(specs.name.clone(), application.clone(), key.clone())
        })
        .filter(|id| !has.contains(id))
        .collect();
    if stored.iter().all(|file| is_backup(&file.id)) && !missing.is_empty() {
        let message = match missing.len() {
            1 => "its one static value is not stored".to_owned(),
            count => format!("none of its {count} static values is stored"),
        };
        let finding = Finding::new(FindingKind::Empty, message);
        return vec![finding.in_environment(Some(&specs.name))];
    }
    let finding = |id| Finding::new(FindingKind::Missing, "it is required").of_secret(id);
    missing.into_iter().map(finding).collect()
}

/// Why nothing asks for a stored value.
fn why_unwanted(specs: &Environment, id: &SecretId) -> Option<String> {
    if is_backup(id) {
        return None;
    }
    match id.application.as_str() {
        PULL_SECRET | OIDC_CLIENTS => return None,
        VAULT_WRITE_TOKEN if id.key.as_str() == WRITE_TOKEN_KEY => return None,
        VAULT_WRITE_TOKEN => {
            return Some(format!("the key of {VAULT_WRITE_TOKEN} is {WRITE_TOKEN_KEY}"));
        }
        _ => {}
    }
    if !specs.applications.contains_key(&id.application) {
        return Some(format!("{} does not enable {}", specs.name, id.application));
    }
    match specs.spec(&id.application, &id.key).map(|spec| &spec.kind) {
        Some(Kind::Static) => None,
        Some(kind) => Some(format!("it is of kind {}, so nothing uses this value", kind.name())),
        None => {
            let keys = specs.applications.get(&id.application).map(|one| one.secrets.keys());
            let is_alike = |key: &&KeyName| encoding::differ_in_form(key.as_str(), id.key.as_str());
            Some(match keys.into_iter().flatten().find(is_alike) {
                None => "no spec asks for it".to_owned(),
                Some(key) => format!(
                    "no spec asks for it: {} and the {} of a spec look the same, and are two \
                     forms of Unicode (NFC and NFD)",
                    id.key.as_str().escape_default(),
                    key.as_str().escape_default()
                ),
            })
        }
    }
}

/// Applications with values that no holder may read today.
pub(super) fn unreadable(store: &Store, values: &[&StoredFile]) -> Vec<Finding> {
    let mut counts: BTreeMap<(&EnvironmentName, &ApplicationName), usize> = BTreeMap::new();
    for StoredFile { id, .. } in values {
        *counts.entry((&id.environment, &id.application)).or_default() += 1;
    }
    let unreadable = counts.into_iter().filter(|((environment, application), _)| {
        store.holders.recipients_for(environment, application).is_empty()
    });
    unreadable
        .map(|((environment, application), count)| {
            let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
            let message = format!("no holder in recipients/ may read the {values} in it");
            let folder = format!("{}/{environment}/{application}", crate::store::SECRETS);
            Finding::new(FindingKind::Unreadable, message)
                .in_environment(Some(environment))
                .in_file(folder)
        })
        .collect()
}

/// How many values nobody could open any more if one key was lost, by the
/// holder whose it is.
pub(super) fn opened_by_one_key(
    store: &Store,
    values: &[&StoredFile],
) -> BTreeMap<HolderName, usize> {
    let mut counts = BTreeMap::new();
    for StoredFile { id, .. } in values {
        let mut readers = store.holders.iter().filter(|(_, holder)| {
            !holder.keys.is_empty() && holder.access.iter().any(|access| access.covers_secret(id))
        });
        if let (Some((name, holder)), None) = (readers.next(), readers.next())
            && holder.keys.len() == 1
        {
            *counts.entry(name.clone()).or_default() += 1;
        }
    }
    counts
}
