//! The schemas of what `--json` prints. Whatever any test has printed is held
//! against them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

/// That of a command which fails.
pub const FAILURE: &str = "error";

/// Where the schemas are.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

/// The schemas, each by its command's words with hyphens between.
pub fn schemas() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
        let read = |path: PathBuf| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        };
        files.map(read).collect()
    })
}

fn validators() -> &'static BTreeMap<&'static str, Validator> {
    static VALIDATORS: OnceLock<BTreeMap<&str, Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let validator = |schema: &Value| jsonschema::validator_for(schema).unwrap();
        schemas().iter().map(|(name, schema)| (name.as_str(), validator(schema))).collect()
    })
}

/// What is wrong with a document, by a schema.
pub fn faults(name: &str, document: &Value) -> Vec<String> {
    let fault = |error: jsonschema::ValidationError<'_>| {
        format!("{name}: {}: {error}", error.instance_path())
    };
    validators()[name].iter_errors(document).map(fault).collect()
}

/// The name of the schema that is for a command line, if it asks for JSON.
fn asked(line: &[OsString]) -> Option<&'static str> {
    let program = line.first()? == env!("CARGO_BIN_EXE_phalanx-secrets");
    let words: Vec<&str> = line
        .iter()
        .skip(1)
        .filter_map(|word| word.to_str())
        .take_while(|one| *one != "--")
        .collect();
    if !program || !words.contains(&"--json") || words.contains(&"--help") {
        return None;
    }
    let is_named = |name: &&&str| {
        let parts: Vec<&str> = name.split('-').collect();
        words.windows(parts.len()).any(|some| some == parts)
    };
    // `recipients list` is no `list`.
    let names = validators().keys().filter(|name| **name != FAILURE);
    names.filter(is_named).max_by_key(|name| name.len()).copied()
}

/// Asserts that a command which was asked for JSON printed one document, and
/// none but what is documented.
#[track_caller]
pub fn assert_documented(line: &[OsString], code: Option<i32>, stdout: &[u8]) {
    let (Some(name), Some(code)) = (asked(line), code) else { return };
    let document: Value = serde_json::from_slice(stdout)
        .unwrap_or_else(|error| panic!("{line:?} ({code}): one document: {error}"));
    let mut found = faults(name, &document);
    if code > 1 && !found.is_empty() {
        found = faults(FAILURE, &document);
        let exit_code = document["exit_code"].as_i64();
        assert_eq!(exit_code, Some(i64::from(code)), "{line:?}: {document:#}");
    }
    assert!(found.is_empty(), "{line:?} ({code}): {found:#?}\n{document:#}");
}
