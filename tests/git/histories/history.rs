//! What people do to a store, and what each value then is.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::rngs::StdRng;

pub(super) const KEYS: [&str; 3] = ["password", "token", "dex.clientSecret"];
pub(super) const HOLDERS: [&str; 2] = ["bob", "carol"];

/// One thing that somebody does. What does not apply does nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Another value, or the same again, at a time that may repeat.
    Set {
        key: &'static str,
        value: String,
        time: i64,
    },
    /// Several values at one time; those that are stored already are left.
    Import {
        values: Vec<(&'static str, String)>,
        time: i64,
    },
    Remove {
        key: &'static str,
    },
    Rename {
        from: &'static str,
        to: &'static str,
    },
    /// A file of the stock tool, put in the place by hand.
    Stock {
        key: &'static str,
        value: String,
    },
    /// A value that an earlier version of the program stores.
    Earlier {
        key: &'static str,
        value: String,
        time: i64,
    },
    Rekey,
    AddHolder {
        name: &'static str,
    },
    RemoveHolder {
        name: &'static str,
    },
    /// The file as both sides had it at first.
    Restore {
        key: &'static str,
    },
}

/// A value, and which one it is: it is another one each time that it is set,
/// whatever it is, and the same when it is sealed again, renamed or restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) number: u32,
    pub(super) text: String,
    /// Whether its file states a tag.
    pub(super) is_tagged: bool,
}

/// What is stored.
pub(super) type State = BTreeMap<&'static str, Value>;

/// A history: what both sides have at first, and what each does then, a commit
/// for each list of steps.
#[derive(Debug)]
pub(super) struct History {
    pub(super) start: Vec<Step>,
    pub(super) sides: [Vec<Vec<Step>>; 2],
    pub(super) joined: Joined,
    /// Whether an identity is at hand that opens the values.
    pub(super) has_key: bool,
}

/// How the sides come together; the first is checked out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Joined {
    Merge,
    /// The first side is replayed on the second.
    Rebase,
    /// The last commit of the second side.
    CherryPick,
    /// All of its commits.
    CherryPickAll,
    /// The first commit of the first side is taken back.
    Revert,
    /// The second side was put away and comes back.
    Stash,
}

impl History {
    pub(super) fn random(random: &mut StdRng) -> Self {
        let is_plain = random.random_bool(0.3);
        let start = (0..random.random_range(1..5)).map(|_| step(random, is_plain)).collect();
        let mut side = || {
            let commits = random.random_range(1..4);
            let mut steps = |_| {
                (0..random.random_range(1..3)).map(|_| step(random, is_plain)).collect::<Vec<_>>()
            };
            (0..commits).map(&mut steps).collect::<Vec<_>>()
        };
        let sides = [side(), side()];
        let ways = [
            Joined::Merge,
            Joined::Merge,
            Joined::Rebase,
            Joined::CherryPick,
            Joined::CherryPickAll,
            Joined::Revert,
            Joined::Stash,
        ];
        let joined = ways[random.random_range(0..ways.len())];
        Self { start, sides, joined, has_key: random.random_bool(0.8) }
    }

    /// Whether all of it leaves files with tags, in their places and sealed to
    /// the same holders.
    pub(super) fn is_plain(&self) -> bool {
        let steps = self.start.iter().chain(self.sides.iter().flatten().flatten());
        steps
            .into_iter()
            .all(|step| matches!(step, Step::Set { .. } | Step::Import { .. } | Step::Rekey))
    }
}

fn step(random: &mut StdRng, is_plain: bool) -> Step {
    let key = KEYS[random.random_range(0..KEYS.len())];
    let value = |random: &mut StdRng| format!("value {}", random.random_range(0..5));
    let time = random.random_range(1..4);
    let last = if is_plain { 8 } else { 20 };
    match random.random_range(0..last) {
        0..5 => Step::Set { key, value: value(random), time },
        5..7 => {
            let values = KEYS.iter().map(|key| (*key, value(random))).collect();
            Step::Import { values, time }
        }
        7 => Step::Rekey,
        8..10 => Step::Remove { key },
        10..13 => Step::Rename { from: key, to: KEYS[random.random_range(0..KEYS.len())] },
        13 => Step::Stock { key, value: value(random) },
        14 => Step::Rekey,
        15..17 => Step::Earlier { key, value: value(random), time },
        17 => Step::AddHolder { name: HOLDERS[random.random_range(0..HOLDERS.len())] },
        18 => Step::RemoveHolder { name: HOLDERS[random.random_range(0..HOLDERS.len())] },
        _ => Step::Restore { key },
    }
}
