//! What docs/git.md tells, as it tells it: in a clone whose history is that of
//! the page.

use crate::support::cli::Sandbox;
use crate::support::openbao::{shared, unique_prefix};
use crate::support::standalone::Repository;
use crate::support::story::{self, Reader};

/// A repository and those who work in it.
struct Team<'a> {
    sandbox: &'a Sandbox,
    repository: Repository<'a>,
}

impl Team<'_> {
    fn set(&self, application: &str, key: &str, value: &str) {
        let set = ["set", "minikube", application, key];
        self.sandbox.command(set).current_dir(&self.repository).stdin(value).run().success();
    }

    fn run(&self, arguments: &[&str]) {
        self.sandbox.command(arguments).current_dir(&self.repository).run().success();
    }

    fn git(&self, arguments: &[&str]) {
        self.sandbox.git_in(&self.repository, arguments);
    }

    fn commit_as(&self, name: &str, message: &str) {
        self.git(&["add", "--all"]);
        let name = format!("user.name={name}");
        self.git(&["-c", &name, "commit", "--quiet", "--message", message]);
    }
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let (sandbox, server, prefix) = (Sandbox::new(), shared(), unique_prefix("git-page"));
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    sandbox.git(["config", "--global", "user.name", "Alice"]);
    let repository = Repository::standalone(&sandbox, "store")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("minikube", server.url(), &prefix, &["argocd", "mobu", "postgres"])
        .application("argocd", "secrets.'dex.clientSecret'.description = 'Of the client'\n")
        .application("mobu", "secrets.sentry-dsn.description = 'For failures'\n")
        .application("postgres", "secrets.root_password.description = 'Of root'\n")
        .committed();
    let team = Team { sandbox: &sandbox, repository };
    team.set("argocd", "dex.clientSecret", "of October");
    team.set("postgres", "root_password", "the password");
    team.commit_as("Alice", "Begin");
    team.git(&["tag", "v2026.10"]);
    team.set("argocd", "dex.clientSecret", "of November");
    team.commit_as("Carol", "Change the client's secret");
    team.set("mobu", "sentry-dsn", "the DSN");
    team.commit_as("Bob", "Report failures");
    let bob = sandbox.age_identity("bob");
    team.run(&["recipients", "add", "bob", "--key", &bob.recipient, "--access", "minikube"]);
    team.commit_as("Alice", "Let Bob in");
    team.git(&["tag", "v2026.11"]);
    team.run(&["remove", "minikube", "mobu", "sentry-dsn", "--yes"]);
    team.commit_as("Bob", "Report no failures");
    team.run(&["recipients", "remove", "bob"]);
    team.commit_as("Alice", "Let Bob go");

    let mut reader = Reader::new(&sandbox, team.repository.root())
        .has("VAULT_TOKEN", &story::sync_token(server, &prefix));
    let failed = story::is_true(
        "docs/git.md",
        8,
        |line| line.strip_prefix("$ "),
        |command, answers| {
            if command == "git merge side" {
                team.git(&["switch", "--quiet", "--create", "side"]);
                team.set("argocd", "dex.clientSecret", "theirs");
                team.commit_as("Carol", "Change it");
                team.git(&["switch", "--quiet", "main"]);
                team.set("argocd", "dex.clientSecret", "ours");
                team.commit_as("Alice", "Change it, too");
            }
            let (text, code) = reader.run(command, answers);
            (text.lines().map(redact).collect(), code)
        },
    );
    assert_eq!(failed, ["$ git merge side"]);
}

/// A line of a diff without the tag of a value and the digest of a file.
fn redact(line: &str) -> String {
    for field in ["-tag: ", "+tag: ", "-file: ", "+file: "] {
        if line.starts_with(field) {
            return format!("{field}…\n");
        }
    }
    format!("{line}\n")
}
