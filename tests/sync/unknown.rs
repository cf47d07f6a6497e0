//! What Vault holds and no spec names: kept, unless it is to be deleted.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::World;
use crate::support::openbao::unique_prefix;

const APP: &str = "secrets.made.generate.type = 'password'";

/// A world that is in sync, beside much else.
fn world(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("bare", "")]);
    let server = world.server;
    server.put(&world.prefix, "app", json!({ "made": "m", "extra": "e1", "more": "e2" }));
    server.put(
        &world.prefix,
        "bare",
        json!({ "of": "an", "application": "without", "secrets": "s" }),
    );
    server.put(&world.prefix, "stranger", json!({ "a": "1", "b": "2" }));
    server.put(&world.prefix, "_notes", json!({ "a": "1" }));
    server.put(&world.prefix, "folder/app", json!({ "a": "1" }));
    server.put(&format!("{}0", world.prefix), "app", json!({ "a": "1" }));
    world
}

#[test]
fn it_is_kept_and_reported() {
    let world = world("unknown");
    let output = world.sync_changes_nothing(&[]).hides("e1");
    assert_snapshot!(output.stderr(), @r"
    Kept 4 secrets in Vault that no spec names (--delete removes them):
      • _notes
      • app extra
      • app more
      • stranger
    Kept 1 secret in Vault that may only be switched off (--delete-all removes it):
      • bare: its application needs no secrets here
    Vault is in line with demo; nothing was written.
    ");
}

#[test]
fn it_is_deleted_on_demand_and_nothing_else_is() {
    let world = world("unknown-deleted");
    let dry = world.sync(&["--delete", "--dry-run"]);
    let output = world.sync(&["--delete"]);
    assert_snapshot!(output.stdout(), @r"
    Deleted Vault secret for app extra
    Deleted Vault secret for app more
    Deleted Vault secret for stranger
    ");
    assert_eq!(dry.stdout().replace("Would delete", "Deleted"), output.stdout());
    assert_snapshot!(output.stderr(), @r"
    Kept 1 secret in Vault that no spec names (not even --delete removes it):
      • _notes
    Kept 1 secret in Vault that may only be switched off (--delete-all removes it):
      • bare: its application needs no secrets here
    Restart the workloads of these, once the cluster has their secrets: app
    ");
    let (version, data) = world.server.read(&world.prefix, "app").unwrap();
    assert_eq!((version, Value::from(data)), (2, json!({ "made": "m" })));
    assert_eq!(world.server.read(&world.prefix, "stranger"), None);
    // It can be brought back.
    assert_eq!(world.server.version_count(&world.prefix, "stranger"), 1);
    for entry in ["_notes", "bare", "folder/app"] {
        assert!(world.server.read(&world.prefix, entry).is_some(), "{entry}");
    }
    assert!(world.server.read(&format!("{}0", world.prefix), "app").is_some());
    world.sync_changes_nothing(&["--delete"]);
}

#[test]
fn an_application_that_is_left_alone_keeps_its_own() {
    let world = world("unknown-excluded");
    let options = ["--delete", "--exclude=app", "--exclude=stranger", "--exclude=bare"];
    world.sync_changes_nothing(&options);
}

#[test]
fn the_secrets_of_a_disabled_application_are_kept_until_all_is_to_go() {
    let world = World::new("disabled", &[("app", APP), ("other", APP)]);
    world.sync(&[]);
    world.environment(world.server.url(), &world.prefix, &["app"]);
    let output = world.sync_changes_nothing(&[]);
    assert!(output.stderr().contains("  • other: its application is not enabled here\n"));
    world.sync_changes_nothing(&["--delete"]);
    assert_eq!(world.sync(&["--delete-all"]).stdout(), "Deleted Vault secret for other\n");
}

#[test]
fn values_that_are_no_text_survive_an_update() {
    let world = World::new("no-text-survives", &[("app", APP)]);
    let mut data = json!({
        "number": 7, "float": 2.5, "true": true, "null": null, "empty": "",
        "array": ["a", { "z": 1, "a": [] }], "object": { "z": "\u{e9}", "a": { "b": null } },
        "text": "with \"quotes\" \n and <html> & \u{2028}",
    });
    world.server.put(&world.prefix, "app", data.clone());
    world.sync(&[]);
    data["made"] = world.value("app", "made").into();
    let (version, after) = world.server.read(&world.prefix, "app").unwrap();
    assert_eq!((version, Value::from(after)), (2, data));
}

#[test]
fn the_mount_is_honoured() {
    // The same path in the mount that the Python CLI would have taken.
    let path = unique_prefix("mount").replacen("secret/", "", 1);
    let prefix = format!("crew/{path}");
    super::shared().enable_mount("crew", 2);
    let world = World::at(&prefix, &[("app", APP)]);
    world.server.put(&format!("secret/{path}"), "app", json!({ "made": "elsewhere" }));
    let elsewhere = world.server.watch(&format!("secret/{path}"));
    world.sync(&[]);
    assert_eq!(world.value("app", "made").len(), 64);
    world.sync_changes_nothing(&[]);
    world.audit(&[]).success();
    assert_eq!(elsewhere.requests(), []);
}
