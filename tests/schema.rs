//! The JSON schema of `secrets.yaml`: it takes what the reference
//! implementation's takes, and what it refuses the loader refuses too.

use std::fs;

use jsonschema::Validator;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::cli::Sandbox;
use crate::support::phalanx;
use crate::support::standalone::Repository;

/// Our schema, as the command prints it.
fn schema() -> Validator {
    let printed = Sandbox::new().run(["schema"]).success();
    assert_eq!(printed.stderr(), "");
    jsonschema::validator_for(&serde_json::from_str(printed.stdout()).unwrap()).unwrap()
}

/// The schema of the reference implementation, where it is at hand.
fn reference_schema() -> Option<Validator> {
    let text = fs::read_to_string(phalanx::reference()?.join("expected/secrets-schema.json"));
    Some(jsonschema::validator_for(&serde_json::from_str(&text.unwrap()).unwrap()).unwrap())
}

#[test]
fn the_schema_is_that_of_phalanx_to_the_byte() {
    // Of docs/extras/schemas/secrets.json at Phalanx 650a0ef2c.
    const DIGEST: &str = "6638df4787153bab6e2e9df4d094dc63a88d151cc304defc2e186ee9ab3a8b19";
    let printed = Sandbox::new().run(["schema"]).success();
    let digest = Sha256::digest(printed.stdout_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, DIGEST);
    let Some(reference) = phalanx::reference() else { return };
    let theirs = fs::read_to_string(reference.join("expected/secrets-schema.json")).unwrap();
    assert_eq!(printed.stdout(), theirs);
}

#[test]
fn the_schema_goes_into_a_file() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("secrets.json", "old");
    let printed = sandbox.run(["schema"]).success();
    let run = |option: &str, file: &str| sandbox.run(["schema", option, file]);
    assert_eq!(run("-o", "secrets.json").success().stdout(), "");
    assert_eq!(sandbox.read(&file), printed.stdout());
    run("--output", "docs/new.json").success();
    assert_eq!(sandbox.read("docs/new.json"), printed.stdout());
    // A link stays one.
    #[cfg(unix)]
    {
        sandbox.write("target.json", "old");
        std::os::unix::fs::symlink("target.json", sandbox.work().join("link.json")).unwrap();
        run("-o", "link.json").success();
        assert!(sandbox.work().join("link.json").is_symlink());
        assert_eq!(sandbox.read("target.json"), printed.stdout());
    }
    let refused = run("-o", ".").fails_with(3);
    assert!(refused.stderr().contains("cannot write"), "{refused:?}");
    let names = fs::read_dir(sandbox.work()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().starts_with('.')));
}

#[test]
fn every_file_of_phalanx_is_right() {
    let Some(reference) = phalanx::reference() else { return };
    let (ours, theirs) = (schema(), reference_schema().unwrap());
    let mut count = 0;
    for application in fs::read_dir(reference.join("phalanx/applications")).unwrap() {
        for file in fs::read_dir(application.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap();
            if name.starts_with("secrets") && name.ends_with(".yaml") {
                let text = fs::read_to_string(&file).unwrap();
                let document: Value = serde_saphyr::from_str(&text).unwrap();
                assert!(ours.is_valid(&document), "{}", file.display());
                assert!(theirs.is_valid(&document), "{}", file.display());
                count += 1;
            }
        }
    }
    assert_eq!(count, 114);
}

#[test]
fn the_schema_takes_what_the_reference_takes() {
    let Some(theirs) = reference_schema() else { return };
    let ours = schema();
    for document in right().into_iter().chain(wrong()).chain(wrong_for_one()) {
        assert_eq!(ours.is_valid(&document), theirs.is_valid(&document), "{document}");
    }
}

#[test]
fn the_schema_and_the_loader_agree() {
    let schema = schema();
    for document in right() {
        assert!(schema.is_valid(&document), "{document}");
        assert!(loads(&document), "{document}");
    }
    for document in wrong() {
        assert!(!schema.is_valid(&document), "{document}");
        assert!(!loads(&document), "{document}");
    }
}

#[test]
fn the_schema_and_the_loader_differ_in_these_alone() {
    let schema = schema();
    for document in wrong_for_one() {
        assert_ne!(schema.is_valid(&document), loads(&document), "{document}");
    }
}

/// Whether `list` takes a document. JSON is YAML, too.
fn loads(document: &Value) -> bool {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "checkout")
        .environment("demo", "http://vault.example.com", "secret/demo", &["app"])
        .application("app", &serde_json::to_string_pretty(document).unwrap());
    let output = sandbox.run_in(&repository, ["list", "demo"]);
    if output.code() != 0 {
        let place = "Error: applications/app/secrets.yaml:";
        let output = output.fails_with(3);
        assert!(output.stderr().starts_with(place), "{document}\n{output:?}");
        return false;
    }
    true
}

fn secret(rules: Value) -> Value {
    json!({ "key": rules })
}

fn generate(rules: Value) -> Value {
    secret(json!({ "generate": rules }))
}

fn right() -> Vec<Value> {
    let source = "other";
    vec![
        json!({}),
        json!({ "one": {}, "two": { "description": "Two" } }),
        secret(json!({})),
        secret(json!({ "description": "text", "if": "some.setting" })),
        secret(json!({ "description": null, "if": null, "copy": null, "generate": null })),
        secret(json!({ "value": "x" })),
        secret(json!({ "value": "" })),
        secret(json!({ "value": null })),
        secret(json!({ "value": "true", "description": "1" })),
        secret(json!({ "onepassword": {} })),
        secret(json!({ "onepassword": { "encoded": true } })),
        secret(json!({ "onepassword": { "other": 1 } })),
        secret(json!({ "copy": { "application": "a", "key": "k" } })),
        secret(json!({ "copy": { "application": "a", "key": "k", "if": "x" } })),
        secret(json!({ "copy": { "application": "a", "key": "k", "if": null } })),
        generate(json!({ "type": "password" })),
        generate(json!({ "type": "gafaelfawr-token" })),
        generate(json!({ "type": "fernet-key" })),
        generate(json!({ "type": "rsa-private-key" })),
        generate(json!({ "type": "oidc-clients" })),
        generate(json!({ "type": "password", "if": "x" })),
        generate(json!({ "type": "mtime", "source": source })),
        generate(json!({ "type": "bcrypt-password-hash", "source": source, "if": "x" })),
        secret(json!({
            "copy": { "application": "a", "key": "k", "if": "x" },
            "generate": { "type": "password", "if": "y" },
        })),
    ]
}

fn wrong() -> Vec<Value> {
    vec![
        json!([]),
        json!(["key"]),
        json!("text"),
        json!(1),
        secret(json!(null)),
        secret(json!("text")),
        secret(json!([])),
        secret(json!({ "unknown": "x" })),
        secret(json!({ "Description": "x" })),
        secret(json!({ "description": 1 })),
        secret(json!({ "description": ["x"] })),
        secret(json!({ "if": true })),
        secret(json!({ "if": {} })),
        secret(json!({ "value": 1 })),
        secret(json!({ "value": 1.5 })),
        secret(json!({ "value": false })),
        secret(json!({ "value": {} })),
        secret(json!({ "onepassword": null })),
        secret(json!({ "onepassword": true })),
        secret(json!({ "onepassword": { "encoded": null } })),
        secret(json!({ "onepassword": { "encoded": 2 } })),
        secret(json!({ "onepassword": { "encoded": [] } })),
        secret(json!({ "copy": "a/k" })),
        secret(json!({ "copy": {} })),
        secret(json!({ "copy": { "application": "a" } })),
        secret(json!({ "copy": { "key": "k" } })),
        secret(json!({ "copy": { "application": "a", "key": 1 } })),
        secret(json!({ "copy": { "application": "a", "key": null } })),
        secret(json!({ "copy": { "application": "a", "key": "k", "if": 1 } })),
        secret(json!({ "copy": { "application": "a", "key": "k", "more": 1 } })),
        generate(json!("password")),
        generate(json!({})),
        generate(json!({ "type": null })),
        generate(json!({ "type": "unheard-of" })),
        generate(json!({ "type": "Password" })),
        generate(json!({ "type": 1 })),
        generate(json!({ "type": ["password"] })),
        generate(json!({ "type": "password", "if": false })),
        generate(json!({ "type": "password", "more": 1 })),
        generate(json!({ "type": "password", "source": "other" })),
        generate(json!({ "type": "oidc-clients", "source": "other" })),
        generate(json!({ "type": "mtime" })),
        generate(json!({ "type": "bcrypt-password-hash" })),
        generate(json!({ "type": "bcrypt-password-hash", "source": 1 })),
        generate(json!({ "type": "mtime", "source": null })),
    ]
}

/// What only one of schema and loader refuses.
fn wrong_for_one() -> Vec<Value> {
    vec![
        // An empty file declares nothing, and so is right for the loader.
        json!(null),
        // What pydantic takes for a boolean although its schema does not.
        secret(json!({ "onepassword": { "encoded": "true" } })),
        // A schema does not say which rules exclude each other,
        secret(json!({
            "copy": { "application": "a", "key": "k" },
            "generate": { "type": "password" },
        })),
        secret(json!({ "value": "x", "generate": { "type": "password" } })),
        secret(json!({ "value": "x", "copy": { "application": "a", "key": "k" } })),
        // nor what is a name.
        secret(json!({ "copy": { "application": "../a", "key": "k" } })),
        secret(json!({ "copy": { "application": "a", "key": "" } })),
        generate(json!({ "type": "mtime", "source": " other" })),
        json!({ " key": {} }),
    ]
}
