//! What concerns several secrets or environments: `set` in several, `rename`,
//! `copy-env`.

use insta::assert_snapshot;

use crate::support::cli::Output;
use crate::support::small_store::SmallStore;
use crate::support::terminal::Walk;

/// The small store, with a second environment `prod` of the same applications,
/// and bob, who may read that.
fn store() -> SmallStore {
    let store = SmallStore::in_order();
    let demo = String::from_utf8(store.bytes("secrets/environments/demo.toml")).unwrap();
    store.write("secrets/environments/prod.toml", demo.replace("secret/demo", "secret/prod"));
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["prod"]);
    store
}

fn get(store: &SmallStore, environment: &str, application: &str, key: &str) -> Vec<u8> {
    store.run(["get", environment, application, key]).success().stdout_bytes().to_vec()
}

fn rename(store: &SmallStore, arguments: &[&str]) -> Output {
    store.run([&["rename"], arguments].concat())
}

#[test]
fn a_value_is_set_in_several_environments_at_once() {
    let store = store();
    let output = store.command(["set", "demo,prod", "app", "password"]).stdin("x").run().success();
    assert_snapshot!(store.stderr(&output), @r"
    Stored demo/app/password, sealed to: alice
    Stored prod/app/password, sealed to: alice, bob
    ");
    for environment in ["demo", "prod"] {
        assert_eq!(get(&store, environment, "app", "password"), b"x");
    }
    // All of them or none.
    let before = store.bytes("secrets/demo/app/password.age");
    store.write("secrets/environments/prod.toml", "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/prod\"\napplications = [\"other\"]\n");
    let output = store.command(["set", "demo,prod", "app", "password"]).stdin("y").run();
    assert!(output.fails_with(2).stderr().contains("prod does not enable"));
    let output = store.command(["set", "demo,prd", "app", "password"]).stdin("y").run();
    assert!(output.fails_with(2).stderr().contains("did you mean prod?"));
    assert_eq!(store.bytes("secrets/demo/app/password.age"), before);
}

#[test]
fn a_value_is_made_as_specs_name_it() {
    let store = store();
    for (kind, length) in [("password", 64), ("gafaelfawr-token", 48), ("fernet-key", 44)] {
        let set = ["set", "demo,prod", "app", "password", "--yes", "--generate", kind];
        store.run(set).success();
        let value = get(&store, "demo", "app", "password");
        assert_eq!(value.len(), length, "{kind}");
        assert_eq!(get(&store, "prod", "app", "password"), value);
    }
    // Nothing is replaced without a word.
    let set = ["set", "demo,prod", "app", "password", "--generate", "rsa-private-key"];
    let output = store.run(set).fails_with(2);
    let question = "Replace the stored value of demo/app/password, prod/app/password?";
    assert!(output.stderr().contains(question), "{output:?}");
    assert_eq!(store.get("app", "password").len(), 44);
    Walk::through(store.command(set)).expect(question).send("n\n").run().success();
    assert_eq!(store.get("app", "password").len(), 44);
    Walk::through(store.command(set)).expect(question).send("y\n").run().success();
    assert!(store.get("app", "password").starts_with(b"-----BEGIN PRIVATE KEY-----\n"));
    store.run(["set", "demo", "app", "password", "--generate", "mtime"]).fails_with(2);
}

#[test]
fn a_renamed_value_keeps_its_time() {
    let store = store();
    let _ = store.command(["set", "demo,prod", "app", "password"]).stdin("x").run().success();
    let time = |file: &str| {
        let text = String::from_utf8(store.bytes(file)).unwrap();
        use base64::Engine as _;
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        let header = String::from_utf8_lossy(&bytes).into_owned();
        let line =
            header.lines().find(|line| line.starts_with("-> phalanx-secrets")).unwrap().to_owned();
        line.split(' ').nth(4).unwrap().to_owned()
    };
    let before = time("secrets/demo/app/password.age");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let output = rename(&store, &["demo,prod", "app", "password", "token"]).success();
    assert_snapshot!(store.stderr(&output), @r"
    Renamed demo/app/password to demo/app/token, sealed to: alice
    Renamed prod/app/password to prod/app/token, sealed to: alice, bob
    ");
    assert_eq!(time("secrets/demo/app/token.age"), before);
    assert_eq!(get(&store, "prod", "app", "token"), b"x");
    assert_eq!(store.sealed_files(), ["secrets/demo/app/token.age"]);
    store.run(["check", "--open", "--allow-missing"]).success();
    // To another application.
    rename(&store, &["demo", "app", "token", "shared", "--to-application", "other"]).success();
    assert_eq!(store.get("other", "shared"), b"x");
    assert_eq!(store.sealed_files(), ["secrets/demo/other/shared.age"]);
}

#[test]
fn a_renaming_that_was_interrupted_is_finished_by_the_next() {
    let store = store();
    store.set("app", "password", "x");
    let old = store.bytes("secrets/demo/app/password.age");
    rename(&store, &["demo", "app", "password", "token"]).success();
    store.write("secrets/demo/app/password.age", old);
    let new = store.bytes("secrets/demo/app/token.age");
    rename(&store, &["demo", "app", "password", "token"]).success();
    assert_eq!(store.bytes("secrets/demo/app/token.age"), new);
    assert_eq!(store.sealed_files(), ["secrets/demo/app/token.age"]);
}

#[test]
fn what_cannot_be_renamed_says_why() {
    let store = store();
    store.set("app", "password", "x");
    store.set("app", "dex.clientSecret", "y");
    for (arguments, code, said) in [
        (&["demo", "app", "password", "password"][..], 2, "has that name already"),
        (&["demo", "app", "token", "tls.key"], 3, "no value is stored for demo/app/token"),
        (&["demo", "app", "password", "toke"], 2, "did you mean token?"),
        (&["demo", "app", "password", "made"], 2, "is of kind generate"),
        (&["demo", "app", "password", "dex.clientSecret"], 3, "has another value already"),
        (&["demo,prod", "app", "password", "token"], 3, "no value is stored for prod/app/password"),
    ] {
        let before = store.sealed_files();
        let output = rename(&store, arguments).fails_with(code);
        assert!(output.stderr().contains(said), "{arguments:?}: {output:?}");
        assert_eq!(store.sealed_files(), before);
    }
    // What would be no use in its new place.
    for (new, application, said) in [
        ("ghcr.io", "pull-secret", "demo/pull-secret/ghcr.io was not stored"),
        ("made", "app", "is of kind generate"),
    ] {
        let to = ["demo", "app", "password", new, "--to-application", application];
        let output = rename(&store, &[&to[..], &["--allow-unknown"]].concat()).fails_with(2);
        assert!(output.stderr().contains(said), "{output:?}");
    }
    rename(&store, &["demo", "app", "password", "toke", "--allow-unknown"]).success();
}

/// Killed between two environments, it goes on from there, and its commit has
/// what the killed one did.
#[test]
fn a_renaming_of_several_that_was_interrupted_is_finished_and_committed() {
    let store = store();
    store.command(["set", "demo,prod", "app", "password"]).stdin("x").run().success();
    let git = |arguments: &[&str]| store.sandbox.git_in(&store.root, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "x"]);
    rename(&store, &["demo", "app", "password", "token"]).success();
    let output = rename(&store, &["demo,prod", "app", "password", "token", "--commit"]).success();
    assert!(output.stderr().contains("demo/app/password is named demo/app/token already"));
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(get(&store, "demo", "app", "token"), b"x");
    assert_eq!(get(&store, "prod", "app", "token"), b"x");
}

/// Nobody's exposure is forgotten by way of another name.
#[test]
fn an_exposed_value_stays_exposed() {
    let store = store();
    let carol = store.sandbox.age_identity("carol");
    store.holder("carol", &[&carol.recipient], &["demo/app"]);
    store.set("app", "password", "x");
    store.set("other", "shared", "y");
    store.run(["recipients", "remove", "carol"]).success();
    let exposed = |key: &str| {
        let output = store.run(["exposed", "demo"]).fails_with(1);
        assert!(output.stdout().contains(key), "{output:?}");
    };
    exposed("password");
    rename(&store, &["demo", "app", "password", "token"]).success();
    exposed("token");
    let output = rename(&store, &["demo", "app", "token", "shared", "--to-application", "other"]);
    assert!(output.fails_with(3).stderr().contains("is exposed"));
    let output = store.run(["copy-env", "demo", "prod"]).fails_with(1);
    assert_snapshot!(store.stderr(&output), @r"
    Warning: demo/app/token is exposed, so it is left out
      new        other shared
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app password
      missing    app tls.key
      missing    app token
    Stored 1 new and 0 different values; 0 were stored already.
    5 static secrets still have no value; give them with: phalanx-secrets fill prod
    Warning: 1 thing was not stored: app token
    ");
    store.run(["get", "prod", "app", "token"]).fails_with(3);
}

#[test]
fn a_new_environment_gets_what_it_needs() {
    let store = store();
    store.set("app", "password", "x");
    store.set("other", "shared", "y");
    store.set("pull-secret", "ghcr.io", "u:p");
    store.set("oidc-clients", "c", r#"{"id":"a","secret":"b","return_uri":"c"}"#);
    store.set("vault-write-token", "token", "t");
    let toml = "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/new\"\napplications = [\"app\"]\n";
    store.write("secrets/environments/new.toml", toml);
    let output = store.run(["copy-env", "demo", "new", "--dry-run"]).fails_with(1);
    assert_snapshot!(store.stderr(&output), @r"
    What belongs to demo alone is left out: oidc-clients c, vault-write-token token
      new        app password
      new        pull-secret ghcr.io
      unknown    other shared
      missing    app .dockerconfigjson
      missing    app dex.clientSecret
      missing    app tls.key
      missing    app token
    Would store 2 new and 0 different values; 0 were stored already.
    4 static secrets still have no value; give them with: phalanx-secrets fill new
    Warning: 1 thing was not stored: other shared
    ");
    assert!(!store.root.join("secrets/new").exists());
    store.run(["copy-env", "demo", "new"]).fails_with(1);
    assert_eq!(get(&store, "new", "app", "password"), b"x");
    assert_eq!(get(&store, "new", "pull-secret", "ghcr.io"), b"u:p");
    for (application, key) in [("oidc-clients", "c"), ("vault-write-token", "token")] {
        store.run(["get", "new", application, key]).fails_with(3);
    }
    store.run(["copy-env", "demo", "prod", "--exclude", "app"]).success();
    store.run(["get", "prod", "app", "password"]).fails_with(3);
    store.run(["check", "--open", "--allow-missing", "demo", "prod"]).success();
    // The new one lacks the application that `copied` starts from.
    let output = store.run(["check", "--allow-missing", "new"]).fails_with(1);
    assert!(output.stdout().contains("but other is not enabled here"), "{output:?}");

    // What is there already is replaced on demand, or where somebody says so.
    let _ = store.command(["set", "new", "app", "password"]).stdin("own").run().success();
    let output = store.run(["copy-env", "demo", "new"]).fails_with(2);
    assert!(output.stderr().contains("other values are stored"), "{output:?}");
    let walk = || Walk::through(store.command(["copy-env", "demo", "new"]));
    walk().expect("Replace the stored value that differs? [y/N] ").send("n\n").run().success();
    assert_eq!(get(&store, "new", "app", "password"), b"own");
    walk().expect("[y/N] ").send("y\n").expect("Stored 0 new and 1 different").run();
    assert_eq!(get(&store, "new", "app", "password"), b"x");
    let output = store.run(["copy-env", "demo", "prod", "-e", "ap"]).fails_with(2);
    assert!(output.stderr().contains("did you mean app?"), "{output:?}");
    let output = store.run(["copy-env", "demo", "demo"]).fails_with(2);
    assert!(output.stderr().contains("cannot be copied to itself"));
}
