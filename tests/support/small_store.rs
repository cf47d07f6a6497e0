//! A small store with one environment, for tests of single values.
//!
//! The environment `demo` enables `app`, with secrets of every kind and keys
//! that are awkward, and `other`. Its Vault is a port that nobody listens at.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::cli::{Command, Output, Sandbox};
use super::keys::Key;
use super::redact_paths;
use super::standalone::Repository;

/// What `app` declares.
const APP: &str = r#"
[secrets.password]
description = "Password of the database"

[secrets.token]
description = "Token for the other side"

[secrets."dex.clientSecret"]
[secrets.".dockerconfigjson"]
[secrets."with space"]

[secrets.made]
generate = { type = "password" }

[secrets.copied]
copy = { application = "other", key = "shared" }

[secrets.fixed]
value = "a literal"
"#;

/// The same without what `check` would find: all is described, and there is no
/// key that Kubernetes refuses.
pub const APP_IN_ORDER: &str = r#"
[secrets.password]
description = "Password of the database"

[secrets.token]
description = "Token for the other side"

[secrets."dex.clientSecret"]
description = "Secret of the client"

[secrets.".dockerconfigjson"]
description = "Credentials of a registry"

[secrets."tls.key"]
description = "Key of the server"

[secrets.made]
description = "Made once"
generate = { type = "password" }

[secrets.copied]
description = "What the other side has"
copy = { application = "other", key = "shared" }

[secrets.fixed]
description = "No secret"
value = "a literal"
"#;

const OTHER: &str = "[secrets.shared]\ndescription = \"What both sides know\"\n";

/// A store with one holder, `alice`, who may read everything and whose
/// identity lies where the program finds it.
#[derive(Debug)]
pub struct SmallStore {
    pub sandbox: Sandbox,
    pub root: PathBuf,
    pub alice: Key,
}

impl SmallStore {
    pub fn new() -> Self {
        let sandbox = Sandbox::new();
        let alice = sandbox.age_identity("alice");
        sandbox.install_identity(&alice.path);
        let repository = Repository::standalone(&sandbox, "store")
            .environment("demo", "http://127.0.0.1:1", "secret/demo", &["app", "other"])
            .application("app", APP)
            .application("other", OTHER)
            .holder("alice", &[&alice.recipient], &["*"]);
        let root = repository.root().to_owned();
        Self { sandbox, root, alice }
    }

    /// The same, with specs that `check` finds nothing wrong with.
    pub fn in_order() -> Self {
        let store = Self::new();
        store.write("secrets/applications/app.toml", APP_IN_ORDER);
        store
    }

    /// Runs git in the store, and answers what it printed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        self.sandbox.git_in(&self.root, arguments)
    }

    /// Commits everything, in a repository that is made if there is none.
    #[track_caller]
    pub fn commit(&self, message: &str) {
        if !self.root.join(".git").exists() {
            self.git(&["init", "--quiet"]);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Takes away the identity that the program finds by itself.
    pub fn without_own_identity(self) -> Self {
        fs::remove_file(self.own_identity()).unwrap();
        self
    }

    /// Where the program keeps its user's identity.
    pub fn own_identity(&self) -> PathBuf {
        self.sandbox.home().join(".config/phalanx-secrets/identity.txt")
    }

    /// Declares a holder.
    pub fn holder(&self, name: &str, recipients: &[&str], access: &[&str]) {
        let text = format!("keys = {recipients:?}\naccess = {access:?}\n");
        self.write(&format!("recipients/{name}.toml"), text);
    }

    /// Prepares to run the program in the store.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.sandbox.command(arguments).current_dir(&self.root)
    }

    /// Runs the program in the store.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.command(arguments).run()
    }

    /// Stores a value, which must succeed.
    #[track_caller]
    pub fn set(&self, application: &str, key: &str, value: impl AsRef<[u8]>) {
        self.command(["set", "demo", application, key]).stdin(value).run().success();
    }

    /// Prints a value, which must succeed.
    #[track_caller]
    pub fn get(&self, application: &str, key: &str) -> Vec<u8> {
        self.run(["get", "demo", application, key]).success().stdout_bytes().to_vec()
    }

    /// Writes a file of the store.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        self.sandbox.write(self.root.join(path), contents)
    }

    /// Reads a file of the store.
    #[track_caller]
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let path = self.root.join(path);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The paths of all files under `secrets/demo`, sorted.
    pub fn sealed_files(&self) -> Vec<String> {
        let mut found = Vec::new();
        for file in files_below(&self.root.join("secrets/demo")) {
            let path = file.strip_prefix(&self.root).unwrap();
            found.push(path.to_str().unwrap().to_owned());
        }
        found
    }

    /// Standard error, with what differs from run to run replaced.
    #[track_caller]
    pub fn stderr(&self, output: &Output) -> String {
        self.redact(output.stderr())
    }

    /// A text, with paths and alice's public key replaced.
    pub fn redact(&self, text: &str) -> String {
        redact_paths(text, &self.sandbox).replace(&self.alice.recipient, "[ALICE]")
    }
}

/// Every file below a folder, sorted; none where there is no such folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    // A folder that is removed meanwhile has no more entries, either.
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
