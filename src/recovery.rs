//! What a Vault could be rebuilt from: the store, and the backup in it.
//!
//! Pure. Static values, and what follows from them and from the specs, come
//! from the store alone. Whatever else Vault holds comes back only from a
//! backup.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Environment, KeyName, Kind};
use crate::resolve::{Desired, Resolved};
use crate::static_values::is_same_pull_secret;
use crate::vault::{CurrentSecrets, CurrentValue, EntryBackup};

/// Something that Vault holds, and that a rebuild would not bring back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    /// The application.
    pub application: ApplicationName,
    /// The key.
    pub key: String,
    /// Whether the backup has another value of it; otherwise it has none.
    pub is_outdated: bool,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.is_outdated { "the backup is older" } else { "not in the backup" };
        write!(f, "{} {} ({why})", self.application, self.key)
    }
}

/// Finds what would be lost.
#[must_use]
pub fn losses(
    environment: &Environment,
    resolved: &Resolved,
    current: &CurrentSecrets,
    backups: &BTreeMap<ApplicationName, EntryBackup>,
) -> BTreeSet<Loss> {
    let mut losses = BTreeSet::new();
    for (application, entry) in &current.entries {
        for (key, value) in entry.data.iter().flatten() {
            if comes_from_store(environment, resolved, application, key, value) {
                continue;
            }
            let kept = backups.get(application).and_then(|backup| backup.data.get(key));
            if kept != Some(value) {
                let (application, key) = (application.clone(), key.clone());
                losses.insert(Loss { application, key, is_outdated: kept.is_some() });
            }
        }
    }
    losses
}

/// Whether a value is what the store and the specs come to without Vault.
fn comes_from_store(
    environment: &Environment,
    resolved: &Resolved,
    application: &ApplicationName,
    key: &str,
    value: &CurrentValue,
) -> bool {
    if application.as_str() == PULL_SECRET {
        let of_store = resolved.pull_secret.as_ref().zip(value.text());
        return of_store.is_some_and(|(desired, now)| is_same_pull_secret(desired, now));
    }
    let Ok(key) = key.parse::<KeyName>() else { return false };
    let desired = resolved.applications.get(application).and_then(|keys| keys.get(&key));
    matches!(desired, Some(Desired::Value(desired)) if Some(desired) == value.text())
        && is_static(environment, application, &key)
}

/// Whether a secret is static, a literal, or a copy of such.
fn is_static(environment: &Environment, application: &ApplicationName, key: &KeyName) -> bool {
    // Copies of copies end, or nothing would have been resolved.
    match environment.spec(application, key).map(|spec| &spec.kind) {
        Some(Kind::Static | Kind::Value(_)) => true,
        Some(Kind::Copy(source)) => is_static(environment, &source.application, &source.key),
        _ => false,
    }
}
