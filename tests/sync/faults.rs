//! What may be wrong with Vault or the way to it: the message, the exit code,
//! and that nothing is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use insta::assert_snapshot;
use serde_json::json;

use super::World;
use super::proxy::Proxy;
use crate::support::openbao::{OpenBao, shared};

const APP: &str = "secrets.made.generate.type = 'password'";

fn world(name: &str) -> World {
    World::new(name, &[("app", APP)])
}

#[test]
fn a_server_that_is_down() {
    let world = world("down");
    // Nobody listens on a port that was just given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = world.try_sync(&["--vault-url", &url]).fails_with(4);
    assert_snapshot!(world.redact(output.stderr()), @r"
    Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/secret): the server cannot be reached, after 5 attempts
    Caused by: error sending request
    Caused by: client error (Connect)
    Caused by: tcp connect error
    Caused by: Connection refused (os error 111)
    Hint: check the environment's Vault URL and that this machine can reach it (a VPN, a proxy, a firewall)
    ");
}

#[test]
fn a_server_that_is_sealed() {
    let (world, server) = (world("sealed"), OpenBao::start());
    server.seal();
    let run = |command| {
        let run = world.command(&[command, "demo", "--vault-url", server.url()]).run();
        world.redact(run.fails_with(4).stderr())
    };
    let error = run("sync");
    assert_eq!(run("audit"), error);
    assert_snapshot!(error, @r"
        Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/secret): the server is sealed (Vault says: Vault is sealed)
        Hint: someone with the unseal keys has to unseal it first
        ");
    server.unseal();
    world.sync(&["--vault-url", server.url()]);
    assert!(server.read(&world.prefix, "app").is_some());
}

#[test]
fn a_wrong_token() {
    let world = world("wrong-token");
    let run = world.command(&["sync", "demo"]).env("VAULT_TOKEN", "hvs.wrong").run();
    let output = run.fails_with(4).hides("hvs.wrong");
    assert_snapshot!(world.redact(output.stderr()), @r#"
    Error: cannot list the entries in Vault (GET [VAULT]/v1/secret/metadata/[PATH]/?list=true): permission denied: the token needs "list" on secret/metadata/[PATH]/, or else it is invalid or has expired (Vault says: permission denied)
    Hint: `vault token lookup` (or `bao token lookup`) says whether the token is valid and which policies it has; `vault token capabilities PATH` says what it may do there
    "#);
}

#[test]
fn a_wrong_mount() {
    let world = World::at("absent/test/mount", &[("app", APP)]);
    let output = world.try_sync(&[]).fails_with(4);
    assert_snapshot!(world.redact(output.stderr()), @r#"
    Error: cannot list the entries in Vault (GET [VAULT]/v1/absent/metadata/[PATH]/?list=true): no secrets engine is mounted at "absent" (Vault says: no handler for route "absent/metadata/[PATH]/". route entry not found.)
    Hint: the first part of the environment's Vault path prefix is the mount: check it, and VAULT_NAMESPACE if the server has namespaces
    "#);
}

#[test]
fn a_mount_of_version_1() {
    let server = shared();
    server.enable_mount("old-kv", 1);
    let world = World::at("old-kv/test/one", &[("app", APP)]);
    let output = world.sync_is_refused(4, &[]);
    assert_snapshot!(world.redact(output.stderr()), @r#"
    Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/old-kv): the secrets engine at "old-kv" is not KV version 2 but KV version 1
    Hint: name a KV version 2 mount as the first part of the environment's Vault path prefix; `vault kv enable-versioning MOUNT` turns version 1 into version 2
    "#);
    assert_eq!(server.request("GET", "old-kv?list=true", server.root_token(), None).0, 404);

    // A token that may not ask what the mount is must find out all the same.
    let rules = r#"path "old-kv/*" { capabilities = ["create", "read", "update", "list"] }
                   path "sys/internal/ui/mounts/old-kv" { capabilities = ["deny"] }"#;
    server.create_policy("old-kv", rules);
    let token = server.create_token(&["old-kv"]);
    let run = world.command(&["sync", "demo"]).env("VAULT_TOKEN", token).run();
    assert_snapshot!(world.redact(run.fails_with(4).stderr()), @r#"
    Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/old-kv): the secrets engine at "old-kv" is not KV version 2 but KV version 1
    Hint: name a KV version 2 mount as the first part of the environment's Vault path prefix; `vault kv enable-versioning MOUNT` turns version 1 into version 2
    "#);
}

#[test]
fn another_secrets_engine() {
    let world = World::at("sys/test", &[("app", APP)]);
    let output = world.try_sync(&[]).fails_with(4);
    assert_snapshot!(world.redact(output.stderr()), @r#"
    Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/sys): the secrets engine at "sys" is not KV version 2 but system
    Hint: name a KV version 2 mount as the first part of the environment's Vault path prefix; `vault kv enable-versioning MOUNT` turns version 1 into version 2
    "#);
}

#[test]
fn a_namespace_that_does_not_exist() {
    let world = world("namespace");
    let run = world.command(&["sync", "demo"]).env("VAULT_NAMESPACE", "absent").run();
    assert_snapshot!(world.redact(run.fails_with(4).stderr()), @r"
    Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/secret): there is no such namespace (Vault says: namespace not found)
    Hint: check VAULT_NAMESPACE
    ");
    assert_eq!(world.server.list(&world.prefix), [""; 0]);
}

#[test]
fn a_namespace_that_exists() {
    let world = world("in-namespace");
    let server = world.server;
    server.root("POST", "sys/namespaces/team", Some(json!({})));
    let in_team = [("X-Vault-Token", server.root_token()), ("X-Vault-Namespace", "team")];
    let mount = json!({ "type": "kv", "options": { "version": "2" } });
    assert_eq!(server.request_with("POST", "sys/mounts/secret", &in_team, Some(mount)).0, 204);
    let sync = || world.command(&["sync", "demo"]).env("BAO_NAMESPACE", "team").run();
    // The mount may still be upgrading itself.
    assert!((0..50).any(|_| sync().code() == 0));
    let path = format!("{}/app", world.prefix.replacen('/', "/data/", 1));
    assert_eq!(server.request_with("GET", &path, &in_team, None).0, 200);
    assert_eq!(world.server.list(&world.prefix), [""; 0]);
}

#[test]
fn tls_with_an_authority_of_ones_own() {
    let (world, server) = (world("tls"), OpenBao::start_with_tls());
    let url = &server.tls().url;
    let sync = || world.command(&["sync", "demo", "--vault-url", url]);
    let output = sync().run().fails_with(4);
    assert_snapshot!(world.redact(output.stderr()), @r"
    Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/secret): no TLS connection came about
    Caused by: error sending request
    Caused by: client error (Connect)
    Caused by: invalid peer certificate: UnknownIssuer
    Hint: if the server's certificate is of your own authority, name that authority's certificate in VAULT_CACERT
    ");
    assert_eq!(server.list(&world.prefix), [""; 0]);
    sync().env("VAULT_CACERT", &server.tls().ca_certificate).run().success();
    assert_eq!(server.list(&world.prefix), ["app"]);
    sync().env("BAO_CACERT", &server.tls().ca_certificate).run().success();
    sync().env("VAULT_SKIP_VERIFY", "true").run().success();

    let run = sync().env("VAULT_CACERT", world.sandbox.work().join("absent.pem")).run();
    assert_snapshot!(world.redact(run.fails_with(2).stderr()), @r"
    Error: cannot read the certificates of Vault's authority [SANDBOX]/work/absent.pem, which VAULT_CACERT names
    Caused by: No such file or directory (os error 2)
    Hint: correct the variable; without one for authorities, the system's own list is used
    ");
    // Plain HTTP at a port that speaks TLS.
    let plain = url.replace("https", "http");
    let output = world.try_sync(&["--vault-url", &plain]).fails_with(4);
    assert_snapshot!(world.redact(output.stderr()), @r"
    Error: cannot check the mount in Vault (GET [VAULT]/v1/sys/internal/ui/mounts/secret): the server answered 400 Bad Request
    Hint: if the server speaks TLS, the environment's Vault URL begins with https://
    ");
}

#[test]
fn a_url_that_is_none() {
    let world = world("url");
    let output = world.sync_is_refused(2, &["--vault-url", "https://bob:hunter2@vault"]);
    assert_snapshot!(output.hides("hunter2").stderr(), @"
    Error: the URL of the server is no use: it must not hold a user name or password
    Hint: it is what VAULT_ADDR would hold, such as https://vault.example.org:8200
    ");
}

#[test]
fn a_name_for_the_certificate_of_ones_own() {
    let (world, server) = (world("tls-name"), OpenBao::start_with_tls());
    let sync = |name: &str| {
        let command = world.command(&["sync", "demo", "--vault-url", &server.tls().url]);
        let command = command.env("VAULT_CACERT", &server.tls().ca_certificate);
        command.env("VAULT_TLS_SERVER_NAME", name).run()
    };
    let output = sync("vault.example.org").fails_with(4);
    assert!(output.stderr().contains("no TLS connection came about"), "{output:?}");
    // The URL has the address, and the certificate this name.
    sync("localhost").success();
    assert_eq!(server.list(&world.prefix), ["app"]);
    sync("not a name").fails_with(2);
}

#[test]
fn a_proxy_of_ones_own() {
    let world = world("through-proxy");
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let proxy = Proxy::new(world.server.url(), move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        None
    });
    world.command(&["sync", "demo"]).env("VAULT_PROXY_ADDR", &proxy.url).run().success();
    assert!(seen.load(Ordering::SeqCst) >= 4, "{seen:?}");
    world.command(&["sync", "demo"]).env("BAO_HTTP_PROXY", &proxy.url).run().success();
}

#[test]
fn entries_that_vault_deletes_by_itself_are_named() {
    let world = world("expiring");
    world.sync(&[]);
    let path = world.prefix.replacen('/', "/metadata/", 1);
    let limit = json!({ "delete_version_after": "720h", "cas_required": true });
    world.server.root("POST", &format!("{path}/app"), Some(limit));
    // Check-and-set is what every write does anyway.
    let output = world.sync(&["--regenerate"]);
    let warning = "Warning: Vault will delete app by itself at ";
    assert_eq!(output.stderr().matches(warning).count(), 1, "{output:?}");
    let output = world.sync(&[]);
    assert!(output.stderr().contains("will delete 1 of these entries by itself"), "{output:?}");
    let output = world.audit(&[]).success();
    assert!(output.stderr().contains("delete_version_after"), "{output:?}");
}

#[test]
fn a_mount_that_deletes_what_is_written_is_named_at_the_first_write() {
    let server = shared();
    server.enable_mount("kv-ends", 2);
    server.root("POST", "kv-ends/config", Some(json!({ "delete_version_after": "768h" })));
    let world = World::at("kv-ends/test/one", &[("app", APP)]);
    let output = world.sync(&[]);
    let warning = "Warning: Vault deletes by itself what is written here, 768h0m0s after";
    assert!(output.stderr().contains(warning), "{output:?}");
    assert_eq!(output.stderr().matches("delete_version_after").count(), 1, "{output:?}");
}

#[test]
fn what_was_destroyed_is_not_said_to_come_back() {
    let world = world("destroyed");
    world.sync(&[]);
    let path = world.prefix.replacen('/', "/destroy/", 1);
    let versions = json!({ "versions": [1] });
    world.server.root("PUT", &format!("{path}/app"), Some(versions));
    let output = world.sync(&[]);
    assert!(output.stderr().contains("app was destroyed in Vault (version 1)"), "{output:?}");
    assert!(output.stderr().contains("restore a backup first"), "{output:?}");
    assert_eq!(world.version("app"), 2);
}

#[test]
fn a_mount_that_keeps_one_version_is_named() {
    let server = shared();
    server.enable_mount("kv-one", 2);
    server.root("POST", "kv-one/config", Some(json!({ "max_versions": 1 })));
    let world = World::at("kv-one/test/one", &[("app", APP)]);
    let output = world.sync(&[]);
    assert!(!output.stderr().contains("max_versions"), "{output:?}");
    let output = world.sync(&["--regenerate"]);
    assert!(output.stderr().contains("keeps one version of each entry"), "{output:?}");
    // The newest version is there, whatever was pruned.
    world.sync_changes_nothing(&[]);
    assert_eq!(world.version("app"), 2);
}
