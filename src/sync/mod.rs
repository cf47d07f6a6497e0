//! The story of a sync, from top to bottom.
//!
//! 1. Read Vault, while the static values are opened on other threads.
//! 2. Resolve everything. Whatever cannot be resolved is reported at once, and
//!    nothing is written.
//! 3. Plan, and refuse what another environment wrote ([`Owner`]). Judge what
//!    would be replaced: what is from a later commit, or was changed by hand, is
//!    refused or named ([`Judgement`]). A dry run stops here, and so does a plan
//!    without changes.
//! 4. Ask whether the token may write all of it.
//! 5. Generate what is yet to be made, and write: one KV version for each
//!    entry that changes, on condition that the entry is still what was read.
//!    Beside it goes a note of the commit that it is from, if Vault allows.
//!
//! Where an entry changed meanwhile, everything is read and resolved anew: the
//! other writer's generated values are kept, and their copies follow. What this
//! run generated is used again where it is still wanted. Stopped at any point,
//! the next run finds what is done and does the rest.

mod apply;
mod base;
mod judge;
mod judgement;
mod ownership;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use git2::Oid;
use jiff::Timestamp;
use rand::CryptoRng;
use thiserror::Error;

pub use base::StoreHistory;
use judge::Case;
pub use judgement::{Behind, Diverged, Drift, DriftChange, Judgement, Relation};
pub use ownership::{Foreign, NotOurs, Owner};

use crate::model::{ApplicationName, Environment, Kind, SecretValue};
use crate::plan::{Deletion, EntryChange, Guard, Plan, TooMuch, plan};
use crate::resolve::{Inputs, MintError, Minted, Policy, Problem, Resolved, Values, mint, resolve};
use crate::static_values::StaticValues;
use crate::trust::{RolledBack, VerifiedHistory};
use crate::vault::{CurrentSecrets, Lacking, MountLimits, VaultClient, VaultError};

/// How often everything is read anew because an entry changed meanwhile.
const MAX_ROUNDS: u32 = 8;
/// How long it waits before the first time; twice as long before each next.
const FIRST_WAIT: Duration = Duration::from_millis(20);

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
    /// Vault holds what another environment or repository wrote. Nothing was
    /// written in this round.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// Vault holds what is from elsewhere, or was changed there by hand.
    /// Nothing was written in this round.
    #[error(transparent)]
    Diverged(#[from] Diverged),
    /// Vault changed while it was written, such that more would be deleted than
    /// was agreed to. What was written is complete.
    #[error(
        "Vault changed meanwhile, and more would be deleted than was agreed to; what was written \
         is complete"
    )]
    NotAgreed,
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
    /// In a later round, something else was found in Vault that is not from the
    /// store.
    Judged(&'a Judgement),
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
    /// Vault deletes each version by itself after this time.
    DeletesVersions(&'a str),
    /// Vault will delete by itself what was written, since the entry or the
    /// mount is set so.
    WillBeDeleted(&'a ApplicationName, Timestamp),
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
    /// The store that the static values are from, with its history: the base of
    /// what Vault holds. `None` where they are from elsewhere.
    pub store: Option<&'a StoreHistory>,
    /// In whose name it writes; `None` where nothing is written.
    pub owner: Option<&'a Owner>,
    /// What somebody was asked about and agreed to: no more is deleted.
    pub agreed: Option<&'a Plan>,
}

/// What a sync does, and why.
#[derive(Debug)]
pub struct Decision {
    /// What every secret should be.
    pub resolved: Resolved,
    /// What changes.
    pub plan: Plan,
    /// What Vault holds that is not from the store.
    pub judgement: Judgement,
}

impl Sync<'_> {
    /// The commit that is synced, if there is one.
    #[must_use]
    pub fn ours(&self) -> Option<Oid> {
        self.store.and_then(StoreHistory::commit)
    }

    /// Resolves, plans, and judges what would be replaced, without writing.
    ///
    /// # Errors
    /// Secrets that cannot be resolved.
    pub fn decide(
        &self,
        current: &CurrentSecrets,
        minted: &Minted,
    ) -> Result<Decision, Vec<Problem>> {
        let (resolved, plan) = self.plan(self.policy, current, minted)?;
        let Some(store) = self.store else {
            return Ok(Decision { resolved, plan, judgement: Judgement::default() });
        };
        let (environment, policy) = (self.environment, self.policy);
        let case = Case { environment, policy, current, minted, resolved: &resolved, plan: &plan };
        let judgement = store.judge(&case);
        let kept: BTreeSet<_> = judgement.kept().collect();
        if kept.is_empty() {
            return Ok(Decision { resolved, plan, judgement });
        }
        let policy = Policy { kept, ..policy.clone() };
        let (resolved, plan) = self.plan(&policy, current, minted)?;
        Ok(Decision { resolved, plan, judgement })
    }

    fn plan(
        &self,
        policy: &Policy,
        current: &CurrentSecrets,
        minted: &Minted,
    ) -> Result<(Resolved, Plan), Vec<Problem>> {
        let (environment, static_values) = (self.environment, self.static_values);
        let resolved = resolve(&Inputs { environment, static_values, current, minted, policy })?;
        let plan = plan(&resolved, current, environment, policy, self.deletion);
        Ok((resolved, plan))
    }

    /// Brings Vault in line, starting from what was just read from it, and gives
    /// what was done, in however many rounds.
    ///
    /// # Errors
    /// The first step that fails. What was written before it is complete.
    pub async fn run<R: CryptoRng + 'static>(
        &self,
        mut current: CurrentSecrets,
        random: fn() -> R,
        clock: impl Fn() -> Timestamp,
        mut observe: impl FnMut(Event<'_>),
    ) -> Result<Plan, SyncError> {
        let mut done = Plan::default();
        let mut minted = Minted::default();
        let mut conflicts = Vec::new();
        let mut is_noted = false;
        let mut guard = Guard::default();
        let mut judged = Judgement::default();
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
            let foreign = self.take_over(&mut current);
            let Decision { resolved, plan, judgement } =
                self.decide(&current, &minted).map_err(SyncError::Unresolved)?;
            self.refuse_foreign(&foreign, &plan, &current)?;
            judgement.refuse(self.ours())?;
            if round > 0 && judgement != judged {
                observe(Event::Judged(&judgement));
            }
            judged = judgement;
            if round == 0 {
                observe(Event::Planned(&plan));
            }
            if round > 0 && self.agreed.is_some_and(|agreed| plan.deletes_beyond(agreed)) {
                return Err(SyncError::NotAgreed);
            }
            if self.deletion == Deletion::Unknown {
                guard.judge(&plan, &current)?;
            }
            if plan.is_empty() {
                self.note_taken_over(&foreign, &plan, &current, &mut observe).await;
                if !is_noted {
                    self.remember(&plan, &current, &foreign, &mut observe).await;
                }
                return Ok(Plan { changes: done.changes, ..plan });
            }
            if round == 0 {
                self.refuse_denied(&plan, &current).await?;
                let replaces =
                    plan.changes.values().any(|one| matches!(one, EntryChange::Update { .. }));
                let writes = plan.changes.values().any(|one| *one != EntryChange::Delete);
                let limits = if writes { self.vault.mount_limits().await } else { None };
                if replaces && limits.as_ref().is_some_and(|limits| limits.max_versions == 1) {
                    observe(Event::KeepsOneVersion);
                }
                if let Some(after) = limits.as_ref().and_then(MountLimits::deletes_after) {
                    observe(Event::DeletesVersions(after));
                }
            }
            observe(Event::Generating);
            let (values, pull_secret);
            (values, pull_secret, minted) = generate(resolved, minted, random, clock()).await?;
            let pull_secret = pull_secret.as_ref();
            let observe_written = |event: Event<'_>| {
                if let Event::Written(application, change) = &event {
                    done.add(application, change);
                }
                observe(event);
            };
            conflicts =
                self.apply(&plan, &current, &values, pull_secret, &mut { observe_written }).await?;
            is_noted = done.changes.values().any(|change| *change != EntryChange::Delete);
            if conflicts.is_empty() {
                self.note_taken_over(&foreign, &plan, &current, &mut observe).await;
                if !is_noted {
                    self.remember(&plan, &current, &foreign, &mut observe).await;
                }
                return Ok(Plan { changes: done.changes, ..plan });
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
}

/// Makes every pending value beside the thread that waits for Vault: a hash or a
/// key takes so long that the requests of other environments would time out.
async fn generate<R: CryptoRng + 'static>(
    resolved: Resolved,
    mut minted: Minted,
    random: fn() -> R,
    now: Timestamp,
) -> Result<(Values, Option<SecretValue>, Minted), SyncError> {
    let work = move || {
        let values = mint(&resolved, &mut minted, &mut random(), now)?;
        Ok((values, resolved.pull_secret, minted))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(generated) => generated,
        Err(error) => std::panic::resume_unwind(Box::new(error)),
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
