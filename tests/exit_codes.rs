//! Exit codes: one meaning in every command. The README's table is what they
//! mean; here is who gives which.
//!
//! What takes a server is in `sync::exit_codes`.

use std::collections::BTreeSet;

use crate::support::cli::Sandbox;
use crate::support::small_store::SmallStore;

/// A command line, what makes the situation, and the code. `FILE`, `BYTES` and
/// `KEY` stand for a file of no use, one that is no text, and a public key.
const ROWS: &[(&str, &[Situation], i32)] = &[
    // 0: done, or clean.
    ("list demo", &[], 0),
    ("get demo app password", &[], 0),
    ("set demo app token", &[Stdin("new")], 0),
    ("remove demo app token --yes", &[], 0),
    ("export demo", &[], 0),
    ("static-template demo", &[], 0),
    ("schema", &[], 0),
    ("check --allow-missing", &[], 0),
    ("recipients list", &[], 0),
    ("recipients show alice", &[], 0),
    ("rekey", &[], 0),
    ("exposed", &[], 0),
    ("log", &[], 0),
    ("diff", &[], 0),
    ("diff --exit-code", &[], 0),
    ("git setup", &[], 0),
    ("completions bash", &[], 0),
    ("man", &[], 0),
    ("--help", &[], 0),
    ("--version", &[], 0),
    ("run demo app -- true", &[], 0),
    // 1: findings, differences, or something was left out.
    ("check", &[], 1),
    ("diff HEAD~ --exit-code", &[], 1),
    ("run demo app -- false", &[], 1),
    // 2: the options.
    ("", &[], 2),
    ("nothing", &[], 2),
    ("list", &[], 2),
    ("list demo --none", &[], 2),
    ("sync", &[], 2),
    ("diff --staged HEAD~ HEAD", &[], 2),
    ("completions none", &[], 2),
    ("get demo app password -c none", &[], 2),
    ("set demo app token VALUE", &[], 2),
    ("copy-env demo demo", &[], 2),
    ("sync --all --regenerate", &[], 2),
    ("vault copy-secrets demo none", &[], 2),
    // 2: an environment that is not there.
    ("list none", &[], 2),
    ("get none app password", &[], 2),
    ("set none app password", &[Stdin("x")], 2),
    ("edit none app password", &[], 2),
    ("fill none", &[], 2),
    ("remove none app password --yes", &[], 2),
    ("rename none app password token", &[], 2),
    ("move-in none", &[], 2),
    ("import none FILE", &[], 2),
    ("copy-env none demo", &[], 2),
    ("copy-env demo none", &[], 2),
    ("run none app -- true", &[], 2),
    ("export none", &[], 2),
    ("onepassword-secrets none", &[], 2),
    ("static-template none", &[], 2),
    ("check none", &[], 2),
    ("recipients add new --key KEY --access none", &[], 2),
    ("recipients grant alice none", &[], 2),
    ("recipients revoke alice none", &[], 2),
    ("rekey none", &[], 2),
    ("exposed none", &[], 2),
    ("audit none", &[], 2),
    ("sync none", &[], 2),
    ("sync demo none", &[], 2),
    ("backup none", &[], 2),
    ("restore none", &[], 2),
    ("vault audit none", &[], 2),
    ("vault copy-secrets none secret/old", &[], 2),
    ("vault export-secrets none out", &[], 2),
    ("vault create-read-approle none", &[], 2),
    ("vault create-read-token none", &[], 2),
    ("vault create-write-token none", &[], 2),
    ("log none", &[], 2),
    ("diff -e none", &[], 2),
    ("diff -e none --exit-code", &[], 2),
    ("verify none", &[], 2),
    // 2: another name that means nothing.
    ("get demo none password", &[], 2),
    ("get demo app none", &[], 2),
    ("set demo app none", &[Stdin("x")], 2),
    ("set demo app made", &[Stdin("x")], 2),
    ("edit demo app none", &[], 2),
    ("fill demo none", &[], 2),
    ("run demo none -- true", &[], 2),
    ("log demo none", &[], 2),
    ("log demo app none", &[], 2),
    ("diff -a none", &[], 2),
    ("rekey demo/none", &[], 2),
    ("recipients show none", &[], 2),
    ("recipients grant none demo", &[], 2),
    ("recipients revoke none demo", &[], 2),
    ("recipients remove none", &[], 2),
    ("sync demo --regenerate=none", &[], 2),
    ("sync demo --overwrite=none", &[], 2),
    ("list demo --rev none", &[], 2),
    ("get demo app password --rev none", &[], 2),
    ("check --rev none", &[], 2),
    ("log --rev none", &[], 2),
    ("diff none", &[], 2),
    // 2: a value or a file that was given.
    ("set demo app token", &[], 2),
    ("set demo app token", &[Stdin(" \n")], 2),
    ("set demo app token --from-file BYTES", &[], 2),
    ("set demo app token --from-file none", &[], 2),
    ("import demo none", &[], 2),
    ("import demo FILE", &[], 2),
    ("import demo BYTES", &[], 2),
    ("import demo -", &[Stdin("applications: {app: {token: {value: ''}}}")], 2),
    ("import demo -", &[Stdin("applications: {app: {none: {value: x}}}")], 2),
    ("import demo -", &[Stdin("applications: {app: {password: {value: other}}}")], 2),
    ("sync demo --secrets none", &[], 2),
    ("sync demo --secrets FILE", &[], 2),
    ("recipients add new --key none --access demo", &[], 2),
    // 2: a variable, or nothing where one is needed.
    ("sync demo", &[], 2),
    ("audit demo", &[], 2),
    ("backup demo", &[], 2),
    ("import demo --from-vault", &[], 2),
    ("vault audit demo", &[], 2),
    ("sync demo", &[Variable("VAULT_TOKEN", "a\nb")], 2),
    ("sync demo", &[Variable("VAULT_CLIENT_TIMEOUT", "soon")], 2),
    ("sync demo", &[Variable("VAULT_MAX_RETRIES", "few")], 2),
    ("sync demo", &[Variable("VAULT_AUTH_METHOD", "none")], 2),
    ("sync demo", &[Variable("VAULT_ADDR", "http://127.0.0.1:2")], 2),
    ("sync demo", &[Token, Variable("VAULT_CACERT", "none")], 2),
    ("audit demo", &[Token, Variable("VAULT_CLIENT_CERT", "none")], 2),
    ("sync demo --vault-url ftp://127.0.0.1", &[Token], 2),
    ("vault audit demo --vault-url https://u:p@127.0.0.1", &[Token], 2),
    ("sync demo --verify", &[Token], 2),
    ("verify", &[], 2),
    ("edit demo app password", &[Variable("EDITOR", "false")], 2),
    // 2: nobody is there to answer.
    ("fill demo", &[], 2),
    ("move-in demo", &[], 2),
    ("remove demo app password", &[], 2),
    // 3: the checkout, the store or a key.
    ("check -c /", &[], 3),
    ("init", &[], 3),
    ("get demo other shared", &[], 3),
    ("remove demo other shared --yes", &[], 3),
    ("rename demo other shared more", &[], 3),
    ("get demo app password -i none", &[], 3),
    ("get demo app password -i FILE", &[], 3),
    ("check --open --allow-missing -i FILE", &[], 3),
    ("recipients remove alice", &[], 3),
    ("man FILE", &[], 3),
    ("restore demo", &[Token], 3),
    ("list bad", &[BadEnvironment], 3),
    ("sync bad", &[BadEnvironment, Token], 3),
    ("check -c /", &[], 3),
    // 4: a server.
    ("sync demo", &[Token], 4),
    ("audit demo", &[Token], 4),
    ("sync --all", &[Token], 4),
    ("backup demo", &[Token], 4),
    ("import demo --from-vault", &[Token], 4),
    ("vault audit demo", &[Token], 4),
    ("vault copy-secrets demo secret/old", &[Token], 4),
    ("vault export-secrets demo out", &[Token], 4),
    ("vault create-read-approle demo", &[Token], 4),
    ("vault create-read-token demo", &[Token], 4),
    ("vault create-write-token demo", &[Token], 4),
    // Those of shells.
    ("run demo app -- ./none", &[], 127),
    ("run demo app -- FILE", &[], 126),
];

/// What makes a situation.
enum Situation {
    Stdin(&'static str),
    Variable(&'static str, &'static str),
    /// With a token, for a server that is not there.
    Token,
    /// An environment whose file does not parse.
    BadEnvironment,
}
use Situation::{BadEnvironment, Stdin, Token, Variable};

/// The commands that have `--json`, for which each error is tried with it.
const WITH_JSON: [&str; 8] =
    ["list", "check", "exposed", "audit", "sync", "log", "diff", "recipients list"];

#[test]
fn each_command_has_them_by_one_rule() {
    let store = SmallStore::in_order();
    store.set("app", "password", "x");
    store.commit("First");
    store.set("app", "password", "y");
    store.commit("Second");
    let file = store.sandbox.write("file", "not a mapping");
    let bytes = store.sandbox.write("bytes", b"\xc3\x28");
    let bad = "secrets/environments/bad.toml";
    let mut wrong = Vec::new();
    for (line, situations, code) in ROWS {
        let words = line.split_whitespace().map(|word| match word {
            "FILE" => file.to_str().unwrap(),
            "BYTES" => bytes.to_str().unwrap(),
            "KEY" => store.alice.recipient.as_str(),
            word => word,
        });
        let words: Vec<&str> = words.collect();
        let run = |words: &[&str]| {
            let mut command = store.command(words).env("VAULT_MAX_RETRIES", "0");
            for situation in *situations {
                command = match situation {
                    Stdin(text) => command.stdin(text),
                    Variable(name, value) => command.env(name, value),
                    Token => command.env("VAULT_TOKEN", "x"),
                    BadEnvironment => command,
                };
            }
            command.run()
        };
        let is_bad = situations.iter().any(|one| matches!(one, BadEnvironment));
        if is_bad {
            store.write(bad, "vault-url = 1\n");
        }
        let output = run(&words);
        if output.code() != *code {
            wrong.push(format!("{code} is expected: {output:?}"));
        }
        let is_error = (2..=5).contains(code);
        let says_so = output.stderr().to_lowercase().contains("error:") || line.is_empty();
        assert!(says_so || !is_error, "it says nothing: {output:?}");
        let has_json = WITH_JSON.iter().any(|name| line.starts_with(name));
        if is_error && has_json && !words.contains(&"--") {
            // The support of the tests compares it with the schema.
            run(&[&words[..], &["--json"]].concat());
        }
        if is_bad {
            std::fs::remove_file(store.root.join(bad)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The commands that have no other below them.
fn commands(sandbox: &Sandbox, command: &[&str], found: &mut BTreeSet<String>) {
    let output = sandbox.run([command, &["--help"]].concat()).success();
    let list = output.stdout().split("\nCommands:\n").nth(1);
    let Some(list) = list.and_then(|rest| rest.split("\n\n").next()) else {
        found.insert(command.join(" "));
        return;
    };
    for line in list.lines() {
        let name = line.strip_prefix("  ").and_then(|line| line.split(' ').next());
        if let Some(name) = name.filter(|name| !name.is_empty() && *name != "help") {
            commands(sandbox, &[command, &[name]].concat(), found);
        }
    }
}

#[test]
fn no_command_is_left_out() {
    let mut all = BTreeSet::new();
    commands(&Sandbox::new(), &[], &mut all);
    let tried = |command: &String| {
        ROWS.iter().any(|(line, ..)| line == command || line.starts_with(&format!("{command} ")))
    };
    let never: Vec<&String> = all.iter().filter(|command| !tried(command)).collect();
    // Git runs these, and takes any code but 0 for a failure.
    assert_eq!(never, ["git merge-driver", "git textconv"]);
}

#[test]
fn the_readme_has_the_codes_that_there_are() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, table) = readme.split_once("| code | meaning |\n| --- | --- |\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let documented: Vec<i32> =
        table.lines().map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap()).collect();

    let help = Sandbox::new().run(["--help"]).success();
    let (_, known) = help.stdout().split_once("Exit codes: ").unwrap();
    let (known, _) = known.split_once("\n\n").unwrap();
    let known: Vec<i32> = known
        .split(';')
        .map(|one| one.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(documented, known);

    let server_alone = [5];
    let tried: BTreeSet<i32> = ROWS.iter().map(|row| row.2).filter(|code| *code < 126).collect();
    let tried: Vec<i32> = tried.into_iter().chain(server_alone).collect();
    assert_eq!(documented, tried);
}
