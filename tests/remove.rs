//! `remove`: one value goes, after a question.

use insta::assert_snapshot;

use crate::support::small_store::SmallStore;

const REMOVE: [&str; 4] = ["remove", "demo", "app", "password"];

#[test]
fn a_value_is_removed_and_its_empty_folder_with_it() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    store.set("app", "token", "other");
    let output = store.command(REMOVE).args(["--yes"]).run().success();
    assert_eq!(output.stdout(), "");
    assert_snapshot!(store.stderr(&output), @"Removed demo/app/password. What was committed of it remains in git's history, and what was synced, in Vault.");
    assert_eq!(store.sealed_files(), ["secrets/demo/app/token.age"]);
    store.run(["remove", "demo", "app", "token", "-y"]).success();
    assert!(!store.root.join("secrets/demo/app").exists());
    // The next value makes it anew.
    store.set("app", "password", "again");
    assert_eq!(store.get("app", "password"), b"again");
}

#[test]
fn it_takes_neither_an_identity_nor_a_file_that_opens() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    store.write("secrets/demo/app/password.age", "overwritten");
    let store = store.without_own_identity();
    store.command(REMOVE).args(["--yes"]).run().success();
    assert_eq!(store.sealed_files(), [""; 0]);
}

#[test]
fn without_a_terminal_it_must_be_told_yes() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let output = store.command(REMOVE).stdin("y\n").run().fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: there is no terminal to ask at: Remove secrets/demo/app/password.age?
    Hint: pass --yes to say yes beforehand
    ");
    assert_eq!(store.get("app", "password"), b"hunter2");
}

#[test]
fn a_value_that_is_not_stored_is_refused() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let output = store.run(["remove", "demo", "app", "token", "--yes"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: no value is stored for demo/app/token: secrets/demo/app/token.age does not exist
    Hint: see what there is with: phalanx-secrets list demo
    ");
    let output = store.run(["remove", "demo", "app", "pasword", "--yes"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: no value is stored for demo/app/pasword: secrets/demo/app/pasword.age does not exist
    Hint: did you mean password?
    Hint: see what there is with: phalanx-secrets list demo
    ");
    let output = store.run(["remove", "dmo", "app", "password", "--yes"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: there is no environment dmo: secrets/environments/dmo.toml does not exist
    Hint: did you mean demo?
    ");
    assert_eq!(store.sealed_files(), ["secrets/demo/app/password.age"]);
}

/// A spec that went leaves its value behind, and somebody has to clear it up.
#[test]
fn a_value_that_no_spec_asks_for_any_more_can_be_removed() {
    let store = SmallStore::new();
    store.command(["set", "demo", "app", "old key", "--allow-unknown"]).stdin("x").run().success();
    store.run(["remove", "demo", "app", "old key", "--yes"]).success();
    store.set("app", "password", "x");
    std::fs::remove_file(store.root.join("secrets/environments/demo.toml")).unwrap();
    store.command(REMOVE).args(["--yes"]).run().success();
    assert_eq!(store.sealed_files(), [""; 0]);
}

#[test]
fn reserved_names_are_removed_like_any_other() {
    let store = SmallStore::new();
    store.set("pull-secret", "ghcr.io", "u:p");
    store.set("vault-write-token", "token", "hvs.x");
    store.run(["remove", "demo", "pull-secret", "ghcr.io", "--yes"]).success();
    store.run(["remove", "demo", "vault-write-token", "token", "--yes"]).success();
    assert_eq!(store.sealed_files(), [""; 0]);
}
