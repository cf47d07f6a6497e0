//! What docs/recovery.md tells, as it tells it: each command is run, against
//! a real server, a scratch one and one that came after a loss.

use std::cell::Cell;

use serde_json::Value;

use crate::support::cli::{Sandbox, make_executable};
use crate::support::openbao::{OpenBao, program};
use crate::support::standalone::Repository;
use crate::support::story;

/// Where the scratch server is, as the document has it.
const SCRATCH: &str = "http://127.0.0.1:8200";
/// Where Vault is, as far as the document knows.
const VAULT: &str = "https://vault.example.org";
const PREFIX: &str = "secret/phalanx/idfdev";

const GAFAELFAWR: &str = "
secrets.ldap-password = {}
secrets.session-secret.generate.type = 'fernet-key'
";
const NUBLADO: &str = "
secrets.crypto-keys.generate.type = 'password'
secrets.hub-token.generate.type = 'password'
";

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let sandbox = Sandbox::new();
    let servers = Servers::start();
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    let repository = Repository::standalone(&sandbox, "store")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("idfdev", servers.now().url(), PREFIX, &["gafaelfawr", "nublado"])
        .application("gafaelfawr", GAFAELFAWR)
        .application("nublado", NUBLADO)
        .committed();
    let run = |arguments: &[&str], input: &str| {
        let command = sandbox.command(arguments).current_dir(&repository).stdin(input);
        command.env("VAULT_TOKEN", servers.token(servers.now())).run().success()
    };
    run(&["set", "idfdev", "gafaelfawr", "ldap-password", "--commit"], "from outside");
    run(&["sync", "idfdev"], "");
    let bao = format!("#!/bin/sh\nexec {} \"$@\"\n", program().display());
    make_executable(&sandbox.write("bin/bao", bao));
    // It reads to the end, so that it speaks after whoever writes to it.
    let kubectl =
        "#!/bin/sh\ngrep '^kind: Secret' >/dev/null && echo 'secret/vault-credentials created'\n";
    make_executable(&sandbox.write("bin/kubectl", kubectl));

    let file = repository.root().join("secrets/environments/idfdev.toml");
    let mut before = None;
    let failed = story::is_true(
        "docs/recovery.md",
        15,
        |line| line.strip_prefix("$ "),
        |command, _| {
            if command.starts_with("bao ") && before.is_none() {
                // What the old Vault held, when it was lost.
                before = Some(held(servers.now()));
                let old = servers.lose();
                let text = sandbox.read(&file).replace(old.url(), servers.now().url());
                sandbox.write(&file, text);
                sandbox.git_in(&repository, ["commit", "--quiet", "--all", "--message", "Moved"]);
            }
            let (now, scratch) = (servers.now(), &servers.scratch);
            let line = command
                .replace(SCRATCH, scratch.url())
                .replace("VAULT_TOKEN=drill", &format!("VAULT_TOKEN={}", servers.token(scratch)));
            let output = story::shell(&sandbox, &line, repository.root())
                .env("VAULT_ADDR", now.url())
                .env("BAO_ADDR", now.url())
                .env("BAO_TOKEN", servers.token(now))
                .env("VAULT_TOKEN", servers.token(now))
                .run();
            let text = output.stdout().replace(scratch.url(), SCRATCH).replace(now.url(), VAULT);
            (story::redact(&text), output.code())
        },
    );
    // The first one found what a rebuild would lose.
    assert_eq!(failed, ["$ phalanx-secrets audit idfdev --rebuild"]);
    assert_eq!(held(&servers.scratch), before.clone().unwrap(), "the drill");
    assert_eq!(held(servers.now()), before.unwrap(), "after the loss");
}

/// What whoever administers a server may do, without being root.
const ADMINISTRATORS: &str = r#"
path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }
"#;

/// The servers of the page.
struct Servers {
    real: OpenBao,
    /// Who administers the real one and the new one. The scratch server knows
    /// neither, so that no token passes for another's.
    administrators: [String; 2],
    scratch: OpenBao,
    /// What comes in place of the real one: it has no mount yet.
    new: OpenBao,
    is_lost: Cell<bool>,
}

impl Servers {
    fn start() -> Self {
        let [real, scratch, new] = [OpenBao::start(), OpenBao::start(), OpenBao::start()];
        new.root("DELETE", "sys/mounts/secret", None);
        let administrators = [&real, &new].map(|server| {
            server.create_policy("administrators", ADMINISTRATORS);
            server.create_token(&["administrators"])
        });
        Self { real, administrators, scratch, new, is_lost: Cell::new(false) }
    }

    /// The token for a server.
    fn token<'a>(&'a self, server: &OpenBao) -> &'a str {
        let [real, new] = &self.administrators;
        match server.url() {
            url if url == self.real.url() => real,
            url if url == self.new.url() => new,
            _ => OpenBao::ROOT_TOKEN,
        }
    }

    /// The one that is the environment's.
    fn now(&self) -> &OpenBao {
        if self.is_lost.get() { &self.new } else { &self.real }
    }

    /// Takes the real one away, which is given for its address.
    fn lose(&self) -> &OpenBao {
        self.is_lost.set(true);
        &self.real
    }
}

/// All that a server holds for the environment.
fn held(server: &OpenBao) -> Vec<(String, Value)> {
    let read = |name: String| Some((name.clone(), server.read(PREFIX, &name)?.1.into()));
    server.list(PREFIX).into_iter().filter_map(read).collect()
}
