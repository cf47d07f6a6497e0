//! A clone in which histories happen, to sealed files and in git.

use std::fs;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{IndexAddOption, Oid, Repository, Signature};
use jiff::Timestamp;
use phalanx_secrets::model::SecretId;
use phalanx_secrets::store::{
    FileChange, Identities, IdentitySource, LockedStore, Withdrawal, Withdrawals, open, sealed_path,
};
use phalanx_secrets::tree::Tree;

use super::history::{HOLDERS, History, Joined, KEYS, State, Step, Value};
use crate::git::Clone;
use crate::support::cli::Output;
use crate::support::keys::Key;
use crate::support::version_1;

pub(super) struct World {
    clone: Clone,
    git: Repository,
    alice: Identities,
    holders: Vec<(&'static str, Key)>,
    /// How many values were set.
    count: u32,
}

/// What a history comes from, and where its sides end.
pub(super) struct Sides {
    /// The state at first, and after each commit of a side.
    pub(super) states: [Vec<State>; 2],
    commits: [Vec<Oid>; 2],
}

/// What came of two sides.
pub(super) enum Came {
    /// The values that are stored.
    Clean(Vec<(&'static str, Option<String>)>),
    Conflict,
}

impl World {
    pub(super) fn new() -> Self {
        let clone = Clone::set_up();
        clone.git(&["config", "gc.auto", "0"]);
        let git = Repository::open(&clone.store.root).unwrap();
        let text = fs::read_to_string(&clone.store.alice.path).unwrap();
        let sources = [IdentitySource::Text { text: text.into(), named_by: "a test" }];
        let alice = Identities::load(&sources).unwrap();
        let key = |name: &&'static str| (*name, clone.store.sandbox.age_identity(name));
        let holders = HOLDERS.iter().map(key).collect();
        Self { clone, git, alice, holders, count: 0 }
    }

    /// Lets a history happen on two branches that nothing else has to do with.
    pub(super) fn live(&mut self, history: &History) -> Sides {
        let root = self.root().to_owned();
        let _ = fs::remove_dir_all(root.join("secrets/demo"));
        for file in ["bob.toml", "carol.toml", "withdrawn.toml"] {
            let _ = fs::remove_file(root.join("recipients").join(file));
        }
        let mut start = State::new();
        for step in &history.start {
            self.take(step, &mut start, None);
        }
        let base = self.commit("start", &[]);
        let mut sides = [0, 1].map(|side| {
            let mut states = vec![start.clone()];
            let mut commits = vec![base];
            self.go_to(base);
            for (number, steps) in history.sides[side].iter().enumerate() {
                let mut state = states[number].clone();
                for step in steps {
                    self.take(step, &mut state, Some((base, &start)));
                }
                commits.push(self.commit(&format!("{side} {number}"), &[commits[number]]));
                states.push(state);
            }
            (states, commits)
        });
        let take = |side: &mut (Vec<State>, Vec<Oid>)| std::mem::take(side);
        let [(one, its), (two, their)] = [take(&mut sides[0]), take(&mut sides[1])];
        Sides { states: [one, two], commits: [its, their] }
    }

    /// Joins the sides with the real git, and our driver.
    pub(super) fn join(&mut self, history: &History, sides: &Sides) -> Came {
        let [ours, theirs] = &sides.commits;
        let (base, tip, their_tip) = (ours[0], *ours.last().unwrap(), *theirs.last().unwrap());
        if history.joined == Joined::Stash {
            self.go_to(base);
            let tree = self.git.find_commit(their_tip).unwrap().into_object();
            self.git.checkout_tree(&tree, Some(&mut forced())).unwrap();
            self.clone.git(&["add", "--all"]);
            self.clone.git(&["stash", "--quiet"]);
        }
        self.go_to(tip);
        let (their, first) = (their_tip.to_string(), ours[1].to_string());
        let all = format!("{base}..{their}");
        let arguments: &[&str] = match history.joined {
            Joined::Merge => &["merge", "--quiet", "--no-edit", &their],
            // Git leaves out by itself what the other side did as well: removals.
            Joined::Rebase => &["rebase", "--quiet", "--reapply-cherry-picks", &their],
            Joined::CherryPick => &["cherry-pick", "--keep-redundant-commits", &their],
            Joined::CherryPickAll => &["cherry-pick", "--keep-redundant-commits", &all],
            Joined::Revert => &["revert", "--no-edit", &first],
            Joined::Stash => &["stash", "pop", "--quiet"],
        };
        let mut command = self.clone.command(arguments);
        if !history.has_key {
            let nowhere = self.clone.store.sandbox.root().join("nowhere");
            command = command.env("HOME", &nowhere).env("XDG_CONFIG_HOME", &nowhere);
        }
        let output = command.run();
        let came = self.came(&output);
        self.clean_up();
        came
    }

    fn came(&self, output: &Output) -> Came {
        let mut index = self.git.index().unwrap();
        index.read(true).unwrap();
        if !index.has_conflicts() {
            // Git says the same where there was nothing to do.
            let is_empty = output.stdout().contains("nothing to commit")
                || output.stdout().contains("Your branch is")
                || output.stderr().contains("No stash entries found");
            assert!(output.code() == 0 || is_empty, "neither clean nor a conflict\n{output:?}");
            return Came::Clean(KEYS.iter().map(|key| (*key, self.value(key))).collect());
        }
        assert_ne!(output.code(), 0, "a conflict without a word\n{output:?}");
        // What is in conflict is whole.
        for conflict in index.conflicts().unwrap() {
            let ours = conflict.unwrap().our;
            let Some(path) = ours.map(|entry| String::from_utf8(entry.path).unwrap()) else {
                continue;
            };
            if path.ends_with(".age") && self.root().join(&path).exists() {
                let text = String::from_utf8(self.clone.store.bytes(&path)).unwrap();
                assert!(!text.contains("<<<<"), "{path} has markers\n{output:?}");
            }
        }
        Came::Conflict
    }

    fn value(&self, key: &str) -> Option<String> {
        let id = id(key);
        let file = fs::read(self.root().join(sealed_path(&id))).ok()?;
        let opened = open(&file, &id, &self.alice).unwrap();
        Some(String::from_utf8(opened.value.expose().to_vec()).unwrap())
    }

    fn clean_up(&mut self) {
        self.git.cleanup_state().unwrap();
        let head = self.git.head().unwrap().target().unwrap();
        self.go_to(head);
        while self.git.stash_drop(0).is_ok() {}
    }

    fn root(&self) -> &Path {
        &self.clone.store.root
    }

    fn commit(&self, message: &str, parents: &[Oid]) -> Oid {
        let mut index = self.git.index().unwrap();
        index.clear().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = self.git.find_tree(index.write_tree().unwrap()).unwrap();
        let somebody = Signature::now("Somebody", "somebody@example.com").unwrap();
        let parents: Vec<_> =
            parents.iter().map(|parent| self.git.find_commit(*parent).unwrap()).collect();
        let parents: Vec<_> = parents.iter().collect();
        self.git.commit(None, &somebody, &somebody, message, &tree, &parents).unwrap()
    }

    fn go_to(&self, commit: Oid) {
        let object = self.git.find_object(commit, None).unwrap();
        self.git.set_head_detached(commit).unwrap();
        self.git.reset(&object, git2::ResetType::Hard, Some(&mut forced())).unwrap();
    }

    /// Takes a step, as the program takes it, and notes what is then stored.
    fn take(&mut self, step: &Step, state: &mut State, start: Option<(Oid, &State)>) {
        match step {
            Step::Set { key, value, time } => self.put(key, value, *time, state),
            Step::Import { values, time } => {
                for (key, value) in values {
                    if state.get(key).is_none_or(|stored| stored.text != *value) {
                        self.put(key, value, *time, state);
                    }
                }
            }
            Step::Remove { key } => {
                if state.remove(key).is_some() {
                    self.store().remove(&id(key)).unwrap();
                }
            }
            Step::Rename { from, to } if from != to && !state.contains_key(to) => {
                let Some(value) = state.remove(from) else { return };
                self.rename(&id(from), &id(to));
                state.insert(to, Value { is_tagged: true, ..value });
            }
            Step::Rename { .. } => {}
            Step::Stock { key, value } => {
                let alice: age::x25519::Recipient =
                    self.clone.store.alice.recipient.parse().unwrap();
                let sealed = age::encrypt_and_armor(&alice, value.as_bytes()).unwrap();
                self.clone.store.write(&sealed_path(&id(key)), sealed);
                self.note(key, value, false, state);
            }
            Step::Earlier { key, value, time } => {
                let store = self.store();
                let readers =
                    store.holders.recipients_for(&id(key).environment, &id(key).application);
                let readers: Vec<&str> = readers.iter().map(|reader| reader.as_str()).collect();
                let path = format!("demo/app/{key}");
                let sealed = version_1::seal(
                    &path,
                    &Timestamp::from_second(*time).unwrap().to_string(),
                    &readers,
                    value.as_bytes(),
                );
                drop(store);
                self.clone.store.write(&sealed_path(&id(key)), sealed);
                self.note(key, value, false, state);
            }
            Step::Rekey => self.rekey(state),
            Step::AddHolder { name } => {
                if !self.holder_file(name).exists() {
                    let (_, key) = self.holders.iter().find(|(own, _)| own == name).unwrap();
                    self.clone.store.holder(name, &[&key.recipient], &["demo"]);
                    self.rekey(state);
                }
            }
            Step::RemoveHolder { name } => {
                if self.holder_file(name).exists() {
                    self.withdraw(name);
                    self.rekey(state);
                }
            }
            Step::Restore { key } => {
                let Some((base, start)) = start else { return };
                let path = sealed_path(&id(key));
                let tree = self.git.find_commit(base).unwrap().tree().unwrap();
                match tree.get_path(Path::new(&path)) {
                    Ok(entry) => {
                        let blob = self.git.find_blob(entry.id()).unwrap();
                        self.clone.store.write(&path, blob.content());
                    }
                    Err(_) => drop(fs::remove_file(self.root().join(&path))),
                }
                match start.get(key) {
                    Some(value) => state.insert(key, value.clone()),
                    None => state.remove(key),
                };
            }
        }
    }

    fn put(&mut self, key: &'static str, value: &str, time: i64, state: &mut State) {
        let time = Timestamp::from_second(time).unwrap();
        self.store().put(&id(key), &value.into(), time).unwrap();
        self.note(key, value, true, state);
    }

    fn note(&mut self, key: &'static str, value: &str, is_tagged: bool, state: &mut State) {
        self.count += 1;
        state.insert(key, Value { number: self.count, text: value.to_owned(), is_tagged });
    }

    /// What `rename` does.
    fn rename(&self, from: &SecretId, to: &SecretId) {
        let store = self.store();
        let before = store.sealed(from).unwrap();
        let opened = open(&before, from, &self.alice).unwrap();
        let sealed = store.seal(to, &opened.value, &opened.note).unwrap();
        let change = |id, before, after| FileChange { file: sealed_path(id), before, after };
        let changes = [change(to, None, Some(sealed)), change(from, Some(before), None)];
        store.write(&changes).unwrap();
    }

    /// What `rekey` does.
    fn rekey(&self, state: &mut State) {
        let store = self.store();
        let stale = store.stale(|_| true, &store.holders).unwrap();
        let sealed = store.seal_again(stale, &store.holders, &self.alice, || {}).unwrap();
        store.write(&sealed).unwrap();
        state.values_mut().for_each(|value| value.is_tagged = true);
    }

    fn withdraw(&self, name: &str) {
        let (_, key) = self.holders.iter().find(|(own, _)| *own == name).unwrap();
        let withdrawal = Withdrawal {
            holder: name.parse().unwrap(),
            keys: vec![key.recipient.parse().unwrap()],
            access: vec!["demo".parse().unwrap()],
            at: Timestamp::from_second(2).unwrap(),
        };
        let file = Withdrawals::path();
        let before = fs::read_to_string(self.root().join(&file)).ok();
        let after = withdrawal.append_to(before.as_deref()).unwrap();
        self.clone.store.write(&file, after);
        fs::remove_file(self.holder_file(name)).unwrap();
    }

    fn holder_file(&self, name: &str) -> std::path::PathBuf {
        self.root().join(format!("recipients/{name}.toml"))
    }

    fn store(&self) -> LockedStore {
        LockedStore::open(&Tree::new(self.root()), || {}).unwrap().unwrap()
    }
}

fn id(key: &str) -> SecretId {
    SecretId::parse("demo", "app", key).unwrap()
}

fn forced() -> CheckoutBuilder<'static> {
    let mut options = CheckoutBuilder::new();
    options.force().remove_untracked(true);
    options
}
