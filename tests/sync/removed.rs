//! What a retired application or environment leaves: in the store, and in
//! Vault.

use std::fs;

use serde_json::json;

use super::World;
use crate::support::terminal::at_terminal;

const APP: &str = "secrets.given = {}\nsecrets.made.generate.type = 'password'\n";
const OTHER: &str = "secrets.alone.generate.type = 'password'\n";

fn synced(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("other", OTHER)]);
    world.set("app", "given", "one");
    world.sync(&[]);
    world
}

/// Whether Vault has an entry now.
fn has(world: &World, application: &str) -> bool {
    world.server.read(&world.prefix, application).is_some()
}

#[test]
fn an_application_is_not_removed_while_it_is_enabled_and_goes_from_both_then() {
    let world = synced("removed");
    world.command(&["backup", "demo"]).run().success();
    let remove = || world.command(&["remove", "demo", "app", "--from-vault"]);
    let watch = world.watch();
    let output = remove().args(["--yes"]).run().fails_with(3);
    assert!(output.stderr().contains("demo enables app"), "{output:?}");
    assert!(output.stderr().contains("secrets/environments/demo.toml"), "{output:?}");
    world.environment(world.server.url(), &world.prefix, &["other"]);
    // Nobody is there to ask.
    remove().run().fails_with(2);
    let screen = at_terminal(remove(), &["n"]);
    insta::assert_snapshot!(screen.text, @r"
    This removes
      • from the store: 2 (app @vault, app given)
      • from Vault, entries as a whole: 1 (app)
    What is generated is nowhere else, but in the backup, which is removed as well.
    Remove this of demo? [y/N] n
    Nothing was removed.
    ");
    assert_eq!(watch.writes(), []);
    let output = remove().args(["--yes"]).run().success();
    assert_eq!(output.stdout(), "Deleted Vault secret for app\n");
    insta::assert_snapshot!(output.stderr(), @"Removed 2 values of demo/app. What was committed of it remains in git's history.");
    assert!(!has(&world, "app") && has(&world, "other"));
    assert!(!world.root.join("secrets/demo/app").exists());
    world.command(&["audit", "demo"]).run().success();
    // Once more, there is nothing to do.
    let again = remove().args(["--yes"]).run().success();
    assert!(
        again.stderr().contains("Neither the store nor Vault has anything of it."),
        "{again:?}"
    );
}

#[test]
fn an_environment_goes_as_a_whole_but_for_what_others_wrote() {
    let world = synced("removed-whole");
    world.server.put(&world.prefix, "by-hand", json!({ "key": "x" }));
    // What another environment wrote.
    world.server.put(&world.prefix, "theirs", json!({ "key": "x" }));
    let (mount, path) = world.prefix.split_once('/').unwrap();
    let note = json!({ "custom_metadata": { "phalanx-secrets-environment": "new" } });
    world.server.root("POST", &format!("{mount}/metadata/{path}/theirs"), Some(note));
    let remove = || world.command(&["remove", "demo", "--from-vault", "--yes"]);
    let watch = world.watch();
    let output = remove().run().fails_with(3);
    assert!(output.stderr().contains("theirs: the environment new wrote it"), "{output:?}");
    assert_eq!(watch.writes(), []);
    assert!(world.root.join("secrets/demo/app/given.age").exists());
    let output = remove().args(["--take-over"]).run().success();
    for name in ["app", "by-hand", "other", "theirs"] {
        assert!(output.stdout().contains(&format!("Deleted Vault secret for {name}\n")));
        assert!(!has(&world, name), "{name}");
    }
    assert!(!world.root.join("secrets/demo").exists());
}

#[test]
fn an_environment_without_a_file_is_in_no_known_place() {
    let world = synced("removed-file");
    world.git(&["init", "--quiet"]);
    world.commit("The store");
    fs::remove_file(world.root.join("secrets/environments/demo.toml")).unwrap();
    let output = world.command(&["remove", "demo", "--from-vault", "--yes"]).run().fails_with(2);
    assert!(output.stderr().contains("git log -- secrets/environments/demo.toml"), "{output:?}");
    assert!(has(&world, "app"));
    assert!(world.root.join("secrets/demo/app/given.age").exists());
}
