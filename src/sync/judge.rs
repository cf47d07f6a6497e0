//! Sync as a merge: what Vault holds is judged before it is replaced.
//!
//! Each entry notes the commit that it was written from. That commit's store is
//! the base, the store now is one side, Vault is the other:
//!
//! - A commit that is no part of the history means that the store is older than
//!   Vault, or from another line: nothing is written, as git refuses a push that
//!   is no fast-forward.
//! - What differs from the base in the store alone is what a sync is for.
//! - What differs from the base in Vault alone was changed there by hand. The
//!   [`DriftRules`](crate::store::DriftRules) say what becomes of it.
//! - What differs in both is a conflict: nothing is written.
//!
//! An entry without a note is from before, or from another program: there is no
//! base, and the store counts.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use jiff::Timestamp;

use super::base::{Ancestry, AtBase, Base, Secret, StoreHistory};
use super::judgement::{Behind, Drift, DriftChange, Judgement, Relation};
use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Environment, KeyName, Kind, SecretValue};
use crate::plan::{DOCKERCONFIGJSON, EntryChange, KeyChange, Plan};
use crate::provenance::Provenance;
use crate::repo::short;
use crate::resolve::{Desired, Minted, Policy, Regenerate, Resolved};
use crate::static_values::is_same_pull_secret;
use crate::store::DriftRule;
use crate::vault::{CurrentSecrets, CurrentValue, Entry};

/// What is judged: a plan, and what it was made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) environment: &'a Environment,
    pub(super) policy: &'a Policy,
    pub(super) current: &'a CurrentSecrets,
    pub(super) minted: &'a Minted,
    pub(super) resolved: &'a Resolved,
    pub(super) plan: &'a Plan,
}

impl StoreHistory {
    /// The commit that is synced.
    #[must_use]
    pub fn commit(&self) -> Option<Oid> {
        self.at.as_ref().map(|(_, commit)| *commit)
    }

    /// Judges what a plan would replace.
    pub(super) fn judge(&self, case: &Case<'_>) -> Judgement {
        let mut judgement = Judgement::default();
        let mut suspects: BTreeMap<Oid, BTreeSet<ApplicationName>> = BTreeMap::new();
        for (application, change) in &case.plan.changes {
            let Some((entry, noted, commit)) = noted(case.current, application) else { continue };
            match self.ancestry(&commit) {
                Ancestry::Ancestor(commit) => {
                    let is_suspect = || {
                        let written = noted.entry_version == Some(entry.version);
                        noted.is_modified || !written || self.may_be_kept(application, change)
                    };
                    if is_suspect() {
                        suspects.entry(commit).or_default().insert(application.clone());
                    }
                }
                _ if self.may_go_back => {}
                Ancestry::Hidden => self.judge_by_time(case, application, &commit, &mut judgement),
                other => judgement.behind.push(Behind {
                    application: application.clone(),
                    commit,
                    relation: match other {
                        Ancestry::Later => Relation::Later,
                        Ancestry::Unknown => Relation::Unknown,
                        _ => Relation::Elsewhere,
                    },
                }),
            }
        }
        for (commit, applications) in suspects {
            let Case { environment, current, minted, policy, .. } = *case;
            let base = self.base(commit, &environment.name, &applications, current, minted, policy);
            let base = base.map_err(|why| {
                let why = format!("commit {}: {why}", short(commit));
                judgement.unknown_base.get_or_insert(why);
            });
            for application in &applications {
                self.judge_entry(case, application, base.as_ref().ok(), &mut judgement);
            }
        }
        judgement.drift.sort_by(|one, other| {
            (&one.application, &one.key).cmp(&(&other.application, &other.key))
        });
        judgement
    }

    /// Whether a rule may keep one of the keys that change. What was kept at
    /// the last sync differs from its base, whoever wrote the entry last.
    fn may_be_kept(&self, application: &ApplicationName, change: &EntryChange) -> bool {
        keys(change).any(|(key, _)| self.drift.rule(application, key) == DriftRule::Keep)
    }

    /// Judges each key of an entry that changes.
    fn judge_entry(
        &self,
        case: &Case<'_>,
        application: &ApplicationName,
        base: Option<&Base>,
        judgement: &mut Judgement,
    ) {
        let (Some(entry), Some(change)) =
            (case.current.entries.get(application), case.plan.changes.get(application))
        else {
            return;
        };
        let mut add = |key: Option<&str>, change, is_conflict| {
            let action = self.action(case, application, key, is_conflict);
            judgement.drift.push(Drift {
                application: application.clone(),
                key: key.map(str::to_owned),
                change,
                is_conflict,
                action,
                is_static: key.is_some_and(|key| is_static(case.environment, (application, key))),
                version: entry.version,
                time: entry.created_at,
            });
        };
        let Some(data) = &entry.data else {
            add(None, DriftChange::Removed, false);
            return;
        };
        for (key, change) in keys(change) {
            let secret = (application, key);
            let theirs = data.get(key);
            let Some(ours) = ours(case.resolved, secret).filter(|_| *change != KeyChange::Delete)
            else {
                continue;
            };
            if is_meant(case.policy, secret) {
                continue;
            }
            let verdict = match base {
                Some(base) => self.verdict(case, base, secret, &ours, theirs),
                None => self.verdict_by_time(case, entry, secret, theirs),
            };
            let is_conflict = match verdict {
                Verdict::Ours => continue,
                Verdict::Theirs => false,
                Verdict::Both => true,
            };
            let change = if theirs.is_some() { DriftChange::Changed } else { DriftChange::Removed };
            add(Some(key), change, is_conflict);
        }
    }

    /// Where a secret was changed that differs between the store and Vault.
    fn verdict(
        &self,
        case: &Case<'_>,
        base: &Base,
        secret: Secret<'_>,
        ours: &Desired,
        theirs: Option<&CurrentValue>,
    ) -> Verdict {
        let is_theirs = |value: &SecretValue| match theirs {
            Some(CurrentValue::Text(theirs)) if is_pull_secret(secret) => {
                is_same_pull_secret(value, theirs)
            }
            Some(CurrentValue::Text(theirs)) => value == theirs,
            _ => false,
        };
        let changed_in = match base.get(&self.tree, secret) {
            AtBase::Is(Desired::Value(value)) if is_theirs(&value) => return Verdict::Ours,
            AtBase::Is(value) if value == *ours => Verdict::Theirs,
            AtBase::SameAsNow => Verdict::Theirs,
            // It was made anew meanwhile: its source changed in the store.
            AtBase::Is(Desired::Value(_))
                if matches!(ours, Desired::Pending(_)) && theirs.is_some() =>
            {
                return Verdict::Ours;
            }
            AtBase::Is(_) => Verdict::Both,
            AtBase::Nothing if theirs.is_none() => return Verdict::Ours,
            AtBase::Nothing => Verdict::Both,
            AtBase::Closed => {
                let entry = case.current.entries.get(secret.0);
                return entry.map_or(Verdict::Both, |entry| {
                    self.verdict_by_time(case, entry, secret, theirs)
                });
            }
        };
        // What the store had meanwhile came from here: the note of a later sync
        // is missing, or there was more in the work tree than in the commit.
        match theirs {
            Some(CurrentValue::Text(text))
                if self.has_had(base, case.environment, secret, text) =>
            {
                Verdict::Ours
            }
            _ => changed_in,
        }
    }

    /// The same without a base: what was set after Vault's version was written
    /// is newer.
    fn verdict_by_time(
        &self,
        case: &Case<'_>,
        entry: &Entry,
        secret: Secret<'_>,
        theirs: Option<&CurrentValue>,
    ) -> Verdict {
        match (self.set_at(case.environment, secret), entry.created_at) {
            (Some(ours), Some(theirs)) if ours > theirs => Verdict::Theirs,
            (None, _) if theirs.is_none() => Verdict::Ours,
            (None, _) => Verdict::Theirs,
            _ => Verdict::Both,
        }
    }

    /// Judges an entry from a commit of which this clone cannot tell how it
    /// relates to its own.
    fn judge_by_time(
        &self,
        case: &Case<'_>,
        application: &ApplicationName,
        commit: &str,
        judgement: &mut Judgement,
    ) {
        let (Some(entry), Some(change)) =
            (case.current.entries.get(application), case.plan.changes.get(application))
        else {
            return;
        };
        let why = match &self.at {
            Some(_) => "the clone is shallow, and the commit of the last sync is not in it",
            None => "what is synced is in no git repository",
        };
        judgement.unknown_base.get_or_insert(why.to_owned());
        let is_newer = |ours: Option<Timestamp>| match (ours, entry.created_at) {
            (Some(ours), Some(theirs)) => ours > theirs,
            _ => self.at.is_none(),
        };
        let all_newer = match self.time() {
            Some(time) => is_newer(Some(time)),
            None => keys(change)
                .all(|(key, _)| is_newer(self.set_at(case.environment, (application, key)))),
        };
        if !all_newer {
            judgement.behind.push(Behind {
                application: application.clone(),
                commit: commit.to_owned(),
                relation: Relation::Unknown,
            });
        }
    }

    /// What is done about a value that was changed in Vault.
    fn action(
        &self,
        case: &Case<'_>,
        application: &ApplicationName,
        key: Option<&str>,
        is_conflict: bool,
    ) -> DriftRule {
        let rule = self.drift.rule(application, key.unwrap_or_default());
        let overwrite = &case.policy.overwrite;
        let is_overwritten = match key.map(str::parse::<KeyName>) {
            Some(Ok(key)) => overwrite.names(application, &key),
            _ => {
                matches!(overwrite, Regenerate::Everything)
                    || matches!(overwrite, Regenerate::Only(names)
                    if names.iter().any(|(name, key)| name == application && key.is_none()))
            }
        };
        match rule {
            _ if is_overwritten => DriftRule::Revert,
            _ if is_conflict => DriftRule::Refuse,
            // Of an entry that is gone there is nothing to keep.
            DriftRule::Keep if key.is_none() => DriftRule::Revert,
            rule => rule,
        }
    }
}

/// Where a secret was changed since the last sync.
enum Verdict {
    /// In the store.
    Ours,
    /// In Vault.
    Theirs,
    /// In both.
    Both,
}

/// An entry that is there, or was, with the note of a commit.
fn noted<'a>(
    current: &'a CurrentSecrets,
    application: &ApplicationName,
) -> Option<(&'a Entry, Provenance, String)> {
    let entry = current.entries.get(application)?;
    let noted = Provenance::of_metadata(&entry.custom_metadata);
    let commit = noted.commit.clone()?;
    Some((entry, noted, commit))
}

/// The keys of an entry that change.
fn keys(change: &EntryChange) -> impl Iterator<Item = (&str, &KeyChange)> {
    let keys = match change {
        EntryChange::Create { keys } | EntryChange::Update { keys } => Some(keys),
        EntryChange::Delete => None,
    };
    keys.into_iter().flatten().map(|(key, change)| (key.as_str(), change))
}

/// What a secret should be.
fn ours(resolved: &Resolved, secret: Secret<'_>) -> Option<Desired> {
    let (application, key) = secret;
    if is_pull_secret(secret) {
        return resolved.pull_secret.clone().map(Desired::Value);
    }
    resolved.applications.get(application)?.get(key).cloned()
}

fn is_pull_secret((application, key): Secret<'_>) -> bool {
    application.as_str() == PULL_SECRET && key == DOCKERCONFIGJSON
}

fn is_static(environment: &Environment, secret: Secret<'_>) -> bool {
    let (application, key) = secret;
    let spec = key.parse::<KeyName>().ok().and_then(|key| environment.spec(application, &key));
    is_pull_secret(secret) || spec.is_some_and(|spec| spec.kind == Kind::Static)
}

/// Whether somebody asked for a secret to be made anew.
fn is_meant(policy: &Policy, (application, key): Secret<'_>) -> bool {
    key.parse::<KeyName>().is_ok_and(|key| policy.regenerate.names(application, &key))
}
