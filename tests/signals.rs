//! Signals, where a child runs and where the process is in the background.

use std::fs;

use crate::support::cli::{Output, make_executable};
use crate::support::small_store::SmallStore;
use crate::support::terminal::{SIGINT, Walk};

/// Runs a script of a shell in the store.
fn script(store: &SmallStore, shell: &[&str], script: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_phalanx-secrets");
    let script = script.replace("phalanx-secrets", program);
    let arguments = [&shell[1..], &["-c", &script]].concat();
    store.sandbox.program(shell[0], arguments).current_dir(&store.root).run()
}

/// A process that puts its things in order has the time for it, and its exit
/// code is that of the command.
#[test]
fn a_signal_is_for_the_process_that_is_run() {
    let store = SmallStore::new();
    store.set("other", "shared", "x");
    let child = "trap 'sleep 1.5; echo ended; exit 9' TERM; trap 'echo rotated' USR1; echo \
                 $PHALANX_SECRETS_FOLDER > place; echo ready > ready; while :; do sleep 0.1; done";
    let output = script(
        &store,
        &["sh"],
        &format!(
            "phalanx-secrets run demo other --files -- sh -c \"{child}\" & pid=$!; until test -e \
             ready; do sleep 0.05; done; kill -USR1 $pid; sleep 0.5; kill -TERM $pid; wait $pid"
        )
        .replace("$PHALANX", "\\$PHALANX"),
    );
    let output = output.fails_with(9);
    assert_eq!(output.stdout(), "rotated\nended\n");
    let place = store.sandbox.read(store.root.join("place"));
    assert!(!fs::exists(place.trim()).unwrap());
}

/// What the terminal sends reaches the child by itself, what others send by way
/// of this process.
#[test]
fn an_interruption_reaches_the_child_once() {
    let store = SmallStore::new();
    store.set("other", "shared", "x");
    let child = "trap 'echo caught; n=$((n + 1))' INT; echo ready; until test \"$n\"; do sleep 0.05; \
                 done; sleep 0.5; echo \"$n times\"";
    let walk = || {
        let arguments = ["run", "demo", "other", "--files", "--", "sh", "-c", child];
        Walk::through(store.command(arguments)).expect("ready")
    };
    walk().send("\x03").expect("1 times").run().success();
    walk().signal(SIGINT).expect("1 times").run().success();
}

#[test]
fn what_was_to_be_ignored_stays_so() {
    let store = SmallStore::new();
    store.set("other", "shared", "x");
    let output = script(
        &store,
        &["sh"],
        "trap '' HUP; phalanx-secrets run demo other --files -- sh -c 'echo ready > ready; sleep 1; \
         echo done' & pid=$!; until test -e ready; do sleep 0.05; done; kill -HUP $pid; wait $pid",
    );
    assert_eq!(output.success().stdout(), "done\n");
}

/// In the background a process that touches the terminal is stopped, with the
/// value in the clear beside it.
#[test]
fn in_the_background_everything_is_removed_as_well() {
    let store = SmallStore::new();
    store.set("app", "password", "x");
    let place = store.sandbox.work().join("place");
    let editor = store.sandbox.write(
        "editor",
        format!("#!/bin/sh\ndirname \"$1\" > {0}.new\nmv {0}.new {0}\nsleep 60\n", place.display()),
    );
    make_executable(&editor);
    let line = format!(
        "set -m; EDITOR={} {} edit demo app password & until test -e {place}; do sleep 0.05; done; \
         kill -TERM %1; wait %1; echo ended",
        editor.display(),
        env!("CARGO_BIN_EXE_phalanx-secrets"),
        place = place.display()
    );
    let command = store.sandbox.program("bash", ["-c", &line]).current_dir(&store.root);
    Walk::through(command.env("TERM", "xterm")).expect("ended").run();
    assert!(!fs::exists(store.sandbox.read(&place).trim()).unwrap());
}
