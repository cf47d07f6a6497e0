//! The list of OpenID Connect clients: from the store alone.

use insta::assert_snapshot;
use serde_json::json;

use super::World;

const APP: &str = "
secrets.clients.generate.type = 'oidc-clients'
secrets.made.generate.type = 'password'
";
const FIRST: &str =
    r#"{"id": "chronograf-id", "secret": "s\"1\né", "return_uri": "https://example.org/cb"}"#;
/// What Python's `json.dumps` makes of it.
const FIRST_IN_PYTHON: &str =
    r#"{"id": "chronograf-id", "secret": "s\"1\n\u00e9", "return_uri": "https://example.org/cb"}"#;
const SECOND: &str = r#"{"id": "b-id", "secret": "s2", "return_uri": "https://example.org/b"}"#;

#[test]
fn the_list_is_what_python_writes() {
    let world = World::new("clients", &[("app", APP)]);
    world.set("oidc-clients", "chronograf", FIRST);
    world.set("oidc-clients", "b", SECOND);
    world.sync(&[]);
    let list = format!("[{SECOND}, {FIRST_IN_PYTHON}]");
    assert_eq!(world.value("app", "clients"), list);
    world.sync_changes_nothing(&[]);
    world.sync_changes_nothing(&["--keep-vault-static"]);

    // It follows the store without being asked.
    world.command(&["remove", "--yes", "demo", "oidc-clients", "b"]).run().success();
    let output = world.sync(&[]).hides("s2");
    assert_eq!(output.stdout(), "Updated Vault secret for app clients\n");
    assert_eq!(world.value("app", "clients"), format!("[{FIRST_IN_PYTHON}]"));
}

/// Names that files, percent-encoding and code points put in different orders.
const NAMES: [&str; 6] = ["Zürich", "client-1", "client:1", "b", "a", "Éire"];

fn client(id: &str) -> String {
    format!(r#"{{"id": "{id}", "secret": "s-{id}", "return_uri": "https://{id}/"}}"#)
}

#[test]
fn clients_are_in_the_order_of_their_names_wherever_they_come_from() {
    let world = World::new("clients-order", &[("app", APP)]);
    let mut yaml = String::from("oidc-clients:\n");
    for (number, name) in NAMES.iter().enumerate() {
        world.set("oidc-clients", name, &client(&format!("id{number}")));
        yaml += &format!(
            "  {name:?}: {{id: id{number}, secret: s-id{number}, return_uri: 'https://id{number}/'}}\n"
        );
    }
    let file = world.sandbox.write("values.yaml", &yaml);
    let from_file = ["--secrets", file.to_str().unwrap()];
    // Python's sorted(): Zürich, a, b, client-1, client:1, Éire.
    let sorted = ["id0", "id4", "id3", "id1", "id2", "id5"].map(client).join(", ");
    for options in [&from_file[..], &[]] {
        world.server.delete(&world.prefix, "app");
        world.sync(options);
        assert_eq!(world.value("app", "clients"), format!("[{sorted}]"));
        world.sync_changes_nothing(&from_file);
        world.sync_changes_nothing(&[]);
        world.audit(&from_file).success();
        world.audit(&[]).success();
    }
}

#[test]
fn the_same_clients_in_another_order_are_in_line() {
    let world = World::new("clients-meaning", &[("app", APP)]);
    let theirs = format!("[{},{}]", client("z@c").replace(": ", ":"), client("a@c"));
    world.server.put(&world.prefix, "app", json!({ "clients": theirs, "made": "x" }));
    let output = world.command(&["import", "demo", "--from-vault"]).run().success();
    assert!(output.stderr().contains("new        oidc-clients z@c"), "{output:?}");
    world.audit(&[]).success();
    world.sync_changes_nothing(&[]);
    world.sync_changes_nothing(&["--regenerate=app/clients"]);
    assert_eq!(world.value("app", "clients"), theirs);

    // What differs otherwise is written as a whole, in order.
    world.set("oidc-clients", "n", &client("n"));
    world.sync(&[]);
    let sorted = ["a@c", "n", "z@c"].map(client).join(", ");
    assert_eq!(world.value("app", "clients"), format!("[{sorted}]"));
}

#[test]
fn one_id_for_two_clients_is_an_error() {
    let world = World::new("one-id", &[("app", APP)]);
    world.set("oidc-clients", "one", &client("portal"));
    world.set("oidc-clients", "two", &client("portal"));
    let output = world.sync_is_refused(3, &[]).hides("s-portal");
    assert_snapshot!(output.stderr(), @r#"
    Error: 1 secret of demo cannot be resolved; nothing was written
      • app clients: the OpenID Connect clients "one" and "two" have the same id, so that only one of them could log anybody in (secrets/applications/app.toml)
    Hint: give one of them another id, or remove it: phalanx-secrets remove demo oidc-clients NAME
    "#);
    world.audit(&[]).fails_with(1);

    let yaml =
        "oidc-clients: {a: {id: x, secret: s, return_uri: u}, x: {secret: t, return_uri: u}}";
    let file = world.sandbox.write("values.yaml", yaml);
    let file = file.to_str().unwrap();
    world.sync_is_refused(3, &["--secrets", file]);
    let output = world.command(&["import", "demo", file, "--yes"]).run().fails_with(2);
    assert!(output.stderr().contains("\"a\" and \"x\" have the same id"), "{output:?}");
}

#[test]
fn without_clients_the_list_is_empty() {
    let world = World::new("no-clients", &[("app", APP)]);
    world.sync(&[]);
    assert_eq!(world.value("app", "clients"), "[]");
    world.sync_changes_nothing(&[]);
}

#[test]
fn clients_that_only_vault_has_are_not_dropped() {
    let world = World::new("only-vault-clients", &[("app", APP)]);
    let data = json!({ "clients": format!("[{SECOND}]"), "made": "x" });
    world.server.put(&world.prefix, "app", data);
    let output = world.sync_is_refused(3, &[]).hides("s2");
    assert_snapshot!(output.stderr(), @r"
    Error: 1 secret of demo cannot be resolved; nothing was written
      • app clients: Vault holds OpenID Connect clients and the store has none, so they would be lost (secrets/applications/app.toml)
    Hint: store each client (phalanx-secrets set demo oidc-clients NAME), keep what Vault has with --keep-vault-static, or drop them with --regenerate=app/clients
    ");
    world.sync_changes_nothing(&["--keep-vault-static"]);

    // To generate all anew is no wish to drop them: nothing can make them
    // again.
    world.sync_is_refused(3, &["--regenerate"]);
    world.sync_is_refused(3, &["--regenerate=app"]);
    world.sync(&["--regenerate", "--keep-vault-static"]);
    assert_eq!(world.value("app", "clients"), format!("[{SECOND}]"));
    assert_ne!(world.value("app", "made"), "x");

    world.sync(&["--regenerate=app/clients"]);
    assert_eq!(world.value("app", "clients"), "[]");
}

#[test]
fn a_client_that_is_none_is_reported() {
    let world = World::new("bad-client", &[("app", APP)]);
    let set = world.command(&["set", "demo", "oidc-clients", "bad"]);
    set.stdin(r#"{"id": "x", "secret": "s3cr3t"}"#).run().fails_with(2).hides("s3cr3t");
    world.sync(&[]);
}
