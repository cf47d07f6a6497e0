//! What README.md tells, as it tells it: in a copy of this repository, and in a
//! Phalanx checkout of Alice's, to which Bob adds a value.

use crate::support::cli::Sandbox;
use crate::support::openbao::{shared, unique_prefix};
use crate::support::standalone::Repository;
use crate::support::story::{self, Reader};

/// Where Vault is, as far as the page knows.
const VAULT: &str = "http://127.0.0.1:8200";

const APPLICATIONS: [(&str, &str); 6] = [
    (
        "argocd",
        "dex.clientSecret:\n  description: Secret of the client.\nserver.secretkey:\n  description: \
         Seals sessions.\n  generate:\n    type: password\n",
    ),
    (
        "gafaelfawr",
        "github-client-secret:\n  description: Secret of the client.\ndatabase-password:\n  \
         description: Of its database.\n  generate:\n    type: password\n",
    ),
    (
        "ingress-nginx",
        "tls.crt:\n  description: The certificate.\ntls.key:\n  description: Its key.\n",
    ),
    ("mobu", "sentry-dsn:\n  description: Where failures are reported to.\n"),
    (
        "postgres",
        "gafaelfawr_password:\n  description: The same.\n  copy:\n    application: gafaelfawr\n    \
         key: database-password\n",
    ),
    (
        "sasquatch",
        "influxdb-password:\n  description: Of its administrator.\n  generate:\n    type: password\n",
    ),
];

const VALUES: &str = "\
applications:
  gafaelfawr:
    github-client-secret:
      value: from GitHub
  ingress-nginx:
    tls.crt:
      value: a certificate
    tls.key:
      value: a key
pull-secret:
  registries:
    ghcr.io:
      username: robot
      password: letmein
";

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let (sandbox, server, prefix) = (Sandbox::new(), shared(), unique_prefix("readme"));
    let own = story::copy_of_this_repository(&sandbox);
    let names = APPLICATIONS.map(|(name, _)| name);
    let seed = Repository::phalanx(&sandbox, "seed").environment(
        "minikube",
        "https://vault.example.org",
        &prefix,
        &names,
    );
    let seed = APPLICATIONS.iter().fold(seed, |seed, (name, text)| seed.application(name, text));
    std::fs::remove_file(seed.root().join("secrets/store.toml")).unwrap();
    std::fs::remove_file(seed.root().join(".gitattributes")).unwrap();
    seed.committed();
    let checkout = sandbox.home().join("phalanx");
    sandbox.git(["clone", "--quiet", "seed", checkout.to_str().unwrap()]);
    sandbox.write(sandbox.home().join("minikube.yaml"), VALUES);
    // Bob is elsewhere, and gives Alice his key later.
    let bob_is = sandbox.home().join("bob");
    std::fs::create_dir(&bob_is).unwrap();
    let bobs = bob_is.join("phalanx");
    let key = sandbox.ssh_key("bob");
    std::fs::copy(key.path.with_extension("pub"), checkout.join("bob.pub")).unwrap();

    let mut alice = Reader::new(&sandbox, own)
        .has("USER", "alice")
        .has("CLIENT_SECRET", "the secret of the client")
        .knows("VAULT_TOKEN", &story::sync_token(server, &prefix))
        .reads(VAULT, server.url());
    let mut bob = Reader::new(&sandbox, &bobs)
        .has("HOME", bob_is.to_str().unwrap())
        .has("XDG_CONFIG_HOME", bob_is.join(".config").to_str().unwrap())
        .has("SENTRY_DSN", "https://sentry.example.org/1");
    let mut is_bobs_merged = None;
    let failed = story::is_true("README.md", 15, prompt, |(is_bob, command), answers| {
        if is_bob {
            is_bobs_merged.get_or_insert_with(|| {
                sandbox.git([
                    "clone",
                    "--quiet",
                    checkout.to_str().unwrap(),
                    bobs.to_str().unwrap(),
                ]);
                false
            });
            return bob.run(command, answers);
        }
        if is_bobs_merged == Some(false) {
            sandbox.git_in(&bobs, ["add", "secrets"]);
            sandbox.git_in(&bobs, ["commit", "--quiet", "--message", "Give mobu its DSN"]);
            sandbox.git_in(&checkout, ["pull", "--quiet", bobs.to_str().unwrap()]);
            is_bobs_merged = Some(true);
        }
        if command.contains(" init ") {
            alice.changes_to(&checkout);
        }
        alice.run(command, answers)
    });
    assert_eq!(failed.len(), 4, "{failed:?}");
    assert_eq!(
        server.value(&prefix, "mobu", "sentry-dsn").unwrap(),
        "https://sentry.example.org/1"
    );
}

/// Whether a command is Bob's, and the command.
fn prompt(line: &str) -> Option<(bool, &str)> {
    let bobs = line.strip_prefix("bob$ ").map(|command| (true, command));
    bobs.or_else(|| Some((false, line.strip_prefix("$ ")?)))
}
