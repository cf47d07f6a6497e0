//! Whether Vault was synced before from a commit that is no longer part of the
//! history: somebody moved the branch back, or rewrote it.

use git2::Oid;
use thiserror::Error;

use crate::model::ApplicationName;
use crate::provenance::Provenance;
use crate::repo::{GitRepository, short};
use crate::vault::CurrentSecrets;

/// A history that was verified, up to its last commit.
#[derive(Debug)]
pub struct VerifiedHistory {
    /// The repository.
    pub repository: GitRepository,
    /// The last commit.
    pub commit: Oid,
    /// Whether Vault may have been synced from elsewhere.
    pub may_go_back: bool,
}

/// An entry in Vault from a commit that is not part of the history.
#[derive(Debug, Error)]
#[error(
    "Vault has {application} from commit {remembered}, which is not part of the history of {}: the \
     branch was moved back or rewritten since",
    short(*.commit)
)]
pub struct RolledBack {
    /// The application.
    pub application: ApplicationName,
    /// The commit that Vault remembers, as it is noted there.
    pub remembered: String,
    /// The last commit of the history.
    pub commit: Oid,
}

impl VerifiedHistory {
    /// Looks at every commit that Vault remembers.
    ///
    /// # Errors
    /// The first that is not part of the history, or that the repository does
    /// not even have.
    pub fn refuse_rollback(&self, current: &CurrentSecrets) -> Result<(), RolledBack> {
        let mut known = Vec::new();
        if self.may_go_back {
            return Ok(());
        }
        for (application, entry) in &current.entries {
            let noted = Provenance::of_metadata(&entry.custom_metadata);
            for remembered in [noted.verified, noted.commit].into_iter().flatten() {
                if known.contains(&remembered) {
                    continue;
                }
                if !self.includes(&remembered) {
                    let (application, commit) = (application.clone(), self.commit);
                    return Err(RolledBack { application, remembered, commit });
                }
                known.push(remembered);
            }
        }
        Ok(())
    }

    fn includes(&self, commit: &str) -> bool {
        let git = self.repository.git();
        let Ok(commit) = Oid::from_str(commit) else { return false };
        commit == self.commit || git.graph_descendant_of(self.commit, commit).unwrap_or(false)
    }
}
