//! Variables that say how Vault is reached, with the meaning that they have for
//! `vault` itself.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::World;
use super::proxy::Proxy;
use crate::support::cli::Output;
use crate::support::openbao::{OpenBao, shared};

fn world(name: &str) -> World {
    World::new(name, &[("app", "secrets.a.value = 'x'")])
}

fn sync_with(world: &World, name: &str, value: impl AsRef<OsStr>) -> Output {
    world.command(&["sync", "demo"]).env(name, value).run()
}

/// A server that counts its requests, as the system's proxy or as Vault.
fn counting() -> (Proxy, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let proxy = Proxy::new(shared().url(), move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        None
    });
    (proxy, seen)
}

#[test]
fn a_value_that_is_not_understood_is_named_before_anything_is_sent() {
    let world = world("variables-wrong");
    let (server, seen) = counting();
    world.environment(&server.url, &world.prefix, &["app"]);
    let table: [(&str, &[&str]); 8] = [
        ("SKIP_VERIFY", &["yes", "on", "x", "tRUE", " true"]),
        ("CLIENT_TIMEOUT", &["x", "-1", "1.5", "10 s"]),
        ("MAX_RETRIES", &["x", "-1", "1.5", "99999999999"]),
        ("PROXY_ADDR", &["htp://127.0.0.1:1", "http://a:CANARY@:x", "http://"]),
        ("HTTP_PROXY", &["ftp://127.0.0.1:1"]),
        ("TLS_SERVER_NAME", &["not a name"]),
        ("CACERT", &["/none"]),
        ("CLIENT_CERT", &["/none"]),
    ];
    for maker in ["VAULT", "BAO"] {
        for (name, values) in &table {
            let name = format!("{maker}_{name}");
            for value in *values {
                let output = sync_with(&world, &name, value).hides("CANARY");
                assert_ne!(output.code(), 0, "{name}={value}");
                assert!(output.stderr().contains(&name), "{value} {output:?}");
                let other = if maker == "BAO" { "VAULT_" } else { "BAO_" };
                assert!(!output.stderr().contains(other), "{value} {output:?}");
            }
        }
    }
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        let output = sync_with(&world, name, "htp://user:CANARY@127.0.0.1:1").hides("CANARY");
        let output = output.fails_with(2);
        assert!(output.stderr().contains(name), "{output:?}");
    }
    for name in ["VAULT_TOKEN", "VAULT_NAMESPACE", "BAO_ADDR", "HTTPS_PROXY", "NO_PROXY"] {
        let output = sync_with(&world, name, OsStr::from_bytes(b"http://caf\xe9")).fails_with(2);
        assert!(output.stderr().contains(&format!("{name} is not UTF-8")), "{output:?}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    for (name, value) in [
        ("VAULT_SKIP_VERIFY", "False"),
        ("BAO_CLIENT_TIMEOUT", "1m30s"),
        ("VAULT_CLIENT_TIMEOUT", "0"),
        ("VAULT_MAX_RETRIES", "0"),
        ("VAULT_PROXY_ADDR", ""),
        ("HTTPS_PROXY", "127.0.0.1:1"),
    ] {
        sync_with(&world, name, value).success();
    }
}

#[test]
fn a_proxy_is_used_as_by_vault() {
    let world = world("variables-proxy");
    // Nobody is there under this name; the proxy knows the way.
    let url = "http://vault.invalid:8200";
    let (proxy, seen) = counting();
    let used = |variables: &[(&str, &str)]| {
        let mut command = world.command(&["audit", "demo"]).env("VAULT_MAX_RETRIES", "0");
        for (name, value) in variables {
            command = command.env(name, value);
        }
        seen.store(0, Ordering::SeqCst);
        let output = command.run();
        let is_used = seen.load(Ordering::SeqCst) > 0;
        assert_eq!(output.code() == 4, !is_used, "{variables:?} {output:?}");
        is_used
    };
    world.sync(&[]);
    world.environment(url, &world.prefix, &["app"]);
    let host = proxy.url.replace("http://", "");
    let (there, nobody) = (proxy.url.as_str(), "http://127.0.0.1:1");
    assert!(!used(&[]));
    for name in
        ["HTTP_PROXY", "http_proxy", "VAULT_PROXY_ADDR", "BAO_PROXY_ADDR", "VAULT_HTTP_PROXY"]
    {
        assert!(used(&[(name, there)]), "{name}");
        assert!(used(&[(name, &host)]), "{name}");
    }
    // For servers without TLS, another one does not count.
    assert!(!used(&[("HTTPS_PROXY", there)]));
    assert!(!used(&[("ALL_PROXY", there)]));
    // Whichever goes before.
    assert!(used(&[("HTTP_PROXY", there), ("http_proxy", nobody)]));
    assert!(used(&[("HTTP_PROXY", ""), ("http_proxy", there)]));
    assert!(used(&[("VAULT_PROXY_ADDR", there), ("VAULT_HTTP_PROXY", nobody)]));
    assert!(used(&[("VAULT_HTTP_PROXY", there), ("HTTP_PROXY", nobody)]));
    // Exceptions, which are none from Vault's own.
    for (name, except) in
        [("NO_PROXY", "*"), ("no_proxy", ".invalid"), ("NO_PROXY", "x, vault.invalid:8200")]
    {
        assert!(!used(&[("HTTP_PROXY", there), (name, except)]), "{except}");
        assert!(used(&[("VAULT_PROXY_ADDR", there), (name, except)]), "{except}");
    }
    assert!(used(&[("HTTP_PROXY", there), ("NO_PROXY", "other.invalid,vault.invalid:1")]));
    assert!(used(&[("HTTP_PROXY", there), ("NO_PROXY", "x"), ("no_proxy", "*")]));
    // This machine is never behind the system's proxy.
    world.environment(world.server.url(), &world.prefix, &["app"]);
    seen.store(0, Ordering::SeqCst);
    sync_with(&world, "HTTP_PROXY", there).success();
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[test]
fn authorities_are_those_of_the_first_variable_that_is_set() {
    let (world, server) = (world("variables-authorities"), OpenBao::start_with_tls());
    let tls = server.tls();
    let right = tls.ca_certificate.to_str().unwrap();
    let pem = fs::read_to_string(right).unwrap();
    let folder = world.sandbox.root().join("authorities");
    world.sandbox.write(folder.join("readme.txt"), "nothing of weight");
    world.sandbox.write(folder.join("ours.pem"), &pem);
    let folder = folder.to_str().unwrap();
    let sync = |variables: &[(&str, &str)]| {
        let mut command = world.command(&["sync", "demo", "--vault-url", &tls.url]);
        for (name, value) in variables {
            command = command.env(name, value);
        }
        command.run()
    };
    let order = [
        ("VAULT_CACERT", right),
        ("BAO_CACERT_BYTES", pem.as_str()),
        ("VAULT_CAPATH", folder),
        ("REQUESTS_CA_BUNDLE", right),
    ];
    for (place, good) in order.iter().enumerate() {
        sync(&[*good]).success();
        // Those that come after do not count, even if they are wrong.
        let mut with_later = vec![*good];
        with_later.extend(order[place + 1..].iter().map(|(name, _)| (*name, "/none")));
        sync(&with_later).success();
    }
    sync(&[("REQUESTS_CA_BUNDLE", folder)]).success();
    sync(&[]).fails_with(4);
    for (name, _) in order {
        let failed = sync(&[(name, "/none")]).fails_with(2);
        assert!(failed.stderr().contains(name), "{failed:?}");
    }
}

#[test]
fn an_identity_may_lie_at_a_path_that_is_not_utf_8() {
    let world = World::new("variables-path", &[("app", "secrets.b = {}")]);
    world.set("app", "b", "value");
    let name = OsStr::from_bytes(b"caf\xe9.txt");
    let from = world.sandbox.home().join(".config/phalanx-secrets/identity.txt");
    let to = world.sandbox.root().join(name);
    fs::rename(from, &to).unwrap();
    for variable in ["PHALANX_SECRETS_IDENTITY", "SOPS_AGE_KEY_FILE"] {
        let get = world.command(&["get", "demo", "app", "b"]).env(variable, &to);
        assert_eq!(get.run().success().stdout().trim(), "value");
    }
    let get = world.command(&["get", "demo", "app", "b"]);
    let refused = get.env("SOPS_AGE_KEY", OsStr::from_bytes(b"\xe9")).run().fails_with(2);
    assert!(refused.stderr().contains("SOPS_AGE_KEY is not UTF-8"), "{refused:?}");
}
