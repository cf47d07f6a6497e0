//! Copies: always equal to their sources.

use serde_json::json;

use super::World;
use super::proxy::{Fault, Proxy};

const SOURCE: &str = "
secrets.given = {}
secrets.made.generate.type = 'password'
";
const COPIER: &str = "
secrets.given.copy = { application = 'source', key = 'given' }
secrets.made.copy = { application = 'source', key = 'made' }
";
/// Copies of copies, read before what they are copied from.
const CHAIN: &str = "
secrets.given.copy = { application = 'copier', key = 'given' }
secrets.made.copy = { application = 'copier', key = 'made' }
secrets.mtime.generate = { type = 'mtime', source = 'made' }
";

fn world(name: &str) -> World {
    let world = World::new(name, &[("source", SOURCE), ("copier", COPIER), ("a-chain", CHAIN)]);
    world.set("source", "given", "one");
    world
}

#[track_caller]
fn assert_equal(world: &World) {
    for key in ["given", "made"] {
        let source = world.value("source", key);
        for application in ["copier", "a-chain"] {
            assert_eq!(world.value(application, key), source, "{application} {key}");
        }
    }
}

#[test]
fn copies_follow_in_the_same_sync() {
    let world = world("copies");
    world.sync(&[]);
    assert_equal(&world);
    let made = world.value("source", "made");

    world.set("source", "given", "two");
    let output = world.sync(&[]);
    assert_eq!(
        output.stdout(),
        "Updated Vault secret for source given\n\
         Updated Vault secret for a-chain given\n\
         Updated Vault secret for copier given\n"
    );
    assert_equal(&world);
    assert_eq!(
        (world.value("source", "given"), world.value("source", "made")),
        ("two".into(), made)
    );

    world.sync(&["--regenerate=source/made"]);
    assert_equal(&world);
    for application in ["source", "copier", "a-chain"] {
        assert_eq!(world.version(application), 3);
    }
    world.sync_changes_nothing(&[]);
}

#[test]
fn a_copy_changed_by_hand_is_put_right_and_never_its_source() {
    let world = world("copy-by-hand");
    world.sync(&[]);
    let made = world.value("source", "made");
    let (_, mut data) = world.server.read(&world.prefix, "copier").unwrap();
    data.insert("made".to_owned(), json!("by hand"));
    world.server.put(&world.prefix, "copier", data.into());
    let output = world.sync(&[]);
    assert_eq!(output.stdout(), "Updated Vault secret for copier made\n");
    assert_eq!(world.value("source", "made"), made);
    assert_equal(&world);
}

#[test]
fn a_source_changed_by_hand_is_kept_and_its_copies_follow() {
    let world = world("source-by-hand");
    world.sync(&[]);
    let data = json!({ "given": "one", "made": "by hand" });
    world.server.put(&world.prefix, "source", data);
    world.sync(&[]);
    assert_eq!(world.value("source", "made"), "by hand");
    assert_equal(&world);
}

#[test]
fn a_lost_source_is_not_brought_back_from_its_copy() {
    // As the Python CLI: the source is made anew, and its copies follow.
    let world = world("lost-source");
    world.sync(&[]);
    let made = world.value("source", "made");
    world.server.destroy(&world.prefix, "source");
    world.sync(&[]);
    assert_ne!(world.value("source", "made"), made);
    assert_equal(&world);
}

#[test]
fn the_source_of_an_excluded_application_is_vaults() {
    let world = world("excluded-source");
    world.sync(&[]);
    world.set("source", "given", "two");
    world.server.put(&world.prefix, "source", json!({ "given": "three", "made": "by hand" }));
    let watch = world.watch();
    world.sync(&["--exclude", "source"]);
    assert!(watch.writes().iter().all(|write| !write.path.ends_with("/source")));
    assert_eq!(world.value("source", "given"), "three");
    assert_equal(&world);

    // Nothing to copy: nothing is written.
    world.server.put(&world.prefix, "source", json!({ "given": "three" }));
    let output = world.sync_is_refused(3, &["--exclude", "source"]);
    assert!(
        output.stderr().contains(
            "copier made: it is copied from source/made, which is excluded and not in Vault"
        ),
        "{output:?}"
    );
}

/// The server refuses one entry and takes the others.
#[test]
fn what_could_not_be_written_is_copied_by_nothing() {
    let world = World::new(
        "copies-of-a-failure",
        &[("source", SOURCE), ("copier", COPIER), ("a-chain", CHAIN), ("other", SOURCE)],
    );
    world.set("source", "given", "one");
    world.set("other", "given", "one");
    let door = Proxy::new(world.server.url(), |request| {
        let is_source = request.method == "POST" && request.path.ends_with("/source");
        let is_source = is_source && request.path.contains("/data/");
        is_source.then_some(Fault::Answer(400, "Bad Request", r#"{"errors":["not this one"]}"#))
    });
    let output = world.command(&["sync", "demo", "--vault-url", &door.url]).run().fails_with(4);
    assert_eq!(output.stdout(), "Created Vault secret for other\n");
    assert_eq!(world.server.list(&world.prefix), ["other"]);
    // The next one makes the rest, each once.
    world.sync(&[]);
    assert_equal(&world);
    for application in ["source", "copier", "a-chain", "other"] {
        let read = world.server.read(&world.prefix, application);
        assert_eq!(read.map(|(version, _)| version), Some(1), "{application}");
    }
}
