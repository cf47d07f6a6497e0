//! The support itself: a test that trusts a broken harness proves nothing.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::age_tool::AgeTool;
use crate::support::cli::Sandbox;
use crate::support::openbao::{OpenBao, shared, unique_prefix};
use crate::support::phalanx::{self, Checkout};
use crate::support::redact_paths;
use crate::support::standalone::Repository;
use crate::support::traces;

#[test]
fn an_entry_is_written_read_and_deleted() {
    let (server, prefix) = (shared(), unique_prefix("entry"));
    assert_eq!(server.read(&prefix, "app"), None);
    assert_eq!(server.put(&prefix, "app", json!({ "key": "one" })), 1);
    assert_eq!(server.put(&prefix, "app", json!({ "key": "two" })), 2);
    assert_eq!(server.value(&prefix, "app", "key").as_deref(), Some("two"));
    assert_eq!(server.version_count(&prefix, "app"), 2);
    assert_eq!(server.list(&prefix), ["app"]);

    server.delete(&prefix, "app");
    assert_eq!(server.read(&prefix, "app"), None);
    assert_eq!(server.version_count(&prefix, "app"), 2);
    server.destroy(&prefix, "app");
    assert_eq!(server.metadata(&prefix, "app"), None);
    assert_eq!(server.list(&prefix), [""; 0]);
}

#[test]
fn a_watch_sees_its_own_prefix_alone() {
    let (server, prefix, other) = (shared(), unique_prefix("watch"), unique_prefix("watch"));
    let mut watch = server.watch(&prefix);
    server.put(&prefix, "app", json!({ "key": "one" }));
    server.put(&other, "app", json!({ "key": "one" }));
    server.read(&prefix, "app");
    server.list(&prefix);
    let operations: Vec<_> =
        watch.requests().into_iter().map(|request| request.operation).collect();
    assert_eq!(operations, ["create", "read", "list"]);
    assert_eq!(watch.writes().len(), 1);
    watch.reset();
    assert_eq!(watch.requests(), []);
}

#[test]
fn refused_writes_are_counted() {
    let (server, prefix) = (shared(), unique_prefix("refused"));
    let watch = server.watch(&prefix);
    let path = prefix.replacen('/', "/data/", 1) + "/app";
    let stale = json!({ "data": {}, "options": { "cas": 7 } });
    let (status, _) = server.request("POST", &path, server.root_token(), Some(stale));
    assert_eq!(status, 400);

    let token = server.create_token(&[]);
    let body = Some(json!({ "data": {} }));
    assert_eq!(server.request("POST", &path, &token, body.clone()).0, 403);
    assert_eq!(server.request("POST", &path, "", body).0, 403);
    assert_eq!(watch.writes().len(), 3, "{:?}", watch.writes());
}

#[test]
fn a_policy_limits_a_token() {
    let (server, prefix) = (shared(), unique_prefix("policy"));
    let data = prefix.replacen('/', "/data/", 1);
    server.put(&prefix, "app", json!({ "key": "one" }));
    server.create_policy("reader", &format!("path \"{data}/*\" {{ capabilities = [\"read\"] }}"));
    let token = server.create_token(&["reader"]);
    assert_eq!(server.request("GET", &format!("{data}/app"), &token, None).0, 200);
    assert_eq!(server.request("DELETE", &format!("{data}/app"), &token, None).0, 403);
}

#[test]
fn mounts_of_both_versions_answer_at_once() {
    let server = shared();
    server.enable_mount("second", 2);
    assert_eq!(server.put("second/env", "app", json!({ "key": "one" })), 1);
    server.enable_mount("first", 1);
    server.root("POST", "first/env/app", Some(json!({ "key": "one" })));
    assert_eq!(server.root("GET", "first/env/app", None)["data"]["key"], "one");
}

#[test]
fn a_server_of_its_own_counts_seals_and_goes_away() {
    let server = OpenBao::start();
    assert_eq!(server.write_requests(), 0);
    assert_eq!(server.requests(), []);
    server.put("secret/env", "app", json!({ "key": "one" }));
    server.create_policy("any", "path \"secret/*\" { capabilities = [\"read\"] }");
    assert_eq!(server.write_requests(), 1);
    server.reset_requests();
    assert_eq!(server.write_requests(), 0);

    server.seal();
    assert_eq!(server.request("GET", "secret/data/env/app", server.root_token(), None).0, 503);
    server.unseal();
    assert_eq!(server.value("secret/env", "app", "key").as_deref(), Some("one"));

    let address = server.url().trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    let process = format!("/proc/{}", server.process_id());
    drop(server);
    assert!(TcpStream::connect(&address).is_err());
    assert!(!Path::new(&process).exists());
}

#[test]
fn servers_start_at_the_same_time() {
    let urls: Vec<String> = std::thread::scope(|scope| {
        let starting: Vec<_> =
            (0..3).map(|_| scope.spawn(|| OpenBao::start().url().to_owned())).collect();
        starting.into_iter().map(|server| server.join().unwrap()).collect()
    });
    assert_eq!(urls.len(), 3);
}

#[test]
fn a_server_speaks_tls() {
    let server = OpenBao::start_with_tls();
    assert!(server.tls().url.starts_with("https://127.0.0.1:"));
    let authority = fs::read_to_string(&server.tls().ca_certificate).unwrap();
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    server.put("secret/env", "app", json!({ "key": "one" }));
}

/// Starts a server and then waits to be killed, when another test says so.
#[test]
#[ignore = "the other half of `no_server_outlives_a_killed_process`"]
fn start_a_server_and_wait() {
    let Some(told) = std::env::var_os("HARNESS_TELL") else { return };
    fs::write(told, shared().url()).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn no_server_outlives_a_killed_process() {
    let sandbox = Sandbox::new();
    let told = sandbox.work().join("url");
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "harness::start_a_server_and_wait", "--ignored"])
        .env("HARNESS_TELL", &told)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| fs::read_to_string(&told).is_ok_and(|url| !url.is_empty()));
    let url = fs::read_to_string(&told).unwrap();
    let address = url.trim_start_matches("http://");
    assert!(TcpStream::connect(address).is_ok());
    process.kill().unwrap();
    process.wait().unwrap();
    wait_until(|| TcpStream::connect(address).is_err());
}

#[test]
fn a_sandbox_knows_nothing_of_outside() {
    let sandbox = Sandbox::new();
    let output = sandbox.program("env", [""; 0]).env("EXTRA", "given").run().success();
    let home = sandbox.home();
    assert!(output.stdout().contains(&format!("\nHOME={}\n", home.display())), "{output:?}");
    assert!(output.stdout().contains("EXTRA=given"));
    for unwanted in ["CARGO", "VAULT_", "BAO_", "SSH_AUTH_SOCK", "NO_COLOR"] {
        assert!(!output.stdout().contains(&format!("\n{unwanted}")), "{output:?}");
    }
    assert_eq!(sandbox.git(["config", "user.email"]), "test@example.com");
    sandbox.git(["init", "--quiet"]);
    assert_eq!(sandbox.git(["symbolic-ref", "HEAD"]), "refs/heads/main");
}

#[test]
fn input_output_and_codes_are_passed_on() {
    let sandbox = Sandbox::new();
    let script = "cat; echo no >&2; exit 3";
    let output = sandbox.program("sh", ["-c", script]).stdin("yes").run().fails_with(3);
    assert_eq!((output.stdout(), output.stderr(), output.code()), ("yes", "no\n", 3));
    output.hides("maybe");
    assert_eq!(sandbox.program("cat", [""; 0]).run().success().stdout(), "");
}

#[test]
#[should_panic(expected = "--- stderr\nwhy\n")]
fn a_failure_shows_everything() {
    Sandbox::new().program("sh", ["-c", "echo why >&2; exit 1"]).run().success();
}

#[test]
#[should_panic(expected = "ended by a signal, or by the time limit")]
fn a_command_that_hangs_is_killed() {
    let sandbox = Sandbox::new();
    sandbox.program("sleep", ["100"]).time_limit(Duration::from_millis(100)).run().success();
}

#[test]
fn the_program_runs() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(["--version"]);
    output.code();
}

#[test]
fn keys_are_made() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    assert!(alice.recipient.starts_with("age1"));
    let bob = sandbox.ssh_key("bob");
    assert!(bob.recipient.starts_with("ssh-ed25519 AAAA"));
    assert!(!bob.recipient.contains("bob"));
    sandbox.install_identity(&alice.path);

    let Some(age) = AgeTool::find() else { return };
    for key in [&alice, &bob] {
        let sealed = age.encrypt(&sandbox, &[&key.recipient], b"plain");
        let file = sandbox.write("sealed.age", sealed);
        assert_eq!(age.decrypt(&sandbox, &file, &key.path), b"plain");
        let mallory = sandbox.age_identity("mallory");
        assert!(!age.can_decrypt(&sandbox, &file, &mallory.path));
    }
}

#[test]
fn what_differs_from_run_to_run_is_redacted() {
    let sandbox = Sandbox::new();
    let text = format!(
        "{}/a https://127.0.0.1:81/v1 http://127.0.0.1:82 http://127.0.0.1:x",
        sandbox.root().display()
    );
    assert_eq!(redact_paths(&text, &sandbox), "[SANDBOX]/a [VAULT]/v1 [VAULT] http://127.0.0.1:x");
}

#[test]
fn a_copy_of_phalanx_points_where_it_is_told() {
    let Some(reference) = phalanx::reference() else { return };
    assert!(phalanx::environments(&reference).contains(&"idfdev".to_owned()));
    assert!(!phalanx::expected(&reference, "idfdev", "list.txt").is_empty());

    let sandbox = Sandbox::new();
    let checkout = Checkout::copy(&sandbox);
    checkout.set_vault("idfdev", "http://127.0.0.1:1", "kv/here");
    checkout.set_vault("idfdev", "http://127.0.0.1:2", "kv/there");
    let text = sandbox.read(checkout.root().join("environments/values-idfdev.yaml"));
    assert_eq!(text.matches("vaultUrl:").count(), 1);
    assert_eq!(text.matches("vaultPathPrefix:").count(), 1);
    assert!(text.contains("\"http://127.0.0.1:2\"") && text.contains("\"kv/there\""));
    assert!(text.contains("name: \"idfdev\""));
}

#[test]
fn small_repositories_are_built() {
    let sandbox = Sandbox::new();
    let phalanx = Repository::phalanx(&sandbox, "one")
        .environment("demo", "http://127.0.0.1:1", "secret/demo", &["app"])
        .application("app", "password:\n  description: Something\n")
        .holder("alice", &["age1"], &["*"])
        .committed();
    assert!(phalanx.root().join("applications/app/secrets.yaml").is_file());
    assert!(sandbox.git_in(&phalanx, ["status", "--short"]).is_empty());
    let standalone = Repository::standalone(&sandbox, "two")
        .environment("demo", "http://127.0.0.1:1", "secret/demo", &["app"])
        .application("app", "[secrets.password]\ndescription = \"Something\"\n");
    let text = sandbox.read(standalone.root().join("secrets/environments/demo.toml"));
    assert!(text.contains("applications = [\"app\"]"), "{text}");
}

#[track_caller]
fn wait_until(mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_left_behind_is_found() {
    let (sandbox, mark) = (Sandbox::new(), traces::new_mark());
    sandbox.git(["init", "--quiet"]);
    assert_eq!(traces::find(&mark, &sandbox), Vec::<PathBuf>::new());
    // In git alone, where it is compressed.
    let staged = sandbox.write("staged", &mark);
    sandbox.git(["add", "staged"]);
    fs::remove_file(staged).unwrap();
    let mut left = vec![sandbox.work().join(".git")];
    assert_eq!(traces::find(&mark, &sandbox), left);
    for before in ["", "1", "12", "123"] {
        let text = STANDARD.encode(format!("{before}{mark} and more"));
        left.push(sandbox.write(format!("encoded {before}"), text));
    }
    left.push(sandbox.write(&mark, "in its name"));
    let elsewhere = tempfile::tempdir_in("/tmp").unwrap();
    left.push(sandbox.write(elsewhere.path().join("file"), &mark));
    left.sort();
    assert_eq!(traces::find(&mark, &sandbox), left);
}
