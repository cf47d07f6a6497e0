//! A marked secret goes through every command and must come out nowhere but
//! where it is asked for.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::json;

use crate::support::age_tool::AgeTool;
use crate::support::cli::{Output, make_executable};
use crate::support::connect::{self, Connect, field, item};
use crate::support::openbao::{self, OpenBao};
use crate::support::small_store::{SmallStore, files_below};
use crate::support::terminal::Walk;

/// What is looked for. No other text of a test holds it.
const CANARY: &str = "CANARY-3f9c1b7e52";

/// One command, and what is done so that it meets the canary.
struct Case {
    command: &'static str,
    /// The command below that one, of `recipients` and `git`.
    below: Option<String>,
    shows_it: bool,
    output: Output,
}

struct Cases {
    store: SmallStore,
    server: &'static OpenBao,
    prefix: String,
    done: Vec<Case>,
}

impl Cases {
    fn new() -> Self {
        let (server, prefix) = (openbao::shared(), openbao::unique_prefix("canary"));
        let store = SmallStore::new();
        store.write(
            "secrets/environments/demo.toml",
            format!(
                "vault-url = {:?}\nvault-path-prefix = {prefix:?}\napplications = [\"app\", \
                 \"other\"]\n",
                server.url()
            ),
        );
        Self { store, server, prefix, done: Vec::new() }
    }

    /// Runs a command with the canary on standard input.
    fn run(&mut self, arguments: &[&str]) -> &Output {
        let input = CANARY.to_owned();
        self.run_with(arguments, &input, &[])
    }

    fn run_with(&mut self, arguments: &[&str], input: &str, env: &[(&str, &str)]) -> &Output {
        let command = self.store.command(arguments).stdin(input);
        let command = command.env("VAULT_TOKEN", self.server.root_token());
        // What makes other programs talk.
        let command = command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        let command = env.iter().fold(command, |command, (name, value)| command.env(name, value));
        let name = arguments.iter().find(|argument| !argument.starts_with('-')).unwrap();
        let name: &'static str = String::leak((*name).to_owned());
        let shows_it = matches!(name, "get" | "export");
        let below = arguments
            .get(1)
            .filter(|_| matches!(name, "recipients" | "git" | "vault"))
            .map(|&below| below.to_owned());
        self.done.push(Case { command: name, below, shows_it, output: command.run() });
        &self.done.last().unwrap().output
    }

    /// Runs a command with a program of its own, which looks for the canary
    /// where all processes of the user could.
    fn run_spied_on(&mut self, arguments: &[&str], also: &str) -> &Output {
        let spy = self.store.write(
            "spy",
            format!(
                "#!/usr/bin/env python3\nimport glob, os, sys\nmark = '-'.join(['CANARY', \
                 {:?}]).encode()\nfor place in glob.glob('/proc/[0-9]*/cmdline') + \
                 glob.glob('/proc/[0-9]*/environ'):\n    try:\n        found = mark in \
                 open(place, 'rb').read()\n    except OSError:\n        continue\n    if \
                 found:\n        sys.exit(f'{{place}} has it')\n{also}\n",
                &CANARY["CANARY-".len()..]
            ),
        );
        make_executable(&spy);
        let command = self.store.command(arguments).env("EDITOR", &spy);
        let command = command.env("VAULT_TOKEN", self.server.root_token());
        let command = command.args(if arguments[0] == "run" { vec![spy] } else { Vec::new() });
        let name: &'static str = String::leak(arguments[0].to_owned());
        let case = Case { command: name, below: None, shows_it: false, output: command.run() };
        self.done.push(case);
        &self.done.last().unwrap().output
    }

    /// Runs a command at a terminal, which shows it to nobody.
    fn run_at_terminal(&mut self, arguments: &[&str], walk: impl FnOnce(Walk) -> Walk) {
        let command = self.store.command(arguments).env("TERM", "xterm");
        let command = command.env("VAULT_TOKEN", self.server.root_token());
        let walked = walk(Walk::through(command)).run();
        assert!(!walked.screen.contains(CANARY), "{arguments:?}: {}", walked.screen);
        assert!(walked.is_restored);
    }
}

#[test]
fn a_marked_secret_appears_nowhere_else() {
    let mut cases = Cases::new();
    let wrong = cases.store.sandbox.age_identity("stranger").path;
    let wrong = wrong.to_str().unwrap();
    let identity = cases.store.sandbox.read(&cases.store.alice.path);
    let identity = identity.lines().last().unwrap().to_owned();
    let yaml = format!(
        "applications:\n  app:\n    token: {{value: {CANARY}}}\npull-secret: {{registries: \
         {{ghcr.io: {{username: u, password: {CANARY}}}}}}}\noidc-clients: {{c: {{secret: \
         {CANARY}, return_uri: u}}}}\nvault-write-token: {CANARY}\n"
    );

    // As they should be used …
    for key in ["password", "dex.clientSecret", ".dockerconfigjson", "with space"] {
        assert_eq!(cases.run(&["set", "demo", "app", key]).code(), 0);
    }
    assert_eq!(cases.run(&["set", "demo", "other", "shared"]).code(), 0);
    assert_eq!(cases.run_with(&["import", "demo", "-"], &yaml, &[]).code(), 0);
    assert_eq!(cases.run_with(&["import", "demo", "-", "--replace"], &yaml, &[]).code(), 0);
    assert_eq!(cases.run(&["get", "demo", "app", "password"]).code(), 0);
    assert_eq!(cases.run(&["export", "demo"]).code(), 0);
    assert_eq!(cases.run(&["list", "demo", "--json"]).code(), 0);
    assert_eq!(cases.run(&["static-template", "demo"]).code(), 0);
    assert_eq!(cases.run(&["schema"]).code(), 0);
    assert_eq!(cases.run(&["audit", "demo"]).code(), 1);
    assert_eq!(cases.run(&["sync", "demo", "--dry-run", "--json"]).code(), 0);
    assert_eq!(cases.run(&["sync", "demo"]).code(), 0);
    assert_eq!(cases.run(&["audit", "demo", "--json"]).code(), 0);
    assert_eq!(cases.server.value(&cases.prefix, "app", "password").as_deref(), Some(CANARY));
    assert_eq!(cases.run(&["backup", "demo"]).code(), 0);
    assert_eq!(cases.run(&["restore", "demo"]).code(), 0);
    assert_eq!(cases.run(&["audit", "demo", "--rebuild"]).code(), 0);
    assert_eq!(cases.run(&["vault", "audit", "demo"]).code(), 1);
    let elsewhere = format!("{}-elsewhere", cases.prefix);
    cases.server.put(&elsewhere, "copied", json!({ "key": CANARY }));
    assert_eq!(cases.run(&["vault", "copy-secrets", "demo", &elsewhere]).code(), 0);
    cases.server.put(&elsewhere, "copied", json!({ "key": format!("{CANARY}-2") }));
    assert_eq!(cases.run(&["vault", "copy-secrets", "demo", &elsewhere]).code(), 3);
    cases.server.destroy(&cases.prefix, "copied");
    // What these make is not the canary; their own tests look for it.
    assert_eq!(cases.run(&["vault", "create-write-token", "demo"]).code(), 0);
    assert_eq!(cases.run(&["vault", "create-read-approle", "none"]).code(), 3);
    assert_eq!(cases.run(&["vault", "export-secrets", "demo", "/proc/none"]).code(), 3);
    assert_eq!(cases.run(&["check"]).code(), 0);
    assert_eq!(cases.run(&["check", "--open", "--json"]).code(), 0);
    assert_eq!(cases.run(&["verify"]).code(), 3);

    // … in the daily work …
    let unset = |cases: &mut Cases, key: &str| {
        assert_eq!(cases.run(&["remove", "demo", "app", key, "--yes"]).code(), 0);
    };
    let change = "open(sys.argv[1], 'a').write('-2')";
    assert_eq!(cases.run_spied_on(&["edit", "demo", "app", "password"], change).code(), 0);
    let mistake = "text = open(sys.argv[1]).read()\nopen(sys.argv[1], 'w').write(text + 'oops')";
    assert_eq!(cases.run_spied_on(&["edit", "demo", "app"], mistake).code(), 2);
    assert_eq!(cases.run_spied_on(&["edit", "demo", "app"], "sys.exit(1)").code(), 2);
    let look = "assert os.listdir(os.environ['PHALANX_SECRETS_FOLDER'])";
    assert_eq!(cases.run_spied_on(&["run", "demo", "app", "--files", "--"], look).code(), 0);
    assert_eq!(cases.run(&["run", "demo", "app", "--", "true"]).code(), 0);
    assert_eq!(cases.run(&["run", "demo", "app", "--from-vault", "--", "true"]).code(), 0);
    assert_eq!(cases.run(&["run", "demo", "app", "--", "nowhere-to-be-found"]).code(), 127);
    unset(&mut cases, "token");
    assert_eq!(cases.run(&["rename", "demo", "app", "password", "token"]).code(), 0);
    assert_eq!(cases.run(&["rename", "demo", "app", "token", "dex.clientSecret"]).code(), 3);
    assert_eq!(cases.run(&["fill", "demo"]).code(), 2);
    assert_eq!(cases.run(&["move-in", "demo"]).code(), 2);
    cases.run_at_terminal(&["fill", "demo"], |walk| {
        walk.expect("Value: ").paste(CANARY).expect("nothing is missing any more")
    });
    cases.run_at_terminal(&["set", "demo", "app", "password"], |walk| {
        let walk = walk.expect("Value of ").paste(CANARY).expect("The same again: ");
        walk.send(&format!("{CANARY}\r")).expect("Stored")
    });
    unset(&mut cases, "token");
    cases.run_at_terminal(&["move-in", "demo"], |walk| {
        walk.expect("Number: ").send("3\n").expect("Comparing with Vault")
    });
    let demo = String::from_utf8(cases.store.bytes("secrets/environments/demo.toml")).unwrap();
    cases.store.write("secrets/environments/new.toml", demo.replace("canary", "new"));
    assert_eq!(cases.run(&["copy-env", "demo", "new"]).code(), 0);
    assert_eq!(cases.run(&["set", "demo,new", "app", "token"]).code(), 0);
    std::fs::remove_dir_all(cases.store.root.join("secrets/new")).unwrap();
    std::fs::remove_file(cases.store.root.join("secrets/environments/new.toml")).unwrap();
    for arguments in [&["completions", "bash"][..], &["man"]] {
        assert_eq!(cases.run(arguments).code(), 0);
    }

    // … and moving in, from wherever it was …
    assert_eq!(cases.run(&["import", "demo", "--from-vault", "-y"]).code(), 0);
    let json = cases.store.write("in/app.json", format!("{{\"password\": \"{CANARY}\"}}"));
    assert_eq!(cases.run(&["import", "demo", "in", "-y"]).code(), 0);
    cases.store.write("in/app.json", format!("{{\"password\": \"{CANARY}"));
    assert_eq!(cases.run(&["import", "demo", "in", "-y"]).code(), 3);
    std::fs::remove_file(json).unwrap();
    let connect = Connect::start();
    let title = "RSP";
    let onepassword =
        format!("{demo}[onepassword]\nconnect-url = {:?}\nvault-title = {title:?}\n", connect.url);
    cases.store.write("secrets/environments/demo.toml", onepassword);
    connect.vault(title, vec![item("app", vec![field(None, "password", CANARY)])]);
    let import = ["import", "demo", "--from-onepassword", "-y", "-v"];
    let token = [("OP_CONNECT_TOKEN", connect::TOKEN)];
    assert_eq!(cases.run_with(&import, "", &token).code(), 0);
    let wrong_token = [("OP_CONNECT_TOKEN", CANARY)];
    assert_eq!(cases.run_with(&import, "", &wrong_token).code(), 3);
    let broken = serde_json::json!({ "label": "password", "value": [CANARY] });
    let broken = item("app", vec![broken]);
    connect.vault(
        "broken",
        vec![broken, item("oidc-clients", vec![field(Some(CANARY), "id", CANARY)])],
    );
    cases.store.write(
        "secrets/environments/demo.toml",
        format!("{demo}[onepassword]\nconnect-url = {:?}\nvault-title = \"broken\"\n", connect.url),
    );
    assert_eq!(cases.run_with(&import, "", &token).code(), 3);
    cases.store.write("secrets/environments/demo.toml", demo);

    // … as they should not …
    assert_eq!(cases.run(&["set", "demo", "app", "made"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "oidc-clients", "c"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "pull-secret", "r"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "app", "password", CANARY]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "app", "absent"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "app", "token", "-f", "/dev/null"]).code(), 2);
    let other = yaml.replace(CANARY, &format!("{CANARY}-2"));
    assert_eq!(cases.run_with(&["import", "demo", "-"], &other, &[]).code(), 3);
    let unknown = format!("applications: {{gone: {{key: {{value: {CANARY}}}}}}}\n");
    assert_eq!(cases.run_with(&["import", "demo", "-"], &unknown, &[]).code(), 3);
    let skip = ["import", "demo", "-", "--skip-unknown"];
    assert_eq!(cases.run_with(&skip, &unknown, &[]).code(), 0);
    let generated = format!("applications: {{app: {{made: {{value: {CANARY}}}}}}}\n");
    assert_eq!(cases.run_with(&["import", "demo", "-"], &generated, &[]).code(), 0);
    assert_eq!(cases.run(&["init"]).code(), 3);
    for malformed in [
        format!("{CANARY}: 1\n"),
        format!("applications: {{app: {{token: {CANARY}}}}}\n"),
        format!("applications: {{app: {{token: {{value: [{CANARY}]}}}}}}\n"),
        format!("applications: '{CANARY}\n"),
        format!("applications: *{CANARY}\n"),
        format!("applications: !{CANARY} {CANARY}\n"),
        format!("applications: &{CANARY} [{CANARY}\n"),
        format!("applications: {{app: {{token: {{value: \"{CANARY}\\q\"}}}}}}\n"),
        format!("applications: {{app: {{token: {{value: |{CANARY}}}}}}}\n"),
        format!("pull-secret: {{registries: {{r: {{password: {CANARY}}}}}}}\n"),
    ] {
        assert_eq!(cases.run_with(&["import", "demo", "-"], &malformed, &[]).code(), 3);
        assert_eq!(cases.run_with(&["sync", "demo", "--secrets", "-"], &malformed, &[]).code(), 3);
    }
    assert_eq!(cases.run(&["get", "demo", "app", "token", "-i", wrong]).code(), 3);
    assert_eq!(cases.run(&["sync", "demo", "-i", wrong]).code(), 3);
    let key = identity.as_str();
    assert_eq!(cases.run(&["get", "demo", "app", "token", "-i", key]).code(), 3);
    for name in ["PHALANX_SECRETS_IDENTITY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY"] {
        let broken = [(name, &*format!("# {CANARY}\n{key}{CANARY}"))];
        assert_eq!(cases.run_with(&["get", "demo", "app", "token"], "", &broken).code(), 3);
    }
    assert_eq!(cases.run(&["init", "-c", "elsewhere", "--name", "a", "--key", key]).code(), 2);
    let canary_as_identity = [("PHALANX_SECRETS_IDENTITY", "-----BEGIN CANARY-3f9c1b7e52")];
    assert_eq!(cases.run_with(&["get", "demo", "app", "token"], "", &canary_as_identity).code(), 3);
    let token = [("VAULT_TOKEN", CANARY)];
    assert_eq!(cases.run_with(&["sync", "demo"], "", &token).code(), 4);
    let down = ["sync", "demo", "--vault-url", "http://127.0.0.1:1"];
    assert_eq!(cases.run(&down).code(), 4);
    // … with something else in Vault than there should be …
    let odd = json!({ "password": { "nested": CANARY }, "made": [CANARY], CANARY: "x" });
    cases.server.put(&cases.prefix, "app", odd);
    assert_eq!(cases.run(&["sync", "demo"]).code(), 3);
    // … while holders come and go …
    let bob = cases.store.sandbox.age_identity("bob").recipient;
    let add = ["recipients", "add", "bob", "--access", "demo", "--key"];
    assert_eq!(cases.run(&[&add[..], &[&bob]].concat()).code(), 0);
    assert_eq!(cases.run(&[&add[..], &[&identity]].concat()).code(), 2);
    let private = cases.store.alice.path.to_str().unwrap().to_owned();
    assert_eq!(cases.run(&[&add[..], &[&private]].concat()).code(), 2);
    assert_eq!(cases.run(&["recipients", "grant", "bob", "*"]).code(), 0);
    assert_eq!(cases.run(&["recipients", "list"]).code(), 0);
    assert_eq!(cases.run(&["recipients", "show", "bob"]).code(), 0);
    assert_eq!(cases.run(&["recipients", "revoke", "bob", "*"]).code(), 0);
    assert_eq!(cases.run(&["recipients", "remove", "bob"]).code(), 0);
    assert_eq!(cases.run(&["exposed"]).code(), 1);
    assert_eq!(cases.run(&["exposed", "--json"]).code(), 1);
    assert_eq!(cases.run(&["rekey"]).code(), 0);
    assert_eq!(cases.run(&["rekey", "-i", wrong]).code(), 0);
    cases.store.write("secrets/demo/app/absent.age", CANARY);
    cases.store.write(&format!("secrets/demo/app/x-{}", &CANARY[..6]), CANARY);
    assert_eq!(cases.run(&["check"]).code(), 1);
    assert_eq!(cases.run(&["check", "--open", "--json"]).code(), 1);
    assert_eq!(cases.run(&["rekey"]).code(), 3);
    std::fs::remove_file(cases.store.root.join("secrets/demo/app/absent.age")).unwrap();
    let left = format!("secrets/demo/app/x-{}", &CANARY[..6]);
    std::fs::remove_file(cases.store.root.join(left)).unwrap();
    cases.store.write("recipients/mallory.toml", format!("keys = [\"{CANARY}\"]\naccess = []\n"));
    for command in [&["check"][..], &["rekey"], &["recipients", "list"], &["exposed"]] {
        assert_eq!(cases.run(command).code(), 3);
    }
    std::fs::remove_file(cases.store.root.join("recipients/mallory.toml")).unwrap();
    let withdrawn = cases.store.bytes("recipients/withdrawn.toml");
    cases.store.write("recipients/withdrawn.toml", format!("[[withdrawn]]\nholder = \"{CANARY}"));
    assert_eq!(cases.run(&["exposed"]).code(), 3);
    assert_eq!(cases.run(&["set", "demo", "app", "token"]).code(), 3);
    cases.store.write("recipients/withdrawn.toml", withdrawn);

    // … in git …
    let git = |cases: &Cases, arguments: &[&str]| {
        cases.store.sandbox.git_in(&cases.store.root, arguments)
    };
    git(&cases, &["init", "--quiet"]);
    git(&cases, &["add", "--all"]);
    git(&cases, &["commit", "--quiet", "--message", "x"]);
    let root = git(&cases, &["rev-parse", "HEAD"]);
    assert_eq!(cases.run(&["set", "demo", "app", "token", "--commit"]).code(), 0);
    let shown = git(&cases, &["show", "--format=fuller", "--stat", "--patch"]);
    assert!(shown.contains("set app token") && !shown.contains(CANARY), "{shown}");
    assert_eq!(cases.run(&["get", "demo", "app", "token", "--rev", "HEAD"]).code(), 0);
    assert_eq!(cases.run(&["sync", "demo", "--rev", "nowhere"]).code(), 3);
    assert_eq!(cases.run(&["verify", "--trust-root", &root]).code(), 3);
    for arguments in [&["log"][..], &["log", "demo", "app", "--json"], &["diff", &root]] {
        assert_eq!(cases.run(arguments).code(), 0);
    }
    let name = "secrets/demo/app/token.age";
    assert_eq!(cases.run(&["git", "setup"]).code(), 0);
    assert_eq!(cases.run(&["git", "textconv", name]).code(), 0);
    let merge = ["git", "merge-driver", name, name, name, name];
    assert_eq!(cases.run(&merge).code(), 0);
    assert_eq!(cases.run(&["git", "setup", "--remove"]).code(), 0);
    assert_eq!(cases.run(&["sync", "demo", "--trust-root", &root]).code(), 3);

    // … and with a file that someone has been at.
    let file = "secrets/demo/app/token.age";
    let mut sealed = cases.store.bytes(file);
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    cases.store.write(file, sealed);
    assert_eq!(cases.run(&["get", "demo", "app", "token"]).code(), 3);
    assert_eq!(cases.run(&["audit", "demo"]).code(), 3);
    // Only in the clear, and only until it is found.
    for in_the_clear in [CANARY.to_owned(), format!("-----BEGIN AGE ENCRYPTED FILE-----\n{CANARY}")]
    {
        cases.store.write("secrets/demo/app/password.age", in_the_clear);
        for arguments in [&["check"][..], &["check", "--open"], &["check", "--json"]] {
            assert_eq!(cases.run(arguments).code(), 1);
        }
        assert_eq!(cases.run(&["set", "demo", "app", "password"]).code(), 0);
    }
    // A document that is none, from another tool.
    if let Some(age) = AgeTool::find() {
        let recipients = [cases.store.alice.recipient.as_str()];
        let sealed = age.encrypt(&cases.store.sandbox, &recipients, CANARY.as_bytes());
        for place in ["oidc-clients/c", "pull-secret/ghcr.io"] {
            let path = format!("secrets/demo/{place}.age");
            let before = cases.store.bytes(&path);
            cases.store.write(&path, &sealed);
            assert_eq!(cases.run(&["export", "demo"]).code(), 3);
            assert_eq!(cases.run(&["sync", "demo", "--allow-unbound"]).code(), 3);
            cases.store.write(&path, before);
        }
    }
    assert_eq!(cases.run(&["remove", "demo", "app", "token"]).code(), 2);
    assert_eq!(cases.run(&["remove", "demo", "app", "token", "--yes"]).code(), 0);

    let (mut seen, mut seen_below) = (BTreeSet::new(), BTreeSet::new());
    for Case { command, below, shows_it, output } in &cases.done {
        seen.insert((*command).to_owned());
        seen_below.extend(below.clone());
        assert!(!output.stderr().contains(CANARY), "{command}: {}", output.stderr());
        let shown = [output.stdout(), output.stderr()].concat();
        assert!(!shown.to_lowercase().contains(&identity.to_lowercase()), "{command}: {shown}");
        let is_asked_for = *shows_it && output.code() == 0;
        assert_eq!(output.stdout().contains(CANARY), is_asked_for, "{command}");
    }
    assert_eq!(seen, commands(&cases.store, &[]), "every command is tried");
    let mut below = commands(&cases.store, &["recipients"]);
    below.extend(commands(&cases.store, &["git"]));
    below.extend(commands(&cases.store, &["vault"]));
    assert_eq!(seen_below, below, "every one of these is tried");
    assert_is_in_no_file(&cases.store);
}

/// The commands that the program says it has, below another.
fn commands(store: &SmallStore, above: &[&str]) -> BTreeSet<String> {
    let help = store.command(above).args(["--help"]).run().success();
    let listed = help.stdout().split("Commands:\n").nth(1).unwrap();
    let listed = listed.lines().take_while(|line| line.starts_with("  "));
    let names = listed.filter(|line| !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

/// Neither as it is nor as base64, at any of the three alignments.
fn assert_is_in_no_file(store: &SmallStore) {
    let encoded = (0..3).map(|shift| {
        let padded = format!("{}{CANARY}", "x".repeat(shift));
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
        text[4..text.len() - 4].to_owned()
    });
    let marks: Vec<String> = encoded.chain([CANARY.to_owned()]).collect();
    let files: Vec<PathBuf> = files_below(store.sandbox.root());
    assert!(files.len() > 10);
    for file in files {
        let content = std::fs::read(&file).unwrap();
        for mark in &marks {
            let is_in = content.windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(!is_in, "{} holds the canary", file.display());
        }
    }
}

/// While a value is on its way in, the process's arguments do not hold it, and
/// the process can leave no core behind.
#[cfg(target_os = "linux")]
#[test]
fn a_running_process_shows_no_value_and_dumps_no_core() {
    let store = SmallStore::new();
    let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_phalanx-secrets"))
        .args(["set", "demo", "app", "password"])
        .current_dir(&store.root)
        .env_clear()
        .env("HOME", store.sandbox.home())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(CANARY.as_bytes()).unwrap();
    stdin.flush().unwrap();

    let folder = PathBuf::from(format!("/proc/{}", process.id()));
    let core_limit = || {
        let limits = std::fs::read_to_string(folder.join("limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        line.split_whitespace().nth(4).unwrap().to_owned()
    };
    let start = Instant::now();
    while core_limit() != "0" {
        assert!(start.elapsed() < Duration::from_secs(10), "core dumps are not switched off");
        std::thread::sleep(Duration::from_millis(5));
    }
    let arguments = std::fs::read(folder.join("cmdline")).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains(CANARY));
    drop(stdin);
    assert!(process.wait().unwrap().success());
}
