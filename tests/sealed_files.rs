//! Sealed files: between tools, and after someone has been at them.

use std::fs;

use age::secrecy::ExposeSecret as _;
use jiff::Timestamp;
use phalanx_secrets::model::{SecretId, SecretValue};
use phalanx_secrets::store::{
    Identities, IdentitySource, Recipient, RecipientSet, inspect, open, seal,
};
use proptest::prelude::*;

use crate::support::age_tool::AgeTool;
use crate::support::notice;
use crate::support::small_store::SmallStore;

const FILE: &str = "secrets/demo/app/password.age";

#[test]
fn stock_age_opens_our_files() {
    let Some(age) = AgeTool::find() else { return };
    let store = SmallStore::new();
    let ssh = store.sandbox.ssh_key("carol");
    let rsa = store.sandbox.ssh_key_of_type("dave", "rsa");
    store.holder("carol", &[&ssh.recipient], &["demo"]);
    store.holder("dave", &[&rsa.recipient], &["demo/app"]);
    store.set("app", "password", "line\nwith \"quotes\" and ünïcode");
    for identity in [&store.alice.path, &ssh.path, &rsa.path] {
        let value = age.decrypt(&store.sandbox, &store.root.join(FILE), identity);
        assert_eq!(value, "line\nwith \"quotes\" and ünïcode".as_bytes());
    }
}

#[test]
fn files_of_stock_age_are_read_with_a_warning_and_not_synced() {
    let Some(age) = AgeTool::find() else { return };
    let store = SmallStore::new();
    let sealed = age.encrypt(&store.sandbox, &[&store.alice.recipient], b"from elsewhere");
    store.write(FILE, sealed);
    let output = store.run(["get", "demo", "app", "password"]).success();
    assert_eq!(output.stdout(), "from elsewhere");
    insta::assert_snapshot!("unbound_get", store.stderr(&output));

    let sync = ["sync", "demo", "--keep-vault-static"];
    let output = store.command(sync).env("VAULT_TOKEN", "t").run().fails_with(3);
    insta::assert_snapshot!("unbound_sync", store.stderr(&output));
    // Told otherwise, it goes on to Vault, where nobody listens.
    let sync = [&sync[..], &["--allow-unbound"]].concat();
    store.command(sync).env("VAULT_TOKEN", "t").run().fails_with(4);
}

#[test]
fn a_file_sealed_to_other_holders_than_today_is_named() {
    let store = SmallStore::new();
    store.set("app", "password", "value");
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["demo"]);
    let output = store.run(["get", "demo", "app", "password"]).success();
    assert_eq!(output.stdout(), "value");
    assert!(output.stderr().contains(FILE), "{}", output.stderr());
}

#[test]
fn whatever_is_done_to_a_file_is_refused_by_name() {
    let store = SmallStore::new();
    store.set("app", "password", "the first value");
    store.set("app", "token", "the second value");
    let sealed = String::from_utf8(store.bytes(FILE)).unwrap();
    let other = store.bytes("secrets/demo/app/token.age");
    let lines: Vec<&str> = sealed.lines().collect();
    let without = |number: usize| {
        let kept = lines.iter().enumerate().filter(|(other, _)| *other != number);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };

    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("emptied".to_owned(), Vec::new()),
        ("overwritten".to_owned(), b"hunter2\n".to_vec()),
        ("replaced by another secret's".to_owned(), other),
        ("doubled".to_owned(), format!("{sealed}{sealed}").into_bytes()),
        ("appended to".to_owned(), format!("{sealed}more").into_bytes()),
        ("not armored".to_owned(), dearmored(&sealed)),
        ("filled with zeros".to_owned(), vec![0; 1 << 20]),
    ];
    for number in 0..lines.len() {
        cases.push((format!("without line {}", number + 1), without(number).into_bytes()));
    }
    for length in [1, sealed.len() / 3, sealed.len() / 2, sealed.len() - 40] {
        cases.push((format!("cut to {length}"), sealed.as_bytes()[..length].to_vec()));
    }
    for (what, stanza) in [("edited", edited(&sealed)), ("dropped", dropped(&sealed))] {
        cases.push((format!("its stanza {what}"), stanza));
    }

    let mut refused = 0;
    for (what, content) in &cases {
        store.write(FILE, content);
        let output = store.run(["get", "demo", "app", "password"]);
        if what == "not armored" {
            // The same file in age's other spelling.
            assert_eq!(output.success().stdout(), "the first value");
            continue;
        }
        let output = output.fails_with(3).hides("hunter2");
        assert_eq!(output.stdout(), "", "{what}");
        assert!(output.stderr().contains(FILE), "{what}: {}", output.stderr());
        refused += 1;
    }
    notice(&format!("tampering: {} files tried, {refused} refused", cases.len()));
    assert_eq!(refused + 1, cases.len());
}

#[test]
fn every_byte_counts() {
    let (identities, recipients) = keys(1);
    let id = SecretId::parse("demo", "app", "password").unwrap();
    let value = SecretValue::from("the value");
    let sealed = seal(&value, &id, Timestamp::UNIX_EPOCH, &recipients).unwrap();
    let (mut refused, mut unchanged) = (0, 0);
    for position in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[position] ^= 1 << bit;
            match open(&changed, &id, &identities) {
                Err(_) => refused += 1,
                // The armor allows for other line ends and white space around
                // it; the file within is the same to the bit.
                Ok(opened) => {
                    assert_eq!(opened.value, value);
                    assert_eq!(binary(&changed), binary(&sealed), "byte {position}, bit {bit}");
                    unchanged += 1;
                }
            }
        }
    }
    notice(&format!("bits flipped: {} tried, {refused} refused", refused + unchanged));
    assert!(unchanged < 10, "{unchanged}");
}

#[test]
fn sealed_files_are_bound_to_their_place() {
    let store = SmallStore::new();
    store.set("app", "password", "value");
    fs::create_dir_all(store.root.join("secrets/demo/other")).unwrap();
    fs::rename(store.root.join(FILE), store.root.join("secrets/demo/other/shared.age")).unwrap();
    let output = store.run(["get", "demo", "other", "shared"]).fails_with(3);
    insta::assert_snapshot!("moved", store.stderr(&output));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens_again_and_nowhere_else(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        count in 1..5_usize,
        key in "[a-z .%/]{1,20}",
        seconds in 0..4_000_000_000_i64,
    ) {
        let Ok(id) = SecretId::parse("demo", "app", &key) else { return Ok(()) };
        let set_at = Timestamp::from_second(seconds).unwrap();
        let (identities, recipients) = keys(count);
        let sealed = seal(&bytes.clone().into(), &id, set_at, &recipients).unwrap();

        let opened = open(&sealed, &id, &identities).unwrap();
        prop_assert_eq!(opened.value.expose(), bytes);
        let bound = opened.seal.unwrap();
        prop_assert_eq!(bound.set_at, set_at);
        prop_assert_eq!(&bound.recipients, &recipients.digest());
        prop_assert_eq!(inspect(&sealed).unwrap(), Some(bound));

        let elsewhere = SecretId::parse("other", "app", &key).unwrap();
        prop_assert!(open(&sealed, &elsewhere, &identities).is_err());
        let (strangers, _) = keys(1);
        prop_assert!(open(&sealed, &id, &strangers).is_err());
    }
}

/// As many recipients, and the identity of the last.
fn keys(count: usize) -> (Identities, RecipientSet) {
    let keys: Vec<_> = (0..count).map(|_| age::x25519::Identity::generate()).collect();
    let recipients = keys.iter().map(|key| key.to_public().to_string());
    let recipients = recipients.map(|key| key.parse::<Recipient>().unwrap()).collect();
    let text = keys.last().unwrap().to_string().expose_secret().to_owned();
    let source = IdentitySource::Text { text: text.into(), named_by: "the test" };
    (Identities::load(&[source]).unwrap(), recipients)
}

fn binary(armored: &[u8]) -> Option<Vec<u8>> {
    let mut binary = Vec::new();
    let mut reader = age::armor::ArmoredReader::new(armored);
    std::io::Read::read_to_end(&mut reader, &mut binary).ok()?;
    Some(binary)
}

fn dearmored(sealed: &str) -> Vec<u8> {
    binary(sealed.as_bytes()).unwrap()
}

/// The file with another key in its stanza.
fn edited(sealed: &str) -> Vec<u8> {
    replaced(&dearmored(sealed), b"demo/app/password", b"demo/app/passwore")
}

/// The file without its stanza.
fn dropped(sealed: &str) -> Vec<u8> {
    let binary = dearmored(sealed);
    let start = find(&binary, b"-> phalanx-secrets");
    let end = start + find(&binary[start + 2..], b"-> ") + 2;
    [&binary[..start], &binary[end..]].concat()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let start = find(bytes, from);
    [&bytes[..start], to, &bytes[start + from.len()..]].concat()
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}
