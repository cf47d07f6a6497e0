//! The examples of `docs/deploy`: whether they are YAML, and ask of the program
//! what it can do.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::cli::Sandbox;

/// Every command line of the program in an example.
fn command_lines(example: &Value, found: &mut Vec<Vec<String>>) {
    match example {
        Value::Object(fields) => {
            let texts = |value: &Value| -> Vec<String> {
                let items = value.as_array().into_iter().flatten();
                items.map(|item| item.as_str().unwrap().to_owned()).collect()
            };
            if fields.get("name").is_some_and(|name| name == "phalanx-secrets")
                && let Some(arguments) = fields.get("args")
            {
                found.push(texts(arguments));
            }
            let run = fields.get("run").and_then(Value::as_str).unwrap_or_default();
            if let Some(line) = run.strip_prefix("phalanx-secrets ") {
                found.push(line.split(' ').map(str::to_owned).collect());
            }
            fields.values().for_each(|value| command_lines(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| command_lines(item, found)),
        _ => {}
    }
}

#[test]
fn the_examples_ask_for_what_there_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy");
    let sandbox = Sandbox::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let example: Value = serde_saphyr::from_str(&text).unwrap();
        let mut lines = Vec::new();
        command_lines(&example, &mut lines);
        assert!(!lines.is_empty(), "{path:?}");
        for line in lines {
            // What is wrong with the arguments before it is said first.
            let line: Vec<&str> = line.iter().map(String::as_str).chain(["--help"]).collect();
            sandbox.run(line).success();
            count += 1;
        }
    }
    assert_eq!(count, 3);
}
