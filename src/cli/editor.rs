//! The user's editor, at work on a value in memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::input::read_file;
use super::private_folder::PrivateFolder;
use super::signals::{Signals, run_child};
use super::{CliError, Context, terminal};
use crate::model::{SecretId, SecretValue};

/// Sooner than anybody leaves an editor: it works on in a window of its own.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The user's editor, and where it may work.
pub(super) struct Editor<'a> {
    program: PathBuf,
    arguments: Vec<String>,
    /// Whether it hands over to a server, which it may look for below the
    /// folder for temporary files.
    is_client: bool,
    folder: PrivateFolder,
    context: &'a Context<'a>,
}

impl<'a> Editor<'a> {
    pub(super) fn start(context: &'a Context<'a>, allow_disk: bool) -> Result<Self, CliError> {
        let settings = context.settings;
        let line = settings.editor()?.unwrap_or_else(|| "vi".to_owned());
        let wrong = |why: &str| {
            CliError::usage(format!("the editor {line:?} cannot be used: {why}"))
                .hint("name one in VISUAL or EDITOR, as for a shell: EDITOR='nano --nowrap'")
        };
        let words = shell_words::split(&line).map_err(|_| wrong("its quotes are not closed"))?;
        let Some((program, arguments)) = words.split_first() else {
            return Err(wrong("it is empty"));
        };
        let Some(program) = settings.program(program) else {
            return Err(wrong("there is no such program"));
        };
        let mut arguments = arguments.to_vec();
        // The first word may be env, which runs the editor.
        let is_env = program.file_name().is_some_and(|name| name == "env");
        let is_own = |word: &&String| !is_env || !(word.starts_with('-') || word.contains('='));
        let word = words.iter().skip(usize::from(is_env)).find(is_own);
        let editor = word.and_then(|word| settings.program(word));
        let is_client = editor.as_deref().is_some_and(|path| is_named(path, "emacsclient"));
        match editor.as_deref().and_then(without_copies) {
            Some(options) => arguments.extend(options.iter().map(|&option| option.to_owned())),
            None if context.ui.can_ask() => context.ui.warn(&format!(
                "{} is not known here: it may keep copies of what it edits, such as backups or a \
                 history",
                program.display()
            )),
            None => {}
        }
        let folder = PrivateFolder::create(settings, allow_disk)?;
        Ok(Self { program, arguments, is_client, folder, context })
    }

    pub(super) fn context(&self) -> &'a Context<'a> {
        self.context
    }

    /// Has a text edited.
    pub(super) fn edit(&self, name: &str, text: &SecretValue) -> Result<SecretValue, CliError> {
        let path = self.folder.write(name, text)?;
        let _modes = terminal::keep_modes();
        let program = self.program.display();
        let fail = |cause: String| {
            let mut failed = CliError::usage("nothing was stored, since the editor failed");
            failed.causes.push(cause);
            failed.hint("name another in VISUAL or EDITOR")
        };
        self.context.ui.detail(&format!("Starting {program} {}", self.arguments.join(" ")));
        let started = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(&path);
        // What it writes to temporary files is in memory as well.
        if !self.is_client {
            for variable in ["TMPDIR", "TMP", "TEMP"] {
                command.env(variable, self.folder.path());
            }
        }
        let status = run_child(&mut command, Signals::End)
            .map_err(|error| fail(format!("{program}: {error}")))?;
        if !status.success() {
            return Err(fail(format!("{program} ended with {status}")));
        }
        let edited = read_file(&path)?;
        if edited == *text && started.elapsed() < AT_ONCE && self.context.ui.can_ask() {
            self.context.ui.hint(&format!(
                "is {program} still open? What you save there now is lost; have it wait, as with \
                 EDITOR='code --wait'"
            ));
        }
        Ok(edited)
    }
}

/// What keeps an editor from leaving copies in places of its own; `None` for
/// one that is not known.
fn without_copies(program: &Path) -> Option<&'static [&'static str]> {
    let is = |start: &str| is_named(program, start);
    // Each of a kind: no swap file, no history, and (after the user's settings)
    // no backups and no undo file.
    Some(if is("gvim") {
        // It would leave for the background at once.
        &["-f", "-n", "-i", "NONE", "-c", NO_VIM_COPIES]
    } else if is("vim") || is("nvim") {
        &["-n", "-i", "NONE", "-c", NO_VIM_COPIES]
    } else if is("nano") {
        // Its settings could ask for backups in another place.
        &["--ignorercfiles"]
    } else if is("emacs") && !is("emacsclient") {
        &["--eval", "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)"]
    } else if is("micro") {
        &["-backup", "false", "-saveundo", "false", "-savehistory", "false", "-savecursor", "false"]
    } else if is("joe") {
        &["-nobackups", "-nodeadjoe", "--joe_state"]
    } else if is("hx") || is("kak") {
        &[]
    } else {
        return None;
    })
}

/// Whether the name of a program begins so, or that of what it is a link to.
fn is_named(program: &Path, start: &str) -> bool {
    let named = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(start))
    };
    named(program) || program.canonicalize().is_ok_and(|resolved| named(&resolved))
}

const NO_VIM_COPIES: &str = "set nobackup nowritebackup noundofile noswapfile";

/// What a value's file is called while it is edited.
pub(super) fn file_name(id: &SecretId) -> String {
    format!("{}.txt", crate::store::file_stem(&id.key))
}

/// Editors end the last line. What had no line feed at its end gets none from
/// them, and a single line has one only where it had one before.
pub(super) fn without_added_line_feed(
    edited: &SecretValue,
    old: Option<&SecretValue>,
) -> SecretValue {
    let Some(bare) = edited.expose().strip_suffix(b"\n") else { return edited.clone() };
    let old = old.map_or(&b""[..], SecretValue::expose);
    let is_single = |text: &[u8]| !text.contains(&b'\n');
    let is_added = !old.ends_with(b"\n") && (is_single(bare) || !is_single(old) || bare == old);
    // The end of a line may be of two characters.
    let shorter = bare.strip_suffix(b"\r").filter(|_| is_single(bare) && !old.contains(&b'\r'));
    match is_added {
        true => SecretValue::from(shorter.unwrap_or(bare).to_vec()),
        false => edited.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_that_an_editor_adds_is_left_out() {
        for (old, edited, new) in [
            (None, "a\n", "a"),
            (None, "a\r\n", "a"),
            (None, "a\nb\n", "a\nb\n"),
            (Some("a"), "a\n", "a"),
            (Some("a"), "b\r\n", "b"),
            (Some("a"), "b\nc\n", "b\nc\n"),
            (Some("a\n"), "b\n", "b\n"),
            (Some("a\nb"), "a\nb\n", "a\nb"),
            (Some("a\nb"), "c\n", "c"),
            (Some("a\nb\n"), "c\nd\n", "c\nd\n"),
            (Some("a\r"), "b\r\n", "b\r"),
            (Some("a"), "", ""),
        ] {
            let old = old.map(SecretValue::from);
            let found = without_added_line_feed(&SecretValue::from(edited), old.as_ref());
            assert_eq!(found.expose_str(), Some(new), "{edited:?}");
        }
    }
}
