//! `audit`: compare Vault with what it should hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::connection::log_out;
use super::fleet::{FleetArgs, Outcome};
use super::last_synced::{LastSynced, last_synced, print_last_synced};
use super::ownership::{self, owner};
use super::provenance::Origin;
use super::session::{CompareArgs, Session, Unbound};
use super::sync::{store_history, tell_audit, warn_of_pull_secret};
use super::ui::Ui;
use super::{CliError, Context, Exit, RevisionArgs, onepassword};
use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, EnvironmentName};
use crate::plan::{Deletion, EntryChange, KeyChange, Plan};
use crate::printable::printable_name;
use crate::recovery::{Loss, losses};
use crate::resolve::{Inputs, Minted, Problem, Reason, Regenerate, resolve};
use crate::sync::{Behind, Decision, Drift, Foreign, Judgement, StoreHistory, Sync};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,

    #[command(flatten)]
    compare: CompareArgs,

    /// Also say what a rebuild of Vault from the store, with its backup, would
    /// lose
    #[arg(long)]
    rebuild: bool,

    /// Print the findings as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

/// What was found, each an `APPLICATION KEY`.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// What 1Password lacks, where values come from there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_from_onepassword: Vec<String>,
    unresolved: Vec<String>,
    missing: BTreeSet<String>,
    mismatch: BTreeSet<String>,
    unknown: BTreeSet<String>,
    /// What a rebuild would lose; `None` where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_in_rebuild: Option<BTreeSet<Loss>>,
    /// What was changed in Vault by hand since the last sync.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed_in_vault: Vec<Drift>,
    /// What Vault has from commits that are no part of this history.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_from_here: Vec<Behind>,
    /// What another environment or repository wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_ours: Vec<Foreign>,
    /// From which commits Vault was synced, as it remembers.
    last_synced: Vec<LastSynced>,
}

/// The report, as JSON.
#[derive(Serialize)]
struct Document<'a> {
    environment: &'a EnvironmentName,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run(args: &Args, context: Context<'_>) -> Result<Exit, CliError> {
    let work =
        async |name: &EnvironmentName, context: Context<'_>| audit(args, name, context).await;
    args.fleet.run(&args.compare, args.json, false, context, work)
}

async fn audit(
    args: &Args,
    name: &EnvironmentName,
    mut context: Context<'_>,
) -> Result<Outcome, CliError> {
    let history = args.compare.trust.apply(&mut context, name)?;
    let context = &context;
    let progress = context.ui.progress(format!("Reading {name} from Vault"));
    let environment = context.checkout.environment(name)?;
    let read = args.compare.read(environment, Regenerate::Nothing, Unbound::Allowed, context);
    let session = read.await?;
    log_out(&session.vault, context).await;
    drop(progress);
    if let Some(history) = &history {
        history.refuse_rollback(&session.current)?;
    }
    super::sync::warn_of_expiry(&session.current, context.ui);
    let origin = Origin::find(context);
    let store = store_history(&args.compare, origin.as_ref(), context)?;
    let (mut report, mut judgement) = compare(&session, store.as_ref(), context.ui);
    report.changed_in_vault = judgement.drift.clone();
    report.not_ours = owner(origin.as_ref(), context).foreign(name, &session.current);
    let is_foreign =
        |name: &ApplicationName| report.not_ours.iter().any(|one| one.application == *name);
    judgement.behind.retain(|one| !is_foreign(&one.application));
    report.not_from_here = judgement.behind.clone();
    if args.rebuild {
        report.lost_in_rebuild = Some(lost_in_rebuild(&session, context)?);
    }
    report.last_synced = last_synced(&session, context);
    if !args.json {
        context.ui.lines(&report.to_text())?;
        print_last_synced(&report.last_synced, context.ui);
    }
    tell_audit(&judgement, name, context.ui);
    ownership::tell_audit(&report.not_ours, context.ui);
    if report.has_what_a_sync_concerns() {
        context
            .ui
            .hint(&format!("see what a sync would do: phalanx-secrets sync {name} --dry-run"));
    }
    if report.lost_in_rebuild.as_ref().is_some_and(|lost| !lost.is_empty()) {
        context.ui.hint(&format!("keep them: phalanx-secrets backup {name}"));
    }
    let document = serde_json::to_value(Document { environment: name, report: &report });
    Ok(Outcome {
        exit: if report.is_empty() { Exit::Done } else { Exit::Findings },
        document: document.ok(),
        summary: report.summary(),
    })
}

/// What the store and the backup in it would not bring back.
fn lost_in_rebuild(session: &Session, context: &Context<'_>) -> Result<BTreeSet<Loss>, CliError> {
    let Session { environment, static_values, current, policy, .. } = session;
    let minted = &Minted::default();
    let resolved = resolve(&Inputs { environment, static_values, current, minted, policy })
        .map_err(|problems| CliError::unresolved(&problems, &environment.name))?;
    let store = context.checkout.store()?;
    let contents = store.contents(&environment.name)?;
    let backups = super::backup::open(&contents, store, &context.identities()?)?;
    Ok(losses(environment, &resolved, current, &backups))
}

fn compare(session: &Session, store: Option<&StoreHistory>, ui: &Ui) -> (Report, Judgement) {
    let Session { environment, static_values, missing, vault, current, policy } = session;
    let note = &BTreeMap::new();
    let sync = Sync {
        environment,
        static_values,
        vault,
        policy,
        deletion: Deletion::Nothing,
        note,
        history: None,
        store,
        owner: None,
        agreed: None,
    };
    match sync.decide(current, &Minted::default()) {
        Ok(Decision { plan, judgement, .. }) => {
            warn_of_pull_secret(&plan, ui);
            (Report::of_plan(&plan, session), judgement)
        }
        Err(problems) => {
            let is_missing = |problem: &&Problem| {
                missing.iter().any(|one| one.concerns(&problem.application, &problem.key))
            };
            // What is made from those follows from them.
            let follows = |problem: &&Problem| {
                !missing.is_empty() && matches!(problem.reason, Reason::SourceUnresolved(_))
            };
            let others = problems.iter().filter(|one| !is_missing(one) && !follows(one));
            let report = Report {
                missing_from_onepassword: onepassword::names(missing),
                unresolved: others.map(ToString::to_string).collect(),
                ..Report::default()
            };
            (report, Judgement::default())
        }
    }
}

impl Report {
    fn of_plan(plan: &Plan, session: &Session) -> Self {
        let mut report = Self::default();
        for (application, change) in &plan.changes {
            let (EntryChange::Create { keys } | EntryChange::Update { keys }) = change else {
                continue;
            };
            for (key, change) in keys {
                // The pull secret is one thing, whatever of it differs.
                let name = if application.as_str() == PULL_SECRET {
                    PULL_SECRET.to_owned()
                } else {
                    format!("{application} {key}")
                };
                match (change, matches!(application.as_str(), PULL_SECRET)) {
                    (KeyChange::Create, false) => report.missing.insert(name),
                    (KeyChange::Create, true) if session.has_no_entry(PULL_SECRET) => {
                        report.missing.insert(name)
                    }
                    _ => report.mismatch.insert(name),
                };
            }
        }
        let unknown = plan.unknown.iter().map(|one| (one.application.as_str(), one.key.as_deref()));
        let spared = plan.spared.iter().map(|one| (one.application.as_str(), one.key.as_deref()));
        for (application, key) in unknown.chain(spared) {
            match key {
                Some(key) => report.unknown.extend([format!("{application} {key}")]),
                None => report.unknown.extend(session.keys_of(application)),
            }
        }
        report
    }

    /// Whether a sync would write or refuse something.
    fn has_what_a_sync_concerns(&self) -> bool {
        !self.missing_from_onepassword.is_empty()
            || !self.unresolved.is_empty()
            || !self.missing.is_empty()
            || !self.mismatch.is_empty()
    }

    fn is_empty(&self) -> bool {
        !self.has_what_a_sync_concerns()
            && self.unknown.is_empty()
            && self.not_ours.is_empty()
            && self.lost_in_rebuild.as_ref().is_none_or(BTreeSet::is_empty)
    }

    /// How much was found of what.
    fn summary(&self) -> String {
        let counts = [
            ("missing from 1Password", self.missing_from_onepassword.len()),
            ("unresolved", self.unresolved.len()),
            ("missing", self.missing.len()),
            ("not as expected", self.mismatch.len()),
            ("unknown", self.unknown.len()),
            ("not its own", self.not_ours.len()),
            ("lost in a rebuild", self.lost_in_rebuild.as_ref().map_or(0, BTreeSet::len)),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        if counts.is_empty() { "in line".to_owned() } else { counts.join(", ") }
    }

    /// The report as the Python CLI words it.
    fn to_text(&self) -> String {
        let lost: Vec<String> =
            self.lost_in_rebuild.iter().flatten().map(Loss::to_string).collect();
        let section = |heading: &str, secrets: Vec<&String>| {
            let bullets: String = secrets.iter().map(|secret| format!("• {secret}\n")).collect();
            (!secrets.is_empty()).then(|| format!("{heading}:\n{bullets}"))
        };
        let sections = [
            section(
                "Missing static secrets from 1Password",
                self.missing_from_onepassword.iter().collect(),
            ),
            section("Unresolved secrets", self.unresolved.iter().collect()),
            section("Missing secrets", self.missing.iter().collect()),
            section(
                "Secrets that do not have their expected value",
                self.mismatch.iter().collect(),
            ),
            section("Unknown secrets in Vault", self.unknown.iter().collect()),
            section("Secrets that a rebuild from the store would lose", lost.iter().collect()),
        ];
        sections.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

impl Session {
    fn has_no_entry(&self, application: &str) -> bool {
        self.current.entries.get(application).is_none_or(|entry| entry.data.is_none())
    }

    /// The names of all that an entry holds.
    fn keys_of(&self, application: &str) -> Vec<String> {
        let entry = self.current.entries.get(application);
        match entry.and_then(|entry| entry.data.as_ref()) {
            Some(data) if application != PULL_SECRET && !data.is_empty() => {
                let application = printable_name(application);
                data.keys().map(|key| format!("{application} {}", printable_name(key))).collect()
            }
            _ => vec![printable_name(application)],
        }
    }
}
