//! Which commit a sync is from.

use std::thread::JoinHandle;

use git2::Oid;

use super::trust::refuse_modified;
use super::{CliError, Context};
use crate::layout::Layout;
use crate::provenance::Provenance;
use crate::repo::{GitRepository, RepositoryError, Revision, remote, short};

/// The search for what the work tree is at, which takes a look at every file
/// that matters: it goes on while Vault is being read.
pub(super) struct Search(Found);

enum Found {
    /// Everything is read from a commit.
    Commit(Origin),
    /// The work tree is being looked at.
    WorkTree(JoinHandle<Result<Origin, RepositoryError>>),
}

/// Where a sync is from.
pub(super) struct Origin {
    revision: Revision,
    remote: Option<String>,
}

impl Search {
    /// Begins. Where only a clean work tree will do, ends too.
    pub(super) fn begin(context: &Context<'_>, require_clean: bool) -> Result<Self, CliError> {
        let checkout = &context.checkout;
        if let Some(commit) = checkout.commit {
            let remote = remote(checkout.repository()?.git());
            let revision = Revision::of_commit(commit);
            return Ok(Self(Found::Commit(Origin { revision, remote })));
        }
        let (place, layout) = (checkout.place.clone(), checkout.layout);
        let look = move || Origin::of_work_tree(&GitRepository::discover(&place)?, layout);
        if require_clean {
            let origin = look()?;
            refuse_modified(&origin.revision, "--require-clean refuses that")?;
            return Ok(Self(Found::Commit(origin)));
        }
        Ok(Self(Found::WorkTree(std::thread::spawn(look))))
    }

    /// Ends. `None` where there is no repository, or none that can tell.
    pub(super) fn end(self, context: &Context<'_>) -> Option<Origin> {
        let search = match self.0 {
            Found::Commit(origin) => return Some(origin),
            Found::WorkTree(search) => search,
        };
        match search.join().ok()? {
            Ok(origin) => {
                origin.say_what_differs(context);
                Some(origin)
            }
            Err(RepositoryError::Absent { .. } | RepositoryError::Empty) => None,
            Err(error) => {
                context.ui.warn(&format!("Vault is not told which commit this is from: {error}"));
                None
            }
        }
    }
}

impl Origin {
    /// Where an audit reads: `None` where no repository can tell.
    pub(super) fn find(context: &Context<'_>) -> Option<Self> {
        let repository = context.checkout.repository().ok()?;
        let commit = match context.checkout.commit {
            Some(commit) => commit,
            None => repository.resolve("HEAD").ok()?,
        };
        let remote = remote(repository.git());
        Some(Self { revision: Revision::of_commit(commit), remote })
    }

    fn of_work_tree(repository: &GitRepository, layout: Layout) -> Result<Self, RepositoryError> {
        let revision = Revision::of_work_tree(repository, layout)?;
        Ok(Self { revision, remote: remote(repository.git()) })
    }

    /// The commit.
    pub(super) fn commit(&self) -> Oid {
        self.revision.commit
    }

    /// The URL of the repository's remote.
    pub(super) fn remote(&self) -> Option<&str> {
        self.remote.as_deref()
    }

    /// What to note beside what is written.
    pub(super) fn to_note(&self, is_verified: bool) -> Provenance {
        Provenance::new(&self.revision, self.remote.clone(), is_verified)
    }

    fn say_what_differs(&self, context: &Context<'_>) {
        let count = match self.revision.modified.len() {
            0 => return,
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        context.ui.status(&format!(
            "The work tree differs from commit {} in {count} (see git status); --rev HEAD takes \
             the commit instead.",
            short(self.revision.commit)
        ));
    }
}
