//! What no sync could make of the specs, said before one fails.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use super::{APP, APP_FILE, assert_is_clean, findings, rows, store_in_order};
use crate::support::cli::Sandbox;
use crate::support::phalanx;
use crate::support::standalone::Repository;

/// The findings of a checkout, each with the environment, the secret and the
/// line.
#[track_caller]
fn found(sandbox: &Sandbox, root: &Path, arguments: &[&str]) -> Vec<String> {
    let output = sandbox.command(["check", "--json"]).args(arguments).current_dir(root).run();
    let text = |row: &Value, name: &str| match &row[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let names = ["kind", "environment", "application", "key", "line"];
    rows(&output).iter().map(|row| names.map(|name| text(row, name)).join(" ")).collect()
}

#[test]
fn what_cannot_be_made_is_named_with_its_line_and_the_name_that_was_meant() {
    let store = store_in_order();
    let more = r#"
[secrets.away]
description = "x"
copy = { application = "third", key = "shared" }

[secrets.misspelt]
description = "x"
copy = { application = "othr", key = "shared" }

[secrets.gone]
description = "x"
copy = { application = "other", key = "shard" }

[secrets.follows]
description = "x"
copy = { application = "app", key = "gone" }

[secrets.round]
description = "x"
copy = { application = "app", key = "and-round" }

[secrets.and-round]
description = "x"
copy = { application = "app", key = "round" }

[secrets.hash]
description = "x"
generate = { type = "bcrypt-password-hash", source = "pasword" }

[secrets.time]
description = "x"
generate = { type = "mtime", source = "none" }

[secrets.pair]
description = "x"
generate = { type = "rsa-private-key" }

[secrets.pair-hash]
description = "x"
generate = { type = "bcrypt-password-hash", source = "pair" }
"#;
    store.write(APP_FILE, format!("{APP}{more}"));
    store.write("secrets/applications/third.toml", "[secrets.shared]\ndescription = \"x\"\n");
    assert_snapshot!(findings(&store, &[]), @r"
    Secrets that no sync can make:
      • secrets/applications/app.toml:29: app away (demo): it is copied from third/shared, but third is not enabled here
      • secrets/applications/app.toml:33: app misspelt (demo): it is copied from othr/shared, but othr is not enabled here; did you mean other?
      • secrets/applications/app.toml:37: app gone (demo): it is made from other/shard, which is not a secret of this environment; did you mean other/shared?
      • secrets/applications/app.toml:41: app follows (demo): it is made from app/gone, which cannot be resolved
      • secrets/applications/app.toml:45: app round (demo): it depends on itself: app/and-round → app/round → app/and-round
      • secrets/applications/app.toml:49: app and-round (demo): it depends on itself: app/and-round → app/round → app/and-round
      • secrets/applications/app.toml:53: app hash (demo): it is made from app/pasword, which is not a secret of this environment; did you mean app/password?
      • secrets/applications/app.toml:57: app time (demo): it is made from app/none, which is not a secret of this environment; did you mean app/gone?
      • secrets/applications/app.toml:65: app pair-hash (demo): it cannot be made, because its source is longer than the 72 bytes that bcrypt hashes in full
      → correct the spec, or enable the application that it starts from; until then, leave its application out:
      → phalanx-secrets sync demo --exclude app
    ");
    // What it says is what helps.
    store.write(APP_FILE, APP);
    assert_is_clean(&store, &[]);
}

#[test]
fn a_secret_without_a_description_is_named() {
    let store = store_in_order();
    let text = APP.replace("description = \"Made once\"\n", "");
    let text = text.replace("\"No secret\"", "\" \"");
    store.write(APP_FILE, text);
    assert_snapshot!(findings(&store, &[]), @r"
    Without a description:
      • secrets/applications/app.toml:17: app made (demo): it has no description, which says what it is for and where it is from
      • secrets/applications/app.toml:24: app fixed (demo): it has no description, which says what it is for and where it is from
      → write it there: phalanx itself refuses a secret without one
    ");
}

/// A checkout with an environment that can be synced, and two that cannot for
/// the same reason.
fn checkout(sandbox: &Sandbox) -> Repository<'_> {
    let a = "one:\n  description: x\n  copy:\n    application: b\n    key: two\n";
    let b = "# Comment\ntwo:\n  description: x\n";
    Repository::phalanx(sandbox, "phalanx")
        .environment("good", "http://127.0.0.1:1", "secret/good", &["a", "b"])
        .environment("bad", "http://127.0.0.1:1", "secret/bad", &["a"])
        .environment("worse", "http://127.0.0.1:1", "secret/worse", &["a"])
        .application("a", a)
        .application("b", b)
}

#[test]
fn a_phalanx_checkout_needs_no_store_for_it() {
    let sandbox = Sandbox::new();
    let root = checkout(&sandbox).root().to_owned();
    std::fs::remove_dir_all(root.join("secrets")).unwrap();
    let output = sandbox.run_in(&root, ["check"]).fails_with(1);
    assert_snapshot!(output.stdout(), @r"
    Secrets that no sync can make:
      • applications/a/secrets.yaml:1: a one (bad, worse): it is copied from b/two, but b is not enabled here
      → correct the spec, or enable the application that it starts from; until then, leave its application out:
      → phalanx-secrets sync bad --exclude a
      → phalanx-secrets sync worse --exclude a
    ");
    assert_snapshot!(output.stderr(), @r"Checked the specs of 3 environments: 2 findings (there is no store here; make one with: phalanx-secrets init)");
    let one = ["unresolvable bad a one 1"];
    assert_eq!(found(&sandbox, &root, &["bad"]), one);
    let output = sandbox.run_in(&root, ["check", "good", "--open"]).success();
    assert!(output.stderr().contains("there is no store here"), "{output:?}");
    // Nor does the index need one.
    sandbox.git_in(&root, ["init", "--quiet"]);
    sandbox.git_in(&root, ["add", "--all"]);
    assert_eq!(found(&sandbox, &root, &["--staged", "bad"]), one);
    // A store that has lost its settings is not taken for none.
    sandbox.write(root.join("secrets/good/b/two.age"), "x");
    let output = sandbox.run_in(&root, ["check"]).fails_with(3);
    assert!(output.stderr().contains("secrets/store.toml does not exist"), "{output:?}");
}

#[test]
fn environments_that_are_served_elsewhere_count_once_they_are_named() {
    let sandbox = Sandbox::new();
    let root = checkout(&sandbox).root().to_owned();
    let settings =
        "format = 1\nlayout = \"phalanx\"\nnot-served = [\"bad\", \"good\", \"worse\"]\n";
    sandbox.write(root.join("secrets/store.toml"), settings);
    sandbox.write(root.join("environments/values-worse.yaml"), "applications: [\n");
    let output = sandbox.run_in(&root, ["check"]).success();
    assert_eq!(output.stdout(), "");
    assert_snapshot!(output.stderr(), @r"
    Environments in not-served whose specs have faults: bad, worse; to see them: phalanx-secrets check bad worse
    Checked 0 values of 0 environments: all is well
    ");
    let named = found(&sandbox, &root, &["bad", "good", "worse"]);
    assert_eq!(named, ["unresolvable bad a one 1", "specs worse null null null"]);
    assert_eq!(found(&sandbox, &root, &["good"]), [""; 0]);
}

#[test]
fn a_file_that_no_environment_can_be_named_after_is_not_passed_over() {
    let sandbox = Sandbox::new();
    let root = checkout(&sandbox).root().to_owned();
    sandbox.write(root.join("environments/values-no good.yaml"), "applications: {}\n");
    let output = sandbox.run_in(&root, ["check", "good", "--allow-missing"]).fails_with(1);
    assert!(output.stdout().contains("environments/values-no good.yaml: "), "{output:?}");
}

#[test]
fn the_environments_of_phalanx_that_cannot_be_synced_are_named_and_no_others() {
    let Some(_) = phalanx::reference() else { return };
    let sandbox = Sandbox::new();
    let checkout = phalanx::Checkout::copy(&sandbox);
    assert_eq!(
        found(&sandbox, checkout.root(), &[]),
        [
            "unresolvable usdf-rapid-analysis rapid-analysis aws-credentials.ini 7",
            "unresolvable usdf-rapid-analysis rapid-analysis butler-aws-credentials.ini 16",
            "unresolvable usdf-rapid-analysis rapid-analysis butler-postgres-credentials.txt 23",
            "unresolvable usdfdev rubintv ra-redis-password 9",
            "unresolvable usdfint consdb exposurelog-password 7",
            "unresolvable usdfint consdbtap pgpassword 8",
            "unresolvable usdfprod rubintv ra-redis-password 9",
        ]
    );
    let output = sandbox.run_in(checkout.root(), ["check"]).fails_with(1);
    let both = "rubintv ra-redis-password (usdfdev, usdfprod): it is copied from \
                rapid-analysis/redis-password, but rapid-analysis is not enabled here";
    assert!(output.stdout().contains(both), "{output:?}");
    let exclusion = "phalanx-secrets sync usdfint --exclude consdb --exclude consdbtap\n";
    assert!(output.stdout().contains(exclusion), "{output:?}");
}

#[test]
fn a_setting_that_says_no_in_text_is_found() {
    let store = store_in_order();
    let spec = "\n[secrets.only-here]\ndescription = \"x\"\nvalue = \"y\"\nif = \"config.slack\"\n";
    let app = String::from_utf8(store.bytes(APP_FILE)).unwrap();
    store.write(APP_FILE, format!("{app}{spec}"));
    let file = "secrets/environments/demo.toml";
    let demo = String::from_utf8(store.bytes(file)).unwrap();
    for text in ["false", "No", " off ", "0"] {
        store.write(file, format!("{demo}\n[settings.app.config]\nslack = \"{text}\"\n"));
        let found = findings(&store, &[]);
        assert!(found.contains(&format!("{file}:")), "{found}");
        assert!(found.contains("secrets of app hang on config.slack"), "{found}");
    }
    for value in ["false", "\"\"", "\"a-client-id\"", "\"true\"", "0"] {
        store.write(file, format!("{demo}\n[settings.app.config]\nslack = {value}\n"));
        assert_is_clean(&store, &[]);
    }
    // Where no condition asks for it, it is the chart's own matter.
    store.write(APP_FILE, app);
    store.write(file, format!("{demo}\n[settings.app.config]\nslack = \"false\"\n"));
    assert_is_clean(&store, &[]);
}

#[test]
fn a_setting_of_a_chart_that_says_no_in_text_is_found_in_the_file_that_counts() {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "phalanx")
        .environment("demo", "https://vault.example.com", "secret/phalanx/demo", &["app"])
        .file(
            "applications/app/secrets.yaml",
            "token:\n  description: x\n  copy:\n    application: app\n    key: made\n    if: \
             a.b\nmade:\n  description: x\n  generate:\n    type: password\n",
        );
    let repository = repository
        .file("applications/app/values.yaml", "a:\n  c: 1\n  b: 'false'\n")
        .file("applications/app/values-demo.yaml", "a:\n  c: 2\n");
    let root = repository.root();
    let row = |line: &str| format!("condition demo null null {line}");
    let rows = found(&sandbox, root, &["--allow-missing"]);
    assert_eq!(rows, [row("3")]);
    sandbox.write(root.join("applications/app/values-demo.yaml"), "a:\n  b: \"off\"\n");
    assert_eq!(found(&sandbox, root, &["--allow-missing"]), [row("2")]);
    sandbox.write(root.join("applications/app/values-demo.yaml"), "a:\n  b: off\n");
    assert_eq!(found(&sandbox, root, &["--allow-missing"]), [] as [String; 0]);
}
