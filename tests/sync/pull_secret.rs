//! The pull secret: wholly the store's, where the store has one.

use serde_json::json;

use super::World;

const DOCUMENT: &str = r#"{"auths": {"docker.io": {"auth": "YWxpY2U6cDpx", "username": "alice", "password": "p:q"}, "ghcr.io": {"auth": "Ym9iOnI=", "username": "bob", "password": "r"}}}"#;

fn world(name: &str) -> World {
    World::new(name, &[("app", "secrets.made.generate.type = 'password'")])
}

fn with_registries(name: &str) -> World {
    let world = world(name);
    world.set("pull-secret", "ghcr.io", "bob:r");
    world.set("pull-secret", "docker.io", "alice:p:q");
    world
}

#[test]
fn it_is_made_of_the_registries() {
    let world = with_registries("pull-made");
    let output = world.sync(&[]).hides("p:q").hides("YWxpY2U6cDpx");
    assert_eq!(
        output.stdout(),
        "Created Vault secret for app\nCreated Vault secret for pull-secret\n"
    );
    assert_eq!(world.value("pull-secret", ".dockerconfigjson"), DOCUMENT);
    world.sync_changes_nothing(&["--delete"]);

    world.command(&["remove", "--yes", "demo", "pull-secret", "docker.io"]).run().success();
    let output = world.sync(&[]);
    assert_eq!(output.stdout(), "Updated Vault secret for pull-secret\n");
    assert!(!world.value("pull-secret", ".dockerconfigjson").contains("docker.io"));
    assert_eq!(world.version("pull-secret"), 2);
}

#[test]
fn it_is_replaced_wholly() {
    let world = with_registries("pull-replaced");
    let data = json!({ ".dockerconfigjson": DOCUMENT, "extra": "key", "number": 7 });
    world.server.put(&world.prefix, "pull-secret", data);
    // What it loses is named before, and when it is done.
    let audited = world.audit(&[]).fails_with(1);
    assert!(audited.stderr().contains("is deleted: extra, number;"), "{audited:?}");
    for options in [&["--dry-run"][..], &[]] {
        let output = world.sync(options);
        assert!(output.stderr().contains("is deleted: extra, number;"), "{output:?}");
    }
    assert!(!world.sync(&[]).stderr().contains("is deleted"));
    let (version, data) = world.server.read(&world.prefix, "pull-secret").unwrap();
    assert_eq!((version, data.len()), (2, 1));
    assert_eq!(data[".dockerconfigjson"], DOCUMENT);
}

#[test]
fn one_that_only_vault_has_is_kept_and_reported() {
    let world = world("pull-only-vault");
    world.sync(&[]);
    world.server.put(&world.prefix, "pull-secret", json!({ ".dockerconfigjson": DOCUMENT }));
    let output = world.sync_changes_nothing(&[]);
    let kept = "  • pull-secret: no registry has credentials here\n";
    assert!(output.stderr().contains(kept), "{output:?}");
    let output = world.sync_changes_nothing(&["--keep-vault-static", "--delete"]);
    assert!(!output.stderr().contains("pull-secret"), "{output:?}");
    world.sync_changes_nothing(&["--exclude=pull-secret", "--delete"]);

    // A folder of registries that was renamed is no wish to be without them.
    let output = world.sync_changes_nothing(&["--delete"]);
    assert!(output.stderr().contains(kept), "{output:?}");
    let output = world.sync(&["--delete-all"]);
    assert_eq!(output.stdout(), "Deleted Vault secret for pull-secret\n");
    assert_eq!(world.server.read(&world.prefix, "pull-secret"), None);
    // It can be brought back.
    assert_eq!(world.server.version_count(&world.prefix, "pull-secret"), 1);
}

#[test]
fn it_can_be_excluded() {
    let world = with_registries("pull-excluded");
    world.sync(&["--exclude", "pull-secret"]);
    assert_eq!(world.server.list(&world.prefix), ["app"]);
}

#[test]
fn registries_keep_the_order_of_a_file_and_are_sorted_from_the_store() {
    let world = world("pull-order");
    let registry = |name: &str| format!("    {name:?}: {{username: u, password: p}}\n");
    let names = ["hub.docker.com", "ghcr.io", "localhost:5000", "localhost-1"];
    let yaml = format!("pull-secret:\n  registries:\n{}", names.map(registry).concat());
    let file = world.sandbox.write("values.yaml", &yaml);
    let from_file = ["--secrets", file.to_str().unwrap()];
    world.command(&["import", "demo", from_file[1]]).run().success();
    let document = |names: &[&str]| {
        let one = |name: &&str| {
            format!(r#""{name}": {{"auth": "dTpw", "username": "u", "password": "p"}}"#)
        };
        format!(r#"{{"auths": {{{}}}}}"#, names.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    let mut sorted = names;
    sorted.sort_unstable();
    for (options, expected) in [(&from_file[..], names), (&[], sorted)] {
        world.server.delete(&world.prefix, "pull-secret");
        world.sync(options);
        assert_eq!(world.value("pull-secret", ".dockerconfigjson"), document(&expected));
        // In whichever order: it is in line with both.
        world.sync_changes_nothing(&from_file);
        world.sync_changes_nothing(&[]);
        world.audit(&from_file).success();
        world.audit(&[]).success();
    }
    // What is exported has the order that is written from the store.
    let exported = world.command(&["export", "demo"]).run().success();
    let places = sorted.map(|name| exported.stdout().find(name).unwrap());
    assert!(places.is_sorted(), "{exported:?}");
}
