//! The client against a server that says what each test tells it to. The
//! answers are those of OpenBao 2.7.2, shortened.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::test_server::{Act, TestServer, json, with_header};
use super::{CurrentValue, Entry, Failure, VaultClient, VaultError, VaultSettings, VaultToken};
use crate::model::{ApplicationName, SecretValue, VaultLocation};

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
    wait(client(server).write_entry(&app("mobu"), data, cas))
}

/// A failure to read the entry of mobu, when the server gives one answer.
fn failure(status: u16, body: &str) -> Failure {
    let server = TestServer::script([json(status, body)]);
    let error = read(&server).unwrap_err();
    assert_eq!(server.lines().len(), 1, "it was tried again after {error}");
    error.failure().unwrap().clone()
}

#[test]
fn an_entry_is_read_to_the_letter() {
    let server = TestServer::script([json(200, PRESENT)]);
    let settings = VaultSettings { namespace: Some("sqre/dev".to_owned()), ..settings() };
    let entry = wait(client_with(&server.url, &settings).read_entry(&app("mobu"))).unwrap();
    assert_eq!(entry.version, 7);
    let other = |json| CurrentValue::from_json(json).unwrap();
    let expected = BTreeMap::from([
        ("a".to_owned(), text("x\ny")),
        ("n".to_owned(), other("1.0")),
        ("o".to_owned(), other(r#"{"z":[123456789012345678901234567890],"a":null}"#)),
    ]);
    assert_eq!(entry.data, Some(expected));

    let request = &server.received()[0];
    assert_eq!(request.line, "GET /v1/secret/data/phalanx/idfdev/mobu");
    for header in
        ["x-vault-token: canary-token", "x-vault-request: true", "x-vault-namespace: sqre/dev"]
    {
        assert!(request.headers.lines().any(|line| line == header), "{header}");
    }
}

#[test]
fn a_404_is_told_apart_by_its_body() {
    let entry = |body| read(&TestServer::script([json(404, body)]));
    assert_eq!(entry(ABSENT).unwrap(), Entry { version: 0, data: None });
    assert_eq!(entry(SOFT_DELETED).unwrap(), Entry { version: 3, data: None });
    assert!(
        matches!(failure(404, NO_MOUNT), Failure::NoSuchMount { mount, .. } if mount == "secret")
    );
    assert!(matches!(failure(404, NO_NAMESPACE), Failure::NoSuchNamespace(_)));
    assert!(matches!(failure(404, r#"{"errors":["unsupported path"]}"#), Failure::Refused { .. }));
    for body in ["", "<html>404</html>", "{}", r#"{"data":null}"#, "[]", r#"{"errors":"#] {
        assert!(matches!(failure(404, body), Failure::Malformed { .. }), "{body}");
    }
}

#[test]
fn a_403_is_never_empty_and_names_what_the_token_needs() {
    let server = TestServer::start(|_| json(403, DENIED));
    let client = client(&server);
    let mobu = app("mobu");
    let data = BTreeMap::new();
    let errors = [
        wait(client.read_entry(&mobu)).unwrap_err(),
        wait(client.list_entries()).unwrap_err(),
        wait(client.write_entry(&mobu, &data, 0)).unwrap_err(),
        wait(client.delete_entry(&mobu)).unwrap_err(),
    ];
    let needs = [
        r#""read" on secret/data/phalanx/idfdev/mobu"#,
        r#""list" on secret/metadata/phalanx/idfdev/"#,
        r#""create" and "update" on secret/data/phalanx/idfdev/mobu"#,
        r#""delete" on secret/data/phalanx/idfdev/mobu"#,
    ];
    for (error, needs) in errors.iter().zip(needs) {
        let shown = error.to_string();
        assert!(shown.contains(needs), "{shown}");
        assert!(shown.contains(&server.url), "{shown}");
    }
    assert_eq!(
        errors[0].to_string(),
        format!(
            "cannot read the entry of mobu in Vault (GET \
             {}/v1/secret/data/phalanx/idfdev/mobu): permission denied: the token needs \"read\" \
             on secret/data/phalanx/idfdev/mobu, or else it is invalid or has expired (Vault \
             says: permission denied)",
            server.url
        )
    );
    assert!(wait(client.read_environment([&mobu])).is_err());
}

#[test]
fn what_may_pass_is_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        let server = TestServer::script([
            with_header(status, "Retry-After: 0", ABSENT),
            with_header(status, "Retry-After: 0", "<html>"),
            json(200, PRESENT),
        ]);
        assert_eq!(read(&server).unwrap().version, 7, "{status}");
        assert_eq!(server.lines().len(), 3);
    }
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let server =
        TestServer::script([with_header(429, "Retry-After: 1", ABSENT), json(404, ABSENT)]);
    let start = Instant::now();
    read(&server).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn retries_come_to_an_end() {
    let server = TestServer::start(|_| with_header(502, "Retry-After: 0", "<html>"));
    let error = read(&server).unwrap_err();
    assert_eq!(server.lines().len(), 3);
    assert!(error.to_string().ends_with("502 Bad Gateway, after 3 attempts"), "{error}");
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    assert!(matches!(failure(400, r#"{"errors":["x"]}"#), Failure::Refused { .. }));
    assert!(matches!(failure(403, DENIED), Failure::Forbidden { .. }));
    assert!(matches!(failure(405, ABSENT), Failure::Refused { .. }));
    assert!(matches!(failure(503, SEALED), Failure::Sealed(_)));
}

#[test]
fn an_answer_that_is_not_vaults_is_an_error() {
    for body in ["", "<html>", "[]", r#"{"data":{"data":[],"metadata":{"version":1}}}"#] {
        assert!(matches!(failure(200, body), Failure::Malformed { .. }), "{body}");
    }
    // KV v1: no version.
    assert!(matches!(failure(200, r#"{"data":{"a":"b"}}"#), Failure::Unversioned { .. }));
    assert!(matches!(failure(200, r#"{"data":{"data":{"a":"b"}}}"#), Failure::Unversioned { .. }));
    // Half of a surrogate pair.
    let half = PRESENT.replace(r"x\ny", r"\ud800");
    assert!(matches!(failure(200, &half), Failure::Malformed { .. }));
}

#[test]
fn a_connection_that_breaks_is_tried_again() {
    let half = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{PRESENT}");
    let server = TestServer::script([Act::HangUp, Act::Answer(half.clone()), json(200, PRESENT)]);
    assert_eq!(read(&server).unwrap().version, 7);

    let server = TestServer::start(move |_| Act::Answer(half.clone()));
    let error = read(&server).unwrap_err();
    assert_eq!(error.failure(), Some(&Failure::Interrupted));
    assert_eq!(server.lines().len(), 3);
}

#[test]
fn an_endless_answer_is_not_read() {
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n".to_owned();
    let error = read(&TestServer::script([Act::Answer(announced)])).unwrap_err();
    assert!(matches!(error.failure(), Some(Failure::TooLong { .. })), "{error}");

    let unannounced = format!("HTTP/1.0 200 OK\r\n\r\n{}", " ".repeat(9_000_000));
    let error = read(&TestServer::script([Act::Answer(unannounced)])).unwrap_err();
    assert!(matches!(error.failure(), Some(Failure::TooLong { .. })), "{error}");
}

#[test]
fn a_standby_sends_us_to_the_active_node() {
    let active = TestServer::script([json(200, WRITTEN)]);
    let location = format!("Location: {}/v1/elsewhere", active.url);
    let standby = TestServer::script([with_header(307, &location, "")]);
    let data = BTreeMap::from([("a".to_owned(), text("b"))]);
    assert_eq!(write(&standby, &data, 7).unwrap(), 8);
    let request = &active.received()[0];
    assert_eq!(request.line, "POST /v1/elsewhere");
    assert_eq!(request.body, r#"{"options":{"cas":7},"data":{"a":"b"}}"#);
    assert!(request.headers.contains("x-vault-token: canary-token"));
}

#[test]
fn redirects_are_not_followed_forever_nor_everywhere() {
    let server = TestServer::start(|_| with_header(307, "Location: /again", ""));
    let error = read(&server).unwrap_err();
    assert_eq!(server.lines().len(), 4);
    assert!(error.to_string().contains("/again, after too many"), "{error}");

    let server =
        TestServer::script([with_header(302, "Location: https://login.example.org/?state=1", "")]);
    let error = read(&server).unwrap_err();
    assert!(error.to_string().contains("redirects to https://login.example.org/, "), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_write_names_the_version_that_it_replaces() {
    let server = TestServer::script([json(200, PRESENT), json(200, WRITTEN)]);
    let data = read(&server).unwrap().data.unwrap();
    assert_eq!(write(&server, &data, 7).unwrap(), 8);
    let request = &server.received()[1];
    assert_eq!(request.line, "POST /v1/secret/data/phalanx/idfdev/mobu");
    assert_eq!(
        request.body,
        r#"{"options":{"cas":7},"data":{"a":"x\u000ay","n":1.0,"o":{"z":[123456789012345678901234567890],"a":null}}}"#
    );
}

#[test]
fn a_write_that_meets_another_version_is_a_conflict() {
    let server = TestServer::script([json(400, CONFLICT)]);
    let error = write(&server, &BTreeMap::new(), 0).unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(server.lines().len(), 1);

    let required = r#"{"errors":["check-and-set parameter required for this call"]}"#;
    let error = write(&TestServer::script([json(400, required)]), &BTreeMap::new(), 0).unwrap_err();
    assert!(matches!(error.failure(), Some(Failure::CasRequired(_))), "{error}");
    assert!(!error.is_conflict());
}

#[test]
fn a_retried_write_that_had_landed_is_a_success() {
    let server = TestServer::script([json(200, PRESENT)]);
    let data = read(&server).unwrap().data.unwrap();
    for first in [Act::HangUp, with_header(504, "Retry-After: 0", "<html>")] {
        let server = TestServer::script([first, json(400, CONFLICT), json(200, PRESENT)]);
        assert_eq!(write(&server, &data, 6).unwrap(), 7);
        assert_eq!(server.lines().len(), 3);
    }
}

#[test]
fn a_retried_write_that_someone_forestalled_is_a_conflict() {
    let data = BTreeMap::from([("a".to_owned(), text("ours"))]);
    for (now, cas) in [(json(200, PRESENT), 6), (json(404, SOFT_DELETED), 2)] {
        let server = TestServer::script([Act::HangUp, json(400, CONFLICT), now]);
        assert!(write(&server, &data, cas).unwrap_err().is_conflict());
    }
    // The same values, but as a later version.
    let server = TestServer::script([json(200, PRESENT)]);
    let data = read(&server).unwrap().data.unwrap();
    let server = TestServer::script([Act::HangUp, json(400, CONFLICT), json(200, PRESENT)]);
    assert!(write(&server, &data, 5).unwrap_err().is_conflict());
}

#[test]
fn a_write_beside_kv2_is_an_error() {
    for answer in [json(204, ""), json(200, "{}"), json(200, r#"{"data":{}}"#)] {
        let error = write(&TestServer::script([answer]), &BTreeMap::new(), 0).unwrap_err();
        assert!(matches!(error.failure(), Some(Failure::Unversioned { .. })), "{error}");
    }
}

#[test]
fn a_value_that_is_not_text_is_not_sent() {
    let server = TestServer::script([]);
    let data = BTreeMap::from([(
        "keytab".to_owned(),
        CurrentValue::from(SecretValue::from(vec![b'c', 0xff])),
    )]);
    let error = write(&server, &data, 0).unwrap_err().to_string();
    assert!(error.contains("mobu") && error.contains("keytab"), "{error}");
    assert!(server.lines().is_empty());
}

#[test]
fn deleting_is_by_the_data_path() {
    let server = TestServer::script([json(204, "")]);
    wait(client(&server).delete_entry(&app("mobu"))).unwrap();
    assert_eq!(server.lines(), ["DELETE /v1/secret/data/phalanx/idfdev/mobu"]);
}

#[test]
fn a_list_has_no_folders_and_may_be_empty() {
    let list = |status, body: &str| {
        let server = TestServer::script([json(status, body)]);
        let names = wait(client(&server).list_entries());
        assert_eq!(server.lines(), ["GET /v1/secret/metadata/phalanx/idfdev/?list=true"]);
        names
    };
    let names = list(200, r#"{"data":{"keys":["argocd","folder/","odd name"]}}"#).unwrap();
    assert_eq!(names, ["argocd", "odd name"]);
    assert!(list(404, ABSENT).unwrap().is_empty());
    for (status, body) in [(404, NO_MOUNT), (404, "{}"), (200, "{}"), (403, ABSENT), (200, "")] {
        assert!(list(status, body).is_err(), "{status} {body}");
    }
}

#[test]
fn a_mount_has_to_be_kv2() {
    let check = |status, body: &str| {
        let server = TestServer::script([json(status, body)]);
        let result = wait(client(&server).check_mount());
        assert_eq!(server.lines(), ["GET /v1/sys/internal/ui/mounts/secret"]);
        result.map_err(|error| error.failure().unwrap().clone())
    };
    assert_eq!(check(200, KV2), Ok(()));
    assert_eq!(check(403, DENIED), Ok(()));
    for (body, what) in [
        (r#"{"data":{"type":"kv","options":{"version":"1"}}}"#, "KV version 1"),
        (r#"{"data":{"type":"kv","options":null}}"#, "KV version 1"),
        (r#"{"data":{"type":"generic"}}"#, "KV version 1"),
        (r#"{"data":{"type":"transit","options":{}}}"#, "transit"),
    ] {
        let Err(Failure::OtherEngine { mount, engine }) = check(200, body) else {
            panic!("{body} is taken for KV v2");
        };
        assert_eq!((mount.as_str(), engine.as_str()), ("secret", what));
    }
    // A server whose API is elsewhere answers as if nothing were there.
    assert_eq!(check(404, ABSENT), Err(Failure::NotTheApi));
    assert!(matches!(check(404, NO_NAMESPACE), Err(Failure::NoSuchNamespace(_))));
    assert!(matches!(check(200, "{}"), Err(Failure::Malformed { .. })));
}

#[test]
fn an_environment_is_what_was_asked_for_and_what_is_listed() {
    let server = TestServer::start(|request| match request.line.rsplit('/').next().unwrap() {
        "secret" => json(200, KV2),
        "?list=true" => {
            json(200, r#"{"data":{"keys":["mobu","retired","folder/","odd name","../x"]}}"#)
        }
        "mobu" => json(200, PRESENT),
        "retired" => json(404, SOFT_DELETED),
        "gafaelfawr" => json(404, ABSENT),
        _ => json(418, ""),
    });
    let asked = [app("mobu"), app("gafaelfawr")];
    let current = wait(client(&server).read_environment(&asked)).unwrap();
    let versions: Vec<_> =
        current.entries.iter().map(|(name, entry)| (name.as_str(), entry.version)).collect();
    assert_eq!(versions, [("gafaelfawr", 0), ("mobu", 7), ("retired", 3)]);
    assert!(current.unreadable_names.iter().eq(["../x", "odd name"]));
    assert_eq!(server.lines().len(), 5);
}

#[test]
fn the_mount_explains_everything_else() {
    let server = TestServer::start(|request| match request.line.rsplit('/').next().unwrap() {
        "secret" => json(200, r#"{"data":{"type":"kv","options":{"version":"1"}}}"#),
        "?list=true" => json(403, DENIED),
        _ => json(404, ABSENT),
    });
    let error = wait(client(&server).read_environment(&[app("mobu")])).unwrap_err();
    assert!(matches!(error.failure(), Some(Failure::OtherEngine { .. })), "{error}");
}

#[test]
fn an_environment_can_be_read_on_any_runtime() {
    fn assert_send<T: Send>(_: T) {}
    let server = TestServer::script([]);
    let client = client(&server);
    assert_send(client.read_environment(&[app("mobu")]));
    assert_send(client.write_entry(&app("mobu"), &BTreeMap::new(), 0));
}

/// The error of a server that does not get as far as an answer.
fn no_answer(url: &str) -> VaultError {
    let settings = VaultSettings { retries: 1, timeout: Duration::from_millis(300), ..settings() };
    let error = wait(client_with(url, &settings).read_entry(&app("mobu"))).unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "{error}");
    assert!(error.hint().is_some(), "{error}");
    error
}

#[test]
fn a_server_that_is_not_there_is_tried_again() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = no_answer(&format!("http://{address}"));
    assert_eq!(error.failure(), Some(&Failure::Unreachable));
    assert!(error.to_string().ends_with("cannot be reached, after 2 attempts"), "{error}");
}

#[test]
fn a_server_that_is_slow_is_tried_again() {
    let slow = TestServer::start(|_| Act::Stall(Duration::from_secs(1)));
    let error = no_answer(&slow.url);
    assert_eq!(error.failure(), Some(&Failure::Timeout));
    assert!(error.to_string().ends_with("in time, after 2 attempts"), "{error}");
}

#[test]
fn a_server_without_tls_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = no_answer(&url);
    assert_eq!(error.failure(), Some(&Failure::Tls), "{error:?}");
    assert!(error.to_string().ends_with("no TLS connection came about"), "{error}");
}

#[test]
fn no_error_and_no_type_shows_a_secret() {
    let data = BTreeMap::from([
        ("a".to_owned(), text("canary")),
        ("b".to_owned(), CurrentValue::from_json(r#"["canary"]"#).unwrap()),
        ("c".to_owned(), CurrentValue::from(SecretValue::from(b"canary\xff".to_vec()))),
    ]);
    let entry = Entry { version: 1, data: Some(data.clone()) };
    let server = TestServer::script([]);
    let mut shown = format!("{entry:?} {:?}", client(&server));

    let ours = BTreeMap::from([("a".to_owned(), text("canary"))]);
    let mut show = |error: VaultError| {
        shown.push_str(&format!("{error} {error:?} {error:#?} {:?}", error.hint()));
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            shown.push_str(&format!("{error} {error:?}"));
            source = error.source();
        }
    };
    show(write(&server, &data, 0).unwrap_err());
    // What JSON parsers like to quote.
    for body in [
        r#"{"data":"canary"}"#,
        r#"{"data":{"data":"canary"}}"#,
        r#"{"data":{"data":{"a":"canary"},"metadata":{"version":"canary"}}}"#,
        r#"{"data":{"data":{"a":"canary\ud800"},"metadata":{"version":1}}}"#,
        r#"{"data":{"data":{"a":"canary"#,
        r#"{"data":{"keys":"canary","type":7},"errors":"canary"}"#,
        "canary",
    ] {
        for status in [200, 204, 307, 400, 403, 404, 501] {
            let server = TestServer::start(move |_| json(status, body));
            let client = client(&server);
            wait(async {
                let mobu = app("mobu");
                client.read_entry(&mobu).await.map_or_else(&mut show, |_| ());
                client.list_entries().await.map_or_else(&mut show, |_| ());
                client.check_mount().await.map_or_else(&mut show, |()| ());
                client.write_entry(&mobu, &ours, 0).await.map_or_else(&mut show, |_| ());
                client.delete_entry(&mobu).await.map_or_else(&mut show, |()| ());
            });
        }
    }
    assert!(shown.len() > 1000);
    assert!(!shown.contains("canary"), "{shown}");
}
