//! What is there, what is not, and what only looks like it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ABSENT, DENIED, KV2, NO_MOUNT, NO_NAMESPACE, PRESENT, SOFT_DELETED, app, client, client_with,
    failure, read, settings, text, wait,
};
use crate::vault::test_server::{TestServer, json};
use crate::vault::{CurrentValue, Entry, Failure, Named, VaultSettings};

#[test]
fn an_entry_is_read_to_the_letter() {
    let server = TestServer::script([json(200, PRESENT)]);
    let settings = VaultSettings {
        namespace: Some(Named { value: "sqre/dev".to_owned(), name: "VAULT_NAMESPACE".to_owned() }),
        ..settings()
    };
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
    assert_eq!(entry(ABSENT).unwrap(), Entry { version: 0, data: None, ..Entry::default() });
    let deleted_at = Some("2026-11-23T21:59:40Z".parse().unwrap());
    assert_eq!(entry(SOFT_DELETED).unwrap(), Entry { version: 3, deleted_at, ..Entry::default() });
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
    assert!(wait(client.read_environment([&mobu], &BTreeSet::new())).is_err());
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
fn a_list_tells_folders_apart_and_may_be_empty() {
    let list = |status, body: &str| {
        let server = TestServer::script([json(status, body)]);
        let names = wait(client(&server).list_entries());
        assert_eq!(server.lines(), ["GET /v1/secret/metadata/phalanx/idfdev/?list=true"]);
        names
    };
    let names = list(200, r#"{"data":{"keys":["argocd","folder/","odd name"]}}"#).unwrap();
    assert_eq!(names, ["argocd", "folder/", "odd name"]);
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
    let current = wait(client(&server).read_environment(&asked, &BTreeSet::new())).unwrap();
    let versions: Vec<_> =
        current.entries.iter().map(|(name, entry)| (name.as_str(), entry.version)).collect();
    assert_eq!(versions, [("gafaelfawr", 0), ("mobu", 7), ("retired", 3)]);
    assert!(current.unreadable_names.iter().eq(["../x", "odd name"]));
    assert!(current.folders.iter().eq(["folder/"]));
    assert_eq!(server.lines().len(), 5);
}

#[test]
fn the_mount_explains_everything_else() {
    let server = TestServer::start(|request| match request.line.rsplit('/').next().unwrap() {
        "secret" => json(200, r#"{"data":{"type":"kv","options":{"version":"1"}}}"#),
        "?list=true" => json(403, DENIED),
        _ => json(404, ABSENT),
    });
    let error =
        wait(client(&server).read_environment(&[app("mobu")], &BTreeSet::new())).unwrap_err();
    assert!(matches!(error.failure(), Some(Failure::OtherEngine { .. })), "{error}");
}

#[test]
fn an_environment_can_be_read_on_any_runtime() {
    fn assert_send<T: Send>(_: T) {}
    let server = TestServer::script([]);
    let client = client(&server);
    assert_send(client.read_environment(&[app("mobu")], &BTreeSet::new()));
    assert_send(client.write_entry(&app("mobu"), &BTreeMap::new(), 0));
}
