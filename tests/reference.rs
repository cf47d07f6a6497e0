//! The answers of the reference implementation, for the environments of the
//! real Phalanx repository.

use std::path::Path;

use phalanx_secrets::layout::Layout;
use phalanx_secrets::static_values::StaticValues;
use phalanx_secrets::tree::Tree;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::cli::Sandbox;
use crate::support::phalanx::{self, Checkout};

/// YAML whose mappings keep their order.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Ordered {
    Mapping(indexmap::IndexMap<String, Ordered>),
    Text(Option<String>),
}

impl Ordered {
    fn parse(yaml: &str) -> Self {
        serde_saphyr::from_str(yaml).unwrap()
    }

    /// Every path with its text, in order.
    fn flatten(&self, path: &str, into: &mut Vec<(String, Option<String>)>) {
        match self {
            Self::Mapping(members) if members.is_empty() => into.push((path.to_owned(), None)),
            Self::Mapping(members) => {
                for (name, value) in members {
                    value.flatten(&format!("{path}/{name}"), into);
                }
            }
            Self::Text(text) => into.push((path.to_owned(), text.clone())),
        }
    }
}

fn flat(yaml: &str) -> Vec<(String, Option<String>)> {
    let mut all = Vec::new();
    Ordered::parse(yaml).flatten("", &mut all);
    all
}

fn checkout(reference: &Path) -> String {
    reference.join("phalanx").to_str().unwrap().to_owned()
}

/// The environments for which the reference implementation's answers are here.
fn answered(reference: &Path) -> Vec<String> {
    let answered = phalanx::environments(reference);
    assert_eq!(answered.len(), 16);
    answered
}

#[test]
fn lists_equal_to_the_byte() {
    let Some(reference) = phalanx::reference() else { return };
    let sandbox = Sandbox::new();
    for name in answered(&reference) {
        let output = sandbox.run(["-c", &checkout(&reference), "list", &name]).success();
        assert_eq!(output.stdout(), phalanx::expected(&reference, &name, "list.txt"), "{name}");
    }
}

#[test]
fn every_environment_loads() {
    let Some(reference) = phalanx::reference() else { return };
    let sandbox = Sandbox::new();
    let tree = Tree::new(reference.join("phalanx"));
    let names = Layout::Phalanx.environments(&tree).unwrap();
    assert_eq!(names.len(), 24);
    for name in names {
        let arguments = ["-c", &checkout(&reference), "list", name.as_str()];
        let output = sandbox.run(arguments).success();
        assert!(!output.stdout().is_empty(), "{name}");
    }
}

#[test]
fn static_templates_hold_the_same_in_the_same_order() {
    let Some(reference) = phalanx::reference() else { return };
    let sandbox = Sandbox::new();
    for name in answered(&reference) {
        let output = sandbox.run(["-c", &checkout(&reference), "static-template", &name]).success();
        let expected = phalanx::expected(&reference, &name, "static-template.yaml");
        assert_eq!(flat(output.stdout()), flat(&expected), "{name}");
    }
}

#[test]
fn kinds_are_the_same() {
    let Some(reference) = phalanx::reference() else { return };
    let sandbox = Sandbox::new();
    for name in answered(&reference) {
        let output = sandbox.run(["-c", &checkout(&reference), "list", &name, "--json"]).success();
        let mut listed: Vec<Value> = serde_json::from_str(output.stdout()).unwrap();
        for row in &mut listed {
            let row = row.as_object_mut().unwrap();
            let origin = row.remove("origin").unwrap();
            assert!(reference.join("phalanx").join(origin.as_str().unwrap()).is_file());
            let state = row.remove("state");
            let is_static = row["kind"] == "static";
            assert_eq!(state, is_static.then(|| json!("missing")), "{name}");
        }
        let expected: Vec<Value> =
            serde_json::from_str(&phalanx::expected(&reference, &name, "secrets.json")).unwrap();
        assert_eq!(listed, expected, "{name}");
    }
}

#[test]
fn vault_locations_and_names_are_the_same() {
    let Some(reference) = phalanx::reference() else { return };
    let tree = Tree::new(reference.join("phalanx"));
    for name in answered(&reference) {
        let environment = Layout::Phalanx.load(&tree, &name.parse().unwrap()).unwrap();
        let vault = &environment.vault;
        let mut expected: Value =
            serde_json::from_str(&phalanx::expected(&reference, &name, "environment.json"))
                .unwrap();
        // Nothing here has a use for these.
        expected.as_object_mut().unwrap().retain(|name, _| name != "fqdn" && name != "onepassword");
        let ours = json!({
            "name": environment.name,
            "vault_url": format!("{}/", vault.url.trim_end_matches('/')),
            "vault_mount_point": vault.mount,
            "vault_path": vault.path,
            "read_approle": vault.read_approle(),
            "write_token": vault.write_token(),
            "read_policy": vault.read_policy(),
            "write_policy": vault.write_policy(),
            "applications": environment.applications.keys().collect::<Vec<_>>(),
        });
        assert_eq!(ours, expected, "{name}");
    }
}

#[test]
fn values_are_read_only_where_a_condition_needs_them() {
    if phalanx::reference().is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let checkout = Checkout::copy(&sandbox);
    let root = checkout.root().to_str().unwrap().to_owned();
    let broken = "setting: [\n";

    // No secret of argocd hangs on a setting; some of gafaelfawr's do.
    let argocd = checkout.root().join("applications/argocd/values.yaml");
    std::fs::write(argocd, broken).unwrap();
    sandbox.run(["-c", &root, "list", "idfdev"]).success();

    let gafaelfawr = checkout.root().join("applications/gafaelfawr/values-idfdev.yaml");
    std::fs::write(gafaelfawr, broken).unwrap();
    let output = sandbox.run(["-c", &root, "list", "idfdev"]).fails_with(3);
    assert!(output.stderr().contains("applications/gafaelfawr/values-idfdev.yaml:"));
    assert!(output.stdout().is_empty());
}

/// Values that YAML, shells or a careless reader could take for something else.
fn hostile(number: usize) -> String {
    const VALUES: &[&str] = &[
        "null",
        "~",
        "true",
        "no",
        "017",
        "1e3",
        "0x1f",
        "-0",
        "1_000",
        ".inf",
        "12:30:45",
        "2026-01-01",
        "é€😀 \u{202e}",
        "'",
        "\"",
        "\\n",
        "a\nb\n",
        "\n\nx\n\n",
        "a\r\nb",
        "\t tab",
        " space ",
        "# comment",
        "a: b",
        "- item",
        "{a: 1}",
        "[1]",
        "&anchor",
        "*alias",
        "!tag x",
        "|",
        ">",
        "%",
        "@",
        "`",
        "<<",
        "---\n...",
        "$HOME $(id)",
        "{{ .Values }}",
        "\u{1}\u{7f}\u{85}\u{2028}\u{feff}",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
    ];
    match number % (VALUES.len() + 1) {
        // One MiB, and no two the same.
        0 => format!("{number}\u{e9}{}", "x".repeat(1 << 20)),
        other => VALUES[other - 1].to_owned(),
    }
}

/// JSON whose texts are escaped as YAML has it, for all that it does not let
/// stand as it is.
fn as_yaml(document: &Value) -> String {
    match document {
        Value::Object(object) => {
            let members = object.iter();
            let members =
                members.map(|(key, value)| format!("{}: {}", as_yaml(&json!(key)), as_yaml(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => {
            let escaped = text.chars().map(|c| match c {
                ' '..='~' if c != '"' && c != '\\' => c.to_string(),
                c => format!("\\U{:08X}", u32::from(c)),
            });
            format!("\"{}\"", escaped.collect::<String>())
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_template_filled_with_hostile_values_comes_back_as_it_was() {
    #[derive(Deserialize)]
    struct Template {
        applications: std::collections::BTreeMap<String, std::collections::BTreeMap<String, Value>>,
    }
    let Some(reference) = phalanx::reference() else { return };
    let sandbox = Sandbox::new();
    let checkout = Checkout::copy(&sandbox);
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    let run = |arguments: &[&str]| sandbox.command(arguments).current_dir(checkout.root());
    run(&["init", "--name", "alice", "--key", &alice.recipient]).run().success();
    let mut count = 0;
    for environment in answered(&reference) {
        let template = phalanx::expected(&reference, &environment, "static-template.yaml");
        let template: Template = serde_saphyr::from_str(&template).unwrap();
        let mut filled = serde_json::Map::new();
        let mut expected = StaticValues::default();
        for (application, keys) in &template.applications {
            for key in keys.keys() {
                // Each environment begins elsewhere.
                let value = hostile(count);
                count += 1;
                let entry = filled.entry(application).or_insert_with(|| json!({}));
                entry[key] = json!({ "value": value });
                let values = expected.applications.entry(application.parse().unwrap()).or_default();
                values.insert(key.parse().unwrap(), value.into());
            }
        }
        let registry = json!({ "username": hostile(1), "password": hostile(count) });
        let client = json!({ "id": hostile(3), "secret": hostile(count), "return_uri": "x" });
        // JSON is YAML, and not written by what is tested.
        let document = json!({
            "applications": filled,
            "pull-secret": { "registries": { "ghcr.io": registry } },
            "oidc-clients": { "c": client },
            "vault-write-token": hostile(5),
        });
        run(&["import", &environment, "-"]).stdin(as_yaml(&document)).run().success();
        let exported = run(&["export", &environment]).run().success();
        let read = StaticValues::from_yaml(exported.stdout()).unwrap();
        assert_eq!(read.applications, expected.applications, "{environment}");
        let (registry, client) = (&read.pull_secret["ghcr.io"], &read.oidc_clients["c"]);
        for (found, number) in [
            (&registry.username, 1),
            (&registry.password, count),
            (&client.id, 3),
            (&client.secret, count),
        ] {
            assert!(found.as_str() == hostile(number), "{environment}: {number}");
        }
        assert_eq!(read.vault_write_token, Some(hostile(5).as_str().into()));

        std::fs::remove_dir_all(checkout.root().join("secrets").join(&environment)).unwrap();
        run(&["import", &environment, "-"]).stdin(exported.stdout()).run().success();
        let again = run(&["export", &environment]).run().success();
        assert!(exported.stdout() == again.stdout(), "{environment}");
    }
    assert!(count > 300, "{count}");
}
