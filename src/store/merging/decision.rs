//! Whose value a merge takes.
//!
//! Of three versions, the one that only one side set wins. Which that is, the
//! tags of the values tell. Where a file states none, nobody but who opens it
//! knows.

use jiff::Timestamp;

use super::MergeConflict;
use crate::model::SecretId;
use crate::store::header::Header;
use crate::store::identities::Identities;
use crate::store::paths::bound_path;
use crate::store::sealing::{Opened, inspect, open};
use crate::store::stanza::UNKNOWN_TIME;
use crate::store::tag::{Sameness, ValueIdentity};

/// A version, as far as it shows.
pub(super) struct Version<'a> {
    pub(super) file: &'a [u8],
    pub(super) header: Header,
    identity: ValueIdentity,
}

impl<'a> Version<'a> {
    /// Reads a version, unless it is no sealed file, or one of another secret.
    pub(super) fn read(file: &'a [u8], id: &SecretId) -> Option<Self> {
        let header = inspect(file).ok()?;
        if header.seal.as_ref().is_some_and(|seal| seal.path != bound_path(id)) {
            return None;
        }
        let identity = ValueIdentity::of(file, Some(&header));
        Some(Self { file, header, identity })
    }

    /// Whether it says that it belongs to the secret.
    pub(super) fn is_bound(&self) -> bool {
        self.header.seal.is_some()
    }

    /// When its value was set.
    pub(super) fn set_at(&self) -> Timestamp {
        self.header.seal.as_ref().map_or(UNKNOWN_TIME, |seal| seal.set_at)
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

/// The identities at hand, which are loaded once something must be opened.
pub(super) struct Keys<F> {
    load: Option<F>,
    loaded: Identities,
}

impl<F: FnOnce() -> Identities> Keys<F> {
    pub(super) fn new(load: F) -> Self {
        Self { load: Some(load), loaded: Identities::default() }
    }

    fn get(&mut self) -> &Identities {
        if let Some(load) = self.load.take() {
            self.loaded = load();
        }
        &self.loaded
    }
}

/// Whose value it is.
pub(super) struct Decision<'a, 'b> {
    /// The versions that hold it, the better first.
    pub(super) candidates: Vec<&'a Version<'b>>,
    /// Those that may have shown it to somebody first.
    pub(super) set_by: Vec<&'a Version<'b>>,
    /// The value, where it had to be opened.
    pub(super) opened: Option<Opened>,
}

impl<'a, 'b> Decision<'a, 'b> {
    fn any_of(versions: Vec<&'a Version<'b>>) -> Self {
        Self { set_by: versions.clone(), candidates: versions, opened: None }
    }
}

/// Decides whose value it is.
pub(super) fn decide<'a, 'b>(
    id: &SecretId,
    base: Option<&Version<'_>>,
    ours: &'a Version<'b>,
    theirs: &'a Version<'b>,
    keys: &mut Keys<impl FnOnce() -> Identities>,
) -> Result<Decision<'a, 'b>, MergeConflict> {
    use Sameness::{Same, SetApart, Unknown};
    let since_base =
        |side: &Version<'_>| base.map_or(SetApart, |base| base.identity.compare(side.identity));
    let (one, two) = (since_base(ours), since_base(theirs));
    match (ours.identity.compare(theirs.identity), one, two) {
        (Same, ..) | (_, Same, Same) => return Ok(Decision::any_of(vec![ours, theirs])),
        // Whether or not our side changed it: the other did not.
        (_, _, Same) => return Ok(Decision::any_of(vec![ours])),
        (_, Same, _) => return Ok(Decision::any_of(vec![theirs])),
        _ => {}
    }

    let why = match (one, two) {
        (SetApart, SetApart) => "both sides changed it",
        _ => "no file tells whether both sides changed it",
    };
    let identities = keys.get();
    let (our_value, their_value) =
        (ours.open(id, why, identities)?, theirs.open(id, why, identities)?);
    if our_value.value == their_value.value {
        let (later, opened) = match ours.set_at() >= theirs.set_at() {
            true => (ours, our_value),
            false => (theirs, their_value),
        };
        // Either may have exposed it.
        let set_by = vec![ours, theirs];
        return Ok(Decision { candidates: vec![later], set_by, opened: Some(opened) });
    }
    let base = base.filter(|_| one == Unknown || two == Unknown);
    let base = base.map(|base| base.open(id, why, identities)).transpose()?;
    let has_changed = |since: Sameness, now: &Opened| {
        since == SetApart || base.as_ref().is_none_or(|base| base.value != now.value)
    };
    let (side, opened) = match (has_changed(one, &our_value), has_changed(two, &their_value)) {
        (true, false) => (ours, our_value),
        (false, true) => (theirs, their_value),
        _ => {
            let (ours, theirs) = (ours.set_at(), theirs.set_at());
            return Err(MergeConflict::Different { id: id.clone(), ours, theirs });
        }
    };
    Ok(Decision { candidates: vec![side], set_by: vec![side], opened: Some(opened) })
}

/// Opens the first version that can be.
pub(super) fn open_one(
    id: &SecretId,
    candidates: &[&Version<'_>],
    keys: &mut Keys<impl FnOnce() -> Identities>,
) -> Result<Opened, MergeConflict> {
    let why = "neither side is sealed to the holders of both";
    let identities = keys.get();
    let mut opened = Err(MergeConflict::NotSealed { id: id.clone(), side: "neither" });
    for candidate in candidates {
        opened = candidate.open(id, why, identities);
        if opened.is_ok() {
            break;
        }
    }
    opened
}
