//! `--delete` never empties an environment by mistake.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::World;

const APP: &str = "secrets.made.generate.type = 'password'";

/// A world in which most of what Vault holds is of nobody.
fn world(name: &str) -> World {
    let world = World::new(name, &[("app", APP)]);
    world.server.put(&world.prefix, "app", json!({ "made": "m" }));
    world.server.put(&world.prefix, "one", json!({ "a": "1" }));
    world.server.put(&world.prefix, "two", json!({ "a": "1", "b": "2" }));
    world
}

#[test]
fn most_of_an_environment_is_deleted_only_where_that_is_said() {
    let world = world("delete-most");
    let output = world.sync_is_refused(3, &["--delete"]);
    assert_snapshot!(output.stderr(), @r"
    Error: this would delete 3 of the 4 secrets that Vault holds for the environment, and 2 of its 3 entries; nothing was deleted
      • one a
      • two a
      • two b
    Hint: look whether demo is read as it should be: phalanx-secrets list demo
    Hint: where all of this is meant to go: --delete-all
    ");
    // What is left alone counts as held.
    world.sync(&["--delete", "--exclude=two"]);
    assert_eq!(world.server.read(&world.prefix, "one"), None);
    world.sync_is_refused(3, &["--delete"]);
    let output = world.sync(&["--delete-all"]);
    assert_eq!(output.stdout(), "Deleted Vault secret for two\n");
    assert_eq!(world.value("app", "made"), "m");
}

#[test]
fn a_dry_run_shows_the_plan_and_that_it_would_be_refused() {
    let world = world("delete-most-dry");
    let output = world.sync_is_refused(3, &["--delete", "--dry-run"]);
    assert_eq!(
        output.stdout(),
        "Would delete Vault secret for one\nWould delete Vault secret for two\n"
    );
    assert!(output.stderr().contains("without --dry-run, this would be refused"), "{output:?}");
    assert!(output.stderr().contains("3 of the 4 secrets"), "{output:?}");

    let output = world.sync_is_refused(3, &["--delete", "--dry-run", "--json"]);
    let plan: Value = serde_json::from_str(output.stdout()).unwrap();
    assert_eq!(plan["changes"]["two"], json!({ "action": "delete" }));
    assert!(plan["refused"].as_str().unwrap().contains("3 of the 4 secrets"), "{plan}");
    // All of it may go where that is said.
    world.sync(&["--delete-all", "--dry-run"]);
}

#[test]
fn an_environment_that_needs_nothing_is_not_emptied() {
    let world = world("delete-all-of-it");
    world.environment(world.server.url(), &world.prefix, &[]);
    world.sync_is_refused(3, &["--delete"]);
    let output = world.sync(&["--delete-all"]);
    assert_eq!(output.stdout().lines().count(), 3);
    assert!(
        world
            .server
            .list(&world.prefix)
            .iter()
            .all(|name| { world.server.read(&world.prefix, name).is_none() })
    );
}

#[test]
fn all_is_deleted_of_one_environment_at_a_time() {
    let world = world("delete-all-several");
    for several in
        [&["sync", "--all", "--delete-all"][..], &["sync", "demo", "other", "--delete-all"]]
    {
        let output = world.command(several).run().fails_with(2);
        assert!(output.stderr().contains("--delete-all is for one environment"), "{output:?}");
    }
}

#[test]
fn a_key_that_is_switched_off_or_renamed_is_kept_for_now() {
    let world = World::new(
        "delete-switched-off",
        &[(
            "app",
            "secrets.made.generate.type = 'password'\nsecrets.alerts = { if = 'on', value = 'x' }\nsettings.on = true\n",
        )],
    );
    world.sync(&[]);
    let declared = "secrets.amde.generate.type = 'password'\nsecrets.alerts = { if = 'on', value = 'x' }\nsettings.no = true\n";
    world.declare("app", declared);
    let output = world.sync(&["--delete"]);
    assert_eq!(output.stdout(), "Updated Vault secret for app amde\n");
    assert_snapshot!(output.stderr(), @r"
    Kept 2 secrets in Vault that may only be switched off (--delete-all removes them):
      • app alerts: its condition does not hold here
      • app made: a key of almost the same name is new
    Restart the workloads of these, once the cluster has their secrets: app
    ");
    // Once the new one is there, the old one is of nobody.
    assert_eq!(world.sync(&["--delete"]).stdout(), "Deleted Vault secret for app made\n");
}
