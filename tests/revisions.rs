//! `--rev`, and repositories of every shape.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::cli::Output;
use crate::support::small_store::SmallStore;

/// A store in git with two states: the first is tagged.
fn two_states() -> SmallStore {
    let store = SmallStore::new();
    store.set("app", "password", "first");
    store.commit("The first state");
    store.git(&["tag", "first"]);
    store.set("app", "password", "second");
    store.set("other", "shared", "new");
    store.write("secrets/applications/app.toml", "secrets.password = {}\nsecrets.added = {}\n");
    store.commit("The second state");
    store
}

fn at(store: &SmallStore, folder: &Path, arguments: &[&str]) -> Output {
    store.sandbox.command(arguments).current_dir(folder).run()
}

const GET: [&str; 4] = ["get", "demo", "app", "password"];

fn get(store: &SmallStore, folder: &Path, options: &[&str]) -> String {
    at(store, folder, &[&GET[..], options].concat()).success().stdout().to_owned()
}

#[test]
fn every_command_that_reads_reads_a_revision() {
    let store = two_states();
    let run = |arguments: &[&str]| store.run(arguments).success().stdout().to_owned();
    assert_eq!(run(&["get", "demo", "app", "password", "--rev", "first"]), "first");
    assert_eq!(run(&["get", "demo", "app", "password", "--rev", "HEAD"]), "second");
    assert_eq!(run(&["get", "demo", "app", "password", "--rev", "HEAD~1"]), "first");
    let (old, new) = (run(&["list", "demo", "--rev", "first"]), run(&["list", "demo"]));
    assert!(old.contains("app token\n") && !old.contains("app added\n"), "{old}");
    assert!(!new.contains("app token\n") && new.contains("app added\n"), "{new}");
    let old = run(&["list", "demo", "--json", "--rev", "first"]);
    assert!(old.contains("\"missing\"") && old.contains("\"stored\""), "{old}");
    let export = run(&["export", "demo", "--rev", "first"]);
    assert!(export.contains("value: first") && !export.contains("second"), "{export}");
    let check = store.run(["check", "--rev", "first"]).fails_with(1);
    assert!(check.stdout().contains("demo/other/shared"), "{check:?}");
    let check = store.run(["check", "--rev", "HEAD"]).fails_with(1);
    assert!(!check.stdout().contains("demo/other/shared"), "{check:?}");
}

#[test]
fn the_work_tree_is_not_looked_at() {
    let store = two_states();
    for folder in ["secrets", "recipients"] {
        fs::remove_dir_all(store.root.join(folder)).unwrap();
    }
    assert_eq!(get(&store, &store.root, &["--rev", "first"]), "first");
    store.write("secrets/store.toml", "broken");
    store.write("recipients/alice.toml", "broken");
    assert_eq!(get(&store, &store.root, &["--rev", "HEAD"]), "second");
}

#[test]
fn a_commit_is_opened_by_those_to_whom_it_was_sealed() {
    let store = two_states();
    let bob = store.sandbox.age_identity("bob");
    let add = ["recipients", "add", "bob", "--key", &bob.recipient, "--access", "*"];
    store.run(add).success();
    store.commit("Add bob");
    let bob = bob.path.to_str().unwrap();
    assert_eq!(get(&store, &store.root, &["-i", bob, "--rev", "HEAD"]), "second");
    let refused = store.run(["get", "demo", "app", "password", "-i", bob, "--rev", "first"]);
    let refused = refused.fails_with(3);
    assert!(refused.stderr().contains("password.age cannot be opened"), "{refused:?}");
}

#[test]
fn what_names_no_commit_is_refused() {
    let store = two_states();
    let refused = |revision: &str, code| {
        let refused = store.run(["list", "demo", "--rev", revision]).fails_with(code);
        store.stderr(&refused)
    };
    insta::assert_snapshot!(refused("secnd", 2), @r#"
    Error: "secnd" names no commit of this repository
    Caused by: revspec 'secnd' not found; class=Reference (4); code=NotFound (-3)
    Hint: branches and tags of a remote come with: git fetch --tags
    "#);
    let blob = refused("HEAD:secrets/store.toml", 2);
    assert!(blob.contains("names no commit of this repository"), "{blob}");
    let odd = refused("HEAD:secrets", 3);
    insta::assert_snapshot!(odd, @r"
    Error: HEAD:secrets has neither a Phalanx checkout nor a store in this place
    Hint: name the folder that it is in: --rev REVISION:FOLDER
    ");
    let control = refused("a\u{1b}b", 2);
    assert!(!control.contains('\u{1b}'), "{control}");
    let both = store.run(["check", "--staged", "--rev", "HEAD"]).fails_with(2);
    assert!(both.stderr().contains("cannot be used with"), "{both:?}");
}

/// A store in a folder of a repository, found from wherever one is in it.
#[test]
fn a_store_in_a_folder_is_found() {
    let store = SmallStore::new();
    store.set("app", "password", "first");
    let above = store.root.parent().unwrap();
    store.sandbox.git_in(above, ["init", "--quiet"]);
    store.sandbox.git_in(above, ["add", "--all"]);
    store.sandbox.git_in(above, ["commit", "--quiet", "--message", "x"]);
    let name = store.root.file_name().unwrap().to_str().unwrap();
    let rev = ["--rev", "HEAD"];
    assert_eq!(get(&store, &store.root, &rev), "first");
    assert_eq!(get(&store, &store.root.join("secrets/demo"), &rev), "first");
    assert_eq!(get(&store, above, &["-c", name, "--rev", "HEAD"]), "first");
    let named = format!("HEAD:{name}");
    assert_eq!(get(&store, above, &["--rev", &named]), "first");
    let bare = clone(&store, above, "bare", &["--bare"]);
    assert_eq!(get(&store, &bare, &["--rev", &named]), "first");
    assert_eq!(get(&store, above, &["-c", bare.to_str().unwrap(), "--rev", &named]), "first");
    let refused = at(&store, &bare, &["list", "demo", "--rev", "HEAD"]).fails_with(3);
    assert!(refused.stderr().contains("--rev REVISION:FOLDER"), "{refused:?}");
    let refused = at(&store, &bare, &["list", "demo", "--rev", "HEAD:none"]).fails_with(2);
    assert!(refused.stderr().contains("names no commit"), "{refused:?}");
}

fn clone(store: &SmallStore, from: &Path, name: &str, options: &[&str]) -> PathBuf {
    let to = store.sandbox.root().join(name);
    let from = format!("file://{}", from.display());
    let line = [&["clone", "--quiet"], options, &[&from, to.to_str().unwrap()]].concat();
    store.sandbox.git(line);
    to
}

#[test]
fn a_shallow_clone_has_what_it_has() {
    let store = two_states();
    let shallow = clone(&store, &store.root, "shallow", &["--depth", "1"]);
    assert_eq!(get(&store, &shallow, &["--rev", "HEAD"]), "second");
    let refused = at(&store, &shallow, &["get", "demo", "app", "password", "--rev", "HEAD~1"]);
    assert!(refused.fails_with(2).stderr().contains("git fetch --unshallow"));
    let first = store.git(&["rev-parse", "first"]);
    let verify = at(&store, &shallow, &["verify", "--trust-root", &first]).fails_with(2);
    assert!(verify.stderr().contains("git fetch --unshallow"), "{verify:?}");
    store.sandbox.git_in(&shallow, ["fetch", "--quiet", "--unshallow", "--tags"]);
    assert_eq!(get(&store, &shallow, &["--rev", "first"]), "first");
    // All of its history is there now, and nobody signed it.
    let verify = at(&store, &shallow, &["verify", "--trust-root", &first]).fails_with(3);
    assert!(verify.stderr().contains("it is not signed"), "{verify:?}");
}

#[test]
fn a_partial_clone_says_what_it_lacks() {
    let store = two_states();
    store.git(&["config", "uploadpack.allowFilter", "true"]);
    let options = ["--filter=blob:none", "--no-checkout"];
    let partial = clone(&store, &store.root, "partial", &options);
    let refused = at(&store, &partial, &["list", "demo", "--rev", "HEAD"]).fails_with(3);
    assert!(refused.stderr().contains("cannot read secrets/store.toml"), "{refused:?}");
    store.sandbox.git_in(&partial, ["checkout", "--quiet", "HEAD"]);
    assert_eq!(get(&store, &partial, &["--rev", "HEAD"]), "second");
}

#[test]
fn a_linked_worktree_has_a_head_of_its_own() {
    let store = two_states();
    let other = store.sandbox.root().join("a worktree");
    store.git(&["worktree", "add", "--quiet", other.to_str().unwrap(), "first"]);
    assert_eq!(get(&store, &other, &["--rev", "HEAD"]), "first");
    assert_eq!(get(&store, &other, &[]), "first");
    assert_eq!(get(&store, &store.root, &["--rev", "HEAD"]), "second");
}

#[test]
fn a_submodule_is_a_repository_of_its_own() {
    let store = two_states();
    let above = store.sandbox.root().join("above");
    fs::create_dir(&above).unwrap();
    store.sandbox.git_in(&above, ["init", "--quiet"]);
    let from = store.root.to_str().unwrap();
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, "inner"];
    store.sandbox.git_in(&above, add);
    store.sandbox.git_in(&above, ["commit", "--quiet", "--message", "x"]);
    let inner = above.join("inner");
    assert_eq!(get(&store, &inner, &["--rev", "HEAD~1"]), "first");
    assert_eq!(get(&store, &inner, &[]), "second");
    // From above, it is another repository, whose content is not here.
    let refused = at(&store, &above, &["-c", "inner", "list", "demo", "--rev", "HEAD"]);
    assert_eq!(refused.success().stdout().lines().count(), 3);
    let refused = at(&store, &above, &["list", "demo", "--rev", "HEAD"]).fails_with(3);
    assert!(refused.stderr().contains("neither a Phalanx checkout nor a store"), "{refused:?}");
}

#[test]
fn a_sparse_checkout_is_read_whole_by_revision() {
    let store = two_states();
    store.git(&["sparse-checkout", "set", "recipients"]);
    assert!(!store.root.join("secrets/demo").exists());
    assert_eq!(get(&store, &store.root, &["--rev", "HEAD"]), "second");
    store.git(&["sparse-checkout", "disable"]);
    assert_eq!(get(&store, &store.root, &[]), "second");
}

#[test]
fn sha256_repositories_are_refused_clearly() {
    let store = SmallStore::new();
    store.set("app", "password", "first");
    store.git(&["init", "--quiet", "--object-format=sha256"]);
    store.commit("x");
    // The work tree needs no repository.
    assert_eq!(get(&store, &store.root, &[]), "first");
    let refused = store.run(["list", "demo", "--rev", "HEAD"]).fails_with(3);
    insta::assert_snapshot!(store.stderr(&refused), @r"
    Error: the git repository keeps its objects or references in a form that is not read here
    Caused by: unknown object format 'sha256'; class=Repository (6); code=Invalid (-21)
    Hint: repositories with SHA-256 object names or reftable references are not supported; files in a work tree are read all the same
    ");
}

/// The attributes that `init` writes keep sealed files as they are, whatever
/// git is told about line ends.
#[test]
fn line_ends_are_left_alone() {
    let store = SmallStore::new();
    fs::remove_file(store.root.join("secrets/store.toml")).unwrap();
    fs::remove_file(store.root.join("recipients/alice.toml")).unwrap();
    store.run(["init", "--name", "alice"]).success();
    store.set("app", "password", "first\r\n");
    store.git(&["init", "--quiet"]);
    for setting in ["true", "input"] {
        store.git(&["config", "core.autocrlf", setting]);
        store.git(&["config", "core.eol", "crlf"]);
        store.commit(setting);
        let before = store.bytes("secrets/demo/app/password.age");
        fs::remove_file(store.root.join("secrets/demo/app/password.age")).unwrap();
        store.git(&["checkout", "--quiet", "--", "."]);
        assert_eq!(store.bytes("secrets/demo/app/password.age"), before);
        assert_eq!(store.get("app", "password"), b"first\r\n");
        assert_eq!(get(&store, &store.root, &["--rev", "HEAD"]), "first\r\n");
        store.set("other", "shared", setting);
    }
}
