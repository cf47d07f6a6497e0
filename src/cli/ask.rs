//! Asking for passphrases, and for what age plugins want to know.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::SecretString;
use indicatif::ProgressBar;

use crate::store::Ask;

/// The progress that is shown at the moment, which gives way to a prompt.
pub(super) type Shown = Arc<Mutex<Option<ProgressBar>>>;

/// Asks at the terminal. Prompts come from standard error and answers from the
/// terminal itself, so that standard input and output stay free for values.
pub(super) struct TerminalAsk {
    pub(super) is_terminal: bool,
    pub(super) shown: Shown,
}

impl TerminalAsk {
    /// Runs something with the terminal to itself.
    fn alone<T>(&self, ask: impl FnOnce() -> T) -> T {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match shown {
            Some(bar) => bar.suspend(ask),
            None => ask(),
        }
    }

    fn line(&self, prompt: &str) -> Option<String> {
        self.alone(|| {
            let _ = write!(anstream::stderr(), "{prompt}");
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).ok().filter(|length| *length > 0)?;
            Some(answer.trim_end_matches(['\r', '\n']).to_owned())
        })
    }
}

impl Ask for TerminalAsk {
    fn secret(&self, prompt: &str) -> Option<SecretString> {
        if !self.is_terminal {
            return None;
        }
        self.alone(|| rpassword::prompt_password(prompt).ok().map(SecretString::from))
    }

    fn text(&self, question: &str) -> Option<String> {
        if self.is_terminal { self.line(&format!("{question}: ")) } else { None }
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        if !self.is_terminal {
            return None;
        }
        let no = no.unwrap_or("no");
        let answer = self.line(&format!("{question}\n  1: {yes}\n  2: {no}\n[2] "))?;
        Some(answer.trim() == "1")
    }

    fn tell(&self, message: &str) {
        self.alone(|| {
            let _ = writeln!(anstream::stderr(), "{message}");
        });
    }
}
