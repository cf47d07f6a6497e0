//! Exit codes: whose turn it is, where Vault is asked. The table of all
//! commands is in [`crate::exit_codes`].

use serde_json::json;

use super::World;

#[test]
fn the_exit_code_says_whose_turn_it_is() {
    let world = World::new("exit-codes", &[("app", "secrets.given = {}")]);
    let code = |arguments: &[&str], token: &str| {
        world.command(arguments).env("VAULT_TOKEN", token).run().code()
    };
    let root = world.server.root_token();
    assert_eq!(code(&["audit", "demo", "--no-such-option"], root), 2);
    // A secret that nothing resolves is of the store, and a finding of an audit.
    assert_eq!(code(&["sync", "demo"], root), 3);
    assert_eq!(code(&["audit", "demo"], root), 1);
    world.git(&["init", "--quiet"]);
    world.set("app", "given", "x");
    world.commit("The store");
    // A refusal is of Vault, with whatever command it comes.
    let old = format!("{}/old", world.prefix);
    let commands: [&[&str]; 9] = [
        &["sync", "demo"],
        &["audit", "demo"],
        &["backup", "demo"],
        &["import", "demo", "--from-vault"],
        &["vault", "audit", "demo"],
        &["vault", "copy-secrets", "demo", &old],
        &["vault", "export-secrets", "demo", "out"],
        &["vault", "create-read-approle", "demo"],
        &["vault", "create-write-token", "demo"],
    ];
    for command in commands {
        assert_eq!(code(command, "no-such-token"), 4, "{command:?}");
    }
    assert_eq!(code(&["sync", "demo"], root), 0);
    assert_eq!(code(&["audit", "demo"], root), 0);
    assert_eq!(code(&["audit", "demo", "--exclude", "none"], root), 2);
    // There is no AppRole, which is a finding.
    assert_eq!(code(&["vault", "audit", "demo"], root), 1);
    assert_eq!(code(&["vault", "copy-secrets", "demo", &old], root), 4);
    assert_eq!(code(&["backup", "demo"], root), 0);

    // Somebody else's turn: Vault was changed by hand.
    world.server.put(&world.prefix, "app", json!({ "given": "by hand" }));
    assert_eq!(code(&["restore", "demo"], root), 3);
    world.set("app", "given", "y");
    world.commit("Another value");
    assert_eq!(code(&["sync", "demo", "--dry-run"], root), 5);
    assert_eq!(code(&["sync", "demo", "--dry-run", "--json"], root), 5);
    assert_eq!(code(&["sync", "demo"], root), 5);
    assert_eq!(code(&["sync", "demo", "--json"], root), 5);
    assert_eq!(code(&["sync", "demo", "--overwrite=app/given"], root), 0);
    world.declare("app", "secrets.given = 1");
    assert_eq!(code(&["sync", "demo"], root), 3);
}
