//! `fill`: ask for each static value that is missing.
//!
//! Each answer is sealed before the next question, so that whatever ends the
//! walk loses nothing. What is still missing is what the next walk asks for.

use jiff::Timestamp;

use super::checkout::Checkout;
use super::commit::{Commit, CommitArgs};
use super::completion::{applications, environments};
use super::edit::{Editor, file_name, without_added_line_feed};
use super::new_value::{ValueArgs, check_value, measure, readers};
use super::terminal::Answer;
use super::ui::read_file;
use super::{CliError, Context, Exit};
use crate::description::readable;
use crate::model::{ApplicationName, Environment, EnvironmentName, Kind, SecretId, SecretValue};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each value is sealed at once. Stop whenever you like; the next fill goes on with \
    what is missing."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// Only this application
    #[arg(add = applications())]
    application: Option<ApplicationName>,

    /// Let your editor work on a disk where no memory can be had for it
    #[arg(long)]
    allow_disk: bool,

    #[command(flatten)]
    value: ValueArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

/// What each key does.
const KEYS: &str = "Type or paste each value, which is not shown, and press Enter.\n  Enter alone \
                    skips it · ↑ goes back · Ctrl-F takes a file\n  Ctrl-E opens your editor · \
                    Ctrl-D stops here";

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let commit = args.commit.begin(context)?;
    let environment = context.checkout.environment(&args.environment)?;
    if let Some(application) = &args.application
        && !environment.applications.contains_key(application)
    {
        return Err(super::checkout::unknown_application(&environment, application));
    }
    let missing = missing(&context.checkout, &environment, args.application.as_ref())?;
    if missing.is_empty() {
        context.ui.status("Every static secret has a value; there is nothing to fill.");
        return Ok(Exit::Done);
    }
    let options = (args.value, args.allow_disk);
    walk(&environment, &missing, options, commit, context)
}

/// The static secrets without a value.
pub(super) fn missing(
    checkout: &Checkout,
    environment: &Environment,
    application: Option<&ApplicationName>,
) -> Result<Vec<SecretId>, CliError> {
    let contents = checkout.store()?.contents(&environment.name)?;
    let is_wanted = |name: &ApplicationName| application.is_none_or(|wanted| wanted == name);
    Ok(environment
        .secrets()
        .filter(|(name, key, spec)| {
            spec.kind == Kind::Static && is_wanted(name) && !contents.has(name, key)
        })
        .map(|(name, key, _)| SecretId::new(environment.name.clone(), name.clone(), key.clone()))
        .collect())
}

/// Asks for one after the other.
fn walk(
    environment: &Environment,
    missing: &[SecretId],
    (value_args, allow_disk): (ValueArgs, bool),
    commit: Commit,
    context: &Context<'_>,
) -> Result<Exit, CliError> {
    let ui = context.ui;
    ui.need_terminal(&format!(
        "many values at once can be stored from a file: phalanx-secrets static-template {name}, \
         fill it in, then phalanx-secrets import {name} FILE",
        name = environment.name
    ))?;
    for id in missing {
        readers(context.checkout.store()?, id)?;
    }
    ui.status(KEYS);
    let mut touched: Vec<String> = Vec::new();
    let mut stored: Vec<bool> = vec![false; missing.len()];
    let mut position = 0;
    while let Some(id) = missing.get(position) {
        describe(environment, id, (position + 1, missing.len()), context);
        let is_stored = stored.get(position).copied().unwrap_or_default();
        let prompt = match is_stored {
            true => "Value (Enter keeps the one you gave): ",
            false => "Value: ",
        };
        let value = match ui.ask_hidden(prompt)? {
            Answer::End => break,
            Answer::Text(text) if text.is_empty() => {
                position += 1;
                continue;
            }
            Answer::Text(text) => Ok(Some(text.into())),
            Answer::Control('P') => {
                position = position.saturating_sub(1);
                continue;
            }
            Answer::Control('F') => from_file(context),
            Answer::Control('E') => from_editor(id, allow_disk, context),
            Answer::Control(_) => {
                ui.status(KEYS);
                continue;
            }
        };
        let value = value.and_then(|value| {
            if let Some(value) = &value {
                check_value(id, value, environment, value_args)?;
            }
            Ok(value)
        });
        match value {
            // The same question again.
            Ok(None) => {}
            Err(error) => ui.error(&error),
            Ok(Some(value)) => {
                let store = context.store_to_change()?;
                store.put_together([(id, &value)], Timestamp::now())?;
                let names = readers(&store, id)?.join(", ");
                touched.extend(store.into_touched());
                ui.status(&format!("Stored ({}), sealed to: {names}", measure(&value)));
                if let Some(stored) = stored.get_mut(position) {
                    *stored = true;
                }
                position += 1;
            }
        }
    }
    let count = stored.iter().filter(|stored| **stored).count();
    let left = missing.len() - count;
    ui.status(&match (count, left) {
        (count, 0) => format!("\nStored {}; nothing is missing any more.", values(count)),
        (0, left) => format!("\nNothing was stored; {} still missing.", are(left)),
        (count, left) => format!("\nStored {}; {} still missing.", values(count), are(left)),
    });
    touched.sort();
    touched.dedup();
    let message = format!("secrets({}): fill in {}", environment.name, values(count));
    commit.end(touched, &message, ui)?;
    Ok(Exit::Done)
}

fn values(count: usize) -> String {
    match count {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    }
}

fn are(count: usize) -> String {
    match count {
        1 => "1 is".to_owned(),
        count => format!("{count} are"),
    }
}

/// Shows what a secret is for.
fn describe(
    environment: &Environment,
    id: &SecretId,
    (number, count): (usize, usize),
    context: &Context<'_>,
) {
    let ui = context.ui;
    ui.heading(&format!("\n[{number}/{count}] {} {}", id.application, id.key));
    let spec = environment.spec(&id.application, &id.key);
    match spec.and_then(|spec| spec.description.as_deref()) {
        Some(description) => {
            for line in readable(description, ui.text_width().saturating_sub(2)) {
                ui.status(&format!("  {line}"));
            }
        }
        None => ui.status("  (no description)"),
    }
}

fn from_file(context: &Context<'_>) -> Result<Option<SecretValue>, CliError> {
    match context.ui.ask_line("File: ")? {
        Some(path) if !path.is_empty() => read_file(&context.settings.typed_path(&path)).map(Some),
        _ => Ok(None),
    }
}

fn from_editor(
    id: &SecretId,
    allow_disk: bool,
    context: &Context<'_>,
) -> Result<Option<SecretValue>, CliError> {
    let editor = Editor::start(context, allow_disk)?;
    let edited = editor.edit(&file_name(id), &SecretValue::from(""))?;
    let value = without_added_line_feed(&edited, None);
    Ok(Some(value).filter(|value| !value.is_empty()))
}
