//! What Vault holds: an entry for each application.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::CurrentValue;
use crate::model::ApplicationName;

/// The newest version of an application's entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The version that a write has to name in order to replace this one: 0
    /// where there is no entry or none of its versions was ever written. A
    /// deleted entry keeps its version.
    pub version: u64,
    /// The values by key; `None` where the entry is absent, deleted or
    /// destroyed.
    pub data: Option<BTreeMap<String, CurrentValue>>,
    /// When the version was written, by Vault's clock.
    pub created_at: Option<Timestamp>,
    /// Whether the version cannot be brought back, since it was destroyed.
    pub is_destroyed: bool,
    /// When Vault will delete, or has deleted, the version.
    pub deleted_at: Option<Timestamp>,
    /// What was noted beside it; no secrets.
    pub custom_metadata: BTreeMap<String, String>,
}

/// A version that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub version: u64,
    /// When Vault will delete it by itself, as the answer says.
    pub deleted_at: Option<Timestamp>,
}

/// What Vault holds for an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CurrentSecrets {
    /// The entries of the applications that were asked for, whether or not
    /// they exist, and of every other application that Vault lists.
    pub entries: BTreeMap<ApplicationName, Entry>,
    /// Listed names that no application can have. Such entries are neither
    /// read nor changed.
    pub unreadable_names: BTreeSet<String>,
    /// Folders below the environment's path, with the slash at their end.
    /// What is in them belongs to no application.
    pub folders: BTreeSet<String>,
    /// The entries that Vault lists and that were to be left alone: they are
    /// not read.
    pub left_alone: BTreeSet<ApplicationName>,
    /// The entries that Vault lists and that have no version: what is noted
    /// beside them shows once there is one.
    pub without_version: BTreeSet<ApplicationName>,
}
