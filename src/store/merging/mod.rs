//! Merging two versions of a sealed value, both of which came from a third.
//!
//! The headers say which side changed the value and which only sealed it
//! again. Where they do not, the values themselves are compared; where that
//! cannot be done, somebody has to decide. Nothing is opened unless it must be,
//! and nothing is ever sealed to anybody but the holders that the merge results
//! in.

mod decision;
mod holders;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use thiserror::Error;

use self::decision::{Decision, Keys, Version, decide};
pub use self::holders::MergedHolders;
use super::header::SealFault;
use super::identities::Identities;
use super::sealing::OpenError;
use super::stanza::ValueNote;
use super::{StoreError, seal_to};
use crate::model::{HolderName, SecretId};

/// The versions of one sealed value.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'a> {
    /// What both came from, if there was anything.
    pub base: Option<&'a [u8]>,
    /// The version of the branch that is merged into.
    pub ours: &'a [u8],
    /// The version of the branch that is merged.
    pub theirs: &'a [u8],
}

/// Two versions that somebody has to decide between.
#[derive(Debug, Error)]
pub enum MergeConflict {
    /// Both sides changed the value.
    #[error(
        "both sides changed {id}, to different values: this side at {ours}, the other at {theirs}"
    )]
    Different {
        /// The secret.
        id: SecretId,
        /// When this side set it.
        ours: Timestamp,
        /// When the other side set it.
        theirs: Timestamp,
    },
    /// It would have to be opened, and cannot be.
    #[error("to merge {id}, its value must be opened ({why})")]
    Unopened {
        /// The secret.
        id: SecretId,
        /// What for.
        why: &'static str,
        /// Why it cannot be.
        source: OpenError,
    },
    /// A version is no sealed file of this secret.
    #[error("{side} is not a sealed value of {id}")]
    NotSealed {
        /// The secret.
        id: SecretId,
        /// Whose version it is.
        side: &'static str,
    },
    /// Who may read it has to be decided first.
    #[error("who may read {id} is not decided: both sides changed the holder {holder}")]
    Holder {
        /// The secret.
        id: SecretId,
        /// The holder.
        holder: HolderName,
    },
    /// The sides come from several commits, whose holders differ.
    #[error(
        "who may read {id} is not decided: the branches were merged before, with other holders \
         each time"
    )]
    Bases {
        /// The secret.
        id: SecretId,
    },
    /// The commits that are merged are not known, so neither are the holders
    /// that it would have to be sealed to.
    #[error(
        "git does not tell which commits are merged, so it is not known who may read {id}, and \
         neither side's file can be taken as it is"
    )]
    Commits {
        /// The secret.
        id: SecretId,
    },
    /// The holders cannot be read, or it cannot be sealed to those that the
    /// merge results in.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Merges two versions. `identities` gives what there is to open with, and is not asked for unless
/// something must be.
///
/// # Errors
/// What somebody has to decide or open.
pub fn merge(
    id: &SecretId,
    versions: Versions<'_>,
    holders: &MergedHolders,
    identities: impl FnOnce() -> Identities,
) -> Result<Vec<u8>, MergeConflict> {
    let Versions { base, ours, theirs } = versions;
    let sealed = |file, side| {
        let version = Version::read(file, id).filter(Version::is_bound);
        version.ok_or(MergeConflict::NotSealed { id: id.clone(), side })
    };
    let (ours, theirs) =
        (sealed(ours, "this side's version")?, sealed(theirs, "the other side's version")?);
    if ours.file == theirs.file {
        return Ok(ours.file.to_vec());
    }
    let base = base.and_then(|base| Version::read(base, id));
    let mut keys = Keys::new(identities);
    let Decision { candidates, set_by, opened } =
        decide(id, base.as_ref(), &ours, &theirs, &mut keys)?;

    let exposed =
        set_by.iter().filter_map(|one| holders.exposed_at(id, &one.header, one.set_at())).min();
    // One value has several times where a merge found it exposed before.
    let earliest = candidates.iter().map(|one| one.set_at()).min().unwrap_or_default();
    let is_whole = |one: &&&Version<'_>| {
        let judged = one.header.judge(id, holders.merged());
        one.set_at() == earliest && matches!(judged, Ok(()) | Err(SealFault::Earlier))
    };
    if let (None, Some(whole)) = (exposed, candidates.iter().find(is_whole)) {
        return Ok(whole.file.to_vec());
    }
    if !holders.are_known() {
        return Err(MergeConflict::Commits { id: id.clone() });
    }
    let opened = match opened {
        Some(opened) => opened,
        None => decision::open_one(id, &candidates, &mut keys)?,
    };
    let set_at = exposed.map_or(earliest, |exposed| exposed.min(earliest));
    let note = ValueNote { set_at, ..opened.note };
    Ok(seal_to(holders.merged(), id, &opened.value, &note)?)
}
