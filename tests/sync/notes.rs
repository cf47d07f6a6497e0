//! The note of the commit that an entry is from, in its custom metadata.

use serde_json::{Value, json};

use super::World;

const APP: &str = "secrets.made.generate.type = 'password'";

/// A world whose store is committed, and that commit.
fn committed(name: &str) -> (World, String) {
    let world = World::new(name, &[("app", APP), ("other", APP)]);
    let git = |arguments: &[&str]| world.sandbox.git_in(&world.root, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "The store"]);
    let commit = git(&["rev-parse", "HEAD"]).trim().to_owned();
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
    let note = json!({ "phalanx-secrets-commit": commit, "phalanx-secrets-version": version });
    assert_eq!((world.note("app"), world.note("other")), (note.clone(), note));
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
    assert_eq!(world.note("app"), Value::Null);
}
