//! What the next commit would change: the files, and what they would hold.

use std::path::Path;

use git2::{ObjectType, Oid};

use super::error::RepositoryError;
use super::index::Index;
use super::open::open;
use super::program::ask;
use super::repository::place_in_work_tree;

/// How large a file is that is looked into, in bytes.
const LARGEST: usize = 4 << 20;

/// A file that the next commit would add, change or delete.
#[derive(Debug)]
pub struct StagedChange {
    /// Its path below the top of the work tree; of a name that is not UTF-8,
    /// the rest is replaced.
    pub path: String,
    /// Its path below the folder that was asked about, if it is in there.
    pub below: Option<String>,
    /// Its content; `None` where it is deleted, no file, or larger than 4 MiB.
    pub content: Option<Vec<u8>>,
}

/// The files that the next commit would add, change or delete, in all of the
/// repository, read one after the other. `index_file` stands in for the
/// repository's own, as `GIT_INDEX_FILE` does.
///
/// # Errors
/// A git that cannot be run, an index or an object that cannot be read.
pub fn staged_changes(
    folder: &Path,
    index_file: Option<&Path>,
    mut look: impl FnMut(StagedChange),
) -> Result<(), RepositoryError> {
    let repository = open(folder)?;
    let objects = repository.odb()?;
    let place = place_in_work_tree(&repository, folder)?;
    let index = Index::new(folder, index_file);
    // Without renames, a file that moves is looked at in its new place.
    let listed = index.ask(&[
        "diff",
        "--cached",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--ignore-submodules=all",
    ])?;
    let mut records = listed.split(|byte| *byte == 0).filter(|record| !record.is_empty());
    while let (Some(head), Some(path)) = (records.next(), records.next()) {
        let Some((mode, id)) = parse(head) else { return Err(RepositoryError::UnknownIndex) };
        let is_readable = mode & 0o170_000 == 0o100_000 && {
            let (size, kind) = objects.read_header(id)?;
            kind == ObjectType::Blob && size <= LARGEST
        };
        let content = match is_readable {
            true => Some(objects.read(id)?.data().to_vec()),
            false => None,
        };
        let path = String::from_utf8_lossy(path).into_owned();
        let below = path.strip_prefix(&place).map(str::to_owned);
        look(StagedChange { path, below, content });
    }
    Ok(())
}

/// Whether git tracks a file, or is about to.
#[must_use]
pub fn is_tracked(folder: &Path, file: &Path) -> bool {
    let Some(file) = file.to_str() else { return false };
    ask(folder, &["ls-files", "--error-unmatch", "--", file])
        .is_ok_and(|output| output.status.success())
}

/// Reads `:OLD_MODE MODE OLD_ID ID STATUS`: the mode and the object.
fn parse(head: &[u8]) -> Option<(u32, Oid)> {
    let text = str::from_utf8(head).ok()?.strip_prefix(':')?;
    let mut words = text.split(' ').skip(1);
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    Some((mode, words.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_git_is_taken_apart() {
        let (old, new) = ("0".repeat(40), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        let (mode, id) = parse(format!(":000000 100644 {old} {new} A").as_bytes()).unwrap();
        assert_eq!((mode, id.to_string().as_str()), (0o100_644, new));
        for wrong in ["", ":", "000000 100644", ":000000 100644 x y A"] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
