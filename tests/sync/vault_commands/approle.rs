//! `vault create-read-approle`.

use serde_json::json;

use super::world;

#[test]
fn the_read_approle_may_read_and_nothing_else() {
    let world = world("read-approle");
    let made = world.create(&["create-read-approle", "demo"]);
    let token = world.log_in(&made("role_id"), &made("secret_id")).unwrap();
    insta::assert_snapshot!(world.tried(&token), @r"
    allowed list
    allowed read
    allowed read metadata
    refused create
    refused update
    refused note
    refused delete a version
    refused undelete a version
    refused destroy a version
    refused delete
    refused delete all versions
    refused read in a folder below
    refused read beside
    refused write beside
    refused list above
    refused read policies
    refused write policies
    refused make tokens
    refused list tokens
    refused list mounts
    refused make SecretIDs
    ");
    let sync = world.command(&["sync", "demo"]).env("VAULT_TOKEN", &token).run();
    let sync = sync.fails_with(4);
    assert!(sync.stderr().contains("the token may not do all that"), "{sync:?}");
}

#[test]
fn older_secret_ids_are_revoked_once_the_new_one_works() {
    let world = world("older-secret-ids");
    let (_, last) = world.names();
    let first = world.create(&["create-read-approle", "demo", "--token-lifetime", "600"]);
    let role = world.server.root("GET", &format!("auth/approle/role/{last}"), None);
    assert_eq!(role["data"]["token_ttl"], 600);
    assert_eq!(role["data"]["token_type"], "service");
    let second = world.create(&["create-read-approle", "demo"]);
    assert_eq!(first("role_id"), second("role_id"));
    world.log_in(&first("role_id"), &first("secret_id")).unwrap_err();
    world.log_in(&second("role_id"), &second("secret_id")).unwrap();

    // What does not work is revoked, and the older one stays.
    let limits = json!({ "token_bound_cidrs": ["192.0.2.0/24"] });
    world.server.root("POST", &format!("auth/approle/role/{last}"), Some(limits));
    let output = world.command(&["vault", "create-read-approle", "demo"]).run().fails_with(4);
    assert!(output.stderr().contains("the older ones are kept, and it is revoked"), "{output:?}");
    let path = format!("auth/approle/role/{last}/secret-id");
    let accessors = world.server.root("LIST", &path, None);
    assert_eq!(accessors["data"]["keys"], json!([second("secret_id_accessor")]));
}

#[test]
fn a_role_keeps_its_lifetime_unless_another_is_given() {
    let world = world("role-lifetime");
    let (_, last) = world.names();
    let lifetime = |options: &[&str]| {
        let made = world.create(&[&["create-read-approle", "demo"], options].concat());
        let role = world.server.root("GET", &format!("auth/approle/role/{last}"), None);
        for name in ["token_ttl", "token_max_ttl"] {
            assert_eq!(made(name), role["data"][name].to_string());
        }
        (made("token_ttl"), made("token_max_ttl"))
    };
    let of = |seconds: &str| (seconds.to_owned(), seconds.to_owned());
    assert_eq!(lifetime(&[]), of("0"));
    assert_eq!(lifetime(&["--token-lifetime", "3600"]), of("3600"));
    assert_eq!(lifetime(&[]), of("3600"));
    assert_eq!(lifetime(&["--token-lifetime", "0"]), of("3600"));
    assert_eq!(lifetime(&["--token-lifetime", "7200"]), of("7200"));
    // As an administrator has set it by hand.
    let by_hand = json!({ "token_ttl": 600, "token_max_ttl": 900 });
    world.server.root("POST", &format!("auth/approle/role/{last}"), Some(by_hand));
    assert_eq!(lifetime(&[]), ("600".to_owned(), "900".to_owned()));
    let wrong = ["vault", "create-read-approle", "demo", "--token-lifetime", "-1"];
    world.command(&wrong).run().fails_with(2);
}

#[test]
fn the_approle_is_printed_as_the_python_cli_prints_it() {
    let world = world("approle-text");
    let (path, last) = world.names();
    let printed = world.command(&["vault", "create-read-approle", "demo"]).run().success();
    let role = format!("auth/approle/role/{last}");
    let role_id = world.server.root("GET", &format!("{role}/role-id"), None);
    let accessors = world.server.root("LIST", &format!("{role}/secret-id"), None);
    let secret_id = printed.stdout().lines().find_map(|line| line.strip_prefix("secret_id: "));
    let expected = format!(
        "policies:\n- {path}/read\nrole_id: {}\nsecret_id: {}\nsecret_id_accessor: \
         {}\ntoken_max_ttl: 0\ntoken_ttl: 0\n",
        role_id["data"]["role_id"].as_str().unwrap(),
        secret_id.unwrap(),
        accessors["data"]["keys"][0].as_str().unwrap(),
    );
    assert_eq!(printed.stdout(), expected);
}

#[test]
fn the_approle_comes_as_a_kubernetes_secret() {
    let world = world("as-secret");
    let command = ["vault", "create-read-approle", "demo", "--as-secret", "vault-credentials"];
    let output = world.command(&command).run().success();
    let shown: Vec<String> = output
        .stdout()
        .lines()
        .map(|line| match line.split_once("_ID: ") {
            Some((name, _)) => format!("{name}_ID: …"),
            None => line.to_owned(),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    apiVersion: v1
    kind: Secret
    metadata:
      name: vault-credentials
      namespace: vault-secrets-operator
    data:
      VAULT_ROLE_ID: …
      VAULT_SECRET_ID: …
    type: Opaque
    ");
    let wrong = ["vault", "create-read-approle", "demo", "--as-secret", "x\ny: z"];
    world.command(&wrong).run().fails_with(2);
}
