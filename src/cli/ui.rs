//! The terminal: output, messages, progress. What comes in is in `input.rs`.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use zeroize::Zeroizing;

use super::ask::{Shown, TerminalAsk};
use super::error::CliError;
use super::held_back::HeldBack;
use super::terminal::Pastes;
use crate::model::{EnvironmentName, SecretValue};
use crate::printable::{printable, printable_lines};
use crate::store::Ask;

const BOLD_RED: Style = AnsiColor::Red.on_default().bold();
const BOLD_YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// How much is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Data, warnings and errors.
    Quiet,
    /// What was done as well.
    #[default]
    Usual,
    /// What was looked at, too.
    Verbose,
}

/// Where text goes and comes from.
#[derive(Debug, Clone)]
pub(super) struct Ui {
    pub(super) stdin_is_terminal: bool,
    pub(super) stdout_is_terminal: bool,
    pub(super) stderr_is_terminal: bool,
    shown: Shown,
    verbosity: Verbosity,
    /// How to tell what is pasted.
    pub(super) pastes: Pastes,
    /// The environment that it speaks of, where it is one of several.
    environment: Option<(String, ProgressBar)>,
    /// What no message repeats.
    held_back: HeldBack,
}

impl Ui {
    pub(super) fn of_process(pastes: Pastes, held_back: HeldBack) -> Self {
        Self {
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            shown: Shown::default(),
            verbosity: Verbosity::default(),
            pastes,
            environment: None,
            held_back,
        }
    }

    /// The same, saying more or less.
    pub(super) fn with(self, verbosity: Verbosity) -> Self {
        Self { verbosity, ..self }
    }

    /// The same, for one of several environments: each line begins with its
    /// name, and there is no progress but that of them all.
    pub(super) fn for_environment(&self, name: &EnvironmentName, progress: &Progress) -> Self {
        Self { environment: Some((name.to_string(), progress.bar.clone())), ..self.clone() }
    }

    /// What each line begins with.
    fn prefix(&self) -> String {
        self.environment.as_ref().map(|(name, _)| format!("{name}: ")).unwrap_or_default()
    }

    /// Prints, with the terminal to itself.
    fn alone<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.environment {
            Some((_, bar)) => bar.suspend(print),
            None => print(),
        }
    }

    /// Writes a message: what it begins with, and a text whose lines all belong
    /// to it. Whatever people are told comes through here, so that nothing in it
    /// steers their terminal or hides from them, and no key is repeated.
    fn message(&self, style: Style, heading: &str, text: &str) {
        let prefix = self.prefix();
        let text = printable_lines(&self.held_back.taken_from(text));
        self.alone(|| {
            let mut stderr = anstream::stderr();
            let _ = match heading {
                "" => writeln!(stderr, "{prefix}{style}{text}{style:#}"),
                heading => writeln!(stderr, "{prefix}{style}{heading}{style:#} {text}"),
            };
        });
    }

    /// Writes data, to the byte. A reader that went away is no error.
    pub(super) fn data(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let mut failed = CliError::store("standard output cannot be written");
                failed.causes.push(error.to_string());
                Err(failed.hint("is there space where it goes to?"))
            }
            _ => Ok(()),
        }
    }

    /// Writes a line for people.
    pub(super) fn line(&self, text: &str) -> Result<(), CliError> {
        let prefix = self.prefix();
        let text = printable(&self.held_back.taken_from(text));
        self.alone(|| self.data(format!("{prefix}{text}\n").as_bytes()))
    }

    /// Writes lines for people.
    pub(super) fn lines(&self, text: &str) -> Result<(), CliError> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// Writes a JSON document.
    pub(super) fn json(&self, document: &impl serde::Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| CliError::new(super::Exit::Store, &error))?;
        let text = self.held_back.taken_from(&text);
        self.alone(|| self.data(format!("{text}\n").as_bytes()))
    }

    /// Writes a value: to the byte, but that a terminal gets text alone. What
    /// would steer it is escaped: whoever may add a value may not be its reader.
    pub(super) fn value(&self, value: &SecretValue) -> Result<(), CliError> {
        if !self.stdout_is_terminal {
            return self.data(value.expose());
        }
        let Some(text) = value.expose_str() else {
            let message = format!("the value is {} bytes that are no text", value.expose().len());
            return Err(CliError::usage(message)
                .hint("send it to a file, or through a pipe, where it goes to the byte"));
        };
        let mut is_escaped = false;
        for line in text.split_inclusive('\n') {
            let bare = line.strip_suffix('\n').unwrap_or(line);
            for part in bare.split_inclusive('\t') {
                let (text, tab) = part.strip_suffix('\t').map_or((part, ""), |text| (text, "\t"));
                let shown = Zeroizing::new(printable(text));
                is_escaped |= *shown != text;
                self.data(shown.as_bytes())?;
                self.data(tab.as_bytes())?;
            }
            self.data(b"\n")?;
        }
        if is_escaped {
            self.warn("control characters are shown as escapes; a pipe gets the value to the byte");
        }
        Ok(())
    }

    /// Says what was done.
    pub(super) fn status(&self, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            self.message(Style::new(), "", text);
        }
    }

    /// Says what whoever is asked has to know, however little is to be said.
    pub(super) fn tell(&self, text: &str) {
        self.message(Style::new(), "", text);
    }

    /// The same, while progress is shown.
    pub(super) fn tell_alone(&self, text: &str) {
        match self.environment {
            // It gives way by itself.
            Some(_) => self.tell(text),
            None => self.without_progress(|| self.tell(text)),
        }
    }

    /// Says what comes now.
    pub(super) fn heading(&self, text: &str) {
        self.message(BOLD, "", text);
    }

    /// Says what is of interest to who looks closely.
    pub(super) fn detail(&self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.message(DIM, "", text);
        }
    }

    /// Warns.
    pub(super) fn warn(&self, text: &str) {
        self.message(BOLD_YELLOW, "Warning:", text);
    }

    /// Suggests what to do next.
    pub(super) fn hint(&self, text: &str) {
        let text = text.replace('\n', "\n      ");
        self.message(CYAN, "Hint:", &text);
    }

    /// What is wrong with a command line, in one line.
    pub(super) fn first_line_of(&self, error: &clap::Error) -> String {
        let text =
            anstream::adapter::strip_str(&self.held_back.taken_from_usage(error)).to_string();
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        line.strip_prefix("error: ").unwrap_or(&line).to_owned()
    }

    /// Reports a wrong command line, or gives what is asked for instead: the
    /// help or the version.
    pub(super) fn usage_error(&self, error: &clap::Error) {
        let text = self.held_back.taken_from_usage(error);
        let _ = match error.use_stderr() {
            true => write!(anstream::stderr(), "{text}"),
            false => write!(anstream::stdout(), "{text}"),
        };
    }

    /// Reports an error.
    pub(super) fn error(&self, error: &CliError) {
        self.message(BOLD_RED, "Error:", &error.message);
        for cause in &error.causes {
            self.message(Style::new(), "Caused by:", cause);
        }
        for detail in &error.details {
            self.message(Style::new(), "  •", detail);
        }
        for hint in &error.hints {
            self.hint(hint);
        }
    }

    /// Shows that something is under way, on a terminal, once it has taken a
    /// moment. It goes when dropped.
    pub(super) fn progress(&self, text: String) -> Progress {
        if self.environment.is_some() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            return Progress { bar, shown: Shown::default() };
        }
        let target = if self.stderr_is_terminal {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_style(
            ProgressStyle::with_template("{spinner} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_message(printable(&self.held_back.taken_from(&text)));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.show(bar)
    }

    /// Shows how far something is that is done one by one.
    pub(super) fn progress_bar(&self, text: &'static str, count: usize) -> Progress {
        let target = if self.stderr_is_terminal {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(count as u64), target).with_style(
            ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} ({eta})")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_message(text);
        self.show(bar)
    }

    fn show(&self, bar: ProgressBar) -> Progress {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Progress { bar, shown: Arc::clone(&self.shown) }
    }

    /// Runs something with the terminal to itself.
    pub(super) fn without_progress<T>(&self, work: impl FnOnce() -> T) -> T {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match shown {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Asks for passphrases, where there is somebody to ask.
    pub(super) fn ask(&self) -> Arc<dyn Ask> {
        Arc::new(TerminalAsk::new(Arc::clone(&self.shown), self.pastes))
    }

    /// The width of the terminal that data goes to; `None` where it goes
    /// elsewhere.
    pub(super) fn width(&self) -> Option<usize> {
        let size = terminal_size::terminal_size_of(io::stdout());
        size.filter(|_| self.stdout_is_terminal).map(|(width, _)| usize::from(width.0))
    }
}

/// Something under way, shown until dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    shown: Shown,
}

impl Progress {
    /// One more is done.
    pub(super) fn advance(&self) {
        self.bar.inc(1);
    }

    pub(super) fn message(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Runs `print` with the terminal to itself.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
