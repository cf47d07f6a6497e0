//! Carries a plan out: writes entries, and notes beside them where they are
//! from.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::{Event, Foreign, Sync, SyncError};
use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Kind, SecretValue};
use crate::plan::{DOCKERCONFIGJSON, EntryChange, KeyChange, Plan};
use crate::provenance::{Provenance, signpost};
use crate::resolve::Values;
use crate::vault::{CurrentSecrets, CurrentValue, Failure, VaultError};

/// How many entries are written at once.
const CONCURRENT_WRITES: usize = 8;

impl Sync<'_> {
    /// Writes every entry that changes, and gives those that had changed
    /// meanwhile. One failure does not keep the others from being written.
    pub(super) async fn apply(
        &self,
        plan: &Plan,
        current: &CurrentSecrets,
        values: &Values,
        pull_secret: Option<&SecretValue>,
        observe: &mut impl FnMut(Event<'_>),
    ) -> Result<Vec<ApplicationName>, SyncError> {
        let (mut conflicts, mut failures, mut not_tried) = (Vec::new(), Vec::new(), Vec::new());
        // Where the server itself fails, each of hundreds of writes would wait
        // in vain, and say the same.
        let is_down = &Cell::new(false);
        let write = |(application, change)| async move {
            if is_down.get() {
                return (application, change, None);
            }
            let written = self.write(application, change, current, values, pull_secret).await;
            let failure = written.as_ref().err().and_then(VaultError::failure);
            if failure.is_some_and(Failure::concerns_the_server) {
                is_down.set(true);
            }
            (application, change, Some(written))
        };
        for changes in self.in_order(plan) {
            if !conflicts.is_empty() {
                // A source may come to another value, and its copies with it.
                break;
            }
            // A copy of what was not written would be of a value that is nowhere.
            let failed: BTreeSet<&ApplicationName> =
                failures.iter().map(|(application, _)| application).chain(&not_tried).collect();
            let (left, changes): (Vec<_>, Vec<_>) = changes
                .into_iter()
                .partition(|(application, _)| self.copies_from(application, &failed));
            let left: Vec<ApplicationName> =
                left.into_iter().map(|(application, _)| application.clone()).collect();
            not_tried.extend(left);
            let mut writes = stream::iter(changes).map(write).buffered(CONCURRENT_WRITES);
            while let Some((application, change, written)) = writes.next().await {
                match written {
                    Some(Ok((noted, deleted_at))) => {
                        if let Err(error) = noted {
                            observe(Event::NotNoted(application, error));
                        }
                        if let Some(time) = deleted_at {
                            observe(Event::WillBeDeleted(application, time));
                        }
                        observe(Event::Written(application, change));
                    }
                    Some(Err(error)) if error.is_conflict() => conflicts.push(application.clone()),
                    Some(Err(error)) => failures.push((application.clone(), error)),
                    None => not_tried.push(application.clone()),
                }
            }
        }
        match failures.is_empty() {
            true => Ok(conflicts),
            false => Err(SyncError::Write { failures, not_tried }),
        }
    }

    /// Writes one entry, and then the note beside it: what came of the note,
    /// and when Vault will delete what was written.
    async fn write(
        &self,
        application: &ApplicationName,
        change: &EntryChange,
        current: &CurrentSecrets,
        values: &Values,
        pull_secret: Option<&SecretValue>,
    ) -> Result<(Result<(), VaultError>, Option<Timestamp>), VaultError> {
        match change {
            EntryChange::Delete => {
                self.vault.delete_entry(application).await?;
                Ok((Ok(()), None))
            }
            EntryChange::Create { keys } | EntryChange::Update { keys } => {
                let entry = current.entries.get(application);
                let version = entry.map_or(0, |entry| entry.version);
                let data = entry.and_then(|entry| entry.data.as_ref());
                let data = merged(application, keys, data, values, pull_secret);
                let written = self.vault.write_entry(application, &data, version).await?;
                let noted = self.note(application, written.version, current).await;
                Ok((noted, written.deleted_at))
            }
        }
    }

    /// The changes in two groups: first all that copy nothing of another entry
    /// that changes. Stopped in between, nothing has a copy of what is not
    /// there.
    fn in_order<'p>(&self, plan: &'p Plan) -> [Vec<(&'p ApplicationName, &'p EntryChange)>; 2] {
        let copies = |application: &ApplicationName| {
            let needs = self.environment.applications.get(application);
            needs.into_iter().flat_map(|needs| needs.secrets.values()).any(|spec| {
                match &spec.kind {
                    Kind::Copy(source) => {
                        source.application != *application
                            && plan.changes.contains_key(&source.application)
                    }
                    _ => false,
                }
            })
        };
        plan.changes.iter().partition(|(application, _)| !copies(application)).into()
    }

    /// Whether an application has a copy of a secret of one of these, by way of
    /// however many other copies.
    fn copies_from(
        &self,
        application: &ApplicationName,
        sources: &BTreeSet<&ApplicationName>,
    ) -> bool {
        let needs = self.environment.applications.get(application);
        needs.into_iter().flat_map(|needs| needs.secrets.values()).any(|spec| {
            let (mut kind, mut seen) = (&spec.kind, BTreeSet::new());
            while let Kind::Copy(source) = kind
                && seen.insert(source)
            {
                if sources.contains(&source.application) {
                    return true;
                }
                let Some(spec) = self.environment.spec(&source.application, &source.key) else {
                    return false;
                };
                kind = &spec.kind;
            }
            false
        })
    }

    /// Has an entry remember the verified commit where nothing was written that
    /// does. Vault has no place for a note but beside an entry.
    pub(super) async fn remember(
        &self,
        plan: &Plan,
        current: &CurrentSecrets,
        foreign: &[Foreign],
        observe: &mut impl FnMut(Event<'_>),
    ) {
        if self.history.is_none() {
            return;
        }
        let wanted = Provenance::of_metadata(self.note).verified;
        let is_foreign =
            |name: &ApplicationName| foreign.iter().any(|one| one.application == *name);
        let may_note = self.owner.is_none_or(|owner| owner.may_take_over);
        let mut stay = current.entries.iter().filter(|(application, entry)| {
            entry.data.is_some()
                && !plan.changes.contains_key(*application)
                && !self.policy.exclude.contains(*application)
                && (may_note || !is_foreign(application))
        });
        let is_remembered = stay
            .clone()
            .any(|(_, entry)| Provenance::of_metadata(&entry.custom_metadata).verified == wanted);
        let Some((application, entry)) = stay.next().filter(|_| !is_remembered) else { return };
        let mut note = entry.custom_metadata.clone();
        // What the entry holds is from where it was.
        let verified = Provenance { verified: wanted, ..Provenance::default() };
        note.extend(verified.to_metadata());
        if let Err(error) = self.vault.write_metadata(application, &note).await {
            observe(Event::NotNoted(application, error));
        }
    }

    /// Notes where the version of an entry is from that was written, beside
    /// what others have noted there.
    pub(super) async fn note(
        &self,
        application: &ApplicationName,
        version: u64,
        current: &CurrentSecrets,
    ) -> Result<(), VaultError> {
        let entry = current.entries.get(application);
        let mut before = entry.map(|entry| entry.custom_metadata.clone()).unwrap_or_default();
        if current.without_version.contains(application) {
            before = self.vault.read_entry(application).await?.custom_metadata;
        }
        let mut note = before.clone();
        note.extend(self.note.clone());
        note.extend(Provenance::of_environment(&self.environment.name).to_metadata());
        // What is from no commit leaves the note of the last one: what was
        // written since then differs from it.
        if Provenance::of_metadata(self.note).commit.is_some() {
            note.extend(signpost(&self.environment.name, application));
            let version = Provenance { entry_version: Some(version), ..Provenance::default() };
            note.extend(version.to_metadata());
        } else if note == before {
            return Ok(());
        }
        self.vault.write_metadata(application, &note).await
    }
}

/// What an entry will hold: what it holds now, with the changes made.
fn merged(
    application: &ApplicationName,
    keys: &BTreeMap<String, KeyChange>,
    current: Option<&BTreeMap<String, CurrentValue>>,
    values: &Values,
    pull_secret: Option<&SecretValue>,
) -> BTreeMap<String, CurrentValue> {
    let mut data = current.cloned().unwrap_or_default();
    for (key, change) in keys {
        let value = if application.as_str() == PULL_SECRET && key == DOCKERCONFIGJSON {
            pull_secret
        } else {
            values.get(application).and_then(|values| values.get(key.as_str()))
        };
        match (change, value) {
            (KeyChange::Create | KeyChange::Update, Some(value)) => {
                data.insert(key.clone(), CurrentValue::Text(value.clone()));
            }
            (KeyChange::Create | KeyChange::Update, None) => {}
            (KeyChange::Delete, _) => {
                data.remove(key);
            }
        }
    }
    data
}
