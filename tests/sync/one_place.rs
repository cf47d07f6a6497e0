//! One place in Vault is one environment's.

use std::time::Instant;

use super::World;
use crate::support::cli::Sandbox;
use crate::support::openbao::{OpenBao, shared};
use crate::support::standalone::Repository;

const APP: &str = "secrets.made.generate.type = 'password'";

impl World {
    fn environment_file(&self, name: &str, url: &str, prefix: &str) {
        let text = format!(
            "vault-url = \"{url}\"\nvault-path-prefix = \"{prefix}\"\napplications = [\"app\"]\n"
        );
        self.sandbox.write(self.root.join(format!("secrets/environments/{name}.toml")), text);
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], words: &str) {
        let watch = self.watch();
        let output = self.command(arguments).run().fails_with(3);
        assert!(output.stderr().contains(words), "{arguments:?}: {output:?}");
        assert_eq!(watch.writes(), [], "{arguments:?}");
    }
}

#[test]
fn a_copied_environment_file_stops_every_command_that_writes() {
    let world = World::new("one-place", &[("app", APP)]);
    world.sync(&[]);
    world.command(&["backup", "demo"]).run().success();
    world.environment_file("new", &format!("{}/", world.server.url()), &world.prefix);
    let output = world.command(&["sync", "new", "--delete"]).run().fails_with(3);
    insta::assert_snapshot!(world.redact(output.stderr()), @r"
    Error: new is not alone in its place in Vault, but with demo; nothing was written
      • it is in one place of Vault (secret/[PATH]) with demo: each would write over the other's secrets
    Hint: the path prefix is in secrets/environments/new.toml
    Hint: where the other is on another server of the same name, and not synced from here, list it in not-served in store.toml
    ");
    let other = format!("{}-before", world.prefix);
    world.server.put(&other, "app", serde_json::json!({ "made": "x" }));
    for command in [
        &["sync", "demo"][..],
        &["sync", "demo", "--dry-run"],
        &["sync", "--all"],
        &["restore", "demo", "--replace"],
        &["vault", "copy-secrets", "demo", &other, "--replace"],
        &["vault", "create-read-approle", "demo"],
        &["vault", "create-read-token", "demo"],
        &["vault", "create-write-token", "demo"],
        &["sync", "new", "--vault-url", world.server.url()],
    ] {
        world.refuses(command, "not alone in its place");
    }
    // What only reads goes on.
    world.command(&["audit", "demo"]).run().success();
    let check = world.command(&["check"]).run().fails_with(1);
    assert!(check.stdout().contains("it is in one place of Vault"), "{check:?}");

    // Inside another's, it is in the way as well, for both.
    world.environment_file("new", world.server.url(), &format!("{}/new", world.prefix));
    world.refuses(&["sync", "new"], "inside that of demo");
    world.refuses(&["sync", "demo"], "has the place of new");
    world.environment_file("new", world.server.url(), &format!("{}-new", world.prefix));
    world.command(&["sync", "demo", "new"]).run().success();
}

#[test]
fn another_server_is_another_place_unless_one_is_given() {
    let world = World::new("one-place-server", &[("app", APP)]);
    let url = world.server.url();
    world.environment_file("new", "http://127.0.0.1:1", &world.prefix);
    world.sync(&[]);
    // By the way of another URL it would be in the place of demo.
    world.refuses(&["sync", "new", "--vault-url", url], "not alone in its place");
    // Both of them are there, if all are.
    world.environment_file("new", "http://127.0.0.1:1", &world.prefix);
    world.environment_file("demo", "http://127.0.0.1:2", &world.prefix);
    world.refuses(&["sync", "--all", "--vault-url", url], "not alone in its place");
    world.refuses(&["sync", "new", "demo", "--vault-url", url], "not alone in its place");
    world.command(&["sync", "demo", "--vault-url", url]).run().success();
    // What is not synced from here is compared with nothing.
    world.environment_file("demo", url, &world.prefix);
    world.environment_file("new", url, &world.prefix);
    let store = world.root.join("secrets/store.toml");
    let text = std::fs::read_to_string(&store).unwrap();
    world.sandbox.write(&store, format!("{text}not-served = [\"new\"]\n"));
    world.sync(&[]);
    let check = world.command(&["check"]).run();
    assert!(!check.stdout().contains("place of Vault"), "{check:?}");
    world.refuses(&["sync", "new"], "not alone in its place");
}

#[test]
fn a_broken_file_of_another_environment_is_a_warning() {
    let world = World::new("one-place-broken", &[("app", APP)]);
    world.sandbox.write(world.root.join("secrets/environments/broken.toml"), "vault-url = [\n");
    let output = world.sync(&[]);
    let warning = "Warning: whether broken is in its place cannot be told: ";
    assert!(output.stderr().contains(warning), "{output:?}");
    assert_eq!(output.stdout(), "Created Vault secret for app\n");
}

#[test]
fn the_name_in_a_phalanx_file_is_that_of_the_file() {
    let (sandbox, server) = (Sandbox::new(), shared());
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    let prefix = crate::support::openbao::unique_prefix("one-name");
    let store = Repository::phalanx(&sandbox, "phalanx")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("idfdev", server.url(), &prefix, &["app"])
        .application("app", "made:\n  description: x\n  generate:\n    type: password\n");
    let file = store.root().join("environments/values-idfdev.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text: String =
        text.lines().filter(|line| !line.starts_with("name:")).map(|l| format!("{l}\n")).collect();
    let command = |arguments: &[&str]| {
        let command = sandbox.command(arguments).current_dir(store.root());
        command.env("VAULT_TOKEN", OpenBao::ROOT_TOKEN).run()
    };
    sandbox.write(&file, format!("name: \"idfint\"\n{text}"));
    let check = command(&["check", "--allow-missing"]).fails_with(1);
    let finding = "environments/values-idfdev.yaml:1: it calls itself idfint: the file was copied \
                   from that environment, or is named wrongly";
    assert!(check.stdout().contains(finding), "{check:?}");
    let sync = command(&["sync", "idfdev"]).fails_with(3);
    insta::assert_snapshot!(sync.stderr(), @r"
    Error: environments/values-idfdev.yaml calls the environment idfint, and not idfdev; nothing was written
    Hint: if it was copied from that of idfint, correct name, vaultPathPrefix and whatever else is left of it
    ");
    for right in ["name: \"idfdev\"\n", ""] {
        sandbox.write(&file, format!("{right}{text}"));
        command(&["sync", "idfdev"]).success();
    }
}

#[test]
fn many_environments_cost_next_to_nothing() {
    let world = World::new("one-place-many", &[("app", APP)]);
    for number in 0..200 {
        let prefix = format!("secret/many/{number}");
        world.environment_file(&format!("env{number}"), world.server.url(), &prefix);
    }
    let start = Instant::now();
    world.sync(&[]);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}
