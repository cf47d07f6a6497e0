//! One word or line of a checkout is wrong: whatever comes of it, `sync
//! --delete` removes no more than it would have.
//!
//! Every mistake in every place is tried, one at a time, against a Vault that
//! holds what the untouched checkout asks for and some more. The plan is pure,
//! so a case takes no server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use phalanx_secrets::layout::Layout;
use phalanx_secrets::model::{ApplicationName, Environment, EnvironmentName, Kind};
use phalanx_secrets::plan::{Deletion, EntryChange, Guard, KeyChange, Plan, plan};
use phalanx_secrets::resolve::{Inputs, Minted, Policy, resolve};
use phalanx_secrets::static_values::StaticValues;
use phalanx_secrets::tree::Tree;
use phalanx_secrets::vault::{CurrentSecrets, CurrentValue};

use crate::support::cli::Sandbox;
use crate::support::mistakes::{Mistake, lines, words};
use crate::support::phalanx::{self, Checkout};
use crate::support::standalone::Repository;

/// Files of a checkout, below a folder of it.
fn files_of(root: &Path, folder: &str) -> Vec<PathBuf> {
    let mut files = crate::support::small_store::files_below(&root.join(folder));
    files.retain(|file| {
        file.extension().is_some_and(|extension| extension == "yaml" || extension == "toml")
    });
    files
}

struct Site {
    root: PathBuf,
    layout: Layout,
    name: EnvironmentName,
    vault: CurrentSecrets,
    environment: Environment,
    untouched: BTreeSet<(String, String)>,
}

impl Site {
    fn new(root: &Path, layout: Layout, name: &str) -> Self {
        let name: EnvironmentName = name.parse().unwrap();
        let environment = layout.load(&Tree::new(root), &name).unwrap();
        let mut vault = CurrentSecrets::default();
        let mut put = |application: &ApplicationName, key: &str| {
            let entry = vault.entries.entry(application.clone()).or_default();
            entry.version = 1;
            let data = entry.data.get_or_insert_default();
            data.insert(key.to_owned(), CurrentValue::Text("in Vault".into()));
        };
        for (application, key, _) in environment.secrets() {
            put(application, key.as_str());
        }
        // What was needed once, and may be again.
        for (application, declared) in &environment.applications {
            declared.switched_off.iter().for_each(|key| put(application, key.as_str()));
        }
        environment.not_enabled.iter().for_each(|application| put(application, "once"));
        // What nothing asks for.
        put(&"stranger".parse().unwrap(), "key");
        if let Some((application, ..)) = environment.secrets().next() {
            put(application, "nobody-asks-for-it");
        }
        let mut site = Self {
            root: root.to_owned(),
            layout,
            name,
            vault,
            environment,
            untouched: BTreeSet::new(),
        };
        site.untouched = site.deleted().expect("the untouched checkout can be synced");
        assert!(site.untouched.contains(&("stranger".to_owned(), "key".to_owned())));
        site
    }

    /// What `sync --delete` would delete; `None` where it does nothing.
    fn deleted(&self) -> Option<BTreeSet<(String, String)>> {
        let tree = Tree::new(&self.root);
        let environment = self.layout.load(&tree, &self.name).ok()?;
        if environment.vault != self.environment.vault {
            // It is another place in Vault, with nothing of this one in it.
            return None;
        }
        let mut static_values = StaticValues::default();
        for (application, key, spec) in self.environment.secrets() {
            if spec.kind == Kind::Static {
                let values = static_values.applications.entry(application.clone()).or_default();
                values.insert(key.clone(), "stored".into());
            }
        }
        let policy = Policy { keep_vault_static: true, ..Policy::default() };
        let resolved = resolve(&Inputs {
            environment: &environment,
            static_values: &static_values,
            current: &self.vault,
            minted: &Minted::default(),
            policy: &policy,
        })
        .ok()?;
        let plan = plan(&resolved, &self.vault, &environment, &policy, Deletion::Unknown);
        Guard::default().judge(&plan, &self.vault).ok()?;
        Some(self.secrets_of(&plan))
    }

    fn secrets_of(&self, plan: &Plan) -> BTreeSet<(String, String)> {
        let mut deleted = BTreeSet::new();
        for (application, change) in &plan.changes {
            let keys: Vec<String> = match change {
                EntryChange::Delete => {
                    let data = self.vault.entries[application].data.as_ref();
                    data.into_iter().flat_map(|data| data.keys().cloned()).collect()
                }
                EntryChange::Create { keys } | EntryChange::Update { keys } => {
                    let gone = keys.iter().filter(|(_, change)| **change == KeyChange::Delete);
                    gone.map(|(key, _)| key.clone()).collect()
                }
            };
            deleted.extend(keys.into_iter().map(|key| (application.to_string(), key)));
        }
        deleted
    }

    /// Makes each of the mistakes in a file, and tells of those that cost
    /// something.
    fn try_all(&self, file: &Path, mistakes: Vec<Mistake>, costly: &mut Vec<String>) -> usize {
        let before = fs::read(file).unwrap();
        let place = file.strip_prefix(&self.root).unwrap().display().to_string();
        let count = mistakes.len();
        for (what, text) in mistakes {
            fs::write(file, text).unwrap();
            self.compare(&format!("{place}: {what}"), costly);
        }
        fs::write(file, before).unwrap();
        count
    }

    fn compare(&self, what: &str, costly: &mut Vec<String>) {
        let deleted = self.deleted().unwrap_or_default();
        let more: Vec<_> = deleted.difference(&self.untouched).collect();
        if !more.is_empty() {
            costly.push(format!("{what}: {more:?}"));
        }
    }
}

const GAFAELFAWR: &str = "\
bootstrap-token:
  description: >-
    Token with admin access, regardless of any other
    configuration.
  generate:
    type: gafaelfawr-token
cilogon-client-secret:
  description: >-
    Secret used to log in at CILogon.
  if: config.cilogon.clientId
database-password:
  description: >-
    Password of the database.
  generate:
    if: config.internalDatabase
    type: password
redis-password:
  description: \"Password of Redis\"
  generate:
    type: password
slack-webhook:
  description: >-
    Slack web hook.
  if: config.slackAlerts
  copy:
    application: mobu
    key: app-alert-webhook
";

const ARGOCD: &str = "\
\"admin.plaintext_password\":
  description: The password.
  generate:
    type: password
\"admin.password\":
  description: >-
    Its hash.
  generate:
    type: bcrypt-password-hash
    source: admin.plaintext_password
\"admin.passwordMtime\":
  description: When it changed.
  generate:
    type: mtime
    source: admin.plaintext_password
\"server.secretkey\":
  description: The key.
  generate:
    type: password
";

fn small_phalanx<'a>(sandbox: &'a Sandbox, name: &str) -> Repository<'a> {
    Repository::phalanx(sandbox, name)
        .file(
            "environments/values.yaml",
            "name: \"\"\nfqdn: \"\"\nvaultUrl: \"https://vault.example.com\"\n\
             vaultPathPrefix: \"\"\napplications:\n  argocd: true\n  gafaelfawr: false\n  \
             mobu: false\n  portal: false\n  tap: false\n",
        )
        .file(
            "environments/values-dev.yaml",
            "name: \"dev\"\nfqdn: \"dev.example.com\"\nvaultPathPrefix: \"secret/phalanx/dev\"\n\n\
             applications:\n  gafaelfawr: true\n  mobu: true\n  portal: true\n",
        )
        .file("environments/values-other.yaml", "name: \"other\"\nvaultPathPrefix: \"secret/o\"\napplications: {}\n")
        .application("argocd", ARGOCD)
        .application("gafaelfawr", GAFAELFAWR)
        .application(
            "mobu",
            "app-alert-webhook:\n  description: >-\n    The web hook.\nother:\n  description: >-\n    \
             Something.\n  value: literal\n",
        )
        .application("portal", "ADMIN_PASSWORD:\n  description: >-\n    The password.\n  generate:\n    type: password\n")
        .application("tap", "key:\n  description: x\n")
        .file(
            "applications/gafaelfawr/values.yaml",
            "config:\n  cilogon:\n    clientId: \"\"\n  internalDatabase: false\n  \
             slackAlerts: false\n",
        )
        .file(
            "applications/gafaelfawr/values-dev.yaml",
            "config:\n  cilogon:\n    clientId: \"an-id\"\n  internalDatabase: true\n  \
             slackAlerts: true\n",
        )
}

#[test]
fn no_mistake_in_a_phalanx_checkout_deletes_more() {
    let sandbox = Sandbox::new();
    let repository = small_phalanx(&sandbox, "checkout");
    let site = Site::new(repository.root(), Layout::Phalanx, "dev");
    let mut costly = Vec::new();
    let mut count = 0;
    for folder in ["environments", "applications"] {
        for file in files_of(repository.root(), folder) {
            let text = fs::read_to_string(&file).unwrap();
            count += site.try_all(&file, words(&text), &mut costly);
            count += site.try_all(&file, lines(&text), &mut costly);
            fs::remove_file(&file).unwrap();
            site.compare(&format!("{} removed", file.display()), &mut costly);
            fs::write(&file, text).unwrap();
        }
    }
    assert!(count > 1_500, "{count}");
    assert!(costly.is_empty(), "{} of {count}:\n{}", costly.len(), costly.join("\n"));
}

/// The same in the standalone layout. A spec is a table there, of which each
/// line but its head may be wrong: without its head it is part of the spec
/// before it.
const STANDALONE: [(&str, &str); 4] = [
    (
        "gafaelfawr",
        "[secrets.bootstrap-token]\ndescription = \"Token\"\n\
         generate = { type = \"gafaelfawr-token\" }\n\n[secrets.redis-password]\ndescription = \
         \"Password of Redis\"\ngenerate = { type = \"password\" }\n\n[secrets.slack-webhook]\n\
         description = \"Web hook\"\nif = \"slackAlerts\"\ncopy = { application = \"mobu\", key = \
         \"hook\" }\n\n[settings]\nslackAlerts = false\n",
    ),
    (
        "mobu",
        "[secrets.hook]\ndescription = \"Web hook\"\n\n[secrets.other]\ndescription = \"x\"\n",
    ),
    ("portal", "[secrets.password]\ndescription = \"x\"\ngenerate = { type = \"password\" }\n"),
    ("tap", "[secrets.key]\ndescription = \"x\"\n"),
];

#[test]
fn no_mistake_in_a_standalone_store_deletes_more() {
    let sandbox = Sandbox::new();
    let mut repository = Repository::standalone(&sandbox, "store").file(
        "secrets/environments/dev.toml",
        "vault-url = \"https://vault.example.com\"\nvault-path-prefix = \"secret/dev\"\n\
         applications = [\n  \"gafaelfawr\",\n  \"mobu\",\n  \"portal\",\n]\n\n\
         [settings.gafaelfawr]\nslackAlerts = true\n",
    );
    for (name, declared) in STANDALONE {
        repository = repository.application(name, declared);
    }
    let site = Site::new(repository.root(), Layout::Standalone, "dev");
    let (mut costly, mut count) = (Vec::new(), 0);
    for file in files_of(repository.root(), "secrets") {
        let text = fs::read_to_string(&file).unwrap();
        count += site.try_all(&file, words(&text), &mut costly);
        count += site.try_all(&file, lines(&text), &mut costly);
        if file.ends_with("applications/tap.toml") {
            // An application that is enabled nowhere is retired like this.
            continue;
        }
        fs::remove_file(&file).unwrap();
        site.compare(&format!("{} removed", file.display()), &mut costly);
        fs::write(&file, text).unwrap();
    }
    assert!(count > 600, "{count}");
    assert!(costly.is_empty(), "{} of {count}:\n{}", costly.len(), costly.join("\n"));
}

/// One mistake in so many is tried in the real files, which have many words.
const STRIDE: usize = 61;

#[test]
fn no_mistake_in_the_real_checkout_deletes_more() {
    if phalanx::reference().is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let checkout = Checkout::copy(&sandbox);
    let root = checkout.root();
    let (mut costly, mut count) = (Vec::new(), 0);
    for name in ["minikube", "ccin2p3"] {
        let site = Site::new(root, Layout::Phalanx, name);
        let mut files = vec![
            root.join("environments/values.yaml"),
            root.join(format!("environments/values-{name}.yaml")),
        ];
        for application in site.environment.applications.keys() {
            let folder = root.join(format!("applications/{application}"));
            let names = ["secrets.yaml".to_owned(), format!("values-{name}.yaml")];
            files.extend(names.iter().map(|name| folder.join(name)).filter(|file| file.exists()));
        }
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let mistakes = words(&text).into_iter().chain(lines(&text)).step_by(STRIDE).collect();
            count += site.try_all(&file, mistakes, &mut costly);
        }
    }
    assert!(count > 150, "{count}");
    assert!(costly.is_empty(), "{} of {count}:\n{}", costly.len(), costly.join("\n"));
}
