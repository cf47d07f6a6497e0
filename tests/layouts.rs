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
fn a_path_prefix_names_a_mount_and_a_path() {
    let sandbox = Sandbox::new();
    for prefix in
        ["", "/", "a", "a/", "/b", "a//b", "a/../b", "a/.", "a/b c", "a/b?c", "a/b#c", "a/%2e"]
    {
        let repository = standalone(&sandbox, "store").environment("dev", URL, prefix, &["app"]);
        let output = sandbox.run_in(&repository, ["list", "dev"]).fails_with(3);
        let said = "Error: secrets/environments/dev.toml: it does not say where in Vault";
        assert!(output.stderr().starts_with(said), "{output:?}");
        let prefix = format!("the Vault path prefix {prefix:?} is not");
        assert!(output.stderr().contains(&prefix), "{output:?}");
    }
}

#[test]
fn no_application_is_named_like_an_entry_of_the_tools_own_or_leaves_its_folder() {
    let sandbox = Sandbox::new();
    for name in ["pull-secret", "oidc-clients", "vault-write-token", "..", "../app", ".hidden", ""]
    {
        let enabled = ["app", name];
        let phalanx = phalanx(&sandbox, "phalanx", "key: {}\n");
        let file = "environments/values-dev.yaml";
        let text = format!(
            "vaultUrl: {URL}\nvaultPathPrefix: a/b\napplications:\n  app: true\n  \"{name}\": true\n"
        );
        let output = sandbox.run_in(phalanx.file(file, &text), ["list", "dev"]).fails_with(3);
        assert!(output.stderr().starts_with(&format!("Error: {file}")), "{output:?}");

        let standalone =
            standalone(&sandbox, "standalone").environment("dev", URL, "a/b", &enabled);
        let output = sandbox.run_in(standalone, ["list", "dev"]).fails_with(3);
        let said = "Error: secrets/environments/dev.toml";
        assert!(output.stderr().starts_with(said), "{output:?}");
    }
}

#[test]
fn a_phalanx_checkout_needs_the_values_that_all_environments_share() {
    let sandbox = Sandbox::new();
    let repository = phalanx(&sandbox, "checkout", "key: {}\n");
    std::fs::remove_file(repository.root().join("environments/values.yaml")).unwrap();
    let output = sandbox.run_in(&repository, ["list", "dev"]).fails_with(3);
    insta::assert_snapshot!(output.stderr(), @"
    Error: environments/values.yaml does not exist
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
}

#[test]
fn an_environment_is_suggested_or_all_are_named() {
    let sandbox = Sandbox::new();
    let repository = phalanx(&sandbox, "checkout", "key: {}\n")
        .environment("summit", URL, "secret/summit", &[])
        .environment("base", URL, "secret/base", &[]);
    let hint = |name: &str| {
        let output = sandbox.run_in(&repository, ["list", name]).fails_with(2);
        output.stderr().lines().last().unwrap().to_owned()
    };
    assert_eq!(hint("sumit"), "Hint: did you mean summit?");
    assert_eq!(hint("xyz"), "Hint: the environments here are: base, dev, summit");
}

#[test]
fn a_named_root_is_not_searched_upwards() {
    let sandbox = Sandbox::new();
    let repository = standalone(&sandbox, "store");
    let below = repository.root().join("some/where");
    std::fs::create_dir_all(&below).unwrap();
    let output = sandbox.run_in(&below, ["list", "dev"]).success();
    assert_eq!(output.stdout(), "app key\n");
    let output = sandbox.run_in(&below, ["list", "-c", "../..", "dev"]).success();
    assert_eq!(output.stdout(), "app key\n");
    let output = sandbox.run_in(&below, ["list", "-c", ".", "dev"]).fails_with(3);
    let said = "Error: . is neither a Phalanx checkout nor has it a store\n";
    assert!(output.stderr().starts_with(said), "{output:?}");
    let output = sandbox.run_in(&below, ["list", "-c", "missing", "dev"]).fails_with(2);
    assert!(
        output.stderr().starts_with("Error: there is no folder missing\n"),
        "{}",
        output.stderr()
    );
}

#[test]
fn a_checkout_without_a_store_is_known_by_its_files() {
    let sandbox = Sandbox::new();
    for repository in
        [phalanx(&sandbox, "phalanx", "key: {}\n"), standalone(&sandbox, "standalone")]
    {
        std::fs::remove_file(repository.root().join("secrets/store.toml")).unwrap();
        let output = sandbox.run_in(&repository, ["list", "dev"]).success();
        assert_eq!(output.stdout(), "app key\n");
    }
}
