//! What an environment needs: which applications are enabled, which
//! declaration of a key counts, and whether its condition holds.

use std::fmt::Write as _;

use crate::support::cli::Sandbox;
use crate::support::standalone::Repository;

const URL: &str = "http://vault.example.com";

/// A condition's setting: in `values.yaml`, in `values-demo.yaml`, the path
/// that the condition names, and whether it holds.
const SETTINGS: &[(&str, &str, &str, bool)] = &[
    // Scalars, as true as Python's `bool` of what PyYAML makes of them.
    ("a: true", "", "a", true),
    ("a: yes", "", "a", true),
    ("a: on", "", "a", true),
    ("a: y", "", "a", true),
    ("a: text", "", "a", true),
    ("a: \"false\"", "", "a", true),
    ("a: '0'", "", "a", true),
    ("a: 1", "", "a", true),
    ("a: 0x0e0", "", "a", true),
    ("a: .nan", "", "a", true),
    ("a: false", "", "a", false),
    ("a: Off", "", "a", false),
    ("a: \"\"", "", "a", false),
    ("a: 0", "", "a", false),
    ("a: -0.0", "", "a", false),
    ("a: 0_0", "", "a", false),
    ("a: null", "", "a", false),
    ("a: ~", "", "a", false),
    ("a:", "", "a", false),
    // Collections.
    ("a: []", "", "a", false),
    ("a: {}", "", "a", false),
    ("a: [false]", "", "a", true),
    ("a: {b: false}", "", "a", true),
    // Paths.
    ("a: {b: {c: 1}}", "", "a.b.c", true),
    ("a: {b: {c: 0}}", "", "a.b.c", false),
    ("a: {b: 1}", "", "a.c", false),
    ("a: 1", "", "a.b", false),
    ("a: [1]", "", "a.0", false),
    ("a.b: 1", "", "a.b", false),
    ("{}", "", "a", false),
    ("{}", "", "a.b.c", false),
    ("# nothing", "", "a", false),
    // An environment's own settings.
    ("a: 0", "a: 1", "a", true),
    ("a: 1", "a: 0", "a", false),
    ("a: 1", "a: null", "a", false),
    ("{}", "a: 1", "a", true),
    ("a: {b: 1, c: 1}", "a: {c: 0}", "a.b", true),
    ("a: {b: 1, c: 1}", "a: {c: 0}", "a.c", false),
    ("a: {b: 1}", "a: 1", "a.b", false),
    ("a: {b: 1}", "a: {}", "a", true),
    ("a: [1]", "a: []", "a", false),
    // Anchors and merges.
    ("x: &x {b: 1}\na: *x", "", "a.b", true),
    ("x: &x {b: 1}\na: {<<: *x, c: 0}", "", "a.b", true),
    ("x: &x {b: 1}\na: {<<: *x, b: 0}", "", "a.b", false),
];

#[test]
fn a_condition_is_as_true_as_for_python() {
    let sandbox = Sandbox::new();
    let applications: Vec<String> = (0..SETTINGS.len()).map(|n| format!("app{n:02}")).collect();
    let enabled: Vec<&str> = applications.iter().map(String::as_str).collect();
    let mut repository =
        Repository::phalanx(&sandbox, "checkout").environment("demo", URL, "secret/demo", &enabled);
    let mut expected = String::new();
    for (application, (values, own, path, holds)) in applications.iter().zip(SETTINGS) {
        // A secret that is there or not, and a rule that counts or not.
        let rules =
            format!("secret:\n  if: {path}\nrule:\n  generate: {{if: {path}, type: password}}\n");
        let folder = format!("applications/{application}");
        repository = repository
            .file(&format!("{folder}/values.yaml"), &format!("{values}\n"))
            .application(application, &rules);
        if !own.is_empty() {
            repository = repository.file(&format!("{folder}/values-demo.yaml"), own);
        }
        let kind = if *holds { "generate" } else { "static" };
        writeln!(expected, "{application} rule {kind}: {values:?} {own:?} {path}").unwrap();
        if *holds {
            writeln!(expected, "{application} secret static: {values:?} {own:?} {path}").unwrap();
        }
    }

    let output = sandbox.run_in(&repository, ["list", "demo", "--json"]).success();
    let rows: Vec<serde_json::Value> = serde_json::from_str(output.stdout()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut found = String::new();
    for row in &rows {
        let application = text(&row["application"]);
        let index = applications.iter().position(|name| *name == application).unwrap();
        let (values, own, path, _) = SETTINGS[index];
        let (key, kind) = (text(&row["key"]), text(&row["kind"]));
        writeln!(found, "{application} {key} {kind}: {values:?} {own:?} {path}").unwrap();
    }
    assert_eq!(found, expected);
}

#[test]
fn an_empty_condition_is_none() {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "checkout")
        .environment("demo", URL, "secret/demo", &["app"])
        .application("app", "a:\n  if: ''\nb:\n  if: null\nc:\n  if:\n")
        .file("applications/app/values.yaml", "never read: [\n");
    let output = sandbox.run_in(&repository, ["list", "demo"]).success();
    assert_eq!(output.stdout(), "app a\napp b\napp c\n");
}

#[test]
fn standalone_settings_decide_too() {
    let sandbox = Sandbox::new();
    let declared = "[settings]\non = true\noff = 0\nnested = { on = true, kept = \"x\" }\n\
                    [secrets]\na.if = \"on\"\nb.if = \"off\"\nc.if = \"nested.on\"\n\
                    d.if = \"nested.kept\"\ne.if = \"missing\"\nf.if = \"nested\"\n";
    let repository = Repository::standalone(&sandbox, "store")
        .environment("plain", URL, "secret/plain", &["app"])
        .file(
            "secrets/environments/other.toml",
            &format!(
                "vault-url = \"{URL}\"\nvault-path-prefix = \"secret/other\"\n\
                 applications = [\"app\"]\n[settings.app]\non = \"\"\noff = [0]\nnested.on = false\n"
            ),
        )
        .application("app", declared);
    let list = |environment| sandbox.run_in(&repository, ["list", environment]).success();
    assert_eq!(list("plain").stdout(), "app a\napp c\napp d\napp f\n");
    assert_eq!(list("other").stdout(), "app b\napp d\napp f\n");
}

#[test]
fn an_environments_declaration_of_a_key_replaces_it_wholly() {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "checkout")
        .environment("demo", URL, "secret/demo", &["app"])
        .environment("other", URL, "secret/other", &["app"])
        .application(
            "app",
            "kept:\n  description: Kept\n\
             replaced:\n  description: Old\n  if: never\n  generate: {type: password}\n  \
             onepassword: {encoded: true}\n\
             dropped:\n  description: Dropped\n",
        )
        .file(
            "applications/app/secrets-demo.yaml",
            "replaced:\n  description: New\nadded:\n  copy: {application: app, key: kept}\ndropped:\n  if: never\n",
        );
    let output = sandbox.run_in(&repository, ["list", "demo", "--json"]).success();
    let rows: serde_json::Value = serde_json::from_str(output.stdout()).unwrap();
    let row = |key: &str, file: &str| {
        let origin = format!("applications/app/{file}");
        serde_json::json!({
            "application": "app", "key": key, "kind": "static", "origin": origin,
            "state": "missing",
        })
    };
    let expected = serde_json::json!([
        {
            "application": "app", "key": "added", "kind": "copy", "from": "app/kept",
            "origin": "applications/app/secrets-demo.yaml",
        },
        row("kept", "secrets.yaml"),
        row("replaced", "secrets-demo.yaml"),
    ]);
    assert_eq!(rows, expected);
    let template = sandbox.run_in(&repository, ["static-template", "demo"]).success();
    assert!(template.stdout().contains("description: New\n"), "{template:?}");
    for old in ["Old", "warning", "Dropped"] {
        assert!(!template.stdout().contains(old), "{template:?}");
    }

    let output = sandbox.run_in(&repository, ["list", "other"]).success();
    assert_eq!(output.stdout(), "app dropped\napp kept\n");
}

#[test]
fn only_enabled_applications_count_and_the_environment_has_the_last_word() {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "checkout")
        .file(
            "environments/values.yaml",
            "vaultUrl: \"http://vault.example.com\"\nvaultPathPrefix: \"secret/base\"\n\
             applications:\n  always: true\n  off: true\n  on: false\n  never: false\n",
        )
        .file("environments/values-demo.yaml", "applications:\n  off: false\n  on: true\n")
        .file("environments/values-plain.yaml", "name: plain\n")
        .application("always", "key: {}\n")
        .application("off", "key: {}\n")
        .application("on", "key: {}\n")
        // Neither of these is looked at.
        .application("never", "key: [\n")
        .application("unmentioned", "key: [\n");
    let list = |environment| sandbox.run_in(&repository, ["list", environment]).success();
    assert_eq!(list("demo").stdout(), "always key\non key\n");
    assert_eq!(list("plain").stdout(), "always key\noff key\n");
}

#[test]
fn an_application_may_need_no_secrets() {
    let sandbox = Sandbox::new();
    let repository = Repository::phalanx(&sandbox, "checkout")
        .environment("demo", URL, "secret/demo", &["bare", "empty"])
        .file("applications/bare/Chart.yaml", "name: bare\n")
        .application("empty", "# nothing\n");
    assert_eq!(sandbox.run_in(&repository, ["list", "demo"]).success().stdout(), "");
}

#[test]
fn conditions_keep_rules_apart() {
    let sandbox = Sandbox::new();
    for (settings, kind) in
        [("one: 1\ntwo: 0\n", "copy"), ("two: 1\n", "generate"), ("{}\n", "static")]
    {
        let repository = Repository::phalanx(&sandbox, "checkout")
            .environment("demo", URL, "secret/demo", &["app"])
            .file("applications/app/values.yaml", settings)
            .application(
                "app",
                "key:\n  copy: {if: one, application: a, key: k}\n  \
                 generate: {if: two, type: password}\n",
            );
        let output = sandbox.run_in(&repository, ["list", "demo", "--json"]).success();
        let rows: serde_json::Value = serde_json::from_str(output.stdout()).unwrap();
        assert_eq!(rows[0]["kind"], kind, "{settings:?}");
    }
}
