//! Merging two versions of a sealed value, both of which came from a third.
//!
//! The headers say which side changed the value and which only sealed it
//! again. Nothing is opened unless it must be, and nothing is ever sealed to
//! anybody but the holders that the merge results in.

mod holders;

use jiff::Timestamp;
use thiserror::Error;

pub use self::holders::MergedHolders;
use super::header::Header;
use super::identities::Identities;
use super::paths::bound_path;
use super::sealing::{OpenError, Opened, inspect, open};
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
    /// The holders cannot be read, or it cannot be sealed to those that the
    /// merge results in.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    // Where both sides set the same value, either may have exposed it.
    let set_by = if opened.is_some() { vec![&ours, &theirs] } else { candidates.clone() };
    let exposed =
        set_by.iter().filter_map(|one| holders.exposed_at(id, &one.header, one.set_at)).min();
    let is_whole = |one: &&&Version<'_>| one.header.judge(id, holders.merged()).is_ok();
    if let (None, Some(whole)) = (exposed, candidates.iter().find(is_whole)) {
        return Ok(whole.file.to_vec());
    }
    if let (Some(exposed), Some(base), Some(candidate)) = (exposed, base, candidates.first())
        && exposed <= base
    {
        // A time that is no later would make it look unchanged. As it is, it
        // shows to whom it is sealed, and `rekey` records that.
        return Ok(candidate.file.to_vec());
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
    let latest = candidates.iter().map(|one| one.set_at).max().unwrap_or_default();
    let set_at = exposed.map_or(latest, |exposed| exposed.min(latest));
    Ok(seal_to(holders.merged(), id, &opened.value, set_at)?)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;
    use crate::store::{Holder, Holders, IdentitySource, seal};

    /// A version, by what was done to the value that both sides came from.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Done {
        Nothing,
        /// Sealed to the holders that the merge results in.
        SealedToAll,
        /// Sealed to some of them.
        SealedToOne,
        /// Another value, for the holders before, at a time.
        Set(&'static str, i64),
        /// Another value for those that the merge results in.
        SetForAll(&'static str, i64),
    }
    use Done::{Nothing, SealedToAll, SealedToOne, Set, SetForAll};

    /// What comes of two versions.
    #[derive(Debug, PartialEq)]
    enum Comes {
        /// One of them, as it is.
        Whole(Done),
        /// A file for all holders with this value, set at this time.
        Sealed(&'static str, i64),
        Different,
        Unopened,
    }

    struct World {
        id: SecretId,
        identities: Identities,
        one: Holders,
        all: Holders,
        merged: MergedHolders,
    }

    impl World {
        fn new() -> Self {
            let keys = [age::x25519::Identity::generate(), age::x25519::Identity::generate()];
            let holder = |key: &age::x25519::Identity| Holder {
                keys: vec![key.to_public().to_string().parse().unwrap()],
                access: vec!["*".parse().unwrap()],
                signing_keys: Vec::new(),
            };
            let [alice, bob] = &keys;
            let one = Holders::default().with(&"alice".parse().unwrap(), Some(holder(alice)));
            let all = one.with(&"bob".parse().unwrap(), Some(holder(bob)));
            let text = alice.to_string().expose_secret().to_owned();
            let source = IdentitySource::Text { text: text.into(), named_by: "the test" };
            let identities = Identities::load(&[source]).unwrap();
            let merged = MergedHolders::of_one_side(all.clone());
            Self { id: SecretId::parse("env", "app", "key").unwrap(), identities, one, all, merged }
        }

        fn seal(&self, value: &str, second: i64, holders: &Holders) -> Vec<u8> {
            let recipients = holders.recipients_for(&self.id.environment, &self.id.application);
            let time = Timestamp::from_second(second).unwrap();
            seal(&value.into(), &self.id, time, &recipients).unwrap()
        }

        fn version(&self, done: Done, base: &[u8]) -> Vec<u8> {
            match done {
                Nothing => base.to_vec(),
                SealedToAll => self.seal("base", 1, &self.all),
                SealedToOne => self.seal("base", 1, &self.one),
                Set(value, second) => self.seal(value, second, &self.one),
                SetForAll(value, second) => self.seal(value, second, &self.all),
            }
        }

        fn merge(&self, ours: Done, theirs: Done, has_key: bool) -> Comes {
            let base = self.seal("base", 1, &self.one);
            let files = [self.version(ours, &base), self.version(theirs, &base)];
            let [our_file, their_file] = &files;
            let versions = Versions { base: Some(&base), ours: our_file, theirs: their_file };
            let load = || if has_key { self.identities.clone() } else { Identities::default() };
            match merge(&self.id, versions, &self.merged, load) {
                Ok(file) if file == *our_file => Comes::Whole(ours),
                Ok(file) if file == *their_file => Comes::Whole(theirs),
                Ok(file) => {
                    let opened = open(&file, &self.id, &self.identities).unwrap();
                    opened.header.judge(&self.id, &self.all).unwrap();
                    let values = ["base", "x", "y"];
                    let is_it = |value: &&&str| opened.value == (**value).into();
                    let value = values.iter().find(is_it).unwrap();
                    Comes::Sealed(value, opened.header.seal.unwrap().set_at.as_second())
                }
                Err(MergeConflict::Different { .. }) => Comes::Different,
                Err(MergeConflict::Unopened { .. }) => Comes::Unopened,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn each_pair_of_versions_comes_to_what_it_should() {
        let world = World::new();
        // Both sides, what comes of them with a key, and whether that needs it.
        let table = [
            (Nothing, Nothing, Comes::Whole(Nothing), false),
            (SealedToAll, SealedToOne, Comes::Whole(SealedToAll), false),
            (SealedToOne, SealedToOne, Comes::Sealed("base", 1), true),
            (SealedToAll, SealedToAll, Comes::Whole(SealedToAll), false),
            (Set("x", 2), SealedToAll, Comes::Sealed("x", 2), true),
            (Set("x", 2), SealedToOne, Comes::Sealed("x", 2), true),
            (SetForAll("x", 2), SealedToAll, Comes::Whole(SetForAll("x", 2)), false),
            (SetForAll("x", 2), SealedToOne, Comes::Whole(SetForAll("x", 2)), false),
            (Set("x", 2), Set("x", 3), Comes::Sealed("x", 3), true),
            (Set("x", 2), SetForAll("x", 3), Comes::Whole(SetForAll("x", 3)), true),
            (Set("x", 3), SetForAll("x", 2), Comes::Sealed("x", 3), true),
            (Set("x", 2), Set("y", 2), Comes::Different, true),
            (SetForAll("x", 2), SetForAll("y", 3), Comes::Different, true),
            // Back to what it was is a change too.
            (Set("base", 2), SealedToAll, Comes::Sealed("base", 2), true),
        ];
        for (ours, theirs, expected, needs_key) in table {
            for (one, two) in [(ours, theirs), (theirs, ours)] {
                assert_eq!(world.merge(one, two, true), expected, "{one:?} {two:?}");
                let without = world.merge(one, two, false);
                match needs_key {
                    true => assert_eq!(without, Comes::Unopened, "{one:?} {two:?}"),
                    false => assert_eq!(without, expected, "{one:?} {two:?}"),
                }
            }
        }
    }

    #[test]
    fn only_values_of_the_secret_are_merged() {
        let world = World::new();
        let base = world.seal("base", 1, &world.one);
        let other = SecretId::parse("env", "app", "other").unwrap();
        for (ours, theirs) in [(&b"x"[..], &base[..]), (&base, b""), (&base, b"x")] {
            let versions = Versions { base: Some(&base), ours, theirs };
            let merged = merge(&world.id, versions, &world.merged, || world.identities.clone());
            assert!(matches!(merged, Err(MergeConflict::NotSealed { .. })), "{merged:?}");
        }
        let versions = Versions { base: None, ours: &base, theirs: &base };
        let merged = merge(&other, versions, &world.merged, || world.identities.clone());
        assert!(matches!(merged, Err(MergeConflict::NotSealed { .. })), "{merged:?}");
        // Where nobody is left to read it, it is sealed to nobody.
        let newer = world.seal("x", 2, &world.one);
        let versions = Versions { base: Some(&base), ours: &newer, theirs: &base };
        let nobody = MergedHolders::default();
        let merged = merge(&world.id, versions, &nobody, || world.identities.clone());
        assert!(matches!(merged, Err(MergeConflict::Store(_))), "{merged:?}");
    }
}
