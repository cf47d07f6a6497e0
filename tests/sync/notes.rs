//! The note of the commit that an entry is from, in its custom metadata.

use serde_json::{Value, json};

use super::World;

const APP: &str = "secrets.made.generate.type = 'password'";

/// A world whose store is committed, and that commit.
fn committed(name: &str) -> (World, String) {
    let world = World::new(name, &[("app", APP), ("other", APP)]);
    world.git(&["init", "--quiet"]);
    let commit = world.commit("The store");
    (world, commit)
}

impl World {
    fn note(&self, application: &str) -> Value {
        self.server.metadata(&self.prefix, application).unwrap()["custom_metadata"].clone()
    }
}

#[test]
fn an_entry_says_which_commit_it_is_from() {
    let (world, commit) = committed("note");
    world.sync(&[]);
    let version = env!("CARGO_PKG_VERSION");
    for application in ["app", "other"] {
        let note = json!({
            "phalanx-secrets-commit": commit,
            "phalanx-secrets-version": version,
            "phalanx-secrets-environment": "demo",
            "phalanx-secrets-entry-version": "1",
            "managed-by": "phalanx-secrets",
            "change-with": format!("phalanx-secrets set demo {application} KEY"),
        });
        assert_eq!(world.note(application), note);
    }
    assert_eq!(world.version("app"), 1);
    world.sync_changes_nothing(&[]);
}

#[test]
fn uncommitted_changes_and_the_notes_of_others_show() {
    let (world, commit) = committed("note-modified");
    world.sync(&[]);
    let path = world.prefix.replacen('/', "/metadata/", 1);
    let owner = json!({ "custom_metadata": { "owner": "somebody" } });
    world.server.root("POST", &format!("{path}/app"), Some(owner));

    world.declare("app", "secrets.renamed.generate.type = 'password'");
    world.sync(&[]);
    let note = world.note("app");
    assert_eq!(note["owner"], "somebody");
    assert_eq!(note["phalanx-secrets-commit"], format!("{commit}-modified"));
    // What was not written keeps the note of when it was.
    assert_eq!(world.note("other")["phalanx-secrets-commit"], commit);
}

#[test]
fn a_token_that_may_not_note_gets_one_warning_and_its_sync() {
    let (world, _) = committed("note-denied");
    let data = world.prefix.replacen('/', "/data/", 1);
    let metadata = world.prefix.replacen('/', "/metadata/", 1);
    let policy = format!(
        "path \"{data}/*\" {{ capabilities = [\"create\", \"read\", \"update\"] }}\n\
         path \"{metadata}/*\" {{ capabilities = [\"list\"] }}\n"
    );
    let name = world.prefix.replace('/', "-");
    world.server.create_policy(&name, &policy);
    let token = world.server.create_token(&[&name]);
    let output = world.command(&["sync", "demo"]).env("VAULT_TOKEN", &token).run().success();
    let created = "Created Vault secret for app\nCreated Vault secret for other\n";
    assert_eq!(output.stdout(), created);
    assert_eq!(output.stderr().matches("Warning:").count(), 1, "{}", output.stderr());
    insta::assert_snapshot!(world.redact(output.stderr()));
}

#[test]
fn values_from_elsewhere_are_from_no_commit() {
    let (world, _) = committed("note-elsewhere");
    let sync = ["sync", "demo", "--secrets", "-"];
    world.command(&sync).stdin("applications: {}\n").run().success();
    let environment = json!({ "phalanx-secrets-environment": "demo" });
    assert_eq!(world.note("app"), environment);
}

#[test]
fn an_audit_says_from_which_commits_vault_is_and_what_changed_since() {
    let (world, first) = committed("note-audit");
    world.sync(&[]);
    let said = |options: &[&str], commits: &[(&str, &str)]| {
        let mut said = world.audit(options).stderr().to_owned();
        for (id, name) in commits {
            said = said.replace(&id[..10], name);
        }
        let days = said.split("(20").enumerate().map(|(index, part)| match index {
            0 => part.to_owned(),
            _ => format!("([DAY]{}", &part["26-11-24".len()..]),
        });
        days.collect::<String>()
    };
    insta::assert_snapshot!(said(&[], &[(&first, "[FIRST]")]), @r"
    Last synced from:
      [FIRST] ([DAY]): app, other
    ");

    world.declare("app", &format!("{APP}\nsecrets.given = {{}}\n"));
    world.set("app", "given", "x");
    let second = world.commit("A secret more");
    let names = [(first.as_str(), "[FIRST]"), (&second, "[SECOND]")];
    insta::assert_snapshot!(said(&[], &names), @r"
    Last synced from:
      [FIRST] ([DAY], 1 commit since): app, other
        changed since: app given (set), app (specs)
    Hint: see what a sync would do: phalanx-secrets sync demo --dry-run
    ");
    world.sync(&[]);
    world.set("app", "given", "y");
    insta::assert_snapshot!(said(&[], &names), @r"
    Last synced from:
      [SECOND] ([DAY]): app
        changed since: app given (changed)
      [FIRST] ([DAY], 1 commit since): other
    Hint: see what a sync would do: phalanx-secrets sync demo --dry-run
    ");
    let json: Value = serde_json::from_str(world.audit(&["--json"]).stdout()).unwrap();
    assert_eq!(json["last_synced"].as_array().unwrap().len(), 2);
    let of_second =
        json["last_synced"].as_array().unwrap().iter().find(|one| one["commit"] == *second);
    assert_eq!(of_second.unwrap()["applications"], json!(["app"]));
    assert_eq!(of_second.unwrap()["changed_since"], json!(["app given (changed)"]));

    // What came with work that was not committed, and what nobody knows.
    world.sync(&[]);
    let path = world.prefix.replacen('/', "/metadata/", 1);
    let lost = json!({ "custom_metadata": { "phalanx-secrets-commit": "0123456789".repeat(4) } });
    world.server.root("POST", &format!("{path}/other"), Some(lost));
    insta::assert_snapshot!(said(&[], &names), @r"
    Last synced from:
      [SECOND] and what was not committed ([DAY]): app
        changed since: app given (changed)
      0123456789012345678901234567890123456789, which is not in this clone: other
    ");
}
