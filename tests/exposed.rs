//! `exposed` and `rekey`, where access ended without a command that says so.

use std::fs;

use crate::support::keys::Key;
use crate::support::small_store::SmallStore;

/// A store with bob and carol beside alice, and one value.
struct Shared {
    store: SmallStore,
    bob: Key,
    carol: Key,
}

impl Shared {
    fn new(in_git: bool) -> Self {
        let store = SmallStore::new();
        let [bob, carol] = ["bob", "carol"].map(|name| store.sandbox.age_identity(name));
        store.holder("bob", &[&bob.recipient], &["demo"]);
        store.holder("carol", &[&carol.recipient], &["demo/app"]);
        store.set("app", "password", "one");
        store.set("other", "shared", "two");
        let shared = Self { store, bob, carol };
        if in_git {
            shared.store.commit("Everybody is here");
        }
        shared
    }

    fn leave(&self, name: &str) {
        fs::remove_file(self.store.root.join(format!("recipients/{name}.toml"))).unwrap();
    }

    /// Whom `exposed` names for a value, by its report.
    fn exposed_to(&self, key: &str) -> Vec<String> {
        let output = self.store.run(["exposed", "--json"]);
        let report: serde_json::Value = serde_json::from_str(output.stdout()).unwrap();
        let stored = report["stored"].as_array().unwrap();
        assert_eq!(output.code(), i32::from(!stored.is_empty()), "{output:?}");
        let rows = stored.iter().filter(|row| row["key"] == key);
        let withdrawn = rows.flat_map(|row| row["withdrawn"].as_array().unwrap());
        withdrawn.map(|one| one["holder"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_holder_who_was_removed_by_hand_is_not_forgotten() {
    for is_committed in [false, true] {
        let shared = Shared::new(true);
        shared.leave("bob");
        if is_committed {
            shared.store.commit("Bob leaves");
        }
        assert_eq!(shared.exposed_to("password"), ["bob"]);
        assert_eq!(shared.exposed_to("shared"), ["bob"]);
        let rekey = shared.store.run(["rekey"]).success();
        assert!(rekey.stderr().contains("in demo/app, a value was sealed to bob"), "{rekey:?}");
        // The files do not show it any more; the record does.
        assert_eq!(shared.exposed_to("password"), ["bob"]);
        assert_eq!(shared.exposed_to("shared"), ["bob"]);
        shared.store.set("app", "password", "another");
        shared.store.set("other", "shared", "another");
        shared.store.run(["exposed"]).success();
    }
}

#[test]
fn a_key_or_access_that_was_taken_away_by_hand_is_not_forgotten() {
    let shared = Shared::new(true);
    let new = shared.store.sandbox.age_identity("bob-new");
    shared.store.holder("bob", &[&new.recipient], &["demo"]);
    shared.store.holder("carol", &[&shared.carol.recipient], &["demo/other"]);
    assert_eq!(shared.exposed_to("password"), ["bob", "carol"]);
    shared.store.run(["rekey"]).success();
    assert_eq!(shared.exposed_to("password"), ["bob", "carol"]);
    let record = String::from_utf8(shared.store.bytes("recipients/withdrawn.toml")).unwrap();
    assert!(record.contains(&shared.bob.recipient), "{record}");
    assert!(!record.contains(&new.recipient), "{record}");
}

#[test]
fn a_value_that_was_sealed_to_two_former_holders_is_exposed_to_both() {
    for in_git in [false, true] {
        let shared = Shared::new(in_git);
        let files = ["bob", "carol"].map(|name| {
            let path = format!("recipients/{name}.toml");
            (shared.store.bytes(&path), path)
        });
        shared.store.run(["recipients", "remove", "bob"]).success();
        shared.store.run(["recipients", "remove", "carol"]).success();
        shared.store.set("app", "password", "new");
        shared.store.set("other", "shared", "new");
        shared.store.run(["exposed"]).success();
        // A branch that knows nothing of it sets a value, and is merged.
        for (contents, path) in &files {
            shared.store.write(path, contents);
        }
        shared.store.set("app", "token", "sealed to three");
        for (_, path) in &files {
            fs::remove_file(shared.store.root.join(path)).unwrap();
        }
        assert_eq!(shared.exposed_to("token"), ["bob", "carol"]);
        assert_eq!(shared.exposed_to("password"), [""; 0]);
        shared.store.run(["rekey"]).success();
        assert_eq!(shared.exposed_to("token"), ["bob", "carol"]);
    }
}

#[test]
fn who_is_added_by_hand_exposes_nothing() {
    for in_git in [false, true] {
        let shared = Shared::new(in_git);
        shared.store.run(["recipients", "remove", "bob"]).success();
        shared.store.set("app", "password", "new");
        shared.store.set("other", "shared", "new");
        shared.store.run(["exposed"]).success();
        let dave = shared.store.sandbox.age_identity("dave");
        shared.store.holder("dave", &[&dave.recipient], &["demo"]);
        shared.store.run(["exposed"]).success();
        let rekey = shared.store.run(["rekey"]).success();
        assert!(!rekey.stderr().contains("Warning"), "{rekey:?}");
        shared.store.run(["exposed"]).success();
    }
}

#[test]
fn where_nobody_knows_who_it_was_rekey_says_so() {
    let shared = Shared::new(false);
    shared.leave("bob");
    let rekey = shared.store.run(["rekey"]).success();
    assert!(rekey.stderr().contains("who could read them is not known"), "{rekey:?}");
}
