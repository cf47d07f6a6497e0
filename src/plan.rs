//! What must change in Vault: desired against current.
//!
//! Pure, like [`resolve`](crate::resolve). A plan names secrets and never
//! holds a value, so it can be printed and passed on.

mod deletion;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use deletion::{Deletion, Guard, Reason, Spared, TooMuch};

use crate::kubernetes::MAX_SECRET;
use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Environment, KeyName, SecretValue};
use crate::printable::printable_name;
use crate::resolve::{Desired, Policy, Resolved};
use crate::static_values::is_same_pull_secret;
use crate::vault::{CurrentSecrets, CurrentValue, Entry};

/// The one key of the pull secret's entry.
pub const DOCKERCONFIGJSON: &str = ".dockerconfigjson";

/// What must change in Vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The entries that change, one write each.
    pub changes: BTreeMap<ApplicationName, EntryChange>,
    /// What Vault holds and no spec names, and is kept.
    pub unknown: BTreeSet<UnknownSecret>,
    /// What Vault holds and is only switched off, or may be, and is kept.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub spared: BTreeSet<Spared>,
}

/// How the entry of one application changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum EntryChange {
    /// There is none yet.
    Create {
        /// The keys that it gets.
        keys: BTreeMap<String, KeyChange>,
    },
    /// Some of its keys change; all others stay.
    Update {
        /// The keys that change.
        keys: BTreeMap<String, KeyChange>,
    },
    /// It goes.
    Delete,
}

impl EntryChange {
    /// The keys that change, unless all of it goes.
    #[must_use]
    pub fn keys(&self) -> Option<&BTreeMap<String, KeyChange>> {
        match self {
            Self::Create { keys } | Self::Update { keys } => Some(keys),
            Self::Delete => None,
        }
    }
}

/// How one key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyChange {
    /// It is added.
    Create,
    /// Its value changes.
    Update,
    /// It goes.
    Delete,
}

/// An entry in Vault, or a key of one, that no spec names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnknownSecret {
    /// The entry's name.
    pub application: String,
    /// The key, or `None` for all of the entry.
    pub key: Option<String>,
}

impl std::fmt::Display for UnknownSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Some(key) => {
                write!(f, "{} {}", printable_name(&self.application), printable_name(key))
            }
            None => f.write_str(&printable_name(&self.application)),
        }
    }
}

impl Plan {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether it deletes an entry or a key that another plan does not.
    #[must_use]
    pub fn deletes_beyond(&self, other: &Self) -> bool {
        self.changes.iter().any(|(application, change)| {
            let theirs = other.changes.get(application);
            let deletes = |key: &String| match theirs {
                Some(EntryChange::Delete) => true,
                Some(change) => change.keys().is_some_and(|keys| {
                    keys.get(key).is_some_and(|change| *change == KeyChange::Delete)
                }),
                None => false,
            };
            match change.keys() {
                None => !matches!(theirs, Some(EntryChange::Delete)),
                Some(keys) => {
                    keys.iter().any(|(key, change)| *change == KeyChange::Delete && !deletes(key))
                }
            }
        })
    }

    /// Adds a change that was made after those that are in it.
    pub(crate) fn add(&mut self, application: &ApplicationName, change: &EntryChange) {
        match (self.changes.get_mut(application), change) {
            (
                Some(EntryChange::Create { keys } | EntryChange::Update { keys }),
                EntryChange::Create { keys: more } | EntryChange::Update { keys: more },
            ) => keys.extend(more.iter().map(|(key, change)| (key.clone(), *change))),
            _ => {
                self.changes.insert(application.clone(), change.clone());
            }
        }
    }
}

/// The applications whose entries would hold more than a Kubernetes Secret
/// does, each with its bytes. With `delete`, what no spec names does not count;
/// what is yet to be generated is small, and never does.
#[must_use]
pub fn too_large_for_kubernetes(
    resolved: &Resolved,
    current: &CurrentSecrets,
    delete: bool,
) -> Vec<(ApplicationName, u64)> {
    let size = |value: &SecretValue| value.expose().len() as u64;
    let mut found = Vec::new();
    for (application, secrets) in &resolved.applications {
        let desired = secrets.values().map(|desired| match desired {
            Desired::Value(value) => size(value),
            Desired::Pending(_) => 0,
        });
        let entry = current.entries.get(application).and_then(|entry| entry.data.as_ref());
        let kept = entry
            .into_iter()
            .flatten()
            .filter(|(key, _)| !delete && !secrets.contains_key(key.as_str()));
        let kept = kept.filter_map(|(_, value)| value.text()).map(size);
        let total: u64 = desired.chain(kept).sum();
        if total > MAX_SECRET {
            found.push((application.clone(), total));
        }
    }
    found
}

/// Compares desired with current.
///
/// What no spec names is listed, or goes, as `deletion` says.
#[must_use]
pub fn plan(
    resolved: &Resolved,
    current: &CurrentSecrets,
    environment: &Environment,
    policy: &Policy,
    deletion: Deletion,
) -> Plan {
    let mut plan = Plan::default();
    for (application, secrets) in &resolved.applications {
        let entry = current.entries.get(application).and_then(|entry| entry.data.as_ref());
        let mut keys = BTreeMap::new();
        for (key, desired) in secrets {
            let now = entry.and_then(|data| data.get(key.as_str()));
            if let Some(change) = key_change(desired, now) {
                keys.insert(key.as_str().to_owned(), change);
            }
        }
        let is_new = |key: &&KeyName| entry.is_some_and(|data| !data.contains_key(key.as_str()));
        let declared = environment.applications.get(application);
        let switched_off = declared.into_iter().flat_map(|declared| &declared.switched_off);
        for key in entry.into_iter().flat_map(BTreeMap::keys) {
            if secrets.contains_key(key.as_str()) {
                continue;
            }
            let new = secrets.keys().chain(switched_off.clone()).filter(is_new);
            let reason = deletion::spares_key(environment, application, key, new);
            match plan.judge(application, Some(key), reason, deletion) {
                Verdict::Keep => {}
                Verdict::Delete => {
                    keys.insert(key.to_owned(), KeyChange::Delete);
                }
            }
        }
        match entry {
            _ if keys.is_empty() => {}
            None => {
                plan.changes.insert(application.clone(), EntryChange::Create { keys });
            }
            Some(_) => {
                plan.changes.insert(application.clone(), EntryChange::Update { keys });
            }
        }
    }
    plan.pull_secret(resolved.pull_secret.as_ref(), current, policy);
    plan.unknown_entries(resolved, current, environment, policy, deletion);
    plan
}

/// What becomes of what is not needed.
enum Verdict {
    Keep,
    Delete,
}

fn key_change(desired: &Desired, now: Option<&CurrentValue>) -> Option<KeyChange> {
    match (desired, now) {
        (Desired::Value(desired), Some(CurrentValue::Text(now))) if desired == now => None,
        (_, Some(_)) => Some(KeyChange::Update),
        (_, None) => Some(KeyChange::Create),
    }
}

impl Plan {
    /// Decides what becomes of an entry, or a key of one, that is not needed.
    /// What is kept is noted, with the reason to spare it, if there is one.
    fn judge(
        &mut self,
        application: &ApplicationName,
        key: Option<&str>,
        reason: Option<Reason>,
        deletion: Deletion,
    ) -> Verdict {
        let key = key.map(str::to_owned);
        match (deletion, reason) {
            (Deletion::All, _) | (Deletion::Unknown, None) => return Verdict::Delete,
            (_, Some(reason)) => {
                self.spared.insert(Spared { application: application.clone(), key, reason });
            }
            (Deletion::Nothing, None) => {
                let application = application.as_str().to_owned();
                self.unknown.insert(UnknownSecret { application, key });
            }
        }
        Verdict::Keep
    }

    /// The pull secret is wholly the tool's own: where the environment has
    /// one, its entry holds that and nothing else, as with the Python CLI.
    fn pull_secret(
        &mut self,
        desired: Option<&SecretValue>,
        current: &CurrentSecrets,
        policy: &Policy,
    ) {
        let (Some(desired), Ok(application)) = (desired, PULL_SECRET.parse::<ApplicationName>())
        else {
            return;
        };
        let kept = (application.clone(), DOCKERCONFIGJSON.to_owned());
        if policy.exclude.contains(&application) || policy.kept.contains(&kept) {
            return;
        }
        let Some(data) = current.entries.get(&application).and_then(|entry| entry.data.as_ref())
        else {
            let keys = BTreeMap::from([(DOCKERCONFIGJSON.to_owned(), KeyChange::Create)]);
            self.changes.insert(application, EntryChange::Create { keys });
            return;
        };
        let is_same = |now: &SecretValue| is_same_pull_secret(desired, now);
        let desired = Desired::Value(desired.clone());
        let mut keys: BTreeMap<String, KeyChange> = data
            .keys()
            .filter(|key| *key != DOCKERCONFIGJSON)
            .map(|key| (key.clone(), KeyChange::Delete))
            .collect();
        let now = data.get(DOCKERCONFIGJSON);
        let is_same = now.and_then(CurrentValue::text).is_some_and(is_same);
        if let Some(change) = key_change(&desired, now).filter(|_| !is_same) {
            keys.insert(DOCKERCONFIGJSON.to_owned(), change);
        }
        if !keys.is_empty() {
            self.changes.insert(application, EntryChange::Update { keys });
        }
    }

    /// Entries that belong to nothing. A pull secret that only Vault has is
    /// kept without a word where static values are kept in Vault.
    fn unknown_entries(
        &mut self,
        resolved: &Resolved,
        current: &CurrentSecrets,
        environment: &Environment,
        policy: &Policy,
        deletion: Deletion,
    ) {
        let has_data = |entry: &Entry| entry.data.is_some();
        for (application, _) in current.entries.iter().filter(|(_, entry)| has_data(entry)) {
            let is_known = resolved.applications.contains_key(application)
                || policy.exclude.contains(application)
                || (application.as_str() == PULL_SECRET
                    && (resolved.pull_secret.is_some() || policy.keep_vault_static));
            if is_known {
                continue;
            }
            let reason = deletion::spares_entry(environment, application, current);
            match self.judge(application, None, reason, deletion) {
                Verdict::Keep => {}
                Verdict::Delete => {
                    self.changes.insert(application.clone(), EntryChange::Delete);
                }
            }
        }
        for name in &current.unreadable_names {
            self.unknown.insert(UnknownSecret { application: name.clone(), key: None });
        }
    }
}
