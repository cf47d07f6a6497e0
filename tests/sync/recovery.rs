//! Backups, and a Vault that is rebuilt from one.

use std::collections::BTreeMap;
use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::World;
use crate::support::cli::Output;
use crate::support::openbao::OpenBao;

const APP: &str = "
secrets.given = { description = 'From outside' }
secrets.made.description = 'Made once'
secrets.made.generate.type = 'password'
secrets.literal = { description = 'No secret', value = 'x' }
secrets.hash.description = 'Of what is made'
secrets.hash.generate = { type = 'bcrypt-password-hash', source = 'made' }
";
const COPIER: &str = "
secrets.of_static.description = 'A copy'
secrets.of_static.copy = { application = 'app', key = 'given' }
secrets.of_made.description = 'A copy'
secrets.of_made.copy = { application = 'app', key = 'made' }
";

/// A world that was synced, with something in Vault that no spec names.
fn world(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("copier", COPIER)]);
    world.set("app", "given", "one");
    let registry = ["set", "demo", "pull-secret", "ghcr.io"];
    world.command(&registry).stdin("user:pass").run().success();
    world.sync(&[]);
    world.server.put(&world.prefix, "stranger", json!({ "a": "b\n\u{e9}", "n": { "x": [1.0] } }));
    world
}

impl World {
    fn backup(&self, options: &[&str]) -> Output {
        self.command(&[&["backup", "demo"], options].concat()).run()
    }

    fn restore(&self, options: &[&str]) -> Output {
        self.command(&[&["restore", "demo"], options].concat()).run()
    }
}

/// All that a server holds for a world.
fn all(server: &OpenBao, world: &World) -> BTreeMap<String, Value> {
    let names = server.list(&world.prefix);
    let read = |name: String| Some((name.clone(), server.read(&world.prefix, &name)?.1.into()));
    names.into_iter().filter_map(read).collect()
}

#[test]
fn an_empty_vault_is_rebuilt_from_the_store() {
    let world = world("rebuild");
    let made = world.value("app", "made");
    let output = world.backup(&[]).success().hides(&made);
    assert_eq!(
        output.stdout(),
        "Backed up Vault secret for app\nBacked up Vault secret for copier\n\
         Backed up Vault secret for pull-secret\nBacked up Vault secret for stranger\n"
    );
    world.audit(&["--rebuild"]).fails_with(1).hides(&made);
    let before = all(world.server, &world);

    // The drill: a server with nothing but the mount.
    let fresh = OpenBao::start();
    let url = ["--vault-url", fresh.url()];
    let dry = world.restore(&[&url[..], &["--dry-run"]].concat()).success();
    assert!(dry.stdout().contains("Would restore Vault secret for app\n"), "{dry:?}");
    assert_eq!(fresh.list(&world.prefix), [""; 0]);
    let output = world.restore(&url).success().hides(&made);
    assert_eq!(output.stdout().lines().count(), 4);
    assert_eq!(all(&fresh, &world), before);
    let rest = format!("Now for the rest: phalanx-secrets sync demo --vault-url {}", fresh.url());
    assert!(output.stderr().contains(&rest), "{output:?}");
    assert!(!output.stderr().contains("cas_required"), "{output:?}");
    fresh.reset_requests();
    world.sync(&url);
    world.restore(&url).success();
    assert_eq!(fresh.write_requests(), 0);
    assert_eq!(all(&fresh, &world), before);
}

#[test]
fn a_backup_that_is_up_to_date_changes_no_file() {
    let world = world("backup-again");
    world.backup(&[]).success();
    let file = world.root.join("secrets/demo/app/@vault.age");
    let before = fs::read(&file).unwrap();
    let other = fs::read(world.root.join("secrets/demo/stranger/@vault.age")).unwrap();
    let output = world.backup(&[]).success();
    assert_eq!(output.stderr(), "The backup is up to date; nothing was written.\n");
    world.sync(&["--regenerate=app/made"]);
    let output = world.backup(&[]).success();
    assert_eq!(
        output.stdout(),
        "Backed up Vault secret for app\nBacked up Vault secret for copier\n"
    );
    assert_ne!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read(world.root.join("secrets/demo/stranger/@vault.age")).unwrap(), other);

    // What is gone from Vault stays in the backup until it is removed.
    world.server.destroy(&world.prefix, "stranger");
    let output = world.backup(&[]).success();
    assert!(output.stderr().contains("stranger is no longer in Vault"), "{output:?}");
    world.command(&["remove", "demo", "stranger", "@vault", "--yes"]).run().success();
    assert!(!world.root.join("secrets/demo/stranger").exists());
}

#[test]
fn an_older_backup_is_restored_from_its_commit() {
    let world = world("restore-rev");
    let git = |arguments: &[&str]| world.sandbox.git_in(&world.root, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "The store"]);
    world.backup(&["--commit"]).success();
    let (made, first) = (world.value("app", "made"), git(&["rev-parse", "HEAD"]));
    world.sync(&["--regenerate=app/made"]);
    let newer = world.value("app", "made");
    world.backup(&["--commit"]).success();
    assert_eq!(git(&["status", "--porcelain"]), "");

    // Vault holds something else: nothing is replaced unasked.
    let refused = world.restore(&["--rev", &first]).fails_with(3).hides(&made);
    assert!(refused.stderr().contains("• app"), "{refused:?}");
    assert_eq!(world.value("app", "made"), newer);
    world.restore(&["--rev", &first, "--replace"]).success();
    assert_eq!(world.value("app", "made"), made);
    assert_eq!(world.value("copier", "of_made"), made);
    world.restore(&["--replace"]).success();
    assert_eq!(world.value("app", "made"), newer);
}

#[test]
fn the_audit_says_what_a_rebuild_would_lose() {
    let world = world("rebuild-audit");
    let audit = |options: &[&str], code| {
        let output = world.audit(&[&["--rebuild"], options].concat()).fails_with(code);
        output.stdout().to_owned()
    };
    assert_snapshot!(audit(&[], 1), @r"
    Unknown secrets in Vault:
    • stranger a
    • stranger n

    Secrets that a rebuild from the store would lose:
    • app hash (not in the backup)
    • app made (not in the backup)
    • copier of_made (not in the backup)
    • stranger a (not in the backup)
    • stranger n (not in the backup)
    ");
    world.backup(&[]).success();
    world.sync(&["--regenerate=app/made", "--delete"]);
    assert_snapshot!(audit(&[], 1), @r"
    Secrets that a rebuild from the store would lose:
    • app hash (the backup is older)
    • app made (the backup is older)
    • copier of_made (the backup is older)
    ");
    let json: Value = serde_json::from_str(&audit(&["--json"], 1)).unwrap();
    assert_eq!(json["lost_in_rebuild"][0]["application"], "app");
    assert_eq!(json["lost_in_rebuild"][0]["is_outdated"], true);
    world.backup(&[]).success();
    assert_eq!(audit(&[], 0), "");
}

#[test]
fn a_backup_is_restored_from_a_verified_history_alone() {
    let world = world("restore-verified");
    world.backup(&[]).success();
    let settings = world.root.join("secrets/store.toml");
    let text = fs::read_to_string(&settings).unwrap();
    world.sandbox.write(&settings, text + "[trust]\nenforce = true\n");
    let refused = world.restore(&["--replace"]).fails_with(3);
    assert!(refused.stderr().contains("git"), "{refused:?}");
    let git = |arguments: &[&str]| world.sandbox.git_in(&world.root, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "The store"]);
    let refused = world.restore(&["--replace"]).fails_with(2);
    assert!(refused.stderr().contains("no trusted commit"), "{refused:?}");
    let root = git(&["rev-parse", "HEAD"]);
    world.restore(&["--trust-root", &root]).success();
    // An unsigned backup is nobody's.
    world.sync(&["--regenerate=app/made", "--trust-root", &root]);
    world.backup(&["--commit"]).success();
    world.restore(&["--trust-root", &root]).fails_with(3);
}

#[test]
fn a_backup_is_part_of_the_store() {
    let world = world("backup-in-store");
    world.backup(&[]).success();
    let run = |line: &[&str]| world.command(line).run();
    run(&["check"]).success();
    run(&["check", "--open"]).success();
    // It is no value, and nothing that reads values takes it for one.
    let exported = run(&["export", "demo"]).success();
    assert!(!exported.stdout().contains("@vault"), "{exported:?}");
    world.sync_changes_nothing(&[]);
    let refused = world.command(&["set", "demo", "app", "@vault"]).stdin("x").run();
    assert!(refused.fails_with(2).stderr().contains("where a backup is kept"), "");
    // Holders come and go, and the backup is sealed to them.
    let bob = world.sandbox.age_identity("bob");
    run(&["recipients", "add", "bob", "--access", "demo", "--key", &bob.recipient]).success();
    run(&["check"]).success();
    let as_bob = ["-i", bob.path.to_str().unwrap(), "restore", "demo", "--dry-run"];
    run(&as_bob).success();
    run(&["recipients", "remove", "bob"]).success();
    run(&as_bob).fails_with(3);
    let exposed = run(&["exposed"]).fails_with(1);
    assert!(exposed.stdout().contains("@vault"), "{exposed:?}");

    // Without a backup, or with one that is none, nothing is restored.
    let file = world.root.join("secrets/demo/app/@vault.age");
    fs::copy(world.root.join("secrets/demo/copier/@vault.age"), &file).unwrap();
    let moved = world.restore(&[]).fails_with(3);
    assert!(moved.stderr().contains("sealed for demo/copier/@vault"), "{moved:?}");
    let empty = World::new("no-backup", &[("app", APP)]);
    assert!(empty.restore(&[]).fails_with(3).stderr().contains("there is no backup"));
}

/// The settings of an entry, as a server has them.
fn settings(server: &OpenBao, world: &World, name: &str) -> Value {
    let found = server.metadata(&world.prefix, name).unwrap_or_default();
    let names = ["cas_required", "max_versions", "delete_version_after"];
    let settings = names.into_iter().map(|name| (name.to_owned(), found.get(name).cloned()));
    let owner = found.get("custom_metadata").map(|notes| notes["owner"].clone());
    settings.chain([("owner".to_owned(), owner)]).collect()
}

fn set_settings(server: &OpenBao, world: &World, name: &str, settings: Value) {
    let (mount, path) = world.prefix.split_once('/').unwrap();
    let path = format!("{mount}/metadata/{path}/{name}");
    server.root("POST", &path, Some(settings));
}

#[test]
fn the_settings_of_entries_come_back() {
    let world = world("restore-settings");
    let given = json!({
        "cas_required": true, "max_versions": 25, "delete_version_after": "720h",
        "custom_metadata": { "owner": "somebody" },
    });
    set_settings(world.server, &world, "stranger", given);
    world.backup(&[]).success();
    let before = settings(world.server, &world, "stranger");
    assert_eq!(before["max_versions"], 25);
    assert_eq!(before["delete_version_after"], "720h0m0s");

    // Into a server that has nothing, and once more.
    let fresh = OpenBao::start();
    let url = ["--vault-url", fresh.url()];
    world.restore(&url).success();
    assert_eq!(settings(&fresh, &world, "stranger"), before);
    let found = fresh.metadata(&world.prefix, "stranger").unwrap();
    assert_ne!(found["versions"]["1"]["deletion_time"], "", "{found:?}");
    fresh.reset_requests();
    let again = world.restore(&url).success();
    assert!(again.stderr().contains("Vault holds all of the backup already"), "{again:?}");
    assert_eq!(fresh.write_requests(), 0);

    // An interrupted restore goes on; settings that others gave are not replaced unasked.
    let none = json!({ "cas_required": false, "max_versions": 0, "delete_version_after": "0s" });
    set_settings(&fresh, &world, "stranger", none);
    let output = world.restore(&url).success();
    assert_eq!(output.stdout(), "Restored settings and notes of stranger\n");
    assert_eq!(settings(&fresh, &world, "stranger"), before);
    set_settings(&fresh, &world, "stranger", json!({ "max_versions": 3 }));
    let refused = world.restore(&url).fails_with(3);
    assert!(refused.stderr().contains("• stranger"), "{refused:?}");
    world.restore(&[&url[..], &["--replace"]].concat()).success();
    assert_eq!(settings(&fresh, &world, "stranger"), before);
}

#[test]
fn a_setting_or_a_note_makes_a_backup_old() {
    let world = world("backup-settings");
    world.backup(&[]).success();
    for settings in [
        json!({ "max_versions": 4 }),
        json!({ "cas_required": true }),
        json!({ "custom_metadata": { "owner": "us" } }),
        json!({ "max_versions": 0 }),
    ] {
        set_settings(world.server, &world, "stranger", settings);
        let output = world.backup(&[]).success();
        assert_eq!(output.stdout(), "Backed up Vault secret for stranger\n");
        assert!(world.backup(&[]).success().stderr().contains("up to date"));
    }
}

#[test]
fn settings_that_the_token_may_not_read_or_write_are_named() {
    let world = world("backup-settings-forbidden");
    set_settings(world.server, &world, "stranger", json!({ "max_versions": 4 }));
    let (mount, path) = world.prefix.split_once('/').unwrap();
    let policy = format!(
        "path \"{mount}/data/{path}/*\" {{ capabilities = [\"create\", \"read\", \"update\"] }}\n\
         path \"{mount}/metadata/{path}/\" {{ capabilities = [\"list\"] }}"
    );
    world.server.create_policy("no-settings", &policy);
    let token = world.server.create_token(&["no-settings"]);
    let with_token = |line: &[&str]| world.command(line).env("VAULT_TOKEN", &token).run();
    let output = with_token(&["backup", "demo"]).success();
    assert!(output.stderr().contains("may not read the settings of entries"), "{output:?}");
    world.server.destroy(&world.prefix, "stranger");
    let output = world.restore(&[]).success();
    assert!(output.stderr().contains("does not say which settings"), "{output:?}");
    assert!(output.stderr().contains("where they had any: stranger\n"), "{output:?}");

    // What was known before is kept.
    set_settings(world.server, &world, "stranger", json!({ "max_versions": 4 }));
    world.backup(&[]).success();
    world.server.put(&world.prefix, "stranger", json!({ "a": "changed" }));
    with_token(&["backup", "demo"]).success();
    world.server.destroy(&world.prefix, "stranger");
    let output = with_token(&["restore", "demo"]).fails_with(1);
    assert!(output.stderr().contains("not restored: the settings of stranger"), "{output:?}");
    assert!(
        output.stderr().contains("1 thing was not restored: the settings of stranger"),
        "{output:?}"
    );
    world.restore(&[]).success();
    assert_eq!(settings(world.server, &world, "stranger")["max_versions"], 4);
}

#[test]
fn what_a_backup_does_not_keep_is_a_finding_and_what_a_restore_drops_is_named() {
    let world = world("backup-findings");
    world.server.delete(&world.prefix, "stranger");
    let output = world.backup(&[]).success();
    assert!(output.stderr().contains("stranger is deleted in Vault, so it is not backed up"));
    world.server.put(&world.prefix, "folder/entry", json!({ "a": "b" }));
    let output = world.backup(&[]).fails_with(1);
    assert!(output.stderr().contains("not backed up: folder/: "), "{output:?}");
    assert!(output.stderr().contains("1 thing was not backed up: folder/"), "{output:?}");

    world.server.put(&world.prefix, "copier", json!({ "new": "x", "of_made": "y" }));
    let refused = world.restore(&[]).fails_with(3);
    assert!(refused.stderr().contains("copier (the backup does not have: new)"), "{refused:?}");
    let output = world.restore(&["--replace"]).success();
    assert!(output.stderr().contains("copier loses what the backup does not have: new"));
}

/// As docs/when-something-looks-wrong.md tells it.
#[test]
fn a_store_whose_only_key_is_lost_is_filled_from_vault() {
    let world = World::new("lost-key", &[("app", "secrets.given = {}")]);
    world.set("app", "given", "one");
    world.sync(&[]);
    let new = world.sandbox.age_identity("new");
    world.sandbox.install_identity(&new.path);
    world.command(&["get", "demo", "app", "given"]).run().fails_with(3);
    let holder = format!("keys = [\"{}\"]\naccess = [\"*\"]\n", new.recipient);
    world.sandbox.write(world.root.join("recipients/alice.toml"), holder);
    world.command(&["remove", "demo", "--yes"]).run().success();
    world.command(&["import", "demo", "--from-vault"]).run().success();
    let output = world.command(&["get", "demo", "app", "given"]).run().success();
    assert_eq!(output.stdout(), "one");
    world.audit(&[]).success();
}
