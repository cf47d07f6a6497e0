//! `import`: all of a static-secrets file, or nothing of it.

use std::fs;

use insta::assert_snapshot;

use crate::support::cli::Output;
use crate::support::small_store::{SmallStore, files_below};

/// A value for everything that the small store's environment wants, in every
/// section.
const COMPLETE: &str = r#"
applications:
  app:
    password:
      description: What a description says is of no matter
      value: hunter2
    token: {value: "two\nlines\n", warning: nor what a warning does}
    dex.clientSecret: {value: 0123}
    .dockerconfigjson: {value: "{}"}
    with space: {value: ' x '}
  other:
    shared: {value: yes}
oidc-clients:
  chronograf: {secret: client-secret, return_uri: https://example.org/}
  other: {id: an-id, secret: "007", return_uri: u}
pull-secret:
  description: Whatever
  registries:
    ghcr.io: {username: bot, password: "pass:word"}
vault-write-token: hvs.x
"#;

/// What is said of the white space around one of its values.
const UNSEEN: &str = "\
Warning: the value of app with space begins with white space, which is kept
Warning: the value of app with space ends with white space, which is kept
";

/// What is shown of it where nothing is stored yet.
const NEW: &str = "  new        app .dockerconfigjson
  new        app dex.clientSecret
  new        app password
  new        app token
  new        app with space
  new        other shared
  new        pull-secret ghcr.io
  new        oidc-clients chronograf
  new        oidc-clients other
  new        vault-write-token token
";

fn import(store: &SmallStore, yaml: &str, options: &[&str]) -> Output {
    store.command(["import", "demo", "-"]).args(options).stdin(yaml).run()
}

#[track_caller]
fn refused(store: &SmallStore, yaml: &str, options: &[&str]) -> String {
    refused_with(store, yaml, options, 2)
}

#[track_caller]
fn refused_with(store: &SmallStore, yaml: &str, options: &[&str], code: i32) -> String {
    let before = everything(store);
    let output = import(store, yaml, options).fails_with(code);
    assert_eq!(output.stdout(), "");
    assert!(everything(store) == before, "something was written");
    store.stderr(&output)
}

/// All files below the store, with what is in them.
fn everything(store: &SmallStore) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let read = |path: std::path::PathBuf| {
        let content = fs::read(&path).unwrap();
        (path, content)
    };
    files_below(&store.root).into_iter().map(read).collect()
}

#[test]
fn every_section_is_stored() {
    let store = SmallStore::new();
    let output = import(&store, COMPLETE, &[]).success();
    assert_eq!(output.stdout(), "");
    let stored = "Stored 10 new and 0 different values; 0 were stored already.\n";
    assert_eq!(store.stderr(&output), format!("{NEW}{UNSEEN}{stored}"));
    assert_snapshot!(store.sealed_files().join("\n"), @r"
    secrets/demo/app/%2Edockerconfigjson.age
    secrets/demo/app/dex.clientSecret.age
    secrets/demo/app/password.age
    secrets/demo/app/token.age
    secrets/demo/app/with%20space.age
    secrets/demo/oidc-clients/chronograf.age
    secrets/demo/oidc-clients/other.age
    secrets/demo/other/shared.age
    secrets/demo/pull-secret/ghcr.io.age
    secrets/demo/vault-write-token/token.age
    ");
    for (application, key, value) in [
        ("app", "password", "hunter2"),
        ("app", "token", "two\nlines\n"),
        ("app", "dex.clientSecret", "0123"),
        ("app", ".dockerconfigjson", "{}"),
        ("app", "with space", " x "),
        ("other", "shared", "yes"),
        ("pull-secret", "ghcr.io", "bot:pass:word"),
        ("vault-write-token", "token", "hvs.x"),
        (
            "oidc-clients",
            "chronograf",
            r#"{"id": "chronograf", "secret": "client-secret", "return_uri": "https://example.org/"}"#,
        ),
        ("oidc-clients", "other", r#"{"id": "an-id", "secret": "007", "return_uri": "u"}"#),
    ] {
        assert_eq!(store.get(application, key), value.as_bytes(), "{application} {key}");
    }
}

#[test]
fn the_file_may_be_a_file() {
    let store = SmallStore::new();
    let path = store.sandbox.write("static.yaml", COMPLETE);
    store.command(["import", "demo"]).args([&path]).run().success();
    assert_eq!(store.get("app", "password"), b"hunter2");
    let output = store.run(["import", "demo", "absent.yaml"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @"
    Error: absent.yaml cannot be read
    Caused by: No such file or directory (os error 2)
    Hint: name a file that you can read
    ");
    let output = store.run(["import", "demo", "secrets"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets holds no JSON files
    Hint: they are written by: phalanx-secrets vault export-secrets ENVIRONMENT DIR
    ");
}

#[test]
fn equal_values_keep_their_file_to_the_byte() {
    let store = SmallStore::new();
    import(&store, COMPLETE, &[]).success();
    let before = everything(&store);
    for options in [&[][..], &["--replace"]] {
        let output = import(&store, COMPLETE, options).success();
        let expected = "Stored 0 new and 0 different values; 10 were stored already.\n";
        assert!(output.stderr().ends_with(expected), "{output:?}");
        assert_eq!(output.stderr().matches("  equal      ").count(), 10, "{output:?}");
        assert!(everything(&store) == before);
    }

    let path = "secrets/demo/app/password.age";
    let other = COMPLETE.replace("hunter2", "hunter3");
    let output = import(&store, &other, &["--replace"]).success();
    assert_snapshot!(store.stderr(&output), @"
      different  app password
      equal      app .dockerconfigjson
      equal      app dex.clientSecret
      equal      app token
      equal      app with space
      equal      oidc-clients chronograf
      equal      oidc-clients other
      equal      other shared
      equal      pull-secret ghcr.io
      equal      vault-write-token token
    Stored 0 new and 1 different values; 9 were stored already.
    ");
    assert_eq!(store.get("app", "password"), b"hunter3");
    let changed: Vec<_> =
        everything(&store).into_iter().filter(|file| !before.contains(file)).collect();
    assert_eq!(changed.len(), 1);
    assert!(changed[0].0.ends_with(path));
}

#[test]
fn other_values_than_the_stored_are_replaced_on_demand_alone() {
    let store = SmallStore::new();
    store.set("app", "password", "old");
    store.set("other", "shared", "old");
    assert_snapshot!(refused(&store, COMPLETE, &[]), @r"
      new        app .dockerconfigjson
      new        app dex.clientSecret
      new        app token
      new        app with space
      new        pull-secret ghcr.io
      new        oidc-clients chronograf
      new        oidc-clients other
      new        vault-write-token token
      different  app password
      different  other shared
    Error: other values are stored for some secrets; nothing was stored
      • demo/app/password
      • demo/other/shared
    Hint: replace them with --replace
    ");
    import(&store, COMPLETE, &["--replace"]).success();
    assert_eq!(store.get("app", "password"), b"hunter2");
}

#[test]
fn what_no_spec_asks_for_must_be_decided() {
    let store = SmallStore::new();
    let yaml = "applications:\n  app:\n    password: {value: a}\n    pasword: {value: hunter2}\n  \
                gone: {key: {value: hunter2}}\n";
    assert_snapshot!(refused(&store, yaml, &[]), @"
      new        app password
      unknown    app pasword
      unknown    gone key
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app token
      missing    app with space
      missing    other shared
    Error: there are values that no spec of the environment asks for; nothing was stored
      • demo/app/pasword
      • demo/gone/key
    Hint: store them too with --allow-unknown, or leave them out with --skip-unknown
    ");
    let output = import(&store, yaml, &["--skip-unknown"]).success().hides("hunter2");
    assert_snapshot!(store.stderr(&output), @r"
      new        app password
      unknown    app pasword
      unknown    gone key
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app token
      missing    app with space
      missing    other shared
    Warning: no spec asks for demo/app/pasword, so its value in the file is left out
    Warning: no spec asks for demo/gone/key, so its value in the file is left out
    Stored 1 new and 0 different values; 0 were stored already.
    5 static secrets still have no value; give them with: phalanx-secrets fill demo
    ");
    assert_eq!(store.sealed_files(), ["secrets/demo/app/password.age"]);
    let output = import(&store, yaml, &["--allow-unknown"]).success().hides("hunter2");
    assert_snapshot!(store.stderr(&output), @"
      new        app pasword
      new        gone key
      equal      app password
      unknown    app pasword
      unknown    gone key
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app token
      missing    app with space
      missing    other shared
    Warning: no spec asks for demo/app/pasword; it is stored all the same
    Warning: no spec asks for demo/gone/key; it is stored all the same
    Stored 2 new and 0 different values; 1 were stored already.
    5 static secrets still have no value; give them with: phalanx-secrets fill demo
    ");
    assert_eq!(store.get("gone", "key"), b"hunter2");
    let stderr = refused_with(&store, yaml, &["--allow-unknown", "--skip-unknown"], 2);
    assert_snapshot!(stderr, @r"
    error: the argument '--allow-unknown' cannot be used with '--skip-unknown'

    Usage: phalanx-secrets import [OPTIONS] <ENVIRONMENT> <FILE>
           phalanx-secrets import [OPTIONS] <ENVIRONMENT> <--from-onepassword|--from-vault|--from-sops <FILE>>

    For more information, try '--help'.
    ");
}

#[test]
fn values_of_what_is_not_static_are_left_out() {
    let store = SmallStore::new();
    let yaml =
        "applications: {app: {made: {value: hunter2}, copied: {value: x}, fixed: {value: x}}}";
    let output = import(&store, yaml, &[]).fails_with(1).hides("hunter2");
    assert_snapshot!(store.stderr(&output), @r"
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app password
      missing    app token
      missing    app with space
      missing    other shared
    Warning: demo/app/copied is not static, so its value in the file is left out
    Warning: demo/app/fixed is not static, so its value in the file is left out
    Warning: demo/app/made is not static, so its value in the file is left out
    Stored 0 new and 0 different values; 0 were stored already.
    6 static secrets still have no value; give them with: phalanx-secrets fill demo
    Warning: 3 things were not stored: app copied, app fixed, app made
    ");
    assert_eq!(store.sealed_files(), [""; 0]);
}

#[test]
fn nulls_are_missing() {
    let store = SmallStore::new();
    let yaml = "applications:\n  app:\n    password: {value: null}\n    token: {value: ~}\n    \
                dex.clientSecret: {value: }\n    .dockerconfigjson:\n    with space: {}\n  other:\n\
                oidc-clients:\npull-secret:\nvault-write-token:\n";
    let output = import(&store, yaml, &[]).success();
    assert_snapshot!(store.stderr(&output), @r"
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app password
      missing    app token
      missing    app with space
      missing    other shared
    Stored 0 new and 0 different values; 0 were stored already.
    6 static secrets still have no value; give them with: phalanx-secrets fill demo
    ");
    assert_eq!(store.sealed_files(), [""; 0]);
    // The template that a newcomer begins with.
    let template = store.run(["static-template", "demo"]).success();
    let output = import(&store, template.stdout(), &[]).success();
    assert!(output.stderr().contains("Stored 0 new"), "{output:?}");
}

#[test]
fn a_dry_run_does_nothing() {
    let store = SmallStore::new();
    let before = everything(&store);
    let yaml = "applications: {app: {password: {value: hunter2}}}";
    let output = import(&store, yaml, &["--dry-run"]).success().hides("hunter2");
    assert_snapshot!(store.stderr(&output), @r"
      new        app password
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app token
      missing    app with space
      missing    other shared
    Would store 1 new and 0 different values; 0 were stored already.
    5 static secrets still have no value; give them with: phalanx-secrets fill demo
    ");
    assert!(everything(&store) == before);
}

#[test]
fn malformed_files_are_refused_by_line_and_not_quoted() {
    let store = SmallStore::new();
    for (yaml, line) in [
        ("applications:\n  app:\n    password: hunter2\n", 3),
        ("applications:\n  app:\n    password:\n      value: [hunter2]\n", 4),
        ("applications:\n  app:\n    password:\n      value: {a: hunter2}\n", 4),
        ("applications:\n  app:\n    password:\n      vlaue: hunter2\n", 4),
        ("applications:\n  app:\n    password:\n      value: hunter2: hunter2\n", 4),
        ("applications:\n  app:\n    password:\n      value: *hunter2\n", 4),
        ("applications:\n  app:\n    password:\n      value: \"hunter2\n", 4),
        ("applications:\n  app:\n    password:\n\tvalue: hunter2\n", 4),
        ("applications: hunter2\n", 1),
        ("- hunter2\n", 1),
        ("hunter2\n", 1),
        ("passwords: {app: hunter2}\n", 1),
        ("oidc-clients:\n  hunter2: {secret: x}\n", 2),
        ("oidc-clients:\n  a: {secret: hunter2, return_uri: u, x: hunter2}\n", 2),
        ("pull-secret:\n  registries:\n    ghcr.io: {username: hunter2}\n", 3),
        ("pull-secret:\n  registries:\n    ghcr.io: bot:hunter2\n", 3),
        ("pull-secret:\n  ghcr.io: {username: u, password: hunter2}\n", 2),
        ("vault-write-token: [hunter2]\n", 1),
        ("vault-write-token: a\n---\nvault-write-token: hunter2\n", 2),
    ] {
        let stderr = refused(&store, yaml, &[]);
        assert!(!stderr.contains("hunter2"), "{yaml}\n{stderr}");
        let found = stderr.split_once("line ").or_else(|| stderr.split_once("-:"));
        let (_, after) = found.unwrap_or_else(|| panic!("{yaml}\n{stderr}"));
        let named: u64 =
            after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
        assert!((line..=line + 1).contains(&named), "{yaml}\n{stderr}");
    }
    let malformed = "applications:\n  app:\n    password: hunter2\n";
    assert_snapshot!(refused(&store, malformed, &[]), @"
    Error: standard input: line 3: expected a mapping
    Hint: its form is that of: phalanx-secrets static-template ENVIRONMENT
    ");
}

#[test]
fn names_that_cannot_be_are_refused() {
    let store = SmallStore::new();
    let unknown = ["--allow-unknown"];
    let name = |name: &str| format!("applications: {{{name}: {{key: {{value: hunter2}}}}}}");
    assert_snapshot!(refused(&store, &name("../app"), &unknown), @r#"
    Error: standard input: a name in it cannot be used
    Caused by: "../app" is not a valid application name: it must begin with an ASCII letter or digit
    Hint: its form is that of: phalanx-secrets static-template ENVIRONMENT
    "#);
    assert_snapshot!(refused(&store, "applications: {app: {\"a\\nb\": {value: hunter2}}}", &unknown), @r#"
    Error: standard input: a name in it cannot be used
    Caused by: "a\nb" is not a valid key name: control characters are not allowed
    Hint: its form is that of: phalanx-secrets static-template ENVIRONMENT
    "#);
    let registry = "pull-secret: {registries: {\" x\": {username: u, password: hunter2}}}";
    assert_snapshot!(refused(&store, registry, &unknown), @r#"
    Error: " x" is not a valid key name: it must not begin or end with white space
    Hint: correct it in the file
    "#);
    let client = "oidc-clients: {\"\": {secret: hunter2, return_uri: u}}";
    assert_snapshot!(refused(&store, client, &unknown), @r#"
    Error: "" is not a valid key name: it is empty
    Hint: correct it in the file
    "#);
}

/// Named like what the store keeps for the whole environment, they would pass
/// for that.
#[test]
fn applications_of_reserved_names_are_refused() {
    let store = SmallStore::new();
    for name in ["pull-secret", "oidc-clients", "vault-write-token"] {
        let yaml = format!("applications: {{{name}: {{token: {{value: hunter2}}}}}}");
        for options in [&[][..], &["--allow-unknown"]] {
            let stderr = refused(&store, &yaml, options);
            assert!(stderr.contains(name) && !stderr.contains("hunter2"), "{stderr}");
        }
    }
    let yaml = "applications: {pull-secret: {token: {value: hunter2}}}";
    assert_snapshot!(refused(&store, yaml, &[]), @r"
    Error: the file has pull-secret among its applications
    Hint: that has a section of its own, pull-secret, beside applications
    ");
}

/// What would be stored and could not be read back.
#[test]
fn credentials_that_the_store_cannot_keep_are_refused() {
    let store = SmallStore::new();
    let registry = |username: &str, password: &str| {
        format!(
            "pull-secret: {{registries: {{ghcr.io: {{username: '{username}', password: \
             '{password}'}}}}}}"
        )
    };
    assert_snapshot!(refused(&store, &registry("a:b", "hunter2"), &[]), @r#"
    Error: the credentials for registry "ghcr.io" are not usable: the username holds a colon, or the username or the password is empty
    Hint: correct them in the file; nothing was stored
    "#);
    assert_snapshot!(refused(&store, &registry("", "hunter2"), &[]), @r#"
    Error: the credentials for registry "ghcr.io" are not usable: the username holds a colon, or the username or the password is empty
    Hint: correct them in the file; nothing was stored
    "#);
    assert_snapshot!(refused(&store, &registry("hunter2", ""), &[]), @r#"
    Error: the credentials for registry "ghcr.io" are not usable: the username holds a colon, or the username or the password is empty
    Hint: correct them in the file; nothing was stored
    "#);
}

#[test]
fn values_that_nobody_could_read_are_refused() {
    let store = SmallStore::new();
    store.holder("alice", &[&store.alice.recipient], &["demo/app"]);
    // That of `app` could be sealed, and is not.
    let stderr = refused_with(&store, COMPLETE, &[], 3);
    assert_snapshot!(stderr.trim_start_matches(NEW).trim_start_matches(UNSEEN), @r#"
    Error: demo/other/shared cannot be sealed: no holder in recipients/ has access to it
    Hint: give a holder access, by a line such as: access = ["demo"]
    "#);
}

#[test]
fn stored_values_that_do_not_open_are_replaced_on_demand_alone() {
    let store = SmallStore::new();
    import(&store, COMPLETE, &[]).success();
    let store = store.without_own_identity();
    let stderr = refused_with(&store, COMPLETE, &[], 3);
    assert_snapshot!(stderr, @"
    Error: 10 stored values cannot be opened
      • secrets/demo/app/%2Edockerconfigjson.age: none of the identities at hand can open it
      • secrets/demo/app/dex.clientSecret.age: none of the identities at hand can open it
      • secrets/demo/app/password.age: none of the identities at hand can open it
      • secrets/demo/app/token.age: none of the identities at hand can open it
      • secrets/demo/app/with%20space.age: none of the identities at hand can open it
      • secrets/demo/oidc-clients/chronograf.age: none of the identities at hand can open it
      • secrets/demo/oidc-clients/other.age: none of the identities at hand can open it
      • secrets/demo/other/shared.age: none of the identities at hand can open it
      • secrets/demo/pull-secret/ghcr.io.age: none of the identities at hand can open it
      • secrets/demo/vault-write-token/token.age: none of the identities at hand can open it
    Hint: no identity was found: name one with -i FILE or PHALANX_SECRETS_IDENTITY
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    Hint: access to demo/oidc-clients can be given by those who have it: alice
    Hint: access to demo/other can be given by those who have it: alice
    Hint: access to demo/pull-secret can be given by those who have it: alice
    Hint: access to demo/vault-write-token can be given by those who have it: alice
    Hint: --replace stores the new values without comparing them with the stored ones
    ");
    let yaml = "applications: {app: {password: {value: hunter3}}}";
    import(&store, yaml, &["--replace"]).success();
    store.sandbox.install_identity(&store.alice.path);
    assert_eq!(store.get("app", "password"), b"hunter3");
}

#[test]
fn a_contributor_can_import_what_is_new() {
    let store = SmallStore::new();
    let bob = store.sandbox.age_identity("bob");
    store.sandbox.install_identity(&bob.path);
    import(&store, COMPLETE, &[]).success();
    store.run(["get", "demo", "app", "password"]).fails_with(3);
}

#[test]
fn an_environment_that_is_not_there_is_refused() {
    let store = SmallStore::new();
    let output = store.command(["import", "dmo", "-"]).stdin(COMPLETE).run().fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: there is no environment dmo: secrets/environments/dmo.toml does not exist
    Hint: did you mean demo?
    ");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let store = SmallStore::new();
    let path = store.sandbox.write("static.yaml", b"applications: \xff\n");
    let output = store.command(["import", "demo"]).args([path]).run().fails_with(2);
    assert_snapshot!(store.stderr(&output), @"
    Error: [SANDBOX]/work/static.yaml is not UTF-8 text
    Hint: is it a static-secrets YAML file? One that is encrypted must be opened first
    ");
}

#[test]
fn a_dry_run_shows_what_is_to_be_decided() {
    let store = SmallStore::new();
    store.set("app", "password", "old");
    let yaml = "applications: {app: {password: {value: new}, gone: {value: x}, token: {value: y}}}";
    let output = import(&store, yaml, &["--dry-run"]).fails_with(1);
    assert_snapshot!(store.stderr(&output), @r"
      new        app token
      different  app password
      unknown    app gone
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app with space
      missing    other shared
    Hint: then store them too with --allow-unknown, or leave them out with --skip-unknown
    Would store 1 new and 1 different values; 0 were stored already.
    4 static secrets still have no value; give them with: phalanx-secrets fill demo
    Warning: 1 thing was not stored: app gone
    ");
    let output = import(&store, yaml, &["--dry-run", "--skip-unknown"]).success();
    assert_snapshot!(store.stderr(&output), @r"
      new        app token
      different  app password
      unknown    app gone
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app with space
      missing    other shared
    Hint: then replace them with --replace
    Warning: no spec asks for demo/app/gone, so its value in the file is left out
    Would store 1 new and 1 different values; 0 were stored already.
    4 static secrets still have no value; give them with: phalanx-secrets fill demo
    ");
    assert_eq!(store.get("app", "password"), b"old");
    assert_eq!(store.sealed_files().len(), 1);
}

#[test]
fn empty_values_are_stored_on_demand_alone() {
    let store = SmallStore::new();
    let yaml = "applications: {app: {password: {value: ''}, token: {value: y}}}";
    assert_snapshot!(refused(&store, yaml, &[]), @r"
    Error: the file has empty values; nothing was stored
      • demo/app/password
    Hint: null stands for a value that is missing; if they should be empty: --allow-empty
    ");
    import(&store, yaml, &["--allow-empty"]).success();
    assert_eq!(store.get("app", "password"), b"");
}

#[test]
fn white_space_alone_replaces_nothing() {
    let store = SmallStore::new();
    store.set("app", "password", "good");
    let yaml = "applications: {app: {password: {value: \"\\n\"}, token: {value: ''}}}";
    assert_snapshot!(refused(&store, yaml, &["--replace"]), @r"
    Error: the file has values that are empty or white space alone; nothing was stored
      • demo/app/token
      • demo/app/password
    Hint: null stands for a value that is missing; if they should be empty: --allow-empty
    ");
    import(&store, yaml, &["--replace", "--allow-empty"]).success();
    assert_eq!(store.get("app", "password"), b"\n");
}

#[test]
fn clients_with_an_empty_part_or_one_id_are_refused() {
    let store = SmallStore::new();
    for (yaml, said) in [
        ("oidc-clients: {c: {id: '', secret: s, return_uri: u}}", "client \"c\" is not usable"),
        ("oidc-clients: {c: {secret: ' ', return_uri: u}}", "client \"c\" is not usable"),
        (
            "oidc-clients: {a: {id: i, secret: s, return_uri: u}, b: {id: i, secret: s, return_uri: u}}",
            "clients \"a\" and \"b\" have the same id",
        ),
    ] {
        let stderr = refused(&store, yaml, &["--allow-empty"]);
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn what_a_tag_stands_before_is_not_taken_for_the_value() {
    let store = SmallStore::new();
    let vault = "applications:\n  app:\n    password:\n      value: !vault |\n        \
                 $ANSIBLE_VAULT;1.1;AES256\n        6162\n";
    let bare = "applications:\n  app:\n    password: {value: !hunter2}\n";
    for (yaml, line) in [(vault, 5), (bare, 3)] {
        let error = refused(&store, yaml, &["--replace"]);
        assert!(error.contains(&format!("line {line}: a value begins with '!'")), "{error}");
        assert!(!error.contains("hunter2") && !error.contains("6162"), "{error}");
    }
}
