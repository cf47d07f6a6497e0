//! `vault create-write-token`.

use std::fs;

use serde_json::json;

use super::world;

#[test]
fn the_write_token_may_do_what_a_sync_does_and_nothing_else() {
    let world = world("write-token");
    let (path, last) = world.names();
    let made = world.create(&["create-write-token", "demo"]);
    let token = made("token");
    assert_eq!(made("display_name"), format!("token-{last}"));
    insta::assert_snapshot!(world.tried(&token), @r"
    allowed list
    allowed read
    allowed read metadata
    allowed create
    allowed update
    allowed note
    allowed delete a version
    allowed undelete a version
    allowed destroy a version
    allowed delete
    allowed delete all versions
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
    let run = |arguments: &[&str]| {
        world.command(arguments).env("VAULT_TOKEN", &token).run().success().hides(&token)
    };
    // Even the note of the commit can be written.
    let output = run(&["sync", "demo", "--delete"]);
    assert!(!output.stderr().contains("Warning"), "{output:?}");
    run(&["audit", "demo"]);
    let policy = world.server.root("GET", &format!("sys/policies/acl/{path}/write"), None);
    assert!(policy["data"]["policy"].as_str().unwrap().contains("destroy"));
}

#[test]
fn older_write_tokens_are_revoked_once_the_new_one_works() {
    let world = world("older-tokens");
    let (_, last) = world.names();
    let token = world.create(&["create-write-token", "demo", "--lifetime", "30d"])("token");
    // Of another environment whose path ends alike.
    let body = json!({ "display_name": last, "policies": ["elsewhere/write"] });
    let other = world.server.root("POST", "auth/token/create", Some(body));
    let other = other["auth"]["client_token"].as_str().unwrap().to_owned();
    assert!(world.is_known(&token));

    let output = world.command(&["vault", "create-write-token", "demo", "--store"]).run().success();
    assert!(output.stderr().contains("revoked the older one"), "{output:?}");
    assert_eq!(output.stdout(), "");
    assert!(!world.is_known(&token));
    assert!(world.is_known(&other));
    let stored = world.command(&["get", "demo", "vault-write-token", "token"]).run().success();
    let stored = stored.stdout().to_owned();
    assert!(world.is_known(&stored));
    // The stored one is what a sync takes.
    let sync = world.sandbox.command(["sync", "demo"]).current_dir(&world.root).run();
    sync.success().hides(&stored);
    assert!(world.server.read(&world.prefix, "app").is_some());

    // What cannot be stored is revoked, and the older one stays.
    let before = world.tokens_named(&format!("token-{last}"));
    assert_eq!(before, 2);
    let folder = world.root.join("secrets/demo/vault-write-token");
    let aside = world.root.join("aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "no folder").unwrap();
    let output = world.command(&["vault", "create-write-token", "demo", "--store"]).run();
    let output = output.fails_with(3);
    assert!(output.stderr().contains("it is revoked, and older ones are kept"), "{output:?}");
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    assert!(world.is_known(&stored));
    let mine = world.tokens_named(&format!("token-{last}"));
    assert_eq!(mine, before, "{output:?}");
}

#[test]
fn the_token_is_printed_as_the_python_cli_prints_it() {
    let world = world("token-text");
    let (path, last) = world.names();
    let command = ["vault", "create-write-token", "demo", "--lifetime", "20d"];
    let printed = world.command(&command).run().success();
    let field = |name: &str| {
        let prefix = format!("{name}: ");
        printed.stdout().lines().find_map(|line| line.strip_prefix(&prefix)).unwrap()
    };
    let body = json!({ "accessor": field("accessor") });
    let token = world.server.root("POST", "auth/token/lookup-accessor", Some(body));
    // Python has six digits behind the point, and the zone as an offset.
    let expires = token["data"]["expire_time"].as_str().unwrap().replace('T', " ");
    let expires: String = expires.trim_end_matches('Z').chars().take(26).collect();
    let expected = format!(
        "accessor: {}\ndisplay_name: token-{last}\nexpires: {expires:0<26}+00:00\npolicies:\n\
         - default\n- {path}/write\ntoken: {}\n",
        field("accessor"),
        field("token"),
    );
    assert_eq!(printed.stdout(), expected);
}

#[test]
fn a_lifetime_that_vault_cuts_short_is_said() {
    let world = world("lifetime");
    let output = world.command(&["vault", "create-write-token", "demo"]).run().success();
    assert!(output.stderr().contains("Vault limits it"), "{output:?}");
    let output =
        world.command(&["vault", "create-write-token", "demo", "--lifetime", "3600"]).run();
    assert!(!output.success().stderr().contains("Warning"), "");
    let output =
        world.command(&["vault", "create-write-token", "demo", "--lifetime", "long"]).run();
    let output = output.fails_with(4);
    assert!(output.stderr().contains("cannot make a token"), "{output:?}");
}
