//! The stock tools, `age` and `rage`: what we seal must open with them, and the
//! other way round.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::cli::Sandbox;
use super::notice;
use super::openbao::find_on_path;

/// The stock `age`, or `None` after saying that there is none:
/// `let Some(age) = AgeTool::find() else { return };`
#[derive(Debug, Clone)]
pub struct AgeTool {
    path: PathBuf,
}

impl AgeTool {
    /// # Panics
    ///
    /// When it is missing in CI (the variable `CI` is set), where it must be.
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
        Self::named("age", &FOUND)
    }

    /// The same in Rust, on the path or where `.ci/run` puts it.
    ///
    /// # Panics
    ///
    /// As [`find`](Self::find).
    pub fn find_rage() -> Option<Self> {
        static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
        Self::named("rage", &FOUND)
    }

    /// Both, as far as they are here.
    pub fn all() -> Vec<Self> {
        [Self::find(), Self::find_rage()].into_iter().flatten().collect()
    }

    fn named(name: &str, found: &OnceLock<Option<PathBuf>>) -> Option<Self> {
        let found = found.get_or_init(|| {
            let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin").join(name);
            let path = find_on_path(name).or_else(|| built.is_file().then_some(built));
            if path.is_none() {
                assert!(std::env::var_os("CI").is_none(), "`{name}` must be installed in CI");
                notice(&format!(
                    "skipped: `{name}` is not installed, so nothing is compared with it"
                ));
            }
            path
        });
        found.clone().map(|path| Self { path })
    }

    /// Opens a file and answers its plaintext.
    #[track_caller]
    pub fn decrypt(&self, sandbox: &Sandbox, file: &Path, identity: &Path) -> Vec<u8> {
        let command = sandbox.program(&self.path, ["--decrypt", "--identity"]);
        command.args([identity, file]).run().success().stdout_bytes().to_vec()
    }

    /// Whether a file opens with an identity.
    pub fn can_decrypt(&self, sandbox: &Sandbox, file: &Path, identity: &Path) -> bool {
        let command = sandbox.program(&self.path, ["--decrypt", "--identity"]);
        command.args([identity, file]).run().code() == 0
    }

    /// Seals a plaintext to recipients and answers the armored file.
    #[track_caller]
    pub fn encrypt(&self, sandbox: &Sandbox, recipients: &[&str], plaintext: &[u8]) -> Vec<u8> {
        let mut command = sandbox.program(&self.path, ["--encrypt", "--armor"]).stdin(plaintext);
        for recipient in recipients {
            command = command.args(["--recipient", recipient]);
        }
        command.run().success().stdout_bytes().to_vec()
    }
}
