//! Checkouts and stores that are wrong, and what is said of each.

use std::fmt::Write as _;

use crate::support::cli::Sandbox;
use crate::support::redact_paths;
use crate::support::standalone::Repository;

const URL: &str = "http://localhost:8200";

/// One secret's rules in YAML, in a checkout whose application is `app`.
fn phalanx<'a>(sandbox: &'a Sandbox, name: &str, secrets: &str) -> Repository<'a> {
    Repository::phalanx(sandbox, name)
        .environment("dev", URL, "secret/dev", &["app"])
        .application("app", secrets)
}

fn standalone<'a>(sandbox: &'a Sandbox, name: &str) -> Repository<'a> {
    Repository::standalone(sandbox, name)
        .environment("dev", URL, "secret/dev", &["app"])
        .application("app", "[secrets.key]\ndescription = \"x\"\n")
}

/// Lists each case's environment, and puts what was said into one text.
fn said(sandbox: &Sandbox, cases: Vec<(&str, Repository<'_>)>) -> String {
    let mut text = String::new();
    for (what, repository) in cases {
        let output = sandbox.run_in(repository.root(), ["list", "dev"]);
        assert_eq!(output.stdout(), "", "{what}");
        let stderr = redact_paths(output.stderr(), sandbox);
        writeln!(text, "# {what}: exit code {}\n{stderr}", output.code()).unwrap();
    }
    text
}

#[test]
fn a_wrong_phalanx_checkout_is_explained() {
    let sandbox = Sandbox::new();
    let s = &sandbox;
    let cases = vec![
        ("malformed YAML", phalanx(s, "c1", "key:\n  description: [\nother: {}\n")),
        ("a field that there is not", phalanx(s, "c2", "key:\n  description: x\n  typo: y\n")),
        ("an unknown generator", phalanx(s, "c3", "a: {}\nkey:\n  generate:\n    type: magic\n")),
        ("a generator without its source", phalanx(s, "c4", "key: {generate: {type: mtime}}\n")),
        (
            "a source that the generator has not",
            phalanx(s, "c5", "key: {generate: {type: password, source: other}}\n"),
        ),
        (
            "copy and generate",
            phalanx(
                s,
                "c6",
                "key: {copy: {application: app, key: x}, generate: {type: password}}\n",
            ),
        ),
        ("value and generate", phalanx(s, "c7", "key: {value: x, generate: {type: password}}\n")),
        (
            "copy and generate under conditions that both hold",
            phalanx(
                s,
                "c8",
                "key: {copy: {application: app, key: x, if: a}, generate: {type: password, if: b}}\n",
            )
            .file("applications/app/values.yaml", "a: 1\nb: true\n"),
        ),
        (
            "malformed values",
            phalanx(s, "c9", "key: {if: a}\n")
                .file("applications/app/values-dev.yaml", "a: 1\nb: 'x\n"),
        ),
        ("a key that cannot be one", phalanx(s, "c10", "\"a\\nb\": {description: x}\n")),
        (
            "a path prefix without a mount",
            Repository::phalanx(s, "c11").environment("dev", URL, "secret", &["app"]),
        ),
        (
            "an application that is not there",
            Repository::phalanx(s, "c12")
                .environment("dev", URL, "secret/dev", &["ghost"])
                .file("applications/app/secrets.yaml", "{}\n"),
        ),
        (
            "an application named like an entry of the tool's own",
            Repository::phalanx(s, "c13")
                .environment("dev", URL, "secret/dev", &["pull-secret"])
                .file("applications/app/secrets.yaml", "{}\n"),
        ),
        (
            "an unknown environment",
            Repository::phalanx(s, "c14")
                .environment("dve", URL, "secret/dev", &[])
                .file("applications/app/secrets.yaml", "{}\n"),
        ),
    ];
    insta::assert_snapshot!(said(s, cases));
}

#[test]
fn a_wrong_standalone_store_is_explained() {
    let sandbox = Sandbox::new();
    let s = &sandbox;
    let cases = vec![
        ("malformed TOML", standalone(s, "s1").application("app", "[secrets.key]\nif = \n")),
        (
            "a field that there is not",
            standalone(s, "s2").application("app", "[secrets.key]\ndescripton = \"x\"\n"),
        ),
        (
            "an unknown generator",
            standalone(s, "s3")
                .application("app", "[secrets.key]\ngenerate = { type = \"magic\" }\n"),
        ),
        (
            "an environment without a Vault",
            standalone(s, "s4").file("secrets/environments/dev.toml", "applications = []\n"),
        ),
        (
            "an application that is not there",
            standalone(s, "s5").environment("dev", URL, "secret/dev", &["app", "ghost"]),
        ),
        (
            "settings of an application that is not enabled",
            standalone(s, "s6").file(
                "secrets/environments/dev.toml",
                "vault-url = \"http://v\"\nvault-path-prefix = \"a/b\"\napplications = [\"app\"]\n\
                 [settings.ghost]\nx = 1\n",
            ),
        ),
        ("malformed settings", standalone(s, "s7").file("secrets/store.toml", "format = \n")),
        (
            "a store of a later version",
            standalone(s, "s8").file("secrets/store.toml", "format = 2\nnew = true\n"),
        ),
        (
            "a setting that there is not",
            standalone(s, "s9")
                .file("secrets/store.toml", "format = 1\nlayout = \"standalone\"\nnew = 1\n"),
        ),
        (
            "a malformed holder",
            standalone(s, "s10").file("recipients/alice.toml", "keys = []\nacess = [\"*\"]\n"),
        ),
        (
            "a private key among a holder's",
            standalone(s, "s11").file(
                "recipients/alice.toml",
                "keys = [\"AGE-SECRET-KEY-1QQQQQQQQ\"]\naccess = [\"*\"]\n",
            ),
        ),
        ("a key that is none", standalone(s, "s12").holder("alice", &["age1nonsense"], &["*"])),
        ("an access that is none", standalone(s, "s13").holder("alice", &[], &["dev/app/key"])),
        (
            "a holder with a name that is none",
            standalone(s, "s14").file("recipients/al ice.toml", "keys = []\naccess = []\n"),
        ),
    ];
    insta::assert_snapshot!(said(s, cases));
}

#[test]
fn outside_a_checkout_the_tool_says_so() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(["list", "dev"]).fails_with(3);
    insta::assert_snapshot!(redact_paths(output.stderr(), &sandbox));
}

#[test]
fn conditions_are_as_true_as_for_python() {
    let sandbox = Sandbox::new();
    let mut secrets = String::new();
    for path in
        ["yes", "letter", "quoted", "zero", "empty", "list", "map.inner", "missing.inner", "over"]
    {
        writeln!(secrets, "\"{path}\": {{if: \"{path}\"}}").unwrap();
    }
    let repository = phalanx(&sandbox, "conditions", &secrets)
        .file(
            "applications/app/values.yaml",
            "\"yes\": on\nletter: n\nquoted: 'false'\nzero: 0\nempty: ''\nlist: []\nmap: {inner: 0.5}\n\
             over: false\n",
        )
        .file("applications/app/values-dev.yaml", "over: true\nmap: {other: 1}\n")
        .file("applications/app/values-other.yaml", "empty: true\n");
    let output = sandbox.run_in(repository.root(), ["list", "dev"]).success();
    assert_eq!(output.stdout(), "app letter\napp map.inner\napp over\napp quoted\napp yes\n");
}

#[test]
fn an_environment_replaces_the_spec_of_a_key_wholly() {
    let sandbox = Sandbox::new();
    let repository = phalanx(
        &sandbox,
        "replacement",
        "key: {description: x, generate: {type: password}}\nother: {generate: {type: password}}\n",
    )
    .file(
        "applications/app/secrets-dev.yaml",
        "key: {}\nnew: {copy: {application: app, key: key}}\n",
    );
    let output = sandbox.run_in(repository.root(), ["list", "dev", "--json"]).success();
    let rows: Vec<serde_json::Value> = serde_json::from_str(output.stdout()).unwrap();
    let kinds: Vec<&str> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["static", "copy", "generate"]);
    assert_eq!(rows[0]["origin"], "applications/app/secrets-dev.yaml");
}

#[test]
fn only_enabled_applications_count() {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "enabled")
        .file(
            "environments/values.yaml",
            "vaultUrl: http://v\napplications: {on: true, off: false, overridden: true}\n",
        )
        .file(
            "environments/values-dev.yaml",
            "vaultPathPrefix: a/b\napplications: {off: true, overridden: false}\n",
        )
        .application("on", "key: {}\n")
        .application("off", "key: {}\n")
        .application("overridden", "not: [valid\n");
    let output = sandbox.run_in(repository.root(), ["list", "dev"]).success();
    assert_eq!(output.stdout(), "off key\non key\n");
}

#[test]
fn settings_of_the_standalone_layout_decide_conditions() {
    let sandbox = Sandbox::new();
    let repository = standalone(&sandbox, "settings")
        .file(
            "secrets/environments/dev.toml",
            "vault-url = \"http://v\"\nvault-path-prefix = \"a/b\"\napplications = [\"app\"]\n\
             [settings.app]\nsso.enabled = true\n",
        )
        .application(
            "app",
            "[settings]\nsso = { enabled = false, other = true }\n\
             [secrets.a]\nif = \"sso.enabled\"\n[secrets.b]\nif = \"sso.other\"\n\
             [secrets.c]\nif = \"sso.missing\"\n",
        );
    let output = sandbox.run_in(repository.root(), ["list", "dev"]).success();
    assert_eq!(output.stdout(), "app a\napp b\n");
}
