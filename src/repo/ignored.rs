//! Which files git leaves out of every commit, and which rule says so.

use std::path::Path;

use super::program::ask;

/// How many files git is asked about at once: what a command line holds.
const AT_ONCE: usize = 500;

/// A file that git ignores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredFile {
    /// Its path, relative to the folder that was asked about.
    pub file: String,
    /// The file of rules and the line in it.
    pub rule: String,
}

/// Those of some files below a folder that git ignores and does not track: by
/// `.gitignore` of any folder, by the repository's own excludes or by the
/// person's. None outside of a repository, or where `git` is not installed.
#[must_use]
pub fn ignored(folder: &Path, files: &[String]) -> Vec<IgnoredFile> {
    let mut found = Vec::new();
    for some in files.chunks(AT_ONCE) {
        let question = ["-c", "core.quotePath=false", "check-ignore", "--verbose", "--"];
        let arguments: Vec<&str> =
            question.into_iter().chain(some.iter().map(String::as_str)).collect();
        // It fails where none is ignored, and prints nothing.
        let Ok(output) = ask(folder, &arguments) else { return found };
        let text = String::from_utf8_lossy(&output.stdout);
        found.extend(text.lines().filter_map(|line| {
            let (rule, file) = line.split_once('\t')?;
            let mut parts = rule.splitn(3, ':');
            let (source, number, pattern) = (parts.next()?, parts.next()?, parts.next()?);
            // A pattern that takes it back.
            (!pattern.starts_with('!'))
                .then(|| IgnoredFile { file: file.to_owned(), rule: format!("{source}:{number}") })
        }));
    }
    found
}
