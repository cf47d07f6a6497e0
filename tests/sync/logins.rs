//! Logging in: a token for one command, which is revoked at its end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::World;
use super::proxy::{Fault, Proxy};
use crate::support::cli::Output;
use crate::support::openbao::OpenBao;

impl World {
    /// Mounts an auth method of its own, and gives its path.
    fn auth_method(&self, kind: &str) -> String {
        let mount = self.prefix.replace('/', "-");
        self.server.root("POST", &format!("sys/auth/{mount}"), Some(json!({ "type": kind })));
        mount
    }

    /// A policy that allows a sync, and its name.
    fn sync_policy(&self) -> String {
        self.sync_policy_on(self.server)
    }

    fn sync_policy_on(&self, server: &OpenBao) -> String {
        let data = self.prefix.replacen('/', "/data/", 1);
        let metadata = self.prefix.replacen('/', "/metadata/", 1);
        let policy = format!(
            "path \"{data}/*\" {{ capabilities = [\"create\", \"read\", \"update\"] }}\n\
             path \"{metadata}/*\" {{ capabilities = [\"list\", \"create\", \"update\"] }}\n"
        );
        let name = format!("sync-{}", self.prefix.replace('/', "-"));
        server.create_policy(&name, &policy);
        name
    }

    /// Runs a command without any token of its own.
    fn logged_in(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = self.command(arguments).env_remove("VAULT_TOKEN");
        for (name, value) in variables {
            command = command.env(name, value);
        }
        command.run()
    }

    /// How many tokens there are that a login at a mount gave.
    fn tokens_of(&self, mount: &str) -> usize {
        let accessors = self.server.root("LIST", "auth/token/accessors", None);
        let path = format!("auth/{mount}/login");
        let accessors = accessors["data"]["keys"].as_array().unwrap().clone();
        let is_of = |accessor: &&Value| {
            let body = json!({ "accessor": accessor });
            let root = OpenBao::ROOT_TOKEN;
            // Others' tokens may go meanwhile.
            let (status, answer) =
                self.server.request("POST", "auth/token/lookup-accessor", root, Some(body));
            status == 200 && answer["data"]["path"] == path.as_str()
        };
        accessors.iter().filter(is_of).count()
    }
}

const APP: &str = "secrets.made.generate.type = 'password'";

/// A world with an AppRole: its mount, and the ids.
fn with_approle(name: &str) -> (World, String, String, String) {
    let world = World::new(name, &[("app", APP)]);
    let (mount, policy) = (world.auth_method("approle"), world.sync_policy());
    let role = format!("auth/{mount}/role/job");
    world.server.root("POST", &role, Some(json!({ "token_policies": [policy] })));
    let role_id = world.server.root("GET", &format!("{role}/role-id"), None);
    let secret_id = world.server.root("POST", &format!("{role}/secret-id"), Some(json!({})));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = (text(&role_id["data"]["role_id"]), text(&secret_id["data"]["secret_id"]));
    (world, mount, ids.0, ids.1)
}

#[test]
fn an_approle_logs_in_and_leaves_no_token_behind() {
    let (world, mount, role_id, secret_id) = with_approle("login-approle");
    let ids = [("VAULT_ROLE_ID", &*role_id), ("BAO_SECRET_ID", &*secret_id)];
    let variables = [&ids[..], &[("VAULT_AUTH_MOUNT", &*mount)]].concat();
    let output = world.logged_in(&["sync", "demo"], &variables).success().hides(&secret_id);
    assert_eq!(output.stdout(), "Created Vault secret for app\n");
    assert_eq!(world.tokens_of(&mount), 0);
    world.logged_in(&["audit", "demo"], &variables).success();
    assert_eq!(world.tokens_of(&mount), 0);

    // Where something fails after the login, it is revoked all the same.
    world.declare("app", &format!("{APP}\nsecrets.given = {{}}\n"));
    world.logged_in(&["sync", "demo"], &variables).fails_with(3);
    let elsewhere = world.prefix.clone() + "-denied";
    world.environment(world.server.url(), &elsewhere, &["app"]);
    world.logged_in(&["sync", "demo"], &variables).fails_with(4);
    assert_eq!(world.tokens_of(&mount), 0);
    // A token that is not ours is nobody's to revoke.
    world.environment(world.server.url(), &world.prefix, &["app"]);
    world.audit(&[]).fails_with(1);
    world.audit(&[]).fails_with(1);
}

#[test]
fn a_login_that_is_not_accepted_is_explained() {
    let (world, mount, role_id, secret_id) = with_approle("login-refused");
    let wrong = [("VAULT_ROLE_ID", &*role_id), ("VAULT_SECRET_ID", "CANARY")];
    let with_mount = [&wrong[..], &[("VAULT_AUTH_MOUNT", &*mount)]].concat();
    let output = world.logged_in(&["sync", "demo"], &with_mount).hides("CANARY").fails_with(4);
    insta::assert_snapshot!(world.redact(output.stderr()).replace(&mount, "[MOUNT]"), @r"
    Error: cannot get a token in Vault (POST [VAULT]/v1/auth/[MOUNT]/login): the server does not accept this login (Vault says: invalid role or secret ID)
    Hint: check the role and what proves it (VAULT_AUTH_METHOD, VAULT_AUTH_ROLE, VAULT_ROLE_ID, VAULT_SECRET_ID), where the auth method is mounted (VAULT_AUTH_MOUNT), and VAULT_NAMESPACE
    ");
    let right = [("VAULT_ROLE_ID", &*role_id), ("VAULT_SECRET_ID", &*secret_id)];
    let nowhere = [&right[..], &[("VAULT_AUTH_MOUNT", "no/where")]].concat();
    let output = world.logged_in(&["sync", "demo"], &nowhere).hides(&secret_id).fails_with(4);
    assert!(output.stderr().contains("auth/no/where/login"), "{output:?}");
    for (variables, reason) in [
        (&[("VAULT_AUTH_METHOD", "magic")][..], "is none of token, approle"),
        (&[("VAULT_AUTH_METHOD", "approle")], "VAULT_ROLE_ID must be set"),
        (&[("VAULT_AUTH_METHOD", "jwt")], "permission id-token: write"),
        (&[("VAULT_AUTH_METHOD", "cert"), ("VAULT_AUTH_MOUNT", "../sys")], "VAULT_AUTH_MOUNT"),
        (&[("VAULT_AUTH_METHOD", "jwt"), ("VAULT_AUTH_JWT_FILE", "/no")], "/no cannot be read"),
    ] {
        let output = world.logged_in(&["sync", "demo"], variables).fails_with(2);
        assert!(output.stderr().contains(reason), "{output:?}");
    }
    // A token goes before the ids, unless the method is named.
    world
        .command(&["sync", "demo"])
        .env("VAULT_ROLE_ID", "x")
        .env("VAULT_SECRET_ID", "y")
        .run()
        .success();
    let named = world.command(&["sync", "demo"]).env("VAULT_AUTH_METHOD", "approle");
    named.env("VAULT_ROLE_ID", "x").run().fails_with(4);
    // One id alone is not passed over, where nothing else was named.
    for id in ["VAULT_ROLE_ID", "BAO_SECRET_ID"] {
        let output = world.logged_in(&["sync", "demo"], &[(id, "CANARY")]).hides("CANARY");
        let output = output.fails_with(2);
        assert!(output.stderr().contains(&format!("{id} is set and the other")), "{output:?}");
        world.command(&["sync", "demo"]).env(id, "x").run().success();
    }
}

#[test]
fn ids_go_before_what_is_stored_and_verbose_says_which_token_is_used() {
    let (world, mount, role_id, secret_id) = with_approle("login-order");
    world.set("vault-write-token", "token", "wrong");
    world.sandbox.write(world.sandbox.home().join(".vault-token"), "wrong");
    let ids = [
        ("VAULT_ROLE_ID", &*role_id),
        ("VAULT_SECRET_ID", &*secret_id),
        ("VAULT_AUTH_MOUNT", &*mount),
    ];
    let sync = ["sync", "demo", "--verbose"];
    let output = world.logged_in(&sync, &ids).success().hides(&secret_id);
    assert!(output.stderr().contains("Token: that of a login"), "{output:?}");
    let output = world.command(&sync).run().success();
    assert!(output.stderr().contains("Token: VAULT_TOKEN"), "{output:?}");
    let output = world.logged_in(&sync, &[]).fails_with(4);
    assert!(output.stderr().contains("Token: the stored vault-write-token"), "{output:?}");
    // An administrator's is never stored.
    let output = world.logged_in(&["vault", "audit", "demo", "--verbose"], &[]).fails_with(4);
    assert!(output.stderr().contains(".vault-token"), "{output:?}");
    std::fs::remove_file(world.sandbox.home().join(".vault-token")).unwrap();
    let output = world.logged_in(&["vault", "audit", "demo"], &[]).fails_with(2);
    assert!(!output.stderr().contains("vault-write-token"), "{output:?}");
}

/// A key that signs tokens, and its public half in PEM.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap())
    }

    fn public(&self) -> String {
        // RFC 5480: what says that the rest is a point of P-256.
        let mut key = vec![
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        key.extend_from_slice(self.0.public_key().as_ref());
        let key = STANDARD.encode(key);
        format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n")
    }

    /// A token for an audience.
    fn token(&self, audience: &str) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "aud": [audience], "sub": "repo:lsst-sqre/phalanx", "iat": now, "exp": now + 300,
        });
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = encode(&json!({ "alg": "ES256", "typ": "JWT" }));
        let signed = format!("{header}.{}", encode(&claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A server that gives everyone the same answer, and says what it was asked.
fn answering(answer: Value) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            let body = answer.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes());
            if sender.send(request).is_err() {
                break;
            }
        }
    });
    (url, receiver)
}

/// Reads a whole request.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut part).unwrap_or(0) {
            0 => return text,
            length => request.extend_from_slice(&part[..length]),
        }
    }
}

/// A world whose Vault accepts the tokens of an issuer.
fn with_jwt(name: &str) -> (World, String, Issuer) {
    let world = World::new(name, &[("app", APP)]);
    let (mount, policy) = (world.auth_method("jwt"), world.sync_policy());
    let issuer = Issuer::new();
    let config = json!({ "jwt_validation_pubkeys": [issuer.public()] });
    world.server.root("POST", &format!("auth/{mount}/config"), Some(config));
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["https://vault.example.org"],
        "bound_subject": "repo:lsst-sqre/phalanx", "token_policies": [policy],
    });
    world.server.root("POST", &format!("auth/{mount}/role/job"), Some(role));
    (world, mount, issuer)
}

#[test]
fn a_token_from_elsewhere_logs_in() {
    let (world, mount, issuer) = with_jwt("login-jwt");
    let method =
        [("VAULT_AUTH_METHOD", "jwt"), ("VAULT_AUTH_MOUNT", &mount), ("VAULT_AUTH_ROLE", "job")];
    let jwt = issuer.token("https://vault.example.org");
    let given = [&method[..], &[("VAULT_AUTH_JWT", &*jwt)]].concat();
    world.logged_in(&["sync", "demo"], &given).success().hides(&jwt);
    let file = world.sandbox.write("jwt", format!("{jwt}\n"));
    let from_file = [&method[..], &[("VAULT_AUTH_JWT_FILE", file.to_str().unwrap())]].concat();
    world.logged_in(&["audit", "demo"], &from_file).success();
    assert_eq!(world.tokens_of(&mount), 0);
    let other = issuer.token("https://elsewhere.example.org");
    let other = [&method[..], &[("VAULT_AUTH_JWT", &*other)]].concat();
    world.logged_in(&["audit", "demo"], &other).fails_with(4);
}

#[test]
fn a_job_of_github_actions_asks_for_its_token() {
    let (world, mount, issuer) = with_jwt("login-github");
    let jwt = issuer.token("https://vault.example.org");
    let (url, asked) = answering(json!({ "count": 1, "value": jwt }));
    let url = format!("{url}/token?api-version=2.0");
    let variables = [
        ("VAULT_AUTH_METHOD", "jwt"),
        ("VAULT_AUTH_MOUNT", &mount),
        ("VAULT_AUTH_ROLE", "job"),
        ("VAULT_AUTH_AUDIENCE", "https://vault.example.org"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY"),
    ];
    world.logged_in(&["sync", "demo"], &variables).success().hides("CANARY").hides(&jwt);
    let asked = asked.recv().unwrap();
    let line = "GET /token?api-version=2.0&audience=https%3A%2F%2Fvault.example.org HTTP/1.1";
    assert_eq!(asked.lines().next(), Some(line));
    assert!(asked.to_lowercase().contains("authorization: bearer canary"), "{asked}");

    let (url, _asked) = answering(json!({ "message": "CANARY" }));
    let mut variables = variables;
    variables[4].1 = &url;
    let output = world.logged_in(&["sync", "demo"], &variables).hides("CANARY").fails_with(4);
    assert!(output.stderr().contains("GitHub answered 200 OK to the request"), "{output:?}");
}

/// A pod shows its token as any other: to the auth method `jwt` here, since
/// there is no cluster that could review it for `kubernetes`.
#[test]
fn a_service_account_of_kubernetes_logs_in() {
    let (world, mount, issuer) = with_jwt("login-kubernetes");
    let jwt = issuer.token("https://vault.example.org");
    let file = world.sandbox.write("token", &jwt);
    let variables = [
        ("VAULT_AUTH_METHOD", "kubernetes"),
        ("VAULT_AUTH_MOUNT", &*mount),
        ("VAULT_AUTH_ROLE", "job"),
        ("VAULT_AUTH_JWT_FILE", file.to_str().unwrap()),
    ];
    world.logged_in(&["sync", "demo"], &variables).success().hides(&jwt);
    assert_eq!(world.tokens_of(&mount), 0);
    // Outside a pod there is no token of its own.
    let output = world.logged_in(&["sync", "demo"], &variables[..3]).fails_with(2);
    assert!(output.stderr().contains("serviceaccount/token cannot be read"), "{output:?}");
}

/// Makes a certificate authority, and gives its certificate.
fn authority(server: &OpenBao, mount: &str) -> String {
    server.root("POST", &format!("sys/mounts/{mount}"), Some(json!({ "type": "pki" })));
    let root = json!({ "common_name": "authority", "key_type": "ec" });
    let root = server.root("POST", &format!("{mount}/root/generate/internal"), Some(root));
    root["data"]["certificate"].as_str().unwrap().to_owned()
}

#[test]
fn a_client_certificate_logs_in() {
    let world = World::new("login-certificate", &[("app", APP)]);
    let server = OpenBao::start_with_tls();
    let (policy, authority) = (world.sync_policy_on(&server), authority(&server, "pki"));
    let role = json!({ "allow_any_name": true, "enforce_hostnames": false, "key_type": "ec" });
    server.root("POST", "pki/roles/job", Some(role));
    let issued =
        server.root("POST", "pki/issue/job", Some(json!({ "common_name": "job", "ttl": "1h" })));
    let file = |name: &str| {
        let text = issued["data"][name].as_str().unwrap();
        world.sandbox.write(name, text).to_str().unwrap().to_owned()
    };
    let (certificate, key) = (file("certificate"), file("private_key"));
    server.root("POST", "sys/auth/cert", Some(json!({ "type": "cert" })));
    let trusted = json!({ "certificate": authority, "token_policies": [policy] });
    server.root("POST", "auth/cert/certs/job", Some(trusted));
    let ca = server.tls().ca_certificate.to_str().unwrap().to_owned();
    let variables = [
        ("VAULT_AUTH_METHOD", "cert"),
        ("VAULT_AUTH_ROLE", "job"),
        ("VAULT_CACERT", &*ca),
        ("VAULT_CLIENT_CERT", &*certificate),
        ("VAULT_CLIENT_KEY", &*key),
    ];
    let sync = ["sync", "demo", "--vault-url", &server.tls().url];
    world.logged_in(&sync, &variables).success();
    assert_eq!(server.list(&world.prefix), ["app"]);
    world.logged_in(&sync, &variables[..3]).fails_with(4);
}

#[test]
fn the_credentials_of_one_server_are_not_taken_to_another() {
    let world = World::new("login-address", &[("app", APP)]);
    let url = format!("{}/", world.server.url());
    world.command(&["sync", "demo"]).env("VAULT_ADDR", &url).run().success();
    for name in ["VAULT_ADDR", "BAO_ADDR"] {
        let other = world.command(&["sync", "demo"]).env(name, "https://vault.example.org");
        let output = other.run().fails_with(2);
        assert!(output.stderr().contains(&format!("{name} names another server")), "{output:?}");
    }
    let chosen = world.command(&["sync", "demo", "--vault-url", &url]);
    chosen.env("VAULT_ADDR", "https://vault.example.org").run().success();
    // All of this machine, but not by a name that stays on it.
    let open = world.server.url().replace("127.0.0.1", "0.0.0.0");
    let output = world.command(&["audit", "demo", "--vault-url", &open]).run().success();
    assert!(output.stderr().contains("is not encrypted"), "{output:?}");
    assert!(!world.audit(&[]).stderr().contains("is not encrypted"));
}

/// Runs a command with a login through a proxy. When a request whose path
/// contains `at` comes, the command gets a signal; then the request passes.
fn interrupted(
    world: &World,
    line: &[&str],
    variables: &[(&str, &str)],
    at: &'static str,
    signal: Signal,
) -> (Output, usize) {
    let pid_file = world.sandbox.root().join("run/pid");
    let send = {
        let pid_file: PathBuf = pid_file.clone();
        move || {
            let text = std::fs::read_to_string(&pid_file).unwrap();
            let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
            let _ = kill_process(pid, signal);
            // Long enough that the signal is there before the answer.
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    let (send, done): (Arc<dyn Fn() + Send + Sync>, _) = (Arc::new(send), AtomicBool::new(false));
    let proxy = Proxy::new(world.server.url(), move |request| {
        let comes = request.path.contains(at) && !done.swap(true, Ordering::SeqCst);
        comes.then(|| Fault::First(send.clone()))
    });
    let script = "echo $$ >\"$0\"; exec \"$@\"";
    let program = env!("CARGO_BIN_EXE_phalanx-secrets");
    let words = ["-c", script, pid_file.to_str().unwrap(), program];
    let mut command = world.sandbox.program("sh", words).args(line);
    for (name, value) in variables {
        command = command.env(name, value);
    }
    let command = command.args(["--vault-url", &proxy.url]).current_dir(&world.root);
    (command.run(), proxy.faults())
}

#[test]
fn a_login_that_is_interrupted_leaves_no_token_behind() {
    let (world, mount, role_id, secret_id) = with_approle("login-interrupted");
    let variables = [
        ("VAULT_ROLE_ID", &*role_id),
        ("VAULT_SECRET_ID", &*secret_id),
        ("VAULT_AUTH_MOUNT", &*mount),
    ];
    let sync: &[&str] = &["sync", "demo"];
    for (line, at, signal) in [
        (sync, "/data/", Signal::INT),
        (sync, "/data/", Signal::TERM),
        (sync, "/data/", Signal::HUP),
        // Vault has answered, and nobody has read it yet.
        (sync, "/login", Signal::TERM),
        (sync, "/revoke-self", Signal::INT),
        (&["audit", "demo"], "/data/", Signal::INT),
        (&["backup", "demo"], "/data/", Signal::INT),
        (&["import", "demo", "--from-vault"], "/data/", Signal::INT),
        (&["vault", "export-secrets", "demo", "out"], "/data/", Signal::INT),
    ] {
        let (output, signals) = interrupted(&world, line, &variables, at, signal);
        assert_eq!(signals, 1, "{line:?} {at}: {output:?}");
        assert!(output.was_killed(), "{line:?} {at}: {output:?}");
        assert_eq!(world.tokens_of(&mount), 0, "{line:?} {at} {signal:?}: {output:?}");
        assert!(!output.stderr().contains("could not be revoked"), "{output:?}");
    }
    // What came before the end of one of them is done, and nothing after.
    assert_eq!(world.version("app"), 1);
}

#[test]
fn a_token_from_elsewhere_outlives_a_signal() {
    let world = World::new("token-interrupted", &[("app", APP)]);
    let token = world.server.create_token(&[&world.sync_policy()]);
    let helper = format!("#!/bin/sh\ntest \"$1\" = get && echo {token}\n");
    let helper = world.sandbox.write("bin/helper", helper);
    crate::support::cli::make_executable(&helper);
    let config = format!("token_helper = \"{}\"\n", helper.display());
    world.sandbox.write(world.sandbox.home().join(".vault"), config);
    for variables in [&[("VAULT_TOKEN", &*token)][..], &[]] {
        let (output, signals) =
            interrupted(&world, &["sync", "demo"], variables, "/data/", Signal::TERM);
        assert_eq!(signals, 1, "{output:?}");
        assert!(output.was_killed(), "{output:?}");
        let (status, _) = world.server.request("GET", "auth/token/lookup-self", &token, None);
        assert_eq!(status, 200);
    }
}

#[test]
fn what_was_made_and_not_handed_out_is_revoked_by_a_signal() {
    let world = World::new("made-interrupted", &[("app", APP)]);
    let server = world.server;
    let variables = [("VAULT_TOKEN", OpenBao::ROOT_TOKEN)];
    let name = world.prefix.rsplit('/').next().unwrap().to_owned();
    let policy = format!("{}/write", world.prefix.split_once('/').unwrap().1);
    let tokens = || {
        let accessors = server.root("LIST", "auth/token/accessors", None);
        let accessors = accessors["data"]["keys"].as_array().unwrap().clone();
        let has_policy = |accessor: &Value| {
            let body = json!({ "accessor": accessor });
            let path = "auth/token/lookup-accessor";
            let (_, token) = server.request("POST", path, OpenBao::ROOT_TOKEN, Some(body));
            token["data"]["policies"].as_array().is_some_and(|all| all.contains(&json!(policy)))
        };
        accessors.iter().filter(|accessor| has_policy(accessor)).count()
    };
    // It is used once, to see whether it may read.
    let line = ["vault", "create-write-token", "demo"];
    let (output, signals) = interrupted(&world, &line, &variables, "/metadata/", Signal::INT);
    assert_eq!(signals, 1, "{output:?}");
    assert!(output.was_killed() && output.stdout().is_empty(), "{output:?}");
    assert_eq!(tokens(), 0, "{output:?}");
    world.command(&line).run().success();
    assert_eq!(tokens(), 1);

    crate::support::openbao::shared_with_approle();
    let line = ["vault", "create-read-approle", "demo"];
    let (output, signals) =
        interrupted(&world, &line, &variables, "/auth/approle/login", Signal::TERM);
    assert_eq!(signals, 1, "{output:?}");
    assert!(output.was_killed() && output.stdout().is_empty(), "{output:?}");
    let path = format!("auth/approle/role/{name}/secret-id");
    let (status, left) = server.request("LIST", &path, OpenBao::ROOT_TOKEN, None);
    assert_eq!(status, 404, "{left}");
}
