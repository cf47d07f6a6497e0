//! Two clones, a job and a hand in Vault take turns at random, and no value that
//! somebody set last, in the store or in Vault, is lost without having been
//! named before.
//!
//! Each value is set once in the whole test, so that it tells who set it. What a
//! clone has known is worked out from what was done in it. When a sync replaces
//! a value in Vault, one of two things must hold: its clone knew that value, so
//! that what it writes came after it; or the sync, or one before it that was
//! refused, named the secret.
//!
//! `PHALANX_SECRETS_TEST_ROUNDS` says how many turns there are, and
//! `PHALANX_SECRETS_TEST_SEED` which: they are the same for the same number.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use super::World;
use crate::support::cli::{Command, Output};
use crate::support::notice;

/// How many turns there are unless a variable says otherwise.
const FEW: u64 = 80;

/// Each a secret of the environment: its application and key.
const SECRETS: [(&str, &str); 3] = [("app", "one"), ("app", "two"), ("other", "one")];
type Secret = (&'static str, &'static str);

#[test]
fn nothing_that_was_set_last_is_lost_unseen() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let rounds = number("PHALANX_SECRETS_TEST_ROUNDS", FEW);
    let seed = number("PHALANX_SECRETS_TEST_SEED", 1);
    let mut game = Game::new(seed);
    for round in 0..rounds {
        game.turn(round);
    }
    let Game { done, .. } = &game;
    notice(&format!("{rounds} turns from seed {seed}: {done:?}"));
    // Each way to lose a value was tried, and each way to be told of it seen.
    for what in ["replaced by a successor", "named", "refused: behind", "refused: conflict"] {
        assert!(rounds < FEW || done.get(what).is_some_and(|count| *count > 0), "{what}: {done:?}");
    }
}

struct Game {
    world: World,
    random: StdRng,
    clones: Vec<Clone>,
    /// What has been pushed: the values that the history of it has had.
    pushed: BTreeSet<String>,
    /// The values in Vault that a sync has named as changed there.
    named: BTreeSet<String>,
    values: u64,
    done: BTreeMap<String, u64>,
}

/// A clone, and the values that it has had.
struct Clone {
    root: PathBuf,
    known: BTreeSet<String>,
    is_job: bool,
}

impl Game {
    fn new(seed: u64) -> Self {
        let spec = |key| format!("secrets.{key}.description = 'A value of this test'\n");
        let (app, other) = (spec("one") + &spec("two"), spec("one"));
        let world = World::new("turns", &[("app", app.as_str()), ("other", other.as_str())]);
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        let mut known = BTreeSet::new();
        for (application, key) in SECRETS {
            let value = format!("{application} {key} begins");
            world.set(application, key, &value);
            known.insert(value);
        }
        world.commit("The store");
        let origin = world.sandbox.work().join("origin.git");
        let from = world.root.to_str().unwrap();
        world.sandbox.git(["clone", "--quiet", "--bare", from, origin.to_str().unwrap()]);
        let clones = ["anna", "bob", "job"].map(|name| {
            let root = world.sandbox.work().join(name);
            world.sandbox.git([
                "clone",
                "--quiet",
                origin.to_str().unwrap(),
                root.to_str().unwrap(),
            ]);
            world.command(&["git", "setup"]).current_dir(&root).run().success();
            Clone { root, known: known.clone(), is_job: name == "job" }
        });
        Self {
            world,
            random: StdRng::seed_from_u64(seed),
            clones: clones.into(),
            pushed: known,
            named: BTreeSet::new(),
            values: 0,
            done: BTreeMap::new(),
        }
    }

    fn turn(&mut self, round: u64) {
        let clone = self.random.random_range(0..self.clones.len());
        match (self.random.random_range(0..12), self.clones[clone].is_job) {
            (0..3, _) => self.hand(),
            (3..8, true) => {
                self.pull(clone);
                self.sync(clone, round);
            }
            (_, true) => self.sync(clone, round),
            (3..7, _) => self.set(clone),
            (7, _) => self.push(clone),
            (8, _) => {
                self.commit(clone);
                self.pull(clone);
            }
            _ => self.sync(clone, round),
        }
    }

    fn new_value(&mut self) -> String {
        self.values += 1;
        format!("value {}", self.values)
    }

    fn secret(&mut self) -> Secret {
        *SECRETS.choose(&mut self.random).unwrap()
    }

    fn count(&mut self, what: &str) {
        *self.done.entry(what.to_owned()).or_default() += 1;
    }

    fn command(&self, clone: usize, arguments: &[&str]) -> Command {
        self.world.command(arguments).current_dir(&self.clones[clone].root)
    }

    fn git(&self, clone: usize, arguments: &[&str]) -> String {
        self.world.sandbox.git_in(&self.clones[clone].root, arguments)
    }

    /// Whether git did it.
    fn try_git(&self, clone: usize, arguments: &[&str]) -> bool {
        let command = self.world.sandbox.program("git", arguments);
        command.current_dir(&self.clones[clone].root).run().code() == 0
    }

    /// Somebody changes a value in Vault.
    fn hand(&mut self) {
        let (application, key) = self.secret();
        let value = self.new_value();
        if self.world.server.read(&self.world.prefix, application).is_some() {
            let (_, mut data) = self.world.server.read(&self.world.prefix, application).unwrap();
            data.insert(key.to_owned(), value.into());
            self.world.server.put(&self.world.prefix, application, Value::Object(data));
            self.count("hand");
        }
    }

    /// Somebody changes a value in the store, and commits it or not.
    fn set(&mut self, clone: usize) {
        let (application, key) = self.secret();
        let value = self.new_value();
        self.command(clone, &["set", "demo", application, key]).stdin(&value).run().success();
        self.clones[clone].known.insert(value);
        self.count("set");
        if self.random.random_bool(0.7) {
            self.commit(clone);
        }
        if self.random.random_bool(0.3) {
            self.push(clone);
        }
    }

    fn commit(&mut self, clone: usize) {
        self.git(clone, &["add", "--all"]);
        let is_merging = self.clones[clone].root.join(".git/MERGE_HEAD").exists();
        if is_merging || !self.git(clone, &["status", "--porcelain"]).is_empty() {
            self.git(clone, &["commit", "--quiet", "--message", "A change"]);
        }
    }

    /// Brings a clone up to date. Where both sides changed a value, one is
    /// taken: git named it.
    fn pull(&mut self, clone: usize) {
        if self.clones[clone].is_job {
            self.git(clone, &["fetch", "--quiet"]);
            self.git(clone, &["reset", "--quiet", "--hard", "origin/main"]);
            self.clones[clone].known = self.pushed.clone();
            return;
        }
        if !self.try_git(clone, &["pull", "--quiet", "--no-rebase", "--no-edit"]) {
            let side = if self.random.random_bool(0.5) { "--ours" } else { "--theirs" };
            let conflicts = self.git(clone, &["diff", "--name-only", "--diff-filter=U"]);
            for file in conflicts.lines() {
                self.git(clone, &["checkout", "--quiet", side, "--", file]);
            }
            self.commit(clone);
            self.count("merge conflict");
        }
        let pushed = self.pushed.clone();
        self.clones[clone].known.extend(pushed);
    }

    fn push(&mut self, clone: usize) {
        self.commit(clone);
        self.pull(clone);
        if self.try_git(clone, &["push", "--quiet", "origin", "HEAD:main"]) {
            self.pushed = self.clones[clone].known.clone();
            self.count("push");
        }
    }

    fn in_vault(&self) -> BTreeMap<Secret, String> {
        SECRETS
            .iter()
            .filter_map(|secret| {
                let value = self.world.server.value(&self.world.prefix, secret.0, secret.1)?;
                Some((*secret, value))
            })
            .collect()
    }

    fn sync(&mut self, clone: usize, round: u64) {
        let before = self.in_vault();
        let output = self.command(clone, &["sync", "demo"]).run();
        let after = self.in_vault();
        for (secret, value) in &before {
            if output.stderr().contains(&format!("• {} {} (changed", secret.0, secret.1)) {
                self.named.insert(value.clone());
            }
        }
        for (secret, value) in before.iter().filter(|(secret, value)| after[*secret] != **value) {
            assert_eq!(output.code(), 0, "round {round}: {output:?}");
            let is_known = self.clones[clone].known.contains(value);
            let is_named = self.named.contains(value);
            assert!(is_known || is_named, "round {round}: {secret:?} lost {value:?}\n{output:?}");
            self.count(if is_known { "replaced by a successor" } else { "named" });
            // What comes instead is from this clone.
            assert!(self.clones[clone].known.contains(&after[secret]), "round {round}: {output:?}");
        }
        match output.code() {
            0 => self.count("synced"),
            3 => self.refused_behind(clone, &output),
            5 => self.refused_conflict(clone),
            _ => panic!("round {round}: {output:?}"),
        }
    }

    fn refused_behind(&mut self, clone: usize, output: &Output) {
        assert!(output.stderr().contains("not part of the history"), "{output:?}");
        self.count("refused: behind");
        // Somebody who synced what was never pushed goes on from there.
        if !self.clones[clone].is_job && self.random.random_bool(0.5) {
            for other in 0..self.clones.len() {
                if !self.clones[other].is_job {
                    self.push(other);
                }
            }
            self.pull(clone);
        }
    }

    /// One side is chosen.
    fn refused_conflict(&mut self, clone: usize) {
        self.count("refused: conflict");
        if self.random.random_bool(0.5) {
            self.command(clone, &["import", "demo", "--from-vault", "--yes"]).run().success();
            let values = self.in_vault().into_values();
            self.clones[clone].known.extend(values);
        } else {
            let before = self.in_vault();
            let output = self.command(clone, &["sync", "demo", "--overwrite"]).run();
            for (secret, value) in before {
                if output.stderr().contains(&format!("• {} {} (changed", secret.0, secret.1)) {
                    self.named.insert(value);
                }
            }
        }
    }
}
