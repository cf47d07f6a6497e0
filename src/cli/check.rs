//! `check`: what is wrong with the store, for CI and pre-commit.

use serde::Serialize;

use super::{CliError, Context, Exit, RevisionArgs};
use crate::check::{Finding, FindingKind, check};
use crate::model::{ApplicationName, EnvironmentName, KeyName};
use crate::store::StoreSettings;

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
    message: &'a str,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let checkout = &context.checkout;
    let store = checkout.store()?;
    let known = checkout.layout.environments(&checkout.tree)?;
    if let Some(unknown) = args.environments.iter().find(|name| !known.contains(name)) {
        // Fails with the names that there are.
        checkout.environment(unknown)?;
    }
    let wanted =
        |name: &EnvironmentName| args.environments.is_empty() || args.environments.contains(name);
    let identities = if args.open { Some(context.identities()?) } else { None };
    let mut report = check(&checkout.tree, store, wanted, identities.as_ref())?;

    if args.allow_missing {
        let is_missing = |kind| matches!(kind, FindingKind::Missing | FindingKind::Empty);
        report.findings.retain(|finding| !is_missing(finding.kind));
    }

    let ui = context.ui;
    if args.json {
        ui.json(&report.findings.iter().map(Row::of).collect::<Vec<_>>())?;
    } else {
        ui.data(to_text(&report.findings, &store.settings).as_bytes())?;
    }
    if report.unopened > 0 {
        ui.warn(&format!(
            "none of the identities at hand opens {}, so nothing is known of what is inside",
            count(report.unopened, "value")
        ));
    }
    ui.status(&format!(
        "Checked {} of {}: {}",
        count(report.values, "value"),
        count(report.environments, "environment"),
        match report.findings.len() {
            0 => "all is well".to_owned(),
            findings => count(findings, "finding"),
        }
    ));
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Findings })
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
            message: &finding.message,
        }
    }
}

/// The findings by kind, each kind with what to do about it.
fn to_text(findings: &[Finding], settings: &StoreSettings) -> String {
    let mut sections = Vec::new();
    for group in findings.chunk_by(|a, b| a.kind == b.kind) {
        let Some(kind) = group.first().map(|finding| finding.kind) else { continue };
        let mut text = format!("{}:\n", kind.heading());
        for finding in group {
            text.push_str(&format!("  • {}\n", describe(finding)));
        }
        for line in kind.advice(group, settings) {
            text.push_str(&format!("  → {line}\n"));
        }
        sections.push(text);
    }
    sections.join("\n")
}

fn describe(finding: &Finding) -> String {
    match (&finding.file, &finding.id, &finding.environment) {
        (Some(file), ..) => format!("{file}: {}", finding.message),
        // The heading says what is wrong.
        (None, Some(id), _) => id.to_string(),
        (None, None, Some(environment)) => format!("{environment}: {}", finding.message),
        (None, None, None) => finding.message.clone(),
    }
}
