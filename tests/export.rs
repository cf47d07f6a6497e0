//! `export`: all stored values as a static-secrets file, which `import` and
//! PyYAML read as what they were.

use std::collections::BTreeMap;
use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::cli::Sandbox;
use crate::support::notice;
use crate::support::openbao::find_on_path;
use crate::support::small_store::SmallStore;

/// Values that YAML would like to take for something else, or break.
fn hostile() -> Vec<String> {
    let plain = [
        " ",
        "null",
        "Null",
        "NULL",
        "~",
        "true",
        "yes",
        "No",
        "on",
        "y",
        "n",
        "Y",
        "N",
        "017",
        "0o17",
        "0x1f",
        "0b1",
        "1e3",
        "1_000",
        "1.5",
        ".5",
        "-.inf",
        ".nan",
        "12:30",
        "190:20:30",
        "2020-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "<<",
        "=",
        "-",
        "- a",
        "a: b",
        "a:",
        ":a",
        "# c",
        "a # b",
        "!t",
        "!!str x",
        "&a",
        "*a",
        "'",
        "''",
        "\"",
        "\\",
        "\\n",
        "a\nb",
        "a\n",
        "\n",
        "\n\n a \n",
        "a\n\n",
        " a\n  b\n",
        "\ta",
        "a\t",
        "a\r\nb",
        "\r",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "é€😀",
        "\u{7f}",
        "\u{1}",
        "\u{0}",
        "\u{fffd}",
        "trailing ",
        "%",
        "%YAML 1.2",
        "@",
        "`",
        "{",
        "}",
        "{a: b}",
        "[",
        "]",
        ",",
        "?",
        "? a",
        "|",
        "|-",
        ">",
        "---",
        "--- a",
        "...",
        "-----BEGIN X-----\nabc\n-----END X-----\n",
        "gt-x.y",
        "0",
        "00",
        "+1",
        "1.",
        "12345678901234567890",
    ];
    let mut values: Vec<String> = plain.iter().map(ToString::to_string).collect();
    // Longer than a line, with places to fold at and without.
    values.push("word ".repeat(60));
    values.push("x".repeat(300));
    values.push(format!("{}\n{}", "a b ".repeat(40), "c ".repeat(60)));
    values.push("0123456789abcdef".repeat(1 << 16));
    values
}

/// A store that has a value in every section, hostile ones among them.
fn filled() -> (SmallStore, BTreeMap<String, String>) {
    let store = SmallStore::new();
    let mut declared = String::new();
    let mut values = BTreeMap::new();
    for (value, number) in hostile().into_iter().zip(100..) {
        declared += &format!("[secrets.key-{number}]\n");
        values.insert(format!("key-{number}"), value);
    }
    store.write("secrets/applications/app.toml", declared);
    for (key, value) in &values {
        // Some are white space alone.
        let set = store.command(["set", "demo", "app", key, "--allow-empty"]);
        set.stdin(value).run().success();
    }
    for (application, key, value) in [
        ("other", "shared", "0123"),
        ("pull-secret", "ghcr.io", "null:007"),
        ("pull-secret", "docker.io", "ü:a:b'\""),
        ("vault-write-token", "token", "1e3"),
    ] {
        store.set(application, key, value);
    }
    let client = json!({"id": "yes", "secret": "0x1f", "return_uri": "https://x/?a=b#c"});
    store.set("oidc-clients", "chronograf", client.to_string());
    let client = json!({"id": "~", "secret": "se: cret\n", "return_uri": "u"});
    store.set("oidc-clients", "null", client.to_string());
    (store, values)
}

#[test]
fn a_small_export_has_the_documented_shape() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    store.set("app", "token", "two\nlines\n");
    store.set("pull-secret", "ghcr.io", "bot:pass:word");
    let client = r#"{"id": "an-id", "secret": "0123", "return_uri": "https://example.org/"}"#;
    store.set("oidc-clients", "chronograf", client);
    store.set("vault-write-token", "token", "hvs.x");
    store.command(["set", "demo", "gone", "key", "--allow-unknown"]).stdin("x").run().success();
    let output = store.run(["export", "demo"]).success();
    assert_eq!(output.stderr(), "");
    assert_snapshot!(output.stdout(), @r#"
    applications:
      app:
        .dockerconfigjson:
          value: null
        dex.clientSecret:
          value: null
        password:
          description: Password of the database
          value: hunter2
        token:
          description: Token for the other side
          value: |
            two
            lines
        with space:
          value: null
      gone:
        key:
          value: x
      other:
        shared:
          description: What both sides know
          value: null
    oidc-clients:
      chronograf:
        id: an-id
        secret: "0123"
        return_uri: https://example.org/
    pull-secret:
      description: >-
        Pull secrets for Docker registries. Each key under registries is the
        name of a Docker registry that needs a pull secret. The value should
        have two keys, username and password, that provide the HTTP Basic Auth
        credentials for that registry.
      registries:
        ghcr.io:
          username: bot
          password: pass:word
    vault-write-token: hvs.x
    "#);
}

#[test]
fn an_empty_store_exports_the_template() {
    let store = SmallStore::new();
    let export = store.run(["export", "demo"]).success();
    let template = store.run(["static-template", "demo"]).success();
    assert_eq!(export.stdout(), template.stdout());
}

#[test]
fn everything_comes_back_through_import() {
    let (store, values) = filled();
    let exported = store.run(["export", "demo"]).success();
    let sealed = store.sealed_files();
    let before: Vec<_> = sealed.iter().map(|file| store.bytes(file)).collect();

    // Into the same store: nothing differs, nothing is written.
    let again = store.command(["import", "demo", "-"]).stdin(exported.stdout()).run().success();
    let expected = format!("Stored 0 new and 0 different values; {} were", sealed.len());
    assert!(again.stderr().contains(&expected), "{again:?}");
    assert!(before == sealed.iter().map(|file| store.bytes(file)).collect::<Vec<_>>());

    // Into an empty one: the same again, and the same file.
    fs::remove_dir_all(store.root.join("secrets/demo")).unwrap();
    let import = store.command(["import", "demo", "-", "--allow-empty"]);
    import.stdin(exported.stdout()).run().success();
    assert_eq!(store.sealed_files(), sealed);
    for (key, value) in &values {
        assert!(store.get("app", key) == value.as_bytes(), "{value:?}");
    }
    assert!(store.run(["export", "demo"]).success().stdout() == exported.stdout());
}

/// What the Python CLI would read.
#[test]
fn pyyaml_reads_the_same() {
    let program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)";
    let sandbox = Sandbox::new();
    // Where CI puts what is not installed.
    let python = |program: &str| {
        let packages = std::env::var_os("PYTHONPATH").unwrap_or_default();
        sandbox.program("python3", ["-c", program]).env("PYTHONPATH", packages)
    };
    if find_on_path("python3").is_none() || python("import yaml").run().code() != 0 {
        assert!(std::env::var_os("CI").is_none(), "python3 has no yaml module");
        notice("skipped: python3 has no yaml module, so no export is read by it");
        return;
    }
    let (store, values) = filled();
    let exported = store.run(["export", "demo"]).success();
    let read = python(program).stdin(exported.stdout()).run().success();
    let read: Value = serde_json::from_str(read.stdout()).unwrap();
    for (key, value) in &values {
        let found = &read["applications"]["app"][key]["value"];
        assert!(found.as_str() == Some(value), "{value:?} is read as {found:.100}");
    }
    let mut rest = read.clone();
    rest["applications"]["app"].take();
    rest["pull-secret"]["description"].take();
    rest["applications"]["other"]["shared"]["description"].take();
    assert_eq!(
        rest,
        json!({
            "applications": { "app": null, "other": { "shared": { "description": null, "value": "0123" } } },
            "oidc-clients": {
                "chronograf": { "id": "yes", "secret": "0x1f", "return_uri": "https://x/?a=b#c" },
                "null": { "id": "~", "secret": "se: cret\n", "return_uri": "u" },
            },
            "pull-secret": { "description": null, "registries": {
                "docker.io": { "username": "ü", "password": "a:b'\"" },
                "ghcr.io": { "username": "null", "password": "007" },
            } },
            "vault-write-token": "1e3",
        })
    );
}

#[test]
fn one_value_that_does_not_open_stops_it() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    store.set("app", "token", "hunter3");
    store.set("other", "shared", "hunter4");
    store.write("secrets/demo/app/token.age", "overwritten");
    let output = store.run(["export", "demo"]).fails_with(3).hides("hunter");
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/token.age cannot be opened
    Caused by: it is not a whole age file: it was truncated or overwritten
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    store.write("secrets/demo/other/shared.age", store.bytes("secrets/demo/app/password.age"));
    let output = store.run(["export", "demo"]).fails_with(3).hides("hunter");
    assert_snapshot!(store.stderr(&output), @r"
    Error: 2 stored values cannot be opened
      • secrets/demo/app/token.age: it is not a whole age file: it was truncated or overwritten
      • secrets/demo/other/shared.age: it was sealed for demo/app/password, and moved or copied here
    Hint: move it back, or seal the right value with: phalanx-secrets set demo other shared
    ");
}

#[test]
fn without_access_nothing_is_printed() {
    let store = SmallStore::new();
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["demo/app"]);
    for key in ["password", "token"] {
        store.set("app", key, "hunter2");
    }
    store.set("other", "shared", "hunter2");
    store.sandbox.install_identity(&bob.path);
    let output = store.run(["export", "demo"]).fails_with(3).hides("hunter2");
    assert_snapshot!(store.stderr(&output).replace(&bob.recipient, "[BOB]"), @r"
    Error: secrets/demo/other/shared.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: these identities were tried:
            [BOB] from [SANDBOX]/home/.config/phalanx-secrets/identity.txt
    Hint: access to demo/other can be given by those who have it: alice
    Hint: ask one of them to run: phalanx-secrets recipients grant bob demo/other
    ");
    let store = store.without_own_identity();
    let output = store.run(["export", "demo"]).fails_with(3).hides("hunter2");
    assert_snapshot!(store.stderr(&output), @r"
    Error: 3 stored values cannot be opened
      • secrets/demo/app/password.age: none of the identities at hand can open it
      • secrets/demo/app/token.age: none of the identities at hand can open it
      • secrets/demo/other/shared.age: none of the identities at hand can open it
    Hint: no identity was found: name one with -i FILE or PHALANX_SECRETS_IDENTITY
    Hint: access to demo/app can be given by those who have it: alice, bob
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    Hint: access to demo/other can be given by those who have it: alice
    ");
}

#[test]
fn bytes_that_yaml_cannot_hold_are_refused() {
    let store = SmallStore::new();
    let set = ["set", "demo", "app", "password", "--allow-binary"];
    store.command(set).stdin(b"\xff").run().success();
    let output = store.run(["export", "demo"]).fails_with(3);
    assert_eq!(output.stdout(), "");
    assert_snapshot!(store.stderr(&output), @"
    Error: the value of app/password is not UTF-8 text, which YAML needs
    Hint: it is printed by itself with: phalanx-secrets get ENVIRONMENT app password > FILE
    ");
}

/// Sealed by another tool, which checks no form.
#[test]
fn documents_that_are_none_are_refused_and_not_repeated() {
    let Some(age) = crate::support::age_tool::AgeTool::find() else { return };
    let store = SmallStore::new();
    let seal = |value: &[u8]| age.encrypt(&store.sandbox, &[&store.alice.recipient], value);
    for path in ["pull-secret/ghcr.io", "oidc-clients/chronograf"] {
        let path = format!("secrets/demo/{path}.age");
        store.write(&path, seal(b"hunter2"));
        let output = store.run(["export", "demo"]).fails_with(3).hides("hunter2");
        assert!(output.stderr().contains(&path), "{output:?}");
        fs::remove_file(store.root.join(path)).unwrap();
    }
    store.write("secrets/demo/pull-secret/ghcr.io.age", seal(b"hunter2"));
    let output = store.run(["export", "demo"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r#"
    Warning: secrets/demo/pull-secret/ghcr.io.age: it was not sealed by this tool, so nothing shows that it belongs to this secret
    Error: secrets/demo/pull-secret/ghcr.io.age holds no registry credentials
    Caused by: it is not of the form "username:password"
    Hint: store it again: phalanx-secrets set demo pull-secret ghcr.io
    "#);
}

#[test]
fn an_environment_that_is_not_there_is_refused() {
    let store = SmallStore::new();
    let output = store.run(["export", "dmo"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: there is no environment dmo: secrets/environments/dmo.toml does not exist
    Hint: did you mean demo?
    ");
}
