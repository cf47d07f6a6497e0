//! `vault copy-secrets`.

use serde_json::{Value, json};

use super::world;

#[test]
fn entries_are_copied_where_nothing_is_lost() {
    let world = world("copy");
    let old = format!("{}-old", world.prefix);
    let other = json!({ "made": "x", "other": { "a": 1 } });
    for (application, data) in [("app", &other), ("second", &json!({ "b": "é\n" }))] {
        world.server.put(&old, application, data.clone());
    }
    world.server.put(&old, "deleted", json!({ "a": "b" }));
    world.server.delete(&old, "deleted");
    world.server.put(&old, "folder/deep", json!({ "a": "b" }));
    let copy = |options: &[&str]| {
        let line = ["vault", "copy-secrets", "demo", &old];
        world.command(&[&line[..], options].concat()).run()
    };
    world.server.put(&world.prefix, "second", json!({ "b": "ours", "mine": "x" }));
    let refused = copy(&[]).fails_with(3);
    let lost = format!("• second ({old} does not have: mine)");
    assert!(refused.stderr().contains(&lost), "{refused:?}");
    assert_eq!(world.version("app"), 0);
    let output = copy(&["--replace"]).fails_with(1);
    let (from, to) = (old.split_once('/').unwrap().1, world.names().0);
    let heading = format!("Copying secrets from {from} to {to}\n");
    assert_eq!(
        output.stdout(),
        format!(
            "{heading}Copied Vault secret for app\nSkipping subdirectory folder/\n\
             Copied Vault secret for second\n"
        )
    );
    for said in [
        "deleted is deleted in Vault, so it is not copied",
        &format!("second loses what {old} does not have: mine"),
        "1 thing was not copied: folder/",
    ] {
        assert!(output.stderr().contains(said), "{said}: {output:?}");
    }
    let (_, app) = world.server.read(&world.prefix, "app").unwrap();
    assert_eq!(Value::from(app), other);
    assert_eq!(world.value("second", "b"), "é\n");
    assert_eq!(world.version("second"), 2);
    assert_eq!(world.server.list(&world.prefix), ["app", "second"]);
    // A second time does nothing.
    let watch = world.watch();
    assert_eq!(
        copy(&[]).fails_with(1).stdout(),
        format!("{heading}Skipping subdirectory folder/\n")
    );
    assert_eq!(watch.writes(), []);

    let nowhere = format!("{old}-not");
    let line = ["vault", "copy-secrets", "demo", &nowhere];
    let absent = world.command(&line).run().fails_with(4);
    assert!(absent.stderr().contains("there is nothing at"), "{absent:?}");
    world.command(&["vault", "copy-secrets", "demo", "no-mount"]).run().fails_with(2);
    // Another path holds folders alone.
    world.server.put(&format!("{old}-above/below"), "app", json!({ "a": "b" }));
    let above = world.command(&["vault", "copy-secrets", "demo", &format!("{old}-above")]).run();
    assert!(above.fails_with(4).stderr().contains("there is below/: name one"), "");
}

#[test]
fn a_path_is_not_copied_onto_itself() {
    let world = world("copy-itself");
    world.server.put(&world.prefix, "app", json!({ "made": "x" }));
    let watch = world.watch();
    let spellings = ["PREFIX", "PREFIX/", "/PREFIX", "PREFIX//"]
        .map(|spelling| spelling.replace("PREFIX", &world.prefix));
    let doubled = world.prefix.replace('/', "//");
    for old in spellings.iter().chain([&doubled]) {
        let run = world.command(&["vault", "copy-secrets", "demo", "--replace", old]).run();
        let run = run.fails_with(2);
        let (path, _) = world.names();
        let refusal = format!("Error: Vault path {path} cannot be copied onto itself\n");
        assert!(run.stderr().starts_with(&refusal), "{run:?}");
        assert_eq!(run.stdout(), "");
    }
    assert!(watch.requests().is_empty());
    // Vault tells capitals apart: this is another path, with nothing in it.
    let upper = world.prefix.replace("copy", "Copy");
    let run = world.command(&["vault", "copy-secrets", "demo", &upper]).run().fails_with(4);
    assert!(run.stderr().contains("there is nothing at"), "{run:?}");
}
