//! No secret in what is shown.

use std::collections::BTreeMap;

use super::{app, client, text, wait, write};
use crate::model::SecretValue;
use crate::vault::test_server::{TestServer, json};
use crate::vault::{CurrentValue, Entry, VaultError};

#[test]
fn no_error_and_no_type_shows_a_secret() {
    let data = BTreeMap::from([
        ("a".to_owned(), text("canary")),
        ("b".to_owned(), CurrentValue::from_json(r#"["canary"]"#).unwrap()),
        ("c".to_owned(), CurrentValue::from(SecretValue::from(b"canary\xff".to_vec()))),
    ]);
    let entry = Entry { version: 1, data: Some(data.clone()), ..Entry::default() };
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
