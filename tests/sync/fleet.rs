//! Several environments in one run.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::Value;

use super::World;
use crate::support::cli::Output;
use crate::support::openbao::OpenBao;

const APP: &str = "secrets.made.generate.type = 'password'\nsecrets.given = {}\n";

impl World {
    /// Declares one more environment, with the application of the first.
    fn add_environment(&self, name: &str, url: &str) -> String {
        let prefix = format!("{}-{name}", self.prefix);
        let text = format!(
            "vault-url = \"{url}\"\nvault-path-prefix = \"{prefix}\"\napplications = [\"app\"]\n"
        );
        self.sandbox.write(self.root.join(format!("secrets/environments/{name}.toml")), &text);
        prefix
    }

    fn give(&self, environment: &str, value: &str) {
        let line = ["set", environment, "app", "given"];
        self.command(&line).stdin(value).run().success();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).run()
    }
}

/// A world with three environments, `demo`, `one` and `two`; `one` lacks a
/// value.
fn world(name: &str) -> (World, String, String) {
    let world = World::new(name, &[("app", APP)]);
    let one = world.add_environment("one", world.server.url());
    let two = world.add_environment("two", world.server.url());
    world.give("demo", "d");
    world.give("two", "t");
    (world, one, two)
}

/// Lines in an order that does not depend on who was first.
fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn one_that_fails_does_not_keep_others_from_being_done() {
    let (world, one, two) = world("fleet");
    let output = world.run(&["sync", "--all"]).fails_with(3);
    assert_snapshot!(sorted(output.stdout()), @r"
    demo: Created Vault secret for app
    two: Created Vault secret for app
    ");
    assert_snapshot!(sorted(&world.redact(output.stderr())), @r"
    demo  1 entry written
    one   failed, see above
    one:   • app given: it has no static value (secrets/applications/app.toml)
    one: Error: 1 secret of one cannot be resolved; nothing was written
    one: Hint: store the value: phalanx-secrets set one app given
    two   1 entry written
    ");
    let value = |prefix: &str| world.server.value(prefix, "app", "given");
    assert_eq!(value(&world.prefix).as_deref(), Some("d"));
    assert_eq!(value(&two).as_deref(), Some("t"));
    assert_eq!(value(&one), None);

    // What is kept elsewhere is left alone.
    let settings = world.root.join("secrets/store.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    world.sandbox.write(&settings, format!("{text}not-served = [\"one\"]\n"));
    let output = world.run(&["sync", "--all"]).success();
    assert!(output.stderr().ends_with("demo  in line\ntwo   in line\n"), "{output:?}");
    world.sandbox.write(&settings, text);

    world.give("one", "o");
    let output = world.run(&["sync", "two", "one", "two", "--jobs", "1"]).success();
    assert_eq!(output.stdout(), "one: Created Vault secret for app\n");
    assert!(output.stderr().ends_with("two  in line\none  1 entry written\n"), "{output:?}");
    let watch = world.watch();
    world.run(&["sync", "--all"]).success();
    assert_eq!(watch.writes(), []);
    // One by itself is as it always was.
    let output = world.run(&["sync", "one"]).success();
    assert_eq!(output.stderr(), "Vault is in line with one; nothing was written.\n");
    world.run(&["sync"]).fails_with(2);
    world.run(&["sync", "one", "--all"]).fails_with(2);
    world.run(&["sync", "one", "nowhere"]).fails_with(2);
}

#[test]
fn the_report_is_one_document() {
    let (world, _, _) = world("fleet-json");
    let output = world.run(&["audit", "--all", "--json"]).fails_with(1);
    let report: Value = serde_json::from_str(output.stdout()).unwrap();
    let environments = report["environments"].as_array().unwrap();
    let names: Vec<&Value> = environments.iter().map(|one| &one["environment"]).collect();
    assert_eq!(names, ["demo", "one", "two"]);
    assert_eq!(environments[0]["missing"], serde_json::json!(["app given", "app made"]));
    assert_eq!(environments[1]["unresolved"].as_array().unwrap().len(), 1);
    assert_snapshot!(sorted(world.run(&["audit", "--all"]).fails_with(1).stdout()), @r"
    demo: Missing secrets:
    demo: • app given
    demo: • app made
    one: Unresolved secrets:
    one: • app given: it has no static value (secrets/applications/app.toml)
    two: Missing secrets:
    two: • app given
    two: • app made
    ");

    let output = world.run(&["sync", "--all", "--json"]).fails_with(3);
    let report: Value = serde_json::from_str(output.stdout()).unwrap();
    let failed = &report["environments"][1];
    assert_eq!((&failed["environment"], &failed["exit_code"]), (&"one".into(), &3.into()));
    assert_eq!(report["environments"][2]["changes"]["app"]["action"], "create");
    // What runs on an old value has to be restarted.
    world.give("two", "new");
    let output = world.run(&["sync", "two", "--json"]).success();
    let report: Value = serde_json::from_str(output.stdout()).unwrap();
    assert_eq!(report["restart"], serde_json::json!(["app"]));
    world.give("two", "newer");
    let output = world.run(&["sync", "two"]).success();
    assert!(output.stderr().contains("Restart the workloads of these"), "{output:?}");
    assert!(output.stderr().contains(": app\n"), "{output:?}");
}

#[test]
fn a_token_goes_to_no_other_server_than_its_own() {
    let (world, _, _) = world("fleet-servers");
    let elsewhere = OpenBao::start();
    world.add_environment("one", elsewhere.url());
    world.give("one", "o");
    elsewhere.reset_requests();
    let ours = world.server.url();
    let sync = || world.command(&["sync", "--all"]).env("VAULT_ADDR", ours).run();
    let output = sync().fails_with(2);
    assert!(output.stderr().contains("one: Error: there is no token for Vault"), "{output:?}");
    assert_eq!(elsewhere.requests(), []);
    assert_eq!(world.server.list(&world.prefix), ["app"]);
    // Without VAULT_ADDR, nobody knows whose token it is.
    let output = world.run(&["sync", "--all"]).fails_with(2);
    assert_eq!(output.stderr().matches("there is no token for Vault").count(), 3, "{output:?}");
    assert_eq!(elsewhere.requests(), []);

    // A token that is stored is for its own environment.
    let line = ["set", "one", "vault-write-token", "token"];
    world.command(&line).stdin(OpenBao::ROOT_TOKEN).run().success();
    sync().success();
    assert_eq!(elsewhere.list(&format!("{}-one", world.prefix)), ["app"]);
}

#[test]
fn requests_are_held_back() {
    let (world, _, _) = world("fleet-rate");
    world.give("one", "o");
    let began = Instant::now();
    world.run(&["audit", "--all", "--rate", "10"]).fails_with(1);
    // Each reads the mount, the list and one entry: the ninth request begins
    // no sooner than this.
    assert!(began.elapsed() >= Duration::from_millis(790), "{:?}", began.elapsed());
}

/// Each hash takes a second or so, in which the other environments are waited
/// for as before.
#[test]
fn what_one_environment_generates_keeps_no_other_waiting() {
    let hashes: String = (0..3)
        .map(|number| {
            format!(
                "secrets.p{number}.generate.type = 'password'\nsecrets.h{number}.generate = \
                 {{ type = 'bcrypt-password-hash', source = 'p{number}' }}\n"
            )
        })
        .collect();
    let world = World::new("fleet-hashes", &[("app", &hashes)]);
    world.add_environment("one", world.server.url());
    world.add_environment("two", world.server.url());
    let sync = world.command(&["sync", "--all"]).env("VAULT_CLIENT_TIMEOUT", "3");
    sync.env("VAULT_MAX_RETRIES", "0").run().success();
}
