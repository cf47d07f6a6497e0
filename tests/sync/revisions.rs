//! `sync --rev`: another state than that of the work tree.

use super::World;
use crate::support::openbao::OpenBao;

const FIRST: &str = "secrets.password = {}\nsecrets.token = {}\n\
                     secrets.made.generate.type = 'password'\n";
const SECOND: &str = "secrets.password = {}\nsecrets.more = {}\n\
                      secrets.made.generate.type = 'password'\n";

/// A world with two states of its store in git, the first of them tagged, and
/// the second synced.
fn two_states(name: &str) -> World {
    let world = World::new(name, &[("app", FIRST), ("gone", FIRST)]);
    world.git(&["init", "--quiet"]);
    for application in ["app", "gone"] {
        world.set(application, "password", "first");
        world.set(application, "token", "first\n");
    }
    world.commit("The first state");
    world.git(&["tag", "first"]);
    world.declare("app", SECOND);
    world.environment(world.server.url(), &world.prefix, &["app"]);
    world.command(&["remove", "demo", "app", "token", "--yes"]).run().success();
    world.command(&["remove", "demo", "gone", "password", "--yes"]).run().success();
    world.set("app", "password", "second");
    world.set("app", "more", "new");
    world.commit("The second state");
    world.sync(&[]);
    world
}

#[test]
fn an_old_tag_is_restored_from_a_bare_clone() {
    let world = two_states("rev-bare");
    let made = world.value("app", "made");
    let bare = world.sandbox.work().join("bare clone.git");
    let from = world.root.to_str().unwrap();
    world.sandbox.git(["clone", "--quiet", "--bare", from, bare.to_str().unwrap()]);
    let first = world.git(&["rev-parse", "first"]);
    let sync = |options: &[&str]| {
        let command = world.sandbox.command(["sync", "demo", "--rev", "first"]).args(options);
        command.current_dir(&bare).env("VAULT_TOKEN", OpenBao::ROOT_TOKEN).run().success()
    };
    let dry_run = sync(&["--dry-run", "--allow-rollback"]);
    assert_eq!(dry_run.stdout().lines().count(), 3);
    let output = sync(&["--delete", "--allow-rollback"]);
    for application in ["app", "gone"] {
        let (_, data) = world.server.read(&world.prefix, application).unwrap();
        let mut keys: Vec<&str> = data.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["made", "password", "token"], "{output:?}");
        assert_eq!(data["password"], "first");
        assert_eq!(data["token"], "first\n");
        let note = &world.server.metadata(&world.prefix, application).unwrap()["custom_metadata"];
        assert_eq!(note["phalanx-secrets-commit"], first);
    }
    // What is generated is of no revision.
    assert_eq!(world.value("app", "made"), made);
    let again = sync(&["--delete"]);
    assert_eq!(again.stdout(), "");
}

#[test]
fn a_work_tree_that_differs_from_its_commit_is_named() {
    let world = two_states("rev-modified");
    assert!(!world.sync(&["--require-clean"]).stderr().contains("differs"));
    world.set("app", "password", "third");
    let commit = &world.git(&["rev-parse", "HEAD"])[..10];
    let refused = world.sync_is_refused(3, &["--require-clean"]);
    insta::assert_snapshot!(world.redact(refused.stderr()).replace(commit, "[COMMIT]"), @r"
    Error: the work tree differs from commit [COMMIT], and --require-clean refuses that
      • secrets/demo/app/password.age
    Hint: commit or stash these changes; or take the commit as it is, with: --rev HEAD
    ");
    // The commit as it is has nothing of that.
    world.sync_changes_nothing(&["--rev", "HEAD", "--require-clean"]);
    let output = world.sync(&[]);
    let said = format!(
        "The work tree differs from commit {commit} in 1 file (see git status); --rev HEAD takes \
         the commit instead.\n"
    );
    assert!(output.stderr().starts_with(&said), "{output:?}");
    assert_eq!(world.value("app", "password"), "third");
}

#[test]
fn only_a_repository_can_be_clean() {
    let world = World::new("rev-no-git", &[("app", FIRST)]);
    world.set("app", "password", "first");
    world.set("app", "token", "first");
    let refused = world.sync_is_refused(3, &["--require-clean"]);
    assert!(refused.stderr().contains("is in no git repository"), "{refused:?}");
    let refused = world.sync_is_refused(3, &["--rev", "HEAD"]);
    assert!(refused.stderr().contains("is in no git repository"), "{refused:?}");
    assert_eq!(world.sync(&[]).stderr(), "");
    world.git(&["init", "--quiet"]);
    let refused = world.sync_is_refused(3, &["--require-clean"]);
    assert!(refused.stderr().contains("has no commit yet"), "{refused:?}");
    assert_eq!(world.sync(&[]).stderr(), "Vault is in line with demo; nothing was written.\n");
}

#[test]
fn the_remote_is_noted_without_its_credentials() {
    let world = World::new("rev-remote", &[("app", "secrets.made.generate.type = 'password'")]);
    world.git(&["init", "--quiet"]);
    world.git(&["remote", "add", "origin", "https://someone:token@example.org/phalanx.git"]);
    world.commit("The store");
    let output = world.sync(&[]);
    let note = &world.server.metadata(&world.prefix, "app").unwrap()["custom_metadata"];
    assert_eq!(note["phalanx-secrets-repository"], "https://example.org/phalanx.git", "{output:?}");
}

#[test]
fn an_audit_of_a_revision_compares_with_that() {
    let world = two_states("rev-audit");
    assert_eq!(world.audit(&[]).success().stdout(), "");
    let audit = world.audit(&["--rev", "first"]).fails_with(1);
    insta::assert_snapshot!(audit.stdout(), @r"
    Missing secrets:
    • app token
    • gone made
    • gone password
    • gone token

    Secrets that do not have their expected value:
    • app password

    Unknown secrets in Vault:
    • app more
    ");
}
