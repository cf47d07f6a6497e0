//! `fill`: at a terminal, step by step, and interrupted at each.

use std::path::Path;

use crate::support::cli::{Command, make_executable};
use crate::support::memory::Memory;
use crate::support::small_store::SmallStore;
use crate::support::terminal::{ENDINGS, SIGINT, SIGKILL, Walk, Walked, without_terminal};
use crate::support::traces::{assert_nowhere, new_mark};

const PEM: &str = "-----BEGIN KEY-----\nabc\ndef\n-----END KEY-----\n";

fn walk(store: &SmallStore, arguments: &[&str]) -> Walk {
    Walk::through(store.command([&["fill", "demo"], arguments].concat()).env("TERM", "xterm"))
}

#[test]
fn every_missing_value_is_asked_for_with_its_description() {
    let store = SmallStore::new();
    store.set("app", "token", "there");
    let walked = walk(&store, &[])
        .expect("[1/5] app .dockerconfigjson")
        .expect("(no description)")
        .expect("Value: ")
        .send("{}\r")
        .expect("Stored (2 characters), sealed to: alice")
        .expect("[2/5] app dex.clientSecret")
        .expect("Value: ")
        .paste(PEM)
        .expect("Stored (4 lines, ")
        .expect("[3/5] app password")
        .expect("Password of the database")
        .expect("Value: ")
        // Corrected as it is typed.
        .send("wrong\x15pä\x7fassx\x08word\r")
        .expect("[4/5] app with space")
        .expect("Value: ")
        .send("\r")
        .expect("[5/5] other shared")
        .expect("Value: ")
        .send("once\r")
        .expect("Stored 4 values; 1 is still missing.")
        .run()
        .success();
    assert!(!walked.screen.contains("once") && !walked.screen.contains("abc"), "{walked:?}");
    assert_eq!(store.get("app", ".dockerconfigjson"), b"{}");
    assert_eq!(store.get("app", "dex.clientSecret"), PEM.as_bytes());
    assert_eq!(store.get("app", "password"), b"password");
    assert_eq!(store.get("other", "shared"), b"once");
    assert_eq!(store.get("app", "token"), b"there");

    // The next walk asks for what is left, and then there is nothing.
    let again = walk(&store, &[]).expect("[1/1] app with space").expect("Value: ");
    again.send("x\r").run().success();
    let done = store.run(["fill", "demo"]).success();
    assert!(done.stderr().contains("nothing to fill"), "{done:?}");
}

#[test]
fn one_can_go_back_take_a_file_or_an_editor_and_stop() {
    let store = SmallStore::new();
    let keytab = store.sandbox.write("keytab", [5, 2, 0, 255, 254]);
    let text = store.sandbox.write("text", "from a file\nof two lines\n");
    let editor = store.sandbox.write("editor", "#!/bin/sh\nprintf 'by editor\\n' >> \"$1\"\n");
    make_executable(&editor);
    let command = store.command(["fill", "demo", "app"]).env("VISUAL", &editor);
    let walked = Walk::through(command.env("TERM", "xterm"))
        .expect("[1/5]")
        .expect("Value: ")
        .send("first\r")
        .expect("[2/5]")
        .expect("Value: ")
        .send("\x1b[A")
        .expect("[1/5]")
        .expect("Value (Enter keeps the one you gave): ")
        .send("second\r")
        .expect("[2/5]")
        .expect("Value: ")
        .send("\x06")
        .expect("File: ")
        .send(&format!("{}\n", keytab.display()))
        .expect("not UTF-8 text")
        .expect("[2/5]")
        .expect("Value: ")
        .send("\x06")
        .expect("File: ")
        .send("nowhere\n")
        .expect("nowhere cannot be read")
        .expect("Value: ")
        .send("\x06")
        .expect("File: ")
        .send(&format!("{}\n", text.display()))
        .expect("Stored (2 lines")
        .expect("[3/5]")
        .expect("Value: ")
        .send("\x05")
        .expect("Stored (9 characters)")
        .expect("[4/5]")
        .expect("Value: ")
        .send("\x07")
        .expect("Enter alone skips")
        .expect("Value: ")
        .send("\x04")
        .expect("Stored 3 values; 2 are still missing.")
        .run()
        .success();
    assert_eq!(store.get("app", ".dockerconfigjson"), b"second");
    assert_eq!(store.get("app", "dex.clientSecret"), b"from a file\nof two lines\n");
    assert_eq!(store.get("app", "password"), b"by editor");
    assert!(!walked.screen.contains("second"), "{walked:?}");
}

/// Terminals that do not mark pastes give a text's lines one by one.
#[test]
fn the_lines_of_an_unmarked_paste_are_one_value() {
    let store = SmallStore::new();
    let long = "x".repeat(10_000);
    let command = store.command(["fill", "demo", "app"]).env("TERM", "dumb");
    Walk::through(command)
        .expect("Value: ")
        .send("-----BEGIN KEY-----\r")
        .pause(0.1)
        .send("abc\r")
        .pause(0.1)
        .send("def\r-----END KEY-----\r")
        .expect("Stored (4 lines")
        .expect("Value: ")
        .send(&format!("{long}\r"))
        .expect("Stored (10000 characters)")
        .expect("Value: ")
        .send("\x04")
        .run()
        .success();
    assert_eq!(store.get("app", ".dockerconfigjson"), PEM.as_bytes());
    assert_eq!(store.get("app", "dex.clientSecret"), long.as_bytes());
}

/// Of a text that comes too slowly to be one, nothing becomes the value of
/// another secret, and nothing is shown or goes to a shell. (On a machine that
/// is slow itself it may be one text after all.)
#[test]
fn the_rest_of_a_slow_paste_is_left_out() {
    let store = SmallStore::new();
    let paste = |walk: Walk| {
        let walk = walk.expect("Value: ").send("first\r").pause(0.15).send("third\r");
        walk.pause(0.15).send("fourth\r").expect("Stored (")
    };
    let assert_is_left_out = |walked: &Walked, key: (&str, &str)| {
        assert!(!walked.screen.contains("third") && !walked.screen.contains("fourth"));
        let is_one_text = store.get(key.0, key.1).starts_with(b"first\nthird\n");
        assert!(is_one_text || walked.screen.contains("more came than the one"), "{walked:?}");
    };
    let walked = paste(walk(&store, &["app"])).expect("Value: ").pause(0.5).send("\x04").run();
    assert_is_left_out(&walked.success(), ("app", ".dockerconfigjson"));
    assert_eq!(store.sealed_files(), ["secrets/demo/app/%2Edockerconfigjson.age"]);
    // After the last question as well.
    let walked = paste(walk(&store, &["other"])).expect("nothing is missing").run();
    assert_is_left_out(&walked.success(), ("other", "shared"));
    // What was typed is corrected by word as well.
    let walk = walk(&store, &["app"]).expect("Value: ").send("one two  \x17three\r");
    walk.expect("Stored (9 characters)").expect("Value: ").send("\x04").run().success();
    assert_eq!(store.get("app", "dex.clientSecret"), b"one three");
}

#[test]
fn interrupted_at_any_step_nothing_is_lost_and_the_terminal_is_as_before() {
    for signal in ENDINGS {
        let (store, mark) = (SmallStore::new(), new_mark());
        let whole = format!("{mark}\r");
        // At the first prompt; with half a value typed, and pasted; at a
        // visible prompt; after a value was given, and back at it.
        let steps: [&dyn Fn(Walk) -> Walk; 6] = [
            &|walk| walk,
            &|walk| walk.send(&mark).pause(0.1),
            &|walk| walk.send(&format!("\x1b[200~{mark}\r{mark}")).pause(0.1),
            &|walk| walk.send("\x06").expect("File: "),
            &|walk| walk.send(&whole).expect("[2/5]").expect("Value: "),
            &|walk| walk.send(&whole).expect("[2/4]").expect("Value: ").send("\x1b[A").expect("("),
        ];
        for step in steps {
            let walk = walk(&store, &["app"]).expect("Value: ");
            let walked = step(walk).signal(signal).run().ended_by(signal);
            assert!(!walked.screen.contains(&mark), "{walked:?}");
        }
        for key in [".dockerconfigjson", "dex.clientSecret"] {
            assert_eq!(store.get("app", key), mark.as_bytes());
        }
        assert_eq!(store.sealed_files().len(), 2);
        // Control-C is a signal as well.
        walk(&store, &["app"]).expect("Value: ").send("\x03").run().ended_by(SIGINT);
        let walk = walk(&store, &["app"]).expect("[1/3]").expect("Value: ").send("x\r");
        walk.expect("[2/3]").expect("Value: ").send("\x04").run().success();
        assert_nowhere(&mark, &store.sandbox);
    }
}

/// Also by an editor that is gone before we have heard of the signal.
#[test]
fn control_c_in_the_editor_leads_back_to_the_question() {
    let Some(memory) = Memory::new() else { return };
    let store = SmallStore::new();
    let editor = store.sandbox.write("editor", "#!/bin/sh\necho editing\nexec sleep 60\n");
    make_executable(&editor);
    let command = store.command(["fill", "demo"]).env("XDG_RUNTIME_DIR", &*memory);
    let walk = Walk::through(command.env("VISUAL", editor).env("TERM", "xterm"));
    let interrupted = |walk: Walk, _| {
        let walk = walk.expect("Value: ").send("\x05").expect("editing").send("\x03");
        walk.expect("the editor failed")
    };
    let walk = (0..30).fold(walk, interrupted);
    walk.expect("Value: ").send("\x04").run().success();
}

/// What was given in an editor goes with it.
#[test]
fn an_editor_that_is_interrupted_leaves_nothing() {
    let Some(memory) = Memory::new() else { return };
    let (store, mark) = (SmallStore::new(), new_mark());
    let script = "#!/usr/bin/env python3\nimport os, sys, time\nopen(sys.argv[1], 'w').write(\
                  os.environ['MARK'])\nprint('editing', flush=True)\ntime.sleep(60)\n";
    let editor = store.sandbox.write("editor", script);
    make_executable(&editor);
    let walk = |editor: &Path| {
        let command = store.command(["fill", "demo", "app"]).env("VISUAL", editor);
        let command = command.env("XDG_RUNTIME_DIR", &*memory).env("MARK", &mark);
        Walk::through(command.env("TERM", "xterm")).expect("Value: ").send("\x05")
    };
    for signal in ENDINGS {
        let walk = walk(&editor).expect("editing");
        if signal == SIGINT {
            // Control-C is for the editor, and leads back to the question.
            let walk = walk.send("\x03").expect("the editor failed").expect("Value: ");
            walk.send("\x04").run().success();
        } else {
            walk.signal(signal).run().ended_by(signal);
        }
        assert_eq!(memory.is_empty(), signal != SIGKILL, "{signal}");
    }
    // The next editor cleans up after the one that was killed.
    walk(Path::new("true")).expect("Value: ").send("\x04").run().success();
    assert_eq!(store.sealed_files(), Vec::<String>::new());
    assert_nowhere(&mark, &store.sandbox);
}

#[test]
fn a_walk_is_one_commit() {
    let store = SmallStore::new();
    let git = |arguments: &[&str]| store.sandbox.git_in(&store.root, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "x"]);
    walk(&store, &["app", "--commit"])
        .expect("Value: ")
        .send("one\r")
        .expect("[2/5]")
        .expect("Value: ")
        .send("two\r")
        .expect("[3/5]")
        .expect("Value: ")
        .send("\x04")
        .expect("Committed")
        .run()
        .success();
    assert_eq!(git(&["log", "-1", "--format=%s"]), "secrets(demo): fill in 2 values");
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(git(&["rev-list", "--count", "HEAD"]), "2");
}

#[test]
fn without_a_terminal_or_an_application_it_says_what_to_do() {
    let store = SmallStore::new();
    let run = |command: Command| without_terminal(command).run().fails_with(2);
    let output = run(store.command(["fill", "demo"]));
    assert!(output.stderr().contains("there is no terminal to ask at"), "{output:?}");
    assert!(output.stderr().contains("static-template demo"), "{output:?}");
    let output = run(store.command(["fill", "demo", "othr"]));
    assert!(output.stderr().contains("did you mean other?"), "{output:?}");
}

#[test]
fn what_nobody_could_read_is_not_asked_for() {
    let store = SmallStore::new();
    store.holder("alice", &[&store.alice.recipient], &["elsewhere"]);
    let output = Walk::through(store.command(["fill", "demo"])).run();
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(!output.screen.contains("Value: "), "{output:?}");
}

#[test]
fn what_somebody_else_stored_meanwhile_is_kept() {
    let store = SmallStore::new();
    let set = format!(
        "printf theirs | {} set -c {} demo app .dockerconfigjson --quiet; printf mine > $1",
        env!("CARGO_BIN_EXE_phalanx-secrets"),
        store.root.display(),
    );
    let editor = store.sandbox.write("editor", format!("#!/bin/sh\n{set}\n"));
    make_executable(&editor);
    let command = store.command(["fill", "demo", "app", "--quiet"]).env("VISUAL", &editor);
    Walk::through(command.env("TERM", "xterm"))
        .expect("Type or paste")
        .expect("(no description)")
        .expect("Value: ")
        .send("\x05")
        .expect("was stored by somebody else meanwhile")
        .expect("[2/5]")
        .expect("Value: ")
        .send("\x04")
        .run()
        .success();
    assert_eq!(store.get("app", ".dockerconfigjson"), b"theirs");
}
