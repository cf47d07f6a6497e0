//! Entries as KV v2 keeps them: versions, deletions, check-and-set.

use insta::assert_snapshot;
use serde_json::json;

use super::World;
use crate::support::openbao::unique_prefix;

const APP: &str = "
secrets.made.generate.type = 'password'
secrets.other.generate.type = 'password'
secrets.given = {}
";

fn world(name: &str) -> World {
    let world = World::new(name, &[("app", APP)]);
    world.set("app", "given", "one");
    world
}

#[test]
fn a_sync_makes_one_request_for_each_entry_that_changes() {
    let names = ["a", "b", "c", "d"];
    let world = World::new("one-write", &names.map(|name| (name, APP)));
    for name in names {
        world.set(name, "given", "one");
    }
    let watch = world.watch();
    world.sync(&[]);
    let mut paths: Vec<String> = watch.writes().into_iter().map(|write| write.path).collect();
    paths.sort();
    let at = |part| names.map(|name| format!("{}/{name}", world.prefix.replacen('/', part, 1)));
    assert_eq!(paths, [at("/data/"), at("/metadata/")].concat());
    // Nor is anything read twice.
    assert_eq!(watch.requests().len(), 4 + 1 + 8, "{:?}", watch.requests());
    // The Phalanx write policy has no `patch`.
    assert!(watch.writes().iter().all(|write| write.operation != "patch"));

    world.set("b", "given", "two");
    let watch = world.watch();
    world.sync(&["--regenerate=c"]);
    // Whose they are is noted already.
    assert_eq!(watch.writes().len(), 2);
    assert!(watch.writes().iter().all(|write| write.operation == "update"));
    assert_eq!(names.map(|name| world.version(name)), [1, 2, 2, 1]);
}

#[test]
fn a_deleted_entry_is_made_anew_with_a_warning() {
    let world = world("soft-deleted");
    world.sync(&[]);
    let made = world.value("app", "made");
    world.server.delete(&world.prefix, "app");
    let output = world.sync(&["--dry-run"]);
    assert!(output.stderr().contains("Warning: app was deleted in Vault"), "{output:?}");
    let output = world.sync(&[]);
    assert_eq!(output.stdout(), "Created Vault secret for app\n");
    assert_snapshot!(output.stderr(), @r"
    Warning: app was deleted in Vault (version 1), so its generated secrets are made anew; to have the old ones back instead, undelete that version first
    ");
    assert_eq!(world.version("app"), 2);
    assert_ne!(world.value("app", "made"), made);
    // The old one is still there for whoever wants it back.
    let path = format!("{}/app?version=1", world.prefix.replacen('/', "/undelete/", 1));
    let body = json!({ "versions": [1] });
    world.server.root("POST", path.split('?').next().unwrap(), Some(body));
    let path = format!("{}/app?version=1", world.prefix.replacen('/', "/data/", 1));
    assert_eq!(world.server.root("GET", &path, None)["data"]["data"]["made"], made);
}

#[test]
fn a_destroyed_version_is_made_anew() {
    let world = world("destroyed-version");
    world.sync(&[]);
    let path = format!("{}/app", world.prefix.replacen('/', "/destroy/", 1));
    world.server.root("POST", &path, Some(json!({ "versions": [1] })));
    world.sync(&[]);
    assert_eq!(world.version("app"), 2);
    world.sync_changes_nothing(&[]);
}

#[test]
fn an_entry_without_any_version_is_filled() {
    let world = world("metadata-only");
    let path = format!("{}/app", world.prefix.replacen('/', "/metadata/", 1));
    world.server.root("POST", &path, Some(json!({ "custom_metadata": { "owner": "us" } })));
    world.sync(&[]);
    assert_eq!(world.version("app"), 1);
    // What others have written about the entry stays.
    let metadata = world.server.metadata(&world.prefix, "app").unwrap();
    assert_eq!(metadata["custom_metadata"]["owner"], "us");
}

#[test]
fn an_empty_entry_is_filled() {
    let world = world("empty-entry");
    world.server.put(&world.prefix, "app", json!({}));
    world.sync(&[]);
    assert_eq!(world.version("app"), 2);
    world.sync_changes_nothing(&[]);
}

#[test]
fn a_mount_that_requires_check_and_set_gets_it() {
    let server = super::shared();
    server.enable_mount("strict", 2);
    server.root("POST", "strict/config", Some(json!({ "cas_required": true })));
    let prefix = unique_prefix("cas").replacen("secret/", "strict/", 1);
    let world = World::at(&prefix, &[("app", APP)]);
    world.set("app", "given", "one");
    world.sync(&[]);
    world.set("app", "given", "two");
    world.sync(&[]);
    server.delete(&prefix, "app");
    world.sync(&[]);
    assert_eq!(world.version("app"), 3);
    world.sync_changes_nothing(&[]);
    let path = format!("{}/gone", prefix.replacen('/', "/data/", 1));
    let body = json!({ "data": { "a": "1" }, "options": { "cas": 0 } });
    server.root("POST", &path, Some(body));
    assert_eq!(world.sync(&["--delete"]).stdout(), "Deleted Vault secret for gone\n");
}

#[test]
fn an_entry_without_keys_is_not_made() {
    let world = World::new("no-keys", &[("app", ""), ("other", APP)]);
    world.set("other", "given", "one");
    world.sync(&[]);
    assert_eq!(world.server.list(&world.prefix), ["other"]);
}

#[test]
fn a_path_of_the_api_is_refused_before_everything_is_made_anew_there() {
    let right = unique_prefix("api-path");
    let wrong = right.replacen('/', "/data/", 1);
    let world = World::at(&wrong, &[("app", APP)]);
    world.set("app", "given", "one");
    let watch = world.watch();
    let output = world.command(&["sync", "demo"]).run().fails_with(3);
    assert!(output.stderr().contains(&format!("write {right} instead")), "{output:?}");
    assert!(watch.writes().is_empty());
}

#[test]
fn more_than_a_kubernetes_secret_holds_is_written_with_a_warning() {
    let world = World::new("one-mebibyte", &[("app", "secrets.given = {}\n")]);
    world.set("app", "given", &"x".repeat(1 << 20));
    assert_eq!(world.sync(&[]).stderr(), "");
    world.set("app", "given", &"x".repeat((1 << 20) + 1));
    let output = world.sync(&["--dry-run"]);
    assert!(output.stderr().contains("the values of app come to 1048577 bytes"), "{output:?}");
}
