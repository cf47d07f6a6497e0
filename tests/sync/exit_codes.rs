//! Exit codes: whose turn it is.

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
    world.set("app", "given", "x");
    assert_eq!(code(&["sync", "demo"], "no-such-token"), 4);
    assert_eq!(code(&["sync", "demo"], root), 0);
    assert_eq!(code(&["audit", "demo"], root), 0);
    world.declare("app", "secrets.given = 1");
    assert_eq!(code(&["sync", "demo"], root), 3);
}
