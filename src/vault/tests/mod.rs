//! The client against a server that says what each test tells it to. The
//! answers are those of OpenBao 2.7.2, shortened.

use std::collections::BTreeMap;
use std::time::Duration;

use super::test_server::{TestServer, json};
use super::{CurrentValue, Entry, Failure, VaultClient, VaultError, VaultSettings, VaultToken};
use crate::model::{ApplicationName, SecretValue, VaultLocation};

mod network;
mod reading;
mod redaction;
mod writing;

const PRESENT: &str = r#"{"data":{"data":{"a":"x\ny","n":1.0,"o":{"z":[123456789012345678901234567890],"a":null}},"metadata":{"custom_metadata":null,"deletion_time":"","destroyed":false,"version":7}}}"#;
const SOFT_DELETED: &str =
    r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-11-23T21:59:40Z","version":3}}}"#;
const ABSENT: &str = r#"{"errors":[]}"#;
const DENIED: &str = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
const NO_MOUNT: &str =
    r#"{"errors":["no handler for route \"secret/data/x\". route entry not found."]}"#;
const NO_NAMESPACE: &str = r#"{"errors":["namespace not found"]}"#;
const SEALED: &str = r#"{"errors":["Vault is sealed"]}"#;
const CONFLICT: &str =
    r#"{"errors":["check-and-set parameter did not match the current version"]}"#;
const WRITTEN: &str = r#"{"data":{"created_time":"2026-11-23T22:01:00Z","version":8}}"#;
const KV2: &str = r#"{"data":{"type":"kv","options":{"version":"2"},"path":"secret/"}}"#;

const TOKEN: &str = "canary-token";

fn settings() -> VaultSettings {
    VaultSettings { timeout: Duration::from_secs(10), retries: 2, ..VaultSettings::default() }
}

fn client_with(url: &str, settings: &VaultSettings) -> VaultClient {
    let location = VaultLocation::new(url, "secret/phalanx/idfdev").unwrap();
    let token = VaultToken::try_from(SecretValue::from(TOKEN)).unwrap();
    VaultClient::new(&location, token, settings).unwrap()
}

fn client(server: &TestServer) -> VaultClient {
    client_with(&server.url, &settings())
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn app(name: &str) -> ApplicationName {
    name.parse().unwrap()
}

fn text(value: &str) -> CurrentValue {
    CurrentValue::from(SecretValue::from(value))
}

fn read(server: &TestServer) -> Result<Entry, VaultError> {
    wait(client(server).read_entry(&app("mobu")))
}

fn write(
    server: &TestServer,
    data: &BTreeMap<String, CurrentValue>,
    cas: u64,
) -> Result<u64, VaultError> {
    Ok(wait(client(server).write_entry(&app("mobu"), data, cas))?.version)
}

/// A failure to read the entry of mobu, when the server gives one answer.
fn failure(status: u16, body: &str) -> Failure {
    let server = TestServer::script([json(status, body)]);
    let error = read(&server).unwrap_err();
    assert_eq!(server.lines().len(), 1, "it was tried again after {error}");
    error.failure().unwrap().clone()
}
