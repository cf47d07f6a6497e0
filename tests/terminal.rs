//! Output and prompts, as people meet them.

use crate::support::small_store::SmallStore;
use crate::support::terminal::{SIGHUP, SIGINT, SIGTERM, Walk};

#[test]
fn a_hidden_prompt_restores_the_terminal_at_every_signal() {
    let store = SmallStore::new();
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        for (prompt, typed) in [("Value of ", "half"), ("The same again: ", "x\r")] {
            let command = store.command(["set", "demo", "app", "password"]);
            let walk = Walk::through(command).expect("Value of ");
            let walk = if prompt == "Value of " { walk } else { walk.send(typed).expect(prompt) };
            walk.signal(signal).run().ended_by(signal);
        }
    }
    assert_eq!(store.sealed_files(), Vec::<String>::new());
}

#[test]
fn a_key_of_4096_characters_and_more_is_taken_whole() {
    let store = SmallStore::new();
    let value = "0123456789abcdef".repeat(1 << 10);
    Walk::through(store.command(["set", "demo", "app", "password"]))
        .expect("Value of ")
        .send(&format!("{value}\r"))
        .expect("The same again: ")
        .paste(&value)
        .expect("Stored demo/app/password")
        .run()
        .success();
    assert_eq!(store.get("app", "password"), value.as_bytes());
}

#[test]
fn less_and_more_can_be_said() {
    let store = SmallStore::new();
    let set = |option: &str| {
        let output = store.command(["set", "demo", "app", "password", option]).stdin("x").run();
        output.success().stderr().to_owned()
    };
    assert_eq!(set("--quiet"), "");
    assert_eq!(set("--no-commit"), "Stored demo/app/password, sealed to: alice\n");
    let output = store.run(["get", "demo", "app", "token", "--quiet"]).fails_with(3);
    assert!(output.stderr().starts_with("Error: "), "{output:?}");
}
