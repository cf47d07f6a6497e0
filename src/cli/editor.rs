//! The user's editor, at work on a value in memory.

use std::path::Path;
use std::process::Command;

use super::input::read_file;
use super::private_folder::PrivateFolder;
use super::signals::RunningChild;
use super::{CliError, Context, terminal};
use crate::model::{SecretId, SecretValue};

/// The user's editor, and where it may work.
pub(super) struct Editor<'a> {
    command: Vec<String>,
    folder: PrivateFolder,
    context: &'a Context<'a>,
}

impl<'a> Editor<'a> {
    pub(super) fn start(context: &'a Context<'a>, allow_disk: bool) -> Result<Self, CliError> {
        let line = context.settings.editor().unwrap_or_else(|| "vi".to_owned());
        let wrong = |why: &str| {
            CliError::usage(format!("the editor {line:?} cannot be used: {why}"))
                .hint("name one in VISUAL or EDITOR, as for a shell: EDITOR='code --wait'")
        };
        let mut command =
            shell_words::split(&line).map_err(|_| wrong("its quotes are not closed"))?;
        let Some(program) = command.first() else { return Err(wrong("it is empty")) };
        let Some(path) = context.settings.program(program) else {
            return Err(wrong("there is no such program"));
        };
        command.extend(without_copies(&path));
        let folder = PrivateFolder::create(context.settings, allow_disk)?;
        Ok(Self { command, folder, context })
    }

    /// Has a text edited.
    pub(super) fn edit(&self, name: &str, text: &SecretValue) -> Result<SecretValue, CliError> {
        let path = self.folder.write(name, text)?;
        let _modes = terminal::keep_modes();
        let fail = |cause: String| {
            let mut failed = CliError::usage("nothing was stored, since the editor failed");
            failed.causes.push(cause);
            failed.hint("name another in VISUAL or EDITOR")
        };
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(fail("there is none".to_owned()));
        };
        self.context.ui.detail(&format!("Starting {}", self.command.join(" ")));
        let mut child = Command::new(program)
            .args(arguments)
            .arg(&path)
            .spawn()
            .map_err(|error| fail(format!("{program}: {error}")))?;
        let running = RunningChild::new(&child);
        let status = child.wait()?;
        drop(running);
        if !status.success() {
            return Err(fail(format!("{program} ended with {status}")));
        }
        read_file(&path)
    }
}

/// What keeps an editor from leaving copies in places of its own.
fn without_copies(program: &Path) -> Vec<String> {
    let resolved = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let named = |path: &Path, start: &str| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(start))
    };
    let is = |start: &str| named(program, start) || named(&resolved, start);
    let options: &[&str] = if is("vim") || is("nvim") || is("gvim") {
        // No swap file, no viminfo, and (after vimrc) no backups and no undo file.
        &["-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile noswapfile"]
    } else if is("nano") {
        // Its settings could ask for backups in another place.
        &["--ignorercfiles"]
    } else if is("emacs") {
        &["--eval", "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)"]
    } else {
        &[]
    };
    options.iter().map(|option| (*option).to_owned()).collect()
}

/// What a value's file is called while it is edited.
pub(super) fn file_name(id: &SecretId) -> String {
    format!("{}.txt", crate::store::file_stem(&id.key))
}

/// Editors end the last line. What had no line feed at its end gets none, and
/// a new value of one line neither.
pub(super) fn without_added_line_feed(
    edited: &SecretValue,
    old: Option<&SecretValue>,
) -> SecretValue {
    let Some(bare) = edited.expose().strip_suffix(b"\n") else { return edited.clone() };
    let is_added = match old {
        Some(old) => !old.expose().ends_with(b"\n"),
        None => !bare.contains(&b'\n'),
    };
    if is_added { SecretValue::from(bare.to_vec()) } else { edited.clone() }
}
