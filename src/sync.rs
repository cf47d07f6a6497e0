//! The story of a sync, from top to bottom.
//!
//! 1. Read Vault, while the static values are opened on other threads.
//! 2. Resolve everything. Whatever cannot be resolved is reported at once, and
//!    nothing is written.
//! 3. Plan. A dry run stops here, and so does a plan without changes.
//! 4. Ask whether the token may write all of it.
//! 5. Generate what is yet to be made, and write: one KV version for each
//!    entry that changes, on condition that the entry is still what was read.
//!    Beside it goes a note of the commit that it is from, if Vault allows.
//!
//! Where an entry changed meanwhile, everything is read and resolved anew: the
//! other writer's generated values are kept, and their copies follow. What this
//! run generated is used again where it is still wanted. Stopped at any point,
//! the next run finds what is done and does the rest.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use rand::CryptoRng;
use thiserror::Error;

use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Environment, Kind, SecretValue};
use crate::plan::{DOCKERCONFIGJSON, Deletion, EntryChange, Guard, KeyChange, Plan, TooMuch, plan};
use crate::provenance::Provenance;
use crate::resolve::{Inputs, MintError, Minted, Policy, Problem, Resolved, Values, mint, resolve};
use crate::static_values::StaticValues;
use crate::trust::{RolledBack, VerifiedHistory};
use crate::vault::{CurrentSecrets, CurrentValue, Failure, Lacking, VaultClient, VaultError};

/// How often everything is read anew because an entry changed meanwhile.
const MAX_ROUNDS: u32 = 8;
/// How long it waits before the first time; twice as long before each next.
const FIRST_WAIT: Duration = Duration::from_millis(20);
/// How many entries are written at once.
const CONCURRENT_WRITES: usize = 8;

/// A sync that did not do all that it should.
#[derive(Debug, Error)]
pub enum SyncError {
    /// Secrets that cannot be resolved. Nothing was written.
    #[error("{} of the environment's secrets cannot be resolved; nothing was written", .0.len())]
    Unresolved(Vec<Problem>),
    /// A secret that cannot be generated. Nothing was written in this round.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// Vault could not be read. Nothing was written in this round.
    #[error("Vault could not be read")]
    Read(#[source] VaultError),
    /// Entries that could not be written. All others were, but for those that
    /// were not tried any more, since the server itself failed.
    #[error(
        "{} could not be written{}; what was written is complete, and running this again does the \
         rest",
        names(.failures),
        and_more(.not_tried.len())
    )]
    Write {
        /// What failed.
        failures: Vec<(ApplicationName, VaultError)>,
        /// What was not tried any more.
        not_tried: Vec<ApplicationName>,
    },
    /// The token may not do all that is to be done. Nothing was written.
    #[error("the token may not do all that this sync takes; nothing was written")]
    Denied {
        /// What it may not do.
        lacking: Vec<Lacking>,
        /// A policy that allows it.
        policy: String,
    },
    /// It would delete more than is ever meant. Nothing was written in this
    /// round.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// Vault holds what is from a later commit, or from another history.
    #[error(transparent)]
    RolledBack(#[from] RolledBack),
    /// Vault kept changing.
    #[error("{} kept changing in Vault while being written", names_only(.0))]
    Changed(Vec<ApplicationName>),
}

fn names(failures: &[(ApplicationName, VaultError)]) -> String {
    failures.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => " and 1 more was not tried".to_owned(),
        count => format!(" and {count} more were not tried"),
    }
}

fn names_only(names: &[ApplicationName]) -> String {
    names.iter().map(ApplicationName::as_str).collect::<Vec<_>>().join(", ")
}

/// What happens on the way, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// This is what will be done.
    Planned(&'a Plan),
    /// Values are being generated, which may take seconds.
    Generating,
    /// An entry was written.
    Written(&'a ApplicationName, &'a EntryChange),
    /// An entry was written or verified, but not the note of where it is from.
    NotNoted(&'a ApplicationName, VaultError),
    /// Entries are replaced, and Vault keeps no version but the newest.
    KeepsOneVersion,
    /// Entries changed meanwhile; everything is read anew.
    Retrying(&'a [ApplicationName]),
}

/// A sync with all that it needs.
#[derive(Debug, Clone, Copy)]
pub struct Sync<'a> {
    /// The environment with its specs.
    pub environment: &'a Environment,
    /// Values from outside.
    pub static_values: &'a StaticValues,
    /// The Vault that it goes to.
    pub vault: &'a VaultClient,
    /// What the user decided.
    pub policy: &'a Policy,
    /// What is deleted of what nothing needs.
    pub deletion: Deletion,
    /// What to note in the custom metadata of each entry that is written.
    pub note: &'a BTreeMap<String, String>,
    /// The verified history that all of this is from, where there is one. Of
    /// what Vault was synced from, nothing may be missing in it, and its last
    /// commit is remembered in Vault even where nothing is written.
    pub history: Option<&'a VerifiedHistory>,
}

impl Sync<'_> {
    /// Resolves and plans, without writing.
    ///
    /// # Errors
    /// Secrets that cannot be resolved.
    pub fn plan(
        &self,
        current: &CurrentSecrets,
        minted: &Minted,
    ) -> Result<(Resolved, Plan), Vec<Problem>> {
        let (environment, static_values, policy) =
            (self.environment, self.static_values, self.policy);
        let resolved = resolve(&Inputs { environment, static_values, current, minted, policy })?;
        let plan = plan(&resolved, current, environment, policy, self.deletion);
        Ok((resolved, plan))
    }

    /// Brings Vault in line, starting from what was just read from it.
    ///
    /// # Errors
    /// The first step that fails. What was written before it is complete.
    pub async fn run(
        &self,
        mut current: CurrentSecrets,
        random: &mut impl CryptoRng,
        clock: impl Fn() -> Timestamp,
        mut observe: impl FnMut(Event<'_>),
    ) -> Result<(), SyncError> {
        let mut minted = Minted::default();
        let mut conflicts = Vec::new();
        let mut is_noted = false;
        let mut guard = Guard::default();
        for round in 0..MAX_ROUNDS {
            if round > 0 {
                observe(Event::Retrying(&conflicts));
                // A node that lags behind may not know yet what was written.
                tokio::time::sleep(FIRST_WAIT * 2_u32.saturating_pow(round - 1)).await;
                current = self.read().await?;
            }
            if let Some(history) = self.history {
                history.refuse_rollback(&current)?;
            }
            let (resolved, plan) = self.plan(&current, &minted).map_err(SyncError::Unresolved)?;
            if round == 0 {
                observe(Event::Planned(&plan));
            }
            if self.deletion == Deletion::Unknown {
                guard.judge(&plan, &current)?;
            }
            if plan.is_empty() {
                if !is_noted {
                    self.remember(&plan, &current, &mut observe).await;
                }
                return Ok(());
            }
            if round == 0 {
                self.refuse_denied(&plan, &current).await?;
                let replaces =
                    plan.changes.values().any(|one| matches!(one, EntryChange::Update { .. }));
                if replaces && self.vault.max_versions().await == Some(1) {
                    observe(Event::KeepsOneVersion);
                }
            }
            observe(Event::Generating);
            let values = mint(&resolved, &mut minted, random, clock())?;
            let pull_secret = resolved.pull_secret.as_ref();
            conflicts = self.apply(&plan, &current, &values, pull_secret, &mut observe).await?;
            is_noted |= plan.changes.values().any(|change| *change != EntryChange::Delete);
            if conflicts.is_empty() {
                if !is_noted {
                    self.remember(&plan, &current, &mut observe).await;
                }
                return Ok(());
            }
        }
        Err(SyncError::Changed(conflicts))
    }

    /// Reads what Vault holds for the environment.
    ///
    /// # Errors
    /// Any entry that could not be read.
    pub async fn read(&self) -> Result<CurrentSecrets, SyncError> {
        read(self.vault, self.environment, self.policy).await
    }

    /// Writes every entry that changes, and gives those that had changed
    /// meanwhile. One failure does not keep the others from being written.
    async fn apply(
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
                    Some(Ok(noted)) => {
                        if let Err(error) = noted {
                            observe(Event::NotNoted(application, error));
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

    /// Writes one entry, and then the note beside it: what came of the note.
    async fn write(
        &self,
        application: &ApplicationName,
        change: &EntryChange,
        current: &CurrentSecrets,
        values: &Values,
        pull_secret: Option<&SecretValue>,
    ) -> Result<Result<(), VaultError>, VaultError> {
        match change {
            EntryChange::Delete => self.vault.delete_entry(application).await?,
            EntryChange::Create { keys } | EntryChange::Update { keys } => {
                let entry = current.entries.get(application);
                let version = entry.map_or(0, |entry| entry.version);
                let data = entry.and_then(|entry| entry.data.as_ref());
                let data = merged(application, keys, data, values, pull_secret);
                self.vault.write_entry(application, &data, version).await?;
            }
        }
        Ok(self.note(application, change, current).await)
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

    /// Asks before the first write whether all of them are allowed.
    async fn refuse_denied(&self, plan: &Plan, current: &CurrentSecrets) -> Result<(), SyncError> {
        let is_there = |name| current.entries.get(name).is_some_and(|one| one.data.is_some());
        let needed = plan.changes.iter().map(|(application, change)| {
            // What was deleted is created again, as far as policies go.
            let capability = match change {
                EntryChange::Delete => "delete",
                _ if is_there(application) => "update",
                _ => "create",
            };
            (application, capability)
        });
        let lacking = self.vault.lacking(needed).await.map_err(SyncError::Read)?;
        match lacking.is_empty() {
            true => Ok(()),
            false => Err(SyncError::Denied {
                lacking,
                policy: self.vault.needed_policy(self.deletion != Deletion::Nothing),
            }),
        }
    }

    /// Has an entry remember the verified commit where nothing was written that
    /// does. Vault has no place for a note but beside an entry.
    async fn remember(
        &self,
        plan: &Plan,
        current: &CurrentSecrets,
        observe: &mut impl FnMut(Event<'_>),
    ) {
        if self.history.is_none() {
            return;
        }
        let wanted = Provenance::of_metadata(self.note).verified;
        let mut stay = current.entries.iter().filter(|(application, entry)| {
            entry.data.is_some() && !plan.changes.contains_key(*application)
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

    /// Notes where an entry is from, beside what others have noted there.
    async fn note(
        &self,
        application: &ApplicationName,
        change: &EntryChange,
        current: &CurrentSecrets,
    ) -> Result<(), VaultError> {
        if self.note.is_empty() || *change == EntryChange::Delete {
            return Ok(());
        }
        let entry = current.entries.get(application);
        let mut note = entry.map(|entry| entry.custom_metadata.clone()).unwrap_or_default();
        note.extend(self.note.clone());
        self.vault.write_metadata(application, &note).await
    }
}

/// Reads what Vault holds for an environment. The entries of excluded
/// applications are left alone, unless others copy from them: the token may not
/// be allowed to read them.
///
/// # Errors
/// Any entry that could not be read.
pub async fn read(
    vault: &VaultClient,
    environment: &Environment,
    policy: &Policy,
) -> Result<CurrentSecrets, SyncError> {
    let needed = environment.applications.iter().filter(|(_, needs)| !needs.secrets.is_empty());
    let sources: BTreeSet<&ApplicationName> = environment
        .secrets()
        .filter(|(application, _, _)| !policy.exclude.contains(*application))
        .filter_map(|(_, _, spec)| match &spec.kind {
            Kind::Copy(source) => Some(&source.application),
            _ => None,
        })
        .collect();
    let leave = policy.exclude.iter().filter(|name| !sources.contains(name)).cloned().collect();
    let needed = needed.map(|(name, _)| name);
    vault.read_environment(needed, &leave).await.map_err(SyncError::Read)
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
