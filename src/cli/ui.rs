//! The terminal: output, messages, prompts, progress.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use zeroize::Zeroizing;

use super::ask::{Shown, TerminalAsk};
use super::error::{CliError, Exit};
use super::settings::is_stdin;
use super::terminal::{Answer, ask_hidden};
use crate::model::{EnvironmentName, SecretValue};
use crate::store::Ask;

const BOLD_RED: Style = AnsiColor::Red.on_default().bold();
const BOLD_YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// How a value gets in where nobody can be asked.
const PASS_IT: &str = "pass it on standard input, or with --from-file FILE";

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
    stdin_is_terminal: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    shown: Shown,
    verbosity: Verbosity,
    /// Whether the terminal understands more than text.
    has_able_terminal: bool,
    /// The environment that it speaks of, where it is one of several.
    environment: Option<(String, ProgressBar)>,
}

impl Ui {
    pub(super) fn of_process(has_able_terminal: bool) -> Self {
        Self {
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            shown: Shown::default(),
            verbosity: Verbosity::default(),
            has_able_terminal,
            environment: None,
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

    /// Writes a message: a heading, and a text whose lines all belong to it.
    fn message(&self, text: std::fmt::Arguments<'_>) {
        let prefix = self.prefix();
        self.alone(|| {
            let _ = writeln!(anstream::stderr(), "{prefix}{text}");
        });
    }

    /// Writes data, to the byte. A reader that went away is no error.
    pub(super) fn data(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Writes a line of data.
    pub(super) fn line(&self, text: &str) -> Result<(), CliError> {
        let prefix = self.prefix();
        self.alone(|| self.data(format!("{prefix}{text}\n").as_bytes()))
    }

    /// Writes lines of data.
    pub(super) fn lines(&self, text: &str) -> Result<(), CliError> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// Writes a JSON document.
    pub(super) fn json(&self, document: &impl serde::Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| CliError::new(super::Exit::Store, &error))?;
        self.line(&text)
    }

    /// Writes a value: to the byte, but that on a terminal the next prompt
    /// begins on a line of its own.
    pub(super) fn value(&self, value: &SecretValue) -> Result<(), CliError> {
        self.data(value.expose())?;
        if self.stdout_is_terminal && !value.expose().ends_with(b"\n") {
            self.data(b"\n")?;
        }
        Ok(())
    }

    /// Says what was done.
    pub(super) fn status(&self, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            self.message(format_args!("{text}"));
        }
    }

    /// Says what whoever is asked has to know, however little is to be said.
    pub(super) fn tell(&self, text: &str) {
        self.message(format_args!("{text}"));
    }

    /// Says what comes now.
    pub(super) fn heading(&self, text: &str) {
        self.message(format_args!("{BOLD}{text}{BOLD:#}"));
    }

    /// Says what is of interest to who looks closely.
    pub(super) fn detail(&self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.message(format_args!("{DIM}{text}{DIM:#}"));
        }
    }

    /// Warns.
    pub(super) fn warn(&self, text: &str) {
        self.message(format_args!("{BOLD_YELLOW}Warning:{BOLD_YELLOW:#} {text}"));
    }

    /// Suggests what to do next.
    pub(super) fn hint(&self, text: &str) {
        let text = text.replace('\n', "\n      ");
        self.message(format_args!("{CYAN}Hint:{CYAN:#} {text}"));
    }

    /// Reports an error.
    pub(super) fn error(&self, error: &CliError) {
        self.message(format_args!("{BOLD_RED}Error:{BOLD_RED:#} {}", error.message));
        for cause in &error.causes {
            self.message(format_args!("Caused by: {cause}"));
        }
        for detail in &error.details {
            self.message(format_args!("  • {detail}"));
        }
        for hint in &error.hints {
            self.hint(hint);
        }
        if let (true, Some(hint)) = (error.hints.is_empty(), general_hint(error.exit)) {
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
        bar.set_message(text);
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

    /// Asks for passphrases, where there is somebody to ask.
    pub(super) fn ask(&self) -> Arc<dyn Ask> {
        Arc::new(TerminalAsk::new(Arc::clone(&self.shown), self.has_able_terminal))
    }

    /// The width of the terminal that data goes to; `None` where it goes
    /// elsewhere.
    pub(super) fn width(&self) -> Option<usize> {
        let size = terminal_size::terminal_size_of(io::stdout());
        size.filter(|_| self.stdout_is_terminal).map(|(width, _)| usize::from(width.0))
    }

    /// Reads a value: hidden and twice from a terminal, else all of standard
    /// input.
    pub(super) fn read_value(&self, what: &str) -> Result<SecretValue, CliError> {
        if !self.stdin_is_terminal {
            return read_all(io::stdin().lock());
        }
        let first = self.ask_value(&format!("Value of {what}: "))?;
        let second = self.ask_value("The same again: ")?;
        if first != second {
            return Err(CliError::usage("the two values differ; nothing was stored")
                .hint("give it again; a long one is best pasted, or read with --from-file FILE"));
        }
        Ok(first)
    }

    fn ask_value(&self, prompt: &str) -> Result<SecretValue, CliError> {
        match self.ask_hidden(prompt)? {
            Answer::Text(value) => Ok(value.into()),
            Answer::Control(_) | Answer::End => {
                Err(CliError::usage("no value was given; nothing was stored").hint(PASS_IT))
            }
        }
    }

    /// Asks for something that is not shown, or for a key in its place.
    pub(super) fn ask_hidden(&self, prompt: &str) -> Result<Answer, CliError> {
        ask_hidden(prompt, self.has_able_terminal).map_err(|error| {
            let mut failed = CliError::usage("the value could not be asked for");
            failed.causes.push(error.to_string());
            failed.hint(PASS_IT)
        })
    }

    /// Asks for a line that is shown; `None` at the end of the input.
    pub(super) fn ask_line(&self, prompt: &str) -> Result<Option<String>, CliError> {
        let _ = write!(anstream::stderr(), "{prompt}");
        let mut answer = String::new();
        match io::stdin().read_line(&mut answer)? {
            0 => {
                self.status("");
                Ok(None)
            }
            _ => Ok(Some(answer.trim().to_owned())),
        }
    }

    /// Has one of several chosen, by number; `None` at the end of the input.
    pub(super) fn choose(&self, choices: &[&str]) -> Result<Option<usize>, CliError> {
        for (number, choice) in (1..).zip(choices) {
            self.message(format_args!("  {number}. {choice}"));
        }
        loop {
            let Some(answer) = self.ask_line("Number: ")? else { return Ok(None) };
            match answer.parse::<usize>() {
                Ok(number) if (1..=choices.len()).contains(&number) => return Ok(Some(number - 1)),
                _ => self.warn(&format!("answer with a number from 1 to {}", choices.len())),
            }
        }
    }

    /// Refuses to go on where nobody could answer.
    pub(super) fn need_terminal(&self, instead: &str) -> Result<(), CliError> {
        match self.stdin_is_terminal && self.stderr_is_terminal {
            true => Ok(()),
            false => {
                Err(CliError::usage("there is no terminal to ask at").hint(instead.to_owned()))
            }
        }
    }

    /// Whether somebody is there who could be asked.
    pub(super) fn can_ask(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }

    /// The width for text that people read.
    pub(super) fn text_width(&self) -> usize {
        let size = terminal_size::terminal_size_of(io::stderr());
        size.map_or(80, |(width, _)| usize::from(width.0)).clamp(20, 100)
    }

    /// Asks a question that is answered by yes or no.
    pub(super) fn confirm(&self, question: &str) -> Result<bool, CliError> {
        if !self.stdin_is_terminal {
            return Err(CliError::usage(format!("there is no terminal to ask at: {question}"))
                .hint("pass --yes to say yes beforehand".to_owned()));
        }
        let answer = self.ask_line(&format!("{question} [y/N] "))?;
        Ok(matches!(answer.as_deref(), Some("y" | "Y" | "yes")))
    }
}

/// What to do about an error that has no hint of its own.
fn general_hint(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Usage => Some("what each command takes is shown by: phalanx-secrets help COMMAND"),
        Exit::Store => Some("all that is wrong with the store is listed by: phalanx-secrets check"),
        Exit::Vault => Some(
            "it can be run again: what was written stays, and the rest is done then; --verbose \
             says more",
        ),
        Exit::Done | Exit::Findings | Exit::Changed | Exit::OfProcess(_) => None,
    }
}

/// Reads the file that the user named into memory that is wiped; `-` is
/// standard input.
pub(super) fn read_file(path: &Path) -> Result<SecretValue, CliError> {
    if is_stdin(path) {
        return read_all(io::stdin().lock());
    }
    let cannot = |cause: String| {
        let mut failed = CliError::usage(format!("{} cannot be read", path.display()));
        failed.causes.push(cause);
        failed
    };
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    read_all(file).map_err(|error| cannot(error.message))
}

/// Reads everything into memory that is wiped.
fn read_all(mut input: impl io::Read) -> Result<SecretValue, CliError> {
    /// Nothing that Vault would take is larger.
    const MAX: u64 = 16 << 20;
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    input.by_ref().take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(CliError::usage("the input is larger than 16 MiB"));
    }
    Ok(bytes.into())
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
