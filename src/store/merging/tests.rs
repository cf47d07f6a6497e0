//! What comes of each pair of versions.

use age::secrecy::ExposeSecret as _;

use super::*;
use crate::store::sealing::seal_as_version_1;
use crate::store::{Holder, Holders, IdentitySource, RecipientSet, ValueTag, open, seal};

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
    /// Sealed to some, by an earlier version of the program.
    SealedEarlier,
    /// Another value at a time, by an earlier version.
    SetEarlier(&'static str, i64),
    /// Sealed to all, and known to have been exposed at a time.
    Exposed(i64),
}
use Done::{Exposed, Nothing, SealedEarlier, SealedToAll, SealedToOne, Set, SetEarlier, SetForAll};

/// What both sides came from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Base {
    /// A file that states its tag.
    Tagged,
    /// One of an earlier version.
    Earlier,
    /// One that stock tools made.
    Unbound,
    /// Nothing.
    None,
}

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
        let merged = MergedHolders::known(all.clone());
        Self { id: SecretId::parse("env", "app", "key").unwrap(), identities, one, all, merged }
    }

    fn recipients(&self, holders: &Holders) -> RecipientSet {
        holders.recipients_for(&self.id.environment, &self.id.application)
    }

    fn seal(&self, value: &str, second: i64, holders: &Holders) -> Vec<u8> {
        self.seal_again(value, ValueTag::random(), second, holders)
    }

    fn seal_again(&self, value: &str, tag: ValueTag, second: i64, holders: &Holders) -> Vec<u8> {
        let note = ValueNote { tag, ..ValueNote::of_new_value(time(second)) };
        seal(&value.into(), &self.id, &note, &self.recipients(holders)).unwrap()
    }

    fn seal_earlier(&self, value: &str, second: i64) -> Vec<u8> {
        seal_as_version_1(&value.into(), &self.id, time(second), &self.recipients(&self.one))
    }

    fn base(&self, kind: Base) -> Vec<u8> {
        match kind {
            Base::Tagged | Base::None => self.seal("base", 1, &self.one),
            Base::Earlier => self.seal_earlier("base", 1),
            Base::Unbound => {
                let alice = self.recipients(&self.one).iter().next().unwrap().to_string();
                let alice: age::x25519::Recipient = alice.parse().unwrap();
                age::encrypt_and_armor(&alice, b"base").unwrap().into_bytes()
            }
        }
    }

    fn version(&self, done: Done, base: &[u8]) -> Vec<u8> {
        let note = open(base, &self.id, &self.identities).unwrap().note;
        let second = note.set_at.as_second();
        match done {
            Nothing => base.to_vec(),
            SealedToAll => self.seal_again("base", note.tag, second, &self.all),
            SealedToOne => self.seal_again("base", note.tag, second, &self.one),
            Set(value, second) => self.seal(value, second, &self.one),
            SetForAll(value, second) => self.seal(value, second, &self.all),
            SealedEarlier => self.seal_earlier("base", second),
            SetEarlier(value, second) => self.seal_earlier(value, second),
            Exposed(second) => self.seal_again("base", note.tag, second, &self.all),
        }
    }

    fn merge(&self, kind: Base, ours: Done, theirs: Done, has_key: bool) -> Comes {
        let base = self.base(kind);
        let files = [self.version(ours, &base), self.version(theirs, &base)];
        let [our_file, their_file] = &files;
        let base = Some(base.as_slice()).filter(|_| kind != Base::None);
        let versions = Versions { base, ours: our_file, theirs: their_file };
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
                // It stays the value that it was.
                let tags = files
                    .each_ref()
                    .map(|file| open(file, &self.id, &self.identities).unwrap().note.tag);
                assert!(tags.contains(&opened.note.tag));
                Comes::Sealed(value, opened.note.set_at.as_second())
            }
            Err(MergeConflict::Different { .. }) => Comes::Different,
            Err(MergeConflict::Unopened { .. }) => Comes::Unopened,
            Err(error) => panic!("{error}"),
        }
    }

    /// Merges pairs of versions in both directions, with a key and without.
    fn try_all(&self, base: Base, table: &[(Done, Done, Comes, bool)]) {
        for (ours, theirs, expected, needs_key) in table {
            for (one, two) in [(*ours, *theirs), (*theirs, *ours)] {
                assert_eq!(self.merge(base, one, two, true), *expected, "{one:?} {two:?}");
                let without = self.merge(base, one, two, false);
                match needs_key {
                    true => assert_eq!(without, Comes::Unopened, "{one:?} {two:?}"),
                    false => assert_eq!(without, *expected, "{one:?} {two:?}"),
                }
            }
        }
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn each_pair_of_versions_comes_to_what_it_should() {
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
        // Times decide nothing, whatever they are.
        (Set("x", 1), SealedToAll, Comes::Sealed("x", 1), true),
        (Set("x", 0), SealedToAll, Comes::Sealed("x", 0), true),
        (SetForAll("x", 1), SealedToOne, Comes::Whole(SetForAll("x", 1)), false),
        (Set("x", 1), Set("y", 1), Comes::Different, true),
        (Set("x", 1), Set("y", 2), Comes::Different, true),
        // Once exposed, always exposed.
        (Exposed(0), SealedToAll, Comes::Whole(Exposed(0)), false),
        (Exposed(0), SealedToOne, Comes::Whole(Exposed(0)), false),
    ];
    World::new().try_all(Base::Tagged, &table);
}

#[test]
fn where_files_state_no_tag_values_are_compared() {
    let table = |second| {
        [
            // What was sealed again from the file that both came from shows.
            (SealedToAll, SealedToOne, Comes::Whole(SealedToAll), false),
            (SealedToOne, SealedToOne, Comes::Sealed("base", second), true),
            (SetForAll("x", second), SealedToOne, Comes::Whole(SetForAll("x", second)), false),
            (Set("x", second), SealedToAll, Comes::Sealed("x", second), true),
            (SetEarlier("x", second), SealedToAll, Comes::Sealed("x", second), true),
            // The rest does not.
            (SealedEarlier, SealedToAll, Comes::Sealed("base", second), true),
            (SealedEarlier, SealedEarlier, Comes::Sealed("base", second), true),
            (Set("x", second), SealedEarlier, Comes::Sealed("x", second), true),
            (SetForAll("x", 2), SealedEarlier, Comes::Whole(SetForAll("x", 2)), true),
            (SetEarlier("x", second), SealedEarlier, Comes::Sealed("x", second), true),
            (SetEarlier("x", 2), SealedEarlier, Comes::Sealed("x", 2), true),
            (SetEarlier("x", second), SetEarlier("y", second), Comes::Different, true),
            (SetEarlier("x", 2), Set("y", 3), Comes::Different, true),
            (SetEarlier("x", 2), Set("x", 3), Comes::Sealed("x", 3), true),
        ]
    };
    let world = World::new();
    world.try_all(Base::Earlier, &table(1));
    // A file that stock tools made has no time.
    world.try_all(Base::Unbound, &table(0));
}

#[test]
fn values_that_are_new_on_both_sides_are_compared() {
    let table = [
        (Set("x", 2), Set("x", 2), Comes::Sealed("x", 2), true),
        (Set("x", 2), SetForAll("y", 2), Comes::Different, true),
        // The same rename on both sides, say.
        (SealedToAll, SealedToOne, Comes::Whole(SealedToAll), false),
        (SetEarlier("x", 2), SetEarlier("x", 2), Comes::Sealed("x", 2), true),
    ];
    World::new().try_all(Base::None, &table);
}

/// A base that cannot be opened leaves it to somebody to decide.
#[test]
fn a_side_that_may_have_changed_is_never_passed_over() {
    let world = World::new();
    let stranger = RecipientSet::from_iter([age::x25519::Identity::generate()
        .to_public()
        .to_string()
        .parse()
        .unwrap()]);
    let base = seal_as_version_1(&"base".into(), &world.id, time(1), &stranger);
    let (ours, theirs) = (world.seal_earlier("x", 1), world.seal_earlier("base", 1));
    let versions = Versions { base: Some(&base), ours: &ours, theirs: &theirs };
    let merged = merge(&world.id, versions, &world.merged, || world.identities.clone());
    assert!(matches!(merged, Err(MergeConflict::Unopened { .. })), "{merged:?}");
}

/// Where the commits are not known, a side's file is taken as it is or not at
/// all.
#[test]
fn nothing_is_sealed_to_holders_of_one_side() {
    let world = World::new();
    let base = world.base(Base::Tagged);
    let holders = MergedHolders::of_one_side(world.one.clone());
    let try_one = |ours: Done, theirs: Done| {
        let (ours, theirs) = (world.version(ours, &base), world.version(theirs, &base));
        let versions = Versions { base: Some(&base), ours: &ours, theirs: &theirs };
        let merged = merge(&world.id, versions, &holders, || world.identities.clone());
        merged.map(|file| (file == ours, file == theirs))
    };
    // The same value, set on both sides.
    assert_eq!(try_one(Set("x", 2), Set("x", 2)).unwrap(), (true, false));
    assert_eq!(try_one(SealedToOne, Set("x", 2)).unwrap(), (false, true));
    for (ours, theirs) in [(Set("x", 3), SetForAll("x", 4)), (SealedToOne, SetForAll("x", 2))] {
        let merged = try_one(ours, theirs);
        assert!(matches!(merged, Err(MergeConflict::Commits { .. })), "{merged:?}");
    }
    let merged = try_one(Set("x", 2), Set("y", 3));
    assert!(matches!(merged, Err(MergeConflict::Different { .. })), "{merged:?}");
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
    let nobody = MergedHolders::known(Holders::default());
    let merged = merge(&world.id, versions, &nobody, || world.identities.clone());
    assert!(matches!(merged, Err(MergeConflict::Store(_))), "{merged:?}");
}
