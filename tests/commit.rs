//! `--commit`: the user's own git, and nothing but what was changed.

use std::fs;

use crate::support::cli::{Command, Output, make_executable};
use crate::support::small_store::{APP_IN_ORDER, SmallStore};

const PASSWORD: &str = "secrets/demo/app/password.age";
const SET: [&str; 5] = ["set", "demo", "app", "password", "--commit"];

/// A store in git, with everything committed.
fn committed() -> SmallStore {
    let store = SmallStore::new();
    store.set("app", "password", "first");
    git(&store, &["init", "--quiet"]);
    git(&store, &["add", "--all"]);
    git(&store, &["commit", "--quiet", "--message", "The store"]);
    store
}

fn git(store: &SmallStore, arguments: &[&str]) -> String {
    store.sandbox.git_in(&store.root, arguments)
}

fn set(store: &SmallStore) -> Command {
    store.command(SET).stdin("second")
}

/// What the last commit changed, after its subject.
fn last(store: &SmallStore) -> String {
    git(store, &["show", "--no-renames", "--name-status", "--format=%s"]).replace("\n\n", "\n")
}

fn head(store: &SmallStore) -> String {
    git(store, &["rev-parse", "HEAD"])
}

fn status(store: &SmallStore) -> String {
    git(store, &["status", "--porcelain=v2", "--untracked-files=all"])
}

#[test]
fn each_command_commits_what_it_changed() {
    let store = committed();
    let bob = store.sandbox.age_identity("bob").recipient;
    let yaml = "applications: {app: {password: {value: x}, token: {value: y}}}\n";
    let steps: [(&[&str], &str, &str); 10] = [
        (
            &["set", "demo", "app", "with space"],
            "x",
            "secrets(demo): set app with space\nA\tsecrets/demo/app/with%20space.age",
        ),
        (
            &["set", "demo", "app", "with space"],
            "y",
            "secrets(demo): set app with space\nM\tsecrets/demo/app/with%20space.age",
        ),
        (
            &["remove", "demo", "app", "with space", "--yes"],
            "",
            "secrets(demo): remove app with space\nD\tsecrets/demo/app/with%20space.age",
        ),
        (
            &["import", "demo", "-", "--replace"],
            yaml,
            "secrets(demo): import 2 values\nM\tsecrets/demo/app/password.age\nA\tsecrets/demo/app/token.age",
        ),
        (
            &["recipients", "add", "bob", "--access", "demo/app", "--key", &bob],
            "",
            "recipients: add bob (demo/app)\nA\trecipients/bob.toml\nM\tsecrets/demo/app/password.age\nM\tsecrets/demo/app/token.age",
        ),
        (
            &["recipients", "grant", "bob", "demo", "--no-rekey"],
            "",
            "recipients: grant demo to bob\nM\trecipients/bob.toml",
        ),
        (
            &["recipients", "revoke", "bob", "demo", "--no-rekey"],
            "",
            "recipients: revoke demo from bob\nM\trecipients/bob.toml\nA\trecipients/withdrawn.toml",
        ),
        (
            &["rekey", "demo"],
            "",
            "secrets(demo): seal 2 values again\nM\tsecrets/demo/app/password.age\nM\tsecrets/demo/app/token.age",
        ),
        (&["recipients", "remove", "bob"], "", "recipients: remove bob\nD\trecipients/bob.toml"),
        (&["rekey"], "", "recipients: remove bob\nD\trecipients/bob.toml"),
    ];
    for (arguments, input, expected) in steps {
        let output = store.command(arguments).args(["--commit"]).stdin(input).run().success();
        assert_eq!(last(&store), expected, "{output:?}");
        assert_eq!(status(&store), "");
        assert!(!output.stderr().contains("commit secrets/ and recipients/"), "{output:?}");
    }
    let (subject, commit) = ("recipients: remove bob", &head(&store)[..10]);
    let add = ["recipients", "add", "bob", "--access", "demo", "--key", &bob, "--commit"];
    let output = store.run(add).success();
    assert!(!output.stderr().contains(commit), "{output:?}");
    let remove = store.run(["recipients", "remove", "bob", "--commit"]).success();
    let said = format!("Committed {}: {subject}\n", &head(&store)[..10]);
    assert!(remove.stderr().ends_with(&said), "{remove:?}");
}

#[test]
fn a_new_store_is_committed_too() {
    let store = SmallStore::new();
    fs::remove_file(store.root.join("secrets/store.toml")).unwrap();
    fs::remove_file(store.root.join("recipients/alice.toml")).unwrap();
    let refused = store.run(["init", "--name", "alice", "--commit"]).fails_with(3);
    assert!(refused.stderr().contains("in no git repository"), "{refused:?}");
    assert!(!store.root.join("secrets/store.toml").exists());
    git(&store, &["init", "--quiet"]);
    store.run(["init", "--name", "alice", "--commit"]).success();
    assert_eq!(
        last(&store),
        "secrets: make a store\nA\t.gitattributes\nA\trecipients/alice.toml\nA\tsecrets/store.toml"
    );
}

#[test]
fn the_rest_of_the_index_and_of_the_work_tree_stays() {
    let store = committed();
    store.write("staged", "x");
    store.write("partly", "one\n");
    git(&store, &["add", "staged", "partly"]);
    store.write("partly", "two\n");
    store.write("secrets/applications/app.toml", "secrets.password = {}\n");
    git(&store, &["rm", "--quiet", "--cached", "secrets/applications/other.toml"]);
    git(&store, &["add", "--intent-to-add", "secrets/applications/other.toml"]);
    store.write("new", "x");
    let before = status(&store);
    set(&store).run().success();
    assert_eq!(last(&store), "secrets(demo): set app password\nM\tsecrets/demo/app/password.age");
    assert_eq!(status(&store), before);
}

#[test]
fn what_a_hook_refuses_stays_as_it_was() {
    let store = committed();
    let hook = store.write(".git/hooks/pre-commit", "#!/bin/sh\necho 'not today' >&2\nexit 1\n");
    make_executable(&hook);
    let (before, was) = (head(&store), store.bytes(PASSWORD));
    let refused = set(&store).run().fails_with(3);
    insta::assert_snapshot!(store.stderr(&refused), @"
    Stored demo/app/password, sealed to: alice
    not today
    Error: the store is changed, but not committed
    Caused by: git did not commit (exit status: 1)
    Hint: git said why, above
    Hint: once git agrees, commit it with: git -C [SANDBOX]/work/store add secrets/demo/app/password.age && git -C [SANDBOX]/work/store commit -m 'secrets(demo): set app password' -- secrets/demo/app/password.age
    ");
    assert_eq!(head(&store), before);
    assert_ne!(store.bytes(PASSWORD), was);
    assert!(status(&store).starts_with("1 .M "), "{}", status(&store));
    // What is new is as unknown to git as it was.
    git(&store, &["checkout", "--quiet", "--", "."]);
    let refused = store.command(["set", "demo", "app", "token", "--commit"]).stdin("x").run();
    refused.fails_with(3);
    assert_eq!(status(&store), "? secrets/demo/app/token.age");
}

#[test]
fn a_hook_may_look_at_what_is_committed() {
    let store = committed();
    store.write("secrets/applications/app.toml", APP_IN_ORDER);
    for (application, key) in [
        ("app", "token"),
        ("app", "dex.clientSecret"),
        ("app", ".dockerconfigjson"),
        ("app", "tls.key"),
        ("other", "shared"),
    ] {
        store.set(application, key, "x");
    }
    git(&store, &["add", "--all"]);
    git(&store, &["commit", "--quiet", "--message", "All there is"]);
    let program = env!("CARGO_BIN_EXE_phalanx-secrets");
    let hook = format!("#!/bin/sh\nexec '{program}' check --staged\n");
    make_executable(&store.write(".git/hooks/pre-commit", hook));
    let output = set(&store).run().success();
    assert!(output.stderr().contains("all is well"), "{output:?}");
    assert_eq!(output.stdout(), "");
    assert_eq!(status(&store), "");
}

#[test]
fn commits_are_signed_where_git_is_told_to() {
    let store = committed();
    let key = store.sandbox.ssh_key("alice-signs");
    let signers = format!("test@example.com {}\n", key.recipient);
    let signers = store.sandbox.write("signers", signers);
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingKey", key.path.to_str().unwrap()),
        ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", signers.to_str().unwrap()),
    ] {
        git(&store, &["config", name, value]);
    }
    set(&store).run().success();
    git(&store, &["verify-commit", "HEAD"]);
    git(&store, &["config", "user.signingKey", "/nowhere"]);
    let refused = store.command(SET).stdin("third").run().fails_with(3);
    assert!(refused.stderr().contains("changed, but not committed"), "{refused:?}");
}

#[test]
fn what_cannot_become_a_commit_is_refused_before_anything_changes() {
    let store = committed();
    let refused = |command: Command, code: i32| -> Output {
        let was = store.bytes(PASSWORD);
        let output = command.run().fails_with(code);
        assert_eq!(store.bytes(PASSWORD), was);
        output
    };
    // In the middle of a merge, git commits nothing less than all of it.
    git(&store, &["checkout", "--quiet", "-b", "side"]);
    store.write("README", "side");
    git(&store, &["add", "README"]);
    git(&store, &["commit", "--quiet", "--message", "side"]);
    git(&store, &["checkout", "--quiet", "-"]);
    git(&store, &["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    let output = refused(set(&store), 3);
    insta::assert_snapshot!(store.stderr(&output), @r"
    Error: there can be no commit: a merge is under way, which git does not commit in parts
    Hint: finish it first, or leave out --commit
    ");
    git(&store, &["merge", "--abort"]);

    let output = refused(set(&store).env("PATH", "/nowhere"), 3);
    assert!(output.stderr().starts_with("Error: git cannot be run\n"), "{output:?}");
    refused(set(&store).args(["--no-commit"]), 2);

    fs::rename(store.root.join(".git"), store.sandbox.root().join("elsewhere")).unwrap();
    let output = refused(set(&store), 3);
    let said = "Error: there can be no commit: this is in no git repository\nHint: make one with git init, or leave out --commit\n";
    assert_eq!(output.stderr(), said);
}

#[test]
fn the_store_can_make_it_the_rule() {
    let store = committed();
    let settings = String::from_utf8(store.bytes("secrets/store.toml")).unwrap();
    store.write("secrets/store.toml", format!("{settings}commit = true\n"));
    git(&store, &["commit", "--quiet", "--all", "--message", "Commit always"]);
    let before = head(&store);
    store.command(&SET[..4]).args(["--no-commit"]).stdin("x").run().success();
    assert_eq!(head(&store), before);
    store.command(&SET[..4]).stdin("y").run().success();
    assert!(last(&store).starts_with("secrets(demo): set app password"), "{}", last(&store));
    fs::rename(store.root.join(".git"), store.sandbox.root().join("elsewhere")).unwrap();
    let refused = store.command(&SET[..4]).stdin("z").run().fails_with(3);
    assert!(refused.stderr().contains("to go on without a commit: --no-commit"), "{refused:?}");
    assert_eq!(store.get("app", "password"), b"y");
}

#[test]
fn names_and_ignored_files_are_what_git_makes_of_them() {
    let store = committed();
    store
        .sandbox
        .write(store.sandbox.home().join(".gitconfig"), "[user]\n\tuseConfigOnly = true\n");
    let before = store.sealed_files();
    let refused = set(&store).run().fails_with(3);
    assert!(refused.stderr().contains("git does not know who you are"), "{refused:?}");
    assert_eq!(store.sealed_files(), before);
    let named = |command: Command| {
        let command = command.env("GIT_AUTHOR_NAME", "Bob").env("GIT_COMMITTER_NAME", "B");
        command
            .env("GIT_AUTHOR_EMAIL", "bob@example.org")
            .env("GIT_COMMITTER_EMAIL", "b@example.org")
    };
    named(set(&store)).run().success();
    assert_eq!(
        git(&store, &["show", "--no-patch", "--format=%an %ae %cn"]),
        "Bob bob@example.org B"
    );

    store.write(".gitignore", "secrets/demo/other\n");
    let ignored = store.command(["set", "demo", "other", "shared", "--commit"]).stdin("x");
    let ignored = named(ignored).run().fails_with(3);
    assert!(ignored.stderr().contains("changed, but not committed"), "{ignored:?}");
    assert!(ignored.stderr().contains(".gitignore"), "{ignored:?}");
}

/// Indexes, folders and names of every kind.
#[test]
fn repositories_of_every_shape_are_committed_to() {
    let store = SmallStore::new();
    let key = "a[b]*?!";
    let app = format!("secrets.password = {{}}\n[secrets.\"{key}\"]\n");
    store.write("secrets/applications/app.toml", app);
    store.set("app", "password", "first");
    // In a folder of a repository, with a name that git could misread.
    let above = store.root.parent().unwrap().join("*[a] folder");
    fs::create_dir(&above).unwrap();
    let root = above.join("store");
    fs::rename(&store.root, &root).unwrap();
    let git = |arguments: &[&str]| store.sandbox.git_in(&root, arguments);
    store.sandbox.git_in(&above, ["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "The store"]);
    let run = |root: &std::path::Path, key: &str, value: &str| {
        let command = store.sandbox.command(["set", "demo", "app", key, "--commit"]);
        command.current_dir(root).stdin(value).run().success();
        let shown = store.sandbox.git_in(root, ["show", "--name-only", "--format=%s", "-z"]);
        assert!(shown.contains(&format!("set app {key}")), "{shown}");
        assert_eq!(store.sandbox.git_in(root, ["status", "--porcelain"]), "");
    };
    run(&root, key, "one");
    run(&root.join("secrets"), key, "two");
    git(&["update-index", "--split-index"]);
    run(&root, "password", "three");
    git(&["sparse-checkout", "set", "secrets", "recipients"]);
    run(&root, "password", "four");
    git(&["sparse-checkout", "set", "--sparse-index", "secrets", "recipients"]);
    run(&root, key, "five");
    git(&["sparse-checkout", "disable"]);

    let linked = store.sandbox.root().join("linked worktree");
    git(&["worktree", "add", "--quiet", "-b", "linked", linked.to_str().unwrap()]);
    run(&linked.join("store"), key, "six");
    let before = git(&["rev-parse", "HEAD"]);
    let module = store.sandbox.root().join("with a module");
    fs::create_dir(&module).unwrap();
    store.sandbox.git_in(&module, ["init", "--quiet"]);
    let allow = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    let from = [above.to_str().unwrap(), "inner"];
    store.sandbox.git_in(&module, [&allow[..], &from].concat());
    run(&module.join("inner/store"), "password", "seven");
    assert_eq!(git(&["rev-parse", "HEAD"]), before);
}

/// What cannot be read afterwards keeps nothing from being committed.
#[test]
fn a_change_of_holders_is_committed_whatever_is_wrong_with_specs() {
    let store = committed();
    let bob = store.sandbox.age_identity("bob").recipient;
    store.set("app", "token", "x");
    let add = ["recipients", "add", "bob", "--access", "demo", "--key", &bob, "--commit"];
    store.run(add).success();
    store.write("secrets/applications/app.toml", "[secrets.token\n");
    let output = store.run(["recipients", "remove", "bob", "--commit"]).fails_with(3);
    assert!(output.stderr().contains("secrets/applications/app.toml"), "{output:?}");
    assert!(output.stderr().contains("the change is made"), "{output:?}");
    assert_eq!(store.git(&["log", "-1", "--format=%s"]).trim_end(), "recipients: remove bob");
    let status = store.git(&["status", "--porcelain"]);
    assert_eq!(status.trim_end(), " M secrets/applications/app.toml");
}
