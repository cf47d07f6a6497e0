//! `check --staged`: what must not be committed, wherever it lies.

use super::{kinds_and_files, store_in_order};
use crate::support::small_store::SmallStore;

fn staged(store: &SmallStore) -> Vec<String> {
    store.git(&["add", "--all"]);
    kinds_and_files(&store.sandbox, &store.root, &["--staged"])
}

fn committed() -> SmallStore {
    let store = store_in_order();
    store.commit("The store");
    store
}

/// What is found of a file with these bytes.
fn found(store: &SmallStore, bytes: &[u8]) -> Vec<String> {
    store.write("deep/down/notes.txt", bytes);
    let found = staged(store);
    store.git(&["rm", "--quiet", "--force", "deep/down/notes.txt"]);
    found
}

#[test]
fn a_private_key_is_found_in_whatever_form() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let store = committed();
    let identity = std::fs::read_to_string(&store.alice.path).unwrap();
    let ssh = store.sandbox.ssh_key("anna");
    let ssh = std::fs::read_to_string(&ssh.path).unwrap();
    let pem = ssh.replace("OPENSSH", "RSA");
    for text in [&identity, &ssh, &pem] {
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        for bytes in [
            text.as_bytes(),
            &utf16,
            &[&[0xff, 0xfe], utf16.as_slice()].concat(),
            text.replace('\n', "\r\n").as_bytes(),
            format!("key: |\n{indented}").as_bytes(),
            format!("\u{feff}{text}").as_bytes(),
            format!("KEY=\"{}\"", text.replace('\n', "\\n")).as_bytes(),
        ] {
            let found = found(&store, bytes);
            assert_eq!(
                found,
                ["private-key deep/down/notes.txt"],
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
    for text in [&ssh, &pem] {
        let line = format!("KEY={}\n", STANDARD.encode(text));
        assert_eq!(found(&store, line.as_bytes()), ["private-key deep/down/notes.txt"]);
    }
    for word in ["AGE-SECRET-KEY-1… is an identity", "-----BEGIN OPENSSH PRIVATE KEY-----\n…\n"]
    {
        assert_eq!(found(&store, word.as_bytes()), [""; 0], "{word}");
    }
}

#[test]
fn the_key_of_a_holder_is_said_to_be_theirs() {
    let store = committed();
    store.write("mine.txt", std::fs::read(&store.alice.path).unwrap());
    store.git(&["add", "--all"]);
    let output = store.run(["check", "--staged"]).fails_with(1);
    let said = "  • mine.txt: it holds the private key of holder alice\n";
    assert!(output.stdout().contains(said), "{output:?}");
    assert!(output.stdout().contains("git rm --cached mine.txt"), "{output:?}");
    // What was committed before is not what is staged.
    store.commit("It happened");
    assert_eq!(staged(&store), [""; 0]);
}

#[test]
fn a_file_of_static_secrets_is_found_and_a_template_is_none() {
    let store = committed();
    let filled = "applications:\n  app:\n    token:\n      description: x\n      value: hunter2\n";
    assert_eq!(found(&store, filled.as_bytes()), ["static-file deep/down/notes.txt"]);
    let template = store.run(["static-template", "demo"]).success();
    assert_eq!(found(&store, template.stdout().as_bytes()), [""; 0]);
    let json = r#"{"vault-write-token": "hvs.x"}"#;
    assert_eq!(found(&store, json.as_bytes()), ["static-file deep/down/notes.txt"]);
    let encrypted = "applications: {a: {b: {value: 'ENC[AES256_GCM,data:x]'}}}\nsops: {}\n";
    assert_eq!(found(&store, encrypted.as_bytes()), [""; 0]);
    // An environment enables applications with the same word.
    assert_eq!(found(&store, b"applications:\n  argocd: true\n"), [""; 0]);
}

#[test]
fn an_import_from_within_the_checkout_says_so_at_once() {
    let store = committed();
    let file = "applications: {app: {token: {value: new}}}\n";
    store.write("static.yaml", file);
    let import = |path: &str| store.run(["import", "demo", path, "--yes"]).success();
    let said = "Warning: static.yaml lies in the checkout with values in the clear";
    let output = import("static.yaml");
    assert!(output.stderr().contains(said), "{output:?}");
    assert!(!output.stderr().contains("git tracks it"), "{output:?}");
    store.git(&["add", "static.yaml"]);
    let output = import("static.yaml");
    assert!(output.stderr().contains("git rm --cached static.yaml"), "{output:?}");
    let outside = store.sandbox.write(store.sandbox.work().join("static.yaml"), file);
    let output = import(outside.to_str().unwrap());
    assert!(!output.stderr().contains("lies in the checkout"), "{output:?}");
}

#[test]
fn what_a_commit_does_not_touch_is_not_its_business() {
    let store = committed();
    store.write(
        "secrets/environments/other.toml",
        concat!(
            "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/other\"\n",
            "applications = [\"other\"]\n",
        ),
    );
    assert_eq!(staged(&store), ["empty other"]);
    store.commit("Another environment, with nothing in it");
    // Nothing is staged, so the store is looked at as a whole.
    assert_eq!(staged(&store), ["empty other"]);
    store.write("README", "x");
    assert_eq!(staged(&store), [""; 0]);
    store.git(&["rm", "--quiet", "secrets/demo/app/token.age"]);
    assert_eq!(staged(&store), ["missing demo/app/token"]);
    store.run(["check", "--staged", "other"]).fails_with(1);
    // A holder concerns everything that is sealed.
    store.git(&["reset", "--quiet", "--hard"]);
    let bob = store.sandbox.age_identity("bob");
    store.write(
        "recipients/bob.toml",
        format!("keys = [{:?}]\naccess = [\"demo/other\"]\n", bob.recipient),
    );
    assert_eq!(staged(&store), ["stale secrets/demo/other/shared.age"]);
}
