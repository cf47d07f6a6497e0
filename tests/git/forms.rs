//! The forms that repositories come in: wherever git works, so does this.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::cli::copy_program;
use crate::support::notice;
use crate::support::small_store::SmallStore;

/// A committed store with one value.
fn committed() -> SmallStore {
    let store = SmallStore::in_order();
    store.set("app", "password", "one");
    store.commit("The store");
    store
}

#[test]
fn an_index_of_any_form_is_read() {
    let forms: [&[&[&str]]; 4] = [
        &[],
        &[&["config", "core.splitIndex", "true"], &["update-index", "--split-index"]],
        &[&["update-index", "--index-version", "4"]],
        &[&["sparse-checkout", "set", "--cone", "--sparse-index", "secrets", "recipients"]],
    ];
    for form in forms {
        let store = committed();
        store.set("app", "token", "two");
        store.set("app", ".dockerconfigjson", "{}");
        store.set("app", "dex.clientSecret", "three");
        store.set("app", "tls.key", "four");
        store.set("other", "shared", "five");
        store.write("elsewhere/deep/file", "x");
        store.commit("All values");
        for line in form {
            store.git(line);
        }
        store.run(["remove", "demo", "app", "token", "--yes"]).success();
        store.commit("Without the token");
        store.run(["check", "--staged", "--allow-missing"]).success();
        store.set("app", "token", "again");
        store.commit("With the token");
        store.write("secrets/demo/app/new.age", "");
        store.git(&["add", "secrets/demo/app/new.age"]);
        // An empty file that is staged is one; the intention to add one is none.
        store.run(["check", "--staged"]).fails_with(1);
        store.git(&["rm", "--quiet", "--cached", "secrets/demo/app/new.age"]);
        store.git(&["add", "--intent-to-add", "secrets/demo/app/new.age"]);
        store.run(["check", "--staged"]).success();
    }
}

#[test]
fn the_hook_lets_a_commit_of_a_split_index_pass() {
    let store = committed();
    for key in ["token", ".dockerconfigjson", "dex.clientSecret", "tls.key"] {
        store.set("app", key, "x");
    }
    store.set("other", "shared", "x");
    store.commit("All values");
    store.run(["git", "setup"]).success();
    store.git(&["config", "core.splitIndex", "true"]);
    store.git(&["update-index", "--split-index"]);
    store.write("notes.txt", "hello");
    store.git(&["add", "notes.txt"]);
    store.git(&["commit", "--quiet", "--message", "Nothing to do with secrets"]);
    store.write("secrets/demo/app/token.age", "in the clear");
    let refused = store
        .sandbox
        .program("git", ["commit", "--quiet", "--all", "--message", "In the clear"])
        .current_dir(&store.root)
        .run();
    assert_ne!(refused.code(), 0, "{refused:?}");
}

#[test]
fn a_repository_that_lies_elsewhere_is_found() {
    let store = committed();
    let elsewhere = store.sandbox.work().join("elsewhere.git");
    store.git(&["init", "--quiet", "--separate-git-dir", elsewhere.to_str().unwrap()]);
    store.run(["log", "demo"]).success();
    store.run(["diff"]).success();
    let set = store.command(["set", "demo", "app", "token", "--commit"]).stdin("two").run();
    set.success();
    assert_eq!(store.git(&["status", "--porcelain"]), "");
    store.git(&["checkout", "--quiet", "-b", "other"]);
    sees_what_is_staged(&store);
}

/// What is staged is found, and nothing else is.
fn sees_what_is_staged(store: &SmallStore) {
    store.run(["check", "--staged", "--allow-missing"]).success();
    store.write("secrets/demo/app/password.age", "in the clear");
    store.run(["check", "--staged", "--allow-missing"]).success();
    store.git(&["add", "secrets/demo/app/password.age"]);
    store.run(["check", "--staged", "--allow-missing"]).fails_with(1);
}

#[test]
fn a_repository_of_another_user_is_read_where_git_trusts_it() {
    let store = committed();
    let root = store.sandbox.root();
    if std::os::unix::fs::chown(root, Some(0), Some(0)).is_err() {
        return notice("skipped: not root, so no repository of another user is read");
    }
    // Everybody may read it, and nobody is an ordinary user.
    let open = store.sandbox.program("chmod", ["-R", "a+rX"]).args([root]);
    open.run().success();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    let program = root.join("phalanx-secrets");
    copy_program(&PathBuf::from(env!("CARGO_BIN_EXE_phalanx-secrets")), &program);
    let log = |is_trusted: bool| {
        let mut command = store.sandbox.program(&program, ["log", "demo"]);
        command = command.current_dir(&store.root);
        if is_trusted {
            command = command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "safe.directory")
                .env("GIT_CONFIG_VALUE_0", &store.root);
        }
        let options = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
        command.wrapped_in("setpriv", &options.map(std::ffi::OsStr::new)).run()
    };
    let refused = log(false).fails_with(3);
    let hint = format!("safe.directory {}", store.root.display());
    assert!(refused.stderr().contains("belongs to another user"), "{refused:?}");
    assert!(refused.stderr().contains(&hint), "{refused:?}");
    assert!(log(true).success().stdout().contains("demo/app/password"));
}

#[test]
fn a_name_that_a_branch_and_a_tag_share_is_refused() {
    let store = committed();
    store.git(&["tag", "main"]);
    // As long as they are the same, it does not matter.
    store.run(["list", "demo", "--rev", "main"]).success();
    store.set("app", "password", "two");
    store.commit("Newer");
    let refused = store.run(["get", "demo", "app", "password", "--rev", "main"]).fails_with(2);
    assert!(refused.stderr().contains("refs/heads/main or refs/tags/main"), "{refused:?}");
    let get = |revision: &str| {
        let get = ["get", "demo", "app", "password", "--rev", revision];
        store.run(get).success().stdout().to_owned()
    };
    assert_eq!(get("refs/heads/main"), "two");
    assert_eq!(get("refs/tags/main"), "one");
}

#[test]
fn before_the_first_commit_it_is_said_that_there_is_none() {
    let store = SmallStore::in_order();
    store.set("app", "password", "one");
    store.git(&["init", "--quiet"]);
    for command in [&["diff"][..], &["log"], &["log", "demo"], &["list", "demo", "--rev", "HEAD"]] {
        let refused = store.run(command).fails_with(3);
        assert!(refused.stderr().contains("has no commit yet"), "{refused:?}");
        assert!(!refused.stderr().contains("fetch"), "{refused:?}");
    }
}

#[test]
fn what_git_leaves_alone_is_named() {
    for (flag, other) in
        [("skip-worktree", "assume-unchanged"), ("assume-unchanged", "skip-worktree")]
    {
        let store = committed();
        let file = "secrets/demo/app/password.age";
        store.git(&["update-index", &format!("--{flag}"), file]);
        let set = ["set", "demo", "app", "password", "--commit"];
        let refused = store.command(set).stdin("two").run().fails_with(3);
        assert!(refused.stderr().contains(&format!("({flag})")), "{refused:?}");
        assert!(!refused.stderr().contains(other), "{refused:?}");
        // The hint is what helps.
        store.git(&["update-index", &format!("--no-{flag}"), file]);
        store.command(set).stdin("three").run().success();
    }
}

#[test]
fn a_reason_that_git_prints_is_passed_on() {
    let store = committed();
    let hook = store.root.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho 'the reason of the hook'\nexit 1\n").unwrap();
    crate::support::cli::make_executable(&hook);
    let set = ["set", "demo", "app", "password", "--commit"];
    let refused = store.command(set).stdin("two").run().fails_with(3);
    assert!(refused.stderr().contains("the reason of the hook"), "{refused:?}");
}

#[test]
fn names_of_authors_are_read_in_the_encoding_of_their_commit() {
    let store = committed();
    store.set("app", "password", "two");
    store.git(&["add", "--all"]);
    let script = "git -c i18n.commitEncoding=ISO-8859-1 -c user.name=\"$(printf 'Jos\\351')\" \
                  commit --quiet --message 'Another value'";
    store.sandbox.program("sh", ["-c", script]).current_dir(&store.root).run().success();
    let log = store.run(["log", "demo"]).success();
    assert!(log.stdout().contains("José"), "{log:?}");
}
