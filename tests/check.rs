//! `check`: what is wrong with a store, without any key.

mod attributes;
mod copied;
mod files;
mod holders;
mod ignored;
mod in_the_clear;
mod names;
mod not_needed_now;
mod open;
mod page;
mod seals;
mod specs;
mod staged;
mod tampering;
mod values;

use std::path::Path;

use serde_json::Value;

use crate::support::cli::{Output, Sandbox};
use crate::support::small_store::{APP_IN_ORDER as APP, SmallStore};

/// Every static secret of the store in order.
const SECRETS: [(&str, &str); 6] = [
    ("app", "password"),
    ("app", "token"),
    ("app", "dex.clientSecret"),
    ("app", ".dockerconfigjson"),
    ("app", "tls.key"),
    ("other", "shared"),
];

/// The file in which `app` declares them.
const APP_FILE: &str = "secrets/applications/app.toml";

/// A store in order, and nobody's identity.
fn store_in_order() -> SmallStore {
    let store = SmallStore::in_order();
    for (application, key) in SECRETS {
        store.set(application, key, format!("value of {key}"));
    }
    store.without_own_identity()
}

/// What `check` finds, which must be something.
#[track_caller]
fn findings(store: &SmallStore, arguments: &[&str]) -> String {
    let output = store.command(["check"]).args(arguments).run().fails_with(1);
    store.redact(output.stdout())
}

/// That `check` finds nothing.
#[track_caller]
fn assert_is_clean(store: &SmallStore, arguments: &[&str]) {
    let output = store.command(["check"]).args(arguments).run().success();
    assert_eq!(output.stdout(), "");
}

/// The kinds and files that `check` finds in some folder.
#[track_caller]
fn kinds_and_files(sandbox: &Sandbox, root: &Path, arguments: &[&str]) -> Vec<String> {
    let output = sandbox.command(["check", "--json"]).args(arguments).current_dir(root).run();
    rows(&output).iter().map(kind_and_place).collect()
}

#[track_caller]
fn rows(output: &Output) -> Vec<Value> {
    let rows: Vec<Value> = serde_json::from_str(output.stdout()).unwrap();
    assert_eq!(output.code(), i32::from(!rows.is_empty()), "{output:?}");
    rows
}

fn kind_and_place(row: &Value) -> String {
    let place = match (&row["file"], &row["key"]) {
        (Value::String(file), _) => file.clone(),
        (_, Value::String(key)) => {
            let part = |name: &str| row[name].as_str().unwrap().to_owned();
            format!("{}/{}/{key}", part("environment"), part("application"))
        }
        _ => row["environment"].as_str().unwrap_or_default().to_owned(),
    };
    format!("{} {place}", row["kind"].as_str().unwrap())
}
