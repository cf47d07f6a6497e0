//! Counting what a client asked for, by the server's own audit log.
//!
//! OpenBao writes the entry of a request before it answers it, so what was
//! answered is in the log. Requests that were then refused (403, a failed
//! check-and-set) are in it too.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::OpenBao;

/// A request that the server received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `read`, `list`, `create`, `update`, `patch`, `delete`, …
    pub operation: String,
    /// The path with its mount, such as `secret/data/phalanx/idfdev/nublado`.
    pub path: String,
}

impl Request {
    /// Whether it would change an entry of a KV v2 engine or its metadata.
    pub fn is_kv_write(&self) -> bool {
        ["create", "update", "patch", "delete"].contains(&self.operation.as_str())
            && ["data", "metadata", "delete", "undelete", "destroy"]
                .contains(&self.path.split('/').nth(1).unwrap_or_default())
            && !self.path.starts_with("sys/")
            && !self.path.starts_with("auth/")
    }

    /// Whether it is for a path prefix of an environment (the mount first) or
    /// anything below it.
    fn is_under(&self, prefix: &str) -> bool {
        let mut parts = self.path.splitn(3, '/');
        let (mount, _kind, path) = (parts.next(), parts.next(), parts.next());
        let asked = format!("{}/{}/", mount.unwrap_or_default(), path.unwrap_or_default());
        asked.starts_with(&format!("{}/", prefix.trim_end_matches('/')))
    }
}

/// The requests for one environment's prefix since a moment: what a test that
/// shares its server with others can count.
#[derive(Debug)]
pub struct Watch<'server> {
    server: &'server OpenBao,
    prefix: String,
    from: u64,
}

impl Watch<'_> {
    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        let mut requests = self.server.requests_from(self.from);
        requests.retain(|request| request.is_under(&self.prefix));
        requests
    }

    /// The requests so far that would change something.
    pub fn writes(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(Request::is_kv_write);
        requests
    }

    /// Begins again from now.
    pub fn reset(&mut self) {
        self.from = self.server.audit_length();
    }
}

impl OpenBao {
    /// Begins to watch the requests for a path prefix (the mount first).
    pub fn watch(&self, prefix: &str) -> Watch<'_> {
        Watch { server: self, prefix: prefix.to_owned(), from: self.audit_length() }
    }

    /// Every request to this server since the start or the last
    /// [`OpenBao::reset_requests`], those of this module too.
    pub fn requests(&self) -> Vec<Request> {
        self.requests_from(self.counted_from.load(Ordering::Relaxed))
    }

    /// How many of [`OpenBao::requests`] would change a KV v2 entry or its
    /// metadata.
    pub fn write_requests(&self) -> usize {
        self.requests().iter().filter(|request| request.is_kv_write()).count()
    }

    /// Forgets the requests so far.
    pub fn reset_requests(&self) {
        self.counted_from.store(self.audit_length(), Ordering::Relaxed);
    }

    /// HashiCorp Vault does not read audit devices from its configuration, as
    /// OpenBao does, but lets root add one.
    pub(super) fn ensure_audit(&self) {
        if self.root("GET", "sys/audit", None)["data"].get("requests/").is_none() {
            let options = json!({ "file_path": self.directory.join("audit.log") });
            let device = json!({ "type": "file", "options": options });
            self.root("PUT", "sys/audit/requests", Some(device));
        }
    }

    fn audit_length(&self) -> u64 {
        fs::metadata(self.directory.join("audit.log")).expect("an audit log").len()
    }

    fn requests_from(&self, offset: u64) -> Vec<Request> {
        let mut log = String::new();
        let mut file = File::open(self.directory.join("audit.log")).expect("an audit log");
        file.seek(SeekFrom::Start(offset)).expect("a regular file");
        file.read_to_string(&mut log).expect("lines of JSON");
        // Another client's entry may be half written: keep to whole lines.
        let end = log.rfind('\n').map_or(0, |last| last + 1);
        log[..end]
            .lines()
            .filter(|line| line.contains(r#""type":"request""#))
            .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"))
            .map(|entry| Request {
                operation: entry["request"]["operation"].as_str().unwrap_or_default().to_owned(),
                path: entry["request"]["path"].as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    }
}
