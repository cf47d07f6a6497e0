//! Whatever goes wrong on the way, at each kind of request: what the program
//! says, that nothing is lost, and that the next run converges.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::World;
use super::proxy::{Fault, Proxy, Request};
use crate::support::openbao::{OpenBao, shared};

/// What is asked of Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Mount,
    List,
    Read,
    Capabilities,
    Write,
    Note,
}
use Target::{Capabilities, List, Mount, Note, Read, Write};

const TARGETS: [Target; 6] = [Mount, List, Read, Capabilities, Write, Note];

impl Target {
    fn is(self, request: &Request) -> bool {
        let Request { method, path, .. } = request;
        let (is_post, is_list) = (method == "POST", path.ends_with("?list=true"));
        match self {
            Mount => path.contains("/sys/internal/ui/mounts/"),
            List => is_list,
            Read => !is_post && path.contains("/data/") && path.ends_with("/old"),
            Capabilities => path.ends_with("/sys/capabilities-self"),
            Write => is_post && path.contains("/data/") && path.ends_with("/old"),
            Note => is_post && path.contains("/metadata/") && path.ends_with("/old"),
        }
    }
}

/// What must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It passes, and nobody notices, where it happens once.
    Survived,
    /// It is said, even where it happens once.
    Said,
}

/// Each fault: its name, what comes of one, and the fault.
fn faults() -> Vec<(&'static str, Expected, Fault)> {
    use Expected::{Said, Survived};
    let error = r#"{"errors":["internal error"]}"#;
    vec![
        ("connection refused", Survived, Fault::Refused(Duration::from_millis(100))),
        ("connection lost before the request", Survived, Fault::Lost),
        ("connection lost before the answer", Survived, Fault::Unanswered),
        ("reset in the body", Survived, Fault::ResetInBody),
        ("no headers in time", Survived, Fault::Slow(Duration::from_millis(1300))),
        ("429", Survived, Fault::Answer(429, "", r#"{"errors":["slow down"]}"#)),
        ("429 with Retry-After", Survived, Fault::Answer(429, "Retry-After: 1\r\n", "{}")),
        ("500", Survived, Fault::Answer(500, "", error)),
        ("500 though it was done", Survived, Fault::AnswerAfter(500, "", error)),
        ("502", Survived, Fault::Answer(502, "Content-Type: text/html\r\n", "<html>bad</html>")),
        ("503", Survived, Fault::Answer(503, "Retry-After: 0\r\n", error)),
        ("504 though it was done", Survived, Fault::AnswerAfter(504, "", "")),
        ("truncated JSON", Said, Fault::Truncated),
        ("a login page", Said, Fault::Answer(200, "", "<html>Who are you?</html>")),
        ("JSON of something else", Said, Fault::Answer(200, "", r#"{"data":[1,"x"]}"#)),
        ("nothing at all", Said, Fault::Answer(200, "", "")),
        ("length too long", Survived, Fault::TooLong),
        ("length too short", Said, Fault::TooShort),
        ("redirect to another server", Said, Fault::Redirect(307, None)),
        ("redirect that loses the request", Said, Fault::Redirect(302, None)),
        ("redirect to nowhere", Said, Fault::Redirect(307, Some("http://127.0.0.1:1/"))),
        ("400", Said, Fault::Answer(400, "", r#"{"errors":["no"]}"#)),
        ("404", Said, Fault::Answer(404, "", r#"{"errors":["no handler for route"]}"#)),
    ]
}

const OLD: &str = "secrets.given = {}\nsecrets.made.generate.type = 'password'\n";
const NEW: &str = "secrets.made.generate.type = 'password'\n\
                   secrets.copied.copy = { application = 'old', key = 'made' }\n";

/// A world in which `old` is to be updated and `new` to be made.
fn world(name: &str) -> World {
    let world = World::new(name, &[("old", OLD)]);
    world.set("old", "given", "one");
    world.sandbox.git_in(&world.root, ["init", "--quiet"]);
    world.sandbox.git_in(&world.root, ["add", "--all"]);
    world.sandbox.git_in(&world.root, ["commit", "--quiet", "--message", "x"]);
    world.sync(&[]);
    world.set("old", "given", "two");
    world.declare("new", NEW);
    world.environment(world.server.url(), &world.prefix, &["old", "new"]);
    world
}

/// One fault at one kind of request, once or each time. What it came to.
fn trial(fault: &Fault, expected: Expected, target: Target, once: bool, number: usize) -> String {
    let world = world(&format!("outage-{number}"));
    let made = world.value("old", "made");
    let done = AtomicBool::new(false);
    let chosen = fault.clone();
    let proxy = Proxy::new(world.server.url(), move |request| {
        let is_it = target.is(request) && !(once && done.swap(true, Ordering::SeqCst));
        is_it.then(|| chosen.clone())
    });
    let run = world.command(&["sync", "demo", "--vault-url", &proxy.url]);
    // As patient as need be, so that hundreds of trials do not take an hour.
    let run = run.env("VAULT_CLIENT_TIMEOUT", "1").env("VAULT_MAX_RETRIES", "3");
    let output = run.run().hides(&made);
    let what = format!("{target:?}, {}: {output:?}", if once { "once" } else { "always" });
    assert!(proxy.faults() > 0, "{what}");
    let is_ok = output.code() == 0;
    assert!(is_ok || output.code() == 4, "{what}");
    if !is_ok {
        assert!(output.stderr().contains("Error: "), "{what}");
        assert!(output.stderr().contains(&proxy.url), "{what}");
    }
    if once && expected == Expected::Survived {
        assert!(is_ok, "{what}");
    }
    // Nothing that was there is lost, and what was said to be done is.
    assert_eq!(world.value("old", "made"), made, "{what}");
    let fresh = world.server.value(&world.prefix, "new", "made");
    if output.stdout().contains("Created Vault secret for new") {
        assert!(fresh.is_some(), "{what}");
    }
    if output.stdout().contains("Updated Vault secret for old given") {
        assert_eq!(world.value("old", "given"), "two", "{what}");
    }
    // The next run does the rest, and makes nothing anew.
    world.sync(&[]);
    if let Some(fresh) = fresh {
        assert_eq!(world.value("new", "made"), fresh, "{what}");
    }
    assert_eq!(world.value("old", "made"), made, "{what}");
    assert_eq!(world.value("old", "given"), "two", "{what}");
    assert_eq!(world.value("new", "copied"), made, "{what}");
    // Each was written once, whatever was sent twice.
    assert_eq!((world.version("old"), world.version("new")), (2, 1), "{what}");
    world.sync_changes_nothing(&[]);
    if is_ok {
        let warned = output.stderr().contains("Vault does not take the note");
        return if warned { "done, warned" } else { "done" }.to_owned();
    }
    // Of a write, the detail says why.
    let line = |start: &str| output.stderr().lines().find(|line| line.starts_with(start));
    let error = line("  • ").or_else(|| line("Error: ")).unwrap();
    let (_, why) = error.rsplit_once("): ").unwrap_or(("", error));
    let why = why.split(" (Vault says").next().unwrap();
    // Where exactly depends on the answer.
    let why = why.split(" at line ").next().unwrap();
    match why.split_once("redirects to ") {
        Some((before, _)) => format!("{before}redirects"),
        None => why.to_owned(),
    }
}

#[test]
fn every_fault_at_every_kind_of_request() {
    let faults = faults();
    let mut trials = Vec::new();
    for (row, (_, _, fault)) in faults.iter().enumerate() {
        for target in TARGETS {
            for once in [true, false] {
                // What takes seconds is tried where it matters most.
                let is_slow = matches!(fault, Fault::Slow(_) | Fault::Refused(_))
                    || matches!(fault, Fault::Answer(429, headers, _) if !headers.is_empty());
                if is_slow && !once && target != Write {
                    continue;
                }
                trials.push((row, target, once));
            }
        }
    }
    let count = trials.len();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..8 {
            let (sender, trials, faults, next) = (sender.clone(), &trials, &faults, &next);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some((row, target, once)) = trials.get(number) else { break };
                    let (_, expected, fault) = &faults[*row];
                    let came = trial(fault, *expected, *target, *once, number);
                    sender.send((*row, *once, came)).unwrap();
                }
            });
        }
    });
    drop(sender);
    let mut table: BTreeMap<(usize, bool), BTreeMap<String, usize>> = BTreeMap::new();
    for (row, once, came) in receiver {
        *table.entry((row, !once)).or_default().entry(came).or_default() += 1;
    }
    // Past the capture of the test's output.
    let mut stderr = std::io::stderr();
    for ((row, always), came) in &table {
        let came: Vec<String> =
            came.iter().map(|(what, count)| format!("{count} × {what}")).collect();
        let times = if *always { "each time" } else { "once" };
        let _ = writeln!(stderr, "{} {times}: {}", faults[*row].0, came.join("; "));
    }
    let _ = writeln!(stderr, "faults tried: {count}; survived or said, and nothing lost: {count}");
}

#[test]
fn a_token_that_expires_midway_is_said() {
    let world = world("token-midway");
    let token = world.server.root("POST", "auth/token/create", Some(json!({})));
    let token = token["auth"]["client_token"].as_str().unwrap().to_owned();
    let revoked = token.clone();
    let revoke = Fault::First(Arc::new(move || {
        let body = Some(json!({ "token": revoked }));
        shared().request("POST", "auth/token/revoke", OpenBao::ROOT_TOKEN, body);
    }));
    for target in TARGETS {
        let (made, revoke) = (world.value("old", "made"), revoke.clone());
        let proxy =
            Proxy::new(world.server.url(), move |one| target.is(one).then(|| revoke.clone()));
        let run = world.command(&["sync", "demo", "--vault-url", &proxy.url]);
        let output = run.env("VAULT_TOKEN", &token).run().hides(&token).hides(&made);
        if target != Note {
            assert!(output.stderr().contains("it is invalid or has expired"), "{output:?}");
            output.fails_with(4);
        }
        assert_eq!(world.value("old", "made"), made);
    }
    world.sync(&[]);
    assert_eq!(world.value("old", "given"), "two");
    world.sync_changes_nothing(&[]);
}

#[test]
fn a_server_that_is_sealed_midway_is_said() {
    for target in [Read, Capabilities, Write] {
        let server = Arc::new(OpenBao::start());
        let world = World::new("sealed-midway", &[("old", OLD)]);
        world.set("old", "given", "one");
        world.sync(&["--vault-url", server.url()]);
        world.set("old", "given", "two");
        let made = server.value(&world.prefix, "old", "made");
        let sealed = Arc::clone(&server);
        let done = AtomicBool::new(false);
        let proxy = Proxy::new(server.url(), move |request| {
            let is_it = target.is(request) && !done.swap(true, Ordering::SeqCst);
            let sealed = Arc::clone(&sealed);
            is_it.then(|| Fault::First(Arc::new(move || sealed.seal())))
        });
        let output = world.try_sync(&["--vault-url", &proxy.url]).fails_with(4);
        assert!(output.stderr().contains("the server is sealed"), "{output:?}");
        server.unseal();
        assert_eq!(server.value(&world.prefix, "old", "made"), made);
        // It may take a moment until it is back.
        let again = || world.try_sync(&["--vault-url", server.url()]).code() == 0;
        assert!((0..50).any(|_| again()));
        assert_eq!(server.value(&world.prefix, "old", "made"), made);
        assert_eq!(server.value(&world.prefix, "old", "given").as_deref(), Some("two"));
    }
}
