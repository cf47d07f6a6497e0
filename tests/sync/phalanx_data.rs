//! All of a real environment: from the Phalanx checkout into an empty Vault.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::Value;

use crate::support::cli::{Command, Sandbox};
use crate::support::openbao::{OpenBao, Watch, shared, unique_prefix};
use crate::support::phalanx::{self, Checkout};

const ENVIRONMENT: &str = "idfdev";

struct Site {
    sandbox: Sandbox,
    checkout: Checkout,
    prefix: String,
}

impl Site {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let checkout = Checkout::copy(&sandbox);
        let prefix = unique_prefix(ENVIRONMENT);
        checkout.set_vault(ENVIRONMENT, shared().url(), &prefix);
        sandbox.git_in(&checkout, ["init", "--quiet"]);
        Self { sandbox, checkout, prefix }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.sandbox
            .command(arguments)
            .current_dir(&self.checkout)
            .env("VAULT_TOKEN", OpenBao::ROOT_TOKEN)
            .env("USER", "alice")
    }

    fn commit(&self, message: &str) {
        self.sandbox.git_in(&self.checkout, ["add", "--all"]);
        self.sandbox.git_in(&self.checkout, ["commit", "--quiet", "--message", message]);
    }

    /// What Vault holds, by application and key.
    fn vault(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let entry = |name: String| {
            let (_, data) = shared().read(&self.prefix, &name).unwrap();
            let text = |value: Value| value.as_str().unwrap().to_owned();
            (name, data.into_iter().map(|(key, value)| (key, text(value))).collect())
        };
        shared().list(&self.prefix).into_iter().map(entry).collect()
    }
}

/// Fills in a static-secrets template: a value of its own for each secret, and
/// for every third one of several lines. Answers them by application and key.
fn filled(template: &str) -> (String, BTreeMap<(String, String), String>) {
    let (mut text, mut values) = (String::new(), BTreeMap::new());
    let (mut application, mut key) = (String::new(), String::new());
    for line in template.lines() {
        let indent = line.len() - line.trim_start().len();
        let name = || line.trim().trim_end_matches(':').trim_matches(['"', '\'']).to_owned();
        match indent {
            2 => application = name(),
            4 => key = name(),
            6 if line == "      value: null" => {
                let mut value = format!("value of {application}/{key}");
                text += "      value: ";
                if values.len() % 3 == 0 {
                    value = format!("first line\n  {value}\n");
                    text += &format!(
                        "|\n        first line\n          {}\n",
                        value.lines().last().unwrap().trim()
                    );
                } else {
                    text += &format!("\"{value}\"\n");
                }
                values.insert((application.clone(), key.clone()), value);
                continue;
            }
            _ => {}
        }
        text += line;
        text.push('\n');
    }
    (text, values)
}

/// What `expected/` says of one required secret.
struct Expected {
    application: String,
    key: String,
    kind: String,
    generator: String,
    source: String,
    copied_from: Option<(String, String)>,
}

fn expected() -> Vec<Expected> {
    let reference = phalanx::reference().unwrap();
    let text = phalanx::expected(&reference, ENVIRONMENT, "secrets.json");
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let text = |secret: &Value, name: &str| secret[name].as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|secret| Expected {
            application: text(secret, "application"),
            key: text(secret, "key"),
            kind: text(secret, "kind"),
            generator: text(secret, "type"),
            source: text(secret, "source"),
            copied_from: text(secret, "from").split_once('/').map(|(a, k)| (a.into(), k.into())),
        })
        .collect()
}

fn assert_generated(secret: &Expected, value: &str, siblings: &BTreeMap<String, String>) {
    let name = format!("{}/{}", secret.application, secret.key);
    match secret.generator.as_str() {
        "password" => {
            assert_eq!(value.len(), 64, "{name}");
            assert!(value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{name}");
        }
        "fernet-key" => assert_eq!(URL_SAFE.decode(value).unwrap().len(), 32, "{name}"),
        "gafaelfawr-token" => {
            let parts = value.strip_prefix("gt-").unwrap().split_once('.').unwrap();
            for part in [parts.0, parts.1] {
                assert_eq!(URL_SAFE_NO_PAD.decode(part).unwrap().len(), 16, "{name}");
            }
        }
        "rsa-private-key" => {
            assert!(value.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{name}");
            let key = rsa::PrivateKey::from_pkcs8_pem(value).unwrap();
            assert_eq!((key.size() * 8, key.validate().is_ok()), (2048, true), "{name}");
        }
        "bcrypt-password-hash" => {
            assert!(value.starts_with("$2b$15$"), "{name}");
            assert!(bcrypt::verify(&siblings[&secret.source], value).unwrap(), "{name}");
        }
        "mtime" => {
            let time: jiff::Timestamp = value.parse().unwrap();
            assert_eq!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), value, "{name}");
        }
        "oidc-clients" => assert_eq!(value, "[]", "{name}"),
        other => panic!("{name}: {other}"),
    }
}

/// The applications of which a version was written, one for each write. Beside
/// each goes a note in its metadata, which makes no version.
fn versions_written(watch: &Watch<'_>) -> Vec<String> {
    let writes = watch.writes().into_iter().map(|write| write.path);
    let (versions, notes): (Vec<_>, Vec<_>) = writes.partition(|path| path.contains("/data/"));
    let name = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    let (versions, notes): (Vec<_>, Vec<_>) =
        (versions.iter().map(name).collect(), notes.iter().map(name).collect());
    assert_eq!(sorted(&versions), sorted(&notes), "each version has its note");
    versions
}

fn sorted(names: &[String]) -> BTreeSet<&String> {
    names.iter().collect()
}

#[test]
fn a_whole_environment_reaches_vault() {
    if phalanx::reference().is_none() {
        return;
    }
    let (site, server) = (Site::new(), shared());
    site.command(&["init", "--new-identity"]).run().success();
    let template = site.command(&["static-template", ENVIRONMENT]).run().success();
    let (text, statics) = filled(template.stdout());
    let mut import = site.command(&["import", ENVIRONMENT, "-"]).stdin(&text).run().success();
    for value in statics.values() {
        import = import.hides(value);
    }
    site.commit("Store the static secrets");

    // Before: all is missing, and there is nothing else to say.
    let names: Vec<String> =
        expected().iter().map(|secret| format!("{} {}", secret.application, secret.key)).collect();
    let audit = site.command(&["audit", ENVIRONMENT]).run().fails_with(1);
    let bullets: String = names.iter().map(|name| format!("• {name}\n")).collect();
    assert_eq!(audit.stdout(), format!("Missing secrets:\n{bullets}"));

    let watch = server.watch(&site.prefix);
    let mut sync = site.command(&["sync", ENVIRONMENT]).run().success();
    let vault = site.vault();
    let applications: BTreeSet<String> =
        expected().into_iter().map(|secret| secret.application).collect();
    assert_eq!(versions_written(&watch).len(), applications.len());
    let lines: String =
        applications.iter().map(|name| format!("Created Vault secret for {name}\n")).collect();
    // Those come last that copy from others.
    let mut said: Vec<&str> = sync.stdout().split_inclusive('\n').collect();
    said.sort_unstable();
    assert_eq!(said.concat(), lines);
    assert_eq!(vault.keys().cloned().collect::<BTreeSet<_>>(), applications);
    assert_eq!(vault.values().map(BTreeMap::len).sum::<usize>(), 96);

    for secret in expected() {
        let Expected { application, key, .. } = &secret;
        let value = &vault[application][key];
        match secret.kind.as_str() {
            "static" => {
                assert_eq!(*value, statics[&(application.clone(), key.clone())]);
                sync = sync.hides(value);
            }
            "copy" => {
                let (source, source_key) = secret.copied_from.as_ref().unwrap();
                assert_eq!(*value, vault[source][source_key], "{application} {key}");
            }
            "generate" => assert_generated(&secret, value, &vault[application]),
            "value" => assert!(!value.is_empty()),
            other => panic!("{other}"),
        }
    }
    for application in &applications {
        assert_eq!(server.version_count(&site.prefix, application), 1, "{application}");
    }
    let generated: BTreeSet<&String> = expected()
        .iter()
        .filter(|secret| ["password", "fernet-key"].contains(&secret.generator.as_str()))
        .map(|secret| &vault[&secret.application][&secret.key])
        .collect();
    let count =
        expected().iter().filter(|s| ["password", "fernet-key"].contains(&&*s.generator)).count();
    assert_eq!(generated.len(), count, "no two generated values are the same");

    // After: nothing to say, and nothing to do.
    assert_eq!(site.command(&["audit", ENVIRONMENT]).run().success().stdout(), "");
    let watch = server.watch(&site.prefix);
    let again = site.command(&["sync", ENVIRONMENT]).run().success();
    assert_eq!((again.stdout(), watch.writes()), ("", vec![]));
    assert_eq!(site.vault(), vault);

    // One value that many copy: exactly those are written, and once each.
    let set = site.command(&["set", ENVIRONMENT, "mobu", "app-alert-webhook"]);
    set.stdin("https://hooks.example.org/new").run().success();
    site.commit("Rotate the alert hook");
    let mut users: BTreeSet<String> = expected()
        .into_iter()
        .filter(|secret| {
            secret
                .copied_from
                .as_ref()
                .is_some_and(|(a, k)| a == "mobu" && k == "app-alert-webhook")
        })
        .map(|secret| secret.application)
        .collect();
    users.insert("mobu".to_owned());
    assert!(users.len() > 5, "{users:?}");
    let watch = server.watch(&site.prefix);
    site.command(&["sync", ENVIRONMENT]).run().success().hides("hooks.example.org");
    let written = versions_written(&watch);
    assert_eq!((written.len(), BTreeSet::from_iter(written)), (users.len(), users.clone()));
    let after = site.vault();
    for (application, values) in &vault {
        for (key, value) in values {
            let follows = *value == vault["mobu"]["app-alert-webhook"];
            let expected = if follows { "https://hooks.example.org/new" } else { value };
            assert_eq!(after[application][key], expected, "{application} {key}");
        }
    }
    site.command(&["audit", ENVIRONMENT]).run().success();
}
