//! An application that gets another name: its values, its backup, and what is
//! generated for it.

use std::fs;

use super::World;

const OLD: &str = "secrets.given = {}\nsecrets.made.generate.type = 'password'\n";
const OTHER: &str = "secrets.a.generate.type = 'password'\nsecrets.b.generate.type = 'password'\n\
                     secrets.c.generate.type = 'password'\n";

/// A world that was synced with the application `old`; now its specs call it
/// `new`.
fn renamed(name: &str, before: impl Fn(&World)) -> World {
    let world = World::new(name, &[("old", OLD), ("other", OTHER)]);
    world.set("old", "given", "one");
    world.sync(&[]);
    before(&world);
    world.environment(world.server.url(), &world.prefix, &["new", "other"]);
    let folder = world.root.join("secrets/applications");
    fs::rename(folder.join("old.toml"), folder.join("new.toml")).unwrap();
    world
}

fn rename(world: &World) -> crate::support::cli::Output {
    world.command(&["rename", "demo", "old", "--to-application", "new"]).run()
}

#[test]
fn an_application_is_renamed_with_its_backup_and_keeps_what_is_generated() {
    let world = renamed("renamed", |world| {
        world.command(&["backup", "demo"]).run().success();
    });
    let made = world.value("old", "made");
    let output = rename(&world).success().hides(&made);
    for said in [
        "makes it anew for new: made",
        "before that sync: phalanx-secrets restore demo new",
        "Renamed demo/old/@vault to demo/new/@vault",
        "Renamed demo/old/given to demo/new/given",
    ] {
        assert!(output.stderr().contains(said), "{said}: {output:?}");
    }
    assert!(!world.root.join("secrets/demo/old/@vault.age").exists());
    let check = world.command(&["check", "--open"]).run();
    assert!(!check.stdout().contains("@vault"), "{check:?}");
    let output = world.command(&["restore", "demo", "ne"]).run().fails_with(3);
    assert!(output.stderr().contains("did you mean new?"), "{output:?}");
    let output = world.command(&["restore", "demo", "new"]).run().success();
    assert_eq!(output.stdout(), "Restored Vault secret for new\n");
    world.sync(&[]);
    assert_eq!(world.value("new", "made"), made);
    // Now the old one has nothing that is not elsewhere.
    let output = world.sync(&["--delete"]);
    assert!(output.stdout().contains("Deleted Vault secret for old\n"), "{output:?}");
    let again = rename(&world).fails_with(3);
    assert!(again.stderr().contains("nothing is stored for old in demo"), "{again:?}");
}

#[test]
fn without_a_backup_the_old_values_are_spared_until_they_are_elsewhere() {
    let world = renamed("renamed-spared", |_| ());
    let made = world.value("old", "made");
    let output = rename(&world).success();
    let hint = "to keep it, before that sync: phalanx-secrets backup demo, then";
    assert!(output.stderr().contains(hint), "{output:?}");
    world.sync(&[]);
    assert_ne!(world.value("new", "made"), made);
    let output = world.sync(&["--delete"]);
    assert!(output.stderr().contains("so it may be renamed"), "{output:?}");
    assert_eq!(world.value("old", "made"), made);

    // Late is not too late.
    world.command(&["backup", "demo"]).run().success();
    fs::remove_file(world.root.join("secrets/demo/new/@vault.age")).unwrap();
    rename(&world).success();
    world.command(&["restore", "demo", "new", "--replace"]).run().success();
    world.sync(&[]);
    assert_eq!(world.value("new", "made"), made);
    assert_eq!(world.value("new", "given"), "one");
    let output = world.sync(&["--delete"]);
    assert!(output.stdout().contains("Deleted Vault secret for old\n"), "{output:?}");
}
