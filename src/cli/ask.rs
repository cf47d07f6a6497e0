//! Asking for passphrases, and for what age plugins want to know.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::SecretString;
use indicatif::ProgressBar;

use super::terminal::{self, Answer, Pastes, ask_hidden};
use crate::store::{Ask, NoAnswer};

/// The progress that is shown at the moment, which gives way to a prompt.
pub(super) type Shown = Arc<Mutex<Option<ProgressBar>>>;

/// Asks at the terminal itself, so that the standard streams stay free for
/// values.
pub(super) struct TerminalAsk {
    /// Held while there is a question on the screen.
    turn: Mutex<()>,
    shown: Shown,
    pastes: Pastes,
}

impl TerminalAsk {
    pub(super) fn new(shown: Shown, pastes: Pastes) -> Self {
        Self { turn: Mutex::default(), shown, pastes }
    }

    /// Runs something with the terminal to itself.
    fn alone<T>(&self, ask: impl FnOnce() -> T) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match shown {
            Some(bar) => bar.suspend(ask),
            None => ask(),
        }
    }

    fn line(&self, prompt: &str) -> Result<String, NoAnswer> {
        self.alone(|| {
            let mut terminal = terminal()?;
            let mut answer = String::new();
            let read = write!(terminal, "{prompt}")
                .and_then(|()| BufReader::new(terminal).read_line(&mut answer));
            match read {
                Ok(length) if length > 0 => Ok(answer.trim_end_matches(['\r', '\n']).to_owned()),
                _ => Err(NoAnswer::Refused),
            }
        })
    }
}

/// The terminal to read from and to write to.
fn terminal() -> Result<File, NoAnswer> {
    terminal::open().map_err(|_| NoAnswer::NoTerminal)
}

impl Ask for TerminalAsk {
    fn secret(&self, prompt: &str) -> Result<SecretString, NoAnswer> {
        self.alone(|| {
            terminal()?;
            let Ok(Answer::Text(answer)) = ask_hidden(prompt, self.pastes.of_one_line()) else {
                return Err(NoAnswer::Refused);
            };
            match str::from_utf8(&answer) {
                Ok(answer) if !answer.is_empty() => Ok(SecretString::from(answer)),
                _ => Err(NoAnswer::Refused),
            }
        })
    }

    fn text(&self, question: &str) -> Result<String, NoAnswer> {
        self.line(question)
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Result<bool, NoAnswer> {
        let no = no.unwrap_or("no");
        let answer = self.line(&format!("{question}\n  1: {yes}\n  2: {no}\n[2]: "))?;
        Ok(answer.trim() == "1")
    }

    fn tell(&self, message: &str) {
        self.alone(|| {
            let _ = writeln!(anstream::stderr(), "{message}");
        });
    }
}
