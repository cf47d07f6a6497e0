//! Committing what a command changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::RepositoryState;

use super::{CliError, Context, Exit, Ui};
use crate::repo::{self, CommitError, GitRepository, RepositoryError};
use crate::shell::quoted;

/// Whether what a command changes is committed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct CommitArgs {
    /// Commit what this changes, and nothing else (store.toml: commit = true)
    #[arg(long, conflicts_with = "no_commit")]
    commit: bool,

    /// Do not commit
    #[arg(long)]
    no_commit: bool,
}

/// The intention to commit, or not to.
#[must_use]
pub(super) struct Commit {
    /// The store's root, where there will be one.
    place: Option<PathBuf>,
}

impl CommitArgs {
    /// For a commit that is wanted.
    pub(super) fn wanted() -> Self {
        Self { commit: true, no_commit: false }
    }

    /// The same for another command.
    pub(super) fn as_arguments(self) -> &'static [&'static str] {
        match (self.commit, self.no_commit) {
            (true, _) => &["--commit"],
            (_, true) => &["--no-commit"],
            _ => &[],
        }
    }

    /// Makes sure, before anything is asked for or changed, that a commit is
    /// possible where one is wanted.
    pub(super) fn begin(self, context: &Context<'_>) -> Result<Commit, CliError> {
        let store = context.checkout.store_if_any();
        let is_setting = store.is_some_and(|store| store.settings.commit);
        self.begin_at(&context.checkout.place, is_setting)
    }

    /// The same for a root, where commits are or are not the rule.
    pub(super) fn begin_at(self, place: &Path, is_rule: bool) -> Result<Commit, CliError> {
        if !self.commit && (self.no_commit || !is_rule) {
            return Ok(Commit { place: None });
        }
        may_commit(place).map_err(|error| {
            error.hint(is_rule.then(|| "to go on without a commit: --no-commit".to_owned()))
        })?;
        Ok(Commit { place: Some(place.to_owned()) })
    }
}

/// Makes sure that there can be a commit.
pub(super) fn may_commit(place: &Path) -> Result<(), CliError> {
    let cannot = |why: &str| Err(CliError::store(format!("there can be no commit: {why}")));
    let repository = match GitRepository::discover(place) {
        Err(RepositoryError::Absent { .. }) => {
            return cannot("this is in no git repository").map_err(|error: CliError| {
                error.hint("make one with git init, or leave out --commit")
            });
        }
        repository => repository?,
    };
    let state = match repository.git().state() {
        RepositoryState::Clean => None,
        RepositoryState::Merge => Some("a merge"),
        RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("a cherry-pick"),
        RepositoryState::Bisect => None,
        RepositoryState::Rebase
        | RepositoryState::RebaseInteractive
        | RepositoryState::RebaseMerge
        | RepositoryState::ApplyMailbox
        | RepositoryState::ApplyMailboxOrRebase => Some("a rebase"),
    };
    if let Some(state) = state {
        return cannot(&format!("{state} is under way, which git does not commit in parts"))
            .map_err(|error: CliError| {
                error.hint("finish it first, or leave out --commit".to_owned())
            });
    }
    repo::check_git(place)?;
    Ok(())
}

impl Commit {
    /// Whether there will be one.
    pub(super) fn is_wanted(&self) -> bool {
        self.place.is_some()
    }

    /// Commits files, whose change is described in a line.
    ///
    /// The store's lock must be gone by now: a hook of the user's may want it.
    pub(super) fn end(self, files: Vec<String>, message: &str, ui: &Ui) -> Result<(), CliError> {
        let Some(place) = self.place.filter(|_| !files.is_empty()) else { return Ok(()) };
        match repo::commit(&place, &files, message) {
            Ok(Some(commit)) => ui.status(&format!("Committed {commit}: {message}")),
            Ok(None) => ui.status("Git knew nothing of this, so there is no commit."),
            Err(error) => {
                let mut failed = CliError::from(error);
                failed.causes.insert(0, failed.message);
                failed.message = "the store is changed, but not committed".to_owned();
                return Err(failed.hint(format!(
                    "once git agrees, commit it with: {}",
                    by_hand(&place, &files, message)
                )));
            }
        }
        Ok(())
    }
}

/// How to commit files by hand: those alone, or what is in the folders of
/// environments and holders that they are in.
pub(super) fn by_hand(place: &Path, files: &[String], message: &str) -> String {
    let git = format!("git -C {}", quoted(&place.display().to_string()));
    let folder = |file: &str| match file.split('/').collect::<Vec<_>>().as_slice() {
        [secrets, environment, _, _] => quoted(&format!("{secrets}/{environment}")),
        ["recipients", _] => "recipients".to_owned(),
        _ => quoted(file),
    };
    let names: BTreeSet<String> = match files {
        [file] => BTreeSet::from([quoted(file)]),
        files => files.iter().map(|file| folder(file)).collect(),
    };
    let names = Vec::from_iter(names).join(" ");
    format!("{git} add {names} && {git} commit -m {} -- {names}", quoted(message))
}

impl From<CommitError> for CliError {
    fn from(error: CommitError) -> Self {
        let failed = Self::new(Exit::Store, &error);
        match error {
            CommitError::Nobody => failed.hint(
                "tell it with: git config --global user.name NAME, and user.email; or leave out \
                 --commit",
            ),
            CommitError::Program(_) => failed.hint("install git, or leave out --commit"),
            CommitError::LeftAlone { ref file, flag } => failed
                .hint(format!("have it look again: git update-index --no-{flag} {}", quoted(file))),
            CommitError::Refused { .. } => failed.hint("git said why, above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand_nothing_of_other_environments_is_committed() {
        let command = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            by_hand(Path::new("a b"), &files, "x")
        };
        let key = "secrets/demo/app/with%20space.age";
        assert_eq!(
            command(&[key]),
            format!("git -C 'a b' add {key} && git -C 'a b' commit -m x -- {key}")
        );
        let names = ".gitattributes recipients secrets/demo secrets/store.toml";
        assert_eq!(
            command(&[
                key,
                "secrets/demo/app/token.age",
                "secrets/store.toml",
                "recipients/alice.toml",
                ".gitattributes",
            ]),
            format!("git -C 'a b' add {names} && git -C 'a b' commit -m x -- {names}")
        );
    }
}
