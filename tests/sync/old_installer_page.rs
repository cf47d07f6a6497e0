//! What docs/old-installer.md tells, as it tells it: a site moves from the old
//! installer, with a server and a 1Password that are as the installer left
//! them.

use serde_json::{Value, json};

use crate::support::cli::Sandbox;
use crate::support::connect::{Connect, TOKEN, field, item};
use crate::support::openbao::OpenBao;
use crate::support::standalone::Repository;
use crate::support::story;

const PAGE: &str = "docs/old-installer.md";
const OLD: &str = "secret/k8s_operator/data-dev.lsst.cloud";
const NEW: &str = "secret/phalanx/idfdev";

const ARGOCD: &str = "\
dex.clientSecret:
  description: Secret of the application at GitHub.
server.secretkey:
  description: Key for the sessions of people who log in.
  generate:
    type: password
";
const GAFAELFAWR: &str = "\
cilogon-client-secret:
  description: Secret of the client at CILogon.
redis-password:
  description: Password of its own Redis.
  generate:
    type: password
";
const MOBU: &str = "\
ALERT_HOOK:
  description: URL of the Slack webhook for alerts.
";

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let (sandbox, server, connect) = (Sandbox::new(), OpenBao::start(), Connect::start());
    let alice = sandbox.age_identity("alice");
    sandbox.install_identity(&alice.path);
    let repository = Repository::phalanx(&sandbox, "phalanx")
        .environment("idfdev", server.url(), NEW, &["argocd", "gafaelfawr", "mobu"])
        .application("argocd", ARGOCD)
        .application("gafaelfawr", GAFAELFAWR)
        .application("mobu", MOBU)
        .holder("alice", &[&alice.recipient], &["*"]);
    let file = repository.root().join("environments/values-idfdev.yaml");
    let values: String = sandbox
        .read(&file)
        .lines()
        .filter(|line| !line.starts_with("fqdn:"))
        .fold(String::new(), |text, line| text + line + "\n");
    let more = format!(
        "fqdn: data-dev.lsst.cloud\nonepassword:\n  connectUrl: {:?}\n  vaultTitle: RSP-Vault\n",
        connect.url
    );
    sandbox.write(&file, values + &more);
    let left = [
        ("argocd", json!({ "dex.clientSecret": "dex", "server.secretkey": "kept" })),
        (
            "gafaelfawr",
            json!({ "cilogon-client-secret": "cilogon", "redis-password": "kept too",
                               "cloudsql": "n", "auth_type": "cilogon" }),
        ),
        ("installer", json!({ "argocd.admin.plaintext_password": "p" })),
        (
            "pull-secret",
            json!({ ".dockerconfigjson":
            r#"{"auths": {"ghcr.io": {"username": "u", "password": "p", "auth": "dTpw"}}}"# }),
        ),
    ];
    for (name, data) in left {
        server.put(OLD, name, data);
    }
    connect.vault("RSP-Vault", items());

    for (page, name) in [("docs/vault.md", "phalanx-sync-idfdev"), (PAGE, "phalanx-move-idfdev")] {
        server.create_policy(name, &story::policy(page, &format!("{name}.hcl")));
    }
    let token = server.create_token(&["phalanx-sync-idfdev", "phalanx-move-idfdev"]);
    let failed = story::is_true(
        PAGE,
        7,
        |line| line.strip_prefix("$ "),
        |command, _| {
            let output = story::shell(&sandbox, command, repository.root())
                .env("VAULT_TOKEN", &token)
                .env("OP_CONNECT_TOKEN", TOKEN)
                .run();
            (story::redact(output.stdout()), output.code())
        },
    );
    assert_eq!(failed, Vec::<&str>::new());
    let value = |application, key| server.value(NEW, application, key);
    for (application, key, expected) in [
        ("argocd", "dex.clientSecret", Some("dex")),
        ("argocd", "server.secretkey", Some("kept")),
        ("gafaelfawr", "cilogon-client-secret", Some("cilogon")),
        ("gafaelfawr", "redis-password", Some("kept too")),
        ("gafaelfawr", "cloudsql", None),
        ("mobu", "ALERT_HOOK", Some("https://hooks.example.org/")),
        ("installer", "argocd.admin.plaintext_password", None),
    ] {
        assert_eq!(value(application, key).as_deref(), expected, "{application} {key}");
    }
    assert_eq!(server.value(OLD, "gafaelfawr", "cloudsql").as_deref(), Some("n"));
}

/// What SQuaRE's vault was like.
fn items() -> Vec<Value> {
    let labelled = |title: &str, key: &str, environments: &[&str], value: &str| {
        let mut password = field(None, "password", value);
        password["purpose"] = json!("PASSWORD");
        let mut fields = vec![password, field(None, "generate_secrets_key", key)];
        fields.extend(environments.iter().map(|name| field(None, "environment", name)));
        item(title, fields)
    };
    vec![
        labelled("Argo CD at GitHub", "argocd dex.clientSecret", &["data-dev.lsst.cloud"], "dex"),
        labelled("Argo CD of production", "argocd dex.clientSecret", &["data.lsst.cloud"], "other"),
        labelled("Slack", "mobu ALERT_HOOK", &[], "https://hooks.example.org/"),
        labelled("Influx", "telegraf influx-token", &[], "t"),
        item("Keys to the Vault", vec![field(None, "notesPlain", "[]")]),
    ]
}
