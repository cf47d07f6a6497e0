//! Identities of age plugins, and what plugins ask for.
//!
//! One plugin runs at a time. What it was told and what then worked, such as
//! the PIN of a token, it is told again for the next file. What did not work is
//! never sent twice: a token locks itself after a few wrong PINs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use age::plugin::IdentityPluginV1;
use age::secrecy::{ExposeSecret as _, SecretString};
use age::{Callbacks, DecryptError};
use age_core::format::{FileKey, Stanza};

use super::locked::State;
use super::{Ask, NoAnswer};

/// A plugin and the question that it asked.
type Question = (String, String);

/// What plugins were told in this run.
pub(super) struct Session {
    ask: Arc<dyn Ask>,
    /// Held by whoever runs a plugin.
    turn: Mutex<()>,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    /// Those that worked.
    kept: BTreeMap<Question, SecretString>,
    /// Those of the unwrapping that is under way.
    given: Vec<(Question, SecretString)>,
    /// Whether a person was asked in it.
    asked: bool,
    /// Why a question of it had no answer.
    unanswered: Option<NoAnswer>,
}

impl Session {
    pub(super) fn new(ask: &Arc<dyn Ask>) -> Arc<Self> {
        let (turn, answers) = (Mutex::default(), Mutex::default());
        Arc::new(Self { ask: Arc::clone(ask), turn, answers })
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        let mut answers = self.answers();
        answers.given.clear();
        (answers.asked, answers.unanswered) = (false, None);
    }

    /// Keeps the answers that worked, forgets those that did not, and tells
    /// whether a person was asked and why not answered.
    fn end(&self, worked: bool) -> (bool, Option<NoAnswer>) {
        let mut answers = self.answers();
        for (question, answer) in std::mem::take(&mut answers.given) {
            if worked {
                answers.kept.insert(question, answer);
            } else {
                answers.kept.remove(&question);
            }
        }
        (answers.asked, answers.unanswered)
    }

    /// Answers from memory, or by asking.
    fn answer(
        &self,
        plugin: &str,
        question: &str,
        ask: impl FnOnce() -> Result<SecretString, NoAnswer>,
    ) -> Option<SecretString> {
        let key = (plugin.to_owned(), question.to_owned());
        {
            let mut answers = self.answers();
            // Asked again within one unwrapping, it was wrong.
            let is_repeated = answers.given.iter().any(|(given, _)| *given == key);
            if !is_repeated && let Some(kept) = answers.kept.get(&key).cloned() {
                answers.given.push((key, kept.clone()));
                return Some(kept);
            }
        }
        let answer = self.note(ask())?;
        let mut answers = self.answers();
        answers.given.retain(|(given, _)| *given != key);
        answers.given.push((key, answer.clone()));
        Some(answer)
    }

    /// Notes that a person was asked, and how that went.
    fn note<T>(&self, answer: Result<T, NoAnswer>) -> Option<T> {
        let mut answers = self.answers();
        answers.asked = true;
        answers.unanswered = answer.as_ref().err().copied();
        answer.ok()
    }
}

/// What a plugin may ask for.
#[derive(Clone)]
struct PluginQuestions {
    plugin: String,
    session: Arc<Session>,
}

impl PluginQuestions {
    fn named(&self, question: &str) -> String {
        format!("age-plugin-{}: {}: ", self.plugin, question.trim().trim_end_matches(':'))
    }
}

impl Callbacks for PluginQuestions {
    fn display_message(&self, message: &str) {
        self.session.ask.tell(&format!("age-plugin-{}: {}", self.plugin, message.trim()));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let question = format!("age-plugin-{}: {}", self.plugin, message.trim());
        self.session.note(self.session.ask.confirm(&question, yes, no))
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        let ask = || self.session.ask.text(&self.named(description)).map(SecretString::from);
        let answer = self.session.answer(&self.plugin, description, ask)?;
        Some(answer.expose_secret().to_owned())
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let ask = || self.session.ask.secret(&self.named(description));
        self.session.answer(&self.plugin, description, ask)
    }
}

/// An identity that a plugin unwraps with.
pub(super) struct PluginIdentity {
    /// A plugin that is not installed is of no matter until it is needed.
    plugin: Result<IdentityPluginV1<PluginQuestions>, DecryptError>,
    session: Arc<Session>,
    state: Arc<PluginState>,
}

struct PluginState {
    /// The name of the plugin's program.
    program: String,
    is_installed: bool,
    failure: Mutex<Option<PluginFailure>>,
}

/// Why a plugin is not run again in this run of ours.
#[derive(Clone)]
enum PluginFailure {
    Unanswered(NoAnswer),
    Failed(DecryptError),
}

impl PluginIdentity {
    pub(super) fn new(identity: age::plugin::Identity, session: &Arc<Session>) -> Self {
        let plugin = identity.plugin().to_owned();
        let questions = PluginQuestions { plugin: plugin.clone(), session: Arc::clone(session) };
        let program = format!("age-plugin-{plugin}");
        let plugin = IdentityPluginV1::new(&plugin, &[identity], questions)
            .map_err(DecryptError::PluginResolve);
        let (is_installed, failure) = (plugin.is_ok(), Mutex::default());
        let state = Arc::new(PluginState { program, is_installed, failure });
        Self { plugin, session: Arc::clone(session), state }
    }

    pub(super) fn state(&self) -> Arc<dyn State> {
        Arc::clone(&self.state) as Arc<dyn State>
    }
}

impl PluginState {
    fn failed(&self) -> MutexGuard<'_, Option<PluginFailure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State for PluginState {
    fn why_not(&self) -> Option<String> {
        let program = &self.program;
        if !self.is_installed {
            return Some(format!("{program} is not installed"));
        }
        match &*self.failed() {
            Some(PluginFailure::Unanswered(why)) => {
                Some(format!("locked: {program} asks for something, and {why}"))
            }
            Some(PluginFailure::Failed(_)) => Some(format!("{program} failed")),
            None => Some(format!("of {program}")),
        }
    }

    fn lacks_terminal(&self) -> bool {
        matches!(*self.failed(), Some(PluginFailure::Unanswered(NoAnswer::NoTerminal)))
    }
}

impl age::Identity for PluginIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let plugin = match &self.plugin {
            Ok(plugin) => plugin,
            Err(error) => return Some(Err(error.clone())),
        };
        let _turn = self.session.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = self.state.failed().clone() {
            return Some(Err(failure.into_error()));
        }
        self.session.begin();
        let unwrapped = plugin.unwrap_stanzas(stanzas);
        let (asked, unanswered) = self.session.end(matches!(unwrapped, Some(Ok(_))));
        let failure = match (&unwrapped, unanswered) {
            (Some(Ok(_)), _) => None,
            (_, Some(reason)) => Some(PluginFailure::Unanswered(reason)),
            // Nobody is asked the same for every file.
            (Some(Err(error)), None) if asked => Some(PluginFailure::Failed(error.clone())),
            _ => None,
        };
        let Some(failure) = failure else { return unwrapped };
        *self.state.failed() = Some(failure.clone());
        Some(Err(failure.into_error()))
    }
}

impl PluginFailure {
    fn into_error(self) -> DecryptError {
        match self {
            Self::Unanswered(_) => DecryptError::KeyDecryptionFailed,
            Self::Failed(error) => error,
        }
    }
}
