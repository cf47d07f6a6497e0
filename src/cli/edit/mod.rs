//! `edit`: change values in the user's editor.
//!
//! What is edited lies in memory, in a folder that nobody else can look into,
//! and that goes with the process. A value that stays as it was keeps its
//! sealed file to the byte.

use std::collections::BTreeMap;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::commit::CommitArgs;
use super::completion::{applications, environments, keys};
use super::editor::{Editor, file_name, without_added_line_feed};
use super::new_value::{ValueArgs, check_id, check_value, readers, warn_of_oddities};
use super::{CliError, Context, Exit, ignored, uncommitted};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, KeyName, Kind, SecretId, SecretValue,
};
use crate::store::{ValueChange, is_backup};

mod document;

use document::Document;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "With a key, the file that you edit is the value, to the byte; a line feed that \
    the editor adds at the end of one line is left out. Without, it has all static values of the \
    application, as TOML.\n\nThe editor is $VISUAL or $EDITOR, else vi. The file lies in memory \
    ($XDG_RUNTIME_DIR or /dev/shm), where only you can read it, and vim, neovim, nano and emacs \
    are told to leave no copies elsewhere. To give up, leave the editor without saving."
)]
pub(super) struct Args {
    /// Environment
    #[arg(add = environments())]
    environment: EnvironmentName,
    /// Application, or pull-secret or oidc-clients
    #[arg(add = applications())]
    application: ApplicationName,
    /// Key; without it, all static values of the application
    #[arg(add = keys())]
    key: Option<KeyName>,

    /// Edit on a disk where no memory can be had
    #[arg(long)]
    allow_disk: bool,

    #[command(flatten)]
    value: ValueArgs,

    #[command(flatten)]
    commit: CommitArgs,
}

/// A stored value, and the file that it is from.
struct Before {
    value: SecretValue,
    sealed: Vec<u8>,
}

/// What to change: new values, and `None` for those to remove.
type Changes = BTreeMap<SecretId, Option<SecretValue>>;

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let store = context.checkout.store()?;
    let commit = args.commit.begin(context)?;
    let environment = context.checkout.environment(&args.environment)?;
    let ids = ids(args, &environment, context)?;
    for id in &ids {
        readers(store, id)?;
    }
    let editor = Editor::start(context, args.allow_disk)?;
    // What was typed and is not stored yet.
    let mut typed = Changes::new();
    let mut before = open(&ids, context)?;
    let (changes, touched) = loop {
        let changes = match (&args.key, ids.as_slice()) {
            (Some(_), [id]) => edit_value(args, id, &before, &typed, &environment, &editor)?,
            _ => edit_application(args, &ids, &before, &typed, &environment, &editor)?,
        };
        if changes.is_empty() {
            context.ui.status("Nothing was changed.");
            return Ok(Exit::Done);
        }
        match put(&changes, &before, context) {
            Ok(touched) => break (changes, touched),
            Err(error) if !context.ui.can_ask() => return Err(error),
            Err(error) => {
                context.ui.error(&error);
                typed = changes;
                before = look_again(&ids, &mut typed, &before, context)?;
            }
        }
    };
    drop(editor);
    let Args { environment, application, .. } = args;
    let what = match changes.len() {
        1 => changes.keys().map(|id| id.key.to_string()).collect(),
        count => format!("{count} values"),
    };
    let message = format!("secrets({environment}): edit {application} {what}");
    commit.end(touched, &message, context.ui)?;
    Ok(Exit::Done)
}

/// Gives what is stored by now, after what was typed could not be. Of what
/// somebody else changed meanwhile, either theirs stays or it is replaced.
fn look_again(
    ids: &[SecretId],
    typed: &mut Changes,
    old: &BTreeMap<SecretId, Before>,
    context: &Context<'_>,
) -> Result<BTreeMap<SecretId, Before>, CliError> {
    loop {
        if gives_up(context)? {
            return Err(CliError::store("nothing was stored").hint("edit it again"));
        }
        let new = match open(ids, context) {
            Ok(new) => new,
            Err(error) => {
                context.ui.error(&error);
                continue;
            }
        };
        let file = |values: &BTreeMap<SecretId, Before>, id: &SecretId| {
            values.get(id).map(|before| before.sealed.clone())
        };
        let changed: Vec<SecretId> =
            typed.keys().filter(|id| file(old, id) != file(&new, id)).cloned().collect();
        for id in changed {
            let question = format!("Somebody else changed {id} meanwhile. Replace that by yours?");
            if !context.ui.confirm(&question, "run it at a terminal")? {
                typed.remove(&id);
            }
        }
        return Ok(new);
    }
}

/// Asks whether what was typed is to be lost; if not, the editor opens again.
fn gives_up(context: &Context<'_>) -> Result<bool, CliError> {
    context
        .ui
        .confirm("Throw away what you typed? No opens the editor again.", "run it at a terminal")
}

/// The secrets to edit: static ones, and what is stored beside them.
fn ids(
    args: &Args,
    environment: &Environment,
    context: &Context<'_>,
) -> Result<Vec<SecretId>, CliError> {
    let contents = context.checkout.store()?.contents(&args.environment)?;
    let id = |key: &KeyName| {
        SecretId::new(args.environment.clone(), args.application.clone(), key.clone())
    };
    if let Some(key) = &args.key {
        let id = id(key);
        if is_backup(&id) || !contents.has(&id.application, &id.key) {
            check_id(&id, environment, false)?;
        }
        return Ok(vec![id]);
    }
    let mut ids: Vec<SecretId> =
        contents.ids().filter(|id| id.application == args.application && !is_backup(id)).collect();
    let is_reserved = crate::layout::RESERVED_APPLICATIONS.contains(&args.application.as_str());
    match environment.applications.get(&args.application) {
        Some(declared) => {
            let statics = declared.secrets.iter().filter(|(_, spec)| spec.kind == Kind::Static);
            ids.extend(statics.map(|(key, _)| id(key)));
        }
        None if ids.is_empty() && !is_reserved => {
            return Err(super::checkout::unknown_application(environment, &args.application));
        }
        None => {}
    }
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Err(CliError::usage(format!("{} has no static secrets", args.application))
            .hint(format!("see what it needs with: phalanx-secrets list {}", args.environment)));
    }
    Ok(ids)
}

fn open(ids: &[SecretId], context: &Context<'_>) -> Result<BTreeMap<SecretId, Before>, CliError> {
    let store = context.checkout.store()?;
    // The files first: one that changes before it is opened shows later.
    let mut files = BTreeMap::new();
    for id in ids.iter().filter(|id| store.has(id)) {
        files.insert(id, store.sealed(id)?);
    }
    let Some((first, _)) = files.first_key_value() else { return Ok(BTreeMap::new()) };
    let contents = store.contents(&first.environment)?;
    let values = context.open(&contents, |id| files.contains_key(id))?;
    let before = values.into_iter().filter_map(|opened| {
        let sealed = files.remove(&opened.id)?;
        Some((opened.id, Before { value: opened.opened.value, sealed }))
    });
    Ok(before.collect())
}

fn edit_value(
    args: &Args,
    id: &SecretId,
    before: &BTreeMap<SecretId, Before>,
    typed: &Changes,
    environment: &Environment,
    editor: &Editor<'_>,
) -> Result<Changes, CliError> {
    let context = editor.context();
    let old = before.get(id).map(|before| &before.value);
    if old.is_some_and(|old| old.expose_str().is_none()) {
        return Err(not_text(id));
    }
    let mut text = match typed.get(id) {
        Some(Some(typed)) => typed.clone(),
        _ => old.cloned().unwrap_or_else(|| SecretValue::from("")),
    };
    loop {
        let edited = editor.edit(&file_name(id), &text)?;
        let new = without_added_line_feed(&edited, old);
        if old == Some(&new) || (old.is_none() && new.is_empty() && edited == text) {
            return Ok(Changes::new());
        }
        match check_value(id, &new, environment, args.value) {
            Ok(()) => {
                let remedy = "an edit of all values of the application can leave it out";
                warn_of_oddities(&new, remedy, context.ui);
                return Ok(Changes::from([(id.clone(), Some(new))]));
            }
            Err(error) if edited == text || !context.ui.can_ask() => return Err(error),
            Err(error) => {
                context.ui.error(&error);
                if gives_up(context)? {
                    return Ok(Changes::new());
                }
                text = edited;
            }
        }
    }
}

fn not_text(id: &SecretId) -> CliError {
    let SecretId { environment, application, key } = id;
    CliError::usage(format!("{id} holds bytes that are no text, so it cannot be edited")).hint(
        format!(
            "replace it with: phalanx-secrets set {environment} {application} {key} --from-file \
             FILE"
        ),
    )
}

fn edit_application(
    args: &Args,
    ids: &[SecretId],
    before: &BTreeMap<SecretId, Before>,
    typed: &Changes,
    environment: &Environment,
    editor: &Editor<'_>,
) -> Result<Changes, CliError> {
    let context = editor.context();
    let document = Document::new(ids, |id| before.get(id).map(|one| &one.value), environment);
    let name = format!("{}.toml", args.application);
    let mut text = document.text(typed);
    let mut mistaken: Option<SecretValue> = None;
    loop {
        let edited = document::without_error(&editor.edit(&name, &text)?);
        let changes = document.changes(&edited).and_then(|changes| {
            for (id, value) in &changes {
                if let Some(value) = value {
                    check_value(id, value, environment, args.value)?;
                }
            }
            Ok(changes)
        });
        match changes {
            Ok(changes) if may_remove(&changes, context)? => return Ok(changes),
            // Left as it was after a no: that is a way to give up.
            Ok(_) if edited == text => return Ok(Changes::new()),
            Ok(_) => text = edited,
            // Nobody is there to mend it.
            Err(error) if mistaken.is_some() && !context.ui.can_ask() => return Err(error),
            Err(error) => {
                context.ui.error(&error);
                // It came back as it was.
                if mistaken.as_ref() == Some(&edited) && gives_up(context)? {
                    return Err(error);
                }
                text = document::with_error(&edited, &error);
                mistaken = Some(edited);
            }
        }
    }
}

/// Asks before values are removed; a no leads back to the editor.
fn may_remove(changes: &Changes, context: &Context<'_>) -> Result<bool, CliError> {
    let removed: Vec<String> = changes
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(id, _)| id.key.to_string())
        .collect();
    if removed.is_empty() {
        return Ok(true);
    }
    let question = format!("Remove the stored values of {}?", removed.join(", "));
    context.ui.confirm(&question, "without one, remove them with: phalanx-secrets remove")
}

fn put(
    changes: &Changes,
    before: &BTreeMap<SecretId, Before>,
    context: &Context<'_>,
) -> Result<Vec<String>, CliError> {
    uncommitted::warn(changes.keys(), context);
    ignored::warn(changes.keys(), context);
    let store = context.store_to_change()?;
    let all = changes.iter().map(|(id, value)| ValueChange {
        id,
        before: before.get(id).map(|before| before.sealed.clone()),
        after: value.as_ref(),
    });
    store.change_together(all, Timestamp::now())?;
    for (id, value) in changes {
        context.ui.status(&match value {
            Some(_) => {
                format!("Stored {id}, sealed to: {}", readers(&store, id)?.join(", "))
            }
            None => format!("Removed {id}"),
        });
    }
    Ok(store.into_touched())
}

/// A text that is wiped when dropped.
type Text = Zeroizing<String>;
