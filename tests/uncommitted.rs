//! What replaces or removes a stored value that no commit has says so.

use std::path::PathBuf;

use crate::support::cli::{Command, Output, Sandbox};
use crate::support::standalone::Repository;

const APP: &str = "secrets.token = {}\nsecrets.other = {}\n";
const WARNING: &str = "Warning: what is stored of demo/app/token is in no commit: replaced or \
                       removed, it is nowhere else\n";

struct Fixture {
    sandbox: Sandbox,
    root: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let alice = sandbox.age_identity("alice");
        sandbox.install_identity(&alice.path);
        let repository = Repository::standalone(&sandbox, "store")
            .holder("alice", &[&alice.recipient], &["*"])
            .environment("demo", "http://127.0.0.1:1", "secret/demo", &["app"])
            .application("app", APP);
        let root = repository.root().to_owned();
        Self { sandbox, root }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.sandbox.command(arguments).current_dir(&self.root)
    }

    #[track_caller]
    fn set(&self, value: &str) -> Output {
        self.command(&["set", "demo", "app", "token"]).stdin(value).run().success()
    }

    fn commit(&self) {
        self.sandbox.git_in(&self.root, ["add", "--all"]);
        self.sandbox.git_in(&self.root, ["commit", "--quiet", "--message", "x"]);
    }

    fn says(&self, output: &Output) -> bool {
        output.stderr().contains(WARNING)
    }
}

#[test]
fn a_value_between_two_commits_is_nowhere_else() {
    let fixture = Fixture::new();
    // In no repository, nobody expects a commit.
    assert!(!fixture.says(&fixture.set("one")));
    assert!(!fixture.says(&fixture.set("two")));
    fixture.sandbox.git_in(&fixture.root, ["init", "--quiet"]);
    assert!(fixture.says(&fixture.set("three")));
    fixture.commit();
    assert!(!fixture.says(&fixture.set("four")));
    assert!(fixture.says(&fixture.set("five")));

    let yaml = "applications:\n  app:\n    token: {value: six}\n    other: {value: x}\n";
    let import = ["import", "demo", "--replace", "-"];
    let import = fixture.command(&import).stdin(yaml).run().success();
    assert!(fixture.says(&import), "{import:?}");
    let editor = fixture.sandbox.work().join("editor.sh");
    fixture.sandbox.write(&editor, "#!/bin/sh\nsed -i 's/six/seven/' \"$1\"\n");
    let edit = fixture.command(&["edit", "demo", "app"]);
    let edit = edit.env("EDITOR", format!("sh {}", editor.display())).run().success();
    assert!(fixture.says(&edit), "{edit:?}");
    let remove = fixture.command(&["remove", "demo", "app", "token", "--yes"]).run().success();
    assert!(fixture.says(&remove), "{remove:?}");
}

#[test]
fn a_value_that_was_only_sealed_again_is_in_the_commit() {
    let fixture = Fixture::new();
    fixture.sandbox.git_in(&fixture.root, ["init", "--quiet"]);
    fixture.set("one");
    fixture.commit();
    let bob = fixture.sandbox.age_identity("bob");
    let add = ["recipients", "add", "bob", "--access", "demo", "--key", &bob.recipient];
    fixture.command(&add).run().success();
    assert!(!fixture.says(&fixture.set("two")));
    assert!(fixture.says(&fixture.set("three")));
}
