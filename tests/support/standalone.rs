//! Small repositories from text in the test.
//!
//! ```ignore
//! let repository = Repository::standalone(&sandbox, "store")
//!     .environment("demo", server.url(), &unique_prefix("demo"), &["app"])
//!     .application("app", "[secrets.password]\ndescription = \"…\"\n")
//!     .committed();
//! ```

use std::path::{Path, PathBuf};

use super::cli::Sandbox;

/// How a repository declares its environments and applications.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Phalanx,
    Standalone,
}

/// What `init` has git know of sealed files.
const ATTRIBUTES: &str = "secrets/**/*.age -text\n";

/// A repository under construction: each method writes files.
#[derive(Debug)]
pub struct Repository<'sandbox> {
    sandbox: &'sandbox Sandbox,
    root: PathBuf,
    layout: Layout,
}

impl<'sandbox> Repository<'sandbox> {
    /// An empty store in the standalone layout, at `work/<name>`.
    pub fn standalone(sandbox: &'sandbox Sandbox, name: &str) -> Self {
        let root = sandbox.work().join(name);
        let repository = Self { sandbox, root, layout: Layout::Standalone };
        repository
            .file("secrets/store.toml", "format = 1\nlayout = \"standalone\"\n")
            .file(".gitattributes", ATTRIBUTES)
    }

    /// An empty Phalanx checkout with a store, at `work/<name>`.
    pub fn phalanx(sandbox: &'sandbox Sandbox, name: &str) -> Self {
        let root = sandbox.work().join(name);
        let repository = Self { sandbox, root, layout: Layout::Phalanx };
        repository
            .file("secrets/store.toml", "format = 1\nlayout = \"phalanx\"\n")
            .file(".gitattributes", ATTRIBUTES)
            .file("environments/values.yaml", "vaultPathPrefix: \"\"\napplications: {}\n")
    }

    /// Writes any file.
    pub fn file(self, path: &str, contents: &str) -> Self {
        self.sandbox.write(self.root.join(path), contents);
        self
    }

    /// Declares an environment: its server, its path prefix (the mount first)
    /// and the applications that are enabled.
    pub fn environment(self, name: &str, url: &str, prefix: &str, applications: &[&str]) -> Self {
        match self.layout {
            Layout::Phalanx => {
                let enabled: String =
                    applications.iter().map(|name| format!("  {name}: true\n")).collect();
                let text = format!(
                    "name: \"{name}\"\nfqdn: \"{name}.example.com\"\nvaultUrl: \"{url}\"\n\
                     vaultPathPrefix: \"{prefix}\"\napplications:\n{enabled}"
                );
                self.file(&format!("environments/values-{name}.yaml"), &text)
            }
            Layout::Standalone => {
                let text = format!(
                    "vault-url = \"{url}\"\nvault-path-prefix = \"{prefix}\"\n\
                     applications = {applications:?}\n"
                );
                self.file(&format!("secrets/environments/{name}.toml"), &text)
            }
        }
    }

    /// Declares an application's secrets: `secrets.yaml` in the Phalanx
    /// layout, the whole of its TOML file in the standalone one.
    pub fn application(self, name: &str, declared: &str) -> Self {
        match self.layout {
            Layout::Phalanx => {
                let values = self.root.join(format!("applications/{name}/values.yaml"));
                if !values.exists() {
                    self.sandbox.write(values, "{}\n");
                }
                self.file(&format!("applications/{name}/secrets.yaml"), declared)
            }
            Layout::Standalone => self.file(&format!("secrets/applications/{name}.toml"), declared),
        }
    }

    /// Declares a holder: recipients, and what they may read.
    pub fn holder(self, name: &str, recipients: &[&str], access: &[&str]) -> Self {
        let text = format!("keys = {recipients:?}\naccess = {access:?}\n");
        self.file(&format!("recipients/{name}.toml"), &text)
    }

    /// Makes it a git repository if it is none, and commits everything.
    pub fn committed(self) -> Self {
        if !self.root.join(".git").exists() {
            self.sandbox.git_in(&self.root, ["init", "--quiet"]);
        }
        self.sandbox.git_in(&self.root, ["add", "--all"]);
        self.sandbox.git_in(&self.root, ["commit", "--quiet", "--message", "State of the test"]);
        self
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl AsRef<Path> for Repository<'_> {
    fn as_ref(&self) -> &Path {
        &self.root
    }
}
