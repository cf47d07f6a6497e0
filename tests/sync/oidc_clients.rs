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
