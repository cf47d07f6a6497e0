//! What a sync finds in Vault that is not from the store.

use git2::Oid;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::model::ApplicationName;
use crate::repo::short;
use crate::store::DriftRule;

/// What was found in Vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The entries that are from commits which are no part of the history.
    pub behind: Vec<Behind>,
    /// The values that were changed in Vault by hand.
    pub drift: Vec<Drift>,
    /// Why some of it could not be compared with the store of the last sync, so
    /// that times decided.
    pub unknown_base: Option<String>,
}

/// An entry in Vault that is from a commit which is no part of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// The application.
    pub application: ApplicationName,
    /// The commit that Vault names.
    pub commit: String,
    /// What is known of it.
    pub relation: Relation,
}

/// How a commit that is no part of the history relates to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// It comes after the commit that is synced.
    Later,
    /// It is on another branch, or on what was one before history was
    /// rewritten.
    Elsewhere,
    /// The clone does not have it.
    Unknown,
}

/// A value that was changed in Vault since the last sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The application.
    pub application: ApplicationName,
    /// The key; `None` for all of the entry.
    pub key: Option<String>,
    /// What became of it in Vault.
    pub change: DriftChange,
    /// Whether the store's value was changed as well.
    pub is_conflict: bool,
    /// What a sync does about it.
    pub action: DriftRule,
    /// Whether the store can take Vault's value: that of a static secret.
    #[serde(skip)]
    pub is_static: bool,
    /// The version of the entry that Vault has.
    pub version: u64,
    /// When that was written, by Vault's clock.
    #[serde(serialize_with = "as_text")]
    pub time: Option<Timestamp>,
}

fn as_text<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(serializer)
}

/// What became of a value in Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftChange {
    /// It is another.
    Changed,
    /// It is gone.
    Removed,
}

/// A sync that is refused for what Vault holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Diverged {
    /// Vault was synced from commits that are no part of the history.
    #[error(
        "Vault was synced from a commit that is not part of the history of {}: nothing was written",
        .ours.map_or_else(|| "what is synced".to_owned(), short)
    )]
    Behind {
        /// The entries.
        entries: Vec<Behind>,
        /// The commit that is synced.
        ours: Option<Oid>,
    },
    /// Values were changed in Vault, and none of them may be replaced unseen.
    #[error("values were changed in Vault by hand since the last sync: nothing was written")]
    Drift {
        /// The values.
        values: Vec<Drift>,
    },
}

impl Judgement {
    /// The secrets that keep the value that Vault has.
    pub(super) fn kept(&self) -> impl Iterator<Item = (ApplicationName, String)> {
        self.drift
            .iter()
            .filter(|one| one.action == DriftRule::Keep)
            .filter_map(|one| Some((one.application.clone(), one.key.clone()?)))
    }

    /// Refuses what may not be replaced unseen.
    ///
    /// # Errors
    /// What that is: of the history first, because it explains the rest.
    pub fn refuse(&self, ours: Option<Oid>) -> Result<(), Diverged> {
        if !self.behind.is_empty() {
            return Err(Diverged::Behind { entries: self.behind.clone(), ours });
        }
        let refused = self.drift.iter().filter(|one| one.action == DriftRule::Refuse);
        let values: Vec<Drift> = refused.cloned().collect();
        if values.is_empty() { Ok(()) } else { Err(Diverged::Drift { values }) }
    }
}
