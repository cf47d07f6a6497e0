//! What is exposed: readable by someone whose access has since been withdrawn,
//! and not changed since.
//!
//! It needs no key: a sealed file says when its value was set. Of generated
//! values only Vault knows when they changed, so those are named, and not
//! judged.

use jiff::Timestamp;

use crate::model::{Environment, Generator, Kind, SecretId};
use crate::store::{
    FormerHolders, Holders, Store, StoreError, UNKNOWN_TIME, Withdrawal, Withdrawals, inspect,
};

/// An exposed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The secret.
    pub id: SecretId,
    /// When its value was set; `None` where its file does not say.
    pub set_at: Option<Timestamp>,
    /// Whose access ended since: of each holder the last time.
    pub withdrawals: Vec<Withdrawal>,
}

/// Finds the stored values that `wanted` picks and that withdrawn access
/// exposes: recorded, or seen in a file that is still sealed to somebody of
/// `former` who may not read it today.
///
/// # Errors
/// Files that cannot be read. One that is no sealed file is taken for exposed.
pub fn stored_values(
    store: &Store,
    holders: &Holders,
    withdrawals: &Withdrawals,
    former: &FormerHolders<'_>,
    wanted: impl Fn(&SecretId) -> bool,
) -> Result<Vec<Exposure>, StoreError> {
    let mut exposures = Vec::new();
    for environment in store.environments()? {
        for id in store.contents(&environment)?.ids().filter(&wanted) {
            let header = inspect(&store.sealed(&id)?).ok();
            let seal = header.as_ref().and_then(|header| header.seal.as_ref());
            let set_at = seal.map(|seal| seal.set_at).filter(|set_at| *set_at != UNKNOWN_TIME);
            let today = holders.recipients_for(&id.environment, &id.application);
            let at = set_at.unwrap_or(UNKNOWN_TIME);
            let mut withdrawals_of_it: Vec<Withdrawal> = withdrawals
                .exposing(&id, at, header.as_ref(), &today)
                .into_iter()
                .cloned()
                .collect();
            if let Some(header) = &header {
                for found in former.unrecorded(&id, header, holders, withdrawals) {
                    withdrawals_of_it.retain(|recorded| recorded.holder != found.holder);
                    withdrawals_of_it.push(found);
                }
            }
            if !withdrawals_of_it.is_empty() {
                let withdrawals = withdrawals_of_it;
                exposures.push(Exposure { id, set_at, withdrawals });
            }
        }
    }
    Ok(exposures)
}

/// The generated secrets of an environment that somebody with withdrawn access
/// may have read in Vault. Hashes and times that follow a source change with
/// it, and are not among them.
#[must_use]
pub fn generated_values(
    environment: &Environment,
    holders: &Holders,
    withdrawals: &Withdrawals,
) -> Vec<Exposure> {
    let mut exposures = Vec::new();
    for (application, key, spec) in environment.secrets() {
        let Kind::Generate(generator) = &spec.kind else { continue };
        if generator.source().is_some() || *generator == Generator::OidcClients {
            continue;
        }
        let id = SecretId::new(environment.name.clone(), application.clone(), key.clone());
        let today = holders.recipients_for(&id.environment, &id.application);
        let exposing = withdrawals.exposing(&id, UNKNOWN_TIME, None, &today);
        if !exposing.is_empty() {
            let withdrawals = exposing.into_iter().cloned().collect();
            exposures.push(Exposure { id, set_at: None, withdrawals });
        }
    }
    exposures
}
