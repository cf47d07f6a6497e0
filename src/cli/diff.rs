//! `diff`: what differs between two states of the store.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use zeroize::Zeroizing;

use super::checkout::Checkout;
use super::log::{HolderRow, ValueRow, describe};
use super::{CliError, Context, Exit, RevisionArgs, Settings, Ui};
use crate::history::{Changes, Scope, ValueChange, ValueChangeKind, compare};
use crate::layout::RESERVED_APPLICATIONS;
use crate::model::{ApplicationName, EnvironmentName, SecretId, SecretValue};
use crate::printable::printable;
use crate::store::{Identities, Store, open, sealed_path};
use crate::suggest::nearest;
use crate::tree::Tree;

#[derive(Debug, clap::Args)]
#[command(after_help = "Without a revision, the work tree is compared with HEAD; with one, the \
    work tree with that;\nwith two (or A..B), the second with the first. No key is needed but \
    for --values.")]
pub(super) struct Args {
    /// Commits, branches or tags
    #[arg(value_name = "REVISION", num_args = 0..=2)]
    revisions: Vec<String>,

    /// Compare what the next commit would hold, not the work tree
    #[arg(long)]
    staged: bool,

    /// Only this environment
    #[arg(short = 'e', long, value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,

    /// Only applications of this name
    #[arg(short, long, value_name = "APPLICATION")]
    application: Option<ApplicationName>,

    /// Show the values themselves, old and new
    #[arg(long)]
    values: bool,

    /// Print JSON
    #[arg(long, conflicts_with = "values")]
    json: bool,

    /// Exit with 1 where anything differs
    #[arg(long)]
    exit_code: bool,
}

/// The difference as JSON.
#[derive(Serialize)]
struct Document<'a> {
    values: Vec<ValueRow<'a>>,
    holders: Vec<HolderRow<'a>>,
}

/// What is compared: one side, and the other.
struct Sides {
    before: Tree,
    after: Tree,
}

impl Args {
    /// The checkout that the newer side is in, and the older side.
    pub(super) fn find(
        &self,
        root: Option<&Path>,
        settings: &Settings,
    ) -> Result<(Checkout, Tree), CliError> {
        let (before, after) = match self.revisions.as_slice() {
            [] => ("HEAD", None),
            [one] => match one.split_once("..") {
                Some((before, after)) if !after.starts_with('.') => {
                    let or_head =
                        |side: &'_ str| if side.is_empty() { "HEAD" } else { side }.to_owned();
                    return self.between(&or_head(before), &or_head(after), root, settings);
                }
                Some(_) => {
                    return Err(CliError::usage("A...B is not supported: name the merge base")
                        .hint("find it with: git merge-base A B".to_owned()));
                }
                None => (one.as_str(), None),
            },
            [before, after, ..] => (before.as_str(), Some(after.as_str())),
        };
        match after {
            Some(after) => self.between(before, after, root, settings),
            None => {
                let checkout = match self.staged {
                    true => Checkout::find_staged(root, settings, Store::open)?,
                    false => Checkout::find(root, settings)?,
                };
                let repository = checkout.repository()?;
                let tree = repository.tree_at(repository.resolve(before)?)?;
                Ok((checkout, tree))
            }
        }
    }

    fn between(
        &self,
        before: &str,
        after: &str,
        root: Option<&Path>,
        settings: &Settings,
    ) -> Result<(Checkout, Tree), CliError> {
        if self.staged {
            return Err(CliError::usage("--staged compares with one revision, not with two"));
        }
        let checkout = Checkout::find_at(root, &RevisionArgs::named(after), settings)?;
        let repository = checkout.repository()?;
        let tree = repository.tree_at(repository.resolve(before)?)?;
        Ok((checkout, tree))
    }
}

pub(super) fn run(args: &Args, before: Tree, context: &Context<'_>) -> Result<Exit, CliError> {
    let sides = Sides { before, after: context.checkout.tree.clone() };
    let scope = Scope {
        environment: args.environment.clone(),
        application: args.application.clone(),
        key: None,
    };
    let changes = compare(Some(&sides.before), Some(&sides.after), &scope)?;
    if changes.is_empty() {
        refuse_unknown(args, &sides, context)?;
    }
    let mut has_failed = false;
    if args.json {
        context.ui.json(&Document {
            values: changes.values.iter().map(ValueRow::of).collect(),
            holders: changes.holders.iter().map(HolderRow::of).collect(),
        })?;
    } else {
        let identities = if args.values { Some(context.identities()?) } else { None };
        let (ui, identities) = (context.ui, identities.as_ref());
        let mut shown = Shown { sides: &sides, identities, ui, has_failed };
        shown.print(&changes)?;
        has_failed = shown.has_failed;
    }
    if has_failed {
        return Err(CliError::store("some values could not be opened"));
    }
    Ok(if args.exit_code && !changes.is_empty() { Exit::Findings } else { Exit::Done })
}

/// Where nothing differs, what was asked for may be a mistake: a name that
/// neither side knows.
fn refuse_unknown(args: &Args, sides: &Sides, context: &Context<'_>) -> Result<(), CliError> {
    let layout = context.checkout.layout;
    let (mut environments, mut applications) = (BTreeSet::new(), BTreeSet::new());
    for tree in [&sides.before, &sides.after] {
        let names = layout.environments(tree).unwrap_or_default();
        let stored = match Store::open(tree) {
            Ok(Some(store)) => store.environments()?,
            _ => Vec::new(),
        };
        for name in names.into_iter().chain(stored) {
            if args.environment.as_ref().is_none_or(|wanted| *wanted == name)
                && args.application.is_some()
            {
                if let Ok(environment) = layout.load(tree, &name) {
                    applications.extend(environment.applications.into_keys());
                    applications.extend(environment.not_enabled);
                }
                if let Ok(Some(store)) = Store::open(tree)
                    && let Ok(contents) = store.contents(&name)
                {
                    applications.extend(contents.ids().map(|id| id.application));
                }
            }
            environments.insert(name);
        }
    }
    if let Some(name) = &args.environment
        && !environments.contains(name)
    {
        let near = nearest(name.as_str(), environments.iter().map(EnvironmentName::as_str));
        let near = near.map(|near| format!("did you mean {near}?"));
        return Err(CliError::usage(format!("there is no environment {name}")).hint(near));
    }
    if let Some(name) = &args.application
        && !RESERVED_APPLICATIONS.contains(&name.as_str())
        && !applications.contains(name)
    {
        let near = nearest(name.as_str(), applications.iter().map(ApplicationName::as_str));
        let near = near.map(|near| format!("did you mean {near}?"));
        return Err(CliError::usage(format!("there is no application {name}")).hint(near));
    }
    Ok(())
}

struct Shown<'a> {
    sides: &'a Sides,
    /// Where values are shown.
    identities: Option<&'a Identities>,
    ui: &'a Ui,
    has_failed: bool,
}

impl Shown<'_> {
    fn print(&mut self, changes: &Changes) -> Result<(), CliError> {
        let mut environment = None;
        for change in &changes.values {
            if environment != Some(&change.id.environment) {
                if environment.is_some() {
                    self.ui.line("")?;
                }
                self.ui.line(&format!("Secrets of {}:", change.id.environment))?;
                environment = Some(&change.id.environment);
            }
            let change = &self.settled(change);
            self.ui.line(&line(change))?;
            self.print_values(change)?;
        }
        if !changes.holders.is_empty() {
            if environment.is_some() {
                self.ui.line("")?;
            }
            self.ui.line("Holders:")?;
        }
        for holder in &changes.holders {
            let mark = match holder.is_holder {
                [false, true] => '+',
                [true, false] => '-',
                _ => '~',
            };
            self.ui.line(&format!("  {mark} {}", describe(holder)))?;
        }
        Ok(())
    }

    /// A change as the values have it, where these are asked for and open:
    /// without a key, it is as good as what the files say of themselves.
    fn settled(&self, change: &ValueChange) -> ValueChange {
        let mut settled = change.clone();
        let is_open_question =
            matches!(change.kind, ValueChangeKind::SealedAgain | ValueChangeKind::Unclear);
        if let Some(identities) = self.identities.filter(|_| is_open_question)
            && let Ok(before) = value(&change.id, &self.sides.before, identities)
            && let Ok(after) = value(&change.id, &self.sides.after, identities)
        {
            settled.kind = match before == after {
                true => ValueChangeKind::SealedAgain,
                false => ValueChangeKind::Changed,
            };
        }
        settled
    }

    /// The values of a change, where they are asked for.
    fn print_values(&mut self, change: &ValueChange) -> Result<(), CliError> {
        let Some(identities) = self.identities else { return Ok(()) };
        let (is_old, is_new) = match &change.kind {
            ValueChangeKind::Added => (false, true),
            ValueChangeKind::Removed => (true, false),
            ValueChangeKind::Changed | ValueChangeKind::Unclear => (true, true),
            ValueChangeKind::SealedAgain | ValueChangeKind::Renamed { .. } => (false, false),
        };
        let sides = [('-', is_old, &self.sides.before), ('+', is_new, &self.sides.after)];
        for (mark, is_there, tree) in sides {
            match is_there.then(|| value(&change.id, tree, identities)) {
                None => {}
                Some(Ok(value)) => self.ui.data(&shown(mark, &value))?,
                Some(Err(reason)) => {
                    self.has_failed = true;
                    self.ui.line(&format!("      {mark} ({reason})"))?;
                }
            }
        }
        Ok(())
    }
}

fn line(change: &ValueChange) -> String {
    let SecretId { application, key, .. } = &change.id;
    let set_at = change.set_at.map(|time| format!(", set {time}")).unwrap_or_default();
    match &change.kind {
        ValueChangeKind::Added => format!("  + {application} {key} (new{set_at})"),
        ValueChangeKind::Removed => format!("  - {application} {key} (removed)"),
        ValueChangeKind::Changed => format!("  ~ {application} {key} (changed{set_at})"),
        ValueChangeKind::Unclear => {
            format!("  ~ {application} {key} (changed or sealed again: the files do not tell)")
        }
        ValueChangeKind::SealedAgain => format!("  = {application} {key} (sealed again)"),
        ValueChangeKind::Renamed { from } => {
            format!("  > {application} {key} (renamed from {from})")
        }
    }
}

fn value(id: &SecretId, tree: &Tree, identities: &Identities) -> Result<SecretValue, String> {
    let file = tree.read(&sealed_path(id)).map_err(|error| error.to_string())?;
    let file = file.ok_or_else(|| "it is not there".to_owned())?;
    let opened = open(&file, id, identities).map_err(|error| error.to_string())?;
    Ok(opened.value)
}

/// A value as it is shown. Each of its lines is set apart, so that none can
/// pass for something else.
fn shown(mark: char, value: &SecretValue) -> Zeroizing<Vec<u8>> {
    let start = format!("      {mark} ");
    let Some(readable) = value.expose_str() else {
        let encoded = Zeroizing::new(STANDARD.encode(value.expose()));
        let line = [start.as_bytes(), b"(in base64) ", encoded.as_bytes(), b"\n"];
        return Zeroizing::new(line.concat());
    };
    // Large enough that it is never copied: an escape is the longest there is.
    let lines = readable.split('\n').count();
    let room = readable.len() * "\\u{10ffff}".len() + lines * (start.len() + 1);
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    for line in readable.split('\n') {
        let line = Zeroizing::new(printable(line));
        text.extend_from_slice(start.as_bytes());
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text
}
