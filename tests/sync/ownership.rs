//! Whose an entry in Vault is: another environment's is left alone.

use std::path::Path;

use serde_json::{Value, json};

use super::World;
use crate::support::cli::{Command, Output};

const APP: &str = "secrets.made.generate.type = 'password'";
const TWO: &[(&str, &str)] = &[("app", APP), ("other", APP)];

/// A world in a repository that has a remote.
fn world(name: &str) -> World {
    let world = World::new(name, TWO);
    world.git(&["init", "--quiet"]);
    world.git(&["remote", "add", "origin", "git@example.org:site/store.git"]);
    world.commit("The store");
    world
}

impl World {
    /// Another store, whose environment lies in the same place.
    fn other_store(&self, folder: &str, environment: &str, applications: &[&str]) -> World {
        let sandbox = crate::support::cli::Sandbox::new();
        let alice = sandbox.age_identity("alice");
        sandbox.install_identity(&alice.path);
        let mut repository = crate::support::standalone::Repository::standalone(&sandbox, folder)
            .holder("alice", &[&alice.recipient], &["*"])
            .environment(environment, self.server.url(), &self.prefix, applications);
        for name in applications {
            repository = repository.application(name, APP);
        }
        let root = repository.root().to_owned();
        let other = World { sandbox, root, server: self.server, prefix: self.prefix.clone() };
        other.git(&["init", "--quiet"]);
        other.commit("Another store");
        other
    }

    fn noted(&self, application: &str, name: &str) -> Value {
        let metadata = self.server.metadata(&self.prefix, application).unwrap();
        metadata["custom_metadata"][name].clone()
    }

    fn environment_of(&self, application: &str) -> Value {
        self.noted(application, "phalanx-secrets-environment")
    }

    fn run_in(&self, root: &Path, arguments: &[&str]) -> Command {
        self.command(arguments).current_dir(root)
    }

    #[track_caller]
    fn is_refused(&self, code: i32, arguments: &[&str]) -> Output {
        let watch = self.watch();
        let output = self.command(arguments).run().fails_with(code);
        assert_eq!(watch.writes(), [], "{output:?}");
        output
    }
}

#[test]
fn what_another_environment_wrote_is_refused_until_it_is_taken_over() {
    let demo = world("owner-environment");
    demo.sync(&[]);
    assert_eq!(demo.environment_of("app"), "demo");
    let value = demo.value("app", "made");

    let new = demo.other_store("new", "new", &["app", "third"]);
    let refused = new.is_refused(3, &["sync", "new", "--delete", "--regenerate"]);
    insta::assert_snapshot!(new.redact(refused.stderr()), @r"
    Error: entries in Vault are not new's: nothing was written
      • app: the environment demo wrote it
      • other: the environment demo wrote it
    Hint: if new was made by copying that environment, its Vault path prefix has to be changed: phalanx-secrets check says where
    Hint: if they are to be new's from now on, as where it was renamed: --take-over
    ");
    // Nothing is added to a place that is another's as a whole.
    new.is_refused(3, &["sync", "new"]);
    let dry = new.command(&["sync", "new", "--dry-run"]).run().fails_with(3);
    assert!(dry.stderr().contains("this would be refused"), "{dry:?}");
    let dry = new.command(&["sync", "new", "--dry-run", "--json"]).run().fails_with(3);
    let json: Value = serde_json::from_str(dry.stdout()).unwrap();
    assert_eq!(json["not_ours"][0]["environment"], "demo");
    let audit = new.command(&["audit", "new"]).run().fails_with(1);
    assert!(audit.stderr().contains("app: the environment demo wrote it"), "{audit:?}");
    let json = new.command(&["audit", "new", "--json"]).run().fails_with(1);
    let json: Value = serde_json::from_str(json.stdout()).unwrap();
    assert_eq!(json["not_ours"][0]["environment"], "demo");

    // What the environment needs is taken over, as it is; nothing else.
    let taken = new.command(&["sync", "new", "--take-over"]).run().success();
    assert_eq!(taken.stdout(), "Created Vault secret for third\n");
    assert!(taken.stderr().contains("Taking over, as they are: app\n"), "{taken:?}");
    assert_eq!(
        ["app", "other", "third"].map(|name| demo.environment_of(name)),
        ["new", "demo", "new"]
    );
    assert_eq!(demo.value("app", "made"), value);
    assert_eq!(demo.version("app"), 1);
    new.command(&["sync", "new"]).run().success();
    // Now it is the first that does not have it any more.
    demo.is_refused(3, &["sync", "demo", "--regenerate=app"]);
    demo.sync(&["--regenerate=other"]);
}

#[test]
fn values_from_elsewhere_name_their_environment_too() {
    let demo = world("owner-elsewhere");
    demo.command(&["sync", "demo", "--secrets", "-"]).stdin("applications: {}\n").run().success();
    assert_eq!(demo.environment_of("app"), "demo");
    let new = demo.other_store("new", "new", &["app"]);
    new.is_refused(3, &["sync", "new", "--regenerate=app"]);
}

#[test]
fn another_repository_is_another_owner_and_a_fork_is_not() {
    let demo = world("owner-repository");
    demo.sync(&[]);
    let other = demo.other_store("store", "demo", &["app", "other"]);
    let regenerate = ["sync", "demo", "--regenerate=app"];
    // Without a remote there is no telling; the commit is unknown, though.
    let refused = other.is_refused(3, &regenerate);
    assert!(refused.stderr().contains("not part of the history"), "{refused:?}");
    other.git(&["remote", "add", "origin", "https://example.org/site/another"]);
    let refused = other.is_refused(3, &regenerate);
    insta::assert_snapshot!(other.redact(refused.stderr()), @"
    Error: entries in Vault are not demo's: nothing was written
      • app: it was written from git@example.org:site/store.git
      • other: it was written from git@example.org:site/store.git
    Hint: if it is one repository under another address, git fetch brings the commits that are noted in Vault
    Hint: if they are to be demo's from now on, as where it was renamed: --take-over
    ");

    // A fork knows the commit, wherever it is.
    let fork = demo.sandbox.work().join("fork");
    demo.sandbox.git(["clone", "--quiet", demo.root.to_str().unwrap(), fork.to_str().unwrap()]);
    demo.sandbox.git_in(&fork, ["remote", "set-url", "origin", "https://example.org/my/fork"]);
    demo.run_in(&fork, &regenerate).run().success();
    // So does the same repository over HTTPS, even before it is fetched.
    demo.git(&["remote", "set-url", "origin", "https://EXAMPLE.org/my/fork.git"]);
    demo.sync(&["--regenerate=app"]);
    other.command(&[&regenerate[..], &["--take-over"]].concat()).run().success();
    assert_eq!(demo.noted("app", "phalanx-secrets-repository"), "https://example.org/site/another");
    other.command(&regenerate).run().success();
}

#[test]
fn notes_of_others_and_entries_without_one_are_as_ever() {
    let demo = world("owner-nobody");
    demo.server.put(&demo.prefix, "app", json!({ "made": "x", "more": "y" }));
    let path = demo.prefix.replacen('/', "/metadata/", 1);
    let note = json!({ "custom_metadata": { "owner": "somebody" } });
    demo.server.root("POST", &format!("{path}/app"), Some(note));
    demo.sync(&["--regenerate=app", "--delete-all"]);
    assert_eq!(demo.noted("app", "owner"), "somebody");
    assert_eq!(demo.environment_of("app"), "demo");
}

#[test]
fn copies_and_backups_do_not_replace_what_is_anothers() {
    let demo = world("owner-copies");
    demo.sync(&[]);
    demo.command(&["backup", "demo"]).run().success();
    demo.sync(&["--regenerate=app"]);
    let path = demo.prefix.replacen('/', "/metadata/", 1);
    let note = json!({ "custom_metadata": { "phalanx-secrets-environment": "another" } });
    for name in ["app", "other"] {
        demo.server.root("POST", &format!("{path}/{name}"), Some(note.clone()));
    }
    let restore = ["restore", "demo", "--replace"];
    let refused = demo.is_refused(3, &restore);
    assert!(refused.stderr().contains("the environment another wrote it"), "{refused:?}");
    demo.command(&[&restore[..], &["--take-over"]].concat()).run().success();
    assert_eq!(demo.environment_of("app"), "demo");

    let from = format!("{}-before", demo.prefix);
    demo.server.put(&from, "app", json!({ "made": "from there" }));
    demo.server.root("POST", &format!("{path}/app"), Some(note));
    let copy = ["vault", "copy-secrets", "demo", &from, "--replace"];
    demo.is_refused(3, &copy);
    demo.command(&[&copy[..], &["--take-over"]].concat()).run().success();
    assert_eq!(demo.value("app", "made"), "from there");
    assert_eq!(demo.environment_of("app"), "demo");
}
