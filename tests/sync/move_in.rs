//! Moving in: from Vault, from what was exported, and the walk that does it
//! all.

use insta::assert_snapshot;

use super::World;
use crate::support::cli::{Command, make_executable};
use crate::support::connect::{Connect, TOKEN, field, item};
use crate::support::notice;
use crate::support::openbao::find_on_path;
use crate::support::terminal::{ENDINGS, Walk};
use crate::support::traces::{assert_nowhere, new_mark};

const APP: &str = r#"
[secrets.password]
description = "Password of the database"
[secrets.token]
[secrets.made]
generate = { type = "password" }
"#;

const GAFAELFAWR: &str = "[secrets.oidc-clients]\ngenerate = { type = \"oidc-clients\" }\n";

const CLIENTS: &str = r#"[{"id": "c", "secret": "s", "return_uri": "u"}]"#;

fn world(name: &str) -> World {
    World::new(name, &[("app", APP), ("gafaelfawr", GAFAELFAWR)])
}

/// What somebody keeps in Vault by hand.
fn keep_in_vault(world: &World) {
    let app = serde_json::json!({ "password": "p\n", "token": "017", "made": "m", "old": "o" });
    world.server.put(&world.prefix, "app", app);
    let clients = serde_json::json!({ "oidc-clients": CLIENTS });
    world.server.put(&world.prefix, "gafaelfawr", clients);
    let document =
        r#"{"auths": {"ghcr.io": {"auth": "dTpwOnE=", "username": "u", "password": "p:q"}}}"#;
    let pull_secret = serde_json::json!({ ".dockerconfigjson": document });
    world.server.put(&world.prefix, "pull-secret", pull_secret);
    world.server.put(&world.prefix, "gone", serde_json::json!({ "key": "k" }));
}

fn get(world: &World, application: &str, key: &str) -> String {
    let output = world.command(&["get", "demo", application, key]).run().success();
    output.stdout().to_owned()
}

fn assert_all_is_stored(world: &World) {
    assert_eq!(get(world, "app", "password"), "p\n");
    assert_eq!(get(world, "app", "token"), "017");
    assert_eq!(get(world, "pull-secret", "ghcr.io"), "u:p:q");
    assert!(get(world, "oidc-clients", "c").contains("\"secret\""));
}

#[test]
fn what_vault_holds_is_imported_and_then_there_is_nothing_to_sync() {
    let world = world("from-vault");
    keep_in_vault(&world);
    let watch = world.watch();
    world.server.put(&world.prefix, "folder/entry", serde_json::json!({ "a": "b" }));
    let output = world.command(&["import", "demo", "--from-vault"]).run().fails_with(1);
    assert_eq!(watch.requests().iter().filter(|request| request.is_kv_write()).count(), 1);
    assert_snapshot!(world.redact(output.stderr()), @r"
      new        app password
      new        app token
      new        pull-secret ghcr.io
      new        oidc-clients c
      unknown    app old
      unknown    gone key
      unknown    folder/ (a folder)
    Warning: the value of app password is one line and ends with a line feed, which is kept
    Stored 4 new and 0 different values; 0 were stored already.
    Warning: 3 things were not stored: app old, gone key, folder/ (a folder)
    ");
    assert_all_is_stored(&world);
    world.sync_changes_nothing(&[]);
    let output =
        world.command(&["import", "demo", "--from-vault", "--skip-unknown"]).run().success();
    assert!(output.stderr().contains("Stored 0 new and 0 different values; 4 were"), "{output:?}");
    // What is no text there is named, and nothing is stored.
    world.server.put(&world.prefix, "app", serde_json::json!({ "password": 4711, "token": "x" }));
    let output = world.command(&["import", "demo", "--from-vault", "--yes"]).run().fails_with(2);
    assert!(output.stderr().contains("Vault: app password is no text"), "{output:?}");
    assert_eq!(get(&world, "app", "token"), "017");
}

#[test]
fn what_was_exported_is_imported() {
    let world = world("exported");
    keep_in_vault(&world);
    world.command(&["vault", "export-secrets", "demo", "out"]).run().success();
    let import = |what: &str| world.command(&["import", "demo", what, "--skip-unknown"]).run();
    let output = import("out/app.json").success();
    assert!(output.stderr().contains("Stored 2 new"), "{output:?}");
    import("out").success();
    assert_all_is_stored(&world);
    world.sync_changes_nothing(&[]);
    world.sandbox.write(world.root.join("out/app.json"), "{\"password\": \"hunter2");
    let output = import("out").fails_with(2).hides("hunter2");
    assert!(output.stderr().contains("out/app.json is not a JSON object of secrets"), "{output:?}");
}

#[test]
fn sops_decrypts_what_it_encrypted() {
    let world = world("sops");
    let yaml =
        "applications:\n  app:\n    password: {value: \"hunter2\"}\n    token: {value: '017'}\n";
    world.sandbox.write(world.root.join("plain"), yaml);
    let sops = world.sandbox.write(
        "bin/sops",
        "#!/bin/sh\nset -eu\n[ \"$1 $2 $3\" = \"--decrypt --output-type yaml\" ]\ncat \"$4\"\n",
    );
    make_executable(&sops);
    let path = format!("{}:{}", sops.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let import = |file: &str| {
        let command = world.command(&["import", "demo", "--from-sops", file]);
        command.env("PATH", &path).run()
    };
    import("plain").success().hides("hunter2");
    assert_eq!(get(&world, "app", "password"), "hunter2");
    assert_eq!(get(&world, "app", "token"), "017");
    let output = import("nowhere").fails_with(3);
    assert_snapshot!(world.redact(output.stderr()), @"
    cat: ./nowhere: No such file or directory
    Error: sops cannot decrypt nowhere
    Caused by: it ended with exit status: 1
    Hint: does this work? sops --decrypt FILE (sops is at github.com/getsops/sops)
    Hint: a YAML file needs a name that ends in .yaml, or sops takes it for JSON
    ");
    let output =
        world.command(&["import", "demo", "--from-sops", "x"]).env("PATH", "/nowhere").run();
    assert!(output.fails_with(3).stderr().contains("there is no program sops"));
}

/// The same with the real one, where it is installed.
#[test]
fn the_real_sops_decrypts_what_it_encrypted() {
    if find_on_path("sops").is_none() {
        assert!(std::env::var_os("CI").is_none(), "there is no sops");
        notice("SKIPPED: the_real_sops_decrypts_what_it_encrypted: there is no sops");
        return;
    }
    let world = world("real-sops");
    let yaml = "applications:\n  app:\n    password: {value: \"a\\nb\\n\"}\n    token: {value: '017'}\n\
                pull-secret: {registries: {ghcr.io: {username: u, password: '1e3'}}}\n";
    world.sandbox.write(world.root.join("plain.yaml"), yaml);
    let identity = world.sandbox.home().join(".config/phalanx-secrets/identity.txt");
    let text = world.sandbox.read(&identity);
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let sops = ["--encrypt", "--age", recipient, "--output", "sealed.yaml", "plain.yaml"];
    let encrypt = world.sandbox.program("sops", sops).current_dir(&world.root);
    encrypt.run().success();
    assert!(!world.sandbox.read(world.root.join("sealed.yaml")).contains("017"));
    let import = world.command(&["import", "demo", "--from-sops", "sealed.yaml"]);
    import.env("SOPS_AGE_KEY_FILE", &identity).run().success();
    assert_eq!(get(&world, "app", "password"), "a\nb\n");
    assert_eq!(get(&world, "app", "token"), "017");
    assert_eq!(get(&world, "pull-secret", "ghcr.io"), "u:1e3");
    // Without its key it says so itself, and nothing changes.
    world.sandbox.write(world.root.join("none"), "");
    let import = world.command(&["import", "demo", "--from-sops", "sealed.yaml"]);
    import.env("HOME", "/nowhere").env("XDG_CONFIG_HOME", "/nowhere").run().fails_with(3);
}

fn walk(world: &World) -> Walk {
    Walk::through(at_terminal(world.command(&["move-in", "demo"])))
}

fn at_terminal(command: Command) -> Command {
    command.env("TERM", "xterm")
}

const WHERE: &str = "Where are the values of demo kept?";
const NUMBER: &str = "Number: ";
const MORE: &str = "is stored. Is one kept elsewhere, to import? [y/N] ";
const BRING: &str = "Bring Vault in line now? [y/N] ";

/// All the way: no store yet, a file with most values, one by hand, and a
/// Vault that is empty.
#[test]
fn the_walk_ends_in_a_green_audit() {
    let world = world("move-in");
    for file in ["secrets/store.toml", "recipients/alice.toml"] {
        std::fs::remove_file(world.root.join(file)).unwrap();
    }
    let yaml = "applications:\n  app:\n    password: {value: \"p\"}\n    other: {value: x}\n";
    world.sandbox.write(world.root.join("static secrets.yaml"), yaml);
    world.sandbox.git_in(&world.root, ["init", "--quiet"]);
    let command = world.command(&["move-in", "demo", "-c", "."]).env("USER", "alice");
    let walked = Walk::through(at_terminal(command))
        .expect("Commit after each step, so that Vault remembers from which commit it is? [y/N] ")
        .send("y\n")
        .expect("There is no store here yet.")
        .expect("[y/N] ")
        .send("y\n")
        .expect("Committed")
        .expect("2 static secrets have no value.")
        .expect(NUMBER)
        .send("9\n")
        .expect("answer with a number from 1 to 5")
        .expect(NUMBER)
        .send("1\n")
        .expect("File: ")
        .send("nowhere.yaml\n")
        .expect("nowhere.yaml cannot be read")
        .expect(NUMBER)
        .send("1\n")
        .expect("File: ")
        .send("static secrets.yaml\n")
        .expect("new        app password")
        .expect("Stored 1 new")
        .expect("1 static secret has no value.")
        .expect(NUMBER)
        .send("5\n")
        .expect("give them now, one by one")
        .expect(NUMBER)
        .send("1\n")
        .expect("[1/1] app token")
        .expect("Value: ")
        .send("hunter2\r")
        .expect("Every static secret of demo has a value.")
        .expect(MORE)
        .send("n\n")
        .expect("Comparing with Vault.")
        .expect("Bring Vault in line now? [y/N] ")
        .send("y\n")
        .expect("Created Vault secret for app")
        .expect("Vault holds what demo needs.")
        .expect("push the commits")
        .expect("static secrets.yaml has values that are not stored")
        .expect("app other")
        .run()
        .success();
    assert!(!walked.screen.contains("hunter2"), "{}", walked.screen);
    assert!(!walked.screen.contains("shred"), "{}", walked.screen);
    assert_eq!(world.value("app", "token"), "hunter2");
    world.audit(&[]).success();
    let log = world.sandbox.git_in(&world.root, ["log", "--format=%s", "--reverse"]);
    assert_snapshot!(log, @"
    secrets: make a store
    secrets(demo): import 1 value
    secrets(demo): fill in 1 value
    ");
    // Again, there is nothing to do.
    let again = walk(&world).expect("Every static secret of demo has a value.");
    let again = again.expect(MORE).send("n\n").expect("Vault holds what demo needs.");
    again.expect("push the commits").expect("if the values came from a file").run().success();
}

/// A pull secret that Vault alone has is in the way of no clean end: one who
/// declines nothing has it imported, and one who leaves it there is not asked
/// to remove it.
#[test]
fn a_pull_secret_that_vault_alone_has_is_asked_for() {
    let world = world("move-in-pull-secret");
    let document = r#"{"auths":{"ghcr.io":{"username":"u","password":"p","auth":"dTpw"}}}"#;
    let pull_secret = serde_json::json!({ ".dockerconfigjson": document });
    world.server.put(&world.prefix, "pull-secret", pull_secret);
    let yaml = "applications: {app: {password: {value: p}, token: {value: t}}}\n";
    world.sandbox.write(world.root.join("values.yaml"), yaml);
    let from_file =
        |walk: Walk| walk.expect(NUMBER).send("1\n").expect("File: ").send("values.yaml\n");
    let declined = from_file(walk(&world)).expect(MORE).send("n\n").expect(BRING).send("y\n");
    let declined = declined.expect("to store it: phalanx-secrets import demo --from-vault").run();
    assert_eq!(declined.code, Some(1), "{}", declined.screen);
    assert!(!declined.screen.contains("Remove from Vault"), "{}", declined.screen);
    let taken = walk(&world).expect("to import? [y/N] ").send("y\n").expect(NUMBER).send("3\n");
    taken.expect("Vault holds what demo needs.").run().success();
    assert_eq!(world.value("pull-secret", ".dockerconfigjson"), document);
    world.audit(&[]).success();
}

/// What stands in a file alone is never called superfluous, and what is not
/// committed not done.
#[test]
fn the_walk_tells_what_remains_to_be_done_as_it_is() {
    let world = world("move-in-remains");
    world.set("app", "password", "old");
    world.set("app", "token", "x");
    world.set("pull-secret", "ghcr.io", "u:p");
    world.set("oidc-clients", "c", r#"{"id":"a","secret":"b","return_uri":"c"}"#);
    world.sandbox.git_in(&world.root, ["init", "--quiet"]);
    world.sandbox.git_in(&world.root, ["add", "--all"]);
    world.sandbox.git_in(&world.root, ["commit", "--quiet", "--message", "x"]);
    world.sync(&[]);
    let token = world.root.join("secrets/demo/app/token.age");
    std::fs::remove_file(&token).unwrap();
    let yaml = "applications: {app: {password: {value: new}, token: {value: x}}}\n";
    world.sandbox.write(world.root.join("values.yaml"), yaml);
    let from_file = |walk: Walk| {
        walk.expect(NUMBER).send("1\n").expect("File: ").send("'values.yaml'\n").expect("[y/N] ")
    };
    let end = |walk: Walk| {
        let walked = walk.expect("What remains to be done:").run().success();
        walked.screen.split("What remains to be done:").nth(1).unwrap().to_owned()
    };
    let move_in = |commit| Walk::through(at_terminal(world.command(&["move-in", "demo", commit])));
    // Declined, and given by hand.
    let walk = from_file(move_in("--no-commit")).send("n\n").expect("Nothing was stored.");
    let walk = walk.expect(NUMBER).send("5\n").expect(NUMBER).send("1\n").expect("Value: ");
    let told = end(walk.send("x\r"));
    assert!(told.contains("values.yaml has values that are not stored"), "{told}");
    assert!(told.contains("app password") && !told.contains("shred"), "{told}");
    assert!(told.contains("commit what is not committed yet"), "{told}");
    assert!(told.contains("secrets/demo/app/token.age"), "{told}");
    // Replaced, and committed.
    std::fs::remove_file(&token).unwrap();
    let walk = from_file(move_in("--commit")).send("y\n").expect("Committed");
    let told = end(walk.expect(BRING).send("y\n"));
    let path = world.root.join("values.yaml");
    assert!(told.contains(&format!("shred --remove -- {}", path.display())), "{told}");
    assert!(told.contains("push the commits"), "{told}");
    assert_eq!(world.value("app", "password"), "new");
}

/// Whoever has nothing yet gets what it takes, and a hook that says no ends no
/// walk.
#[test]
fn the_walk_begins_without_an_identity() {
    let world = world("move-in-newcomer");
    for file in ["secrets/store.toml", "recipients/alice.toml"] {
        std::fs::remove_file(world.root.join(file)).unwrap();
    }
    std::fs::remove_dir_all(world.sandbox.home().join(".config")).unwrap();
    world.sandbox.git_in(&world.root, ["init", "--quiet"]);
    let hook = world.root.join(".git/hooks/pre-commit");
    world.sandbox.write(&hook, "#!/bin/sh\nexit 1\n");
    make_executable(&hook);
    let command = world.command(&["move-in", "demo", "-c", "."]).env("USER", "alice");
    let walked = Walk::through(at_terminal(command))
        .expect("Commit after each step")
        .send("y\n")
        .expect("Make one, with you as its first key-holder? [y/N] ")
        .send("y\n")
        .expect("No identity of yours was found")
        .expect("Make one? [y/N] ")
        .send("y\n")
        .expect("Made an identity")
        .expect("the store is changed, but not committed")
        .expect(NUMBER)
        .send("5\n")
        .expect(NUMBER)
        .send("2\n")
        .expect("These are not committed yet:")
        .expect("recipients/alice.toml")
        .expect("Commit them now? [y/N] ")
        .send("y\n")
        .expect("the store is changed, but not committed")
        .expect("Comparing with Vault.")
        .expect("cannot be resolved")
        .expect("commit what is not committed yet")
        .run();
    assert_ne!(walked.code, Some(0), "{}", walked.screen);
    let misspelt = Walk::through(at_terminal(world.command(&["move-in", "dmo"]))).run();
    assert!(misspelt.screen.contains("did you mean demo?"), "{}", misspelt.screen);
    assert!(!misspelt.screen.contains("[y/N]"), "{}", misspelt.screen);
}

/// What is generated is in Vault alone: a folder may be all that is left of it.
#[test]
fn generated_values_of_exported_files_are_named() {
    let world = world("exported-generated");
    keep_in_vault(&world);
    world.command(&["vault", "export-secrets", "demo", "out"]).run().success();
    let output = world.command(&["import", "demo", "out"]).run().fails_with(1);
    assert!(output.stderr().contains("left out (app made)"), "{output:?}");
    assert!(output.stderr().contains("keep what was left out"), "{output:?}");
    assert!(output.stderr().contains("app made (generated)"), "{output:?}");
}

/// In Vault clients have no names but their ids.
#[test]
fn a_client_keeps_the_name_that_it_is_stored_under() {
    let world = World::new(
        "clients-named",
        &[("gafaelfawr", "[secrets.clients]\ngenerate = { type = \"oidc-clients\" }\n")],
    );
    let client = r#"{"id": "an-id", "secret": "s", "return_uri": "u"}"#;
    world.set("oidc-clients", "chronograf", client);
    world.sync(&[]);
    let output = world.command(&["import", "demo", "--from-vault"]).run().success();
    assert!(output.stderr().contains("equal      oidc-clients chronograf"), "{output:?}");
    world.sync_changes_nothing(&[]);
}

#[test]
fn the_walk_takes_what_vault_has_and_commits() {
    let world = world("move-in-vault");
    keep_in_vault(&world);
    let git = |arguments: &[&str]| world.sandbox.git_in(&world.root, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "x"]);
    let command = world.command(&["move-in", "demo", "--commit"]);
    let walked = Walk::through(at_terminal(command))
        .expect(NUMBER)
        .send("3\n")
        .expect("Committed")
        // Unknown keys in Vault are findings, and a sync leaves them alone.
        .expect("Bring Vault in line now? [y/N] ")
        .send("y\n")
        .expect("Remove from Vault what no spec names, as well? [y/N] ")
        .send("n\n")
        .expect("Later: phalanx-secrets sync demo --delete")
        .run();
    assert_eq!(walked.code, Some(1), "{}", walked.screen);
    assert!(walked.is_restored);
    assert_eq!(world.value("app", "old"), "o");
    let again = || walk(&world).expect("Bring Vault in line now? [y/N] ");
    again().send("n\n").run();
    let question = "Remove from Vault what no spec names, as well? [y/N] ";
    again()
        .send("y\n")
        .expect(question)
        .send("y\n")
        .expect("Vault holds what demo needs.")
        .run()
        .success();
    assert!(!world.server.read(&world.prefix, "app").unwrap().1.contains_key("old"));
    assert_all_is_stored(&world);
    assert_eq!(git(&["log", "-1", "--format=%s"]), "secrets(demo): import 4 values");
    assert_eq!(git(&["status", "--porcelain"]), "");
}

/// What is missing there is asked for next, and is no end of the walk.
#[test]
fn the_walk_takes_what_1password_has_and_asks_for_the_rest() {
    let (world, connect) = (world("move-in-1password"), Connect::start());
    connect.vault("RSP", vec![item("app", vec![field(None, "password", "hunter2")])]);
    let file = world.root.join("secrets/environments/demo.toml");
    let text = world.sandbox.read(&file);
    let there = format!("[onepassword]\nconnect-url = {:?}\nvault-title = \"RSP\"\n", connect.url);
    world.sandbox.write(&file, text + &there);
    let command = world.command(&["move-in", "demo"]).env("OP_CONNECT_TOKEN", TOKEN);
    let walked = Walk::through(at_terminal(command))
        .expect(NUMBER)
        .send("1\n")
        .expect("missing    app token")
        .expect("Stored 1 new and 0 different values")
        .expect(WHERE)
        .expect(NUMBER)
        .signal(ENDINGS[0])
        .run();
    assert!(!walked.screen.contains("hunter2"), "{}", walked.screen);
    walked.ended_by(ENDINGS[0]);
    assert_eq!(get(&world, "app", "password"), "hunter2");
}

/// Whatever ends it at whatever question: what was stored stays, the next walk
/// goes on, and no value lies anywhere in the clear.
#[test]
fn the_walk_can_be_interrupted_anywhere() {
    let (world, mark) = (world("move-in-signals"), new_mark());
    let file = world.root.join("values.yaml");
    let yaml = format!("applications: {{app: {{password: {{value: {mark}}}}}}}\n");
    world.sandbox.write(&file, yaml);
    let ended = |command: &dyn Fn() -> Command, steps: &dyn Fn(Walk) -> Walk, then: &dyn Fn()| {
        for signal in ENDINGS {
            steps(Walk::through(at_terminal(command()))).signal(signal).run().ended_by(signal);
            then();
        }
    };
    let move_in = || world.command(&["move-in", "demo", "--no-commit"]);
    let interrupted = |steps: &dyn Fn(Walk) -> Walk| ended(&move_in, steps, &|| ());
    let password_is = |value: &str| assert_eq!(get(&world, "app", "password"), value);

    // Before there is a store, in a repository.
    let store = ["secrets/store.toml", "recipients/alice.toml"].map(|file| world.root.join(file));
    let texts = store.each_ref().map(|file| world.sandbox.read(file));
    store.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    world.sandbox.git_in(&world.root, ["init", "--quiet"]);
    let first = || world.command(&["move-in", "demo", "-c", "."]).env("USER", "alice");
    let commit = "Commit after each step, so that Vault remembers from which commit it is? [y/N] ";
    let is_no_store = || assert!(!world.root.join("secrets/store.toml").exists());
    ended(&first, &|walk| walk.expect(commit), &is_no_store);
    let make = "Make one, with you as its first key-holder? [y/N] ";
    ended(&first, &|walk| walk.expect(commit).send("n\n").expect(make), &is_no_store);
    for (file, text) in store.iter().zip(texts) {
        world.sandbox.write(file, text);
    }

    // While values come in.
    let from_file = |walk: Walk| walk.expect(NUMBER).send("1\n").expect("File: ");
    let by_hand = |walk: Walk| walk.expect(NUMBER).send("5\n").expect(NUMBER);
    let value = |walk: Walk| by_hand(walk).send("1\n").expect("Value: ");
    interrupted(&|walk| walk.expect(WHERE).expect(NUMBER));
    interrupted(&|walk| from_file(walk));
    interrupted(&|walk| by_hand(walk));
    interrupted(&|walk| value(walk).send(&mark).pause(0.1));
    interrupted(&|walk| from_file(walk).send("values.yaml\n").expect("Stored").expect(NUMBER));
    password_is(&mark);
    world.set("app", "password", "other");
    let replace = "Replace the stored value that differs? [y/N] ";
    ended(&move_in, &|walk| from_file(walk).send("values.yaml\n").expect(replace), &|| {
        password_is("other");
    });
    world.set("app", "password", &mark);
    let given = |walk: Walk| value(walk).send(&format!("{mark}\r"));
    ended(&move_in, &|walk| given(walk).expect(MORE), &|| {
        world.command(&["remove", "demo", "app", "token", "--yes"]).run().success();
    });
    let no_more = |walk: Walk| walk.expect(MORE).send("n\n");
    ended(&move_in, &|walk| no_more(given(walk)).expect(BRING), &|| {
        assert_eq!(get(&world, "app", "token"), mark);
        world.command(&["remove", "demo", "app", "token", "--yes"]).run().success();
    });

    // While it compares with Vault.
    world.set("app", "token", &mark);
    let wrong = || move_in().env("VAULT_TOKEN", "wrong");
    ended(&wrong, &|walk| no_more(walk).expect("Try again? [y/N] "), &|| ());
    interrupted(&|walk| no_more(walk).expect(BRING));
    assert_eq!(world.version("app"), 0);
    world.sync(&[]);
    world.server.put(&world.prefix, "gone", serde_json::json!({ "key": "k" }));
    let remove = "Remove from Vault what no spec names, as well? [y/N] ";
    interrupted(&|walk| no_more(walk).expect(BRING).send("y\n").expect(remove));
    assert_eq!(world.value("gone", "key"), "k");

    // The end of the input is a way to stop, too.
    let walk = no_more(Walk::through(at_terminal(move_in()))).expect(BRING).send("\x04");
    let walked = walk.run();
    assert_eq!(walked.code, Some(1), "{}", walked.screen);
    std::fs::remove_file(file).unwrap();
    assert_nowhere(&mark, &world.sandbox);
}

#[test]
fn without_a_terminal_the_walk_names_its_steps() {
    let world = world("move-in-nowhere");
    let output = world.command(&["move-in", "demo"]).run().fails_with(2);
    assert_snapshot!(output.stderr(), @r"
    Error: there is no terminal to ask at
    Hint: without one, take the steps apart: phalanx-secrets init, import demo …, sync demo, audit demo
    ");
}

/// One passphrase for all steps, and a Vault that comes up while one waits.
#[test]
fn a_passphrase_is_asked_for_once() {
    let world = world("move-in-passphrase");
    keep_in_vault(&world);
    let key = world.sandbox.work().join("key");
    let arguments = ["-q", "-t", "ed25519", "-N", "passphrase", "-f", key.to_str().unwrap()];
    world.sandbox.program("ssh-keygen", arguments).run().success();
    let public = world.sandbox.read(key.with_extension("pub"));
    let holder = format!("keys = [{:?}]\naccess = [\"*\"]\n", public.trim());
    world.sandbox.write(world.root.join("recipients/alice.toml"), holder);
    let command = world.command(&["move-in", "demo", "-i", "../key"]);
    let walked = Walk::through(at_terminal(command.env("VAULT_TOKEN", "wrong")))
        .expect(NUMBER)
        .send("3\n")
        .expect("Hint:")
        .expect(NUMBER)
        .send("\x04")
        .expect("Stopped here.")
        .run();
    assert_eq!(walked.code, Some(1), "{}", walked.screen);
    let walked = Walk::through(at_terminal(world.command(&["move-in", "demo", "-i", "../key"])))
        .expect(NUMBER)
        .send("3\n")
        .expect("assphrase")
        .send("passphrase\r")
        .expect("Bring Vault in line now? [y/N] ")
        .send("y\n")
        .expect("as well? [y/N] ")
        .send("n\n")
        .run();
    assert_eq!(walked.screen.matches("assphrase").count(), 1, "{}", walked.screen);
}
