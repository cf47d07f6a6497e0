//! Identities of age plugins, such as those on a hardware key.
//!
//! A plugin is a program that is started for each file. It may ask for a PIN
//! each time: what was right once is answered again without asking. What was
//! not is asked for again, since a key that is told a wrong PIN too often locks
//! itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::SecretString;
use age::{Callbacks, DecryptError, plugin};
use age_core::format::{FileKey, Stanza};

use super::Ask;

/// An identity of a plugin, used for one file at a time.
pub(super) struct PluginIdentity {
    plugin: plugin::IdentityPluginV1<Answers>,
    answers: Answers,
    turn: Mutex<()>,
}

impl PluginIdentity {
    pub(super) fn new(
        identity: plugin::Identity,
        ask: Arc<dyn Ask>,
    ) -> Result<Self, plugin::ResolveError> {
        let answers = Answers { ask, secrets: Arc::default() };
        let name = identity.plugin().to_owned();
        let plugin = plugin::IdentityPluginV1::new(&name, &[identity], answers.clone())?;
        Ok(Self { plugin, answers, turn: Mutex::new(()) })
    }
}

impl age::Identity for PluginIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let unwrapped = self.plugin.unwrap_stanzas(stanzas);
        self.answers.settle(matches!(unwrapped, Some(Ok(_))));
        unwrapped
    }
}

/// Answers the plugin's questions.
#[derive(Clone)]
struct Answers {
    ask: Arc<dyn Ask>,
    secrets: Arc<Mutex<Secrets>>,
}

/// Secrets that were asked for, by the question.
#[derive(Default)]
struct Secrets {
    /// Right at least once.
    proven: HashMap<String, SecretString>,
    /// Given for the file that is being opened.
    given: HashMap<String, SecretString>,
}

impl Answers {
    fn secrets(&self) -> std::sync::MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was given for a file that opened, and forgets it else.
    fn settle(&self, has_opened: bool) {
        let mut secrets = self.secrets();
        let given = std::mem::take(&mut secrets.given);
        if has_opened {
            secrets.proven.extend(given);
        }
    }
}

impl Callbacks for Answers {
    fn display_message(&self, message: &str) {
        self.ask.tell(message);
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.ask.confirm(message, yes, no)
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.ask.text(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        // Taken out, so that a plugin that asks again is not told it again.
        let known = self.secrets().proven.remove(description);
        let answer = match known {
            Some(answer) => answer,
            None => self.ask.secret(&format!("{description}: "))?,
        };
        self.secrets().given.insert(description.to_owned(), answer.clone());
        Some(answer)
    }
}
