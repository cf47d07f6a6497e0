//! What must be stored, and for whom.

use std::net::TcpListener;

use insta::assert_snapshot;

use super::{assert_is_clean, findings, kinds_and_files, store_in_order};
use crate::support::cli::Sandbox;
use crate::support::standalone::Repository;

#[test]
fn a_store_in_order_needs_no_key_and_says_so() {
    let store = store_in_order();
    let output = store.run(["check"]).success();
    assert_eq!(output.stdout(), "");
    assert_snapshot!(output.stderr(), @r"
    Only the one key of alice opens 6 values: whoever loses it loses them, unless a second holder, or a second key, can read them too
    Checked 6 values of 1 environment: all is well
    ");
    assert_eq!(store.run(["check", "--json"]).success().stdout(), "[]\n");
    assert_is_clean(&store, &["demo"]);
    let output = store.run(["check", "dmo"]).fails_with(2);
    assert!(output.stderr().contains("did you mean demo?"), "{output:?}");
}

#[test]
fn nothing_is_asked_of_any_server() {
    let store = store_in_order();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let text = format!(
        "vault-url = \"http://{}\"\nvault-path-prefix = \"secret/demo\"\napplications = [\"app\", \
         \"other\"]\n",
        server.local_addr().unwrap()
    );
    store.write("secrets/environments/demo.toml", text);
    assert_is_clean(&store, &[]);
    let error = server.accept().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn what_is_missing_is_named_with_the_command_to_store_it() {
    let store = store_in_order();
    std::fs::remove_file(store.root.join("secrets/demo/app/tls.key.age")).unwrap();
    assert_snapshot!(findings(&store, &[]), @r"
    Required and not stored:
      • demo/app/tls.key
      → store it: phalanx-secrets set demo app tls.key
    ");
    std::fs::remove_file(store.root.join("secrets/demo/app/token.age")).unwrap();
    assert_snapshot!(findings(&store, &["demo"]), @r"
    Required and not stored:
      • demo/app/tls.key
      • demo/app/token
      → store it: phalanx-secrets set demo APPLICATION KEY
      → or all at once: phalanx-secrets static-template demo > FILE, fill it in outside of the checkout, phalanx-secrets import demo FILE
    ");
}

#[test]
fn an_environment_without_anything_is_one_finding() {
    let store = store_in_order();
    for name in ["summit", "base"] {
        let text = String::from_utf8(store.bytes("secrets/environments/demo.toml")).unwrap();
        let file = format!("secrets/environments/{name}.toml");
        store.write(&file, text.replace("secret/demo", &format!("secret/{name}")));
    }
    assert_snapshot!(findings(&store, &[]), @r#"
    Environments for which nothing is stored:
      • base: none of its 6 static values is stored
      • summit: none of its 6 static values is stored
      → to keep them here: phalanx-secrets static-template ENVIRONMENT > FILE, fill it in outside of the checkout, phalanx-secrets import ENVIRONMENT FILE
      → if they are kept elsewhere, say so in secrets/store.toml: not-served = ["base", "summit"]
    "#);
    assert_is_clean(&store, &["demo"]);
    // What it says is what helps.
    let settings = "format = 1\nlayout = \"standalone\"\nnot-served = [\"base\", \"summit\"]\n";
    store.write("secrets/store.toml", settings);
    assert_is_clean(&store, &[]);
    // Those that are listed already stay listed.
    store.write("secrets/store.toml", settings.replace(", \"summit\"", ""));
    assert_snapshot!(findings(&store, &[]), @r#"
    Environments for which nothing is stored:
      • summit: none of its 6 static values is stored
      → to keep them here: phalanx-secrets static-template summit > FILE, fill it in outside of the checkout, phalanx-secrets import summit FILE
      → if they are kept elsewhere, say so in secrets/store.toml: not-served = ["base", "summit"]
    "#);
}

#[test]
fn values_of_an_environment_that_is_not_served_need_not_be_all_there_but_be_sealed() {
    let store = store_in_order();
    let settings = "format = 1\nlayout = \"standalone\"\nnot-served = [\"demo\"]\n";
    store.write("secrets/store.toml", settings);
    std::fs::remove_file(store.root.join("secrets/demo/app/token.age")).unwrap();
    assert_is_clean(&store, &[]);
    store.write("secrets/demo/app/token.age", "in the clear");
    store.write("secrets/demo/app/absent.age", store.bytes("secrets/demo/app/password.age"));
    assert_eq!(
        kinds_and_files(&store.sandbox, &store.root, &[]),
        [
            "plaintext secrets/demo/app/token.age",
            "moved secrets/demo/app/absent.age",
            "stray secrets/demo/app/absent.age",
        ]
    );
}

#[test]
fn names_that_are_no_environment_are_found_in_the_settings() {
    let store = store_in_order();
    let settings = "format = 1\nlayout = \"standalone\"\nnot-served = [\"bse\", \"../x\"]\n";
    store.write("secrets/store.toml", settings);
    assert_snapshot!(findings(&store, &[]), @r#"
    Settings that mean nothing:
      • secrets/store.toml: not-served names "bse", which is no environment
      • secrets/store.toml: not-served names "../x", which is no environment
      → correct secrets/store.toml
    "#);
}

/// There, Vault may have what is not stored; a name that is wrong is none of
/// them.
#[test]
fn nothing_is_missing_where_vaults_values_are_kept() {
    let store = store_in_order();
    std::fs::remove_file(store.root.join("secrets/demo/app/token.age")).unwrap();
    let settings = "format = 1\nlayout = \"standalone\"\nkeep-vault-static = ";
    store.write("secrets/store.toml", format!("{settings}[\"demo\"]\n"));
    store.run(["check"]).success();
    store.write("secrets/store.toml", format!("{settings}[\"dmeo\"]\n"));
    let found = findings(&store, &[]);
    let said = "  • secrets/store.toml: keep-vault-static names \"dmeo\", which is no environment; did you \
         mean demo?\n";
    assert!(found.contains(said) && found.contains("demo/app/token"), "{found}");
}

#[test]
fn a_broken_environment_does_not_hide_the_rest() {
    let store = store_in_order();
    store.write("secrets/environments/broken.toml", "vault-url = 1\n");
    store.write("secrets/broken/app/password.age", "in the clear");
    std::fs::remove_file(store.root.join("secrets/demo/app/token.age")).unwrap();
    assert_snapshot!(findings(&store, &[]), @r"
    Not sealed:
      • secrets/broken/app/password.age: it is no age file
      → take what it holds for exposed if it was ever pushed; change it where it comes from, then store it: phalanx-secrets set broken app password

    Required and not stored:
      • demo/app/token
      → store it: phalanx-secrets set demo app token

    Environments that cannot be read:
      • broken: secrets/environments/broken.toml:1: expected a string
      → correct the file that is named
    ");
}

#[test]
fn settings_and_withdrawals_that_cannot_be_read_are_findings_and_no_end() {
    let store = store_in_order();
    store.write("recipients/withdrawn.toml", "withdrawn = 1\n");
    store.write("secrets/demo/app/notes.txt", "x");
    let found = findings(&store, &[]);
    assert!(found.contains("recipients/withdrawn.toml:1: "), "{found}");
    assert!(found.contains("secrets/demo/app/notes.txt"), "{found}");
    std::fs::remove_file(store.root.join("recipients/withdrawn.toml")).unwrap();
    let good = store.bytes("secrets/store.toml");
    for text in ["format = 1\nlayout = \"standalone\"\nnot-servd = []\n", "<<<<<<< HEAD\n"] {
        store.write("secrets/store.toml", text);
        let found = findings(&store, &[]);
        assert!(found.contains("secrets/store.toml:"), "{found}");
        assert!(found.contains("secrets/demo/app/notes.txt"), "{found}");
        // It may be kept elsewhere.
        assert!(!found.contains("Required and not stored"), "{found}");
        // Whatever changes a value reads them.
        store.run(["set", "demo", "app", "token"]).fails_with(3);
    }
    // Of a later format, nothing is known.
    store.write("secrets/store.toml", "format = 2\n");
    store.run(["check"]).fails_with(3);
    store.write("secrets/store.toml", good);
    std::fs::remove_file(store.root.join("secrets/demo/app/notes.txt")).unwrap();
    assert_is_clean(&store, &[]);
}

#[test]
fn what_the_environment_as_a_whole_needs_has_rules_of_its_own() {
    let store = store_in_order();
    store.sandbox.install_identity(&store.alice.path);
    store.set("pull-secret", "ghcr.io", "user:password");
    store.set("oidc-clients", "c", r#"{"id": "c", "secret": "s", "return_uri": "u"}"#);
    store.set("vault-write-token", "token", "t");
    assert_is_clean(&store, &["--open"]);
    let file = "secrets/demo/vault-write-token/other.age";
    store.write(file, store.bytes("secrets/demo/vault-write-token/token.age"));
    let found = findings(&store, &[]);
    assert!(found.contains(&format!("{file}: the key of vault-write-token is token")), "{found}");
}

#[test]
fn json_names_the_secret_and_the_file() {
    let store = store_in_order();
    std::fs::remove_file(store.root.join("secrets/demo/app/token.age")).unwrap();
    store.write("secrets/demo/app/password.age", "in the clear");
    store.write("secrets/notes.txt", "notes");
    assert_snapshot!(findings(&store, &["--json"]), @r#"
    [
      {
        "kind": "plaintext",
        "environment": "demo",
        "application": "app",
        "key": "password",
        "file": "secrets/demo/app/password.age",
        "line": null,
        "message": "it is no age file"
      },
      {
        "kind": "missing",
        "environment": "demo",
        "application": "app",
        "key": "token",
        "file": null,
        "line": null,
        "message": "it is required"
      },
      {
        "kind": "stray",
        "environment": null,
        "application": null,
        "key": null,
        "file": "secrets/notes.txt",
        "line": null,
        "message": "no such file belongs here"
      }
    ]
    "#);
}

#[test]
fn a_phalanx_checkout_is_checked_by_the_same_rules() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    let spec = "token:\n  description: >-\n    For the other side.\nmade:\n  description: Made\n  \
                generate:\n    type: password\n";
    let repository = Repository::phalanx(&sandbox, "phalanx")
        .environment("idfdev", "http://127.0.0.1:1", "secret/idfdev", &["app"])
        .environment("base", "http://127.0.0.1:1", "secret/base", &["app"])
        .environment("summit", "http://127.0.0.1:1", "secret/summit", &["app"])
        .application("app", spec)
        .holder("alice", &[&alice.recipient], &["*"]);
    let root = repository.root().to_owned();
    let found = || kinds_and_files(&sandbox, &root, &[]);
    assert_eq!(found(), ["empty base", "empty idfdev", "empty summit"]);

    let set = |environment| {
        let arguments = ["set", environment, "app", "token"];
        sandbox.command(arguments).current_dir(&root).stdin("value").run().success();
    };
    set("idfdev");
    set("base");
    let settings = "format = 1\nlayout = \"phalanx\"\nnot-served = [\"summit\"]\n";
    sandbox.write(root.join("secrets/store.toml"), settings);
    assert_eq!(found(), [""; 0]);

    // One whose YAML does not parse, a generated value, and a folder that only
    // the other layout has.
    sandbox.write(root.join("environments/values-base.yaml"), "applications: [\n");
    let sealed = std::fs::read(root.join("secrets/idfdev/app/token.age")).unwrap();
    sandbox.write(root.join("secrets/idfdev/app/made.age"), &sealed);
    sandbox.write(root.join("secrets/environments/idfdev.toml"), "x = 1\n");
    sandbox.write(root.join("secrets/base/app/token.age"), "in the clear");
    assert_eq!(
        found(),
        [
            "plaintext secrets/base/app/token.age",
            "moved secrets/idfdev/app/made.age",
            "stray secrets/environments",
            "stray secrets/idfdev/app/made.age",
            "specs base",
        ]
    );
}
