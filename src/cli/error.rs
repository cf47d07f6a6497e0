//! Errors at the edge: every error of the crate becomes one of these, once.
//!
//! The policy: the message says what failed and where; each cause says why; a
//! hint says what to do next. None of them holds the content of a file or a
//! value. The exit code says whose turn it is.

use std::error::Error;
use std::fmt;
use std::io;

use super::exit::Exit;
use crate::check::CheckError;
use crate::history::HistoryError;
use crate::layout::LayoutError;
use crate::model::{EnvironmentName, InvalidName, SecretId};
use crate::plan::TooMuch;
use crate::repo::RepositoryError;
use crate::resolve::Problem;
use crate::static_values::{InvalidStoredValue, YamlError};
use crate::store::{Holders, Identities, IdentityError, OpenFailure, StoreError, WriteError};
use crate::sync::SyncError;
use crate::tree::TreeError;
use crate::trust::{RolledBack, TrustError};
use crate::vault::{CiTokenError, InvalidToken, SetupError, VaultError};

/// An error as the user sees it.
#[derive(Debug)]
pub(super) struct CliError {
    pub(super) exit: Exit,
    pub(super) message: String,
    pub(super) causes: Vec<String>,
    pub(super) details: Vec<String>,
    pub(super) hints: Vec<String>,
    /// The environment that it is about, where the command is about several or
    /// could be.
    pub(super) environment: Option<EnvironmentName>,
}

/// What to do about an error that has no hint of its own.
fn general_hint(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Usage => Some("what each command takes is shown by: phalanx-secrets help COMMAND"),
        Exit::Store => Some(
            "what changed last is shown by: git log --patch -- secrets recipients; all that is \
             wrong with the store is shown by: phalanx-secrets check",
        ),
        Exit::Vault => Some(
            "it can be run again: what was written stays, and the rest is done then; --verbose \
             says more",
        ),
        Exit::Done | Exit::Findings | Exit::Changed | Exit::OfProcess(_) => None,
    }
}

/// What shows all that is wrong with a store.
const WRONG: &str = "all that is wrong with the store is shown by: phalanx-secrets check";

/// What hints name that look into git's history.
const OF_HISTORY: [&str; 4] = ["git log", "git diff", "git show", "git checkout"];

impl CliError {
    /// The same, said of an environment.
    pub(super) fn of_environment(self, name: &EnvironmentName) -> Self {
        Self { environment: Some(name.clone()), ..self }
    }

    /// The same with what can be done about errors of its kind, where it says
    /// nothing of its own.
    pub(super) fn with_general_hint(self) -> Self {
        let hint = general_hint(self.exit).filter(|_| self.hints.is_empty());
        self.hint(hint.map(str::to_owned))
    }

    /// The same where there is no history: hints that look into it cannot help.
    pub(super) fn without_history(mut self) -> Self {
        let helps = |part: &&str| !OF_HISTORY.iter().any(|command| part.contains(command));
        let helping = |hint: &String| hint.split("; ").filter(helps).collect::<Vec<_>>().join("; ");
        let had_some = !self.hints.is_empty();
        self.hints = self.hints.iter().map(helping).filter(|hint| !hint.is_empty()).collect();
        if had_some && self.hints.is_empty() && self.exit == Exit::Store {
            self.hints.push(WRONG.to_owned());
        }
        self
    }

    /// An error of an error, with its causes.
    pub(super) fn new(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = one_line(&cause.to_string());
            // Libraries often repeat their cause in their own message.
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            source = cause.source();
        }
        let (details, hints) = (Vec::new(), hint_of_system(error).into_iter().collect());
        Self { exit, message: error.to_string(), causes, details, hints, environment: None }
    }

    /// A wrong command line.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::plain(Exit::Usage, message)
    }

    /// Something wrong with the checkout or the store.
    pub(super) fn store(message: impl Into<String>) -> Self {
        Self::plain(Exit::Store, message)
    }

    /// Something that Vault did not do.
    pub(super) fn vault(message: impl Into<String>) -> Self {
        Self::plain(Exit::Vault, message)
    }

    fn plain(exit: Exit, message: impl Into<String>) -> Self {
        let (causes, details, hints) = (Vec::new(), Vec::new(), Vec::new());
        Self { exit, message: message.into(), causes, details, hints, environment: None }
    }

    pub(super) fn hint(mut self, hint: impl IntoHint) -> Self {
        self.hints.extend(hint.into_hint());
        self
    }

    pub(super) fn detail(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Values that could not be opened, all of them, with one hint for those
    /// that share it.
    pub(super) fn open_failures(
        failures: &[OpenFailure],
        holders: &Holders,
        identities: &Identities,
    ) -> Self {
        let mut hints: Vec<String> = Vec::new();
        for hint in failures.iter().flat_map(|failure| failure.hints(holders, identities)) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        let mut error = match failures {
            [failure] => Self::new(Exit::Store, failure),
            _ => Self::store(format!("{} stored values cannot be opened", failures.len())).detail(
                failures.iter().map(|failure| format!("{}: {}", failure.file, failure.reason)),
            ),
        };
        error.hints = hints;
        error
    }

    /// Secrets that cannot be resolved, all of them.
    pub(super) fn unresolved(problems: &[Problem], environment: &EnvironmentName) -> Self {
        let count = match problems.len() {
            1 => "1 secret".to_owned(),
            count => format!("{count} secrets"),
        };
        let message = format!("{count} of {environment} cannot be resolved; nothing was written");
        let mut error = Self::store(message).detail(problems.iter().map(Problem::to_string));
        let mut hints = problems.iter().filter_map(|problem| problem.hint(environment));
        error.hints.extend(hints.next());
        if problems.len() > 1 {
            error.hints.push(format!(
                "many values at once can be stored from a file: phalanx-secrets static-template \
                 {environment}, fill it in, then phalanx-secrets import {environment} FILE"
            ));
        }
        error
    }

    /// A sync that would delete most of an environment.
    pub(super) fn too_much(error: TooMuch, environment: &EnvironmentName) -> Self {
        Self::new(Exit::Store, &error)
            .detail(error.secrets)
            .hint(format!(
                "look whether {environment} is read as it should be: phalanx-secrets list \
                 {environment}"
            ))
            .hint("where all of this is meant to go: --delete-all")
    }

    pub(super) fn sync(error: SyncError, environment: &EnvironmentName) -> Self {
        match error {
            SyncError::Unresolved(problems) => Self::unresolved(&problems, environment),
            SyncError::Read(error) => error.into(),
            SyncError::Write { failures, not_tried } => {
                let hint = failures.first().and_then(|(_, error)| error.hint());
                let failed: Vec<String> = failures
                    .iter()
                    .map(|(name, error)| format!("{name}: {}", Chain(error)))
                    .collect();
                let error = SyncError::Write { failures, not_tried };
                Self::new(Exit::Vault, &error).detail(failed).hint(hint)
            }
            SyncError::Changed(_) => Self::new(Exit::Changed, &error)
                .hint("another sync is probably running; try again when it is done".to_owned()),
            SyncError::NotAgreed => {
                Self::new(Exit::Changed, &error).hint("run it again, to see what it comes to now")
            }
            SyncError::Mint(_) => Self::new(Exit::Store, &error),
            SyncError::RolledBack(error) => error.into(),
            SyncError::NotOurs(error) => super::ownership::refused(error),
            SyncError::Diverged(error) => super::sync::refused(error, environment),
            SyncError::TooMuch(error) => Self::too_much(error, environment),
            SyncError::Denied { lacking, policy } => {
                let hint = format!("this policy allows all of it:\n{policy}");
                let lacks: Vec<String> = lacking
                    .iter()
                    .map(|one| format!("{:?} on {}", one.capability, one.path))
                    .collect();
                let error = SyncError::Denied { lacking, policy };
                Self::new(Exit::Vault, &error).detail(lacks).hint(hint)
            }
        }
    }
}

/// What to do about what the file system says.
fn hint_of_system(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::StorageFull => Some("make space there, and run it again"),
                io::ErrorKind::ReadOnlyFilesystem => Some("nothing can be written there"),
                io::ErrorKind::PermissionDenied => Some("whose is it, and who may change it?"),
                _ => None,
            }
            .map(str::to_owned);
        }
        next = error.source();
    }
    None
}

/// What can be a hint.
pub(super) trait IntoHint {
    fn into_hint(self) -> Option<String>;
}

impl IntoHint for String {
    fn into_hint(self) -> Option<String> {
        Some(self)
    }
}

impl IntoHint for &str {
    fn into_hint(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl IntoHint for Option<String> {
    fn into_hint(self) -> Option<String> {
        self
    }
}

/// A library's message as ours are: on one line, and without the invisible
/// marks with which the age library sets off what it quotes.
fn one_line(text: &str) -> String {
    let plain = text.replace(['\u{2068}', '\u{2069}'], "");
    plain.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// An error and its causes on one line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl From<LayoutError> for CliError {
    fn from(error: LayoutError) -> Self {
        let exit = match error {
            // A name that was given, and means nothing.
            LayoutError::UnknownEnvironment { .. } => Exit::Usage,
            _ => Exit::Store,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Store, &error).hint(error.hint())
    }
}

impl From<CheckError> for CliError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Tree(error) => error.into(),
            CheckError::Layout(error) => error.into(),
            CheckError::Store(error) => error.into(),
        }
    }
}

impl From<RepositoryError> for CliError {
    fn from(error: RepositoryError) -> Self {
        let exit = match error {
            // A name that was given, and means nothing, or two things.
            RepositoryError::UnknownRevision { .. } | RepositoryError::Ambiguous { .. } => {
                Exit::Usage
            }
            _ => Exit::Store,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}

impl From<HistoryError> for CliError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Repository(error) => error.into(),
            HistoryError::Store { .. } => Self::new(Exit::Store, &error),
        }
    }
}

impl From<TrustError> for CliError {
    fn from(error: TrustError) -> Self {
        let hint = error.hint();
        match error {
            TrustError::Repository(error) => error.into(),
            _ => {
                Self::store("this history cannot be trusted").detail([error.to_string()]).hint(hint)
            }
        }
    }
}

impl From<RolledBack> for CliError {
    fn from(error: RolledBack) -> Self {
        Self::store("this history cannot be trusted; nothing was written")
            .detail([error.to_string()])
            .hint("in a shallow clone, fetch the rest first: git fetch --unshallow".to_owned())
            .hint(
                "where this is meant, as in going back after a mistake: --allow-rollback"
                    .to_owned(),
            )
    }
}

impl From<CiTokenError> for CliError {
    fn from(error: CiTokenError) -> Self {
        let exit = match error {
            CiTokenError::Setup(_) => Exit::Usage,
            _ => Exit::Vault,
        };
        Self::new(exit, &error)
    }
}

impl From<VaultError> for CliError {
    fn from(error: VaultError) -> Self {
        let exit = match &error {
            VaultError::Request(_) | VaultError::Setup(SetupError::Host { .. }) => Exit::Vault,
            // That of the environment: another is refused before.
            VaultError::Setup(SetupError::Url { .. }) => Exit::Store,
            VaultError::Setup(_) => Exit::Usage,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}

impl From<IdentityError> for CliError {
    fn from(error: IdentityError) -> Self {
        Self::new(Exit::Store, &error).hint(error.hint())
    }
}

impl From<InvalidStoredValue> for CliError {
    fn from(error: InvalidStoredValue) -> Self {
        let SecretId { environment, application, key } = &error.id;
        let again =
            format!("store it again: phalanx-secrets set {environment} {application} {key}");
        Self::new(Exit::Store, &error).hint(again)
    }
}

impl From<YamlError> for CliError {
    fn from(error: YamlError) -> Self {
        let hint = match &error {
            YamlError::NotText { application, key } => Some(format!(
                "it is printed by itself with: phalanx-secrets get ENVIRONMENT {application} {key} \
                 > FILE"
            )),
            _ => None,
        };
        Self::new(Exit::Store, &error).hint(hint)
    }
}

macro_rules! from_error {
    ($($type:ty => $exit:expr),* $(,)?) => {
        $(impl From<$type> for CliError {
            fn from(error: $type) -> Self {
                Self::new($exit, &error)
            }
        })*
    };
}

from_error! {
    InvalidName => Exit::Usage,
    // One that Vault made.
    InvalidToken => Exit::Vault,
    TreeError => Exit::Store,
    WriteError => Exit::Store,
    git2::Error => Exit::Store,
    io::Error => Exit::Store,
    toml::ser::Error => Exit::Store,
    toml_edit::TomlError => Exit::Store,
}
