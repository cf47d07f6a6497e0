//! `check`: what is wrong with the store, for CI and pre-commit.

use serde::Serialize;

use super::{CliError, Context, Exit};
use crate::check::{Finding, FindingKind, check};
use crate::model::{ApplicationName, EnvironmentName, KeyName};

#[derive(Debug, clap::Args)]
#[command(after_help = "It needs no key. What was changed inside a sealed file shows only with \
    --open, to those who can open it.")]
pub(super) struct Args {
    /// Environments [default: all]
    environments: Vec<EnvironmentName>,

    /// Look at git's index, which is what the next commit holds
    #[arg(long)]
    staged: bool,

    /// Open every value too, with the identities at hand
    #[arg(long)]
    open: bool,

    /// Print the findings as a JSON list
    #[arg(long)]
    json: bool,
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
    let staged;
    let checkout = if args.staged {
        staged = context.checkout.staged()?;
        &staged
    } else {
        &context.checkout
    };
    let known = checkout.layout.environments(&checkout.tree)?;
    for name in args.environments.iter().filter(|name| !known.contains(name)) {
        // Fails with the names that there are.
        checkout.environment(name)?;
    }
    let wanted =
        |name: &EnvironmentName| args.environments.is_empty() || args.environments.contains(name);
    let identities = if args.open { Some(context.identities()?) } else { None };
    let report = check(&checkout.tree, checkout.store()?, wanted, identities.as_ref())
        .map_err(|error| CliError::store_error(&error))?;

    let ui = context.ui;
    if args.json {
        ui.json(&report.findings.iter().map(Row::of).collect::<Vec<_>>())?;
    } else {
        ui.data(to_text(&report.findings).as_bytes())?;
    }
    if report.unopened > 0 {
        ui.warn(&format!(
            "{} values were not opened: none of the identities at hand can",
            report.unopened
        ));
    }
    let count = |count: usize, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural}")
    };
    let looked_at = format!(
        "Checked {} of {}",
        count(report.values, "value"),
        count(report.environments, "environment")
    );
    if report.findings.is_empty() {
        ui.status(&format!("{looked_at}: all is well."));
        return Ok(Exit::Done);
    }
    ui.status(&format!("{looked_at}: {}.", count(report.findings.len(), "finding")));
    Ok(Exit::Findings)
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
fn to_text(findings: &[Finding]) -> String {
    let mut sections = Vec::new();
    for group in findings.chunk_by(|a, b| a.kind == b.kind) {
        let Some(first) = group.first() else { continue };
        let (heading, advice) = explain(first.kind);
        let mut text = format!("{heading}:\n");
        for finding in group {
            text.push_str(&format!("  • {}\n", describe(finding)));
        }
        text.push_str(&format!("  {advice}\n"));
        if first.kind == FindingKind::Empty {
            let names = group.iter().filter_map(|finding| finding.environment.as_ref());
            let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
            text.push_str(&format!("      not-served = [{}]\n", names.join(", ")));
        }
        sections.push(text);
    }
    sections.join("\n")
}

fn describe(finding: &Finding) -> String {
    let what = match (&finding.file, &finding.id, &finding.environment) {
        (Some(file), ..) => file.clone(),
        (None, Some(id), _) => return id.to_string(),
        (None, None, Some(environment)) => environment.to_string(),
        (None, None, None) => return finding.message.clone(),
    };
    format!("{what}: {}", finding.message)
}

/// A heading for a kind of finding, and what to do.
fn explain(kind: FindingKind) -> (&'static str, &'static str) {
    match kind {
        FindingKind::Plaintext => (
            "Not sealed",
            "Take each for exposed if it holds a value and was ever pushed: change the value, then \
             phalanx-secrets set ENVIRONMENT APPLICATION KEY",
        ),
        FindingKind::Damaged => (
            "Damaged or changed after sealing",
            "See what happened with git log -- FILE, and restore a good version with git checkout \
             COMMIT -- FILE",
        ),
        FindingKind::Moved => (
            "In another secret's place",
            "Move it back, or store the right value with phalanx-secrets set",
        ),
        FindingKind::Recipients => (
            "Recipients that do not add up",
            "Somebody else may be able to read it: see who changed it with git log -- FILE, change \
             the value, then phalanx-secrets set",
        ),
        FindingKind::Unreadable => (
            "Readable by nobody",
            "Give a holder access with phalanx-secrets recipients grant; what it was sealed to \
             before still opens it for a rekey",
        ),
        FindingKind::Stale => (
            "Not sealed to exactly today's holders",
            "Someone with access runs: phalanx-secrets rekey",
        ),
        FindingKind::Unbound => {
            ("Sealed by another tool", "Someone with access runs: phalanx-secrets rekey")
        }
        FindingKind::Missing => (
            "Required and not stored",
            "Store each with phalanx-secrets set ENVIRONMENT APPLICATION KEY, or many with \
             phalanx-secrets import ENVIRONMENT FILE",
        ),
        FindingKind::Empty => (
            "Environments without any value",
            "Store their values (phalanx-secrets static-template, then import); if they are kept \
             elsewhere, add to the list in secrets/store.toml:",
        ),
        FindingKind::Stray => (
            "Not part of the store",
            "Remove what nothing needs: git rm FILE; if it held a value, take that for exposed \
             once it was pushed",
        ),
        FindingKind::Specs => {
            ("Specs that cannot be read", "Correct them; see phalanx-secrets list ENVIRONMENT")
        }
        FindingKind::Setting => ("Settings that mean nothing", "Correct secrets/store.toml"),
    }
}
