//! What docs/trust.md tells, as it tells it: with a history that is signed, and
//! one that is not.

use crate::support::cli::Sandbox;
use crate::support::openbao::{shared, unique_prefix};
use crate::support::standalone::Repository;
use crate::support::story::{self, Reader};

/// The trusted commit, as the page has it.
const TRUSTED: &str = "5d1c0b6a1e9d3c6a8a1f4f0a1cde3c2f7b9a0e44";

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let (sandbox, server, prefix) = (Sandbox::new(), shared(), unique_prefix("trust-page"));
    let key = sandbox.ssh_key("alice");
    for ending in ["", ".pub"] {
        let from = format!("{}{ending}", key.path.display());
        let to = sandbox.home().join(format!(".ssh/id_ed25519{ending}"));
        std::fs::rename(from, to).unwrap();
    }
    let repository = Repository::standalone(&sandbox, "store")
        .holder("alice", &[&key.recipient], &["*"])
        .environment("idfdev", server.url(), &prefix, &["gafaelfawr"])
        .application("gafaelfawr", "secrets.ldap-password = {}\n");
    let git = |arguments: &[&str]| sandbox.git_in(&repository, arguments);
    let commit = |message: &str| {
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", message]);
        git(&["rev-parse", "HEAD"])
    };
    let set = |value: &str| {
        let set = ["set", "idfdev", "gafaelfawr", "ldap-password"];
        sandbox.command(set).current_dir(&repository).stdin(value).run().success();
    };
    git(&["init", "--quiet"]);
    set("first");
    let mut trusted = commit("Begin");
    set("planted");
    let author = "user.name=Mallory";
    git(&["add", "--all"]);
    git(&["-c", author, "-c", "user.email=mallory@example.org", "commit", "-q", "-m", "Help"]);

    let token = story::sync_token(server, &prefix);
    let mut reader = Reader::new(&sandbox, repository.root()).has("VAULT_TOKEN", &token);
    let sync = |trusted: &str| {
        let sync = ["sync", "idfdev", "--trust-root", trusted];
        let sync = sandbox.command(sync).current_dir(&repository);
        sync.env("VAULT_TOKEN", &token).run().success();
    };
    let failed = story::is_true(
        "docs/trust.md",
        7,
        |line| line.strip_prefix("$ "),
        |command, answers| {
            match command {
                // Mallory's change is found, and taken away.
                "git config gpg.format ssh" => {
                    git(&["reset", "--quiet", "--hard", &trusted]);
                }
                _ if command.starts_with("phalanx-secrets verify ") => {
                    trusted = commit("Sign from now on");
                    set("second");
                    commit("Change the password");
                    sandbox.write(repository.root().join("README.md"), "Read me");
                    git(&["add", "--all"]);
                    git(&["commit", "--quiet", "--no-gpg-sign", "--message", "Say something"]);
                }
                // The branch was moved back after a sync.
                "phalanx-secrets sync idfdev" => {
                    sync(&trusted);
                    git(&["config", "phalanx-secrets.trustRoot", &trusted]);
                    git(&["reset", "--quiet", "--hard", &trusted]);
                }
                _ => {}
            }
            reader.run(&command.replace(TRUSTED, &trusted), answers)
        },
    );
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed.iter().all(|line| line.starts_with("$ phalanx-secrets sync")), "{failed:?}");
    assert_eq!(server.value(&prefix, "gafaelfawr", "ldap-password").unwrap(), "second");
}
