//! Specs and environments in YAML: what is text, what is a boolean, and where
//! the Python CLI refuses what is taken here, or the reverse.

use crate::support::cli::{Output, Sandbox};
use crate::support::standalone::Repository;

const URL: &str = "http://localhost:8200";

/// Lists an environment whose application has these specs.
fn list(sandbox: &Sandbox, secrets: &str) -> Output {
    let repository = Repository::phalanx(sandbox, "checkout")
        .environment("dev", URL, "secret/dev", &["app"])
        .application("app", secrets);
    sandbox.run_in(&repository, ["list", "dev"])
}

/// Lists an environment of that file, which has the applications `a` and `b`.
fn list_environment(sandbox: &Sandbox, file: &str) -> Output {
    let repository = Repository::phalanx(sandbox, "checkout")
        .file("environments/values-dev.yaml", file)
        .application("a", "one: {description: d}\n")
        .application("b", "two: {description: d}\n");
    sandbox.run_in(&repository, ["list", "dev"])
}

/// Each place of a spec that has a text, around it, and what is listed.
const PLACES: [(&str, &str, &str); 7] = [
    ("key:\n  description: ", "\n", "app key\n"),
    ("key:\n  description: d\n  value: ", "\n", "app key\n"),
    ("key:\n  description: d\n  if: ", "\n", ""),
    (
        "key:\n  description: d\n  copy:\n    if: ",
        "\n    application: app\n    key: k\n",
        "app key\n",
    ),
    ("key:\n  copy:\n    application: app\n    key: ", "\n", "app key\n"),
    ("key:\n  description: d\n  generate:\n    type: mtime\n    source: ", "\n", "app key\n"),
    ("key:\n  description: d\n  copy:\n    key: k\n    application: ", "\n", "app key\n"),
];

#[test]
fn what_python_reads_as_text_is_text_in_a_spec() {
    let sandbox = Sandbox::new();
    let texts =
        ["y", "Y", "n", "N", "oN", "tRue", "0o17", "0X1f", "1e3", "1E3", "1.5e3", "1e+3", "08"];
    for (before, after, listed) in PLACES {
        for text in texts {
            // No name of an application has a plus.
            if before.ends_with("application: ") && text.contains('+') {
                continue;
            }
            let output = list(&sandbox, &format!("{before}{text}{after}")).success();
            assert_eq!(output.stdout(), listed, "{before}{text}");
        }
    }
}

#[test]
fn what_python_reads_as_something_else_is_refused_by_line() {
    let sandbox = Sandbox::new();
    let others = ["yes", "1", "017", "1.5", "1_0", "12:30", "2020-01-01", "0x1f", ".inf", "On"];
    for (before, after, _) in PLACES {
        for other in others {
            let output = list(&sandbox, &format!("{before}{other}{after}")).fails_with(3);
            let line = before.lines().count();
            let said = format!("Error: applications/app/secrets.yaml:{line}: expected text");
            assert!(output.stderr().starts_with(&said), "{before}{other}: {output:?}");
        }
    }
    for name in ["1", "on", "2020-01-01", "12:30", "~"] {
        let output =
            list(&sandbox, &format!("a: {{description: d}}\n{name}: {{description: d}}\n"));
        let said = "Error: applications/app/secrets.yaml:2: a name here is not text";
        assert!(output.fails_with(3).stderr().starts_with(said), "{name}");
    }
    list(&sandbox, "'1': {description: d}\n\"on\": {description: d}\n").success();
}

#[test]
fn a_boolean_is_whatever_the_reference_takes_for_one() {
    let sandbox = Sandbox::new();
    let (yes, no) = (
        ["yes", "1", "'1'", "t", "T", "y", "'on'", "1.0", "TRUE", "'yEs'"],
        ["no", "0", "\"0\"", "f", "n", "'off'", "0.0", "False"],
    );
    for (texts, listed) in [(&yes[..], "a one\nb two\n"), (&no[..], "b two\n")] {
        for text in texts {
            let file = format!(
                "vaultUrl: {URL}\nvaultPathPrefix: secret/dev\napplications: {{a: {text}, b: true}}\n"
            );
            assert_eq!(list_environment(&sandbox, &file).success().stdout(), listed, "{text}");
        }
    }
    for text in ["2", "''", "maybe", "~", "[]", "2020-01-01", "' true'"] {
        let file = format!(
            "vaultUrl: {URL}\nvaultPathPrefix: secret/dev\napplications:\n  a: {text}\n  b: true\n"
        );
        let output = list_environment(&sandbox, &file).fails_with(3);
        let said = "Error: environments/values-dev.yaml:4: expected true or false";
        assert!(output.stderr().starts_with(said), "{text}: {output:?}");
    }
    list(&sandbox, "key: {description: d, onepassword: {encoded: 1}}\n").success();
}

#[test]
fn settings_with_tags_of_yaml_are_read() {
    let sandbox = Sandbox::new();
    for (setting, listed) in [
        ("!!binary aGk=", "app key\n"),
        ("!!binary ''", ""),
        ("!!timestamp 2020-01-01", "app key\n"),
        ("!!set {x}", "app key\n"),
        ("!!null x", ""),
    ] {
        let repository = Repository::phalanx(&sandbox, "checkout")
            .environment("dev", URL, "secret/dev", &["app"])
            .file("applications/app/values.yaml", &format!("setting: {setting}\n"))
            .application("app", "key: {description: d, if: setting}\n");
        let output = sandbox.run_in(&repository, ["list", "dev"]).success();
        assert_eq!(output.stdout(), listed, "{setting}");
    }
}

#[test]
fn a_description_may_be_missing() {
    let sandbox = Sandbox::new();
    for secrets in ["key: {}\n", "key: {description: ''}\n", "key: {description: ~}\n"] {
        assert_eq!(list(&sandbox, secrets).success().stdout(), "app key\n");
    }
}

#[test]
fn an_empty_file_declares_nothing() {
    let sandbox = Sandbox::new();
    for secrets in ["", "# nothing yet\n", "---\n"] {
        assert_eq!(list(&sandbox, secrets).success().stdout(), "");
    }
}

#[test]
fn a_condition_through_what_is_no_mapping_does_not_hold() {
    let sandbox = Sandbox::new();
    for values in ["a:\n", "a: 1\n", "a: true\n", "a: text b\n", "a: [b]\n"] {
        let repository = Repository::phalanx(&sandbox, "checkout")
            .environment("dev", URL, "secret/dev", &["app"])
            .file("applications/app/values.yaml", values)
            .application("app", "key: {description: d, if: a.b}\n");
        assert_eq!(sandbox.run_in(&repository, ["list", "dev"]).success().stdout(), "", "{values}");
    }
}

#[test]
fn what_no_deployment_reads_may_be_missing() {
    let sandbox = Sandbox::new();
    // Neither a Chart.yaml nor a template of an Argo CD Application, nor an
    // fqdn in the environment.
    let file = format!("vaultUrl: {URL}\nvaultPathPrefix: secret/dev\napplications: {{a: true}}\n");
    assert_eq!(list_environment(&sandbox, &file).success().stdout(), "a one\n");
}

#[test]
fn pythons_own_names_of_fields_are_unknown() {
    let sandbox = Sandbox::new();
    for field in ["condition: x", "copy_rules: {application: app, key: k}"] {
        let output = list(&sandbox, &format!("key:\n  description: d\n  {field}\n")).fails_with(3);
        assert!(output.stderr().contains("secrets.yaml:3: unknown field"), "{output:?}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let sandbox = Sandbox::new();
    let output = list(&sandbox, "key: {description: d}\nother: {}\nkey: {description: e}\n");
    let said = "Error: applications/app/secrets.yaml:3: \"key\" is there for the second time";
    assert!(output.fails_with(3).stderr().starts_with(said));
    list(&sandbox, "key:\n  description: d\n  if: a\n  if: b\n").fails_with(3);
}

#[test]
fn names_that_kubernetes_or_a_folder_cannot_have_are_refused() {
    let sandbox = Sandbox::new();
    for secrets in [
        "' key': {description: d}\n",
        "'key ': {description: d}\n",
        "'': {description: d}\n",
        "key: {copy: {application: a b, key: k}}\n",
    ] {
        list(&sandbox, secrets).fails_with(3);
    }
}

#[test]
fn a_path_prefix_has_a_mount_and_a_path_without_a_slash_at_its_end() {
    let sandbox = Sandbox::new();
    for prefix in ["secret", "secret/dev/", "secret//dev", "/dev"] {
        let file =
            format!("vaultUrl: {URL}\nvaultPathPrefix: {prefix}\napplications: {{a: true}}\n");
        let output = list_environment(&sandbox, &file).fails_with(3);
        assert!(output.stderr().contains("it does not say where in Vault"), "{output:?}");
    }
}
