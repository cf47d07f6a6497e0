//! `check --staged`: what the next commit would hold.

use std::fs;

use super::{assert_is_clean, kinds_and_files, store_in_order};
use crate::support::cli::{Output, make_executable};
use crate::support::small_store::SmallStore;

const FILE: &str = "secrets/demo/app/token.age";

fn repository() -> SmallStore {
    let store = store_in_order();
    store.sandbox.git_in(&store.root, ["init", "--quiet"]);
    git(&store, &["add", "--all"]);
    git(&store, &["commit", "--quiet", "--message", "All in order"]);
    store
}

fn git(store: &SmallStore, arguments: &[&str]) -> String {
    store.sandbox.git_in(&store.root, arguments)
}

fn staged(store: &SmallStore) -> Vec<String> {
    kinds_and_files(&store.sandbox, &store.root, &["--staged"])
}

/// Has git run `check --staged` before each commit.
fn install_hook(store: &SmallStore) {
    let program = env!("CARGO_BIN_EXE_phalanx-secrets");
    let hook = format!("#!/bin/sh\nexec '{program}' check --staged\n");
    let path = store.write(".git/hooks/pre-commit", hook);
    make_executable(&path);
}

fn commit(store: &SmallStore, arguments: &[&str]) -> Output {
    let command = store.sandbox.program("git", ["commit", "--quiet", "--message", "x"]);
    command.args(arguments).current_dir(&store.root).run()
}

#[test]
fn plaintext_in_the_index_is_found_while_the_work_tree_is_clean() {
    let store = repository();
    let sealed = store.bytes(FILE);
    store.write(FILE, "in the clear");
    git(&store, &["add", FILE]);
    store.write(FILE, &sealed);
    assert_is_clean(&store, &[]);
    assert_eq!(staged(&store), [format!("plaintext {FILE}")]);
}

#[test]
fn plaintext_in_the_work_tree_does_not_concern_the_index() {
    let store = repository();
    store.write(FILE, "in the clear");
    store.write("secrets/notes.txt", "notes");
    assert_eq!(staged(&store), [""; 0]);
    let found = kinds_and_files(&store.sandbox, &store.root, &[]);
    assert_eq!(found, [format!("plaintext {FILE}"), "stray secrets/notes.txt".to_owned()]);
}

#[test]
fn settings_holders_and_specs_are_those_of_the_index() {
    let store = repository();
    // All of these would fail or be found, were they read from the work tree.
    store.write("secrets/store.toml", "format = 9\n");
    store.write("recipients/alice.toml", "nonsense");
    store.write("secrets/environments/demo.toml", "nonsense");
    assert_eq!(staged(&store), [""; 0]);
    git(&store, &["checkout", "--", "."]);
    // And the other way round.
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["demo/other"]);
    git(&store, &["add", "recipients"]);
    fs::remove_file(store.root.join("recipients/bob.toml")).unwrap();
    assert_is_clean(&store, &[]);
    assert_eq!(staged(&store), ["stale secrets/demo/other/shared.age"]);
    git(&store, &["rm", "--quiet", "--cached", "recipients/bob.toml", FILE]);
    assert_eq!(staged(&store), ["missing demo/app/token"]);
}

#[test]
fn a_hook_sees_the_index_of_each_kind_of_commit() {
    let store = repository();
    install_hook(&store);
    let sealed = store.bytes(FILE);
    store.write(FILE, "in the clear");
    store.write("README", "more");
    git(&store, &["add", "README"]);
    // Neither is in the index that `git commit` without `--all` uses.
    assert_eq!(commit(&store, &["--all"]).code(), 1);
    let output = commit(&store, &["--", FILE]);
    assert_eq!(output.code(), 1);
    assert!(output.stdout().contains(FILE) || output.stderr().contains(FILE), "{output:?}");
    commit(&store, &[]).success();
    store.write(FILE, &sealed);
    store.write("README", "and more");
    commit(&store, &["--all"]).success();
}

#[test]
fn a_store_in_a_folder_of_a_repository_is_found_in_its_index() {
    let sandbox_store = store_in_order();
    let top = sandbox_store.sandbox.work();
    sandbox_store.sandbox.git_in(&top, ["init", "--quiet"]);
    sandbox_store.write("../secrets/notes.txt", "of somebody else");
    sandbox_store.sandbox.git_in(&top, ["add", "--all"]);
    assert_eq!(staged(&sandbox_store), [""; 0]);
    sandbox_store.write(FILE, "in the clear");
    sandbox_store.sandbox.git_in(&top, ["add", "--all"]);
    let expected = [format!("plaintext {FILE}")];
    assert_eq!(staged(&sandbox_store), expected);
    // From below, and from elsewhere.
    let below = sandbox_store.root.join("secrets/demo");
    assert_eq!(kinds_and_files(&sandbox_store.sandbox, &below, &["--staged"]), expected);
    let named = ["--staged", "-c", "store"];
    assert_eq!(kinds_and_files(&sandbox_store.sandbox, &top, &named), expected);
}

#[test]
fn an_unresolved_merge_is_an_error_that_names_the_file() {
    let store = repository();
    let change = |text: &str| {
        store.write(FILE, text);
        git(&store, &["commit", "--quiet", "--all", "--message", "x"]);
    };
    git(&store, &["checkout", "--quiet", "-b", "other"]);
    change("one side");
    git(&store, &["checkout", "--quiet", "main"]);
    change("other side");
    let merge = store.sandbox.program("git", ["merge", "other"]).current_dir(&store.root).run();
    assert_eq!(merge.code(), 1);
    let output = store.run(["check", "--staged"]).fails_with(3);
    let expected = format!("Error: {FILE} has an unresolved merge conflict\n");
    assert!(output.stderr().starts_with(&expected), "{output:?}");
}

#[test]
fn without_a_repository_or_a_store_in_it_there_is_an_error() {
    let store = store_in_order();
    let output = store.run(["check", "--staged"]).fails_with(3);
    assert!(output.stderr().contains("is in no git repository"), "{output:?}");
    store.sandbox.git_in(&store.root, ["init", "--quiet"]);
    let output = store.run(["check", "--staged"]).fails_with(3);
    assert!(output.stderr().contains("there is no store in the git index"), "{output:?}");
    assert!(output.stderr().contains("git add secrets recipients"), "{output:?}");
}

#[test]
fn values_are_opened_from_the_index_too() {
    let store = repository();
    store.write(FILE, "in the clear");
    store.sandbox.install_identity(&store.alice.path);
    let output = store.run(["check", "--staged", "--open"]).success();
    assert!(output.stderr().ends_with("Checked 6 values of 1 environment: all is well\n"));
}
