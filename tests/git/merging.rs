//! What `git merge`, `rebase` and `cherry-pick` make of sealed values.

use std::fs;

use super::{Clone, PASSWORD};
use crate::support::age_tool::AgeTool;
use crate::support::cli::Output;
use crate::support::version_1;

/// A clone with two branches, on each of which something was done and
/// committed. The first is checked out.
fn diverged(ours: impl FnOnce(&Clone), theirs: impl FnOnce(&Clone)) -> Clone {
    let clone = Clone::set_up();
    clone.branch("ours");
    clone.git(&["branch", "theirs"]);
    clone.checkout("theirs");
    theirs(&clone);
    clone.commit("Theirs");
    clone.checkout("ours");
    ours(&clone);
    clone.commit("Ours");
    clone
}

fn merge(clone: &Clone) -> Output {
    clone.try_git(&["merge", "--no-edit", "theirs"])
}

/// Times are of whole seconds: what comes next is later than what was before.
fn later() {
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

/// Nothing is wrong with what is stored.
fn assert_is_in_order(clone: &Clone) {
    clone.store.run(["check", "--allow-missing", "--open"]).success();
    assert_eq!(clone.status(), "");
}

#[test]
fn different_secrets_of_one_application_merge() {
    let clone = diverged(
        |clone| clone.store.set("app", "token", "ours"),
        |clone| clone.store.set("app", "dex.clientSecret", "theirs"),
    );
    merge(&clone).success();
    assert_eq!(clone.get("token", None), "ours");
    assert_eq!(clone.get("dex.clientSecret", None), "theirs");
    assert_is_in_order(&clone);
}

#[test]
fn different_values_of_one_secret_conflict() {
    let clone = diverged(
        |clone| clone.store.set("app", "password", "CANARY ours"),
        |clone| clone.store.set("app", "password", "CANARY theirs"),
    );
    let ours = clone.store.bytes(PASSWORD);
    let output = merge(&clone).hides("CANARY").fails_with(1);
    let stderr: Vec<&str> =
        output.stderr().lines().map(|line| line.split(": this side at").next().unwrap()).collect();
    insta::assert_snapshot!(stderr.join("\n"), @r"
    Error: both sides changed demo/app/password, to different values
    Hint: secrets/demo/app/password.age is left as this side has it; for the other side's value: git checkout --theirs -- secrets/demo/app/password.age; or store a new one; then: git add secrets/demo/app/password.age
    ");
    assert_eq!(clone.status(), format!("UU {PASSWORD}"));
    // Ours is left whole, and theirs is there to be taken.
    assert_eq!(clone.store.bytes(PASSWORD), ours);
    clone.git(&["checkout", "--theirs", "--", PASSWORD]);
    assert_eq!(clone.get("password", None), "CANARY theirs");
    clone.git(&["add", PASSWORD]);
    clone.git(&["commit", "--quiet", "--no-edit"]);
    assert_is_in_order(&clone);
}

#[test]
fn equal_values_merge() {
    let clone = diverged(
        |clone| clone.store.set("app", "password", "the same"),
        |clone| clone.store.set("app", "password", "the same"),
    );
    merge(&clone).success();
    assert_eq!(clone.get("password", None), "the same");
    assert_is_in_order(&clone);
}

#[test]
fn values_that_cannot_be_opened_conflict() {
    let clone = diverged(
        |clone| clone.store.set("app", "password", "the same"),
        |clone| clone.store.set("app", "password", "the same"),
    );
    fs::remove_file(clone.store.own_identity()).unwrap();
    let output = merge(&clone).fails_with(1);
    assert!(
        output.stderr().contains("to merge demo/app/password, its value must be opened"),
        "{output:?}"
    );
    assert!(output.stderr().contains("by a holder who can open both sides"), "{output:?}");
    assert_eq!(clone.status(), format!("UU {PASSWORD}"));
}

#[test]
fn values_new_on_both_sides_are_compared() {
    for (theirs, code) in [("the same", 0), ("another", 1)] {
        let clone = diverged(
            |clone| clone.store.set("app", "token", "the same"),
            |clone| clone.store.set("app", "token", theirs),
        );
        merge(&clone).fails_with(code);
        assert_eq!(clone.get("token", None), "the same");
    }
}

#[test]
fn holders_of_both_sides_can_read_what_both_sealed_again() {
    let (mut bob, mut carol) = (None, None);
    let clone = diverged(
        |clone| bob = Some(clone.add_holder("bob")),
        |clone| carol = Some(clone.add_holder("carol")),
    );
    let set_at = |clone: &Clone| {
        let shown = clone.store.run(["git", "textconv", PASSWORD]).success();
        shown.stdout().lines().find(|line| line.starts_with("set: ")).unwrap().to_owned()
    };
    let before = set_at(&clone);
    merge(&clone).success();
    for holder in [&bob, &carol] {
        assert_eq!(clone.get("password", holder.as_ref()), "first");
    }
    assert_eq!(set_at(&clone), before);
    assert_is_in_order(&clone);
}

#[test]
fn a_new_value_is_sealed_to_the_holders_that_a_merge_leaves() {
    let clone = Clone::set_up();
    let bob = clone.add_holder("bob");
    clone.commit("Add bob");
    clone.branch("ours");
    clone.git(&["branch", "theirs"]);
    clone.checkout("theirs");
    later();
    clone.store.run(["recipients", "remove", "bob"]).success();
    let carol = clone.add_holder("carol");
    clone.commit("Carol for bob");
    clone.checkout("ours");
    clone.store.set("app", "password", "new");
    clone.commit("A new value");
    merge(&clone).success();
    assert_eq!(clone.get("password", Some(&carol)), "new");
    assert_is_in_order(&clone);
    let removed = ["get", "demo", "app", "password", "-i", bob.path.to_str().unwrap()];
    clone.store.run(removed).fails_with(3);

    // The same from the other side.
    clone.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    clone.checkout("theirs");
    clone.git(&["merge", "--quiet", "--no-edit", "ours"]);
    assert_eq!(clone.get("password", Some(&carol)), "new");
    clone.store.run(removed).fails_with(3);
    assert_is_in_order(&clone);
}

#[test]
fn what_both_sides_withdrew_is_kept_of_both() {
    let diverge = || {
        let clone = Clone::set_up();
        clone.add_holder("bob");
        clone.add_holder("carol");
        clone.commit("Add bob and carol");
        clone.branch("ours");
        clone.git(&["branch", "theirs"]);
        for (branch, name) in [("theirs", "carol"), ("ours", "bob")] {
            clone.checkout(branch);
            clone.store.run(["recipients", "remove", name]).success();
            clone.commit(name);
        }
        clone
    };
    let clone = diverge();
    merge(&clone).success();
    assert_is_in_order(&clone);
    let exposed = clone.store.run(["exposed"]).fails_with(1);
    assert!(exposed.stdout().contains("bob"), "{exposed:?}");
    assert!(exposed.stdout().contains("carol"), "{exposed:?}");
    // Merged once more, nothing is doubled.
    let file = "recipients/withdrawn.toml";
    let merged = clone.store.bytes(file);
    clone.git(&["branch", "--force", "theirs", "HEAD~1"]);
    merge(&clone);
    assert_eq!(clone.store.bytes(file), merged);

    // In a clone that is not set up, it is a conflict that says what to do.
    let clone = diverge();
    clone.store.run(["git", "setup", "--remove"]).success();
    merge(&clone).fails_with(1);
    let check = clone.store.run(["check"]).fails_with(1);
    assert!(check.stdout().contains("recipients/withdrawn.toml:"), "{check:?}");
    clone.store.command(["set", "demo", "app", "token"]).stdin("x").run().fails_with(3);
    let both = String::from_utf8(clone.store.bytes(file)).unwrap();
    let is_mark =
        |line: &&str| ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|m| line.starts_with(m));
    assert_eq!(both.lines().filter(is_mark).count(), 3);
}

#[test]
fn a_holder_whom_one_side_removed_and_the_other_changed_is_a_conflict() {
    let clone = Clone::set_up();
    clone.add_holder("bob");
    clone.commit("Add bob");
    clone.branch("ours");
    clone.git(&["branch", "theirs"]);
    clone.checkout("theirs");
    clone.store.run(["recipients", "remove", "bob"]).success();
    clone.commit("Remove bob");
    clone.checkout("ours");
    let more = clone.store.sandbox.age_identity("more").recipient;
    clone.store.run(["recipients", "add", "bob", "--key", &more]).success();
    clone.commit("A key of bob");
    let output = merge(&clone).fails_with(1);
    assert!(
        output.stderr().contains(
            "who may read demo/app/password is not decided: both sides changed the holder bob"
        ),
        "{output:?}"
    );
}

#[test]
fn rebase_and_cherry_pick_merge_too() {
    let (mut bob, mut carol) = (None, None);
    let clone = diverged(
        |clone| bob = Some(clone.add_holder("bob")),
        |clone| carol = Some(clone.add_holder("carol")),
    );
    let start = clone.git(&["rev-parse", "HEAD"]);
    clone.git(&["cherry-pick", "theirs"]);
    assert_is_in_order(&clone);
    clone.git(&["reset", "--quiet", "--hard", &start]);
    clone.checkout("theirs");
    clone.git(&["rebase", "--quiet", "ours"]);
    assert_is_in_order(&clone);
    for holder in [&bob, &carol] {
        assert_eq!(clone.get("password", holder.as_ref()), "first");
    }

    let clone = diverged(
        |clone| clone.store.set("app", "password", "ours"),
        |clone| clone.store.set("app", "password", "theirs"),
    );
    let output = clone.try_git(&["rebase", "theirs"]).fails_with(1);
    assert!(output.stderr().contains("both sides changed demo/app/password"), "{output:?}");
    assert_eq!(clone.get("password", None), "theirs");
}

#[test]
fn what_is_no_sealed_value_is_not_merged() {
    let clone = diverged(
        |clone| clone.store.set("app", "password", "ours"),
        |clone| {
            clone.store.write(PASSWORD, "in the clear");
            clone.git(&["add", "--all"]);
            clone.git(&["commit", "--quiet", "--no-verify", "--message", "x"]);
            clone.store.set("app", "token", "x");
            clone.store.run(["check"]).fails_with(1);
            clone.git(&["add", "--all"]);
            clone.git(&["commit", "--quiet", "--no-verify", "--message", "x"]);
            clone.store.write("README", "x");
            clone.git(&["config", "core.hooksPath", "/nowhere"]);
        },
    );
    let output = merge(&clone).hides("in the clear").fails_with(1);
    assert!(
        output.stderr().contains("the other side's version is not a sealed value"),
        "{output:?}"
    );
    assert_eq!(clone.get("password", None), "ours");
}

#[test]
fn a_merge_does_not_hide_who_could_read_a_value() {
    let clone = Clone::set_up();
    let bob = clone.add_holder("bob");
    let carol = clone.store.sandbox.age_identity("carol");
    clone.commit("Add bob");
    clone.branch("ours");
    clone.git(&["branch", "theirs"]);
    // The value is new on a branch that does not know that bob is gone.
    later();
    clone.store.run(["recipients", "remove", "bob"]).success();
    let add = ["recipients", "add", "carol", "--access", "demo", "--key", &carol.recipient];
    clone.store.run(add).success();
    clone.store.set("app", "token", "ours");
    clone.commit("Carol for bob");
    clone.checkout("theirs");
    later();
    clone.store.set("app", "password", "theirs");
    clone.commit("Set while bob could read it");
    clone.checkout("ours");
    merge(&clone).success();
    assert_eq!(clone.get("password", Some(&carol)), "theirs");
    let removed = ["get", "demo", "app", "password", "-i", bob.path.to_str().unwrap()];
    clone.store.run(removed).fails_with(3);
    assert_is_in_order(&clone);
    let exposed = clone.store.run(["exposed"]).fails_with(1);
    assert!(exposed.stdout().contains("password"), "{exposed:?}");
    assert!(!exposed.stdout().contains("token"), "{exposed:?}");
    // It is a change of the value all the same.
    let log = clone.store.run(["log", "demo", "app"]).success();
    assert!(log.stdout().contains("password"), "{log:?}");
    clone.store.set("app", "password", "new");
    clone.store.run(["exposed"]).success();
}

#[test]
fn branches_that_were_merged_both_ways_conflict_where_they_kept_different_values() {
    let clone = diverged(
        |clone| clone.store.set("app", "password", "ours"),
        |clone| clone.store.set("app", "password", "theirs"),
    );
    let ours = clone.git(&["rev-parse", "ours"]);
    for (branch, other) in [("ours", "theirs"), ("theirs", ours.as_str())] {
        clone.checkout(branch);
        clone.try_git(&["merge", "--no-edit", other]).fails_with(1);
        clone.git(&["checkout", "--ours", "--", PASSWORD]);
        clone.commit("Keep ours");
    }
    assert_eq!(clone.git(&["merge-base", "--all", "ours", "theirs"]).lines().count(), 2);
    for (branch, other) in [("ours", "theirs"), ("theirs", "ours")] {
        clone.checkout(branch);
        let output = clone.try_git(&["merge", "--no-edit", other]).fails_with(1);
        assert!(output.stderr().contains("both sides changed demo/app/password"), "{output:?}");
        assert_eq!(clone.get("password", None), branch);
        clone.git(&["merge", "--abort"]);
    }
}

#[test]
fn commits_that_are_merged_without_being_checked_out_are_found() {
    let clone = diverged(
        |clone| drop(clone.add_holder("bob")),
        |clone| clone.store.set("app", "password", "theirs"),
    );
    clone.git(&["checkout", "--quiet", "-b", "third"]);
    clone.add_holder("carol");
    clone.commit("A holder whom neither side knows");
    let merged = clone.try_git(&["merge-tree", "--write-tree", "ours", "theirs"]);
    match merged.code() {
        // The password is sealed to bob and not to carol, who is no holder there.
        0 => {
            let tree = merged.stdout().lines().next().unwrap().to_owned();
            let message = ["commit-tree", "-p", "ours", "-p", "theirs", "-m", "x", &tree];
            let commit = clone.git(&message);
            clone.store.run(["check", "--allow-missing", "--rev", &commit]).success();
        }
        _ => panic!("{merged:?}"),
    }
}

#[test]
fn a_merge_commit_is_picked_from_the_parent_that_was_named() {
    let clone = Clone::set_up();
    clone.branch("ours");
    clone.git(&["branch", "side"]);
    let bob = clone.add_holder("bob");
    clone.commit("Add bob");
    clone.checkout("side");
    clone.store.set("app", "password", "side");
    clone.commit("Another value");
    clone.git(&["merge", "--no-edit", "ours"]);
    clone.git(&["branch", "merged"]);
    // From its first parent, the merge adds bob; from its second, the value.
    clone.checkout("ours");
    clone.git(&["cherry-pick", "-m", "2", "merged"]);
    assert_eq!(clone.get("password", Some(&bob)), "side");
    assert_is_in_order(&clone);
}

/// Seals a value with the stock tool, binds it, and commits.
fn set_by_hand(clone: &Clone, tool: &AgeTool, value: &str) {
    let sandbox = &clone.store.sandbox;
    let sealed = tool.encrypt(sandbox, &[&clone.store.alice.recipient], value.as_bytes());
    clone.store.write(PASSWORD, sealed);
    clone.store.run(["rekey"]).success();
    clone.commit(value);
}

#[test]
fn values_of_an_unknown_time_are_told_apart() {
    let Some(tool) = AgeTool::find() else { return };
    for direction in [["ours", "theirs"], ["theirs", "ours"]] {
        let clone = Clone::set_up();
        set_by_hand(&clone, &tool, "old");
        clone.branch("ours");
        clone.git(&["branch", "theirs"]);
        let bob = clone.add_holder("bob");
        clone.commit("Add bob");
        clone.checkout("theirs");
        set_by_hand(&clone, &tool, "new");
        clone.checkout(direction[0]);
        clone.git(&["merge", "--quiet", "--no-edit", direction[1]]);
        assert_eq!(clone.get("password", None), "new");
        assert_eq!(clone.get("password", Some(&bob)), "new");
        assert_is_in_order(&clone);
    }
}

/// Values that follow each other quickly get times ahead of the clock, so that
/// two branches come to the same ones.
#[test]
fn a_value_of_the_same_time_is_not_passed_over_by_a_cherry_pick() {
    let clone = Clone::set_up();
    clone.branch("start");
    for value in ["1", "2", "3", "4"] {
        clone.store.set("app", "password", value);
    }
    clone.commit("Several values");
    clone.branch("release");
    clone.store.set("app", "password", "release");
    clone.commit("Release");
    clone.git(&["checkout", "--quiet", "-b", "dev", "start~1"]);
    for value in ["1", "2", "3", "4", "5"] {
        clone.store.set("app", "password", value);
    }
    clone.commit("First");
    clone.store.set("app", "password", "dev");
    clone.commit("Second");
    clone.checkout("release");
    let output = clone.try_git(&["cherry-pick", "dev"]).fails_with(1);
    assert!(output.stderr().contains("both sides changed demo/app/password"), "{output:?}");
    assert_eq!(clone.get("password", None), "release");
}

#[test]
fn a_stash_is_merged_like_a_commit() {
    for (theirs, code) in [("the same", 0), ("another", 1)] {
        let clone = Clone::set_up();
        clone.store.set("app", "password", theirs);
        clone.git(&["stash", "--quiet"]);
        // An older stash is found as well.
        clone.store.set("app", "password", "newest");
        clone.git(&["stash", "--quiet"]);
        clone.store.set("app", "password", "the same");
        clone.commit("Meanwhile");
        let output = clone.try_git(&["stash", "pop", "stash@{1}"]).fails_with(code);
        match code {
            0 => assert_is_in_order_but_changed(&clone),
            _ => assert!(
                output.stderr().contains("both sides changed demo/app/password, to different"),
                "{output:?}"
            ),
        }
        assert_eq!(clone.get("password", None), "the same");
    }

    // With holders that the stash does not know.
    let clone = Clone::set_up();
    clone.store.set("app", "password", "stashed");
    clone.git(&["stash", "--quiet"]);
    let bob = clone.add_holder("bob");
    clone.commit("Add bob");
    clone.git(&["stash", "pop"]);
    assert_eq!(clone.get("password", Some(&bob)), "stashed");
}

/// What was brought back may be there already.
fn assert_is_in_order_but_changed(clone: &Clone) {
    clone.store.run(["check", "--allow-missing", "--open"]).success();
    assert!(["", "M"].contains(&clone.status().split(' ').next().unwrap()), "{}", clone.status());
}

#[test]
fn what_autostash_put_away_comes_back() {
    let mut bob = None;
    let clone = diverged(
        |clone| drop(clone.store.write("README", "ours")),
        |clone| bob = Some(clone.add_holder("bob")),
    );
    clone.store.set("app", "password", "not committed");
    clone.git(&["rebase", "--quiet", "--autostash", "theirs"]);
    assert_eq!(clone.get("password", bob.as_ref()), "not committed");
    clone.store.run(["check", "--allow-missing", "--open"]).success();

    clone.git(&["checkout", "--quiet", "--", "."]);
    clone.add_holder("carol");
    clone.commit("Add carol");
    clone.branch("later");
    clone.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    clone.store.set("app", "password", "not committed");
    clone.try_git(&["merge", "--quiet", "--autostash", "HEAD@{1}"]).success();
    assert_eq!(clone.get("password", None), "not committed");
}

/// What an earlier version sealed states no tag.
#[test]
fn values_of_an_earlier_version_merge_where_they_can_be_compared() {
    let earlier = |clone: &Clone, value: &str| {
        let time = "2026-11-24T10:02:11Z";
        let recipient = clone.store.alice.recipient.as_str();
        let sealed = version_1::seal("demo/app/password", time, &[recipient], value.as_bytes());
        clone.store.write(PASSWORD, sealed);
    };
    let clone = |ours: &str, theirs: &str| {
        let clone = Clone::set_up();
        earlier(&clone, "base");
        clone.commit("As it was");
        clone.branch("ours");
        clone.git(&["branch", "theirs"]);
        earlier(&clone, ours);
        clone.commit("Ours");
        clone.checkout("theirs");
        earlier(&clone, theirs);
        clone.commit("Theirs");
        clone.checkout("ours");
        clone
    };
    for (ours, theirs, code, value) in [
        ("base", "new", 0, "new"),
        ("new", "base", 0, "new"),
        ("new", "new", 0, "new"),
        ("base", "base", 0, "base"),
        ("new", "newer", 1, "new"),
    ] {
        let clone = clone(ours, theirs);
        merge(&clone).fails_with(code);
        assert_eq!(clone.get("password", None), value, "{ours} {theirs}");
    }
    let clone = clone("base", "new");
    fs::remove_file(clone.store.own_identity()).unwrap();
    let output = merge(&clone).fails_with(1);
    assert!(output.stderr().contains("no file tells whether both sides changed it"), "{output:?}");
    // Brought to the present version by both, it needs no comparison.
    let clone = Clone::set_up();
    earlier(&clone, "base");
    clone.commit("As it was");
    clone.branch("ours");
    clone.git(&["branch", "theirs"]);
    for branch in ["ours", "theirs"] {
        clone.checkout(branch);
        clone.store.run(["rekey"]).success();
        clone.commit(branch);
    }
    fs::remove_file(clone.store.own_identity()).unwrap();
    merge(&clone).success();
}
