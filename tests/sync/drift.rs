//! Sync as a merge: what others changed in Vault, and clones that are behind.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::World;
use crate::support::cli::{Command, Output};

const APP: &str = "secrets.password = {}\nsecrets.token = {}\n\
                   secrets.made.generate.type = 'password'\n\
                   secrets.hash.generate.type = 'mtime'\nsecrets.hash.generate.source = 'made'\n";
const OTHER: &str = "secrets.password.copy.application = 'app'\n\
                     secrets.password.copy.key = 'password'\nsecrets.literal.value = 'one'\n";

/// A world that is committed and synced.
fn synced(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("other", OTHER)]);
    world.git(&["init", "--quiet"]);
    world.set("app", "password", "first");
    world.set("app", "token", "t");
    world.commit("The store");
    world.sync(&[]);
    world
}

impl World {
    /// Changes a value in Vault, as somebody would in its own interface.
    fn by_hand(&self, application: &str, key: &str, value: Option<&str>) {
        let (_, mut data) = self.server.read(&self.prefix, application).unwrap();
        match value {
            Some(value) => data.insert(key.to_owned(), value.into()),
            None => data.remove(key),
        };
        self.server.put(&self.prefix, application, Value::Object(data));
    }

    /// Another clone of the store.
    fn clone_as(&self, name: &str, options: &[&str]) -> PathBuf {
        let clone = self.sandbox.work().join(name);
        let from = format!("file://{}", self.root.display());
        let ends = [from.as_str(), clone.to_str().unwrap()];
        let arguments = [&["clone", "--quiet"], options, &ends].concat();
        self.sandbox.git(arguments);
        clone
    }

    fn command_in(&self, clone: &Path, arguments: &[&str]) -> Command {
        self.command(arguments).current_dir(clone)
    }

    /// What was said, without what differs from run to run.
    fn said(&self, output: &Output) -> String {
        let mut said = self.redact(output.stderr());
        let commits = self.git(&["log", "--all", "--reverse", "--format=%H"]);
        for (number, commit) in commits.lines().enumerate() {
            said = said.replace(&commit[..10], &format!("[COMMIT {}]", number + 1));
        }
        let times = said.split(", 20").enumerate().map(|(index, part)| match index {
            0 => part.to_owned(),
            _ => format!(", [TIME]{}", part.split_once('Z').map_or("", |(_, rest)| rest)),
        });
        times.collect()
    }
}

#[test]
fn what_was_changed_by_hand_is_named_and_replaced() {
    let world = synced("drift-revert");
    world.by_hand("app", "password", Some("by hand"));
    let audit = world.audit(&[]).fails_with(1);
    assert!(world.said(&audit).contains("Warning: changed in Vault by hand"), "{audit:?}");
    let dry = world.sync(&["--dry-run"]);
    let output = world.sync(&[]);
    assert_eq!(world.said(&output), world.said(&dry).replace(DRY_RUN, RESTART));
    insta::assert_snapshot!(world.said(&output), @r"
    Warning: changed in Vault by hand since the last sync; the store's values replace them:
      • app password (changed in version 2, [TIME])
    Hint: to take Vault's into the store instead: phalanx-secrets import demo --from-vault --only app/password
    Restart the workloads of these, once the cluster has their secrets: app
    ");
    assert_eq!(output.stdout(), "Updated Vault secret for app password\n");
    assert_eq!(world.value("app", "password"), "first");
    world.sync_changes_nothing(&[]);
    assert_eq!(world.audit(&[]).success().stdout(), "");
}

const DRY_RUN: &str = "This was a dry run; nothing was written.\n";
const RESTART: &str = "Restart the workloads of these, once the cluster has their secrets: app\n";

#[test]
fn what_only_the_store_changed_is_no_drift() {
    let world = synced("drift-none");
    world.set("app", "password", "second");
    world.commit("Another");
    let said = world.sync(&[]);
    assert!(!said.stderr().contains("by hand"), "{said:?}");
    // Nor is it where the entry was written by somebody else, with this left alone.
    world.by_hand("app", "unknown", Some("x"));
    world.set("app", "password", "third");
    world.commit("A third");
    let said = world.sync(&[]);
    assert!(!said.stderr().contains("by hand"), "{said:?}");
    assert_eq!(world.value("other", "password"), "third");
    assert_eq!(world.value("app", "unknown"), "x");
}

#[test]
fn copies_literals_and_what_is_gone_are_named_too() {
    let world = synced("drift-kinds");
    world.by_hand("other", "password", Some("x"));
    world.by_hand("other", "literal", Some("x"));
    world.by_hand("app", "token", None);
    world.by_hand("app", "made", None);
    let output = world.sync(&[]);
    let said = world.said(&output);
    for line in [
        "  • app made (removed in version 3, [TIME])",
        "  • app token (removed in version 3, [TIME])",
        "  • other literal (changed in version 3, [TIME])",
        "  • other password (changed in version 3, [TIME])",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // A copy is not what the store could take.
    assert!(!said.contains("--only"), "{said}");
}

#[test]
fn a_conflict_is_refused_until_one_side_is_chosen() {
    let world = synced("drift-conflict");
    world.by_hand("app", "password", Some("by hand"));
    world.set("app", "password", "second");
    world.commit("Another");
    let refused = world.sync_is_refused(5, &[]);
    insta::assert_snapshot!(world.said(&refused), @r"
    Error: values were changed in Vault by hand since the last sync: nothing was written
      • app password (changed in version 2, [TIME]; changed in the store as well)
    Hint: to take Vault's into the store instead: phalanx-secrets import demo --from-vault --only app/password
    Hint: to replace Vault's with the store's: phalanx-secrets sync demo --overwrite=app/password
    ");
    let dry = world.try_sync(&["--dry-run", "--json"]).fails_with(5);
    let document: Value = serde_json::from_str(dry.stdout()).unwrap();
    let drift = &document["changed_in_vault"][0];
    assert_eq!((&drift["is_conflict"], &drift["action"]), (&json!(true), &json!("refuse")));
    assert_eq!(drift["version"], 2);
    world.sync_is_refused(2, &["--overwrite=app/pasword"]);
    world.sync_is_refused(5, &["--overwrite=app/token"]);

    // Vault's side.
    let import = ["import", "demo", "--from-vault", "--only", "app/password", "--yes"];
    world.command(&import).run().success();
    world.commit("What was changed by hand");
    world.sync(&[]);
    assert_eq!(world.value("app", "password"), "by hand");
    assert_eq!(world.value("other", "password"), "by hand");

    // The store's side.
    world.by_hand("app", "password", Some("again"));
    world.set("app", "password", "third");
    world.sync_is_refused(5, &[]);
    let output = world.sync(&["--overwrite=app/password"]);
    assert!(output.stderr().contains("app password (changed"), "{output:?}");
    assert_eq!(world.value("app", "password"), "third");
}

#[test]
fn what_a_store_took_from_vault_may_change_again() {
    let world = synced("drift-taken");
    world.by_hand("app", "password", Some("by hand"));
    world.set("app", "password", "by hand");
    world.commit("What was changed by hand");
    world.sync(&[]);
    // The note of app is of before, since there was nothing to write.
    world.set("app", "password", "later");
    world.commit("Later");
    let output = world.sync(&[]);
    assert!(!output.stderr().contains("by hand"), "{output:?}");
    assert_eq!(world.value("app", "password"), "later");
}

#[test]
fn rules_refuse_and_keep() {
    let world = synced("drift-rules");
    let store = world.sandbox.read(world.root.join("secrets/store.toml"));
    let rules = "[drift]\n\"*\" = \"refuse\"\n\"app/pass*\" = \"keep\"\n\"other\" = \"keep\"\n\
                 \"other/literal\" = \"revert\"\n";
    world.sandbox.write(world.root.join("secrets/store.toml"), format!("{store}\n{rules}"));
    world.commit("Rules");
    world.by_hand("app", "password", Some("by hand"));
    let kept = world.sync(&[]);
    assert_eq!(kept.stdout(), "Updated Vault secret for other password\n");
    insta::assert_snapshot!(world.said(&kept), @r"
    Kept as they were changed in Vault (drift in secrets/store.toml):
      • app password (changed in version 2, [TIME])
    Restart the workloads of these, once the cluster has their secrets: other
    ");
    // What copies it follows it.
    assert_eq!(world.value("other", "password"), "by hand");
    world.sync_changes_nothing(&[]);
    assert_eq!(world.audit(&[]).success().stdout(), "");
    // It is kept when the entry is written for something else, and after.
    world.set("app", "token", "u");
    world.commit("A token");
    world.sync(&[]);
    assert_eq!(world.value("app", "token"), "u");
    world.sync_changes_nothing(&[]);
    assert_eq!(world.value("app", "password"), "by hand");

    world.by_hand("app", "token", Some("by hand"));
    let refused = world.sync_is_refused(5, &[]);
    assert!(refused.stderr().contains("app token (changed"), "{refused:?}");
    world.sync(&["--overwrite=app"]);
    assert_eq!(world.value("app", "token"), "u");
}

#[test]
fn an_older_clone_is_refused() {
    let world = synced("drift-older");
    let old = world.clone_as("old", &[]);
    world.set("app", "password", "newest");
    world.commit("Newest");
    world.sync(&[]);
    let refused = world.command_in(&old, &["sync", "demo"]).run().fails_with(3);
    insta::assert_snapshot!(world.said(&refused), @r"
    Error: Vault was synced from a commit that is not part of the history of [COMMIT 1]: nothing was written
      • app: commit [COMMIT 2], which this clone does not have
      • other: commit [COMMIT 2], which this clone does not have
    Hint: bring this clone up to date first: git pull (in a shallow one: git fetch --unshallow)
    Hint: where this is meant, as in going back after a mistake: --allow-rollback
    ");
    world.sync_is_refused(3, &["--rev", "HEAD~1"]);
    assert_eq!(world.value("app", "password"), "newest");
    // What does not differ is nobody's loss.
    world.by_hand("app", "password", Some("first"));
    world.by_hand("other", "password", Some("first"));
    world.command_in(&old, &["sync", "demo"]).run().success();

    world.sync(&[]);
    world.sync(&["--rev", "HEAD~1", "--allow-rollback"]);
    assert_eq!(world.value("app", "password"), "first");
    // From there on, it is the past of what comes.
    world.sync(&[]);
    assert_eq!(world.value("app", "password"), "newest");
}

#[test]
fn a_branch_that_went_another_way_is_refused() {
    let world = synced("drift-branch");
    world.git(&["switch", "--quiet", "--create", "other-way"]);
    world.set("app", "password", "branch");
    world.commit("On a branch");
    world.sync(&[]);
    world.git(&["switch", "--quiet", "-"]);
    world.set("app", "token", "u");
    world.commit("On the other");
    let refused = world.sync_is_refused(3, &[]);
    assert!(refused.stderr().contains("which is on another branch"), "{refused:?}");
    world.git(&["merge", "--quiet", "--no-edit", "other-way"]);
    world.sync(&[]);
    assert_eq!(
        (world.value("app", "password"), world.value("app", "token")),
        ("branch".into(), "u".into())
    );
}

#[test]
fn what_was_synced_before_it_was_committed_is_not_lost() {
    let world = synced("drift-uncommitted");
    let other = world.clone_as("clean", &[]);
    world.set("app", "password", "not committed");
    world.sync(&[]);
    let output = world.command_in(&other, &["sync", "demo"]).run().success();
    assert!(world.said(&output).contains("app password (changed in version 2"), "{output:?}");
    // Committed, it is part of the history.
    world.sync(&[]);
    world.commit("Committed");
    world.set("app", "password", "later");
    world.commit("Later");
    let output = world.sync(&[]);
    assert!(!output.stderr().contains("by hand"), "{output:?}");
}

#[test]
fn a_shallow_clone_goes_by_times() {
    let world = synced("drift-shallow");
    let old = world.clone_as("old shallow", &["--depth=1"]);
    // Commits have whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    world.set("app", "password", "newest");
    world.commit("Newest");
    let new = world.clone_as("new shallow", &["--depth=1"]);
    let output = world.command_in(&new, &["sync", "demo"]).run().success();
    assert!(output.stderr().contains("the clone is shallow"), "{output:?}");
    assert_eq!(world.value("app", "password"), "newest");
    let refused = world.command_in(&old, &["sync", "demo"]).run().fails_with(3);
    assert!(refused.stderr().contains("git fetch --unshallow"), "{refused:?}");
    assert_eq!(world.value("app", "password"), "newest");
}

#[test]
fn without_a_key_for_the_past_times_and_tags_decide() {
    let world = synced("drift-closed");
    // Bob cannot open what was sealed before he came.
    let bob = world.sandbox.age_identity("bob");
    world.by_hand("app", "password", Some("by hand"));
    let holder = format!("keys = [{:?}]\naccess = [\"*\"]\n", bob.recipient);
    world.sandbox.write(world.root.join("recipients/bob.toml"), holder);
    world.command(&["rekey"]).run().success();
    world.commit("Bob");
    let as_bob = |options: &[&str]| {
        let identity = bob.path.to_str().unwrap();
        world.command(&["-i", identity, "sync", "demo"]).args(options).run()
    };
    // Sealed again, it is the value that it was.
    let output = as_bob(&["--dry-run"]).success();
    assert!(world.said(&output).contains("  • app password (changed in version 2"), "{output:?}");
    // Set after what Vault has, it is newer, and what Vault has is named.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    world.set("app", "password", "second");
    world.commit("Another");
    let output = as_bob(&["--dry-run"]).success();
    assert!(world.said(&output).contains("  • app password (changed in version 2"), "{output:?}");
    // Set before it, there is no telling.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    world.by_hand("app", "password", Some("later by hand"));
    as_bob(&[]).fails_with(5);
}

#[test]
fn without_a_repository_nothing_older_is_written() {
    let world = synced("drift-no-git");
    let copy = world.sandbox.work().join("copy");
    world.sandbox.git(["clone", "--quiet", world.root.to_str().unwrap(), copy.to_str().unwrap()]);
    std::fs::remove_dir_all(copy.join(".git")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    world.set("app", "password", "newest");
    world.commit("Newest");
    world.sync(&[]);
    world.command_in(&copy, &["sync", "demo"]).run().fails_with(3);
    assert_eq!(world.value("app", "password"), "newest");
}

#[test]
fn entries_without_a_note_are_brought_in_line_as_ever() {
    let world = World::new("drift-no-note", &[("app", APP)]);
    world.git(&["init", "--quiet"]);
    world.server.put(&world.prefix, "app", json!({ "password": "other", "made": "kept" }));
    world.set("app", "password", "first");
    world.set("app", "token", "t");
    world.commit("The store");
    let output = world.sync(&[]);
    assert!(!output.stderr().contains("by hand"), "{output:?}");
    assert_eq!(
        (world.value("app", "password"), world.value("app", "made")),
        ("first".into(), "kept".into())
    );
}
