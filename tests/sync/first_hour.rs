//! What docs/first-hour.md tells, as it tells it: each command is run, and must
//! print what stands below it.

use crate::support::cli::{Sandbox, make_executable};
use crate::support::openbao::{shared, unique_prefix};
use crate::support::standalone::Repository;
use crate::support::story;
use crate::support::terminal::at_terminal;

/// Where the fork is, as far as the document knows.
const FORK: &str = "https://github.com/example/phalanx";
/// Where Vault is, as far as the document knows.
const VAULT: &str = "https://vault.example.org";

const ARGOCD: &str = "\
admin.plaintext_password:
  description: Password of the administrator of Argo CD.
  generate:
    type: password
admin.password:
  description: Hash of the administrator's password.
  generate:
    type: bcrypt-password-hash
    source: admin.plaintext_password
dex.clientSecret:
  description: >-
    Secret of the OAuth application with which users log in. It is made on the
    page of the `GitHub organization <https://github.com/organizations>`__.
";

const MOBU: &str = "\
ALERT_HOOK:
  description: >-
    URL of the Slack webhook to which ``mobu`` reports failures.
app-key:
  description: Key of the GitHub application that starts checks.
  onepassword:
    encoded: true
";

#[test]
fn the_first_hour_in_the_documentation_is_true() {
    let sandbox = Sandbox::new();
    let (server, prefix) = (shared(), unique_prefix("first-hour"));
    let token = story::sync_token(server, &prefix);
    let seed = Repository::phalanx(&sandbox, "seed")
        .environment("minikube", server.url(), &prefix, &["argocd", "mobu"])
        .application("argocd", ARGOCD)
        .application("mobu", MOBU);
    std::fs::remove_file(seed.root().join("secrets/store.toml")).unwrap();
    seed.committed();
    sandbox.git(["clone", "--quiet", "--bare", "seed", "fork.git"]);
    let fork = sandbox.work().join("fork.git");
    sandbox.git(["config", "--global", "user.name", "Alice"]);
    let key = format!("url.{}.insteadOf", fork.display());
    sandbox.git(["config", "--global", &key, FORK]);
    let yaml = "applications:\n  argocd:\n    dex.clientSecret:\n      value: 9bc0\n  mobu:\n    \
                app-key:\n      value: |\n        -----BEGIN PRIVATE KEY-----\n        \
                MIIEvQ\n        -----END PRIVATE KEY-----\n    retired:\n      value: x\n";
    sandbox.write(sandbox.home().join("minikube.yaml"), yaml);
    // An editor for the document's one use of it.
    let editor = sandbox.write("bin/my-editor", "#!/bin/sh\nexec sed -i s/9bc0/4de1/ \"$1\"\n");
    make_executable(&editor);

    let mut folder = sandbox.home();
    let failed = story::is_true(
        "docs/first-hour.md",
        15,
        |line| line.strip_prefix("$ "),
        |command, answers| {
            if let Some(below) = command.strip_prefix("cd ") {
                folder = folder.join(below);
                return (String::new(), 0);
            }
            let program = story::shell(&sandbox, command, &folder)
                .env("USER", "alice")
                .env("EDITOR", "my-editor")
                .env("VAULT_TOKEN", &token);
            let (text, code) = match answers {
                [] => {
                    let output = program.run();
                    (output.stdout().to_owned(), output.code())
                }
                answers => {
                    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
                    let screen = at_terminal(program, &answers);
                    (screen.text, screen.code)
                }
            };
            let path = prefix.split_once('/').unwrap().1;
            let text = text.replace(server.url(), VAULT).replace(path, "phalanx/minikube");
            (story::redact(&text.replace(sandbox.home().to_str().unwrap(), "~")), code)
        },
    );
    // The first audit, and not the last.
    assert_eq!(failed, ["$ phalanx-secrets audit minikube"]);
    assert_eq!(server.value(&prefix, "argocd", "dex.clientSecret").unwrap(), "4de1");
    assert!(!sandbox.home().join("minikube.yaml").exists());
}
