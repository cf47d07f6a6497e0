//! What comes in: values and answers, from prompts, standard input and files.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use rustix::termios::{QueueSelector, tcflush};
use zeroize::Zeroizing;

use super::error::CliError;
use super::settings::is_stdin;
use super::terminal::{self, Answer, ask_hidden};
use super::ui::Ui;
use crate::model::SecretValue;
use crate::wiped;

/// How to do without a question.
pub(super) const YES: &str = "pass --yes to say yes beforehand";

/// The largest value, in bytes. Nothing that Vault would take is larger, and
/// sealed it is no larger than what is read again.
pub(super) const MAX_VALUE: usize = 16 << 20;

/// How a value gets in where nobody can be asked.
const PASS_IT: &str = "pass it on standard input, or with --from-file FILE";

impl Ui {
    /// Reads a value: hidden and twice from a terminal, else all of standard
    /// input.
    pub(super) fn read_value(&self, what: &str) -> Result<SecretValue, CliError> {
        if !self.stdin_is_terminal {
            return read_all(io::stdin().lock());
        }
        let silence = terminal::silence()?;
        let first = self.ask_value(&format!("Value of {what}: "))?;
        let second = self.ask_value("The same again: ")?;
        drop(silence);
        if first != second {
            return Err(CliError::usage("the two values differ; nothing was stored")
                .hint("give it again; a long one is best pasted, or read with --from-file FILE"));
        }
        Ok(first)
    }

    fn ask_value(&self, prompt: &str) -> Result<SecretValue, CliError> {
        match self.ask_hidden(prompt)? {
            // The rest of a text that was pasted slowly: it must not go to a shell.
            Answer::Text(_) if terminal::discard_input()? => Err(CliError::usage(
                "more came than one line; nothing was stored",
            )
            .hint("paste a text of several lines at once, or read it with --from-file FILE")),
            Answer::Text(value) => Ok(value.into()),
            Answer::Control(_) | Answer::End => {
                Err(CliError::usage("no value was given; nothing was stored").hint(PASS_IT))
            }
        }
    }

    /// Asks for something that is not shown, or for a key in its place.
    pub(super) fn ask_hidden(&self, prompt: &str) -> Result<Answer, CliError> {
        ask_hidden(prompt, self.pastes).map_err(|error| {
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
                // Progress may have given way already.
                let _ = writeln!(anstream::stderr());
                Ok(None)
            }
            _ => Ok(Some(answer.trim().to_owned())),
        }
    }

    /// Has one of several chosen, by number; `None` at the end of the input.
    pub(super) fn choose(&self, choices: &[&str]) -> Result<Option<usize>, CliError> {
        for (number, choice) in (1..).zip(choices) {
            self.tell(&format!("  {number}. {choice}"));
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
        match self.can_ask() {
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

    /// Asks a question that is answered by yes or no. `instead` says how to do
    /// without it, for where nobody is there to answer.
    pub(super) fn confirm(&self, question: &str, instead: &str) -> Result<bool, CliError> {
        if !self.can_ask() {
            return Err(CliError::usage(format!("there is no terminal to ask at: {question}"))
                .hint(instead.to_owned()));
        }
        // What was typed before the question is no answer to it.
        let ask = || {
            let _ = tcflush(io::stdin(), QueueSelector::IFlush);
            self.ask_line(&format!("{question} [y/N] "))
        };
        let answer = self.without_progress(ask)?;
        Ok(matches!(answer.as_deref(), Some("y" | "Y" | "yes")))
    }
}

/// Reads the file that the user named into memory that is wiped; `-` is
/// standard input.
pub(super) fn read_file(path: &Path) -> Result<SecretValue, CliError> {
    if is_stdin(path) {
        // It would show what is typed.
        if io::stdin().is_terminal() {
            return Err(CliError::usage("standard input is a terminal, which shows what is typed")
                .hint("name a file, or send the value through a pipe"));
        }
        return read_all(io::stdin().lock());
    }
    let cannot = |cause: String| {
        let mut failed = CliError::usage(format!("{} cannot be read", path.display()));
        failed.causes.push(cause);
        failed.hint("name a file that you can read")
    };
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    read_all(file).map_err(|error| cannot(error.message))
}

/// Reads everything into memory that is wiped.
pub(super) fn read_all(mut input: impl io::Read) -> Result<SecretValue, CliError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    let mut chunk = Zeroizing::new([0; 64 << 10]);
    loop {
        let length = match input.read(&mut chunk[..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length?,
        };
        if length == 0 {
            return Ok(bytes.into());
        }
        wiped::append(&mut bytes, chunk.get(..length).unwrap_or_default());
        if bytes.len() > MAX_VALUE {
            return Err(CliError::usage("the input is larger than 16 MiB")
                .hint("nothing that Vault would take is larger"));
        }
    }
}
