//! Interruptions, and others that write at the same time. An [`Interposer`]
//! makes the moments certain.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::World;
use super::interposer::Interposer;
use crate::support::cli::Output;
use crate::support::openbao::{OpenBao, shared};
use crate::support::terminal::at_terminal;

const APP: &str = "
secrets.given = {}
secrets.made.generate.type = 'password'
secrets.mtime.generate = { type = 'mtime', source = 'made' }
";
const COPIER: &str = "secrets.copied.copy = { application = 'app', key = 'made' }";

fn world(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("copier", COPIER)]);
    world.set("app", "given", "one");
    world
}

/// Does something once, just before the first write of an entry.
fn before_first(
    world: &World,
    entry: &'static str,
    act: impl Fn(&'static OpenBao, &str) + Send + Sync + 'static,
) -> Interposer {
    let prefix = world.prefix.clone();
    let done = AtomicBool::new(false);
    Interposer::new(world.server, move |_, written| {
        if written == entry && !done.swap(true, Ordering::SeqCst) {
            act(shared(), &prefix);
        }
    })
}

#[test]
fn an_entry_created_meanwhile_is_not_overwritten() {
    let world = world("created-meanwhile");
    let door = before_first(&world, "app", |server, prefix| {
        server.put(prefix, "app", json!({ "made": "theirs", "extra": "also theirs" }));
    });
    let output = world.sync(&["--vault-url", &door.url]);
    let (version, data) = world.server.read(&world.prefix, "app").unwrap();
    assert_eq!(version, 2);
    assert_eq!((&data["made"], &data["extra"]), (&json!("theirs"), &json!("also theirs")));
    assert_eq!(data["given"], "one");
    // The copy of what this run had generated was written already, perhaps.
    assert_eq!(world.value("copier", "copied"), "theirs");
    assert!(output.stderr().contains("app changed in Vault meanwhile"), "{output:?}");
    world.sync_changes_nothing(&[]);
}

#[test]
fn json_tells_what_was_done_and_not_what_was_planned_first() {
    let world = world("created-meanwhile-json");
    let door = before_first(&world, "app", |server, prefix| {
        server.put(prefix, "app", json!({ "made": "theirs" }));
    });
    let output = world.sync(&["--json", "--vault-url", &door.url]).hides("theirs");
    let done: Value = serde_json::from_str(output.stdout()).unwrap();
    assert_eq!(
        done["changes"]["app"],
        json!({ "action": "update", "keys": { "given": "create", "mtime": "create" } })
    );
    assert_eq!(done["changes"]["copier"]["keys"], json!({ "copied": "create" }));
    assert_eq!(done["restart"], json!(["app"]));
}

#[test]
fn no_more_is_deleted_than_was_agreed_to() {
    let world = world("agreed");
    world.sync(&[]);
    world.server.put(&world.prefix, "unknown", json!({ "x": "y" }));
    world.set("app", "given", "two");
    let door = before_first(&world, "app", |server, prefix| {
        let (_, data) = server.read(prefix, "app").unwrap();
        server.put(prefix, "app", data.into());
        server.put(prefix, "later", json!({ "x": "y" }));
    });
    let sync = || world.command(&["sync", "demo", "--delete", "--vault-url", &door.url]);
    let screen = at_terminal(sync(), &["y"]);
    assert_eq!(screen.code, 5, "{screen:?}");
    assert!(screen.text.contains("more would be deleted than was agreed to"), "{screen:?}");
    assert!(world.server.read(&world.prefix, "later").is_some());
    assert!(world.server.read(&world.prefix, "unknown").is_none());
    // Asked again, it goes.
    let screen = at_terminal(sync(), &["y"]);
    assert_eq!(screen.code, 0, "{screen:?}");
    assert!(world.server.read(&world.prefix, "later").is_none());
    assert_eq!(world.value("app", "given"), "two");
}

#[test]
fn what_was_added_meanwhile_is_kept() {
    let world = world("added-meanwhile");
    world.sync(&[]);
    world.set("app", "given", "two");
    let door = before_first(&world, "app", |server, prefix| {
        let (_, mut data) = server.read(prefix, "app").unwrap();
        data.insert("extra".to_owned(), json!({ "by": "hand" }));
        server.put(prefix, "app", data.into());
    });
    world.sync(&["--vault-url", &door.url]);
    let (version, data) = world.server.read(&world.prefix, "app").unwrap();
    assert_eq!((version, &data["given"]), (3, &json!("two")));
    assert_eq!(data["extra"], json!({ "by": "hand" }));
}

#[test]
fn what_was_regenerated_meanwhile_reaches_its_copies() {
    let world = world("regenerated-meanwhile");
    world.sync(&[]);
    world.set("app", "given", "two");
    let door = before_first(&world, "app", |server, prefix| {
        let (_, mut data) = server.read(prefix, "app").unwrap();
        data.insert("made".to_owned(), json!("theirs"));
        server.put(prefix, "app", data.into());
    });
    world.sync(&["--vault-url", &door.url]);
    assert_eq!(world.value("app", "made"), "theirs");
    assert_eq!(world.value("copier", "copied"), "theirs");
    assert_eq!(world.value("app", "given"), "two");
}

#[test]
fn a_value_regenerated_once_is_not_regenerated_again_by_a_retry() {
    let world = world("regenerate-retry");
    world.sync(&[]);
    let seen = Arc::new(Mutex::new(None));
    let (prefix, once) = (world.prefix.clone(), seen.clone());
    // Once the source is written, its copy meets a conflict.
    let door = Interposer::new(world.server, move |_, entry| {
        if entry == "copier" && once.lock().unwrap().is_none() {
            while shared().read(&prefix, "app").is_none_or(|(version, _)| version < 2) {
                thread::sleep(Duration::from_millis(5));
            }
            *once.lock().unwrap() = shared().value(&prefix, "app", "made");
            shared().put(&prefix, "copier", json!({ "copied": "theirs" }));
        }
    });
    world.sync(&["--regenerate", "--vault-url", &door.url]);
    assert_eq!(Some(world.value("app", "made")), *seen.lock().unwrap());
    assert_eq!(world.version("app"), 2);
    assert_eq!(world.value("copier", "copied"), world.value("app", "made"));
}

#[test]
fn an_entry_that_keeps_changing_is_given_up_in_the_end() {
    let world = world("keeps-changing");
    let prefix = world.prefix.clone();
    let door = Interposer::new(world.server, move |count, entry| {
        if entry == "app" {
            shared().put(&prefix, "app", json!({ "made": format!("theirs-{count}") }));
        }
    });
    let output = world.try_sync(&["--vault-url", &door.url]).fails_with(5).hides("theirs");
    let error = &output.stderr()[output.stderr().find("Error").unwrap()..];
    assert_snapshot!(error, @r"
    Error: app kept changing in Vault while being written
    Hint: another sync is probably running; try again when it is done
    ");
    // All of it is theirs; the next sync does the rest.
    world.sync(&[]);
    assert!(world.value("app", "made").starts_with("theirs-"));
    assert_eq!(world.value("copier", "copied"), world.value("app", "made"));
}

#[test]
fn what_vanished_meanwhile_is_made_anew() {
    let world = world("vanished-meanwhile");
    world.sync(&[]);
    world.set("app", "given", "two");
    let door = before_first(&world, "app", |server, prefix| server.delete(prefix, "app"));
    world.sync(&["--vault-url", &door.url]);
    assert_eq!(world.value("app", "given"), "two");
    assert_eq!(world.value("copier", "copied"), world.value("app", "made"));
}

/// Everything that Vault holds for an environment.
fn all(world: &World) -> BTreeMap<String, Value> {
    let names = world.server.list(&world.prefix);
    names
        .into_iter()
        .filter_map(|name| {
            let (_, data) = world.server.read(&world.prefix, &name)?;
            Some((name, data.into()))
        })
        .collect()
}

#[test]
fn two_syncs_at_once_agree() {
    let names: Vec<String> = (0..10).map(|n| format!("app{n}")).collect();
    let mut conflicts = 0;
    for round in 0..50 {
        let chain = |n: usize| {
            let source = (n + 3) % 10;
            format!(
                "secrets.made.generate.type = 'password'\n\
                 secrets.token.generate.type = 'gafaelfawr-token'\n\
                 secrets.copied.copy = {{ application = 'app{source}', key = 'made' }}\n"
            )
        };
        let declared: Vec<String> = (0..10).map(chain).collect();
        let applications: Vec<(&str, &str)> = names
            .iter()
            .zip(&declared)
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let world = World::new(&format!("two-syncs-{round}"), &applications);

        // Neither writes before both have read that there is nothing.
        let both = Arc::new(Barrier::new(2));
        let sync = || {
            let both = both.clone();
            let door = Interposer::new(world.server, move |count, _| {
                if count == 1 {
                    both.wait();
                }
            });
            world.try_sync(&["--vault-url", &door.url])
        };
        let outputs: Vec<Output> = thread::scope(|scope| {
            let running: Vec<_> = (0..2).map(|_| scope.spawn(sync)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for output in &outputs {
            assert!([0, 5].contains(&output.code()), "{output:?}");
        }
        assert!(outputs.iter().any(|output| output.code() == 0), "{outputs:?}");
        let says_so = |output: &&Output| {
            output.stderr().contains("changed in Vault meanwhile; reading it anew")
        };
        conflicts += outputs.iter().filter(says_so).count();
        let after = all(&world);
        assert_eq!(after.len(), 10);
        for n in 0..10 {
            let source = format!("app{}", (n + 3) % 10);
            assert_eq!(after[&format!("app{n}")]["copied"], after[&source]["made"]);
        }
        world.sync_changes_nothing(&[]);
        assert_eq!(all(&world), after);
    }
    // Who comes second meets what the first wrote, and says so.
    assert!(conflicts >= 50, "{conflicts}");
}

/// Runs a sync that is killed before its `last`-th write reaches the server.
fn killed_sync(world: &World, last: usize) -> Vec<String> {
    let pid_file = world.sandbox.root().join("run/pid");
    let kill = {
        let pid_file: PathBuf = pid_file.clone();
        move || {
            let text = fs::read_to_string(&pid_file).unwrap();
            let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
            let _ = kill_process(pid, Signal::KILL);
        }
    };
    let door = Interposer::new(world.server, move |count, _| {
        if count == last {
            kill();
        }
    });
    let script = "echo $$ >\"$0\"; exec \"$@\"";
    let program = env!("CARGO_BIN_EXE_phalanx-secrets");
    let output = world
        .sandbox
        .program("sh", ["-c", script, pid_file.to_str().unwrap(), program, "sync", "demo"])
        .args(["--vault-url", &door.url])
        .current_dir(&world.root)
        .env("VAULT_TOKEN", OpenBao::ROOT_TOKEN)
        .run();
    // What it printed of its work, it had done.
    output.stdout().lines().filter_map(|line| line.split(' ').nth(4)).map(str::to_owned).collect()
}

#[test]
fn an_interrupted_sync_loses_nothing_and_the_next_does_the_rest() {
    let names: Vec<String> = (0..60).map(|n| format!("app{n:02}")).collect();
    let declared: Vec<String> = (0..60)
        .map(|n| {
            // Copies from before and from behind.
            let source = (n * 7 + 31) % 60;
            format!(
                "secrets.made.generate.type = 'password'\n\
                 secrets.copied.copy = {{ application = 'app{source:02}', key = 'made' }}\n"
            )
        })
        .collect();
    let applications: Vec<(&str, &str)> =
        names.iter().zip(&declared).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (mut killed, mut partial, mut random) = (0, 0, 0x9E37_79B9_u64);
    while killed < 100 {
        let world = World::new(&format!("interrupted-{killed}"), &applications);
        let mut made: BTreeMap<String, Value> = BTreeMap::new();
        // Each run gets a little further; the writes that are under way when it
        // is killed may land or not.
        for _ in 0..5 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let last = 1 + usize::try_from(random >> 33).unwrap() % 20;
            let said = killed_sync(&world, last);
            killed += 1;
            let now = all(&world);
            for name in said {
                assert!(now.contains_key(&name), "{name} was said to be written");
            }
            partial += usize::from(!now.is_empty() && now.len() < 60);
            for (name, value) in &made {
                assert_eq!(now[name]["made"], *value, "{name} was generated again");
            }
            for (name, data) in now {
                made.insert(name, data["made"].clone());
            }
        }

        world.sync(&[]);
        let now = all(&world);
        assert_eq!(now.len(), 60);
        for (name, value) in &made {
            assert_eq!(now[name]["made"], *value, "{name} was generated again");
        }
        for n in 0..60 {
            let source = format!("app{:02}", (n * 7 + 31) % 60);
            assert_eq!(now[&format!("app{n:02}")]["copied"], now[&source]["made"]);
        }
        world.sync_changes_nothing(&[]);
    }
    assert!(partial >= 50, "{partial} of {killed} were killed in the middle");
}
