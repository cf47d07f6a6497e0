//! Getting an answer at all: retries, redirects, limits.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{
    ABSENT, DENIED, PRESENT, SEALED, WRITTEN, app, client_with, failure, read, settings, text,
    wait, write,
};
use crate::vault::test_server::{Act, TestServer, json, with_header};
use crate::vault::{Failure, TlsProblem, VaultError, VaultSettings};

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
fn a_redirect_on_the_same_server_takes_the_request_along() {
    let server =
        TestServer::script([with_header(307, "Location: /v1/elsewhere", ""), json(200, WRITTEN)]);
    let data = BTreeMap::from([("a".to_owned(), text("b"))]);
    assert_eq!(write(&server, &data, 7).unwrap(), 8);
    let request = &server.received()[1];
    assert_eq!(request.line, "POST /v1/elsewhere");
    assert_eq!(request.body, r#"{"options":{"cas":7},"data":{"a":"b"}}"#);
    assert!(request.headers.contains("x-vault-token: canary-token"));
}

#[test]
fn no_token_is_taken_to_another_server() {
    let other = TestServer::start(|_| json(200, WRITTEN));
    let location = format!("Location: {}/v1/elsewhere", other.url);
    let server = TestServer::start(move |_| with_header(307, &location, ""));
    let error = read(&server).unwrap_err().to_string();
    let (from, to) = (server.url.replace("http://", ""), other.url.replace("http://", ""));
    assert!(error.contains(&format!("{to} is not {from}")), "{error}");
    assert_eq!(other.lines(), [""; 0]);
    assert_eq!(server.lines().len(), 1);
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
fn a_size_that_the_storage_does_not_take_is_said_at_once() {
    for (status, body) in [
        (
            500,
            r#"{"errors":["put failed due to value being too large; got 1200083 bytes, max: 1048576 bytes"]}"#,
        ),
        (400, r#"{"errors":["http: request body too large"]}"#),
        (413, ""),
        (500, r#"{"errors":["etcdserver: request is too large"]}"#),
    ] {
        let server = TestServer::start(move |_| json(status, body));
        let data = BTreeMap::from([("a".to_owned(), text("b"))]);
        let error = write(&server, &data, 7).unwrap_err();
        assert_eq!(server.lines().len(), 1, "{body}");
        assert!(error.to_string().contains("no entry of this size (38 bytes)"), "{error}");
        assert!(!error.failure().unwrap().concerns_the_server());
    }
}

#[test]
fn an_entry_that_could_not_be_read_again_is_not_sent() {
    let server = TestServer::start(|_| json(200, WRITTEN));
    let fits = text(&"k".repeat(8_000_000));
    write(&server, &BTreeMap::from([("a".to_owned(), fits)]), 7).unwrap();
    // Vault's answers write these at six times their length.
    for value in ["k".repeat(8_400_000), "<".repeat(1_400_000)] {
        let data = BTreeMap::from([("a".to_owned(), text(&value))]);
        let error = write(&server, &data, 7).unwrap_err();
        assert!(error.to_string().contains("could be read again"), "{error}");
    }
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_wrapped_answer_is_named() {
    let wrapped =
        r#"{"request_id":"x","data":null,"wrap_info":{"token":"canary","ttl":60},"auth":null}"#;
    let server = TestServer::start(move |_| json(200, wrapped));
    let error = read(&server).unwrap_err();
    assert_eq!(error.failure(), Some(&Failure::Wrapped), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
    let data = BTreeMap::from([("a".to_owned(), text("b"))]);
    assert_eq!(write(&server, &data, 7).unwrap_err().failure(), Some(&Failure::Wrapped));
    let client = client_with(&server.url, &settings());
    assert_eq!(wait(client.list_entries()).unwrap_err().failure(), Some(&Failure::Wrapped));
    assert_eq!(wait(client.check_mount()).unwrap_err().failure(), Some(&Failure::Wrapped));
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
    assert_eq!(error.failure(), Some(&Failure::Tls(TlsProblem::NoTls)), "{error:?}");
    assert!(error.to_string().ends_with("no TLS connection came about"), "{error}");
}

#[test]
fn plain_text_to_a_tls_port_is_explained() {
    let body = "Client sent an HTTP request to an HTTPS server.\n";
    let hint = failure(400, body).hint().unwrap();
    assert!(hint.contains("https://"), "{hint}");
}
