//! What a marked value leaves behind.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::cli::Sandbox;
use super::small_store::files_below;

/// The longest file that is looked into, in bytes: twice the longest value.
const LONGEST: u64 = 32 << 20;

/// A text to look for. No source, no program and no other test holds it.
pub fn new_mark() -> String {
    format!("canary-{:016x}", rand::random::<u64>())
}

/// Asserts that a mark is in no place that [`find`] looks at.
#[track_caller]
pub fn assert_nowhere(mark: &str, sandbox: &Sandbox) {
    assert_eq!(find(mark, sandbox), Vec::<PathBuf>::new(), "{mark} is left behind");
}

/// Finds a mark, as it is or in base64: in the names and contents of a
/// sandbox's files, in what was written since the sandbox was made to any
/// folder for temporary files, and in git.
pub fn find(mark: &str, sandbox: &Sandbox) -> Vec<PathBuf> {
    let marks = forms(mark);
    let has_mark = |content: &[u8]| {
        let text = String::from_utf8_lossy(content);
        marks.iter().any(|mark| text.contains(mark))
    };
    let own = files_below(sandbox.root());
    let run = format!("/run/user/{}", rustix::process::getuid().as_raw());
    let shared = ["/tmp", "/var/tmp", "/dev/shm", &run].map(|folder| files_below(folder.as_ref()));
    let is_marked = |file: &PathBuf| {
        // What others remove meanwhile, or let nobody read, is not ours.
        let Ok(found) = fs::symlink_metadata(file) else { return false };
        let is_new = found.is_file() && found.ctime() >= sandbox.made_at();
        let is_looked_into = is_new && found.len() <= LONGEST;
        is_new && has_mark(file.as_os_str().as_encoded_bytes())
            || is_looked_into && has_mark(&fs::read(file).unwrap_or_default())
    };
    let has_marked_object = |repository: &PathBuf| {
        let arguments = ["cat-file", "--batch", "--batch-all-objects"];
        let git = sandbox.program("git", arguments).current_dir(repository);
        has_mark(git.run().success().stdout_bytes())
    };
    let repositories = own.iter().filter_map(|file| repository(file)).filter(has_marked_object);
    let mut found: Vec<PathBuf> = repositories.collect();
    found.extend(own.into_iter().chain(shared.concat()).filter(is_marked));
    found.sort();
    found.dedup();
    found
}

/// How a text may be written down. The characters at either end of its base64
/// hang on what stands beside it.
fn forms(mark: &str) -> Vec<String> {
    let encoded = (0..3).map(|shift| {
        let text = STANDARD_NO_PAD.encode(format!("{}{mark}", "x".repeat(shift)));
        text[4..text.len() - 4].to_owned()
    });
    encoded.chain([mark.to_owned()]).collect()
}

/// The git repository whose `HEAD` a file is.
fn repository(file: &Path) -> Option<PathBuf> {
    let folder = file.parent().filter(|folder| folder.join("objects").is_dir())?;
    file.ends_with("HEAD").then(|| folder.to_owned())
}
