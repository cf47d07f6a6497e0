//! `check`: what is wrong with the store, for CI and pre-commit.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::checkout::Checkout;
use super::{CliError, Context, Exit, RevisionArgs, ignored};
use crate::check::{Check, Finding, FindingKind, Report, Touched};
use crate::layout::Layout;
use crate::model::{ApplicationName, EnvironmentName, KeyName, SecretId};
use crate::printable::printable;
use crate::repo::staged_changes;
use crate::store::{RECIPIENTS, SECRETS, Store, StoreSettings, sealed_path};

#[derive(Debug, clap::Args)]
#[command(after_help = "It needs no key. What was changed inside a sealed file shows only with \
    --open, to those who can open it.")]
pub(super) struct Args {
    /// Environments [default: all]
    #[arg(value_name = "ENVIRONMENT")]
    environments: Vec<EnvironmentName>,

    /// Look at git's index, which is what the next commit holds
    #[arg(long, conflicts_with = "rev")]
    pub(super) staged: bool,

    /// Take it for no finding that a value is not stored yet
    #[arg(long)]
    allow_missing: bool,

    /// Open every value too, with the identities at hand
    #[arg(long)]
    open: bool,

    /// Print the findings as a JSON list
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) at: RevisionArgs,
}

/// A finding in the JSON list.
#[derive(Serialize)]
struct Row<'a> {
    kind: FindingKind,
    environment: Option<&'a EnvironmentName>,
    application: Option<&'a ApplicationName>,
    key: Option<&'a KeyName>,
    file: Option<&'a str>,
    line: Option<u64>,
    message: &'a str,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let checkout = &context.checkout;
    let store = store(checkout)?;
    let known = checkout.layout.environments(&checkout.tree)?;
    if let Some(unknown) = args.environments.iter().find(|name| !known.contains(name)) {
        // Fails with the names that there are.
        checkout.environment(unknown)?;
    }
    let identities = if args.open { Some(context.identities()?) } else { None };
    let check = Check {
        tree: &checkout.tree,
        layout: checkout.layout,
        store,
        named: &args.environments,
        identities: identities.as_ref(),
        now: Timestamp::now(),
    };
    let mut report = check.run()?;
    if store.is_some() && checkout.repository().is_ok() {
        report.look_at_attributes(&checkout.tree)?;
    }
    // A commit holds what it holds, and so does the index.
    if store.is_some() && !args.staged && checkout.commit.is_none() {
        report.add_ignored(ignored::of_store(checkout));
    }

    if args.staged {
        let index = context.settings.git_index_file();
        let mut touched = Touched::default();
        staged_changes(&checkout.place, index.as_deref(), |change| {
            report.look_at_staged(&change, store);
            change.below.into_iter().for_each(|path| touched.add(path));
        })?;
        // What was there before is not this commit's business, unless somebody
        // asks for it by name. Without anything staged, all of it is asked for.
        if args.environments.is_empty() && !touched.is_empty() {
            report.findings.retain(|finding| touched.concerns(checkout.layout, finding));
        }
    }

    if args.allow_missing {
        let is_missing = |kind| matches!(kind, FindingKind::Missing | FindingKind::Empty);
        report.findings.retain(|finding| !is_missing(finding.kind));
    }

    // Whoever asked for it knows nothing more than without it.
    let opens_none =
        report.findings.is_empty() && report.unopened > 0 && report.unopened == report.values;
    let ui = context.ui;
    if opens_none {
        // What is printed then is the error.
    } else if args.json {
        ui.json(&report.findings.iter().map(Row::of).collect::<Vec<_>>())?;
    } else {
        let settings = store.map(|store| &store.settings);
        ui.data(to_text(&report.findings, settings).as_bytes())?;
    }
    if report.unopened > 0 && report.unopened < report.values {
        ui.warn(&format!(
            "none of the identities at hand opens {}, so nothing is known of what is inside",
            count(report.unopened, "value")
        ));
    }
    if report.earlier > 0 {
        ui.hint(&format!(
            "an earlier version sealed {}; where two branches meet, merges of these need a key; \
             someone who can read them runs: phalanx-secrets rekey",
            count(report.earlier, "value")
        ));
    }
    if let [first, rest @ ..] = report.not_needed_now.as_slice() {
        let more = match rest.len() {
            0 => String::new(),
            count => format!(" and {} more", self::count(count, "value")),
        };
        ui.status(&format!(
            "Stored and not needed now, since the application is switched off or a condition is \
             false: {first}{more}"
        ));
    }
    for (holder, values) in &report.one_key_opens {
        ui.status(&format!(
            "Only the one key of {holder} opens {}: whoever loses it loses them, unless a second \
             holder, or a second key, can read them too",
            count(*values, "value")
        ));
    }
    if !report.faulty_elsewhere.is_empty() {
        let names: Vec<&str> =
            report.faulty_elsewhere.iter().map(EnvironmentName::as_str).collect();
        ui.status(&format!(
            "Environments in not-served whose specs have faults: {}; to see them: \
             phalanx-secrets check {}",
            names.join(", "),
            names.join(" ")
        ));
    }
    if opens_none {
        return Err(CliError::store(format!(
            "none of the identities at hand opens any of the {}",
            count(report.values, "value")
        ))
        .hint("name an identity of a holder with -i FILE, or leave out --open"));
    }
    ui.status(&summary(&report, store.is_some()));
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Findings })
}

/// The store. A Phalanx checkout may have none yet; one that has folders of a
/// store has lost its settings.
fn store(checkout: &Checkout) -> Result<Option<&Store>, CliError> {
    let has_folders = checkout.tree.has_folder(SECRETS) || checkout.tree.has_folder(RECIPIENTS);
    match checkout.layout {
        Layout::Phalanx if !has_folders => Ok(checkout.store_if_any()),
        _ => checkout.store().map(Some),
    }
}

fn summary(report: &Report, has_store: bool) -> String {
    let environments = count(report.environments, "environment");
    let outcome = match report.findings.len() {
        0 => "all is well".to_owned(),
        findings => count(findings, "finding"),
    };
    match has_store {
        true => format!("Checked {} of {environments}: {outcome}", count(report.values, "value")),
        false => format!(
            "Checked the specs of {environments}: {outcome} (there is no store here; make one \
             with: phalanx-secrets init)"
        ),
    }
}

fn count(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

impl<'a> Row<'a> {
    fn of(finding: &'a Finding) -> Self {
        let id = finding.id.as_ref();
        Self {
            kind: finding.kind,
            environment: finding.environment.as_ref(),
            application: id.map(|id| &id.application),
            key: id.map(|id| &id.key),
            file: finding.file.as_deref(),
            line: finding.line,
            message: &finding.message,
        }
    }
}

/// The findings by kind, each kind with what to do about it.
fn to_text(findings: &[Finding], settings: Option<&StoreSettings>) -> String {
    let mut sections = Vec::new();
    for group in findings.chunk_by(|a, b| a.kind == b.kind) {
        let Some(kind) = group.first().map(|finding| finding.kind) else { continue };
        let mut text = format!("{}:\n", kind.heading());
        for line in lines(group) {
            // Whoever can push chooses the names of files.
            text.push_str(&format!("  • {}\n", printable(&line)));
        }
        for line in kind.advice(group, settings) {
            text.push_str(&format!("  → {}\n", printable(&line)));
        }
        sections.push(text);
    }
    sections.join("\n")
}

/// A line for each finding; one for the same of several environments.
fn lines(findings: &[Finding]) -> Vec<String> {
    let mut lines: Vec<(Line<'_>, Vec<&EnvironmentName>)> = Vec::new();
    let mut shared: HashMap<Line<'_>, usize> = HashMap::new();
    for finding in findings {
        let line = Line::of(finding);
        let known = shared.get(&line).and_then(|known| lines.get_mut(*known));
        match known {
            Some((_, environments)) => environments.extend(&finding.environment),
            None => {
                if line.is_shared() {
                    shared.insert(line.clone(), lines.len());
                }
                lines.push((line, finding.environment.iter().collect()));
            }
        }
    }
    lines.iter().map(|(line, environments)| line.to_text(environments)).collect()
}

/// What is said of a finding, but for the environment.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Line<'a> {
    place: Option<String>,
    /// The secret, where neither the place nor anything else names it.
    secret: Option<(&'a ApplicationName, &'a KeyName)>,
    message: &'a str,
}

impl<'a> Line<'a> {
    fn of(finding: &'a Finding) -> Self {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => Some(format!("{file}:{line}")),
            (Some(file), None) => Some(file.clone()),
            (None, _) => None,
        };
        let id = finding.id.as_ref();
        let is_named =
            |id: &&SecretId| finding.file.as_ref().is_some_and(|file| *file == sealed_path(id));
        let secret = id.filter(|id| !is_named(id)).map(|id| (&id.application, &id.key));
        Self { place, secret, message: &finding.message }
    }

    /// Whether it may hold for several environments: of files that belong to
    /// none.
    fn is_shared(&self) -> bool {
        self.place.is_some() && self.secret.is_some()
    }

    fn to_text(&self, environments: &[&EnvironmentName]) -> String {
        let names: Vec<&str> = environments.iter().map(|name| name.as_str()).collect();
        let names = names.join(", ");
        let Self { message, .. } = self;
        match (&self.place, self.secret) {
            (Some(place), Some((application, key))) => {
                format!("{place}: {application} {key} ({names}): {message}")
            }
            (Some(place), None) => format!("{place}: {message}"),
            // The heading says what is wrong.
            (None, Some((application, key))) => format!("{names}/{application}/{key}"),
            (None, None) if names.is_empty() => (*message).to_owned(),
            (None, None) => format!("{names}: {message}"),
        }
    }
}
