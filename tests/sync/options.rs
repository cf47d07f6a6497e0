//! `--dry-run`, `--json`, `--exclude` and `--secrets`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::World;

const APP: &str = "
secrets.made.generate.type = 'password'
secrets.given = {}
";

/// A world with something to create, something to update and something
/// unknown.
fn world(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("new", APP), ("same", "secrets.a.value = 'x'")]);
    world.set("app", "given", "from-the-store");
    world.set("new", "given", "from-the-store");
    world.set("pull-secret", "ghcr.io", "bob:r3g1stry");
    let data = json!({ "made": "made-before", "given": "in-vault", "extra": "unknown-value" });
    world.server.put(&world.prefix, "app", data);
    world.server.put(&world.prefix, "same", json!({ "a": "x" }));
    world.server.put(&world.prefix, "pull-secret", json!({ "other": "x" }));
    world
}

const HIDDEN: [&str; 5] =
    ["from-the-store", "made-before", "in-vault", "unknown-value", "r3g1stry"];

#[test]
fn a_dry_run_writes_nothing_and_says_what_would_be() {
    let world = world("dry-run");
    let watch = world.watch();
    let output = world.sync(&["--dry-run", "--delete", "--regenerate=app"]);
    assert_eq!(watch.writes(), []);
    assert_snapshot!(output.stdout(), @r"
    Would delete Vault secret for app extra
    Would update Vault secret for app given
    Would update Vault secret for app made
    Would create Vault secret for new
    Would update Vault secret for pull-secret
    ");
    assert_snapshot!(output.stderr(), @r"
    Warning: the entry pull-secret holds nothing but the store's registries, so what else is there is deleted: other; to leave it alone, pass --exclude pull-secret
    This was a dry run; nothing was written.
    ");
    let done = world.sync(&["--delete", "--regenerate=app"]);
    assert_eq!(
        output
            .stdout()
            .replace("Would create", "Created")
            .replace("Would update", "Updated")
            .replace("Would delete", "Deleted"),
        done.stdout()
    );
    let output = world.sync_changes_nothing(&["--dry-run"]);
    assert_snapshot!(output.stderr(), @r"
    Vault is in line with demo; nothing was written.
    ");
    for value in HIDDEN {
        world.sync(&["-n"]).hides(value);
    }
}

#[test]
fn the_plan_is_json_without_values() {
    let world = world("json");
    let mut output = world.sync(&["--json", "--dry-run"]);
    for value in HIDDEN {
        output = output.hides(value);
    }
    let mut plan: Value = serde_json::from_str(output.stdout()).unwrap();
    assert_eq!(
        plan,
        json!({
            "environment": "demo",
            "dry_run": true,
            "restart": ["app"],
            "changes": {
                "app": { "action": "update", "keys": { "given": "update" } },
                "new": { "action": "create", "keys": { "given": "create", "made": "create" } },
                "pull-secret": {
                    "action": "update",
                    "keys": { ".dockerconfigjson": "create", "other": "delete" },
                },
            },
            "unknown": [{ "application": "app", "key": "extra" }],
        })
    );
    let mut output = world.sync(&["--json"]);
    for value in HIDDEN {
        output = output.hides(value);
    }
    plan["dry_run"] = false.into();
    assert_eq!(serde_json::from_str::<Value>(output.stdout()).unwrap(), plan);
    output.hides(&world.value("new", "made"));
    let output = world.sync(&["--json"]);
    assert_eq!(serde_json::from_str::<Value>(output.stdout()).unwrap()["changes"], json!({}));
}

#[test]
fn an_excluded_application_is_left_alone() {
    let world = world("exclude");
    world.command(&["remove", "--yes", "demo", "new", "given"]).run().success();
    let watch = world.watch();
    // Nor is it missed that its static value is missing.
    let output = world.sync(&["--exclude", "app", "-e", "new", "-e", "pull-secret", "--delete"]);
    assert_eq!((output.stdout(), watch.writes()), ("", vec![]));
    world.sync(&["-e", "new"]);
    assert_eq!(world.server.list(&world.prefix), ["app", "pull-secret", "same"]);

    // One that is misspelt would leave nothing as it is.
    let output = world.sync_is_refused(2, &["-e", "new", "-e", "smae"]);
    assert_snapshot!(output.stderr(), @r"
    Error: --exclude smae: neither the checkout nor demo in Vault has an application of that name; nothing was written
    Hint: did you mean same?
    ");
}

#[test]
fn values_of_excluded_applications_need_no_identity() {
    let world = World::new("exclude-sealed", &[("app", APP), ("open", "secrets.a.value = 'x'")]);
    world.set("app", "given", "one");
    let bob = world.sandbox.age_identity("bob");
    world.sync(&["--exclude", "app", "-i", bob.path.to_str().unwrap()]);
    assert_eq!(world.server.list(&world.prefix), ["open"]);
}

const VALUES: &str = r#"
applications:
  app:
    given:
      value: "from a file"
  new:
    given: {value: "two\nlines"}
pull-secret:
  registries:
    ghcr.io: {username: carol, password: p}
"#;

#[test]
fn values_can_come_from_a_file() {
    let world = world("secrets-file");
    let file = world.sandbox.write("values.yaml", VALUES);
    let file = file.to_str().unwrap();
    world.sync(&["--secrets", file]);
    assert_eq!(world.value("app", "given"), "from a file");
    assert_eq!(world.value("new", "given"), "two\nlines");
    assert!(world.value("pull-secret", ".dockerconfigjson").contains("carol"));
    world.sync_changes_nothing(&["--secrets", file]);
    // The store's own values had no part in it.
    let output = world.sync(&["--dry-run"]);
    assert!(output.stdout().contains("Would update Vault secret for app given"), "{output:?}");

    let stdin = world.command(&["sync", "demo", "--secrets", "-"]).stdin(VALUES);
    assert_eq!(stdin.run().success().stdout(), "");
}

#[test]
fn a_file_needs_no_store_and_no_identity() {
    let world = world("no-store-file");
    std::fs::remove_file(world.root.join("secrets/store.toml")).unwrap();
    std::fs::remove_dir_all(world.sandbox.home().join(".config/phalanx-secrets")).unwrap();
    let file = world.sandbox.write("values.yaml", VALUES);
    world.sync(&["--secrets", file.to_str().unwrap()]);
    assert_eq!(world.value("app", "given"), "from a file");

    // A file that does not fit is reported before anything is written.
    let incomplete = VALUES.replace("two\\nlines", "").replace("new:", "newer:");
    let file = world.sandbox.write("values.yaml", incomplete);
    let output = world.sync_is_refused(3, &["--secrets", file.to_str().unwrap()]);
    assert!(output.stderr().contains("new given"), "{output:?}");
    let file = world.sandbox.write("values.yaml", "applications: [hunter2");
    let output = world.sync_is_refused(2, &["--secrets", file.to_str().unwrap()]);
    output.hides("hunter2");
    world.sync_is_refused(2, &["--secrets", "absent.yaml"]);
}
