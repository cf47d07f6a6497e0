//! `--json`: each document is described, field by field, by a schema in
//! `docs/schemas`, and `docs/json.md` is made from these.
//!
//! Whatever any test has printed with `--json` is held against its schema by
//! [`json_documents`](crate::support::json_documents).

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::cli::Sandbox;
use crate::support::json_documents::{FAILURE, faults, schemas};
use crate::support::openbao::{shared, unique_prefix};
use crate::support::small_store::SmallStore;
use crate::support::standalone::Repository;

/// The schemas, in the order of the page.
const ORDER: [&str; 9] =
    ["list", "check", "exposed", "audit", "sync", "log", "diff", "recipients-list", FAILURE];

/// What of the page stands above what is made.
const MARK: &str = "<!-- made from docs/schemas by: UPDATE_DOCUMENTS=1 cargo test page -->\n";

/// The commands below one that have `--json`.
fn with_json(sandbox: &Sandbox, command: &[&str], found: &mut BTreeSet<String>) {
    let output = sandbox.run([command, &["--help"]].concat()).success();
    let help = output.stdout();
    if help.contains("--json") {
        found.insert(command.join("-"));
    }
    let list = help.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    for line in list.into_iter().flat_map(str::lines) {
        let name = line.strip_prefix("  ").and_then(|line| line.split(' ').next());
        if let Some(name) = name.filter(|name| !name.is_empty() && *name != "help") {
            with_json(sandbox, &[command, &[name]].concat(), found);
        }
    }
}

#[test]
fn every_command_with_json_has_a_schema() {
    let mut commands = BTreeSet::new();
    with_json(&Sandbox::new(), &[], &mut commands);
    commands.insert(FAILURE.to_owned());
    assert_eq!(commands, schemas().keys().cloned().collect());
    assert_eq!(commands, ORDER.iter().map(|name| (*name).to_owned()).collect());
}

/// Calls something with every schema within a schema.
fn visit<'a>(node: &'a Value, path: &str, see: &mut impl FnMut(&str, &'a Value)) {
    see(path, node);
    for (name, one) in node["properties"].as_object().into_iter().flatten() {
        visit(one, &format!("{path}.{name}"), see);
    }
    for (name, one) in node["$defs"].as_object().into_iter().flatten() {
        visit(one, &format!("{path}({name})"), see);
    }
    if node["additionalProperties"].is_object() {
        visit(&node["additionalProperties"], &format!("{path}.*"), see);
    }
    if node["items"].is_object() {
        visit(&node["items"], &format!("{path}[]"), see);
    }
}

#[test]
fn every_field_is_described_and_named_alike() {
    for (name, schema) in schemas() {
        assert!(schema["$schema"].is_string() && schema["title"].is_string(), "{name}");
        assert!(schema["description"].is_string(), "{name}");
        visit(schema, name, &mut |path, node| {
            if let Some(properties) = node["properties"].as_object() {
                assert_eq!(node["additionalProperties"], json!(false), "{path} is not closed");
                assert!(node["required"].is_array(), "{path}");
                for (field, described) in properties {
                    let is_plain = field.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                    assert!(is_plain, "{path}.{field} is not written as the others are");
                    let is_described = described["description"].as_str().is_some();
                    assert!(is_described, "{path}.{field} is not described");
                }
            }
        });
    }
}

/// What a reference within a schema stands for.
fn resolved<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    match node["$ref"].as_str() {
        Some(path) => schema.pointer(&path[1..]).unwrap(),
        None => node,
    }
}

fn kind(schema: &Value, node: &Value) -> String {
    let kinds: Vec<&str> = match &node["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::String(one) => vec![one],
        _ => vec!["string"],
    };
    let kinds = kinds.into_iter().map(|one| match one {
        "array" => {
            let items = resolved(schema, &node["items"]);
            let is_text = items["type"] == "string";
            if is_text { "list of strings" } else { "list of objects" }
        }
        other => other,
    });
    kinds.collect::<Vec<_>>().join(" or ")
}

/// The lines of a table, for each field of an object and what is below it.
fn rows(schema: &Value, node: &Value, prefix: &str, into: &mut String) {
    let Some(properties) = node["properties"].as_object() else { return };
    let required: Vec<&str> =
        node["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let optional = properties.keys().map(String::as_str).filter(|name| !required.contains(name));
    for name in required.iter().copied().chain(optional) {
        let there = if required.contains(&name) { "always" } else { "sometimes" };
        row(schema, &properties[name], &format!("{prefix}{name}"), there, into);
    }
}

fn row(schema: &Value, node: &Value, path: &str, there: &str, into: &mut String) {
    let mut meaning = node["description"].as_str().unwrap().to_owned();
    if let Some(values) = node["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|value| format!("`{}`", value.as_str().unwrap())).collect();
        meaning.push_str(&format!(" One of {}.", values.join(", ")));
    }
    let kind = kind(schema, node);
    into.push_str(&format!("| `{path}` | {kind} | {there} | {meaning} |\n"));
    rows(schema, node, &format!("{path}."), into);
    rows(schema, resolved(schema, &node["items"]), &format!("{path}[]."), into);
    if node["additionalProperties"].is_object() {
        row(schema, &node["additionalProperties"], &format!("{path}.NAME"), "for each", into);
    }
}

/// A document's part of the page.
fn section(name: &str, schema: &Value) -> String {
    let text = |node: &Value| node.as_str().unwrap().to_owned();
    let (title, description) = (text(&schema["title"]), text(&schema["description"]));
    let mut section =
        format!("\n## {title}\n\n{description} Schema: [{name}.json](schemas/{name}.json).\n");
    let node = match schema["type"] == "array" {
        true => {
            section.push_str("\nA list of objects, each with:\n");
            &schema["items"]
        }
        false => schema,
    };
    let alternatives = match node["oneOf"].as_array() {
        Some(all) => all.iter().map(|one| resolved(schema, one)).collect(),
        None => vec![node],
    };
    for one in alternatives {
        if node["oneOf"].is_array() {
            section.push_str(&format!("\n### {}\n", text(&one["title"])));
        }
        section.push_str("\n| field | type | there | meaning |\n| --- | --- | --- | --- |\n");
        rows(schema, one, "", &mut section);
    }
    section
}

#[test]
fn the_page_is_made_from_the_schemas() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (above, _) = page.split_once(MARK).unwrap();
    let made: String = ORDER.iter().map(|name| section(name, &schemas()[*name])).collect();
    let made = format!("{above}{MARK}{made}");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&path, &made).unwrap();
        return;
    }
    assert!(page == made, "docs/json.md is not what the schemas say; UPDATE_DOCUMENTS=1 makes it");
}

/// The names of the fields of a document, or of a schema.
fn names(document: &Value, into: &mut BTreeSet<String>) {
    match document {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            into.insert(name.clone());
            names(value, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        _ => {}
    }
}

#[test]
fn what_is_printed_has_every_field_that_is_documented_and_no_other() {
    let store = SmallStore::in_order();
    store.git(&["init", "--quiet"]);
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["demo"]);
    store.set("app", "password", "one");
    store.commit("First");
    store.run(["rename", "demo", "app", "password", "token"]).success();
    store.run(["recipients", "remove", "bob"]).success();
    store.commit("Second");

    let documents = [
        ("list", vec!["list", "demo", "--json"], 0),
        ("check", vec!["check", "--json"], 1),
        ("exposed", vec!["exposed", "--json"], 1),
        ("log", vec!["log", "--json"], 0),
        ("diff", vec!["diff", "HEAD~", "HEAD", "--json"], 0),
        ("recipients-list", vec!["recipients", "list", "--json"], 0),
        (FAILURE, vec!["get", "demo", "app", "none"], 2),
        (FAILURE, vec!["list", "dem", "--json"], 2),
    ];
    for (name, line, code) in documents {
        let output = store.run(&line).fails_with(code);
        if !line.contains(&"--json") {
            assert!(output.stdout().is_empty(), "nobody asked for a document: {output:?}");
            continue;
        }
        let document: Value = serde_json::from_str(output.stdout()).unwrap();
        assert_eq!(faults(name, &document), [""; 0], "{document:#}");
        let (mut printed, mut documented) = (BTreeSet::new(), BTreeSet::new());
        names(&document, &mut printed);
        visit(&schemas()[name], name, &mut |_, node| {
            documented.extend(
                node["properties"].as_object().into_iter().flatten().map(|one| one.0.clone()),
            );
        });
        let never: Vec<&String> = documented.difference(&printed).collect();
        let expected: &[&str] = match name {
            // Of generators with a source; of a command for several environments.
            "list" => &["source"],
            FAILURE => &["environment"],
            _ => &[],
        };
        assert_eq!(never, expected, "{name}: {document:#}");

        // A schema that takes anything would hold nothing.
        let mut more = document.clone();
        let object = if more.is_array() { &mut more[0] } else { &mut more };
        object["more"] = json!(1);
        assert_ne!(faults(name, &more), [""; 0], "{name}");
    }
}

#[test]
fn one_environment_that_fails_is_one_document_as_several_are() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    let server = shared();
    let repository = Repository::standalone(&sandbox, "store")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("one", server.url(), &unique_prefix("json-one"), &["app"])
        .environment("two", server.url(), &unique_prefix("json-two"), &["app", "web"])
        .application("app", "[secrets.made]\ngenerate = { type = \"password\" }\n")
        .application("web", "[secrets.given]\n");
    let root = repository.root().to_owned();
    let run = |line: &[&str]| {
        let command = sandbox.command(line).current_dir(&root);
        command.env("VAULT_TOKEN", server.root_token()).run()
    };
    let read = |line: &[&str], code| -> Value {
        serde_json::from_str(run(line).fails_with(code).stdout()).unwrap()
    };
    let alone = read(&["sync", "two", "--json"], 3);
    assert_eq!(alone["environment"], "two");
    assert_eq!(alone["exit_code"], 3);
    assert_eq!(alone["details"].as_array().unwrap().len(), 1);
    let both = read(&["sync", "one", "two", "--json", "--dry-run"], 3);
    assert_eq!(both["environments"][0]["environment"], "one");
    assert_eq!(both["environments"][0]["changes"]["app"]["action"], "create");
    // Of one that fails it says the same, in the same form.
    assert_eq!(both["environments"][1], alone);
    read(&["sync", "one", "--json"], 0);
    assert_eq!(read(&["audit", "one", "--json"], 0)["missing"], json!([]));

    // Whatever fails, and be it the command line.
    let wrong = read(&["audit", "--json"], 2);
    assert!(wrong["error"].as_str().unwrap().contains("<ENVIRONMENT>"), "{wrong}");
    assert_eq!(read(&["sync", "three", "--json"], 2)["environment"], "three");
    let nowhere = sandbox.command(["check", "--json"]).run().fails_with(3);
    assert_eq!(serde_json::from_str::<Value>(nowhere.stdout()).unwrap()["exit_code"], 3);
}
