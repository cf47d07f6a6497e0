//! Writes that replace what was read, or nothing.

use std::collections::BTreeMap;

use super::{CONFLICT, PRESENT, SOFT_DELETED, WRITTEN, app, client, read, text, wait, write};
use crate::model::SecretValue;
use crate::vault::test_server::{Act, TestServer, json, with_header};
use crate::vault::{CurrentValue, Failure};

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
