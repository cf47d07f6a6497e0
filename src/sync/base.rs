//! The store as it was when Vault was last synced from it: the base of a merge
//! whose two sides are the store now and Vault.

use std::collections::BTreeSet;

use git2::{Oid, Sort};
use jiff::Timestamp;

use crate::layout::{Layout, OIDC_CLIENTS, PULL_SECRET};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, KeyName, Kind, SecretId, SecretValue,
};
use crate::plan::DOCKERCONFIGJSON;
use crate::repo::GitRepository;
use crate::resolve::{Desired, Inputs, Minted, Policy, Resolved, resolve_each};
use crate::static_values::StaticValues;
use crate::store::{
    DriftRules, Identities, Sameness, Store, ValueIdentity, inspect, is_backup, open, sealed_path,
};
use crate::tree::Tree;
use crate::vault::CurrentSecrets;

/// The store that is synced, with its history.
#[derive(Debug)]
pub struct StoreHistory {
    /// The repository, and the commit that the store is at; `None` where there
    /// is no repository, or none with a commit.
    pub at: Option<(GitRepository, Oid)>,
    /// The store as it is synced.
    pub tree: Tree,
    /// What opens earlier values.
    pub identities: Identities,
    /// What becomes of values that were changed in Vault by hand.
    pub drift: DriftRules,
    /// Whether Vault may have been synced from elsewhere.
    pub may_go_back: bool,
}

/// How a commit that Vault names relates to the one that is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ancestry {
    /// It is part of the history.
    Ancestor(Oid),
    /// The history is part of its own: what is synced is older.
    Later,
    /// It went another way.
    Elsewhere,
    /// The repository does not have it.
    Unknown,
    /// It does not show: the clone is shallow, or there is no repository.
    Hidden,
}

impl StoreHistory {
    /// How a commit relates to the one that is synced.
    pub(super) fn ancestry(&self, commit: &str) -> Ancestry {
        let Some((repository, ours)) = &self.at else { return Ancestry::Hidden };
        let git = repository.git();
        let Ok(commit) = Oid::from_str(commit) else { return Ancestry::Unknown };
        let descends = |one, other| git.graph_descendant_of(one, other).unwrap_or(false);
        if commit == *ours || descends(*ours, commit) {
            return Ancestry::Ancestor(commit);
        }
        match git.find_commit(commit) {
            Ok(_) if descends(commit, *ours) => Ancestry::Later,
            _ if git.is_shallow() => Ancestry::Hidden,
            Ok(_) => Ancestry::Elsewhere,
            Err(_) => Ancestry::Unknown,
        }
    }

    /// When the commit that is synced was made.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let (repository, commit) = self.at.as_ref()?;
        let time = repository.git().find_commit(*commit).ok()?.time().seconds();
        Timestamp::from_second(time).ok()
    }

    /// When the stored value was set that a secret is made from.
    pub(super) fn set_at(
        &self,
        environment: &Environment,
        secret: Secret<'_>,
    ) -> Option<Timestamp> {
        let id = source(environment, secret)?;
        let file = self.tree.read(&sealed_path(&id)).ok()??;
        Some(inspect(&file).ok()?.seal?.set_at)
    }

    /// What the store said at a commit of these applications' secrets.
    ///
    /// # Errors
    /// Why that cannot be told, in words for people.
    pub(super) fn base(
        &self,
        commit: Oid,
        environment: &EnvironmentName,
        applications: &BTreeSet<ApplicationName>,
        current: &CurrentSecrets,
        minted: &Minted,
        policy: &Policy,
    ) -> Result<Base, String> {
        let Some((repository, _)) = &self.at else {
            return Err("there is no repository".to_owned());
        };
        let tree = repository.tree_at(commit).map_err(|error| error.to_string())?;
        let store = Store::open(&tree).map_err(|error| error.to_string())?;
        let layout = store.as_ref().map(|store| store.settings.layout);
        let layout = layout.or_else(|| Layout::detect(&tree)).ok_or("it has no store")?;
        let loaded = layout.load(&tree, environment).map_err(|error| error.to_string())?;
        let needed = with_sources(&loaded, applications);
        let mut unopened = BTreeSet::new();
        let mut values = StaticValues::default();
        if let Some(store) = &store {
            let contents = store.contents(environment).map_err(|error| error.to_string())?;
            let is_needed = |id: &SecretId| {
                let folder = id.application.as_str();
                !is_backup(id)
                    && (needed.contains(&id.application)
                        || [PULL_SECRET, OIDC_CLIENTS].contains(&folder))
            };
            let (opened, failures) = contents.open_all(is_needed, &self.identities);
            unopened.extend(failures.into_iter().map(|failure| failure.id));
            values = StaticValues::from_stored(opened).map_err(|error| error.to_string())?;
        }
        let is_excluded = |name: &&ApplicationName| !needed.contains(*name);
        let policy = Policy {
            exclude: loaded.applications.keys().filter(is_excluded).cloned().collect(),
            keep_vault_static: policy.keep_vault_static,
            ..Policy::default()
        };
        let inputs = Inputs {
            environment: &loaded,
            static_values: &values,
            current,
            minted,
            policy: &policy,
        };
        let (resolved, problems) = resolve_each(&inputs);
        let unresolved =
            problems.into_iter().map(|problem| (problem.application, problem.key)).collect();
        Ok(Base { commit, tree, environment: loaded, resolved, unresolved, unopened })
    }

    /// Whether the store had a text as the value of a secret, at some commit
    /// after the base.
    pub(super) fn has_had(
        &self,
        base: &Base,
        environment: &Environment,
        secret: Secret<'_>,
        text: &SecretValue,
    ) -> bool {
        let Some(id) = source(environment, secret) else { return false };
        let is_it = |value: &SecretValue| value == text || value.to_base64() == *text;
        let is_opened = |file: &[u8]| {
            open(file, &id, &self.identities).is_ok_and(|opened| is_it(&opened.value))
        };
        self.files_since(base.commit, &sealed_path(&id)).iter().any(|file| is_opened(file))
    }

    /// The contents that a file has had after a commit.
    fn files_since(&self, base: Oid, path: &str) -> Vec<Vec<u8>> {
        let Some((repository, ours)) = &self.at else { return Vec::new() };
        let git = repository.git();
        let path = format!("{}{path}", repository.below());
        let (mut seen, mut files) = (BTreeSet::new(), Vec::new());
        let mut walk = || -> Result<(), git2::Error> {
            let mut walk = git.revwalk()?;
            walk.set_sorting(Sort::TOPOLOGICAL)?;
            walk.push(*ours)?;
            walk.hide(base)?;
            for commit in walk {
                let tree = git.find_commit(commit?)?.tree()?;
                let Ok(entry) = tree.get_path(std::path::Path::new(&path)) else { continue };
                if seen.insert(entry.id())
                    && let Ok(blob) = git.find_blob(entry.id())
                {
                    files.push(blob.content().to_vec());
                }
            }
            Ok(())
        };
        // Whatever cannot be read is no proof that the store had the value.
        let _ = walk();
        files
    }
}

/// A secret of an environment: its application and its key in Vault.
pub(super) type Secret<'a> = (&'a ApplicationName, &'a str);

/// The stored value that a secret is made from, by way of however many copies.
fn source(environment: &Environment, (application, key): Secret<'_>) -> Option<SecretId> {
    let mut at = (application.clone(), key.parse::<KeyName>().ok()?);
    for _ in 0..environment.applications.len() {
        match &environment.spec(&at.0, &at.1)?.kind {
            Kind::Static => return Some(SecretId::new(environment.name.clone(), at.0, at.1)),
            Kind::Copy(source) => at = (source.application.clone(), source.key.clone()),
            Kind::Value(_) | Kind::Generate(_) => return None,
        }
    }
    None
}

/// Applications, with those that they copy from.
fn with_sources(
    environment: &Environment,
    applications: &BTreeSet<ApplicationName>,
) -> BTreeSet<ApplicationName> {
    let mut all = applications.clone();
    let mut next: Vec<&ApplicationName> = applications.iter().collect();
    while let Some(name) = next.pop() {
        let specs =
            environment.applications.get(name).into_iter().flat_map(|one| one.secrets.values());
        for spec in specs {
            if let Kind::Copy(source) = &spec.kind
                && all.insert(source.application.clone())
            {
                next.push(&source.application);
            }
        }
    }
    all
}

/// What the store said at a commit.
#[derive(Debug)]
pub(super) struct Base {
    commit: Oid,
    tree: Tree,
    environment: Environment,
    resolved: Resolved,
    unresolved: BTreeSet<(ApplicationName, KeyName)>,
    unopened: BTreeSet<SecretId>,
}

/// What the base says of one secret.
#[derive(Debug)]
pub(super) enum AtBase {
    /// It was to be this.
    Is(Desired),
    /// Nothing needed it.
    Nothing,
    /// It cannot be opened, but it is the stored value of today.
    SameAsNow,
    /// It cannot be opened.
    Closed,
}

impl Base {
    /// What it says of one secret. `now` is the store of today.
    pub(super) fn get(&self, now: &Tree, secret: Secret<'_>) -> AtBase {
        let (application, key) = secret;
        if application.as_str() == PULL_SECRET && key == DOCKERCONFIGJSON {
            let is_closed = self.unopened.iter().any(|id| id.application.as_str() == PULL_SECRET);
            return match &self.resolved.pull_secret {
                _ if is_closed => AtBase::Closed,
                Some(value) => AtBase::Is(Desired::Value(value.clone())),
                None => AtBase::Nothing,
            };
        }
        let Ok(key) = key.parse::<KeyName>() else { return AtBase::Nothing };
        let desired = self.resolved.applications.get(application).and_then(|keys| keys.get(&key));
        if let Some(desired) = desired {
            return AtBase::Is(desired.clone());
        }
        if !self.unresolved.contains(&(application.clone(), key)) {
            return AtBase::Nothing;
        }
        match source(&self.environment, secret) {
            // It had no value then.
            Some(id) if !self.unopened.contains(&id) => AtBase::Nothing,
            Some(id) if self.is_same_value(now, &id) => AtBase::SameAsNow,
            _ => AtBase::Closed,
        }
    }

    /// Whether a stored value is that of today, by the tags of the two files.
    fn is_same_value(&self, now: &Tree, id: &SecretId) -> bool {
        let path = sealed_path(id);
        let identity = |tree: &Tree| {
            let file = tree.read(&path).ok()??;
            Some(ValueIdentity::of(&file, inspect(&file).ok().as_ref()))
        };
        let (Some(then), Some(now)) = (identity(&self.tree), identity(now)) else { return false };
        then.compare(now) == Sameness::Same
    }
}
