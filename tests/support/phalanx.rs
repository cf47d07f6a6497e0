//! The data of the real Phalanx, and what the Python CLI answers about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::cli::Sandbox;
use super::notice;

/// Names a directory to use instead of `../shared`.
const OVERRIDE: &str = "PHALANX_SECRETS_TEST_REFERENCE";

/// The directory with `phalanx/` and `expected/`, or `None` after saying so:
/// `let Some(reference) = phalanx::reference() else { return };`
pub fn reference() -> Option<PathBuf> {
    static REFERENCE: OnceLock<Option<PathBuf>> = OnceLock::new();
    REFERENCE
        .get_or_init(|| {
            let directory = std::env::var_os(OVERRIDE).map_or_else(
                || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
                PathBuf::from,
            );
            let present = ["phalanx", "expected"].iter().all(|name| directory.join(name).is_dir());
            if !present {
                notice("skipped: the Phalanx reference data is not here");
            }
            present.then_some(directory)
        })
        .clone()
}

/// The environments that the Python CLI was asked about, sorted.
pub fn environments(reference: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(reference.join("expected"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// One of the Python CLI's answers about an environment, such as `list.txt`.
pub fn expected(reference: &Path, environment: &str, file: &str) -> String {
    let path = reference.join("expected").join(environment).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A copy of the real Phalanx that a test may change.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Copies the real Phalanx to `work/phalanx` of a sandbox. 4 MB: a test
    /// that only reads can use `reference/phalanx` itself.
    ///
    /// # Panics
    ///
    /// When there is no [`reference`].
    pub fn copy(sandbox: &Sandbox) -> Self {
        let reference = reference().expect("the Phalanx reference data");
        let root = sandbox.work().join("phalanx");
        copy_tree(&reference.join("phalanx"), &root);
        Self { root }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Points an environment at a server and a path prefix.
    pub fn set_vault(&self, environment: &str, url: &str, prefix: &str) {
        set_vault(&self.root, environment, url, prefix);
    }
}

impl AsRef<Path> for Checkout {
    fn as_ref(&self) -> &Path {
        &self.root
    }
}

/// Replaces or adds the `vaultUrl` and `vaultPathPrefix` lines of an
/// environment in any Phalanx checkout.
pub fn set_vault(checkout: &Path, environment: &str, url: &str, prefix: &str) {
    let path = checkout.join(format!("environments/values-{environment}.yaml"));
    let old =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut new = format!("vaultUrl: \"{url}\"\nvaultPathPrefix: \"{prefix}\"\n");
    for line in old.lines() {
        if !line.starts_with("vaultUrl:") && !line.starts_with("vaultPathPrefix:") {
            new += line;
            new.push('\n');
        }
    }
    fs::write(path, new).unwrap();
}

/// Copies a directory; the copies are writable, whatever the originals are.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            // `fs::copy` would keep the original's mode.
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}
