//! `run --from-vault`: a process gets what Vault holds.

use serde_json::json;

use super::World;

#[test]
fn a_process_gets_what_vault_holds() {
    let world = World::new("run", &[("app", "[secrets.token]\n"), ("other", "")]);
    world.server.put(&world.prefix, "app", json!({ "token": "017", "made": "m" }));
    let run = |application: &str, command: &[&str]| {
        let run = ["run", "demo", application, "--from-vault", "--"];
        world.command(&[&run[..], command].concat()).run()
    };
    assert_eq!(run("app", &["printenv", "APP_MADE", "APP_TOKEN"]).success().stdout(), "m\n017\n");
    let output = run("other", &["true"]).fails_with(3);
    assert!(output.stderr().contains("Vault holds nothing for other"), "{output:?}");
}
