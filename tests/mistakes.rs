//! A store that is well, and one mistake in it: `check` finds it, or what
//! follows is what was before.
//!
//! Every word and every line of every file that people write is spoilt, and
//! every file is lost, copied, swapped with another and cut off. What follows
//! is judged by what a sync would do in a Vault that holds all of the store,
//! and by who may read what: nothing may be written or deleted there that was
//! not before, and nobody may read more or less.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use phalanx_secrets::check::Check;
use phalanx_secrets::layout::Layout;
use phalanx_secrets::model::{ApplicationName, EnvironmentName};
use phalanx_secrets::plan::{Deletion, plan};
use phalanx_secrets::resolve::{Desired, Inputs, Minted, Policy, Resolved, resolve};
use phalanx_secrets::static_values::StaticValues;
use phalanx_secrets::store::{Identities, IdentitySource, Store};
use phalanx_secrets::tree::Tree;
use phalanx_secrets::vault::{CurrentSecrets, CurrentValue};

use crate::support::cli::Sandbox;
use crate::support::mistakes::{lines, words};
use crate::support::small_store::files_below;
use crate::support::standalone::Repository;

const ENVIRONMENTS: [&str; 2] = ["demo", "prod"];

const PORTAL: &str = "\
[secrets.password]
description = \"Password of the database\"

[secrets.session]
description = \"Made once\"
generate = { type = \"password\" }

[secrets.hook]
description = \"What the other side has\"
if = \"alerts\"
copy = { application = \"mobu\", key = \"hook\" }

[secrets.user]
description = \"No secret\"
value = \"admin\"

[settings]
alerts = true
";

const MOBU: &str = "\
[secrets.hook]
description = \"Where alerts go\"

[secrets.token]
description = \"Token for the other side\"
";

/// What no file tells from what is meant, as long as neither git's history nor
/// Vault is asked.
fn is_like_what_is_meant(what: &str) -> bool {
    // A store may be anywhere in Vault. There, nothing is written over: what it
    // holds now stays in its place.
    let is_place = what.starts_with("secrets/environments/")
        && what.contains("in line 2")
        && !what.contains("vault-path");
    // Any server may be meant; one that is not there answers nothing.
    let is_server = what.contains("\"vault.example.org\" in line 1")
        || what.contains("\"https\" in line 1 in capitals");
    // A literal is whatever it says.
    let is_literal = what.contains("\"admin\"");
    // A secret that no value is stored for may have any name. What had the old
    // one is kept in Vault, and named.
    let is_name = ["session", "hook", "user"].iter().any(|key| {
        what.starts_with("secrets/applications/portal.toml")
            && what.contains(&format!("\"secrets.{key}\""))
            && what.ends_with("a letter more")
    });
    is_place || is_server || is_literal || is_name
}

struct Site<'a> {
    root: &'a Path,
    identities: Identities,
    /// Vault with all of the store in it, and some more.
    vault: BTreeMap<EnvironmentName, CurrentSecrets>,
}

/// What follows from a store.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Where each environment is, and what a sync would write or delete there.
    changes: BTreeMap<String, String>,
    /// Who may read each application.
    readers: BTreeMap<(String, String), BTreeSet<String>>,
    settings: String,
}

/// A store whose environments share their applications, read by a deploy key
/// and two people.
fn store(sandbox: &Sandbox) -> Repository<'_> {
    let keys = ["alice", "bob", "deploy"].map(|name| sandbox.age_identity(name));
    sandbox.install_identity(&keys[0].path);
    let repository = Repository::standalone(sandbox, "mistakes")
        .file(
            "secrets/store.toml",
            "format = 1\nlayout = \"standalone\"\nnot-served = [\"away\"]\n",
        )
        .application("portal", PORTAL)
        .application("mobu", MOBU)
        .holder("alice", &[&keys[0].recipient], &["*"])
        .holder("bob", &[&keys[1].recipient], &["demo", "prod/mobu"])
        .holder("deploy", &[&keys[2].recipient], &["prod"]);
    let url = "https://vault.example.org";
    let repository = ["demo", "prod", "away"].iter().fold(repository, |repository, name| {
        repository.environment(name, url, &format!("secret/{name}"), &["portal", "mobu"])
    });
    for name in ENVIRONMENTS {
        for (application, key) in [("portal", "password"), ("mobu", "hook"), ("mobu", "token")] {
            let value = format!("{key} of {name}");
            let set = sandbox.command(["set", name, application, key]);
            set.current_dir(repository.root()).stdin(value).run().success();
        }
    }
    repository
}

impl<'a> Site<'a> {
    fn new(root: &'a Path, identity: PathBuf) -> Self {
        let source = IdentitySource::File { path: identity, named_by: "-i" };
        let identities = Identities::load(&[source]).unwrap();
        let mut site = Self { root, identities, vault: BTreeMap::new() };
        for name in ENVIRONMENTS {
            let name: EnvironmentName = name.parse().unwrap();
            let resolved = site.resolved(&name).unwrap();
            let mut vault = CurrentSecrets::default();
            for (application, secrets) in &resolved.applications {
                let entry = vault.entries.entry(application.clone()).or_default();
                entry.version = 1;
                let value = |desired: &Desired| match desired {
                    Desired::Value(value) => value.clone(),
                    Desired::Pending(_) => "made".into(),
                };
                let values = secrets.iter().map(|(key, desired)| {
                    (key.as_str().to_owned(), CurrentValue::Text(value(desired)))
                });
                entry.data = Some(values.collect());
            }
            site.vault.insert(name, vault);
        }
        site
    }

    fn resolved(&self, name: &EnvironmentName) -> Result<Resolved, String> {
        let tree = Tree::new(self.root);
        let failed = |error: &dyn std::fmt::Debug| format!("{error:?}");
        let store = Store::open(&tree).map_err(|error| failed(&error))?.ok_or("no store")?;
        let environment =
            store.settings.layout.load(&tree, name).map_err(|error| failed(&error))?;
        let contents = store.contents(name).map_err(|error| failed(&error))?;
        let (values, failures) = contents.open_all(|_| true, &self.identities);
        if !failures.is_empty() {
            return Err(failed(&failures));
        }
        let static_values = StaticValues::from_stored(values).map_err(|error| failed(&error))?;
        let empty = CurrentSecrets::default();
        resolve(&Inputs {
            environment: &environment,
            static_values: &static_values,
            current: self.vault.get(name).unwrap_or(&empty),
            minted: &Minted::default(),
            policy: &Policy::default(),
        })
        .map_err(|problems| failed(&problems))
    }

    /// What a sync of an environment would do, and where.
    fn change(&self, name: &EnvironmentName) -> Result<String, String> {
        let resolved = self.resolved(name)?;
        let environment = Layout::Standalone.load(&Tree::new(self.root), name).unwrap();
        let vault = &self.vault[name];
        let plan = plan(&resolved, vault, &environment, &Policy::default(), Deletion::Unknown);
        Ok(format!("{:?}: {:?}", environment.vault, plan.changes))
    }

    fn outcome(&self) -> Outcome {
        let mut changes = BTreeMap::new();
        let mut readers = BTreeMap::new();
        let store = Store::open(&Tree::new(self.root)).ok().flatten();
        for name in self.vault.keys() {
            let change = self.change(name).unwrap_or_else(|error| error);
            changes.insert(name.to_string(), change);
            for application in ["portal", "mobu"] {
                let id: ApplicationName = application.parse().unwrap();
                let keys = store.iter().flat_map(|store| {
                    let keys = store.holders.recipients_for(name, &id);
                    keys.iter().map(ToString::to_string).collect::<Vec<_>>()
                });
                readers.insert((name.to_string(), application.to_owned()), keys.collect());
            }
        }
        let settings = format!("{:?}", store.map(|store| store.settings));
        Outcome { changes, readers, settings }
    }

    /// Whether `check` finds nothing.
    fn is_well(&self) -> bool {
        let tree = Tree::new(self.root);
        let Ok(Some(store)) = Store::open_leniently(&tree) else { return false };
        let check = Check {
            tree: &tree,
            layout: store.settings.layout,
            store: Some(&store),
            named: &[],
            identities: None,
            now: Timestamp::now(),
        };
        check.run().is_ok_and(|report| report.findings.is_empty())
    }
}

/// Files that people write, and those that the program does.
fn files(root: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let all = ["secrets", "recipients"].iter().flat_map(|folder| files_below(&root.join(folder)));
    all.partition(|file| file.extension().is_some_and(|extension| extension == "toml"))
}

/// What happens to whole files: each a description, and the files with what
/// they hold then, or nothing where they are gone.
type Spoilt = (String, Vec<(PathBuf, Option<Vec<u8>>)>);

fn whole_files(root: &Path) -> Vec<Spoilt> {
    let (written, sealed) = files(root);
    let mut spoilt = Vec::new();
    let name = |file: &Path| file.strip_prefix(root).unwrap().display().to_string();
    for group in [&written, &sealed] {
        for file in group {
            let content = fs::read(file).unwrap();
            spoilt.push((format!("{} is lost", name(file)), vec![(file.clone(), None)]));
            let half = content[..content.len() / 2].to_vec();
            spoilt.push((format!("{} is cut off", name(file)), vec![(file.clone(), Some(half))]));
            let copy = file.with_file_name(format!(
                "{}-2.{}",
                file.file_stem().unwrap().to_str().unwrap(),
                file.extension().unwrap().to_str().unwrap()
            ));
            let copied = (copy.clone(), Some(content.clone()));
            spoilt.push((format!("{} is copied", name(file)), vec![copied.clone()]));
            let renamed = vec![(file.clone(), None), copied];
            spoilt.push((format!("{} is renamed", name(file)), renamed));
            for other in group.iter().filter(|other| *other > file) {
                let theirs = fs::read(other).unwrap();
                let both =
                    vec![(file.clone(), Some(theirs)), (other.clone(), Some(content.clone()))];
                spoilt.push((format!("{} and {} are swapped", name(file), name(other)), both));
                let over = vec![(other.clone(), Some(content.clone()))];
                spoilt.push((format!("{} is copied over {}", name(file), name(other)), over));
            }
        }
    }
    spoilt
}

fn single_places(root: &Path) -> Vec<Spoilt> {
    let (written, _) = files(root);
    let mut spoilt = Vec::new();
    for file in written {
        let text = fs::read_to_string(&file).unwrap();
        for (what, wrong) in words(&text).into_iter().chain(lines(&text)) {
            let name = file.strip_prefix(root).unwrap().display();
            let changed = vec![(file.clone(), Some(wrong.into_bytes()))];
            spoilt.push((format!("{name}: {what}"), changed));
        }
    }
    spoilt
}

#[test]
fn check_finds_a_mistake_or_nothing_follows_from_it() {
    let sandbox = Sandbox::new();
    let repository = store(&sandbox);
    let root = repository.root();
    let site = Site::new(root, sandbox.home().join("keys/alice.txt"));
    assert!(site.is_well());
    let before = site.outcome();
    let mut slipped = Vec::new();
    let mut count = 0;
    for (what, files) in whole_files(root).into_iter().chain(single_places(root)) {
        let kept: Vec<_> =
            files.iter().map(|(file, _)| (file.clone(), fs::read(file).ok())).collect();
        put(&files);
        count += 1;
        if site.is_well() {
            let after = site.outcome();
            if after != before && !is_like_what_is_meant(&what) {
                slipped.push(format!("{what}:\n  {before:?}\n  {after:?}"));
            }
        }
        put(&kept);
    }
    assert!(site.is_well() && site.outcome() == before);
    assert!(count > 1_000, "{count}");
    assert!(slipped.is_empty(), "{} of {count}:\n{}", slipped.len(), slipped.join("\n"));
}

fn put(files: &[(PathBuf, Option<Vec<u8>>)]) {
    for (file, content) in files {
        match content {
            Some(content) => fs::write(file, content).unwrap(),
            None => fs::remove_file(file).unwrap_or_default(),
        }
    }
}
