//! Any two histories of a store, joined by git in any way, end with values that
//! one side set last, or with a conflict.
//!
//! Two sides do what people do, at times that repeat, some of it with the stock
//! tool or an earlier version of the program. Then the real git joins them, with
//! our merge driver. What may come of that is worked out from what was done,
//! without a look at any file.
//!
//! `PHALANX_SECRETS_TEST_HISTORIES` says how many histories there are, and
//! `PHALANX_SECRETS_TEST_SEED` which is the first: each has its own number, so
//! that the one that fails can be tried alone.

mod history;
mod oracle;
mod world;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use self::history::{History, Joined};
use self::oracle::{Allowed, replayed};
use self::world::{Came, Sides, World};
use crate::support::notice;

/// How many histories there are unless a variable says otherwise.
const FEW: u64 = 60;
/// How many happen in one repository.
const TOGETHER: u64 = 100;

#[test]
fn no_two_histories_lose_a_value() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let count = number("PHALANX_SECRETS_TEST_HISTORIES", FEW);
    let seed = number("PHALANX_SECRETS_TEST_SEED", 1);
    let (mut clean, mut conflicts) = (0, 0);
    let mut world = World::new();
    for number in 0..count {
        if number > 0 && number % TOGETHER == 0 {
            world = World::new();
        }
        let seed = seed.wrapping_add(number);
        let history = History::random(&mut StdRng::seed_from_u64(seed));
        let sides = world.live(&history);
        let allowed = allowed(&history, &sides);
        match world.join(&history, &sides) {
            Came::Clean(values) => {
                clean += 1;
                for ((key, value), (_, allowed)) in values.iter().zip(&allowed) {
                    let is_it = allowed
                        .iter()
                        .any(|one| one.as_ref().map(|one| &one.text) == value.as_ref());
                    assert!(
                        is_it,
                        "history {seed} ends with {value:?} at {key}, not with one of \
                         {allowed:?}\n{history:#?}\n{:#?}",
                        sides.states
                    );
                }
            }
            Came::Conflict => {
                conflicts += 1;
                // Nobody is asked without a reason.
                let can_all = allowed.iter().all(|(_, allowed)| !allowed.is_empty());
                // Of equal values, the next commit may have been made on the other.
                let is_one_step = !matches!(history.joined, Joined::Rebase | Joined::CherryPickAll);
                let is_needless = history.has_key && history.is_plain() && is_one_step && can_all;
                assert!(
                    !is_needless,
                    "history {seed} conflicts\n{history:#?}\n{:#?}",
                    sides.states
                );
            }
        }
    }
    notice(&format!("{count} histories from {seed}: {clean} joined, {conflicts} in conflict"));
    assert!(clean * 5 > count && conflicts * 20 > count, "{clean} {conflicts}");
}

/// What may be at each key in the end.
fn allowed(history: &History, sides: &Sides) -> Vec<(&'static str, Allowed)> {
    let [ours, theirs] = &sides.states;
    let (our_last, their_last) = (&ours[ours.len() - 1], &theirs[theirs.len() - 1]);
    match history.joined {
        Joined::Merge | Joined::Stash => replayed(our_last, &[ours[0].clone(), their_last.clone()]),
        Joined::Rebase => replayed(their_last, ours),
        Joined::CherryPick => replayed(our_last, &theirs[theirs.len() - 2..]),
        Joined::CherryPickAll => replayed(our_last, theirs),
        Joined::Revert => replayed(our_last, &[ours[1].clone(), ours[0].clone()]),
    }
}
