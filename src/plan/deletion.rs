//! What a sync may delete.
//!
//! What no spec could ask for is deleted on demand. What is only switched off
//! is not: a line that was lost by mistake looks just like one that was taken
//! out, and a generated secret that is deleted is nowhere else. And nobody means
//! to delete most of an environment without knowing it.

use std::collections::BTreeSet;

use serde::Serialize;
use thiserror::Error;

use super::{EntryChange, KeyChange, Plan};
use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Environment, Generator, KeyName, Kind};
use crate::vault::CurrentSecrets;

/// How many letters may differ between a key that is made and one that is not
/// needed any more for them to be the same secret, misspelt.
const MISSPELT: usize = 2;

/// What is deleted of what Vault holds and the environment does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deletion {
    /// Nothing.
    #[default]
    Nothing,
    /// What no spec of the checkout could ask for in this environment, unless
    /// it is more than half of what Vault holds.
    Unknown,
    /// All of it, also what is only switched off, and however much it is.
    All,
}

/// Why something is kept although nothing needs it now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its application is in the checkout, and not enabled here.
    NotEnabled,
    /// Its application is enabled, and needs no secret here.
    NoSecrets,
    /// A spec has it, under a condition that does not hold here.
    Condition,
    /// A key of almost the same name is made in the same sync.
    MuchLike,
    /// Its application is gone, and another has the same keys with other
    /// generated values: it may have been renamed.
    Renamed,
    /// It is the pull secret, and no registry has credentials here.
    NoRegistry,
}

impl Reason {
    /// The reason, in a few words.
    #[must_use]
    pub fn text(&self) -> &'static str {
        match self {
            Self::NotEnabled => "its application is not enabled here",
            Self::NoSecrets => "its application needs no secrets here",
            Self::Condition => "its condition does not hold here",
            Self::MuchLike => "a key of almost the same name is new",
            Self::Renamed => {
                "an application of the same keys has other generated values, so it may be renamed"
            }
            Self::NoRegistry => "no registry has credentials here",
        }
    }
}

/// Something that is kept although nothing needs it now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spared {
    /// The entry's name.
    pub application: ApplicationName,
    /// The key, or `None` for all of the entry.
    pub key: Option<String>,
    /// Why it is kept.
    pub reason: Reason,
}

/// Why a whole entry is kept, if it should be.
pub(super) fn spares_entry(
    environment: &Environment,
    application: &ApplicationName,
    current: &CurrentSecrets,
) -> Option<Reason> {
    if application.as_str() == PULL_SECRET {
        Some(Reason::NoRegistry)
    } else if environment.applications.contains_key(application) {
        Some(Reason::NoSecrets)
    } else if environment.not_enabled.contains(application) {
        Some(Reason::NotEnabled)
    } else if may_be_renamed(environment, application, current) {
        Some(Reason::Renamed)
    } else {
        None
    }
}

/// Whether the entry of an application that is gone has the keys of one that
/// is there, and other values of what is generated for that one: they are
/// nowhere else.
fn may_be_renamed(
    environment: &Environment,
    application: &ApplicationName,
    current: &CurrentSecrets,
) -> bool {
    let data = |name| current.entries.get(name).and_then(|entry| entry.data.as_ref());
    let Some(gone) = data(application) else { return false };
    environment.applications.iter().any(|(name, declared)| {
        let specs = &declared.secrets;
        let has_same_keys = !specs.is_empty()
            && specs.len() == gone.len()
            && gone.keys().all(|key| specs.contains_key(key.as_str()));
        let is_made = |kind: &Kind| {
            matches!(kind, Kind::Generate(made) if !matches!(made, Generator::OidcClients))
        };
        let differs =
            |key: &KeyName| data(name).and_then(|now| now.get(key.as_str())) != gone.get(key.as_str());
        has_same_keys && specs.iter().any(|(key, spec)| is_made(&spec.kind) && differs(key))
    })
}

/// Why a key is kept, if it should be, where the entry gets some `new` ones.
pub(super) fn spares_key<'a>(
    environment: &Environment,
    application: &ApplicationName,
    key: &str,
    mut new: impl Iterator<Item = &'a KeyName>,
) -> Option<Reason> {
    let declared = environment.applications.get(application);
    if declared.is_some_and(|declared| declared.switched_off.contains(key)) {
        return Some(Reason::Condition);
    }
    let key = key.to_lowercase();
    let is_like =
        |new: &KeyName| strsim::osa_distance(&key, &new.as_str().to_lowercase()) <= MISSPELT;
    new.any(is_like).then_some(Reason::MuchLike)
}

/// A sync that would delete too much for it to be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "this would delete {secrets} of the {held_secrets} secrets that Vault holds for the \
     environment, and {entries} of its {held_entries} entries; nothing was deleted",
    secrets = .secrets.len()
)]
pub struct TooMuch {
    /// The secrets that would be deleted, each its application and key.
    pub secrets: Vec<String>,
    /// How many secrets Vault holds.
    pub held_secrets: usize,
    /// How many whole entries would be deleted.
    pub entries: usize,
    /// How many entries Vault holds.
    pub held_entries: usize,
}

/// Keeps a sync from deleting most of an environment.
///
/// It remembers the rounds of a sync that starts anew since Vault changed, so
/// that no more goes in several rounds than may go in one.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    held: Tally,
    deleted: Tally,
}

#[derive(Debug, Clone, Default)]
struct Tally {
    entries: BTreeSet<String>,
    secrets: BTreeSet<(String, String)>,
}

impl Guard {
    /// Judges the plan of a round: no more may go than half of the entries, and
    /// half of the secrets. The pull secret's stray keys do not count, since
    /// they go without any option.
    ///
    /// # Errors
    /// More than half would go, and with it an environment of one entry.
    pub fn judge(&mut self, plan: &Plan, current: &CurrentSecrets) -> Result<(), TooMuch> {
        self.held.entries.extend(current.unreadable_names.iter().cloned());
        self.held.entries.extend(current.left_alone.iter().map(ToString::to_string));
        for (application, entry) in &current.entries {
            let Some(data) = &entry.data else { continue };
            let name = application.as_str();
            let keys = || data.keys().map(|key| (name.to_owned(), key.clone()));
            self.held.entries.insert(name.to_owned());
            self.held.secrets.extend(keys());
            match plan.changes.get(application) {
                Some(EntryChange::Delete) => {
                    self.deleted.entries.insert(name.to_owned());
                    self.deleted.secrets.extend(keys());
                }
                Some(EntryChange::Update { keys }) if name != PULL_SECRET => {
                    let gone = keys.iter().filter(|(_, change)| **change == KeyChange::Delete);
                    let gone = gone.map(|(key, _)| (name.to_owned(), key.clone()));
                    self.deleted.secrets.extend(gone);
                }
                _ => {}
            }
        }
        let is_most = |part: usize, whole: usize| part.saturating_mul(2) > whole;
        let (entries, held_entries) = (self.deleted.entries.len(), self.held.entries.len());
        let (secrets, held_secrets) = (&self.deleted.secrets, self.held.secrets.len());
        if is_most(entries, held_entries) || is_most(secrets.len(), held_secrets) {
            let secrets = secrets.iter().map(|(application, key)| format!("{application} {key}"));
            let secrets = secrets.collect();
            return Err(TooMuch { secrets, held_secrets, entries, held_entries });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::CurrentValue;

    fn current(entries: &[(&str, &[&str])]) -> CurrentSecrets {
        let mut current = CurrentSecrets::default();
        for (application, keys) in entries {
            let entry = current.entries.entry(application.parse().unwrap()).or_default();
            let text = |key: &&str| ((*key).to_owned(), CurrentValue::Text("x".into()));
            entry.data = Some(keys.iter().map(text).collect());
        }
        current
    }

    /// A plan that deletes these entries, and these keys of others.
    fn plan(entries: &[&str], keys: &[(&str, &[&str])]) -> Plan {
        let mut plan = Plan::default();
        for application in entries {
            plan.changes.insert(application.parse().unwrap(), EntryChange::Delete);
        }
        for (application, keys) in keys {
            let keys = keys.iter().map(|key| ((*key).to_owned(), KeyChange::Delete)).collect();
            plan.changes.insert(application.parse().unwrap(), EntryChange::Update { keys });
        }
        plan
    }

    fn judge(plan: &Plan, current: &CurrentSecrets) -> bool {
        Guard::default().judge(plan, current).is_ok()
    }

    #[test]
    fn half_may_go_and_more_may_not() {
        let two = current(&[("a", &["k"]), ("b", &["k"])]);
        assert!(judge(&plan(&[], &[]), &two));
        assert!(judge(&plan(&["a"], &[]), &two));
        assert!(!judge(&plan(&["a", "b"], &[]), &two));
        assert!(!judge(&plan(&["a"], &[]), &current(&[("a", &["k"])])));
        // One entry of two, and most of the secrets.
        assert!(!judge(&plan(&["a"], &[]), &current(&[("a", &["k", "l"]), ("b", &["k"])])));
        // Most of the entries, and half of the secrets.
        let three = current(&[("a", &["k"]), ("b", &["k"]), ("c", &["k", "l"])]);
        assert!(!judge(&plan(&["a", "b"], &[]), &three));
        // Keys alone.
        assert!(judge(&plan(&[], &[("c", &["k"])]), &current(&[("c", &["k", "l"])])));
        assert!(!judge(&plan(&[], &[("c", &["k", "l"])]), &current(&[("c", &["k", "l", "m"])])));
        // An entry without keys is an entry.
        assert!(!judge(&plan(&["a"], &[]), &current(&[("a", &[])])));
        assert!(judge(&plan(&[], &[]), &current(&[])));
        // The pull secret's stray keys go without any option.
        let pull = current(&[("pull-secret", &["stray"])]);
        assert!(judge(&plan(&[], &[("pull-secret", &["stray"])]), &pull));
    }

    #[test]
    fn no_more_goes_in_several_rounds_than_in_one() {
        let mut guard = Guard::default();
        let all = current(&[("a", &["k"]), ("b", &["k"]), ("c", &["k"]), ("d", &["k"])]);
        assert!(guard.judge(&plan(&["a", "b"], &[]), &all).is_ok());
        // Another deleted "c" meanwhile: what is left of the plan is no more.
        assert!(guard.judge(&plan(&["b"], &[]), &current(&[("b", &["k"]), ("d", &["k"])])).is_ok());
        let error = guard.judge(&plan(&["d"], &[]), &current(&[("d", &["k"])])).unwrap_err();
        assert_eq!((error.entries, error.held_entries), (3, 4));
        assert_eq!(error.secrets, ["a k", "b k", "d k"]);
    }
}
