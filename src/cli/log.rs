//! `log`: who changed which value when.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CliError, Context, Exit, RevisionArgs};
use crate::history::{CommitChanges, HolderChange, Scope, ValueChange, ValueChangeKind, log};
use crate::model::{ApplicationName, EnvironmentName, HolderName, KeyName, SecretId};
use crate::printable::printable;
use crate::repo::short;
use crate::suggest::nearest;

/// The widest that an author's name gets, in characters.
const MAX_AUTHOR: usize = 24;

#[derive(Debug, clap::Args)]
#[command(after_help = "It needs no key. Each value has a tag that changes with it, so one that \
    was only sealed again\nis told apart from one that changed; \"changed?\" stands where a file has \
    no tag. A key is followed\nto the names that it had before.")]
pub(super) struct Args {
    /// Environment [default: all]
    environment: Option<EnvironmentName>,
    /// Application [default: all]
    application: Option<ApplicationName>,
    /// Key [default: all]
    key: Option<KeyName>,

    /// Stop after so many commits
    #[arg(short = 'n', long, value_name = "COUNT")]
    max_count: Option<usize>,

    /// Print a JSON list
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

/// A change in the JSON list.
#[derive(Serialize)]
struct Row<'a> {
    commit: String,
    author: &'a str,
    email: &'a str,
    time: String,
    #[serde(flatten)]
    change: RowChange<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RowChange<'a> {
    Value(ValueRow<'a>),
    Holder(HolderRow<'a>),
}

/// A value that changed, in JSON.
#[derive(Serialize)]
pub(super) struct ValueRow<'a> {
    change: &'static str,
    environment: &'a EnvironmentName,
    application: &'a ApplicationName,
    key: &'a KeyName,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_from: Option<String>,
    set_at: Option<String>,
}

/// A holder who changed, in JSON.
#[derive(Serialize)]
pub(super) struct HolderRow<'a> {
    change: &'static str,
    holder: &'a HolderName,
    gained: Vec<String>,
    lost: Vec<String>,
    keys_added: Vec<String>,
    keys_removed: Vec<String>,
    signing_keys_added: Vec<String>,
    signing_keys_removed: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let repository = context.checkout.repository()?;
    let from = match context.checkout.commit {
        Some(commit) => commit,
        None => repository.resolve("HEAD")?,
    };
    let scope = Scope {
        environment: args.environment.clone(),
        application: args.application.clone(),
        key: args.key.clone(),
    };
    let mut found: Vec<CommitChanges> = Vec::new();
    let enough = args.max_count.unwrap_or(usize::MAX);
    if enough > 0 {
        let progress = context.ui.progress("Reading the history".to_owned());
        log(&repository, from, &scope, |commit| {
            found.push(commit);
            found.len() < enough
        })?;
        drop(progress);
    }
    let has_values = found.iter().any(|commit| !commit.changes.values.is_empty());
    if !has_values && enough > 0 {
        refuse_unknown(args, context)?;
    }
    if repository.git().is_shallow() {
        context.ui.warn("this clone is shallow: what came before its history is not shown");
    }
    if args.json {
        let rows: Vec<Row<'_>> = found.iter().flat_map(Row::of_commit).collect();
        context.ui.json(&rows)?;
    } else {
        let lines: Vec<Line> = found.iter().flat_map(|one| Line::of_commit(one, &scope)).collect();
        context.ui.data(to_text(&lines).as_bytes())?;
    }
    if found.is_empty() && enough > 0 {
        context.ui.status("Nothing in this history changed that.");
    }
    Ok(Exit::Done)
}

/// Where nothing was found, what was asked for may be a mistake.
fn refuse_unknown(args: &Args, context: &Context<'_>) -> Result<(), CliError> {
    let Some(name) = &args.environment else { return Ok(()) };
    let environment = context.checkout.environment(name)?;
    let Some(application) = &args.application else { return Ok(()) };
    let is_known = environment.applications.contains_key(application);
    match &args.key {
        _ if crate::layout::RESERVED_APPLICATIONS.contains(&application.as_str()) => Ok(()),
        None if is_known => Ok(()),
        None => {
            let names = environment.applications.keys().map(ApplicationName::as_str);
            let near = nearest(application.as_str(), names);
            let message = format!("{name} does not enable an application named {application}");
            Err(CliError::usage(message).hint(near.map(|near| format!("did you mean {near}?"))))
        }
        Some(key) if environment.spec(application, key).is_some() => Ok(()),
        Some(key) => Err(super::checkout::unknown_secret(&environment, application, key)),
    }
}

/// A line of the log.
struct Line {
    time: String,
    commit: String,
    author: String,
    what: &'static str,
    which: String,
}

impl Line {
    fn of_commit(commit: &CommitChanges, scope: &Scope) -> Vec<Self> {
        let line = |what, which| Self {
            time: commit.time.strftime("%Y-%m-%d %H:%M").to_string(),
            commit: short(commit.commit),
            author: shortened(&printable(&commit.author)),
            what,
            which,
        };
        let mut lines = Vec::new();
        // A change of holders seals much again, which is one thing.
        let mut sealed_again: BTreeMap<&EnvironmentName, Vec<&SecretId>> = BTreeMap::new();
        for ValueChange { id, kind, .. } in &commit.changes.values {
            match kind {
                ValueChangeKind::SealedAgain if scope.key.is_none() => {
                    sealed_again.entry(&id.environment).or_default().push(id);
                }
                ValueChangeKind::Renamed { from } => {
                    lines.push(line(word(kind), format!("{from} to {id}")));
                }
                _ => lines.push(line(word(kind), id.to_string())),
            }
        }
        for (environment, ids) in sealed_again {
            let which = match ids.as_slice() {
                [id] => id.to_string(),
                ids => format!("{environment} ({} values)", ids.len()),
            };
            lines.push(line(word(&ValueChangeKind::SealedAgain), which));
        }
        for holder in &commit.changes.holders {
            lines.push(line("holder", describe(holder)));
        }
        lines
    }
}

fn to_text(lines: &[Line]) -> String {
    let author = lines.iter().map(|line| line.author.chars().count()).max().unwrap_or(0);
    let text = lines.iter().map(|Line { time, commit, author: name, what, which }| {
        format!("{time}  {commit}  {name:<author$}  {what:<12}  {which}\n")
    });
    text.collect()
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(MAX_AUTHOR) {
        Some(_) => name.chars().take(MAX_AUTHOR - 1).chain(['…']).collect(),
        None => name.to_owned(),
    }
}

/// A kind of change in a word or two.
pub(super) fn word(kind: &ValueChangeKind) -> &'static str {
    match kind {
        ValueChangeKind::Added => "set",
        ValueChangeKind::Changed => "changed",
        ValueChangeKind::Unclear => "changed?",
        ValueChangeKind::SealedAgain => "sealed again",
        ValueChangeKind::Renamed { .. } => "renamed",
        ValueChangeKind::Removed => "removed",
    }
}

/// What became of a holder, on a line.
pub(super) fn describe(change: &HolderChange) -> String {
    let listed = |access: &[crate::store::Access]| {
        access.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    match change.is_holder {
        [false, true] => parts.push(format!("added, can read: {}", listed(&change.gained))),
        [true, false] => parts.push(format!("removed, could read: {}", listed(&change.lost))),
        _ => {
            if !change.gained.is_empty() {
                parts.push(format!("can read now: {}", listed(&change.gained)));
            }
            if !change.lost.is_empty() {
                parts.push(format!("can read no more: {}", listed(&change.lost)));
            }
            parts.extend(change.keys_added.iter().map(|key| format!("new key {key}")));
            parts.extend(change.keys_removed.iter().map(|key| format!("key removed {key}")));
        }
    }
    let added = change.signing_keys_added.iter().map(|key| ("signs with", key));
    let removed = change.signing_keys_removed.iter().map(|key| ("signs no more with", key));
    if change.is_holder != [true, false] {
        let keys = added.chain(removed);
        parts.extend(keys.map(|(what, key)| format!("{what} {}", key.fingerprint())));
    }
    if parts.is_empty() {
        parts.push("written in another way".to_owned());
    }
    format!("{}: {}", change.name, parts.join("; "))
}

impl<'a> Row<'a> {
    fn of_commit(commit: &'a CommitChanges) -> Vec<Self> {
        let row = |change| Self {
            commit: commit.commit.to_string(),
            author: &commit.author,
            email: &commit.email,
            time: commit.time.to_string(),
            change,
        };
        let values = commit.changes.values.iter().map(|one| RowChange::Value(ValueRow::of(one)));
        let holders =
            commit.changes.holders.iter().map(|one| RowChange::Holder(HolderRow::of(one)));
        values.chain(holders).map(row).collect()
    }
}

impl<'a> ValueRow<'a> {
    pub(super) fn of(change: &'a ValueChange) -> Self {
        let (kind, renamed_from) = match &change.kind {
            ValueChangeKind::Added => ("added", None),
            ValueChangeKind::Changed => ("changed", None),
            ValueChangeKind::Unclear => ("unclear", None),
            ValueChangeKind::SealedAgain => ("sealed-again", None),
            ValueChangeKind::Renamed { from } => ("renamed", Some(from.to_string())),
            ValueChangeKind::Removed => ("removed", None),
        };
        let SecretId { environment, application, key } = &change.id;
        let set_at = change.set_at.map(|time| time.to_string());
        Self { change: kind, environment, application, key, renamed_from, set_at }
    }
}

impl<'a> HolderRow<'a> {
    pub(super) fn of(change: &'a HolderChange) -> Self {
        fn texts<T: ToString>(items: &[T]) -> Vec<String> {
            items.iter().map(ToString::to_string).collect()
        }
        Self {
            change: match change.is_holder {
                [false, true] => "holder-added",
                [true, false] => "holder-removed",
                _ => "holder-changed",
            },
            holder: &change.name,
            gained: texts(&change.gained),
            lost: texts(&change.lost),
            keys_added: texts(&change.keys_added),
            keys_removed: texts(&change.keys_removed),
            signing_keys_added: texts(&change.signing_keys_added),
            signing_keys_removed: texts(&change.signing_keys_removed),
        }
    }
}
