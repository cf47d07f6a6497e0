//! What a token may do: a refusal is never taken for an empty answer.

use insta::assert_snapshot;
use serde_json::json;

use super::World;

const APP: &str = "secrets.made.generate.type = 'password'";

/// A world, and a policy for everything below its prefix plus more rules, in
/// which `DATA` and `METADATA` stand for its paths.
fn limited(name: &str, rules: &str) -> (World, String) {
    let world = World::new(name, &[("app", APP), ("denied", APP)]);
    let policy = rules
        .replace("METADATA", &world.prefix.replacen('/', "/metadata/", 1))
        .replace("DATA", &world.prefix.replacen('/', "/data/", 1));
    let policy_name = world.prefix.replace('/', "-");
    world.server.create_policy(&policy_name, &policy);
    let token = world.server.create_token(&[&policy_name]);
    (world, token)
}

/// As the Python CLI makes it for `phalanx vault create-write-token`.
const WRITER: &str = r#"
path "DATA/*" { capabilities = ["create", "read", "update", "delete"] }
path "METADATA/*" { capabilities = ["list", "read", "update", "delete"] }
"#;

#[test]
fn the_phalanx_write_policy_is_enough() {
    let (world, token) = limited("writer", WRITER);
    world.server.put(&world.prefix, "app", json!({ "old": "x" }));
    world.server.put(&world.prefix, "old", json!({ "old": "x" }));
    let sync = |options: &[&str]| {
        world.command(&["sync", "demo"]).args(options).env("VAULT_TOKEN", &token).run().success()
    };
    let output = sync(&["--delete-all"]);
    assert_eq!(
        output.stdout(),
        "Updated Vault secret for app made\n\
         Deleted Vault secret for app old\n\
         Created Vault secret for denied\n\
         Deleted Vault secret for old\n"
    );
    let watch = world.watch();
    sync(&[]);
    assert_eq!(watch.writes(), []);
}

#[test]
fn the_entry_of_an_excluded_application_is_not_read() {
    let rules = format!("{WRITER}\npath \"DATA/denied\" {{ capabilities = [\"deny\"] }}");
    let (world, token) = limited("excluded", &rules);
    world.server.put(&world.prefix, "denied", json!({ "made": "kept" }));
    let run = |command| {
        world.command(&[command, "demo", "--exclude", "denied"]).env("VAULT_TOKEN", &token).run()
    };
    run("sync").success();
    run("audit").success();
    assert_eq!(world.value("denied", "made"), "kept");
    assert_eq!(world.version("app"), 1);
    // What another copies from it has to be read.
    let copy = "secrets.copied.copy = { application = 'denied', key = 'made' }";
    world.declare("app", &format!("{APP}\n{copy}"));
    let refused = run("sync").fails_with(4);
    assert!(refused.stderr().contains("read the entry of denied"), "{refused:?}");
    world.sync(&["--exclude", "denied"]);
    assert_eq!(world.value("app", "copied"), "kept");
}

#[test]
fn an_entry_that_may_not_be_read_is_not_taken_for_missing() {
    let rules = format!("{WRITER}\npath \"DATA/denied\" {{ capabilities = [\"deny\"] }}");
    let (world, token) = limited("denied", &rules);
    world.server.put(&world.prefix, "denied", json!({ "made": "kept" }));
    let watch = world.watch();
    let run = |command| {
        let run = world.command(&[command, "demo"]).env("VAULT_TOKEN", &token).run();
        world.redact(run.fails_with(4).hides(&token).hides("kept").stderr())
    };
    let error = run("sync");
    assert_eq!(run("audit"), error);
    assert_snapshot!(error, @r#"
        Error: cannot read the entry of denied in Vault (GET [VAULT]/v1/secret/data/[PATH]/denied): permission denied: the token needs "read" on secret/data/[PATH]/denied, or else it is invalid or has expired (Vault says: permission denied)
        Hint: `vault token lookup` (or `bao token lookup`) says whether the token is valid and which policies it has; `vault token capabilities PATH` says what it may do there
        "#);
    assert_eq!(watch.writes(), []);
    assert_eq!(world.value("denied", "made"), "kept");
}

#[test]
fn entries_that_may_not_be_listed_are_not_taken_for_none() {
    let rules = r#"path "DATA/*" { capabilities = ["create", "read", "update"] }"#;
    let (world, token) = limited("no-list", rules);
    let watch = world.watch();
    let output = world.command(&["sync", "demo"]).env("VAULT_TOKEN", &token).run().fails_with(4);
    assert_snapshot!(world.redact(output.stderr()), @r#"
    Error: cannot list the entries in Vault (GET [VAULT]/v1/secret/metadata/[PATH]/?list=true): permission denied: the token needs "list" on secret/metadata/[PATH]/, or else it is invalid or has expired (Vault says: permission denied)
    Hint: `vault token lookup` (or `bao token lookup`) says whether the token is valid and which policies it has; `vault token capabilities PATH` says what it may do there
    "#);
    assert_eq!(watch.writes(), []);
}

#[test]
fn what_may_be_written_is_and_the_rest_is_reported() {
    // A token that may not even ask what it may do finds out.
    let rules = format!(
        "{WRITER}\npath \"DATA/denied\" {{ capabilities = [\"read\"] }}\n\
         path \"sys/capabilities-self\" {{ capabilities = [\"deny\"] }}"
    );
    let (world, token) = limited("no-write", &rules);
    let run = world.command(&["sync", "demo"]).env("VAULT_TOKEN", &token).run();
    let output = run.fails_with(4).hides(&token);
    assert_eq!(output.stdout(), "Created Vault secret for app\n");
    assert_snapshot!(world.redact(output.stderr()), @r#"
    Error: denied could not be written; what was written is complete, and running this again does the rest
      • denied: cannot write the entry of denied in Vault (POST [VAULT]/v1/secret/data/[PATH]/denied): permission denied: the token needs "create" and "update" on secret/data/[PATH]/denied, or else it is invalid or has expired (Vault says: permission denied)
    Hint: `vault token lookup` (or `bao token lookup`) says whether the token is valid and which policies it has; `vault token capabilities PATH` says what it may do there
    "#);

    let made = world.value("app", "made");
    assert_eq!(world.sync(&[]).stdout(), "Created Vault secret for denied\n");
    assert_eq!(world.value("app", "made"), made);
}

#[test]
fn what_a_token_lacks_is_listed_before_anything_is_written() {
    let rules = r#"
        path "DATA/*" { capabilities = ["read"] }
        path "DATA/app" { capabilities = ["create", "read", "update"] }
        path "METADATA/*" { capabilities = ["list"] }
    "#;
    let (world, token) = limited("preflight", rules);
    world.server.put(&world.prefix, "old", json!({ "old": "x" }));
    let watch = world.watch();
    let run = |options: &[&str]| {
        let command = world.command(&["sync", "demo"]).args(options).env("VAULT_TOKEN", &token);
        world.redact(command.run().fails_with(4).hides(&token).stderr())
    };
    assert_snapshot!(run(&["--delete-all"]), @r#"
    Error: the token may not do all that this sync takes; nothing was written
      • "create" on secret/data/[PATH]/denied
      • "delete" on secret/data/[PATH]/old
    Hint: this policy allows all of it:
          path "secret/data/[PATH]/*" {
            capabilities = ["create", "read", "update", "delete"]
          }
          path "secret/metadata/[PATH]/*" {
            capabilities = ["list", "create", "update"]
          }
    "#);
    assert!(!run(&[]).contains("delete"));
    assert_eq!(watch.writes(), []);
    // A dry run asks for nothing that is not needed to look.
    let dry = world.command(&["sync", "demo", "--dry-run"]).env("VAULT_TOKEN", &token);
    dry.run().success();
    // The policy that it prints is enough, and an entry that is there takes
    // another capability than one that is not.
    let policy = run(&["--delete-all"]);
    let policy = policy.split("allows all of it:\n").nth(1).unwrap();
    let (_, path) = world.prefix.split_once('/').unwrap();
    let policy = policy.replace("[PATH]", path);
    let name = format!("printed-{}", world.prefix.replace('/', "-"));
    world.server.create_policy(&name, &policy);
    let token = world.server.create_token(&[&name]);
    let sync = |options: &[&str]| {
        let command = world.command(&["sync", "demo"]).args(options).env("VAULT_TOKEN", &token);
        command.run().success()
    };
    assert_eq!(sync(&["--delete-all"]).stdout().lines().count(), 3);
    assert_eq!(sync(&["--regenerate"]).stdout().lines().count(), 2);
    world.server.delete(&world.prefix, "app");
    let again = sync(&[]);
    assert_eq!(again.stdout(), "Created Vault secret for app\n", "{again:?}");
    assert!(!again.stderr().contains("does not take the note"), "{again:?}");
}

#[test]
fn a_token_that_may_only_read_can_audit_and_see_the_plan() {
    let rules = r#"
        path "DATA/*" { capabilities = ["read"] }
        path "METADATA/*" { capabilities = ["list"] }
    "#;
    let (world, token) = limited("reader", rules);
    world.sync(&[]);
    for arguments in [&["audit", "demo"][..], &["sync", "demo"], &["sync", "demo", "--dry-run"]] {
        world.command(arguments).env("VAULT_TOKEN", &token).run().success();
    }
}

#[test]
fn a_thousand_applications_are_asked_about_as_well() {
    let names: Vec<String> = (0..1000).map(|number| format!("app{number}")).collect();
    let applications: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), APP)).collect();
    let world = World::new("thousand", &applications);
    world.sync(&[]);
    assert_eq!(world.server.list(&world.prefix).len(), 1000);
    world.sync_changes_nothing(&[]);
}
