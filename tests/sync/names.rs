//! A misspelt name is an error with the nearest one, and nothing is done.

use super::World;

const APP: &str = "secrets.password.generate.type = 'password'";

#[test]
fn options_of_a_sync_that_name_nothing() {
    let world = World::new("names-sync", &[("nublado", APP), ("gafaelfawr", APP)]);
    for (arguments, code, meant) in [
        (&["sync", "demoo"][..], 2, "demo"),
        (&["sync", "demo", "--exclude", "nubaldo"], 2, "nublado"),
        (&["sync", "demo", "--regenerate=nublaod"], 2, "nublado"),
        (&["sync", "demo", "--regenerate=nublado/pasword"], 2, "nublado/password"),
        (&["sync", "demo", "--overwrite=nublado/passwort"], 2, "nublado/password"),
        (&["check", "dmeo"], 2, "demo"),
        (&["restore", "deom"], 2, "demo"),
        (&["vault", "create-write-token", "demp"], 2, "demo"),
    ] {
        let watch = world.watch();
        let output = world.command(arguments).run().fails_with(code);
        let hint = format!("did you mean {meant}?");
        assert!(output.stderr().contains(&hint), "{arguments:?}: {output:?}");
        assert_eq!(watch.writes(), [], "{arguments:?}");
    }
}

#[test]
fn a_misspelt_environment_that_is_not_served_stops_what_is_done_for_all() {
    let world = World::new("names-served", &[("nublado", APP)]);
    let text = "format = 1\nlayout = \"standalone\"\nnot-served = [\"dmeo\"]\n";
    world.sandbox.write(world.root.join("secrets/store.toml"), text);
    for command in ["sync", "audit"] {
        let watch = world.watch();
        let output = world.command(&[command, "--all"]).run().fails_with(3);
        insta::allow_duplicates! {
            insta::assert_snapshot!(output.stderr(), @r"
            Error: secrets/store.toml: not-served names dmeo, which is no environment
            Hint: did you mean demo?
            Hint: correct it, or take it out: --all is all that is not named there
            ");
        }
        assert_eq!(watch.requests(), []);
    }
    world.sync(&[]);
}

#[test]
fn a_diff_of_what_neither_side_knows_is_no_empty_diff() {
    let world = World::new("names-diff", &[("nublado", "secrets.given = {}\n")]);
    world.git(&["init", "--quiet"]);
    world.set("nublado", "given", "x");
    world.commit("The store");
    for (option, name, meant) in [("-e", "dmeo", "demo"), ("-a", "nublaod", "nublado")] {
        let output = world.command(&["diff", option, name]).run().fails_with(2);
        let hint = format!("did you mean {meant}?");
        assert!(output.stderr().contains(&hint), "{output:?}");
    }
    // What only the older side has is known.
    world.command(&["diff", "-e", "demo", "-a", "nublado"]).run().success();
    world.command(&["diff", "-a", "pull-secret"]).run().success();
    world.command(&["remove", "demo", "nublado", "given", "--yes"]).run().success();
    let gone = world.command(&["diff", "-e", "demo", "-a", "nublado"]).run().success();
    assert!(gone.stdout().contains("given"), "{gone:?}");
}
