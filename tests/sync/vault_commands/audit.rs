//! `vault audit`.

use serde_json::json;

use super::world;

#[test]
fn the_audit_says_what_is_wrong_in_the_words_of_the_python_cli() {
    let world = world("audit");
    let (path, last) = world.names();
    let audit = |code| {
        let output = world.command(&["vault", "audit", "demo"]).run().fails_with(code);
        output.stdout().replace(path, "[PATH]").replace(last, "[NAME]")
    };
    insta::assert_snapshot!(audit(1), @r"
    No read AppRole ([NAME])
    No write token (token-[NAME])
    ");
    drop(world.create(&["create-read-approle", "demo"]));
    drop(world.create(&["create-write-token", "demo"]));
    insta::assert_snapshot!(audit(0), @"");

    let policies = json!({ "token_policies": ["default", "other"] });
    world.server.root("POST", &format!("auth/approle/role/{last}"), Some(policies));
    world.server.create_policy(&format!("{path}/write"), "path \"x\" {}");
    let short = json!({ "display_name": last, "policies": ["default"], "ttl": "1h" });
    world.server.root("POST", "auth/token/create", Some(short));
    let report = audit(1);
    let report: Vec<&str> = report.lines().map(|l| l.split(" at 2").next().unwrap()).collect();
    insta::assert_snapshot!(report.join("\n"), @r"
    Problems with read AppRole ([NAME]):
    • Missing policy [PATH]/read
    • Unexpected policy other
    Multiple write tokens found
    Problems with write token (token-[NAME]):
    • Token will expire
    • Missing policy [PATH]/write
    • Policy [PATH]/write doesn't have expected contents
    Problems with write token (token-[NAME]):
    • Policy [PATH]/write doesn't have expected contents
    ");

    // Whoever may not look is told so, and nothing is taken for missing.
    let token = world.server.create_token(&["default"]);
    let output = world.command(&["vault", "audit", "demo"]).env("VAULT_TOKEN", token).run();
    let output = output.fails_with(4);
    assert_eq!(output.stdout(), "");
    assert!(output.stderr().contains("cannot read the AppRole"), "{output:?}");
}

#[test]
fn the_python_clis_own_steps_are_reported_alike() {
    let world = world("audit-steps");
    let (path, last) = world.names();
    let audit = |code| world.vault_audit(code).stdout().replace(path, "[PATH]");
    let audit = |code| audit(code).replace(last, "[NAME]");
    let role = |policies: &[&str]| {
        let body = json!({ "token_policies": policies, "token_type": "service" });
        world.server.root("POST", &format!("auth/approle/role/{last}"), Some(body));
    };
    let read = format!("{path}/read");
    world.server.create_policy(&read, "path \"blah\" {}");
    role(&["something"]);
    insta::assert_snapshot!(audit(1), @r"
    Problems with read AppRole ([NAME]):
    • Missing policy [PATH]/read
    • Unexpected policy something
    • Policy [PATH]/read doesn't have expected contents
    No write token (token-[NAME])
    ");
    drop(world.create(&["create-read-approle", "demo"]));
    role(&[&read, "extra"]);
    insta::assert_snapshot!(audit(1), @r"
    Problems with read AppRole ([NAME]):
    • Unexpected policy extra
    No write token (token-[NAME])
    ");
    drop(world.create(&["create-read-approle", "demo"]));
    world.make_token(json!({ "policies": ["something"], "ttl": "3650d" }));
    world.server.create_policy(&format!("{path}/write"), "path \"blah\" {}");
    insta::assert_snapshot!(audit(1), @r"
    Problems with write token (token-[NAME]):
    • Missing policy [PATH]/write
    • Unexpected policy something
    • Policy [PATH]/write doesn't have expected contents
    ");
}
