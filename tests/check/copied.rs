//! What is copied with something of another environment left in it.

use std::fs;
use std::path::Path;

use super::{findings, store_in_order};
use crate::support::cli::Sandbox;
use crate::support::standalone::Repository;

const APP: &str = "[secrets.token]\ndescription = \"x\"\n";

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn sealed_values_of_another_environment_are_found_and_not_used() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    let store = Repository::standalone(&sandbox, "store")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("demo", "http://127.0.0.1:1", "secret/demo", &["app"])
        .environment("new", "http://127.0.0.1:1", "secret/new", &["app"])
        .application("app", APP);
    let command = |arguments: &[&str]| {
        sandbox.command(arguments).current_dir(store.root()).env("VAULT_TOKEN", "x")
    };
    command(&["set", "demo", "app", "token"]).stdin("hunter2").run().success();
    command(&["set", "demo", "vault-write-token", "token"]).stdin("hvs.x").run().success();
    copy(&store.root().join("secrets/demo"), &store.root().join("secrets/new"));
    let check = command(&["check"]).run().fails_with(1);
    assert!(check.stdout().starts_with("In another secret's place:\n"), "{check:?}");
    for file in ["app/token", "vault-write-token/token"] {
        let line = format!("secrets/new/{file}.age: it was sealed for demo/{file}");
        assert!(check.stdout().contains(&line), "{check:?}");
    }
    for arguments in [&["sync", "new"][..], &["get", "new", "app", "token"], &["export", "new"]] {
        let output = command(arguments).run().fails_with(3);
        assert!(!output.stdout().contains("hunter2"), "{output:?}");
        assert!(output.stderr().contains("moved or copied here"), "{output:?}");
    }
    let sync = command(&["sync", "new"]).env_remove("VAULT_TOKEN").run().fails_with(3);
    assert!(sync.stderr().contains("secrets/new/vault-write-token/token.age"), "{sync:?}");
}

#[test]
fn settings_that_each_environment_has_of_its_own() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    let file = |name: &str, own: &str| {
        let path = format!("environments/values-{name}.yaml");
        let text = format!(
            "name: {name}\nvaultUrl: https://vault.example.org\n\
             vaultPathPrefix: secret/phalanx/{name}\n{own}applications: {{}}\n"
        );
        (path, text)
    };
    let own = |fqdn: &str, title: &str| {
        format!(
            "fqdn: {fqdn}\nonepassword:\n  connectUrl: https://connect.example.org\n  \
             vaultTitle: {title}\n"
        )
    };
    let mut store =
        Repository::phalanx(&sandbox, "phalanx").holder("alice", &[&alice.recipient], &["*"]);
    for (name, own) in [
        ("one", own("one.example.org", "RSP one")),
        ("copy", own("ONE.example.org", "RSP one")),
        ("other", own("other.example.org", "RSP other")),
        ("without", String::new()),
        ("bare", String::new()),
    ] {
        let (path, text) = file(name, &own);
        store = store.file(&path, &text);
    }
    fs::create_dir_all(store.root().join("applications")).unwrap();
    let check = |code| {
        let output = sandbox.command(["check"]).current_dir(store.root()).run();
        output.fails_with(code).stdout().to_owned()
    };
    insta::assert_snapshot!(check(1), @r"
    Left of another environment:
      • environments/values-copy.yaml:4: it has the domain name of one
      • environments/values-copy.yaml:7: it has the vault of one in 1Password, and would be given the values of that
      • environments/values-one.yaml:4: it has the domain name of copy
      • environments/values-one.yaml:7: it has the vault of copy in 1Password, and would be given the values of that
      → correct it in the file that is named
    ");

    // The settings of a store of another layout: nothing would be looked at.
    sandbox.write(store.root().join("secrets/store.toml"), "format = 1\nlayout = \"standalone\"\n");
    assert!(check(1).contains("layout is \"standalone\", but this is a Phalanx checkout"));
}

#[test]
fn a_layout_of_another_store_is_named() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    let store = Repository::standalone(&sandbox, "store")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("demo", "http://127.0.0.1:1", "secret/demo", &[]);
    sandbox.write(store.root().join("secrets/store.toml"), "format = 1\nlayout = \"phalanx\"\n");
    let output = sandbox.command(["check"]).current_dir(store.root()).run().fails_with(1);
    assert!(output.stdout().contains("but this is no Phalanx checkout"), "{output:?}");
}

#[test]
fn a_broken_file_that_all_share_is_a_finding_and_no_end() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    let store = Repository::phalanx(&sandbox, "phalanx")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("one", "http://127.0.0.1:1", "secret/one", &[])
        .file("environments/values.yaml", "vaultUrl: [\n");
    fs::create_dir_all(store.root().join("applications")).unwrap();
    let output = sandbox.command(["check"]).current_dir(store.root()).run().fails_with(1);
    assert!(output.stdout().contains("environments/values.yaml"), "{output:?}");
}

#[test]
fn files_of_environments_that_were_swapped_are_found() {
    let store = store_in_order();
    let file = |name: &str| format!("secrets/environments/{name}.toml");
    let demo = String::from_utf8(store.bytes(&file("demo"))).unwrap();
    let other = demo.replace("/demo\"", "/other\"");
    assert_ne!(demo, other);
    store.write(&file("other"), &other);
    let found = |options: &[&str]| findings(&store, options);
    assert!(!found(&[]).contains("is named after"));
    store.write(&file("demo"), &other);
    store.write(&file("other"), &demo);
    let text = found(&["--allow-missing"]);
    assert!(text.contains("demo.toml:"), "{text}");
    assert!(text.contains("its place in Vault (secret/other) is named after other"), "{text}");
    assert!(text.contains("its place in Vault (secret/demo) is named after demo"), "{text}");
}
