//! Merging two versions of a sealed value, both of which came from a third.
//!
//! The headers say which side changed the value and which only sealed it
//! again. Nothing is opened unless it must be, and nothing is ever sealed to
//! anybody but the holders that the merge results in.

use jiff::Timestamp;
use thiserror::Error;

use super::header::Header;
use super::holders::Holders;
use super::identities::Identities;
use super::paths::bound_path;
use super::sealing::{OpenError, Opened, inspect, open};
use super::{StoreError, seal_to};
use crate::model::SecretId;

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
    /// It cannot be sealed to the holders that the merge results in.
    #[error(transparent)]
    Seal(#[from] StoreError),
}

/// A version, as far as it shows.
struct Version<'a> {
    file: &'a [u8],
    header: Header,
    set_at: Timestamp,
}

impl<'a> Version<'a> {
    fn read(file: &'a [u8], id: &SecretId) -> Option<Self> {
        let header = inspect(file).ok()?;
        let seal = header.seal.as_ref().filter(|seal| seal.path == bound_path(id))?;
        let set_at = seal.set_at;
        Some(Self { file, header, set_at })
    }

    fn open(
        &self,
        id: &SecretId,
        why: &'static str,
        identities: &Identities,
    ) -> Result<Opened, MergeConflict> {
        open(self.file, id, identities).map_err(|source| MergeConflict::Unopened {
            id: id.clone(),
            why,
            source,
        })
    }
}

/// Merges two versions. `holders` are those that the merge results in;
/// `identities` gives what there is to open with, and is not asked for unless
/// something must be.
///
/// # Errors
/// What somebody has to decide or open.
pub fn merge(
    id: &SecretId,
    versions: Versions<'_>,
    holders: &Holders,
    identities: impl FnOnce() -> Identities,
) -> Result<Vec<u8>, MergeConflict> {
    let Versions { base, ours, theirs } = versions;
    let sealed = |file, side| {
        Version::read(file, id).ok_or(MergeConflict::NotSealed { id: id.clone(), side })
    };
    let (ours, theirs) =
        (sealed(ours, "this side's version")?, sealed(theirs, "the other side's version")?);
    if ours.file == theirs.file {
        return Ok(ours.file.to_vec());
    }
    let base = base.and_then(|base| Version::read(base, id)).map(|base| base.set_at);
    let has_changed = |version: &Version<'_>| base != Some(version.set_at);
    let mut opened = None;
    let mut unused = Some(identities);
    let mut identities = || unused.take().map_or_else(Identities::default, |load| load());
    // The versions that have the value, the first of them the better.
    let (candidates, loaded): (Vec<&Version<'_>>, Option<Identities>) =
        match (has_changed(&ours), has_changed(&theirs)) {
            (false, false) => (vec![&ours, &theirs], None),
            (true, false) => (vec![&ours], None),
            (false, true) => (vec![&theirs], None),
            (true, true) => {
                let identities = identities();
                let why = "both sides changed it";
                let one = ours.open(id, why, &identities)?;
                let two = theirs.open(id, why, &identities)?;
                if one.value != two.value {
                    let (id, ours, theirs) = (id.clone(), ours.set_at, theirs.set_at);
                    return Err(MergeConflict::Different { id, ours, theirs });
                }
                opened = Some(if ours.set_at >= theirs.set_at { one } else { two });
                let later = if ours.set_at >= theirs.set_at { &ours } else { &theirs };
                (vec![later], Some(identities))
            }
        };
    if let Some(whole) = candidates.iter().find(|one| one.header.judge(id, holders).is_ok()) {
        return Ok(whole.file.to_vec());
    }
    let opened = match opened {
        Some(opened) => opened,
        None => {
            let identities = loaded.unwrap_or_else(identities);
            let why = "neither side is sealed to the holders of both";
            let mut opened = None;
            for candidate in &candidates {
                opened = Some(candidate.open(id, why, &identities));
                if matches!(opened, Some(Ok(_))) {
                    break;
                }
            }
            match opened {
                Some(opened) => opened?,
                None => return Err(MergeConflict::NotSealed { id: id.clone(), side: "neither" }),
            }
        }
    };
    let set_at = candidates.iter().map(|one| one.set_at).max().unwrap_or_default();
    Ok(seal_to(holders, id, &opened.value, set_at)?)
}
