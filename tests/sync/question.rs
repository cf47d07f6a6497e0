//! Before what cannot be taken back, somebody at a terminal is asked.

use super::World;
use crate::support::json_documents::faults;
use crate::support::terminal::{Walk, at_terminal};

const APP: &str = "secrets.made.generate.type = 'password'";
// Other keys than another one has: it is not taken for one that was renamed.
const OTHER: &str = "secrets.alone.generate.type = 'password'";
const TWO: &str = "secrets.made.generate.type = 'password'\nsecrets.given = {}\n";

fn synced(name: &str) -> World {
    let world = World::new(name, &[("app", TWO), ("other", OTHER), ("third", APP)]);
    world.set("app", "given", "x");
    world.git(&["init", "--quiet"]);
    world.commit("The store");
    world.sync(&[]);
    world
}

#[test]
fn what_would_be_deleted_is_shown_with_counts_and_asked_about() {
    let world = synced("question-delete");
    std::fs::remove_file(world.root.join("secrets/applications/other.toml")).unwrap();
    world.environment(world.server.url(), &world.prefix, &["app", "third"]);
    world.declare("app", "secrets.given = {}\n");
    let watch = world.watch();
    let screen = at_terminal(world.command(&["sync", "demo", "--delete"]), &["n"]);
    insta::assert_snapshot!(screen.text.lines().filter(|line| !line.contains("work tree"))
        .collect::<Vec<_>>().join("\n"), @r"
    This sync of demo creates 0 entries, changes 1 and deletes 1. It
      • deletes entries as a whole: 1 (other)
      • deletes keys: 1 (app made)
    Write this to demo in Vault? [y/N] n
    Nothing was written.
    ");
    assert_eq!(screen.code, 0);
    // The end of the input is no yes.
    at_terminal(world.command(&["sync", "demo", "--delete"]), &[]);
    assert_eq!(watch.writes(), []);
    let screen = at_terminal(world.command(&["sync", "demo", "--delete"]), &["y"]);
    assert!(screen.text.contains("Deleted Vault secret for other"), "{screen:?}");
    assert!(screen.text.contains("Deleted Vault secret for app made"), "{screen:?}");

    // Where nothing is deleted, there is no question; nor with --yes.
    let screen = at_terminal(world.command(&["sync", "demo", "--delete"]), &[]);
    assert!(screen.text.contains("in line"), "{screen:?}");
    let regenerate = ["sync", "demo", "--regenerate", "--yes"];
    let screen = at_terminal(world.command(&regenerate), &[]);
    assert!(!screen.text.contains("[y/N]") && screen.text.contains("third made"), "{screen:?}");
}

#[test]
fn a_no_is_a_document_too() {
    let world = synced("question-json");
    world.server.put(&world.prefix, "unknown", serde_json::json!({ "x": "y" }));
    let screen = at_terminal(world.command(&["sync", "demo", "--delete", "--json"]), &["no"]);
    assert_eq!(screen.code, 0, "{screen:?}");
    let document = &screen.text[screen.text.find('{').unwrap()..];
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    assert_eq!(faults("sync", &document), [""; 0], "{document:#}");
    assert_eq!(document["changes"], serde_json::json!({}));
    assert_eq!(document["refused"], "the question was answered with no");
    assert!(world.server.read(&world.prefix, "unknown").is_some());
}

#[test]
fn each_grave_option_asks_and_others_do_not() {
    let world = synced("question-each");
    let refuses = |options: &[&str], words: &str| {
        let watch = world.watch();
        let screen = at_terminal(world.command(&["sync", "demo"]).args(options), &["no"]);
        assert!(screen.text.contains(words), "{options:?}: {screen:?}");
        assert!(screen.text.ends_with("Nothing was written.\n"), "{screen:?}");
        assert_eq!(watch.writes(), []);
    };
    refuses(&["--regenerate"], "generates secrets anew that are in use: 3 (app made, other alone");
    let made = world.value("app", "made");
    let screen = at_terminal(world.command(&["sync", "demo", "--regenerate=app"]), &[]);
    assert!(!screen.text.contains("[y/N]"), "{screen:?}");
    assert_ne!(world.value("app", "made"), made);
    // A dry run changes nothing, so it asks nothing.
    let screen = at_terminal(world.command(&["sync", "demo", "--regenerate", "--dry-run"]), &[]);
    assert!(!screen.text.contains("[y/N]"), "{screen:?}");

    world.git(&["commit", "--quiet", "--allow-empty", "--message", "Later"]);
    world.set("app", "given", "y");
    world.commit("A value");
    world.sync(&[]);
    world.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    refuses(&["--allow-rollback"], "may go back to an older state");
    world.git(&["reset", "--quiet", "--hard", "HEAD@{1}"]);

    let path = world.prefix.replacen('/', "/metadata/", 1);
    let note = serde_json::json!({
        "custom_metadata": { "phalanx-secrets-environment": "another" }
    });
    world.server.root("POST", &format!("{path}/third"), Some(note));
    refuses(&["--take-over"], "takes over entries of others: 1 (third)");
    // Without a terminal nothing is asked.
    world.sync(&["--take-over"]);
}

#[test]
fn several_environments_are_asked_about_one_by_one() {
    let world = synced("question-several");
    let text = format!(
        "vault-url = \"{}\"\nvault-path-prefix = \"{}-second\"\napplications = [\"third\"]\n",
        world.server.url(),
        world.prefix
    );
    world.sandbox.write(world.root.join("secrets/environments/second.toml"), text);
    world.command(&["sync", "second"]).run().success();
    world.server.put(&world.prefix, "unknown", serde_json::json!({ "x": "y" }));
    let second = format!("{}-second", world.prefix);
    world.server.put(&second, "unknown", serde_json::json!({ "x": "y" }));
    // The end of the input is a no for both.
    at_terminal(world.command(&["sync", "--all", "--delete"]), &[]);
    // What is typed before a question is no answer to it.
    let walk = Walk::through(world.command(&["sync", "--all", "--delete"]));
    let walk = walk.expect("Write this to demo in Vault? [y/N] ").send("n\n");
    let walk = walk.expect("Write this to second in Vault? [y/N] ").pause(0.5).send("y\n");
    let walked = walk.run().success();
    assert!(world.server.read(&world.prefix, "unknown").is_some(), "{walked:?}");
    assert!(world.server.read(&second, "unknown").is_none(), "{walked:?}");
    assert!(walked.screen.contains("not written"), "{walked:?}");
}

#[test]
fn what_changed_while_it_was_asked_is_shown_again() {
    let world = synced("question-meanwhile");
    world.server.put(&world.prefix, "unknown", serde_json::json!({ "x": "y" }));
    let (server, prefix) = (world.server, world.prefix.clone());
    let walk = Walk::through(world.command(&["sync", "demo", "--delete"])).expect("[y/N] ");
    // Long enough for somebody else to come, who does so once it was read.
    let walk = walk.pause(3.0).send("y\n");
    let watch = server.watch(&prefix);
    let is_read = move || watch.requests().iter().any(|one| one.path.ends_with("/unknown"));
    let prefix = world.prefix.clone();
    let other = std::thread::spawn(move || {
        while !is_read() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        server.put(&prefix, "more", serde_json::json!({ "x": "y" }));
    });
    let walked = walk.run();
    other.join().unwrap();
    assert_eq!(walked.code, Some(5), "{walked:?}");
    assert!(world.server.read(&world.prefix, "unknown").is_some());
}
