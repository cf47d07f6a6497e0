//! Static secrets: the store has the say, and nothing else becomes one.

use insta::assert_snapshot;
use serde_json::json;

use super::World;
use crate::support::age_tool::AgeTool;

const APP: &str = "
secrets.first = {}
secrets.second = {}
secrets.made.generate.type = 'password'
";

#[test]
fn a_value_arrives_to_the_byte() {
    let values = [
        "plain",
        "with a line feed\n",
        "several\r\nlines\n\n",
        " spaces \t around ",
        "quotes \" and \\ backslashes \\u0041",
        "\u{0}\u{1}\u{1f}\u{7f}",
        "é \u{2028} \u{1f600} \u{feff}",
        "[1, {\"json\": null}]",
        " \n",
    ];
    let declared: String = (0..values.len()).map(|n| format!("secrets.k{n} = {{}}\n")).collect();
    let declared = declared + "secrets.long = {}\n";
    let world = World::new("bytes", &[("app", &declared)]);
    for (n, value) in values.iter().enumerate() {
        let key = format!("k{n}");
        let set = world.command(&["set", "demo", "app", &key, "--allow-empty"]);
        set.stdin(value).run().success();
    }
    let long = "0123456789abcdef\n".repeat(10_000);
    world.set("app", "long", &long);
    world.sync(&[]);
    for (n, value) in values.iter().enumerate() {
        assert_eq!(world.value("app", &format!("k{n}")), *value);
    }
    assert_eq!(world.value("app", "long"), long);
    world.sync_changes_nothing(&[]);
}

#[test]
fn the_stores_value_replaces_vaults() {
    let world = World::new("changed", &[("app", APP), ("other", "secrets.third = {}")]);
    for (application, key) in [("app", "first"), ("app", "second"), ("other", "third")] {
        world.set(application, key, "old-value");
    }
    world.sync(&[]);
    world.set("app", "first", "new-value");
    let output = world.sync(&[]).hides("new-value").hides("old-value");
    assert_eq!(output.stdout(), "Updated Vault secret for app first\n");
    assert_eq!(world.value("app", "first"), "new-value");
    assert_eq!((world.version("app"), world.version("other")), (2, 1));
}

#[test]
fn a_value_that_only_vault_has_is_reported_and_kept() {
    let world = World::new("only-vault", &[("app", APP), ("other", "secrets.third = {}")]);
    world.set("app", "first", "from the store");
    world.set("other", "third", "from the store");
    world.server.put(&world.prefix, "app", json!({ "second": "by-hand" }));
    let output = world.sync_is_refused(3, &[]).hides("by-hand");
    assert_snapshot!(output.stderr(), @r"
    Error: 1 secret of demo cannot be resolved; nothing was written
      • app second: it has no static value here, only in Vault (secrets/applications/app.toml)
    Hint: store the value (phalanx-secrets set demo app second), or keep what Vault has with --keep-vault-static
    ");
    // Nor does any other wish override that.
    world.sync_is_refused(3, &["--delete"]);
    world.sync_is_refused(3, &["--regenerate"]);
    world.sync_is_refused(3, &["--dry-run"]);

    world.sync(&["--keep-vault-static"]).hides("by-hand");
    assert_eq!(world.value("app", "second"), "by-hand");
    assert_eq!(world.value("app", "first"), "from the store");
    world.sync_changes_nothing(&["--keep-vault-static", "--delete"]);
}

#[test]
fn the_store_wins_over_a_value_kept_in_vault() {
    let world = World::new("store-wins", &[("app", "secrets.first = {}")]);
    world.server.put(&world.prefix, "app", json!({ "first": "by-hand" }));
    world.set("app", "first", "from the store");
    world.sync(&["--keep-vault-static"]);
    assert_eq!(world.value("app", "first"), "from the store");
}

#[test]
fn what_is_nowhere_is_reported() {
    let world = World::new("nowhere", &[("app", APP)]);
    world.set("app", "first", "here");
    let output = world.sync_is_refused(3, &[]);
    assert_snapshot!(output.stderr(), @r"
    Error: 1 secret of demo cannot be resolved; nothing was written
      • app second: it has no static value (secrets/applications/app.toml)
    Hint: store the value: phalanx-secrets set demo app second
    ");
    let output = world.sync_is_refused(3, &["--keep-vault-static"]);
    assert!(output.stderr().contains("app second: it has no static value"), "{output:?}");
}

#[test]
fn an_empty_value_counts_as_none_wherever_it_is() {
    let world = World::new("empty-static", &[("app", APP)]);
    world.server.put(&world.prefix, "app", json!({ "first": "by-hand", "second": "" }));
    world.command(&["set", "demo", "app", "first", "--allow-empty"]).run().success();
    world.set("app", "second", "stored");
    let file = world
        .sandbox
        .write("values.yaml", "applications: {app: {first: {value: ''}, second: {value: stored}}}");
    let from_file = ["--secrets", file.to_str().unwrap()];
    for options in [&[][..], &from_file] {
        let output = world.sync_is_refused(3, options).hides("by-hand");
        let said = "  • app first: its static value here is empty, which counts as none; Vault has \
                    one (secrets/applications/app.toml)\n";
        assert!(output.stderr().contains(said), "{output:?}");
        let audit = world.audit(options).fails_with(1);
        assert!(audit.stdout().contains("• app first: its static value here is empty"));
    }

    // Vault's own stays where it has one.
    for options in [&[][..], &from_file] {
        world.sync(&[&["--keep-vault-static"], options].concat());
        assert_eq!(world.value("app", "first"), "by-hand");
        assert_eq!(world.value("app", "second"), "stored");
    }

    // An empty one in Vault is no value to keep, nor one to copy.
    world.server.put(&world.prefix, "app", json!({ "first": "", "second": "stored" }));
    let output = world.sync_is_refused(3, &["--keep-vault-static"]);
    assert_snapshot!(output.stderr(), @r"
    Error: 1 secret of demo cannot be resolved; nothing was written
      • app first: its static value is empty, which counts as none (secrets/applications/app.toml)
    Hint: store the value: phalanx-secrets set demo app first
    ");
    world.command(&["remove", "--yes", "demo", "app", "first"]).run().success();
    let output = world.sync_is_refused(3, &["--keep-vault-static"]);
    assert!(output.stderr().contains("app first: it has no static value ("), "{output:?}");
    assert_eq!(world.version("app"), 3);
}

#[test]
fn a_template_with_nothing_in_it_is_not_written() {
    let world = World::new("empty-template", &[("app", APP), ("other", "secrets.third = {}")]);
    let template = world.command(&["static-template", "demo"]).run().success();
    for nothing in ["''", "null", "\" \\n\""] {
        let filled = template.stdout().replace("value: null", &format!("value: {nothing}"));
        assert_eq!(filled.matches(&format!("value: {nothing}")).count(), 3);
        let file = world.sandbox.write("values.yaml", &filled);
        let options = ["--secrets", file.to_str().unwrap()];
        let output = world.sync_is_refused(3, &options);
        assert!(output.stderr().contains("3 secrets of demo cannot be resolved"), "{output:?}");
        let warnings = output.stderr().matches("is white space alone, which counts as none");
        assert_eq!(warnings.count(), if nothing.len() > 4 { 3 } else { 0 }, "{output:?}");
    }
    assert_eq!(world.server.list(&world.prefix), [""; 0]);
}

#[test]
fn an_empty_source_is_not_copied() {
    let copier = "secrets.copied.copy = { application = 'app', key = 'first' }";
    let world = World::new("empty-source", &[("app", "secrets.first = {}"), ("copier", copier)]);
    world.server.put(&world.prefix, "app", json!({ "first": "" }));
    let output = world.sync_is_refused(3, &["--exclude=app"]);
    assert!(output.stderr().contains("which is excluded and not in Vault"), "{output:?}");
}

#[test]
fn a_part_that_is_empty_is_refused_by_name() {
    let world = World::new("blank-parts", &[("app", "secrets.a.value = 'x'")]);
    for (yaml, said) in [
        (
            "pull-secret: {registries: {ghcr.io: {username: '', password: hunter2}}}",
            "the credentials for registry \"ghcr.io\" are not usable",
        ),
        (
            "oidc-clients: {portal: {id: i, secret: '  ', return_uri: hunter2}}",
            "the OpenID Connect client \"portal\" is not usable",
        ),
    ] {
        let file = world.sandbox.write("values.yaml", yaml);
        let output = world.sync_is_refused(2, &["--secrets", file.to_str().unwrap()]);
        assert!(output.hides("hunter2").stderr().contains(said), "{yaml}");
    }
}

#[test]
fn what_is_kept_in_vault_must_be_text() {
    let world = World::new("kept-no-text", &[("app", "secrets.first = {}")]);
    world.server.put(&world.prefix, "app", json!({ "first": 7 }));
    let output = world.sync_is_refused(3, &["--keep-vault-static"]);
    assert!(output.stderr().contains("something other than a string"), "{output:?}");
}

#[test]
fn a_secret_that_becomes_another_kind_keeps_its_value_or_is_reported() {
    let world = World::new("kind-changes", &[("app", "secrets.first = {}")]);
    world.set("app", "first", "one");
    world.sync(&[]);
    world.declare("app", "secrets.first.generate.type = 'password'");
    world.sync_changes_nothing(&[]);
    world.declare("app", "secrets.first = {}\nsecrets.made = {}");
    world.server.put(&world.prefix, "app", json!({ "first": "one", "made": "was-generated" }));
    world.sync_is_refused(3, &[]).hides("was-generated");
}

#[test]
fn a_site_without_a_store_can_keep_everything_in_vault() {
    let world = World::new("no-store", &[("app", APP)]);
    std::fs::remove_file(world.root.join("secrets/store.toml")).unwrap();
    world.server.put(&world.prefix, "app", json!({ "first": "1", "second": "2" }));
    let output = world.sync_is_refused(3, &[]);
    assert_snapshot!(output.stderr(), @r"
    Error: there is no store here: secrets/store.toml does not exist
    Hint: make one with: phalanx-secrets init
    ");
    let output = world.sync(&["--keep-vault-static"]);
    assert_eq!(output.stdout(), "Updated Vault secret for app made\n");
    assert_eq!(world.value("app", "second"), "2");
}

/// As the option does, without anybody having to think of it each time.
#[test]
fn an_environment_can_be_set_to_keep_what_only_vault_has() {
    let world = World::new("keep-setting", &[("app", APP)]);
    world.set("app", "first", "of the store");
    world.server.put(&world.prefix, "app", json!({ "first": "old", "second": "of-vault" }));
    world.sync_is_refused(3, &[]);
    let settings = world.root.join("secrets/store.toml");
    let text = world.sandbox.read(&settings);
    // For another environment, it changes nothing here.
    world.sandbox.write(&settings, format!("{text}keep-vault-static = [\"dmeo\"]\n"));
    world.sync_is_refused(3, &[]).hides("of-vault");
    world.sandbox.write(&settings, format!("{text}keep-vault-static = [\"demo\"]\n"));
    let output = world.sync(&[]).hides("of-vault");
    let said = "Static secrets of demo that have no value here keep the one in Vault \
                (keep-vault-static in secrets/store.toml)\n";
    assert_eq!(output.stderr().matches(said).count(), 1, "{output:?}");
    assert_eq!(world.value("app", "first"), "of the store");
    assert_eq!(world.value("app", "second"), "of-vault");
    let audit = world.audit(&[]).success();
    assert!(audit.stderr().contains(said), "{audit:?}");
    // What neither has is still missing.
    world.declare("app", &format!("{APP}secrets.third = {{}}\n"));
    let output = world.sync_is_refused(3, &[]);
    assert!(output.stderr().contains("app third: it has no static value"), "{output:?}");
}

#[test]
fn all_problems_come_at_once() {
    let world = World::new(
        "all-problems",
        &[
            ("app", "secrets.first = {}\nsecrets.binary = {}"),
            (
                "copier",
                "
                secrets.absent.copy = { application = 'absent', key = 'key' }
                secrets.key.copy = { application = 'app', key = 'absent' }
                secrets.unresolved.copy = { application = 'app', key = 'first' }
                secrets.a.copy = { application = 'copier', key = 'b' }
                secrets.b.copy = { application = 'copier', key = 'a' }
                secrets.mtime.generate = { type = 'mtime', source = 'gone' }
                ",
            ),
        ],
    );
    let set = world.command(&["set", "demo", "app", "binary", "--allow-binary"]);
    set.stdin([0xff, 0xfe]).run().success();
    let output = world.sync_is_refused(3, &[]);
    assert_snapshot!(output.stderr(), @r"
    Error: 8 secrets of demo cannot be resolved; nothing was written
      • app binary: its value is not UTF-8 text, and Vault holds nothing else (secrets/applications/app.toml)
      • app first: it has no static value (secrets/applications/app.toml)
      • copier a: it depends on itself: copier/a → copier/b → copier/a (secrets/applications/copier.toml)
      • copier absent: it is copied from absent/key, but absent is not enabled here (secrets/applications/copier.toml)
      • copier b: it depends on itself: copier/a → copier/b → copier/a (secrets/applications/copier.toml)
      • copier key: it is made from app/absent, which is not a secret of this environment (secrets/applications/copier.toml)
      • copier mtime: it is made from copier/gone, which is not a secret of this environment (secrets/applications/copier.toml)
      • copier unresolved: it is made from app/first, which cannot be resolved (secrets/applications/copier.toml)
    Hint: store it in a text form that the application understands, such as base64
    Hint: many values at once can be stored from a file: phalanx-secrets static-template demo, fill it in, then phalanx-secrets import demo FILE
    ");
    assert_eq!(world.server.list(&world.prefix), [""; 0]);
}

#[test]
fn a_value_sealed_by_another_tool_or_for_another_secret_is_refused() {
    let world = World::new("unbound", &[("app", "secrets.first = {}\nsecrets.second = {}")]);
    world.set("app", "first", "one");
    world.set("app", "second", "two");
    let folder = world.root.join("secrets/demo/app");
    std::fs::copy(folder.join("first.age"), folder.join("second.age")).unwrap();
    let output = world.sync_is_refused(3, &["--allow-unbound"]).hides("one");
    assert_snapshot!(output.stderr(), @r"
    Error: secrets/demo/app/second.age cannot be opened
    Caused by: it was sealed for demo/app/first, and moved or copied here
    Hint: move it back, or seal the right value with: phalanx-secrets set demo app second
    ");

    let Some(age) = AgeTool::find() else { return };
    let bob = world.sandbox.age_identity("bob");
    let own = world.sandbox.read(world.sandbox.home().join(".config/phalanx-secrets/identity.txt"));
    let recipient = own.lines().next().unwrap().trim_start_matches("# public key: ");
    let sealed = age.encrypt(&world.sandbox, &[recipient, &bob.recipient], b"by age");
    world.sandbox.write(folder.join("second.age"), sealed);
    let output = world.sync_is_refused(3, &[]);
    assert_snapshot!(output.stderr(), @r"
    Error: values were not sealed by this tool, so nothing shows that they belong there
      • secrets/demo/app/second.age
    Hint: store them again (phalanx-secrets get … | phalanx-secrets set …), or pass --allow-unbound
    ");
    world.sync(&["--allow-unbound"]);
    assert_eq!(world.value("app", "second"), "by age");
}

#[test]
fn a_value_that_cannot_be_opened_is_not_taken_for_missing() {
    let world = World::new("unopened", &[("app", "secrets.first = {}")]);
    world.set("app", "first", "one");
    world.server.put(&world.prefix, "app", json!({ "first": "by-hand" }));
    let bob = world.sandbox.age_identity("bob");
    let mut options = vec!["--keep-vault-static", "-i"];
    options.push(bob.path.to_str().unwrap());
    let output = world.sync_is_refused(3, &options);
    let error = world.redact(output.stderr()).replace(&bob.recipient, "[BOB]");
    assert_snapshot!(error, @r"
    Error: secrets/demo/app/first.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: these identities were tried:
            [BOB] from the identity file [SANDBOX]/home/keys/bob.txt (-i)
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    ");

    world.sandbox.write(world.root.join("secrets/demo/app/first.age"), "no age file");
    let output = world.sync_is_refused(3, &["--keep-vault-static"]);
    assert_snapshot!(output.stderr(), @r"
    Error: secrets/demo/app/first.age cannot be opened
    Caused by: it is not a whole age file: it was truncated or overwritten
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
}
