//! `audit`: what differs, in the Python CLI's words.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::World;

const APP: &str = "
secrets.made.generate.type = 'password'
secrets.given = {}
secrets.literal.value = 'as it is'
";
const COPIER: &str = "secrets.copied.copy = { application = 'app', key = 'given' }";

fn world(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("copier", COPIER), ("third", COPIER)]);
    world.set("app", "given", "from-the-store");
    world
}

#[test]
fn a_vault_in_line_is_clean() {
    let world = world("clean");
    world.set("pull-secret", "ghcr.io", "bob:r");
    world.sync(&[]);
    let watch = world.watch();
    let output = world.audit(&[]).success();
    assert_eq!((output.stdout(), output.stderr()), ("", ""));
    assert_eq!(watch.writes(), []);
}

#[test]
fn every_section_has_pythons_words() {
    let world = world("sections");
    world.set("pull-secret", "ghcr.io", "bob:r");
    let server = world.server;
    let data = json!({ "given": "in-vault", "literal": "another", "extra": "e", "number": 1 });
    server.put(&world.prefix, "app", data);
    server.put(&world.prefix, "copier", json!({ "copied": "from-the-store" }));
    server.put(&world.prefix, "stranger", json!({ "a": "1", "b": "2" }));
    server.put(&world.prefix, "empty-stranger", json!({}));
    let watch = world.watch();
    let output = world.audit(&[]).fails_with(1);
    assert_eq!(watch.writes(), []);
    let output = output.hides("in-vault").hides("from-the-store").hides("another");
    assert_snapshot!(output.stdout(), @r"
    Missing secrets:
    • app made
    • pull-secret
    • third copied

    Secrets that do not have their expected value:
    • app given
    • app literal

    Unknown secrets in Vault:
    • app extra
    • app number
    • empty-stranger
    • stranger a
    • stranger b
    ");
    assert_snapshot!(output.stderr(), @r"
    Hint: see what a sync would do: phalanx-secrets sync demo --dry-run
    ");

    let output = world.audit(&["--json"]).fails_with(1).hides("in-vault");
    assert_eq!(
        serde_json::from_str::<Value>(output.stdout()).unwrap(),
        json!({
            "environment": "demo",
            "unresolved": [],
            "missing": ["app made", "pull-secret", "third copied"],
            "mismatch": ["app given", "app literal"],
            "unknown": ["app extra", "app number", "empty-stranger", "stranger a", "stranger b"],
            "last_synced": [],
        })
    );
}

#[test]
fn before_the_first_sync_everything_is_missing() {
    let world = world("audit-first");
    let output = world.audit(&[]).fails_with(1);
    assert_eq!(
        output.stdout(),
        "Missing secrets:\n• app given\n• app literal\n• app made\n• copier copied\n• third copied\n"
    );
}

#[test]
fn what_cannot_be_resolved_is_a_finding() {
    let world = world("audit-unresolved");
    world.command(&["remove", "--yes", "demo", "app", "given"]).run().success();
    let output = world.audit(&[]).fails_with(1);
    assert_snapshot!(output.stdout(), @r"
    Unresolved secrets:
    • app given: it has no static value (secrets/applications/app.toml)
    • copier copied: it is made from app/given, which cannot be resolved (secrets/applications/copier.toml)
    • third copied: it is made from app/given, which cannot be resolved (secrets/applications/third.toml)
    ");
    let output = world.audit(&["--json"]).fails_with(1);
    let report: Value = serde_json::from_str(output.stdout()).unwrap();
    assert_eq!(report["unresolved"].as_array().unwrap().len(), 3);
}

#[test]
fn a_clean_report_is_json_too() {
    let world = world("audit-json");
    world.sync(&[]);
    let output = world.audit(&["--json"]).success();
    assert_eq!(
        serde_json::from_str::<Value>(output.stdout()).unwrap(),
        json!({
            "environment": "demo",
            "unresolved": [],
            "missing": [],
            "mismatch": [],
            "unknown": [],
            "last_synced": [],
        })
    );
}

#[test]
fn unknown_secrets_are_findings() {
    let world = world("audit-unknown");
    world.sync(&[]);
    world.server.put(&world.prefix, "stranger", json!({ "a": "1" }));
    let output = world.audit(&[]).fails_with(1);
    assert_eq!(output.stdout(), "Unknown secrets in Vault:\n• stranger a\n");
    world.audit(&["--exclude", "stranger"]).success();
}

#[test]
fn an_excluded_application_is_not_compared() {
    let world = world("audit-exclude");
    world.sync(&[]);
    world.server.put(&world.prefix, "copier", json!({ "copied": "by hand", "extra": "e" }));
    let output = world.audit(&[]).fails_with(1).hides("by hand");
    assert_eq!(
        output.stdout(),
        "Secrets that do not have their expected value:\n• copier copied\n\n\
         Unknown secrets in Vault:\n• copier extra\n"
    );
    world.audit(&["-e", "copier"]).success();
}

#[test]
fn a_pull_secret_is_one_thing() {
    let world = world("audit-pull");
    world.sync(&[]);
    world.set("pull-secret", "ghcr.io", "bob:r");
    let output = world.audit(&[]).fails_with(1);
    assert_eq!(output.stdout(), "Missing secrets:\n• pull-secret\n");
    world.sync(&[]);
    world.audit(&[]).success();
    world.set("pull-secret", "ghcr.io", "bob:s");
    let output = world.audit(&[]).fails_with(1);
    assert_eq!(output.stdout(), "Secrets that do not have their expected value:\n• pull-secret\n");
    world.command(&["remove", "--yes", "demo", "pull-secret", "ghcr.io"]).run().success();
    let output = world.audit(&[]).fails_with(1);
    assert_eq!(output.stdout(), "Unknown secrets in Vault:\n• pull-secret\n");
    world.audit(&["--keep-vault-static"]).success();
}

#[test]
fn a_file_of_values_is_compared() {
    let world = world("audit-file");
    world.sync(&[]);
    let text = "applications: {app: {given: {value: another}}}";
    let file = world.sandbox.write("values.yaml", text);
    let output = world.audit(&["--secrets", file.to_str().unwrap()]).fails_with(1);
    assert_eq!(
        output.stdout(),
        "Secrets that do not have their expected value:\n\
         • app given\n• copier copied\n• third copied\n"
    );
}
