//! Where an entry in Vault is from: what is noted in its custom metadata.

use std::collections::BTreeMap;

use crate::model::{ApplicationName, EnvironmentName};
use crate::repo::Revision;

/// The commit, with `-modified` where the work tree differed from it.
const COMMIT: &str = "phalanx-secrets-commit";
/// The version of this program.
const VERSION: &str = "phalanx-secrets-version";
/// The URL of the repository's remote.
const REPOSITORY: &str = "phalanx-secrets-repository";
/// The last commit whose history was verified for the environment.
const VERIFIED: &str = "phalanx-secrets-verified";

/// The environment that wrote the entry.
const ENVIRONMENT: &str = "phalanx-secrets-environment";
/// The version of the entry that the note was made of.
const ENTRY_VERSION: &str = "phalanx-secrets-entry-version";
/// Who looks after the entry, for whoever opens it in Vault.
const MANAGED_BY: &str = "managed-by";
/// How its values are changed, for whoever opens it in Vault.
const CHANGE_WITH: &str = "change-with";

/// All notes that are this program's.
const OURS: [&str; 8] =
    [COMMIT, VERSION, REPOSITORY, VERIFIED, ENVIRONMENT, ENTRY_VERSION, MANAGED_BY, CHANGE_WITH];

/// What marks a commit from whose files a work tree differed.
const MODIFIED: &str = "-modified";

/// The longest value that Vault takes for a note, in bytes.
const MAX_VALUE: usize = 512;

/// Whether a note is one of this program's, by its name.
#[must_use]
pub fn is_own_note(name: &str) -> bool {
    OURS.contains(&name)
}

/// What is noted of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The commit that it was written from, in hexadecimal.
    pub commit: Option<String>,
    /// Whether the work tree differed from that commit.
    pub is_modified: bool,
    /// The version of this program that wrote it.
    pub version: Option<String>,
    /// The URL of the repository's remote.
    pub repository: Option<String>,
    /// The last commit whose history was verified before a sync of the
    /// environment.
    pub verified: Option<String>,
    /// The version of the entry that was written then. Where the entry has
    /// another, somebody else wrote it since.
    pub entry_version: Option<u64>,
    /// The environment that wrote the entry.
    pub environment: Option<String>,
}

impl Provenance {
    /// Whose an entry is.
    #[must_use]
    pub fn of_environment(environment: &EnvironmentName) -> Self {
        Self { environment: Some(environment.to_string()), ..Self::default() }
    }

    /// What a sync notes.
    #[must_use]
    pub fn new(revision: &Revision, repository: Option<String>, is_verified: bool) -> Self {
        Self {
            commit: Some(revision.commit.to_string()),
            is_modified: !revision.modified.is_empty(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            repository,
            verified: is_verified.then(|| revision.commit.to_string()),
            entry_version: None,
            environment: None,
        }
    }

    /// What an entry's custom metadata says.
    #[must_use]
    pub fn of_metadata(metadata: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| metadata.get(name).cloned();
        let commit = metadata.get(COMMIT);
        Self {
            commit: commit.map(|commit| commit.trim_end_matches(MODIFIED).to_owned()),
            is_modified: commit.is_some_and(|commit| commit.ends_with(MODIFIED)),
            version: get(VERSION),
            repository: get(REPOSITORY),
            verified: get(VERIFIED),
            entry_version: metadata.get(ENTRY_VERSION).and_then(|version| version.parse().ok()),
            environment: get(ENVIRONMENT),
        }
    }

    /// As custom metadata. What is too long for Vault is left out.
    #[must_use]
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        let suffix = if self.is_modified { MODIFIED } else { "" };
        let notes = [
            (COMMIT, self.commit.as_ref().map(|commit| format!("{commit}{suffix}"))),
            (VERSION, self.version.clone()),
            (REPOSITORY, self.repository.clone()),
            (VERIFIED, self.verified.clone()),
            (ENTRY_VERSION, self.entry_version.map(|version| version.to_string())),
            (ENVIRONMENT, self.environment.clone()),
        ];
        let notes = notes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        notes.filter(|(_, value)| value.len() <= MAX_VALUE).collect()
    }
}

/// What others have noted beside an entry.
#[must_use]
pub fn without_notes(metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of_others = metadata.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
    of_others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What tells whoever opens an application's entry in Vault where its values
/// are changed.
#[must_use]
pub fn signpost(
    environment: &EnvironmentName,
    application: &ApplicationName,
) -> BTreeMap<String, String> {
    let change_with = format!("phalanx-secrets set {environment} {application} KEY");
    let signs = [(MANAGED_BY, "phalanx-secrets".to_owned()), (CHANGE_WITH, change_with)];
    let signs = signs.into_iter().filter(|(_, value)| value.len() <= MAX_VALUE);
    signs.map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again() {
        let commit = git2::Oid::from_bytes(&[7; 20]).unwrap();
        for modified in [Vec::new(), vec!["secrets/a".to_owned()]] {
            for is_verified in [false, true] {
                let revision = Revision { commit, modified: modified.clone() };
                let new = Provenance::new(&revision, Some("https://host/x".into()), is_verified);
                let one = Provenance { entry_version: Some(7), ..new };
                assert_eq!(Provenance::of_metadata(&one.to_metadata()), one);
            }
        }
        let long = Provenance { repository: Some("x".repeat(513)), ..Provenance::default() };
        assert_eq!(long.to_metadata(), BTreeMap::new());
    }
}
