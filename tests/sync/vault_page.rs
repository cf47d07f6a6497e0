//! What docs/vault.md tells, as it tells it: each command is run with the
//! policies of the page, and root's token is used for nothing else than to
//! write them down.

use std::cell::RefCell;

use serde_json::json;

use crate::support::cli::Sandbox;
use crate::support::openbao::{OpenBao, program};
use crate::support::standalone::Repository;
use crate::support::story::{self, Reader};

const PAGE: &str = "docs/vault.md";
const PREFIX: &str = "secret/phalanx/idfdev";

const GAFAELFAWR: &str = "secrets.session-secret.generate.type = 'fernet-key'\n";

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let (sandbox, server) = (Sandbox::new(), OpenBao::start());
    server.root("POST", "sys/auth/approle", Some(json!({ "type": "approle" })));
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    let repository = Repository::standalone(&sandbox, "store")
        .holder("alice", &[&alice.recipient], &["*"])
        .environment("idfdev", server.url(), PREFIX, &["gafaelfawr"])
        // Neighbours, one of which begins alike.
        .environment("idfint", server.url(), "secret/phalanx/idfint", &["gafaelfawr"])
        .environment("longer", server.url(), &format!("{PREFIX}-2"), &["gafaelfawr"])
        .application("gafaelfawr", GAFAELFAWR)
        .committed();
    story::install(&sandbox, "bao", &format!("exec {} \"$@\"", program().display()));
    story::install(&sandbox, "kubectl", story::KUBECTL);
    for policy in story::blocks(PAGE, "hcl") {
        let name = policy.lines().next().unwrap().trim_start_matches("# ");
        sandbox.write(repository.root().join(name), &policy);
    }

    let reader = Reader::new(&sandbox, repository.root())
        .has("BAO_ADDR", server.url())
        .has("VAULT_TOKEN", OpenBao::ROOT_TOKEN)
        .knows("VAULT_TOKEN", OpenBao::ROOT_TOKEN);
    let reader = RefCell::new(reader);
    let mut administrator = None;
    let failed = story::is_true(
        PAGE,
        12,
        |line| line.strip_prefix("$ "),
        |command, answers| {
            let mut reader = reader.borrow_mut();
            let token = reader.variable("VAULT_TOKEN").map(str::to_owned);
            if command.starts_with("phalanx-secrets ") {
                assert_ne!(token.as_deref(), Some(OpenBao::ROOT_TOKEN), "{command}");
                administrator = administrator.take().or(token);
            }
            reader.run(command, answers)
        },
    );
    assert_eq!(failed, Vec::<&str>::new());

    // The administrator of one environment is none of the others.
    let administrator = administrator.unwrap();
    let (_, own) = server.request("GET", "auth/token/lookup-self", &administrator, None);
    assert_eq!(own["data"]["policies"], json!(["default", "phalanx-admin-idfdev"]));
    // Again, so that the older ones are revoked.
    for command in ["create-read-approle", "create-read-token", "create-write-token", "audit"] {
        let run = sandbox.command(["vault", command, "idfdev"]).current_dir(&repository);
        run.env("VAULT_TOKEN", &administrator).run().success();
    }
    for neighbour in ["idfint", "longer"] {
        for command in ["create-read-approle", "create-read-token", "create-write-token", "audit"] {
            let run = sandbox.command(["vault", command, neighbour]).current_dir(&repository);
            let run = run.env("VAULT_TOKEN", &administrator).run().fails_with(4);
            assert_eq!(run.stdout(), "", "{run:?}");
        }
    }
    let syncs = reader.borrow().variable("VAULT_TOKEN").unwrap().to_owned();
    for neighbour in ["idfint", "longer"] {
        let run = sandbox.command(["sync", neighbour]).current_dir(&repository);
        run.env("VAULT_TOKEN", &syncs).run().fails_with(4);
    }
    for policy in ["phalanx/idfint/write", "phalanx-admin-idfdev", "root"] {
        for path in ["auth/token/create-orphan", "auth/token/create"] {
            let body = json!({ "policies": [policy] });
            let (status, answer) = server.request("POST", path, &administrator, Some(body));
            assert_eq!(status, 403, "{path} {policy}: {answer}");
        }
    }
}
