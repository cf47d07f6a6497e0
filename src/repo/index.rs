//! What the next commit would hold, as git lists it.
//!
//! Git is asked, since it reads its index in every form (split, sparse, with
//! extensions that the git library does not know).

use std::path::{Path, PathBuf};

use git2::Oid;

use super::error::RepositoryError;
use super::program::ask_with;

/// A file in git's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StagedFile {
    /// Its path below the top of the work tree.
    pub(super) path: Vec<u8>,
    /// Its mode, as git writes it.
    pub(super) mode: u32,
    /// Its content.
    pub(super) id: Oid,
    /// Whether it is one side of a merge that nobody decided.
    pub(super) is_undecided: bool,
}

/// The files of a folder of a work tree in its index. `index_file`
/// stands in for the repository's own, as `GIT_INDEX_FILE` does.
///
/// What is only intended to be added (`git add --intent-to-add`) is left out,
/// as a commit does.
///
/// # Errors
/// A git that cannot be run, or that cannot read its index.
pub(super) fn staged_files(
    folder: &Path,
    index_file: Option<&Path>,
) -> Result<Vec<StagedFile>, RepositoryError> {
    let index = Index::new(folder, index_file);
    let listed = index.ask(&["ls-files", "--stage", "--full-name", "-z"])?;
    let mut files = Vec::new();
    for record in records(&listed) {
        files.push(StagedFile::parse(record).ok_or(RepositoryError::UnknownIndex)?);
    }
    // What is only intended has the content of an empty file.
    let empty = Oid::hash_object(git2::ObjectType::Blob, b"")?;
    if files.iter().any(|file| file.id == empty) {
        let added = index.ask(&["diff-files", "-z", "--name-only", "--diff-filter=A"])?;
        let intended: std::collections::HashSet<&[u8]> = records(&added).collect();
        files.retain(|file| file.id != empty || !intended.contains(file.path.as_slice()));
    }
    Ok(files)
}

/// The index of a work tree.
pub(super) struct Index<'a> {
    folder: &'a Path,
    file: std::io::Result<Option<PathBuf>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(folder: &'a Path, index_file: Option<&Path>) -> Self {
        Self { folder, file: index_file.map(std::path::absolute).transpose() }
    }

    /// What git prints, asked about this index.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, RepositoryError> {
        let file = self.file.as_ref().ok().and_then(Option::as_ref);
        let variables: Vec<_> =
            file.iter().map(|file| ("GIT_INDEX_FILE", file.as_os_str())).collect();
        let output =
            ask_with(self.folder, arguments, &variables).map_err(RepositoryError::Program)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(RepositoryError::Index { said })
    }
}

fn records(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    listed.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

impl StagedFile {
    /// Reads `MODE ID STAGE<TAB>PATH`.
    fn parse(record: &[u8]) -> Option<Self> {
        let tab = record.iter().position(|byte| *byte == b'\t')?;
        let (head, path) = record.split_at(tab);
        let mut words = str::from_utf8(head).ok()?.split(' ');
        Some(Self {
            mode: u32::from_str_radix(words.next()?, 8).ok()?,
            id: words.next().filter(|id| id.len() == 40)?.parse().ok()?,
            is_undecided: words.next()?.parse::<u8>().ok()? != 0,
            path: path.get(1..)?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_git_is_taken_apart() {
        let id = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
        let line = format!("100644 {id} 2\ta b\tc");
        let file = StagedFile::parse(line.as_bytes()).unwrap();
        assert_eq!(file.path, b"a b\tc");
        assert_eq!((file.mode, file.is_undecided), (0o100_644, true));
        assert_eq!(file.id.to_string(), id);
        for wrong in ["", "100644", "x e69 0\ta", "100644 e69de29 \ta"] {
            assert_eq!(StagedFile::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
