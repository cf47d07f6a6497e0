//! Environments whose paths in Vault end alike, or differ in their mount alone.

use serde_json::json;

use super::{World, world};
use crate::support::openbao::unique_prefix;

/// Another world whose path ends as that of the first.
fn twin(first: &World) -> World {
    let last = first.prefix.rsplit('/').next().unwrap();
    let above = unique_prefix("twin");
    World::at(&format!("{above}/{last}"), &[("app", super::APP)])
}

#[test]
fn the_second_of_two_paths_that_end_alike_leaves_the_first_its_approle() {
    let first = world("clash");
    let made = first.create(&["create-read-approle", "demo"]);
    drop(first.create(&["create-write-token", "demo"]));
    let second = twin(&first);
    let output = second.command(&["vault", "create-read-approle", "demo"]).run().fails_with(4);
    let other = format!("has the policy {}/read", first.names().0);
    assert!(output.stderr().contains(&other), "{output:?}");
    first.log_in(&made("role_id"), &made("secret_id")).unwrap();
    first.vault_audit(0);

    // The audit says whose it is, and how to make one.
    drop(second.create(&["create-write-token", "demo"]));
    let audit = second.vault_audit(1);
    let fitting = second.prefix.replace('/', "-");
    assert_eq!(audit.stdout(), format!("No read AppRole ({fitting})\n"));
    let make = format!("phalanx-secrets vault create-read-approle demo --role {fitting}");
    assert!(audit.stderr().contains(&make), "{audit:?}");
    assert!(audit.stderr().contains(&other), "{audit:?}");
    assert!(output.stderr().contains(&format!("--role {fitting}")), "{output:?}");
    let own = second.create(&["create-read-approle", "demo", "--role", &fitting]);
    second.log_in(&own("role_id"), &own("secret_id")).unwrap();
    second.vault_audit(0);
    first.vault_audit(0);
    first.log_in(&made("role_id"), &made("secret_id")).unwrap();

    // Somebody may know better: the path of an environment changes.
    drop(second.create(&["create-read-approle", "demo", "--take-over"]));
    assert!(first.log_in(&made("role_id"), &made("secret_id")).is_err());
    for name in ["a/b", "..", "-x", ""] {
        let line = ["vault", "create-read-approle", "demo", "--role", name];
        second.command(&line).run().fails_with(2);
    }
}

#[test]
fn a_policy_of_the_same_path_on_another_mount_is_left_alone() {
    let first = world("clash-policy");
    drop(first.create(&["create-read-approle", "demo"]));
    let policy = format!("{}/read", first.names().0);
    let text = first.policy(&policy).replace("\"secret/", "\"kv/");
    first.server.create_policy(&policy, &text);
    for command in ["create-read-approle", "create-read-token"] {
        let output = first.command(&["vault", command, "demo"]).run().fails_with(4);
        assert!(output.stderr().contains("is about another place in Vault"), "{output:?}");
        assert_eq!(first.policy(&policy), text);
    }
    drop(first.create(&["create-read-token", "demo", "--take-over"]));
    assert!(first.policy(&policy).contains("\"secret/data/"));

    // One that is wrong in another way is this environment's all the same.
    first.server.create_policy(&policy, "path \"sys/health\" { capabilities = [\"read\"] }");
    drop(first.create(&["create-read-approle", "demo"]));
    let role = format!("auth/approle/role/{}", first.names().1);
    first.server.root("POST", &role, Some(json!({ "token_policies": ["something"] })));
    drop(first.create(&["create-read-approle", "demo"]));
}
