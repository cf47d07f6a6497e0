//! Setting up a clone, and undoing it.

use std::fs;

use super::{Clone, PASSWORD, write_hook};
use crate::support::cli::copy_program;
use crate::support::small_store::SmallStore;

#[test]
fn a_second_time_changes_nothing_and_removing_undoes_it() {
    let clone = Clone::new();
    let attributes = clone.store.root.join(".git/info/attributes");
    fs::create_dir_all(attributes.parent().unwrap()).unwrap();
    fs::write(&attributes, "*.txt text").unwrap();
    let before = clone.configuration();
    let first = clone.setup(&[]).success();
    assert!(first.stderr().starts_with("Git shows, merges and checks"), "{first:?}");
    let set_up = clone.configuration();
    assert_ne!(set_up, before);
    assert!(set_up.iter().any(|(name, _)| name == "hooks/pre-commit"));
    let second = clone.setup(&[]).success();
    assert_eq!(second.stderr(), "Git is set up already; nothing was changed.\n");
    assert_eq!(clone.configuration(), set_up);
    assert_eq!(clone.status(), "");

    let shows = clone.setup(&["--show-values"]).success();
    assert!(shows.stderr().contains("in the clear from now on"), "{shows:?}");
    clone.setup(&[]).success();
    assert_eq!(
        clone.git(&["config", "--get", "--default", "none", "phalanx-secrets.showValues"]),
        "none"
    );

    clone.setup(&["--remove"]).success();
    let after = clone.configuration();
    let names =
        |all: &[(String, Vec<u8>)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    let attributes = fs::read_to_string(attributes).unwrap();
    assert_eq!(attributes.trim_end(), "*.txt text");
    assert!(!clone.git(&["config", "--list", "--local"]).contains("phalanx"));
    let again = clone.setup(&["--remove"]).success();
    assert_eq!(again.stderr(), "Git is not set up; nothing was changed.\n");
}

#[test]
fn a_hook_that_was_there_still_runs() {
    let python = "#!/usr/bin/env python3\nimport sys\nopen('ran', 'a').write('python ' + str(len(sys.argv)))\n";
    for (hook, ran) in [("#!/bin/sh\nprintf shell >> ran\n", "shell"), (python, "python 1")] {
        let clone = Clone::new();
        let path = clone.store.root.join(".git/hooks/pre-commit");
        write_hook(&path, hook);
        let output = clone.setup(&[]).success();
        assert!(output.stderr().contains("is kept, and still runs"), "{output:?}");
        clone.setup(&[]).success();
        clone.store.set("app", "password", "second");
        clone.commit("Change it");
        assert_eq!(clone.store.bytes("ran"), ran.as_bytes());
        clone.setup(&["--remove"]).success();
        assert_eq!(fs::read_to_string(&path).unwrap(), hook);
        clone.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        assert_eq!(clone.store.bytes("ran"), ran.repeat(2).as_bytes());
    }
}

#[test]
fn a_hook_that_refuses_still_does_and_two_are_too_many() {
    let clone = Clone::new();
    let path = clone.store.root.join(".git/hooks/pre-commit");
    write_hook(&path, "#!/bin/sh\nexit 7\n");
    clone.setup(&[]).success();
    clone.try_git(&["commit", "--allow-empty", "--message", "x"]).fails_with(1);
    write_hook(&path, "#!/bin/sh\n# another tool's\n");
    let refused = clone.setup(&[]).fails_with(3);
    assert!(refused.stderr().contains("two pre-commit hooks"), "{refused:?}");
    // Of others' hooks, none is taken away.
    clone.setup(&["--remove"]).success();
    assert!(fs::read_to_string(&path).unwrap().contains("another tool's"));
}

#[test]
fn a_shared_folder_of_hooks_is_left_alone() {
    let clone = Clone::new();
    let shared = clone.store.sandbox.root().join("shared hooks");
    fs::create_dir(&shared).unwrap();
    clone.git(&["config", "core.hooksPath", shared.to_str().unwrap()]);
    let output = clone.setup(&[]).success();
    assert!(output.stderr().contains("check --staged --allow-missing || exit"), "{output:?}");
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 0);
    assert!(!clone.store.root.join(".git/hooks/pre-commit").exists());
    clone.setup(&["--remove"]).success();
}

#[test]
fn plaintext_is_stopped_and_a_store_that_lacks_values_is_not() {
    let clone = Clone::set_up();
    // Most of its values are missing.
    clone.store.run(["check"]).fails_with(1);
    clone.store.set("app", "password", "second");
    clone.commit("Change it");
    clone.store.write("secrets/demo/app/token.age", "in the clear");
    clone.git(&["add", "--all"]);
    let refused = clone.try_git(&["commit", "--message", "x"]).fails_with(1);
    assert!(refused.stderr().contains("secrets/demo/app/token.age"), "{refused:?}");
    let refused = clone.try_git(&["commit", "--all", "--message", "x"]).fails_with(1);
    // What the hook prints is for people.
    assert!(refused.hides("in the clear").stderr().contains("1 finding"));
}

#[test]
fn worktrees_share_it_and_folders_with_spaces_are_found() {
    let clone = Clone::set_up();
    let linked = clone.store.sandbox.root().join("a linked worktree");
    clone.git(&["worktree", "add", "--quiet", "-b", "linked", linked.to_str().unwrap()]);
    let again = clone.store.sandbox.run_in(&linked, ["git", "setup"]).success();
    assert_eq!(again.stderr(), "Git is set up already; nothing was changed.\n");
    fs::write(linked.join("secrets/demo/app/token.age"), "in the clear").unwrap();
    clone.store.sandbox.git_in(&linked, ["add", "--all"]);
    let commit = clone.store.sandbox.program("git", ["commit", "--message", "x"]);
    commit.current_dir(&linked).run().fails_with(1);

    // A store in a folder of a repository.
    let store = SmallStore::in_order();
    store.set("app", "password", "first");
    let above = store.sandbox.work().join("*[above] it");
    fs::create_dir(&above).unwrap();
    let root = above.join("the store");
    fs::rename(&store.root, &root).unwrap();
    let git = |arguments: &[&str]| store.sandbox.git_in(&above, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "x"]);
    store.sandbox.run_in(&root, ["git", "setup"]).success();
    store
        .sandbox
        .command(["set", "demo", "app", "password"])
        .stdin("x")
        .current_dir(&root)
        .run()
        .success();
    assert!(git(&["diff"]).contains("+set: "), "{}", git(&["diff"]));
    fs::write(root.join("secrets/demo/app/token.age"), "in the clear").unwrap();
    git(&["add", "--all"]);
    let commit =
        store.sandbox.program("git", ["commit", "--message", "x"]).current_dir(&above).run();
    assert!(commit.fails_with(1).stderr().contains(&PASSWORD.replace("password", "token")));
}

#[test]
fn a_branch_without_a_store_can_be_committed_to() {
    let clone = Clone::set_up();
    clone.git(&["checkout", "--quiet", "--orphan", "pages"]);
    clone.git(&["rm", "-r", "--quiet", "--force", "."]);
    clone.store.write("README", "no store");
    clone.commit("Another history");
}

#[test]
fn a_tool_that_moves_the_hook_and_runs_it_is_not_run_by_it() {
    let clone = Clone::set_up();
    let hooks = clone.store.root.join(".git/hooks");
    fs::rename(hooks.join("pre-commit"), hooks.join("pre-commit.legacy")).unwrap();
    let tool = "#!/bin/sh\nprintf x >> ran\n[ \"$(wc -c < ran)\" -lt 5 ] || exit 9\n\
                exec \"$(dirname \"$0\")/pre-commit.legacy\" \"$@\"\n";
    write_hook(&hooks.join("pre-commit"), tool);
    clone.setup(&[]).success();
    clone.store.set("app", "password", "second");
    clone.commit("Change it");
    // Ours ran the tool, and the tool ran what was ours before.
    assert_eq!(clone.store.bytes("ran"), b"x");
}

#[test]
fn a_program_with_a_percent_sign_in_its_path_merges() {
    let clone = Clone::new();
    let folder = clone.store.sandbox.root().join("100%A 50%%");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("phalanx-secrets");
    copy_program(env!("CARGO_BIN_EXE_phalanx-secrets").as_ref(), &program);
    let setup = clone.store.sandbox.program(program.to_str().unwrap(), ["git", "setup"]);
    setup.current_dir(&clone.store.root).run().success();
    clone.branch("ours");
    clone.git(&["branch", "theirs"]);
    clone.store.set("app", "password", "the same");
    clone.commit("Ours");
    clone.checkout("theirs");
    clone.store.set("app", "password", "the same");
    clone.commit("Theirs");
    clone.git(&["merge", "--quiet", "--no-edit", "ours"]);
}
