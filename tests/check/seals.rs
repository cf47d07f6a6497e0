//! Files that are not sealed as they should be.

use std::fs;

use insta::assert_snapshot;

use super::{findings, kinds_and_files, store_in_order};
use crate::sealed_files::{assemble, dismantle};
use crate::support::age_tool::AgeTool;
use crate::support::version_1;

#[test]
fn every_fault_of_a_seal_is_told_apart() {
    let store = store_in_order();
    let file = |name: &str| format!("secrets/demo/app/{name}.age");
    let (header, payload) = dismantle(&store.bytes(&file("password")));
    let sealed = assemble(&header, &payload);
    store.write(&file("password"), "in the clear");
    store.write(&file("token"), &sealed);
    store.write(&file("tls.key"), [header.as_bytes(), &payload].concat());
    let half = &store.bytes(&file("dex.clientSecret"))[..200].to_vec();
    store.write(&file("dex.clientSecret"), half);
    let other = "secrets/demo/other/shared.age";
    let (header, payload) = dismantle(&store.bytes(other));
    let more = "-> X25519 CJM36AHmTbdHSuOQL+NESqyVQE75f2e610iRdLPEN20\n\
                C3ZAeY64NXS4QFrksLm3EGz+uPRyI0eQsWw7LWbbYig\n---";
    store.write(other, assemble(&header.replacen("---", more, 1), &payload));
    assert_snapshot!(findings(&store, &[]), @r"
    Not sealed:
      • secrets/demo/app/password.age: it is no age file
      → take what it holds for exposed if it was ever pushed; change it where it comes from, then store it: phalanx-secrets set demo app password

    Damaged, or changed after sealing:
      • secrets/demo/app/dex.clientSecret.age: it is not a whole age file: it was truncated or overwritten
      → see what happened: git log -- secrets/demo/app/dex.clientSecret.age; restore a good version: git checkout COMMIT -- secrets/demo/app/dex.clientSecret.age

    Recipients that do not add up:
      • secrets/demo/other/shared.age: its header does not have exactly the recipients that its seal names
      → others than its holders may be able to read it; see who changed it: git log -- secrets/demo/other/shared.age; then store a new value: phalanx-secrets set demo other shared

    In another secret's place:
      • secrets/demo/app/token.age: it was sealed for demo/app/password, and moved or copied here
      → move it back to the secret that it was sealed for, or store the right value: phalanx-secrets set demo app token

    Sealed in the binary form:
      • secrets/demo/app/tls.key.age: it is a binary age file, and the store keeps armored ones
      → store it anew: age --decrypt -i IDENTITY secrets/demo/app/tls.key.age | phalanx-secrets set demo app tls.key
    ");
}

#[test]
fn a_stanza_of_ours_that_is_malformed_is_damage() {
    let store = store_in_order();
    let file = "secrets/demo/app/token.age";
    let (header, payload) = dismantle(&store.bytes(file));
    for (from, to, message) in [
        ("phalanx-secrets 2 ", "phalanx-secrets 3 ", "is of a version"),
        ("phalanx-secrets 2 ", "phalanx-secrets 1 ", "is malformed"),
        ("phalanx-secrets 2 ", "phalanx-secrets 2 more ", "is malformed"),
    ] {
        store.write(file, assemble(&header.replacen(from, to, 1), &payload));
        let found = findings(&store, &[]);
        assert!(found.contains(file) && found.contains(message), "{found}");
    }
}

#[test]
fn a_change_of_holders_by_hand_leaves_stale_values() {
    let store = store_in_order();
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["demo/other"]);
    assert_snapshot!(findings(&store, &[]), @r"
    Not sealed to exactly today's holders:
      • secrets/demo/other/shared.age: it is not sealed to exactly today's holders
      → someone who can read it runs: phalanx-secrets rekey demo
    ");
    fs::remove_file(store.root.join("recipients/bob.toml")).unwrap();
    // A second key of the same holder is a change, too.
    store.holder("alice", &[&store.alice.recipient, &bob.recipient], &["*"]);
    let found = kinds_and_files(&store.sandbox, &store.root, &[]);
    assert!(found.len() == 6 && found.iter().all(|one| one.starts_with("stale ")), "{found:?}");
}

#[test]
fn values_that_nobody_may_read_are_one_finding_an_application() {
    let store = store_in_order();
    store.holder("alice", &[&store.alice.recipient], &["demo/other"]);
    assert_snapshot!(findings(&store, &[]), @r"
    Readable by nobody:
      • secrets/demo/app: no holder in recipients/ may read the 5 values in it
      → give a holder access: phalanx-secrets recipients grant HOLDER ENVIRONMENT[/APPLICATION]; whoever could read the values before then runs: phalanx-secrets rekey
    ");
}

#[test]
fn a_file_of_the_stock_tools_is_told_apart() {
    let Some(age) = AgeTool::find() else { return };
    let store = store_in_order();
    let file = "secrets/demo/app/token.age";
    let sealed = age.encrypt(&store.sandbox, &[&store.alice.recipient], b"value");
    store.write(file, sealed);
    assert_snapshot!(findings(&store, &[]), @r"
    Sealed by another tool:
      • secrets/demo/app/token.age: it was not sealed by this tool, so nothing shows that it belongs to this secret
      → someone who can read it runs: phalanx-secrets rekey demo
    ");
    // It says what to do, and that helps.
    store.command(["rekey", "demo", "-i"]).args([&store.alice.path]).run().success();
    super::assert_is_clean(&store, &[]);
}

#[test]
fn a_value_that_was_set_in_the_future_is_found() {
    let store = store_in_order();
    let hours = |hours: i64| {
        let time = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        jiff::Timestamp::from_second(time.as_second()).unwrap().to_string()
    };
    let recipients = [store.alice.recipient.as_str()];
    let path = "secrets/demo/app/token.age";
    store.write(path, version_1::seal("demo/app/token", &hours(2), &recipients, b"x"));
    assert_eq!(kinds_and_files(&store.sandbox, &store.root, &[]), [format!("future {path}")]);
    store.write(path, version_1::seal("demo/app/token", &hours(0), &recipients, b"x"));
    assert_eq!(kinds_and_files(&store.sandbox, &store.root, &[]), [""; 0]);
}
