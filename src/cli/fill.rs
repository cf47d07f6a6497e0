//! `fill`: ask for each static value that is missing.
//!
//! Each answer is sealed before the next question, so that whatever ends the
//! walk loses nothing. What is still missing is what the next walk asks for.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::commit::CommitArgs;
use super::completion::{applications, environments};
use super::editor::{Editor, file_name, without_added_line_feed};
use super::input::read_file;
use super::new_value::{ValueArgs, check_value, measure, readers, warn_of_oddities};
use super::signals::RestoredModes;
use super::terminal::{self, Answer};
use super::{CliError, Context, Exit};
use crate::description::readable;
use crate::model::{ApplicationName, Environment, EnvironmentName, SecretId, SecretValue};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each value is sealed at once. Stop whenever you like; the next fill goes on \
    with what is missing."
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
    let store = context.checkout.store()?;
    let is_wanted = |id: &SecretId| args.application.as_ref().is_none_or(|a| *a == id.application);
    let contents = store.contents(&environment.name)?;
    let missing: Vec<SecretId> = contents.missing(&environment).filter(is_wanted).collect();
    let ui = context.ui;
    if missing.is_empty() {
        ui.status("Every static secret has a value; there is nothing to fill.");
        return Ok(Exit::Done);
    }
    ui.need_terminal(&format!(
        "many values at once can be stored from a file: phalanx-secrets static-template {name}, \
         fill it in, then phalanx-secrets import {name} FILE",
        name = environment.name
    ))?;
    for id in &missing {
        readers(store, id)?;
    }
    let mut filled = Filled::default();
    let walked = walk(args, &environment, &missing, &mut filled, context);
    let contents = store.contents(&environment.name)?;
    let left = contents.missing(&environment).filter(is_wanted).count();
    ui.status(&match (filled.ids.len(), left) {
        (0, 0) => "\nNothing is missing any more.".to_owned(),
        (count, 0) => format!("\nStored {}; nothing is missing any more.", values(count)),
        (0, left) => format!("\nNothing was stored; {} still missing.", are(left)),
        (count, left) => format!("\nStored {}; {} still missing.", values(count), are(left)),
    });
    // Also where an error ended the walk: what is stored belongs together.
    let message = format!("secrets({}): fill in {}", environment.name, values(filled.ids.len()));
    commit.end(filled.files.into_iter().collect(), &message, ui)?;
    walked.map(|()| Exit::Done)
}

/// What was stored by now.
#[derive(Default)]
struct Filled {
    ids: BTreeSet<SecretId>,
    files: BTreeSet<String>,
}

/// What came of a question.
enum Reply {
    Value(SecretValue),
    Skip,
    Back,
    /// The same question again.
    Again,
    Stop,
}

/// Asks for one after the other.
fn walk(
    args: &Args,
    environment: &Environment,
    missing: &[SecretId],
    filled: &mut Filled,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let ui = context.ui;
    ui.tell(KEYS);
    // Between the questions too: the rest of a text that was pasted in parts
    // must neither show nor be an answer.
    let mut silence = Some(terminal::silence()?);
    let mut position = 0;
    while let Some(id) = missing.get(position) {
        ui.heading(&format!(
            "\n[{}/{}] {} {}",
            position + 1,
            missing.len(),
            id.application,
            id.key
        ));
        describe(environment, id, context);
        let is_stored = filled.ids.contains(id);
        let reply = match ask(args, id, is_stored, &mut silence, context)? {
            Reply::Value(value) => match check_value(id, &value, environment, args.value) {
                Ok(()) => Reply::Value(value),
                Err(error) => {
                    ui.error(&error);
                    Reply::Again
                }
            },
            reply => reply,
        };
        match reply {
            Reply::Value(value) => {
                let files = put(id, &value, is_stored, context)?;
                if !files.is_empty() {
                    filled.ids.insert(id.clone());
                }
                filled.files.extend(files);
                position += 1;
            }
            Reply::Skip => position += 1,
            Reply::Back => position = position.saturating_sub(1),
            Reply::Again => {}
            Reply::Stop => break,
        }
    }
    // It must not go to a shell.
    discard_rest(context)
}

/// Leaves out what comes after an answer, as of a text that was pasted slowly.
fn discard_rest(context: &Context<'_>) -> Result<(), CliError> {
    if terminal::discard_input()? {
        context.ui.warn(
            "more came than the one line that was taken, and is left out: look at that value \
             again (↑ goes back, edit opens it), and give a text of several lines with Ctrl-F or \
             Ctrl-E",
        );
    }
    Ok(())
}

fn ask(
    args: &Args,
    id: &SecretId,
    is_stored: bool,
    silence: &mut Option<RestoredModes>,
    context: &Context<'_>,
) -> Result<Reply, CliError> {
    let prompt = match is_stored {
        true => "Value (Enter keeps the one you gave): ",
        false => "Value: ",
    };
    discard_rest(context)?;
    let is_in_file = match context.ui.ask_hidden(prompt)? {
        Answer::End => return Ok(Reply::Stop),
        Answer::Text(text) if text.trim_ascii().is_empty() => return Ok(Reply::Skip),
        Answer::Text(text) => return Ok(Reply::Value(text.into())),
        Answer::Control('P') => return Ok(Reply::Back),
        Answer::Control('F') => true,
        Answer::Control('E') => false,
        Answer::Control(_) => {
            context.ui.tell(KEYS);
            return Ok(Reply::Again);
        }
    };
    drop(silence.take());
    let given = match is_in_file {
        true => from_file(context),
        false => from_editor(id, args.allow_disk, context),
    };
    *silence = Some(terminal::silence()?);
    Ok(match given {
        Ok(Some(value)) => Reply::Value(value),
        Ok(None) => Reply::Again,
        Err(error) => {
            context.ui.error(&error);
            Reply::Again
        }
    })
}

/// Seals a value, and gives its file; none where somebody else has stored one
/// since this walk began.
fn put(
    id: &SecretId,
    value: &SecretValue,
    is_own: bool,
    context: &Context<'_>,
) -> Result<Vec<String>, CliError> {
    let store = context.store_to_change()?;
    if !is_own && store.has(id) {
        context.ui.warn(&format!(
            "{id} was stored by somebody else meanwhile, and is left as it is; to replace it: \
             phalanx-secrets set {} {} {}",
            id.environment, id.application, id.key
        ));
        return Ok(Vec::new());
    }
    store.put_together([(id, value)], Timestamp::now())?;
    let names = readers(&store, id)?.join(", ");
    context.ui.status(&format!("Stored ({}), sealed to: {names}", measure(value)));
    Ok(store.into_touched())
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
fn describe(environment: &Environment, id: &SecretId, context: &Context<'_>) {
    let ui = context.ui;
    let spec = environment.spec(&id.application, &id.key);
    match spec.and_then(|spec| spec.description.as_deref()) {
        Some(description) => {
            for line in readable(description, ui.text_width().saturating_sub(2)) {
                ui.tell(&format!("  {line}"));
            }
        }
        None => ui.tell("  (no description)"),
    }
}

fn from_file(context: &Context<'_>) -> Result<Option<SecretValue>, CliError> {
    let path = match context.ui.ask_line("File: ")? {
        Some(path) if !path.is_empty() => context.settings.typed_path(&path),
        _ => return Ok(None),
    };
    let value = read_file(&path)?;
    warn_of_oddities(&value, "go back with ↑ to give it without", context.ui);
    Ok(Some(value))
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
