//! Whom a file was sealed to that is not sealed to today's holders.
//!
//! A file shows its recipients as one digest, so that who they were is found
//! by looking for the holders of the past that it is the digest of: those of
//! earlier states of the repository, or else of some of the keys that
//! `withdrawn.toml` remembers, together with today's.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};

use super::access::Access;
use super::header::Header;
use super::holders::Holders;
use super::recipient::{Digest, Recipient, RecipientSet};
use super::rekey::StaleValue;
use super::withdrawn::{Withdrawal, Withdrawals};
use crate::model::{ApplicationName, EnvironmentName, HolderName, SecretId};

/// More keys than this have too many combinations to try.
const MOST_COMBINED: usize = 12;

/// Keys, each with the holder whose they were.
type Keys = Vec<(HolderName, Recipient)>;

/// The holders of a store at earlier states, looked up when they are first
/// needed: as long as every file is sealed to today's, they are not.
pub struct FormerHolders<'a> {
    load: Box<dyn Fn() -> Vec<Holders> + 'a>,
    states: OnceCell<Vec<Holders>>,
    /// What was found before: by application and digest.
    found: RefCell<HashMap<(EnvironmentName, ApplicationName, Digest), Option<Keys>>>,
}

impl std::fmt::Debug for FormerHolders<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormerHolders").field("states", &self.states).finish_non_exhaustive()
    }
}

impl<'a> FormerHolders<'a> {
    /// Those that `load` gives, the latest first.
    pub fn new(load: impl Fn() -> Vec<Holders> + 'a) -> Self {
        Self { load: Box::new(load), states: OnceCell::new(), found: RefCell::default() }
    }

    /// None: only what `withdrawn.toml` remembers is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new(Vec::new)
    }

    /// Access that ended without a record, as one file shows it: it is sealed
    /// to somebody who may not read it today, and `withdrawals` does not say
    /// so of this value. The time is that at which the value was set.
    ///
    /// Where nothing tells whom a file is sealed to, everybody counts whose
    /// access to the secret ended and whose kind of key its header shows.
    #[must_use]
    pub fn unrecorded(
        &self,
        id: &SecretId,
        header: &Header,
        holders: &Holders,
        withdrawals: &Withdrawals,
    ) -> Vec<Withdrawal> {
        let Some(seal) = &header.seal else { return Vec::new() };
        let today = holders.recipients_for(&id.environment, &id.application);
        if seal.recipients == today.digest() {
            return Vec::new();
        }
        let keys = self.sealed_to(id, &seal.recipients, &today, withdrawals);
        let keys = keys.unwrap_or_else(|| {
            let mut keys = withdrawn_keys(id, withdrawals);
            keys.retain(|(_, key)| header.may_be_sealed_to(key));
            keys
        });
        let is_recorded = |holder: &HolderName, key: &Recipient| {
            withdrawals.iter().any(|one| {
                one.holder == *holder
                    && one.keys.contains(key)
                    && one.access.iter().any(|access| access.covers_secret(id))
                    && seal.set_at <= one.at
            })
        };
        let mut unrecorded: Vec<Withdrawal> = Vec::new();
        for (holder, key) in keys {
            if today.contains(&key) || is_recorded(&holder, &key) {
                continue;
            }
            match unrecorded.iter_mut().find(|one| one.holder == holder) {
                Some(one) if !one.keys.contains(&key) => one.keys.push(key),
                Some(_) => {}
                None => unrecorded.push(Withdrawal {
                    holder,
                    keys: vec![key],
                    access: vec![Access::Application(
                        id.environment.clone(),
                        id.application.clone(),
                    )],
                    at: seal.set_at,
                }),
            }
        }
        unrecorded
    }

    /// Whether it is known to whom a value is sealed, as far as its header
    /// can tell at all.
    #[must_use]
    pub fn explains(
        &self,
        value: &StaleValue,
        holders: &Holders,
        withdrawals: &Withdrawals,
    ) -> bool {
        let Some(seal) = &value.header.seal else { return true };
        let id = &value.id;
        let today = holders.recipients_for(&id.environment, &id.application);
        seal.recipients == today.digest()
            || self.sealed_to(id, &seal.recipients, &today, withdrawals).is_some()
    }

    /// The keys that a digest is of, with their holders; those of today's
    /// holders may be left out.
    fn sealed_to(
        &self,
        id: &SecretId,
        digest: &Digest,
        today: &RecipientSet,
        withdrawals: &Withdrawals,
    ) -> Option<Keys> {
        let place = (id.environment.clone(), id.application.clone(), digest.clone());
        if let Some(found) = self.found.borrow().get(&place) {
            return found.clone();
        }
        let keys = self.search(id, digest, today, withdrawals);
        self.found.borrow_mut().insert(place, keys.clone());
        keys
    }

    fn search(
        &self,
        id: &SecretId,
        digest: &Digest,
        today: &RecipientSet,
        withdrawals: &Withdrawals,
    ) -> Option<Keys> {
        let states = self.states.get_or_init(|| (self.load)());
        let is_it = |state: &&Holders| {
            state.recipients_for(&id.environment, &id.application).digest() == *digest
        };
        if let Some(state) = states.iter().find(is_it) {
            let readers = state
                .iter()
                .filter(|(_, holder)| holder.can_read(&id.environment, &id.application));
            let keys = readers.flat_map(|(name, holder)| {
                holder.keys.iter().map(|key| (name.clone(), key.clone()))
            });
            return Some(keys.collect());
        }
        let withdrawn = withdrawn_keys(id, withdrawals);
        let known: BTreeSet<&Recipient> =
            withdrawn.iter().map(|(_, key)| key).filter(|key| !today.contains(key)).collect();
        let all: Vec<&Recipient> = today.iter().chain(known.iter().copied()).collect();
        let known: Vec<&Recipient> = known.into_iter().collect();
        let today: Vec<&Recipient> = today.iter().collect();
        let set = combination(&today, &known, digest).or_else(|| combination(&[], &all, digest))?;
        Some(withdrawn.into_iter().filter(|(_, key)| set.contains(key)).collect())
    }
}

/// The set with this digest of all of `certain` and some of `possible`.
fn combination(
    certain: &[&Recipient],
    possible: &[&Recipient],
    digest: &Digest,
) -> Option<RecipientSet> {
    if possible.len() > MOST_COMBINED {
        return None;
    }
    (0..1_u32 << possible.len()).find_map(|mask| {
        let chosen = possible.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1);
        let keys = certain.iter().chain(chosen.map(|(_, key)| key));
        let set: RecipientSet = keys.map(|key| (*key).clone()).collect();
        (set.digest() == *digest).then_some(set)
    })
}

/// The keys that could once read a secret, as `withdrawn.toml` remembers.
fn withdrawn_keys(id: &SecretId, withdrawals: &Withdrawals) -> Keys {
    let covering =
        withdrawals.iter().filter(|one| one.access.iter().any(|access| access.covers_secret(id)));
    covering.flat_map(|one| one.keys.iter().map(|key| (one.holder.clone(), key.clone()))).collect()
}
