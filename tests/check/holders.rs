//! Files of holders that cannot be read, or that say what cannot be meant.

use insta::assert_snapshot;

use super::{assert_is_clean, findings, store_in_order};

#[test]
fn a_copied_holder_with_the_key_left_in_is_found() {
    let store = store_in_order();
    store.write("recipients/bob.toml", store.bytes("recipients/alice.toml"));
    assert_snapshot!(findings(&store, &[]), @r"
    Holders that cannot be right:
      • recipients/bob.toml: it lists a key of alice: whoever is removed under one name keeps what the other may do
      → correct the file that is named; then whoever can read the values runs: phalanx-secrets rekey
    ");
}

#[test]
fn a_holder_with_access_and_no_key_is_found() {
    let store = store_in_order();
    store.write("recipients/bob.toml", "keys = []\naccess = [\"demo\"]\n");
    let found = findings(&store, &[]);
    assert!(found.contains("recipients/bob.toml: it has access and no key"), "{found}");
    store.write("recipients/bob.toml", "keys = []\naccess = []\n");
    assert_is_clean(&store, &[]);
}

#[test]
fn access_to_what_is_not_there_is_found_with_the_nearest_name() {
    let store = store_in_order();
    let key = &store.sandbox.age_identity("bob").recipient;
    let with_access =
        |access: &str| format!("keys = [\"{key}\"]\naccess = [\"{access}\"]\n").into_bytes();
    for (access, message) in [
        ("dmo", "it may read dmo, and there is no such environment; did you mean demo?"),
        ("demo/ap", "it may read demo/ap, and there is no such application; did you mean app?"),
        ("elsewhere", "it may read elsewhere, and there is no such environment\n"),
    ] {
        store.write("recipients/bob.toml", with_access(access));
        let found = findings(&store, &[]);
        assert!(found.contains(&format!("recipients/bob.toml: {message}")), "{found}");
    }
}

#[test]
fn a_holder_that_cannot_be_read_is_a_finding_and_no_end() {
    let store = store_in_order();
    let good = store.bytes("recipients/alice.toml");
    for (text, message) in [
        ("keys = [\n", "recipients/bob.toml:"),
        ("keys = []\n", "recipients/bob.toml"),
        ("keys = [\"age1none\"]\naccess = []\n", "recipients/bob.toml: key number 1"),
        ("keys = []\naccess = [\"a/b/c\"]\n", "recipients/bob.toml: what the holder may read"),
    ] {
        store.write("recipients/bob.toml", text);
        // What else is wrong is found as well.
        store.write("secrets/demo/app/notes.txt", "x");
        let found = findings(&store, &[]);
        assert!(found.contains(message), "{found}");
        assert!(found.contains("secrets/demo/app/notes.txt"), "{found}");
    }
    std::fs::remove_file(store.root.join("secrets/demo/app/notes.txt")).unwrap();
    // Nothing is said of seals while it is not known who reads.
    std::fs::remove_file(store.root.join("recipients/bob.toml")).unwrap();
    store.write("recipients/alice.toml", "keys = [\n");
    let output = store.run(["check"]).fails_with(1);
    assert!(!output.stdout().contains("rekey demo"), "{output:?}");
    assert!(!output.stdout().contains("Readable by nobody"), "{output:?}");
    assert!(!output.stderr().contains("phalanx-secrets check"), "{output:?}");
    // Other commands refuse it as before.
    store.run(["set", "demo", "app", "token"]).fails_with(3);
    store.write("recipients/alice.toml", good);
    assert_is_clean(&store, &[]);
}
