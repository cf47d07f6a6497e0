//! `vault create-read-token`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{World, world};

impl World {
    /// The token and the lease duration in a Kubernetes Secret.
    fn read_token_as_secret(&self, lifetime: &str) -> (String, String) {
        let command = [
            "create-read-token",
            "demo",
            "--as-secret",
            "vault-credentials",
            "--lifetime",
            lifetime,
        ];
        let made = self.create(&command);
        let decoded = |name: &str| {
            let bytes = STANDARD.decode(made(&format!("  {name}"))).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        (decoded("VAULT_TOKEN"), decoded("VAULT_TOKEN_LEASE_DURATION"))
    }
}

#[test]
fn the_read_token_may_what_the_approle_may() {
    let world = world("read-token");
    let made = world.create(&["create-read-token", "demo", "--lifetime", "20d"]);
    let (_, last) = world.names();
    assert_eq!(made("display_name"), format!("token-{last}-read"));
    let role = world.create(&["create-read-approle", "demo"]);
    let login = world.log_in(&role("role_id"), &role("secret_id")).unwrap();
    let may = world.tried(&made("token"));
    assert_eq!(may, world.tried(&login));
    assert!(may.contains("allowed read\n") && may.contains("refused update\n"), "{may}");
}

#[test]
fn it_comes_as_the_secret_that_the_operator_takes() {
    let world = world("read-secret");
    let command = ["vault", "create-read-token", "demo", "--as-secret", "vault-secrets-operator"];
    let printed = world.command(&command).run().success();
    let shown: Vec<&str> = printed
        .stdout()
        .lines()
        .map(|line| match line.trim_start().starts_with("VAULT_") {
            true => line.split_once(": ").unwrap().0,
            false => line,
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    apiVersion: v1
    kind: Secret
    metadata:
      name: vault-secrets-operator
      namespace: vault-secrets-operator
    data:
      VAULT_TOKEN
      VAULT_TOKEN_LEASE_DURATION
    type: Opaque
    ");
    let (token, seconds) = world.read_token_as_secret("1h");
    assert_eq!(seconds, "3600");
    assert!(world.is_known(&token));
    let wrong = ["vault", "create-read-token", "demo", "--as-secret", "Vault"];
    let wrong = world.command(&wrong).run().fails_with(2);
    assert!(wrong.stderr().contains("such as vault-credentials"), "{wrong:?}");
}

#[test]
fn older_read_tokens_are_revoked_and_write_tokens_are_not() {
    let world = world("older-read-tokens");
    let (_, last) = world.names();
    let writer = world.create(&["create-write-token", "demo"])("token");
    let (first, _) = world.read_token_as_secret("20d");
    let (second, _) = world.read_token_as_secret("20d");
    assert!(!world.is_known(&first) && world.is_known(&second) && world.is_known(&writer));
    drop(world.create(&["create-write-token", "demo"]));
    assert!(world.is_known(&second));
    assert_eq!(world.tokens_named(&format!("token-{last}-read")), 1);
}

#[test]
fn the_audit_takes_a_read_token_in_place_of_the_approle() {
    let world = world("read-token-audit");
    let (path, last) = world.names();
    drop(world.create(&["create-write-token", "demo"]));
    world.read_token_as_secret("20d");
    assert_eq!(world.vault_audit(0).stdout(), "");

    world.read_token_as_secret("1h");
    world.server.create_policy(&format!("{path}/read"), "path \"x\" {}");
    // The write token of another environment, called as this one's read token.
    let name = format!("{last}-read");
    let other = json!({ "display_name": name, "policies": ["elsewhere/write"], "ttl": "1h" });
    world.server.root("POST", "auth/token/create", Some(other));
    let audit = world.vault_audit(1);
    let report: Vec<&str> =
        audit.stdout().lines().map(|line| line.split(" at 2").next().unwrap()).collect();
    let report = report.join("\n").replace(path, "[PATH]").replace(last, "[NAME]");
    insta::assert_snapshot!(report, @r"
    Problems with read token (token-[NAME]-read):
    • Token will expire
    • Policy [PATH]/read doesn't have expected contents
    ");
    let mends = "phalanx-secrets vault create-read-token demo\n";
    assert!(audit.stderr().ends_with(mends), "{audit:?}");
    world.read_token_as_secret("20d");
    world.vault_audit(0);
    assert_eq!(world.tokens_named(&format!("token-{name}")), 2);
}
