//! A marked secret goes through every command and must come out nowhere but
//! where it is asked for.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::age_tool::AgeTool;
use crate::support::cli::{Output, copy_program, make_executable};
use crate::support::connect::{self, Connect, field, item};
use crate::support::openbao::{self, OpenBao};
use crate::support::small_store::SmallStore;
use crate::support::terminal::Walk;
use crate::support::traces::{assert_nowhere, new_mark};

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
    /// What is looked for.
    canary: &'static str,
    done: Vec<Case>,
}

impl Cases {
    fn new() -> Self {
        let (server, prefix) = (openbao::shared_with_approle(), openbao::unique_prefix("canary"));
        let store = SmallStore::in_order();
        store.write(
            "secrets/environments/demo.toml",
            format!(
                "vault-url = {:?}\nvault-path-prefix = {prefix:?}\napplications = [\"app\", \
                 \"other\"]\n",
                server.url()
            ),
        );
        Self { store, server, prefix, canary: String::leak(new_mark()), done: Vec::new() }
    }

    /// Runs a command with the canary on standard input.
    fn run(&mut self, arguments: &[&str]) -> &Output {
        self.run_with(arguments, self.canary, &[])
    }

    fn run_with(&mut self, arguments: &[&str], input: &str, env: &[(&str, &str)]) -> &Output {
        let command = self.store.command(arguments).stdin(input);
        let command = command.env("VAULT_TOKEN", self.server.root_token());
        // What makes other programs talk.
        let command = command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        let command = env.iter().fold(command, |command, (name, value)| match *value {
            "" => command.env_remove(name),
            value => command.env(name, value),
        });
        let name = arguments.iter().find(|argument| !argument.starts_with('-')).unwrap();
        let name: &'static str = String::leak((*name).to_owned());
        let shows_it = matches!(name, "get" | "export" | "onepassword-secrets")
            || arguments.contains(&"--values");
        let below = arguments
            .get(1)
            .filter(|_| matches!(name, "recipients" | "git" | "vault"))
            .map(|&below| below.to_owned());
        self.done.push(Case { command: name, below, shows_it, output: command.run() });
        &self.done.last().unwrap().output
    }

    /// Makes a program that looks for the canary where all processes of the
    /// user could, writes down where it is, and then does what else it is to.
    fn spy(&self, name: &str, also: &str) -> String {
        // The program's own text does not hold it.
        let (first, second) = self.canary.split_at(self.canary.len() / 2);
        let spy = self.store.sandbox.write(
            self.store.sandbox.root().join("spies").join(name),
            format!(
                "#!/usr/bin/env python3\nimport glob, os, sys\nmark = ''.join([{first:?}, \
                 {second:?}])\nfound = []\nfor place in glob.glob('/proc/[0-9]*/cmdline') + \
                 glob.glob('/proc/[0-9]*/environ'):\n    try:\n        if mark.encode() in \
                 open(place, 'rb').read():\n            found.append(place)\n    except \
                 OSError:\n        continue\nopen({:?}, 'a').write(f'{{found}}\\n')\n{also}\n",
                self.seen()
            ),
        );
        make_executable(&spy);
        spy.to_str().unwrap().to_owned()
    }

    /// Where spies write down what they see.
    fn seen(&self) -> PathBuf {
        self.store.sandbox.root().join("seen")
    }

    /// Asserts that a spy was there, and saw nothing.
    #[track_caller]
    fn assert_unseen(&self) {
        let seen = self.store.sandbox.read(self.seen());
        assert!(seen.lines().count() > 0 && seen.lines().all(|line| line == "[]"), "{seen}");
        std::fs::remove_file(self.seen()).unwrap();
    }

    /// Runs a command with a spy for its editor, or for what it starts.
    #[track_caller]
    fn run_spied_on(&mut self, arguments: &[&str], also: &str, code: i32) {
        let spy = self.spy("spy", also);
        let started: &[&str] = if arguments[0] == "run" { &[&spy] } else { &[] };
        let all = [arguments, started].concat();
        assert_eq!(self.run_with(&all, "", &[("EDITOR", &spy)]).code(), code, "{arguments:?}");
        self.assert_unseen();
    }

    /// Runs a command at a terminal, which shows it to nobody.
    fn run_at_terminal(&mut self, arguments: &[&str], walk: impl FnOnce(Walk) -> Walk) {
        let spy = self.spy("spy", "open(sys.argv[-1], 'w').write(mark)");
        let command = self.store.command(arguments).env("TERM", "xterm").env("EDITOR", spy);
        let command = command.env("VAULT_TOKEN", self.server.root_token());
        let walked = walk(Walk::through(command)).run();
        assert!(!walked.screen.contains(self.canary), "{arguments:?}: {}", walked.screen);
        assert!(walked.is_restored);
    }
}

#[test]
fn a_marked_secret_appears_nowhere_else() {
    let mut cases = Cases::new();
    let canary = cases.canary;
    let wrong = cases.store.sandbox.age_identity("stranger").path;
    let wrong = wrong.to_str().unwrap();
    let identity = cases.store.sandbox.read(&cases.store.alice.path);
    let identity = identity.lines().last().unwrap().to_owned();
    let yaml = format!(
        "applications:\n  app:\n    token: {{value: {canary}}}\npull-secret: {{registries: \
         {{ghcr.io: {{username: u, password: {canary}}}}}}}\noidc-clients: {{c: {{secret: \
         {canary}, return_uri: u}}}}\nvault-write-token: {canary}\n"
    );

    // As they should be used …
    for key in ["password", "dex.clientSecret", ".dockerconfigjson", "tls.key"] {
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
    assert_eq!(cases.server.value(&cases.prefix, "app", "password").as_deref(), Some(canary));
    cases.server.put(&cases.prefix, "gone", json!({ "key": canary }));
    for option in ["--delete", "--regenerate", "--secrets=-"] {
        let sync = ["sync", "demo", option, "--keep-vault-static"];
        assert_eq!(cases.run_with(&sync, &yaml, &[]).code(), 0, "{option}");
    }
    assert_eq!(cases.run(&["backup", "demo"]).code(), 0);
    assert_eq!(cases.run(&["restore", "demo"]).code(), 0);
    assert_eq!(cases.run(&["audit", "demo", "--rebuild"]).code(), 0);
    assert_eq!(cases.run(&["vault", "audit", "demo"]).code(), 1);
    let elsewhere = format!("{}-elsewhere", cases.prefix);
    cases.server.put(&elsewhere, "copied", json!({ "key": canary }));
    assert_eq!(cases.run(&["vault", "copy-secrets", "demo", &elsewhere]).code(), 0);
    cases.server.put(&elsewhere, "copied", json!({ "key": format!("{canary}-2") }));
    assert_eq!(cases.run(&["vault", "copy-secrets", "demo", &elsewhere]).code(), 3);
    cases.server.destroy(&cases.prefix, "copied");
    // What these make is not the canary; their own tests look for it.
    assert_eq!(cases.run(&["vault", "create-read-token", "demo"]).code(), 0);
    assert_eq!(cases.run(&["vault", "create-write-token", "demo"]).code(), 0);
    assert_eq!(cases.run(&["vault", "create-read-approle", "demo"]).code(), 0);
    assert_eq!(cases.run(&["vault", "create-read-approle", "none"]).code(), 2);
    assert_eq!(cases.run(&["vault", "export-secrets", "demo", "out"]).code(), 0);
    std::fs::remove_dir_all(cases.store.root.join("out")).unwrap();
    assert_eq!(cases.run(&["vault", "export-secrets", "demo", "/proc/none"]).code(), 3);
    let recipient = cases.store.alice.recipient.clone();
    std::fs::create_dir(cases.store.root.join("elsewhere")).unwrap();
    let init = ["init", "-c", "elsewhere", "--name", "a", "--key"];
    assert_eq!(cases.run(&[&init[..], &[&recipient]].concat()).code(), 0);
    std::fs::remove_dir_all(cases.store.root.join("elsewhere")).unwrap();
    assert_eq!(cases.run(&["check"]).code(), 0);
    assert_eq!(cases.run(&["check", "--open", "--json"]).code(), 0);
    assert_eq!(cases.run(&["verify"]).code(), 3);

    // … in the daily work …
    let unset = |cases: &mut Cases, key: &str| {
        assert_eq!(cases.run(&["remove", "demo", "app", key, "--yes"]).code(), 0);
    };
    let change = "open(sys.argv[1], 'a').write('-2')";
    cases.run_spied_on(&["edit", "demo", "app", "password"], change, 0);
    let mistake = "text = open(sys.argv[1]).read()\nopen(sys.argv[1], 'w').write(text + 'oops')";
    cases.run_spied_on(&["edit", "demo", "app"], mistake, 2);
    cases.run_spied_on(&["edit", "demo", "app"], "sys.exit(1)", 2);
    let look = "assert os.listdir(os.environ['PHALANX_SECRETS_FOLDER'])";
    cases.run_spied_on(&["run", "demo", "app", "--files", "--"], look, 0);
    // Spies look into the real folders in memory, too.
    assert_nowhere(canary, &cases.store.sandbox);
    assert_eq!(cases.run(&["run", "demo", "app", "--", "true"]).code(), 0);
    assert_eq!(cases.run(&["run", "demo", "app", "--from-vault", "--", "true"]).code(), 0);
    assert_eq!(cases.run(&["run", "demo", "app", "--", "nowhere-to-be-found"]).code(), 127);
    unset(&mut cases, "token");
    assert_eq!(cases.run(&["rename", "demo", "app", "password", "token"]).code(), 0);
    assert_eq!(cases.run(&["rename", "demo", "app", "token", "dex.clientSecret"]).code(), 3);
    let rename = ["rename", "demo", "app", "token", "shared", "--to-application", "other"];
    assert_eq!(cases.run(&rename).code(), 3);
    assert_eq!(cases.run(&["remove", "demo", "other", "shared", "--yes"]).code(), 0);
    assert_eq!(cases.run(&rename).code(), 0);
    assert_eq!(cases.run(&["set", "demo", "other", "shared"]).code(), 0);
    let generate = ["set", "demo", "app", "token", "--generate", "password", "--yes"];
    assert_eq!(cases.run(&generate).code(), 0);
    cases.store.write("value", canary);
    assert_eq!(cases.run(&["set", "demo", "app", "token", "-f", "value"]).code(), 0);
    assert_eq!(cases.run(&["fill", "demo"]).code(), 2);
    assert_eq!(cases.run(&["move-in", "demo"]).code(), 2);
    // Typed or pasted, from a file, and by an editor.
    for keys in [&*format!("\x1b[200~{canary}\x1b[201~\r"), "\x06value\n", "\x05"] {
        let fill = |walk: Walk| {
            let walk = walk.expect("Value: ");
            match keys.strip_prefix('\x06') {
                Some(file) => walk.send("\x06").expect("File: ").send(file),
                None => walk.send(keys),
            }
            .expect("nothing is missing any more")
        };
        cases.run_at_terminal(&["fill", "demo"], fill);
        unset(&mut cases, "password");
    }
    cases.assert_unseen();
    std::fs::remove_file(cases.store.root.join("value")).unwrap();
    cases.run_at_terminal(&["set", "demo", "app", "password"], |walk| {
        let walk = walk.expect("Value of ").paste(canary).expect("The same again: ");
        walk.send(&format!("{canary}\r")).expect("Stored")
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
    for line in [&["get", "demo", "app", ""][..], &["set", "demo", "app", canary, ""]] {
        let complete = cases.store.command([&["--", "phalanx-secrets"], line].concat());
        let complete = complete.env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
        let complete = complete.env("_CLAP_COMPLETE_INDEX", line.len().to_string());
        complete.run().success().hides(canary);
    }

    // … and moving in, from wherever it was …
    assert_eq!(cases.run(&["import", "demo", "--from-vault", "-y"]).code(), 0);
    let json = cases.store.write("in/app.json", format!("{{\"password\": \"{canary}\"}}"));
    assert_eq!(cases.run(&["import", "demo", "in", "-y"]).code(), 0);
    cases.store.write("in/app.json", format!("{{\"password\": \"{canary}"));
    assert_eq!(cases.run(&["import", "demo", "in", "-y"]).code(), 2);
    std::fs::remove_file(json).unwrap();
    let file = cases.store.write("static.yaml", &yaml);
    assert_eq!(cases.run(&["import", "demo", "static.yaml", "-y"]).code(), 0);
    for end in [0, 3] {
        let decrypt = format!("print(open(sys.argv[-1]).read())\nsys.exit({end})");
        let sops = cases.spy("sops", &decrypt);
        let path = [sops.trim_end_matches("sops"), &std::env::var("PATH").unwrap()].join(":");
        let import = ["import", "demo", "--from-sops", "static.yaml", "-y"];
        assert_eq!(cases.run_with(&import, "", &[("PATH", &path)]).code(), end);
        cases.assert_unseen();
    }
    std::fs::remove_file(file).unwrap();
    let connect = Connect::start();
    let title = "RSP";
    let onepassword = |title: &str| {
        format!("{demo}[onepassword]\nconnect-url = {:?}\nvault-title = {title:?}\n", connect.url)
    };
    cases.store.write("secrets/environments/demo.toml", onepassword(title));
    connect.vault(title, vec![item("app", vec![field(None, "password", canary)])]);
    let import = ["import", "demo", "--from-onepassword", "--allow-missing", "-y", "-v"];
    let token = [("OP_CONNECT_TOKEN", connect::TOKEN)];
    assert_eq!(cases.run_with(&import, "", &token).code(), 0);
    let wrong_token = [("OP_CONNECT_TOKEN", canary)];
    let [audit, sync] =
        ["audit", "sync"].map(|command| [command, "demo", "--from-onepassword", "-v"]);
    for refused in [&audit[..], &sync, &import] {
        assert_eq!(cases.run_with(refused, "", &wrong_token).code(), 4);
    }
    assert_eq!(cases.run_with(&audit, "", &token).code(), 1);
    assert_eq!(cases.run_with(&sync, "", &token).code(), 3);
    let keep = [&sync[..], &["--keep-vault-static"]].concat();
    assert_eq!(cases.run_with(&keep, "", &token).code(), 0);
    let print = ["onepassword-secrets", "demo", "-v"];
    assert_eq!(cases.run_with(&print, "", &token).code(), 3);
    let labelled = |key| {
        let key = field(None, "generate_secrets_key", key);
        let mut password = field(None, "password", canary);
        password["purpose"] = json!("PASSWORD");
        vec![item("labelled", vec![password, key])]
    };
    let labels = [&import[..], &["--labels"]].concat();
    for (title, key) in [("labels", "app password"), ("bad labels", "app")] {
        connect.vault(title, labelled(key));
        cases.store.write("secrets/environments/demo.toml", onepassword(title));
        let code = i32::from(title == "bad labels");
        assert_eq!(cases.run_with(&labels, "", &token).code(), code);
    }
    let full = ["password", "token", "dex.clientSecret", ".dockerconfigjson", "tls.key"];
    let full = full.map(|key| field(None, key, canary)).to_vec();
    let items = vec![item("app", full), item("other", vec![field(None, "shared", canary)])];
    connect.vault("full", items);
    cases.store.write("secrets/environments/demo.toml", onepassword("full"));
    let output = cases.run_with(&print, "", &token);
    assert_eq!(output.code(), 0, "{output:?}");
    cases.store.write("secrets/environments/demo.toml", onepassword(title));
    let client = ["set", "demo", "oidc-clients", "generated", "--generate", "oidc-client"];
    assert_eq!(cases.run(&client).code(), 2);
    let client = [&client[..], &["--return-uri", "https://example.org/"]].concat();
    assert_eq!(cases.run(&client).code(), 0);
    assert_eq!(cases.run(&["remove", "--yes", "demo", "oidc-clients", "generated"]).code(), 0);
    // What a value should be is said, and what it is is not.
    let broken = json!({ "label": "password", "value": [canary] });
    for (said, item) in [
        ("gives something else", item("app", vec![broken])),
        (
            "has no field secret in its section",
            item("oidc-clients", vec![field(Some("c"), "id", canary)]),
        ),
        (
            "has no field password in its section",
            item("pull-secret", vec![field(Some("r"), "username", canary)]),
        ),
    ] {
        connect.vault(said, vec![item]);
        cases.store.write("secrets/environments/demo.toml", onepassword(said));
        let output = cases.run_with(&import, "", &token);
        assert!(output.code() == 4 && output.stderr().contains(said), "{output:?}");
    }
    cases.store.write("secrets/environments/demo.toml", &demo);

    // … as they should not …
    assert_eq!(cases.run(&["set", "demo", "app", "made"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "oidc-clients", "c"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "pull-secret", "r"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "app", "password", canary]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "app", "absent"]).code(), 2);
    assert_eq!(cases.run(&["set", "demo", "app", "token", "-f", "/dev/null"]).code(), 2);
    let other = yaml.replace(canary, &format!("{canary}-2"));
    assert_eq!(cases.run_with(&["import", "demo", "-"], &other, &[]).code(), 2);
    let unknown = format!("applications: {{gone: {{key: {{value: {canary}}}}}}}\n");
    assert_eq!(cases.run_with(&["import", "demo", "-"], &unknown, &[]).code(), 2);
    let skip = ["import", "demo", "-", "--skip-unknown"];
    assert_eq!(cases.run_with(&skip, &unknown, &[]).code(), 0);
    let allow = ["import", "demo", "-", "--allow-unknown"];
    assert_eq!(cases.run_with(&allow, &unknown, &[]).code(), 0);
    assert_eq!(cases.run(&["remove", "demo", "gone", "key", "--yes"]).code(), 0);
    let generated = format!("applications: {{app: {{made: {{value: {canary}}}}}}}\n");
    assert_eq!(cases.run_with(&["import", "demo", "-"], &generated, &[]).code(), 1);
    assert_eq!(cases.run(&["init"]).code(), 3);
    for malformed in [
        format!("{canary}: 1\n"),
        format!("applications: {{app: {{token: {canary}}}}}\n"),
        format!("applications: {{app: {{token: {{value: [{canary}]}}}}}}\n"),
        format!("applications: '{canary}\n"),
        format!("applications: *{canary}\n"),
        format!("applications: !{canary} {canary}\n"),
        format!("applications: &{canary} [{canary}\n"),
        format!("applications: {{app: {{token: {{value: \"{canary}\\q\"}}}}}}\n"),
        format!("applications: {{app: {{token: {{value: |{canary}}}}}}}\n"),
        format!("pull-secret: {{registries: {{r: {{password: {canary}}}}}}}\n"),
    ] {
        assert_eq!(cases.run_with(&["import", "demo", "-"], &malformed, &[]).code(), 2);
        assert_eq!(cases.run_with(&["sync", "demo", "--secrets", "-"], &malformed, &[]).code(), 2);
    }
    assert_eq!(cases.run(&["get", "demo", "app", "token", "-i", wrong]).code(), 3);
    assert_eq!(cases.run(&["sync", "demo", "-i", wrong]).code(), 3);
    let key = identity.as_str();
    assert_eq!(cases.run(&["get", "demo", "app", "token", "-i", key]).code(), 3);
    for name in ["PHALANX_SECRETS_IDENTITY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY"] {
        let broken = [(name, &*format!("# {canary}\n{key}{canary}"))];
        assert_eq!(cases.run_with(&["get", "demo", "app", "token"], "", &broken).code(), 3);
    }
    assert_eq!(cases.run(&["init", "-c", "elsewhere", "--name", "a", "--key", key]).code(), 2);
    let canary_as_identity = [("PHALANX_SECRETS_IDENTITY", &*format!("-----BEGIN {canary}"))];
    assert_eq!(cases.run_with(&["get", "demo", "app", "token"], "", &canary_as_identity).code(), 3);
    let token = [("VAULT_TOKEN", canary)];
    assert_eq!(cases.run_with(&["sync", "demo"], "", &token).code(), 4);
    let sealed_token = ["demo", "vault-write-token", "token"];
    assert_eq!(cases.run(&[&["remove", "--yes"], &sealed_token[..]].concat()).code(), 0);
    let helper = cases.spy("helper", "print(mark)");
    let config = cases.store.write("vault.hcl", format!("token_helper = {helper:?}\n"));
    let helped = [("VAULT_TOKEN", ""), ("VAULT_CONFIG_PATH", config.to_str().unwrap())];
    assert_eq!(cases.run_with(&["sync", "demo"], "", &helped).code(), 4);
    cases.assert_unseen();
    assert_eq!(cases.run(&[&["set"], &sealed_token[..]].concat()).code(), 0);
    let down = ["sync", "demo", "--vault-url", "http://127.0.0.1:1"];
    assert_eq!(cases.run(&down).code(), 4);
    // … with something else in Vault than there should be …
    let odd = json!({ "password": { "nested": canary }, "made": [canary] });
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
    cases.store.write("secrets/demo/app/absent.age", canary);
    cases.store.write(&format!("secrets/demo/app/x-{}", &canary[..6]), canary);
    assert_eq!(cases.run(&["check"]).code(), 1);
    assert_eq!(cases.run(&["check", "--open", "--json"]).code(), 1);
    assert_eq!(cases.run(&["rekey"]).code(), 3);
    std::fs::remove_file(cases.store.root.join("secrets/demo/app/absent.age")).unwrap();
    let left = format!("secrets/demo/app/x-{}", &canary[..6]);
    std::fs::remove_file(cases.store.root.join(left)).unwrap();
    cases.store.write("recipients/mallory.toml", format!("keys = [\"{canary}\"]\naccess = []\n"));
    assert_eq!(cases.run(&["check"]).code(), 1);
    for command in [&["rekey"][..], &["recipients", "list"], &["exposed"]] {
        assert_eq!(cases.run(command).code(), 3);
    }
    std::fs::remove_file(cases.store.root.join("recipients/mallory.toml")).unwrap();
    let withdrawn = cases.store.bytes("recipients/withdrawn.toml");
    cases.store.write("recipients/withdrawn.toml", format!("[[withdrawn]]\nholder = \"{canary}"));
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
    std::fs::copy(cases.spy("hook", ""), cases.store.root.join(".git/hooks/pre-commit")).unwrap();
    assert_eq!(cases.run(&["set", "demo", "app", "token", "--commit"]).code(), 0);
    cases.assert_unseen();
    let shown = git(&cases, &["show", "--format=fuller", "--stat", "--patch"]);
    assert!(shown.contains("set app token") && !shown.contains(canary), "{shown}");
    assert_eq!(cases.run(&["get", "demo", "app", "token", "--rev", "HEAD"]).code(), 0);
    assert_eq!(cases.run(&["sync", "demo", "--rev", "nowhere"]).code(), 2);
    assert_eq!(cases.run(&["verify", "--trust-root", &root]).code(), 3);
    for arguments in
        [&["log"][..], &["log", "demo", "app", "--json"], &["diff", &root], &["check", "--staged"]]
    {
        assert_eq!(cases.run(arguments).code(), 0);
    }
    cases.run_spied_on(&["edit", "demo", "app", "token", "--commit"], change, 0);
    assert_eq!(cases.run(&["diff", "HEAD~", "HEAD", "--values"]).code(), 0);
    let name = "secrets/demo/app/token.age";
    for (option, shows) in [("--show-values", true), ("--quiet", false)] {
        assert_eq!(cases.run(&["git", "setup", option]).code(), 0);
        assert_eq!(git(&cases, &["diff", "HEAD~"]).contains(canary), shows, "{option}");
    }
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
    for in_the_clear in [canary.to_owned(), format!("-----BEGIN AGE ENCRYPTED FILE-----\n{canary}")]
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
        let sealed = age.encrypt(&cases.store.sandbox, &recipients, canary.as_bytes());
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
        assert!(!output.stderr().contains(canary), "{command}: {}", output.stderr());
        let shown = [output.stdout(), output.stderr()].concat();
        assert!(!shown.to_lowercase().contains(&identity.to_lowercase()), "{command}: {shown}");
        let is_asked_for = *shows_it && output.code() == 0;
        assert_eq!(output.stdout().contains(canary), is_asked_for, "{command}");
    }
    assert_eq!(seen, commands(&cases.store, &[]), "every command is tried");
    let mut below = commands(&cases.store, &["recipients"]);
    below.extend(commands(&cases.store, &["git"]));
    below.extend(commands(&cases.store, &["vault"]));
    assert_eq!(seen_below, below, "every one of these is tried");
    assert_nowhere(canary, &cases.store.sandbox);
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

/// While a value is on its way in, the process's arguments do not hold it, the
/// process can leave no core behind, and no other of the same user can look
/// into it: what that one may look into belongs to root.
#[cfg(target_os = "linux")]
#[test]
fn a_running_process_shows_no_value_and_dumps_no_core() {
    const NOBODY: u32 = 65534;
    let (store, canary) = (SmallStore::new(), new_mark());
    let program = store.sandbox.work().join("program");
    copy_program(env!("CARGO_BIN_EXE_phalanx-secrets").as_ref(), &program);
    let mut command = std::process::Command::new(program);
    command.args(["set", "demo", "app", "password"]).current_dir(&store.root);
    command.env_clear().env("HOME", store.sandbox.home());
    // All that root starts belongs to root.
    if rustix::process::getuid().is_root() {
        let own = ["-R", &NOBODY.to_string(), store.sandbox.root().to_str().unwrap()];
        store.sandbox.program("chown", own).run().success();
        command.uid(NOBODY);
    }
    let mut process = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(canary.as_bytes()).unwrap();
    stdin.flush().unwrap();

    let folder = PathBuf::from(format!("/proc/{}", process.id()));
    let core_limits = || {
        let limits = std::fs::read_to_string(folder.join("limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        line.split_whitespace().skip(4).take(2).collect::<Vec<_>>().join(" ")
    };
    let owner = || std::fs::metadata(folder.join("environ")).unwrap().uid();
    let start = Instant::now();
    while (&*core_limits(), owner()) != ("0 0", 0) {
        let state = (core_limits(), owner());
        assert!(start.elapsed() < Duration::from_secs(10), "core limits and owner: {state:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    let arguments = std::fs::read(folder.join("cmdline")).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains(&canary));
    drop(stdin);
    assert!(process.wait().unwrap().success());
}
