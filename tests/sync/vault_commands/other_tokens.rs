//! Tokens that have the name of an environment's write token, and another
//! policy.

use serde_json::json;

use super::{World, world};
use crate::support::openbao::OpenBao;

/// As the Python CLI's tests have it: a token of that name from elsewhere.
fn with_another(name: &str) -> (World, String) {
    let world = world(name);
    drop(world.create(&["create-read-approle", "demo"]));
    let other = world.make_token(json!({ "policies": ["something"], "ttl": "3650d" }));
    (world, other)
}

#[test]
fn other_tokens_of_the_name_are_listed_and_kept() {
    let (world, other) = with_another("others-kept");
    let (path, last) = world.names();
    let command = ["vault", "create-write-token", "demo", "--lifetime", "6d"];
    let made = world.command(&command).run().success();
    assert!(world.is_known(&other));
    let listed = made.stderr();
    let warning = format!(
        "Warning: other tokens are named token-{last}, without the policy {path}/write; they are \
         kept:\n  • accessor "
    );
    assert!(listed.contains(&warning), "{made:?}");
    assert!(listed.contains(": default, something; expires 20"), "{made:?}");
    assert!(listed.contains("--revoke-others"), "{made:?}");

    // What the Python CLI's audit says of them, and what mends it.
    let audit = world.vault_audit(1);
    let report: Vec<&str> =
        audit.stdout().lines().map(|line| line.split(" at 2").next().unwrap()).collect();
    let report = report.join("\n").replace(path, "[PATH]").replace(last, "[NAME]");
    insta::assert_snapshot!(report, @r"
    Multiple write tokens found
    Problems with write token (token-[NAME]):
    • Token will expire
    Problems with write token (token-[NAME]):
    • Missing policy [PATH]/write
    • Unexpected policy something
    ");
    let mends = "phalanx-secrets vault create-write-token demo --revoke-others\n";
    assert!(audit.stderr().ends_with(mends), "{audit:?}");
}

#[test]
fn other_tokens_of_the_name_are_revoked_on_demand() {
    let (world, other) = with_another("others-revoked");
    let older = world.create(&["create-write-token", "demo"])("token");
    let command = ["create-write-token", "demo", "--lifetime", "6d", "--revoke-others"];
    let made = world.create(&command);
    assert!(!world.is_known(&other) && !world.is_known(&older));
    assert!(world.is_known(&made("token")));

    // The one problem that is left, with the time as the Python CLI has it.
    let accessor = json!({ "accessor": made("accessor") });
    let token = world.server.root("POST", "auth/token/lookup-accessor", Some(accessor));
    let expires = token["data"]["expire_time"].as_str().unwrap();
    let expires = expires.replace('T', " ").chars().take(23).collect::<String>();
    let expected = format!(
        "Problems with write token ({}):\n• Token will expire at {expires}\n",
        made("display_name")
    );
    let audit = world.vault_audit(1);
    assert_eq!(audit.stdout(), expected);
    let mends = "phalanx-secrets vault create-write-token demo\n";
    assert!(audit.stderr().ends_with(mends), "{audit:?}");
}

#[test]
fn what_fails_revokes_no_other_token() {
    let (world, other) = with_another("others-failed");
    let command = ["vault", "create-write-token", "demo", "--revoke-others", "--lifetime", "long"];
    world.command(&command).run().fails_with(4);
    assert!(world.is_known(&other));
}

#[test]
fn the_token_in_use_is_never_revoked() {
    let (world, other) = with_another("in-use");
    let (path, last) = world.names();
    let everything = r#"path "*" { capabilities = ["create", "read", "update", "list", "sudo"] }"#;
    world.server.create_policy("administrators", everything);
    let policies = ["administrators".to_owned(), format!("{path}/write")];
    let administrator = world.make_token(json!({ "policies": policies, "ttl": "1h" }));
    let command = ["vault", "create-write-token", "demo", "--revoke-others"];
    let run = world.command(&command).env("VAULT_TOKEN", &administrator).run().success();
    assert!(run.stderr().contains(&format!("is itself named token-{last}; it is kept")), "{run:?}");
    assert!(world.is_known(&administrator) && !world.is_known(&other));
    assert!(world.is_known(OpenBao::ROOT_TOKEN));
}
