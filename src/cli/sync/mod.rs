//! `sync`: bring Vault in line.

mod drift;
mod question;
mod selection;
mod warnings;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::connection::log_out;
use super::fleet::{FleetArgs, Outcome};
use super::ownership::TakeOverArgs;
use super::provenance::{Origin, Search};
use super::session::{CompareArgs, Session, Unbound};
use super::ui::{Progress, Ui};
use super::{CliError, Context, Exit, RevisionArgs, one_place, onepassword};
use crate::check::without_api_path;
use crate::layout::PULL_SECRET;
use crate::model::{ApplicationName, Environment, EnvironmentName};
use crate::plan::{
    Deletion, EntryChange, Guard, KeyChange, Plan, Spared, too_large_for_kubernetes,
};
use crate::provenance::Provenance;
use crate::resolve::Minted;
use crate::sync::{Decision, Drift, Event, Foreign, Judgement, Sync, SyncError};
use crate::trust::VerifiedHistory;
use crate::vault::CurrentSecrets;
pub(super) use drift::{refused, store_history, tell_audit};
pub(super) use question::shortened;
use question::{Answer, Deed};
use selection::{overwrite, regenerate};
use warnings::warn_of_deleted;
pub(super) use warnings::{warn_of_expiry, warn_of_pull_secret};

/// What `--regenerate` means without a value.
const EVERYTHING: &str = "*";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,

    #[command(flatten)]
    compare: CompareArgs,

    #[command(flatten)]
    take_over: TakeOverArgs,

    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Delete what is in Vault and no spec could ask for, up to half of the
    /// environment; what is only switched off is kept
    #[arg(long)]
    delete: bool,

    /// Delete all in Vault that the environment does not need now, however much
    /// it is, and what is only switched off as well
    #[arg(long)]
    delete_all: bool,

    /// Generate secrets anew that Vault has: all, those of an application, or
    /// one; repeatable
    #[arg(
        long,
        value_name = "APPLICATION[/KEY]",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = EVERYTHING
    )]
    regenerate: Vec<String>,

    /// Let the store's value replace one that was changed in Vault by hand,
    /// where that would be refused: all such, those of an application, or one;
    /// repeatable
    #[arg(
        long,
        value_name = "APPLICATION[/KEY]",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = EVERYTHING
    )]
    overwrite: Vec<String>,

    /// Use stored values that were sealed by other tools, and so are bound to
    /// no secret
    #[arg(long)]
    allow_unbound: bool,

    /// Refuse to sync from a work tree that differs from its commit
    #[arg(long)]
    require_clean: bool,

    /// Do not ask before what cannot be taken back (it is asked at a terminal,
    /// with --delete, --delete-all, --regenerate, --take-over and
    /// --allow-rollback)
    #[arg(short, long)]
    yes: bool,

    /// Print the plan as JSON instead of a line for each change
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

/// The plan, as JSON.
#[derive(Serialize)]
struct Document<'a> {
    environment: &'a EnvironmentName,
    dry_run: bool,
    /// The applications whose workloads run on old values until they are
    /// restarted.
    restart: Vec<&'a ApplicationName>,
    /// Why the sync would be refused, or was: by whoever was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// What was changed in Vault by hand since the last sync.
    #[serde(skip_serializing_if = "<[Drift]>::is_empty")]
    changed_in_vault: &'a [Drift],
    /// The entries that another environment or repository wrote.
    #[serde(skip_serializing_if = "<[Foreign]>::is_empty")]
    not_ours: &'a [Foreign],
    #[serde(flatten)]
    plan: &'a Plan,
}

pub(super) fn run(args: &Args, context: Context<'_>) -> Result<Exit, CliError> {
    // It may be meant to take the name after it as its value.
    if args.fleet.may_be_several() && args.regenerate.iter().any(|value| value == EVERYTHING) {
        return Err(CliError::usage(
            "--regenerate without a value is for one environment, and several are named",
        )
        .hint("to name what is generated anew: --regenerate=APPLICATION[/KEY]".to_owned()));
    }
    if args.fleet.may_be_several() && args.delete_all {
        return Err(CliError::usage("--delete-all is for one environment, and several are named")
            .hint("name one: phalanx-secrets sync ENVIRONMENT --delete-all"));
    }
    let work = async |name: &EnvironmentName, context: Context<'_>| sync(args, name, context).await;
    let one_by_one = args.may_ask(context.ui);
    args.fleet.run(&args.compare, args.json, one_by_one, context, work)
}

async fn sync(
    args: &Args,
    name: &EnvironmentName,
    mut context: Context<'_>,
) -> Result<Outcome, CliError> {
    let history = args.compare.trust.apply(&mut context, name)?;
    let (context, history) = (&context, history.as_ref());
    let search = Search::begin(context, args.require_clean)?;
    let environment = context.checkout.environment(name)?;
    let is_beside = |other: &EnvironmentName| args.fleet.may_include(other);
    one_place::refuse(&environment, &args.compare.server, is_beside, context)?;
    let regenerate = regenerate(&args.regenerate, &environment)?;
    let progress = context.ui.progress(format!("Reading {name} from Vault"));
    let unbound = if args.allow_unbound { Unbound::Allowed } else { Unbound::Refused };
    let overwrite = overwrite(&args.overwrite, &environment)?;
    let mut session = args.compare.read(environment, regenerate, unbound, context).await?;
    session.policy.overwrite = overwrite;
    let vault = session.vault.clone();
    let outcome = bring_in_line(args, session, context, &progress, search, history).await;
    log_out(&vault, context).await;
    let Some(Done { plan, judgement, foreign, refused }) = outcome? else {
        context.ui.status("Nothing was written.");
        let summary = "not written".to_owned();
        let document = serde_json::to_value(Document {
            environment: name,
            dry_run: args.dry_run,
            restart: Vec::new(),
            refused: Some("the question was answered with no".to_owned()),
            changed_in_vault: &[],
            not_ours: &[],
            plan: &Plan::default(),
        });
        return Ok(Outcome { exit: Exit::Done, document: document.ok(), summary });
    };
    let refused = refused.map(|error| CliError::sync(error, name));
    progress.suspend(|| {
        finish(args, name, &plan, context.ui);
        if let Some(refused) = &refused {
            context.ui.warn("without --dry-run, this would be refused:");
            context.ui.error(refused);
        }
    });
    let restart = to_restart(&plan);
    let exit = refused.as_ref().map_or(Exit::Done, |refused| refused.exit);
    let refused = refused.map(|error| error.message);
    let document = Document {
        environment: name,
        dry_run: args.dry_run,
        restart,
        refused,
        changed_in_vault: &judgement.drift,
        not_ours: &foreign,
        plan: &plan,
    };
    let document = serde_json::to_value(document).ok();
    Ok(Outcome { exit, document, summary: summary(args, &plan) })
}

impl Args {
    fn deletion(&self) -> Deletion {
        match (self.delete, self.delete_all) {
            (_, true) => Deletion::All,
            (true, false) => Deletion::Unknown,
            (false, false) => Deletion::Nothing,
        }
    }
}

/// What was done, or would be.
struct Done {
    plan: Plan,
    judgement: Judgement,
    foreign: Vec<Foreign>,
    /// Why a dry run would be refused.
    refused: Option<SyncError>,
}

/// Does what is to be done, and gives what that was; in a dry run, why it would
/// be refused, too. `None` where whoever was asked said no.
async fn bring_in_line(
    args: &Args,
    session: Session,
    context: &Context<'_>,
    progress: &Progress,
    search: Search,
    history: Option<&VerifiedHistory>,
) -> Result<Option<Done>, CliError> {
    let ui = context.ui;
    let Session { environment, static_values, missing, vault, current, policy } = session;
    let name = &environment.name;
    if !missing.is_empty() {
        return Err(onepassword::missing(&missing, "nothing was written")
            .hint("keep what Vault has for those that lack a value: --keep-vault-static"));
    }
    let sync = Sync {
        environment: &environment,
        static_values: &static_values,
        vault: &vault,
        policy: &policy,
        deletion: args.deletion(),
        note: &BTreeMap::new(),
        history,
        store: None,
        owner: None,
        agreed: None,
    };
    if let Some(history) = history {
        history.refuse_rollback(&current)?;
    }
    let origin = progress.suspend(|| search.end(context));
    let store = store_history(&args.compare, origin.as_ref(), context)?;
    let owner = args.take_over.owner(origin.as_ref(), context);
    let sync = Sync { store: store.as_ref(), owner: Some(&owner), ..sync };

    refuse_api_path(&environment, &current)?;
    // It takes over by itself what it reads.
    let mut read = args.take_over.take_over.then(|| current.clone());
    let mut current = current;
    let foreign = sync.take_over(&mut current);
    let Decision { resolved, plan, judgement } = sync
        .decide(&current, &Minted::default())
        .map_err(|problems| CliError::unresolved(&problems, name))?;
    let is_judged = args.dry_run && args.deletion() == Deletion::Unknown;
    let too_much = || Guard::default().judge(&plan, &current).err();
    let not_ours = sync.refuse_foreign(&foreign, &plan, &current).err();
    let is_told = not_ours.is_none() && judgement.refuse(sync.ours()).is_ok();
    let is_asked = args.may_ask(ui)
        && is_told
        && (args.deletion() != Deletion::Unknown || too_much().is_none());
    let not_ours = not_ours.filter(|_| args.dry_run);
    let diverged = args.dry_run.then(|| judgement.refuse(sync.ours()).err()).flatten();
    let refused = match (not_ours, diverged) {
        (Some(not_ours), _) => Some(not_ours.into()),
        (None, Some(diverged)) => Some(diverged.into()),
        (None, None) => is_judged.then(too_much).flatten().map(SyncError::from),
    };
    let taken_over = sync.taken_over(&foreign, &plan);
    progress.suspend(|| {
        say_taken_over(&taken_over, args, ui);
        for (application, bytes) in too_large_for_kubernetes(&resolved, &current, args.delete) {
            ui.warn(&format!(
                "the values of {application} come to {bytes} bytes, which is larger than the 1 MiB \
                 that a Kubernetes Secret holds: unless its manifest takes only some of them, \
                 Kubernetes refuses all, and the application keeps what it has"
            ));
        }
        if is_told {
            drift::tell(&judgement, name, ui);
        }
        warn_of_deleted(&plan, &current, ui);
        warn_of_pull_secret(&plan, ui);
        warn_of_expiry(&current, ui);
    });
    let mut is_agreed = false;
    if is_asked {
        let is_taken = |name: &&ApplicationName| {
            args.take_over.take_over
                && (plan.changes.contains_key(*name) || taken_over.contains(name))
        };
        let others = foreign.iter().map(|one| &one.application).filter(is_taken);
        let taken_over = others.map(ApplicationName::as_str).collect();
        let deed = Deed { sync: &sync, plan: &plan, judgement: &judgement, taken_over };
        match deed.answer(args, ui)? {
            Answer::No => return Ok(None),
            Answer::NotAsked => {}
            Answer::Yes => {
                read = Some(deed.read_again().await?);
                is_agreed = true;
            }
        }
    }
    let sync = Sync { agreed: is_agreed.then_some(&plan), ..sync };
    if !args.dry_run && (!plan.is_empty() || history.is_some() || !taken_over.is_empty()) {
        let note = note(args, origin.as_ref(), history.is_some());
        let sync = Sync { note: &note, ..sync };
        let mut printed = Ok(());
        let (mut has_warned, mut ends) = (false, false);
        let observe = |event: Event<'_>| match event {
            Event::Planned(_) => {}
            Event::Judged(judgement) => progress.suspend(|| drift::tell(judgement, name, ui)),
            Event::Generating => progress.message(format!("Writing {name} to Vault")),
            Event::Retrying(changed) => {
                let names: Vec<&str> = changed.iter().map(ApplicationName::as_str).collect();
                let names = names.join(", ");
                progress.suspend(|| {
                    ui.status(&format!("{names} changed in Vault meanwhile; reading it anew"));
                });
            }
            Event::Written(application, change) if !args.json && printed.is_ok() => {
                printed = progress.suspend(|| print_change(ui, application, change, false));
            }
            Event::Written(..) => {}
            Event::NotNoted(application, error) if !has_warned => {
                has_warned = true;
                progress.suspend(|| {
                    let harm = match history {
                        Some(_) => ", so that a later move back would go unnoticed",
                        None => "",
                    };
                    ui.warn(&format!(
                        "Vault does not take the note of the commit that {application} is from, \
                         nor perhaps of others{harm}: {error}"
                    ));
                });
            }
            Event::NotNoted(..) => {}
            Event::DeletesVersions(after) => {
                ends = true;
                progress.suspend(|| {
                    ui.warn(&format!(
                        "Vault deletes by itself what is written here, {after} after it was \
                         written (delete_version_after of the mount): the cluster is without it \
                         then, unless it is written anew"
                    ));
                });
            }
            Event::WillBeDeleted(application, time) if !ends => {
                ends = true;
                progress.suspend(|| {
                    ui.warn(&format!(
                        "Vault will delete {application} by itself at {time}: \
                         delete_version_after is set on the entry"
                    ));
                });
            }
            Event::WillBeDeleted(..) => {}
            Event::KeepsOneVersion => progress.suspend(|| {
                ui.warn(
                    "Vault keeps one version of each entry here (max_versions): what is replaced \
                     cannot be brought back",
                );
            }),
        };
        let outcome = sync.run(read.unwrap_or(current), rand::rng, Timestamp::now, observe).await;
        printed?;
        let done = outcome.map_err(|error: SyncError| CliError::sync(error, name))?;
        return Ok(Some(Done { plan: done, judgement, foreign, refused }));
    } else if args.dry_run && !args.json {
        progress.suspend(|| {
            plan.changes
                .iter()
                .try_for_each(|(application, change)| print_change(ui, application, change, true))
        })?;
    }
    Ok(Some(Done { plan, judgement, foreign, refused }))
}

/// What is noted in Vault beside each entry.
fn note(args: &Args, origin: Option<&Origin>, is_verified: bool) -> BTreeMap<String, String> {
    let Some(origin) = origin else { return BTreeMap::new() };
    let note = origin.to_note(is_verified);
    if args.compare.is_from_store() {
        return note.to_metadata();
    }
    // Of values from elsewhere no commit could tell.
    Provenance { verified: note.verified, ..Provenance::default() }.to_metadata()
}

/// What was done, in a few words.
fn summary(args: &Args, plan: &Plan) -> String {
    let verb = if args.dry_run { "would be written" } else { "written" };
    match plan.changes.len() {
        0 => "in line".to_owned(),
        1 => format!("1 entry {verb}"),
        count => format!("{count} entries {verb}"),
    }
}

/// The applications whose entries there were, and change.
fn to_restart(plan: &Plan) -> Vec<&ApplicationName> {
    let has_changed = |change: &EntryChange| matches!(change, EntryChange::Update { .. });
    let changed = plan.changes.iter().filter(|(_, change)| has_changed(change));
    changed
        .map(|(application, _)| application)
        .filter(|name| name.as_str() != PULL_SECRET)
        .collect()
}

/// Names what holds what it should, and is another's until now.
fn say_taken_over(taken_over: &[&ApplicationName], args: &Args, ui: &Ui) {
    if let [_, ..] = taken_over {
        let verb = if args.dry_run { "Would take over" } else { "Taking over" };
        let names: Vec<&str> = taken_over.iter().map(|name| name.as_str()).collect();
        ui.status(&format!("{verb}, as they are: {}", names.join(", ")));
    }
}

fn secrets(count: usize) -> String {
    match count {
        1 => "1 secret".to_owned(),
        count => format!("{count} secrets"),
    }
}

/// What is said at the end.
fn finish(args: &Args, name: &EnvironmentName, plan: &Plan, ui: &Ui) {
    if !plan.unknown.is_empty() {
        // What is left in spite of --delete has a name that no application can
        // have, so it is somebody else's.
        let (what, way) = match args.deletion() {
            Deletion::Nothing => (secrets(plan.unknown.len()), "--delete removes"),
            Deletion::Unknown => (secrets(plan.unknown.len()), "not even --delete removes"),
            Deletion::All => (secrets(plan.unknown.len()), "not even --delete-all removes"),
        };
        let it = if plan.unknown.len() == 1 { "it" } else { "them" };
        ui.status(&format!("Kept {what} in Vault that no spec names ({way} {it}):"));
        for unknown in &plan.unknown {
            ui.status(&format!("  • {unknown}"));
        }
    }
    if !plan.spared.is_empty() {
        let count = plan.spared.len();
        let it = if count == 1 { "it" } else { "them" };
        ui.status(&format!(
            "Kept {} in Vault that may only be switched off (--delete-all removes {it}):",
            secrets(count)
        ));
        for Spared { application, key, reason } in &plan.spared {
            let key = key.as_deref().map(|key| format!(" {key}")).unwrap_or_default();
            ui.status(&format!("  • {application}{key}: {}", reason.text()));
        }
    }
    if plan.is_empty() {
        ui.status(&format!("Vault is in line with {name}; nothing was written."));
    } else if args.dry_run {
        ui.status("This was a dry run; nothing was written.");
    } else if let restart @ [_, ..] = to_restart(plan).as_slice() {
        let names: Vec<&str> = restart.iter().map(|name| name.as_str()).collect();
        ui.status(&format!(
            "Restart the workloads of these, once the cluster has their secrets: {}",
            names.join(", ")
        ));
    }
}

/// Prints a change in the words of the Python CLI.
fn print_change(
    ui: &Ui,
    application: &ApplicationName,
    change: &EntryChange,
    is_dry_run: bool,
) -> Result<(), CliError> {
    let [create, update, delete] = if is_dry_run {
        ["Would create", "Would update", "Would delete"]
    } else {
        ["Created", "Updated", "Deleted"]
    };
    match change {
        EntryChange::Create { .. } => ui.line(&format!("{create} Vault secret for {application}")),
        EntryChange::Delete => ui.line(&format!("{delete} Vault secret for {application}")),
        EntryChange::Update { .. } if application.as_str() == PULL_SECRET => {
            ui.line(&format!("{update} Vault secret for {application}"))
        }
        EntryChange::Update { keys } => keys.iter().try_for_each(|(key, change)| {
            let verb = if *change == KeyChange::Delete { delete } else { update };
            ui.line(&format!("{verb} Vault secret for {application} {key}"))
        }),
    }
}

/// Refuses a path that only Vault's API has, unless something is there: in the
/// wrong place, every generated secret would be made anew.
fn refuse_api_path(environment: &Environment, current: &CurrentSecrets) -> Result<(), CliError> {
    let has_entries = current.entries.values().any(|entry| entry.data.is_some());
    match without_api_path(&environment.vault) {
        Some(right) if !has_entries => {
            let name = &environment.name;
            let message = format!(
                "the Vault path prefix of {name} begins as paths of Vault's API do, and nothing is \
                 there; nothing was written"
            );
            let hint = format!("Vault adds that part by itself: write {right} instead");
            Err(CliError::store(message).hint(hint))
        }
        _ => Ok(()),
    }
}
