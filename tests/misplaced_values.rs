//! Values where none belong: what is said of a file that is wrong never
//! repeats what stands in it. It may be a secret, or a private key.

use crate::support::cli::Sandbox;
use crate::support::standalone::Repository;

/// Stands for a value, and must be in no output.
const VALUE: &str = "hunter2";
const URL: &str = "http://vault.example.com";

/// What `list` says of a Phalanx checkout of which one file is replaced.
#[track_caller]
fn phalanx(file: &str, contents: &str) -> String {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "checkout")
        .environment("demo", URL, "secret/demo", &["app"])
        .application("app", "key:\n  if: setting\n")
        .file(file, contents);
    said(&sandbox, &repository)
}

/// What `list` says of a standalone store of which one file is replaced.
#[track_caller]
fn standalone(file: &str, contents: &str) -> String {
    let sandbox = Sandbox::new();
    let repository = Repository::standalone(&sandbox, "store")
        .environment("demo", URL, "secret/demo", &["app"])
        .application("app", "[secrets.key]\n")
        .file(file, contents);
    said(&sandbox, &repository)
}

#[track_caller]
fn said(sandbox: &Sandbox, repository: &Repository<'_>) -> String {
    let output = sandbox.run_in(repository, ["list", "demo"]).fails_with(3).hides(VALUE);
    assert_eq!(output.stdout(), "");
    let lines = output.stderr().lines().filter(|line| !line.starts_with("Hint: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn in_the_secrets_of_an_application() {
    let file = "applications/app/secrets.yaml";
    for (contents, line, problem) in [
        ("hunter2\n", 1, "expected a mapping"),
        ("key: hunter2\n", 1, "expected the rules of a secret"),
        ("key:\n  value: [hunter2]\n", 2, TEXT),
        ("key:\n  value: {x: hunter2}\n", 2, TEXT),
        ("key:\n  value: \"hunter2\n", 2, "unclosed quote"),
        ("key:\n  value: hunter2: hunter2\n", 2, "mapping values are not allowed in this context"),
        ("key:\n  value: !!binary hunter2\n", 2, "this is not what its tag says"),
        ("key:\n  value: *hunter2\n", 2, "while parsing node, found unknown anchor"),
        ("key:\n  generate: hunter2\n", 2, RULES_OF_GENERATOR),
        ("key:\n  copy: hunter2\n", 2, "expected the rules of a copy"),
        ("key:\n  onepassword: {encoded: hunter2}\n", 2, "expected true or false"),
        ("key: {}\n---\nhunter2\n", 3, "there is more than one document"),
        (
            "key:\n  description: x\n value: hunter2\n",
            3,
            "while parsing a block mapping, did not find expected key",
        ),
    ] {
        let expected = format!("Error: {file}:{line}: {problem}");
        assert_eq!(phalanx(file, contents), expected, "{contents}");
    }
    // Numbers are values, too.
    for number in ["4711", "-4711", "47.11", "4711.0e+99", "0x4711", "4711_4711"] {
        let said = phalanx(file, &format!("key:\n  value: {number}\n"));
        assert!(said.starts_with(&format!("Error: {file}:2: expected text")), "{said}");
        assert!(!said.contains("47"), "{said}");
    }
    let said = phalanx(file, "key:\n  value: hunter2\n  generate: {type: password}\n");
    assert_eq!(
        said,
        "Error: applications/app/secrets.yaml: secret app/key: \
         \"value\" cannot be set beside \"copy\" or \"generate\""
    );
}

/// What is said where anything but text stands in the place of text.
const TEXT: &str = "expected text (in quotes, if it looks like something else)";

#[test]
fn in_values_files() {
    for (file, contents, line) in [
        ("applications/app/values.yaml", "a: 1\nb: [hunter2\n", 2),
        ("applications/app/values.yaml", "hunter2\n", 1),
        ("applications/app/values-demo.yaml", "a: !hunter2 hunter2\n", 1),
        ("environments/values-demo.yaml", "name: demo\nvaultUrl: [hunter2]\n", 2),
        ("environments/values-demo.yaml", "applications:\n  app: hunter2\n", 2),
        ("environments/values.yaml", "name: hunter2\nhunter2: hunter2: hunter2\n", 2),
    ] {
        let said = phalanx(file, contents);
        assert!(said.starts_with(&format!("Error: {file}:{line}: ")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn in_toml() {
    let application = "secrets/applications/app.toml";
    let environment = "secrets/environments/demo.toml";
    for (file, contents, line, problem) in [
        (application, "[secrets]\nkey = \"hunter2\"\n", 2, "expected the rules of a secret"),
        (application, "[secrets.key]\nvalue = [\"hunter2\"]\n", 2, TEXT),
        (application, "[secrets.key]\nvalue = 4711\n", 2, TEXT),
        (application, "[secrets.key]\ngenerate = \"hunter2\"\n", 2, RULES_OF_GENERATOR),
        (application, "[secrets.key]\nvalue = \"x\"\nvalue = \"hunter2\"\n", 3, "duplicate key"),
        (
            application,
            "[secrets.key]\nvalue = \"hunter2\n",
            2,
            "invalid basic string, expected `\"`",
        ),
        (application, "settings = \"hunter2\"\n", 1, "expected a table"),
        (environment, "applications = \"hunter2\"\n", 1, "expected a list"),
        ("secrets/store.toml", "format = \"hunter2\"\n", 1, "expected a whole number"),
        ("recipients/alice.toml", "keys = \"AGE-SECRET-KEY-hunter2\"\n", 1, "expected a list"),
        ("recipients/alice.toml", "keys = []\naccess = \"hunter2\"\n", 2, "expected a list"),
    ] {
        let expected = format!("Error: {file}:{line}: {problem}");
        assert_eq!(standalone(file, contents), expected, "{contents}");
    }
    for contents in [
        "keys = [AGE-SECRET-KEY-hunter2]\n",
        "keys = [\"AGE-SECRET-KEY-hunter2\"]\naccess = []\n",
        "keys = [\"age-secret-key-hunter2\"]\naccess = []\n",
        "keys = [\"\"\"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n\"\"\"]\naccess = []\n",
        "keys = [\"ssh-ed25519 hunter2\"]\naccess = []\n",
        "AGE-SECRET-KEY-hunter2\n",
        "keys = [{ key = \"AGE-SECRET-KEY-hunter2\" }]\naccess = []\n",
    ] {
        let said = standalone("recipients/alice.toml", contents);
        assert!(said.starts_with("Error: recipients/alice.toml:"), "{said}");
    }
}

const RULES_OF_GENERATOR: &str = "expected the rules of a generator";
