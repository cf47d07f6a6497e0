//! This repository's own store: the first thing that a newcomer runs.

use std::path::Path;

use crate::support::cli::{Output, Sandbox};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[track_caller]
fn run(arguments: &[&str]) -> Output {
    let identity = Path::new(ROOT).join("examples/demo/identity.txt");
    let sandbox = Sandbox::new();
    let command = sandbox.command(["-c", ROOT]).args(arguments);
    command.env("PHALANX_SECRETS_IDENTITY", identity).run().success()
}

/// The secrets of a kind, each an application and a key.
fn of_kind(kind: &str) -> Vec<serde_json::Value> {
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(run(&["list", "demo", "--json"]).stdout()).unwrap();
    rows.into_iter().filter(|row| row["kind"] == kind).collect()
}

#[test]
fn it_lists_what_the_demo_needs() {
    let expected = "\
        argocd admin.password\n\
        argocd admin.passwordMtime\n\
        argocd admin.plaintext_password\n\
        argocd dex.clientSecret\n\
        gafaelfawr bootstrap-token\n\
        gafaelfawr database-password\n\
        gafaelfawr github-client-secret\n\
        gafaelfawr oidc-server-secrets\n\
        gafaelfawr session-secret\n\
        gafaelfawr signing-key\n\
        portal ADMIN_USER\n\
        portal aws-credentials.ini\n\
        postgres gafaelfawr_password\n\
        postgres root_password\n";
    assert_eq!(run(&["list", "demo"]).stdout(), expected);
}

#[test]
fn it_shows_every_kind_and_generator() {
    let generated = of_kind("generate");
    let mut generators: Vec<&str> =
        generated.iter().map(|row| row["type"].as_str().unwrap()).collect();
    generators.sort_unstable();
    generators.dedup();
    assert_eq!(
        generators,
        [
            "bcrypt-password-hash",
            "fernet-key",
            "gafaelfawr-token",
            "mtime",
            "oidc-clients",
            "password",
            "rsa-private-key",
        ]
    );
    for kind in ["static", "value", "copy"] {
        assert!(!of_kind(kind).is_empty(), "{kind}");
    }
}

#[test]
fn every_static_secret_is_stored() {
    for row in of_kind("static") {
        assert_eq!(row["state"], "stored", "{row}");
    }
}

#[test]
fn every_stored_value_opens_with_the_demo_identity_in_its_place() {
    for row in of_kind("static") {
        let (application, key) =
            (row["application"].as_str().unwrap(), row["key"].as_str().unwrap());
        let output = run(&["get", "demo", application, key]);
        assert!(!output.stdout().is_empty(), "{row}");
        assert_eq!(output.stderr(), "", "{row}");
    }
    // The registries and clients too, and whatever else is stored.
    let output = run(&["export", "demo"]);
    assert_eq!(output.stderr(), "");
    assert!(output.stdout().contains("ghcr.io") && output.stdout().contains("chronograf"));
}
