//! Entries, mounts, policies and tokens, as root.
//!
//! A `prefix` is a Vault path prefix as an environment has it, the mount
//! first: `secret/phalanx/idfdev`.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::OpenBao;

impl OpenBao {
    /// The current version and content of an application's entry; `None` when
    /// there is none or it is deleted.
    pub fn read(&self, prefix: &str, application: &str) -> Option<(u64, Map<String, Value>)> {
        let path = kv_path("data", prefix, application);
        let (status, mut answer) = self.request("GET", &path, Self::ROOT_TOKEN, None);
        match status {
            200 => {
                let version = answer["data"]["metadata"]["version"].as_u64().unwrap();
                match answer["data"]["data"].take() {
                    Value::Object(data) => Some((version, data)),
                    other => panic!("{path} holds {other}"),
                }
            }
            404 => None,
            _ => panic!("GET {path}: {status} {answer}"),
        }
    }

    /// One value of an application's entry.
    pub fn value(&self, prefix: &str, application: &str, key: &str) -> Option<String> {
        let (_, data) = self.read(prefix, application)?;
        data.get(key)?.as_str().map(str::to_owned)
    }

    /// Writes a whole entry and answers its new version.
    pub fn put(&self, prefix: &str, application: &str, data: Value) -> u64 {
        let path = kv_path("data", prefix, application);
        self.root("POST", &path, Some(json!({ "data": data })))["data"]["version"].as_u64().unwrap()
    }

    /// Deletes the current version of an entry, as a user would: its metadata
    /// and earlier versions stay.
    pub fn delete(&self, prefix: &str, application: &str) {
        self.root("DELETE", &kv_path("data", prefix, application), None);
    }

    /// Removes an entry with all its versions and metadata.
    pub fn destroy(&self, prefix: &str, application: &str) {
        self.root("DELETE", &kv_path("metadata", prefix, application), None);
    }

    /// What KV v2 keeps about an entry: `current_version`, `versions`,
    /// `custom_metadata` and so on.
    pub fn metadata(&self, prefix: &str, application: &str) -> Option<Map<String, Value>> {
        let path = kv_path("metadata", prefix, application);
        let (status, mut answer) = self.request("GET", &path, Self::ROOT_TOKEN, None);
        match (status, answer["data"].take()) {
            (200, Value::Object(metadata)) => Some(metadata),
            (404, _) => None,
            (_, _) => panic!("GET {path}: {status} {answer}"),
        }
    }

    /// How many versions of an entry there are, deleted ones too.
    pub fn version_count(&self, prefix: &str, application: &str) -> usize {
        self.metadata(prefix, application)
            .map_or(0, |metadata| metadata["versions"].as_object().map_or(0, Map::len))
    }

    /// The applications that have an entry under a prefix, sorted.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        let path = kv_path("metadata", prefix, "");
        let (status, answer) = self.request("LIST", &path, Self::ROOT_TOKEN, None);
        match status {
            200 => serde_json::from_value(answer["data"]["keys"].clone()).unwrap(),
            404 => Vec::new(),
            _ => panic!("LIST {path}: {status} {answer}"),
        }
    }

    /// Mounts a KV engine of version 1 or 2 and waits until it answers.
    pub fn enable_mount(&self, path: &str, version: u8) {
        let options = json!({ "type": "kv", "options": { "version": version.to_string() } });
        self.root("POST", &format!("sys/mounts/{path}"), Some(options));
        let probe = format!("{path}/{}ready", if version == 2 { "data/" } else { "" });
        let began = Instant::now();
        while self.request("GET", &probe, Self::ROOT_TOKEN, None).0 != 404 {
            assert!(began.elapsed() < Duration::from_secs(10), "{path} is not ready");
            sleep(Duration::from_millis(5));
        }
    }

    /// Creates or replaces an ACL policy.
    pub fn create_policy(&self, name: &str, hcl: &str) {
        self.root("POST", &format!("sys/policies/acl/{name}"), Some(json!({ "policy": hcl })));
    }

    /// Creates a token with these policies, and `default`.
    pub fn create_token(&self, policies: &[&str]) -> String {
        // A token created with no policies would inherit root's.
        let policies = [policies, &["default"]].concat();
        let answer = self.root("POST", "auth/token/create", Some(json!({ "policies": policies })));
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Seals the server: it answers 503 until [`OpenBao::unseal`].
    pub fn seal(&self) {
        self.root("POST", "sys/seal", None);
    }

    /// Unseals the server, with the key that it wrote to its log.
    pub fn unseal(&self) {
        let body = json!({ "key": self.unseal_key() });
        let (status, answer) = self.request("POST", "sys/unseal", "", Some(body));
        assert_eq!((status, &answer["sealed"]), (200, &json!(false)), "{answer}");
    }

    /// A development server logs its key, though only after a moment.
    fn unseal_key(&self) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            if let Some(key) = log.lines().find_map(|line| line.strip_prefix("Unseal Key: ")) {
                return key.to_owned();
            }
            assert!(began.elapsed() < Duration::from_secs(10), "no unseal key in\n{log}");
            sleep(Duration::from_millis(10));
        }
    }
}

/// `secret/phalanx/idfdev` and `nublado` → `secret/data/phalanx/idfdev/nublado`.
fn kv_path(kind: &str, prefix: &str, application: &str) -> String {
    match prefix.split_once('/') {
        Some((mount, path)) => format!("{mount}/{kind}/{path}/{application}"),
        None => format!("{prefix}/{kind}/{application}"),
    }
}
