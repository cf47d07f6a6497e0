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

/// A developer's token may cover one application alone.
#[test]
fn no_other_application_is_read() {
    let world = World::new("run-one", &[("app", "[secrets.token]\n"), ("other", "")]);
    world.server.put(&world.prefix, "app", json!({ "token": "017" }));
    world.server.put(&world.prefix, "other", json!({ "token": "018" }));
    let data = world.prefix.replacen('/', "/data/", 1);
    let name = world.prefix.replace('/', "-");
    let policy = format!("path \"{data}/app\" {{ capabilities = [\"read\"] }}\n");
    world.server.create_policy(&name, &policy);
    let token = world.server.create_token(&[&name]);
    let run = ["run", "demo", "app", "--from-vault", "--", "printenv", "APP_TOKEN"];
    let output = world.command(&run).env("VAULT_TOKEN", &token).run().success();
    assert_eq!(output.stdout(), "017\n");
}
