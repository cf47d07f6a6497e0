//! `remove`: what goes after a question. What goes from Vault with it is in
//! [`crate::sync`].

use insta::assert_snapshot;

use crate::support::small_store::SmallStore;
use crate::support::terminal::at_terminal;

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
    let output = store.run(["remove", "dmo", "app", "password", "--yes"]).fails_with(2);
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

#[test]
fn all_of_an_application_goes_or_all_of_an_environment() {
    let store = SmallStore::new();
    for (application, key) in [("app", "password"), ("app", "token"), ("other", "shared")] {
        store.set(application, key, "x");
    }
    let output = store.run(["remove", "demo", "app"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Warning: demo still needs these values; without them, it cannot be synced
    This removes
      • from the store: 2 (app password, app token)
    Error: there is no terminal to ask at: Remove this of demo?
    Hint: pass --yes to say yes beforehand
    ");
    assert_eq!(store.sealed_files().len(), 3);
    let screen = at_terminal(store.command(["remove", "demo", "app"]), &["n"]);
    assert_snapshot!(screen.text, @r"
    Warning: demo still needs these values; without them, it cannot be synced
    This removes
      • from the store: 2 (app password, app token)
    Remove this of demo? [y/N] n
    Nothing was removed.
    ");
    let output = store.run(["remove", "demo", "app", "--yes"]).success();
    assert!(output.stderr().contains("Removed 2 values of demo/app."), "{output:?}");
    assert_eq!(store.sealed_files(), ["secrets/demo/other/shared.age"]);
    let output = store.run(["remove", "demo", "othr", "--yes"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: nothing is stored for othr in demo
    Hint: did you mean other?
    Hint: see what there is with: phalanx-secrets list demo
    ");
    // A retired environment leaves no folder.
    std::fs::remove_file(store.root.join("secrets/environments/demo.toml")).unwrap();
    store.run(["remove", "demo", "--yes"]).success();
    assert!(!store.root.join("secrets/demo").exists());
    store.run(["remove", "demo", "--yes"]).fails_with(2);
}

#[test]
fn what_is_for_vault_alone_is_not_passed_over() {
    let store = SmallStore::new();
    store.set("app", "token", "x");
    for option in ["--take-over", "--vault-url=http://127.0.0.1:1"] {
        let output = store.run(["remove", "demo", "app", "--yes", option]).fails_with(2);
        assert!(output.stderr().contains("are for --from-vault alone"), "{output:?}");
    }
    store.run(["remove", "demo", "app", "token", "--yes", "--from-vault"]).fails_with(2);
    assert_eq!(store.get("app", "token"), b"x");
}
