//! `check --open`, with the identities at hand.

use insta::assert_snapshot;

use super::{assert_is_clean, findings, store_in_order};
use crate::sealed_files::{assemble, dismantle};

#[test]
fn what_was_changed_inside_a_sealed_file_shows_to_those_who_can_open_it() {
    let store = store_in_order();
    let file = "secrets/demo/app/token.age";
    let (header, mut payload) = dismantle(&store.bytes(file));
    *payload.last_mut().unwrap() ^= 1;
    store.write(file, assemble(&header, &payload));
    assert_is_clean(&store, &[]);
    store.sandbox.install_identity(&store.alice.path);
    assert_is_clean(&store, &[]);
    assert_snapshot!(findings(&store, &["--open"]), @r"
    Damaged, or changed after sealing:
      • secrets/demo/app/token.age: it was changed after it was sealed: its payload does not verify
      → see what happened: git log -- secrets/demo/app/token.age; restore a good version: git checkout COMMIT -- secrets/demo/app/token.age
    ");
}

#[test]
fn what_nobody_at_hand_can_open_is_counted_and_no_finding() {
    let store = store_in_order();
    // Where it is all of them, nothing was done of what was asked for.
    let output = store.run(["check", "--open"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Only the one key of alice opens 6 values: whoever loses it loses them, unless a second holder, or a second key, can read them too
    Error: none of the identities at hand opens any of the 6 values
    Hint: name an identity of a holder with -i FILE, or leave out --open
    ");
    let bob = store.sandbox.age_identity("bob");
    let check = || store.command(["check", "--open", "-i"]).args([&bob.path]).run();
    assert!(check().fails_with(3).stderr().contains("opens any of the 6 values"));
    store.sandbox.install_identity(&store.alice.path);
    let key = bob.recipient.as_str();
    let add = ["recipients", "add", "bob", "--access", "demo/other", "--key", key];
    store.run(add).success();
    let store = store.without_own_identity();
    let check = || store.command(["check", "--open", "-i"]).args([&bob.path]).run();
    assert_snapshot!(store.stderr(&check().success()), @r"
    Warning: none of the identities at hand opens 5 values, so nothing is known of what is inside
    Only the one key of alice opens 5 values: whoever loses it loses them, unless a second holder, or a second key, can read them too
    Checked 6 values of 1 environment: all is well
    ");
}

#[test]
fn a_stanza_that_an_identity_at_hand_should_open_and_does_not_is_damage() {
    let store = store_in_order();
    let file = "secrets/demo/app/token.age";
    let (header, payload) = dismantle(&store.bytes(file));
    // The first letter of what is wrapped for alice.
    let stanza = header.find("-> X25519").unwrap();
    let body = stanza + header[stanza..].find('\n').unwrap() + 1;
    let other = if header[body..].starts_with('A') { "B" } else { "A" };
    let changed = [&header[..body], other, &header[body + 1..]].concat();
    store.write(file, assemble(&changed, &payload));
    assert_is_clean(&store, &[]);
    store.sandbox.install_identity(&store.alice.path);
    assert_snapshot!(findings(&store, &["--open"]), @r"
    Damaged, or changed after sealing:
      • secrets/demo/app/token.age: an identity at hand should open it and cannot: what its header holds for that one was changed
      → see what happened: git log -- secrets/demo/app/token.age; restore a good version: git checkout COMMIT -- secrets/demo/app/token.age
    ");
}
