//! Sealing two hundred values again, killed at random moments and out of
//! space: no value is lost, no file is left that nobody can open, and running
//! it again does the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use phalanx_secrets::model::SecretId;
use phalanx_secrets::store::{
    Identities, IdentitySource, LockedStore, SealFault, Store, inspect, open, sealed_path,
};
use phalanx_secrets::tree::Tree;
use rand::RngExt as _;

use crate::support::cli::Sandbox;
use crate::support::keys::Key;
use crate::support::notice;
use crate::support::small_store::{SmallStore, files_below};
use crate::support::standalone::Repository;

const APPLICATIONS: usize = 20;
const KEYS: usize = 10;
const ROUNDS: usize = 40;

/// A store with two hundred values.
struct Large {
    sandbox: Sandbox,
    root: PathBuf,
    alice: Key,
    bob: Key,
    values: Vec<(SecretId, String)>,
    set_at: Timestamp,
}

impl Large {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let (alice, bob) = (sandbox.age_identity("alice"), sandbox.age_identity("bob"));
        sandbox.install_identity(&alice.path);
        let applications: Vec<String> = (0..APPLICATIONS).map(|n| format!("app{n}")).collect();
        let names: Vec<&str> = applications.iter().map(String::as_str).collect();
        let mut repository = Repository::standalone(&sandbox, "store")
            .environment("demo", "http://127.0.0.1:1", "secret/demo", &names)
            .holder("alice", &[&alice.recipient], &["*"])
            .holder("bob", &[&bob.recipient], &["demo"]);
        let keys: String = (0..KEYS).map(|n| format!("[secrets.key{n}]\n")).collect();
        for name in names {
            repository = repository.application(name, &keys);
        }
        let root = repository.root().to_owned();
        let set_at = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut large = Self { sandbox, root, alice, bob, values: Vec::new(), set_at };
        let tree = Tree::new(&large.root);
        let store = LockedStore::open(&tree, || ()).unwrap().unwrap();
        for application in &applications {
            for number in 0..KEYS {
                let id = SecretId::parse("demo", application, &format!("key{number}")).unwrap();
                let value = format!("value of {application} {number}");
                store.put(&id, &value.as_str().into(), set_at).unwrap();
                large.values.push((id, value));
            }
        }
        large
    }

    fn store(&self) -> Store {
        Store::open(&Tree::new(&self.root)).unwrap().unwrap()
    }

    fn has_bob(&self) -> bool {
        self.root.join("recipients/bob.toml").exists()
    }

    /// Adds bob to the holders, or takes him away, by hand.
    fn toggle_bob(&self) {
        let file = self.root.join("recipients/bob.toml");
        if self.has_bob() {
            std::fs::remove_file(file).unwrap();
        } else {
            let text = format!("keys = [{:?}]\naccess = [\"demo\"]\n", self.bob.recipient);
            self.sandbox.write(file, text);
        }
    }

    /// Opens every value with alice's identity and answers how many are sealed
    /// to today's holders, and how many to others.
    fn check(&self, root: &Path) -> (usize, usize) {
        let store = Store::open(&Tree::new(root)).unwrap().unwrap();
        let path = self.alice.path.clone();
        let source = IdentitySource::File { path, named_by: "-i" };
        let identities = Identities::load(&[source]).unwrap();
        let (mut current, mut stale) = (0, 0);
        for (id, value) in &self.values {
            let file = std::fs::read(root.join(sealed_path(id))).unwrap();
            let opened = open(&file, id, &identities).unwrap_or_else(|error| {
                panic!("{id} is lost: {error}");
            });
            assert_eq!(opened.value.expose(), value.as_bytes(), "{id}");
            assert_eq!(opened.header.seal.as_ref().unwrap().set_at, self.set_at, "{id}");
            match inspect(&file).unwrap().judge(id, &store.holders) {
                Ok(()) => current += 1,
                Err(SealFault::Stale) => stale += 1,
                Err(fault) => panic!("{id}: {fault}"),
            }
        }
        (current, stale)
    }

    /// Asserts that everything is as if nothing had happened.
    fn assert_complete(&self) {
        assert_eq!(self.check(&self.root), (self.values.len(), 0));
        for file in files_below(&self.root) {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(!name.starts_with(".phalanx"), "{} is left behind", file.display());
        }
    }

    fn run(&self, arguments: &[&str]) {
        self.sandbox.command(arguments).current_dir(&self.root).run().success();
    }

    /// Runs a command and kills it after a delay; whether it was too late.
    fn kill(&self, arguments: &[&str], delay: Duration) -> bool {
        let command = self.sandbox.command(arguments).current_dir(&self.root);
        let output = command.time_limit(delay).run();
        if !output.was_killed() {
            output.success();
            return false;
        }
        true
    }
}

/// When to kill: every other time at any moment, else about when the first
/// file is replaced, where there is most to go wrong.
struct Aim {
    fraction: f64,
    round: usize,
}

impl Default for Aim {
    fn default() -> Self {
        Self { fraction: 0.9, round: 0 }
    }
}

impl Aim {
    fn delay(&mut self, duration: Duration) -> Duration {
        self.round += 1;
        let fraction = match self.round % 2 {
            0 => rand::rng().random_range(0.02..1.1),
            _ => self.fraction + rand::rng().random_range(-0.03..0.03),
        };
        duration.mul_f64(fraction)
    }

    fn learn(&mut self, was_killed: bool, has_begun: bool) {
        match (was_killed, has_begun) {
            (false, _) => self.fraction = (self.fraction - 0.03).max(0.1),
            (true, false) => self.fraction += 0.03,
            (true, true) => {}
        }
    }
}

/// What became of the rounds.
#[derive(Debug, Default)]
struct Tally {
    too_late: usize,
    unchanged: usize,
    mixed: usize,
    complete: usize,
}

impl Tally {
    fn count(&mut self, was_killed: bool, (current, stale): (usize, usize)) {
        match (was_killed, current, stale) {
            (false, ..) => self.too_late += 1,
            (true, 0, _) => self.unchanged += 1,
            (true, _, 0) => self.complete += 1,
            (true, ..) => self.mixed += 1,
        }
    }
}

#[test]
fn rekey_killed_at_any_moment_loses_nothing_and_is_finished_by_the_next() {
    let large = Large::new();
    let start = Instant::now();
    large.toggle_bob();
    large.run(&["rekey"]);
    let duration = start.elapsed();
    large.assert_complete();

    let (mut tally, mut aim) = (Tally::default(), Aim::default());
    for _ in 0..ROUNDS {
        large.toggle_bob();
        let delay = aim.delay(duration);
        let was_killed = large.kill(&["rekey"], delay);
        let state = large.check(&large.root);
        tally.count(was_killed, state);
        aim.learn(was_killed, state.0 > 0);
        large.run(&["rekey"]);
        large.assert_complete();
    }
    notice(&format!("rekey of {} values, killed {ROUNDS} times: {tally:?}", large.values.len()));
    assert!(tally.unchanged > 0, "no kill came before the first file: {tally:?}");
}

#[test]
fn removing_a_holder_killed_at_any_moment_loses_neither_a_value_nor_the_record() {
    let large = Large::new();
    let remove = ["recipients", "remove", "bob"];
    let start = Instant::now();
    large.run(&remove);
    let duration = start.elapsed();
    large.assert_complete();

    let (mut tally, mut aim) = (Tally::default(), Aim::default());
    let withdrawn = large.root.join("recipients/withdrawn.toml");
    for _ in 0..ROUNDS {
        large.toggle_bob();
        large.run(&["rekey"]);
        std::fs::remove_file(&withdrawn).unwrap();

        let delay = aim.delay(duration);
        let was_killed = large.kill(&remove, delay);
        let (current, stale) = large.check(&large.root);
        aim.learn(was_killed, !large.has_bob());
        if large.has_bob() {
            assert_eq!(stale, 0, "sealed without bob before he was removed");
            tally.unchanged += 1;
            large.run(&remove);
        } else {
            assert!(withdrawn.exists(), "bob is gone without a record of what he could read");
            tally.count(was_killed, (current, stale));
            large.run(&["rekey"]);
        }
        large.assert_complete();
        // All that he could read is named, whatever happened.
        let exposed = large.sandbox.command(["exposed"]).current_dir(&large.root).run();
        let count = exposed.fails_with(1).stdout().matches("phalanx-secrets set demo").count();
        assert_eq!(count, large.values.len());
    }
    notice(&format!("recipients remove, killed {ROUNDS} times: {tally:?}"));
    assert!(tally.unchanged > 0, "no kill came before the first file: {tally:?}");
}

/// Mounts a memory file system without being root; the store is copied there,
/// with less space left than all new files need.
#[cfg(target_os = "linux")]
const OUT_OF_SPACE: &str = r#"
set -eu
mount -t tmpfs -o size=64m tmpfs "$MOUNT"
cp -r "$STORE" "$MOUNT/store"
cd "$MOUNT/store"
used=$(df --output=used --block-size=1K . | tail -n 1)
mount -o "remount,size=$((used + 120))k" "$MOUNT"
"$PROGRAM" $ARGUMENTS && exit 99
cp -r "$MOUNT/store" "$AFTER_FAILURE"
mount -o remount,size=64m "$MOUNT"
"$PROGRAM" $ARGUMENTS
cp -r "$MOUNT/store" "$AFTER_SUCCESS"
"#;

#[cfg(target_os = "linux")]
fn run_out_of_space(large: &Large, arguments: &str) {
    let work = large.sandbox.work();
    let mount = work.join("mount");
    std::fs::create_dir_all(&mount).unwrap();
    let probe = large.sandbox.program("unshare", ["--map-root-user", "--mount", "true"]).run();
    if probe.code() != 0 {
        assert!(std::env::var_os("CI").is_none(), "no namespace to mount a file system in");
        return notice("skipped: no file system can be mounted here, so none was filled up");
    }
    let (failed, done) = (work.join("failed"), work.join("done"));
    let before = files_and_content(&large.root);
    let shell = ["--map-root-user", "--mount", "sh", "-c", OUT_OF_SPACE];
    let output = large
        .sandbox
        .program("unshare", shell)
        .env("MOUNT", &mount)
        .env("STORE", &large.root)
        .env("PROGRAM", env!("CARGO_BIN_EXE_phalanx-secrets"))
        .env("ARGUMENTS", arguments)
        .env("AFTER_FAILURE", &failed)
        .env("AFTER_SUCCESS", &done)
        .run()
        .success();
    assert!(output.stderr().contains("No space left on device"), "{output:?}");
    assert_eq!(files_and_content(&failed), before, "the failure changed something");
    assert_eq!(large.check(&done), (large.values.len(), 0));
}

#[cfg(target_os = "linux")]
fn files_and_content(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let content = |file: PathBuf| {
        let path = file.strip_prefix(root).unwrap().to_owned();
        (path, std::fs::read(file).unwrap())
    };
    files_below(root).into_iter().map(content).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn rekey_out_of_space_changes_nothing_and_is_done_when_there_is_some() {
    let large = Large::new();
    large.toggle_bob();
    run_out_of_space(&large, "rekey");
}

#[cfg(target_os = "linux")]
#[test]
fn removing_a_holder_out_of_space_changes_nothing() {
    run_out_of_space(&Large::new(), "recipients remove bob");
}

/// Without the lock, one of two changes at the same time would be lost.
#[test]
fn changes_at_the_same_time_wait_for_each_other() {
    let large = Large::new();
    large.toggle_bob();
    let (id, _) = large.values.last().unwrap();
    let (application, key) = (id.application.as_str(), id.key.as_str());
    std::thread::scope(|scope| {
        scope.spawn(|| large.run(&["rekey"]));
        for number in 0..20 {
            let arguments = ["set", "demo", application, key];
            let command = large.sandbox.command(arguments).current_dir(&large.root);
            command.stdin(format!("new {number}")).run().success();
        }
    });
    let get = large.sandbox.command(["get", "demo", application, key]);
    assert_eq!(get.current_dir(&large.root).run().success().stdout(), "new 19");
}

/// Git and editors put another file in the place of `store.toml`.
#[test]
fn a_settings_file_that_is_replaced_does_not_let_another_command_in() {
    let store = SmallStore::new();
    store.set("app", "token", "one");
    let folder = fs::File::open(store.root.join("secrets")).unwrap();
    folder.lock().unwrap();
    let settings = store.root.join("secrets/store.toml");
    fs::write(settings.with_extension("new"), fs::read(&settings).unwrap()).unwrap();
    fs::rename(settings.with_extension("new"), &settings).unwrap();
    let is_free = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let set = store.command(["set", "demo", "app", "token"]).stdin("two").run().success();
            assert!(set.stderr().contains("waiting for it"), "{set:?}");
            assert!(is_free.load(Ordering::SeqCst));
        });
        std::thread::sleep(Duration::from_millis(300));
        is_free.store(true, Ordering::SeqCst);
        drop(folder);
    });
    assert_eq!(store.get("app", "token"), b"two");
}
