//! The demo: this repository's own store, synced into a real OpenBao server.
//!
//! `cargo run --release --example demo` works on a copy of the store, with a
//! server of its own, and removes both at its end. It never shows a value. It
//! is a test as well: it fails where anything is not as it says.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a demo prints, and reads its surroundings"
)]

#[path = "../tests/support/openbao/mod.rs"]
mod openbao;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use openbao::OpenBao;
use serde_json::Value;

const PROGRAM: &str = "phalanx-secrets";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where the demo environment's secrets are in Vault, as its file says.
const PREFIX: &str = "secret/phalanx/demo";

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<()> {
    let program = build_program()?;
    let folder = tempfile::Builder::new().prefix("phalanx-secrets-demo-").tempdir()?;
    let checkout = Checkout::copy(program, folder.path())?;
    let server = OpenBao::start();
    println!("OpenBao runs at {}, with a copy of this repository's store.", server.url());

    title("Sync into an empty Vault");
    checkout.run(&server, &["sync", "demo"], "")?;
    let first = show_entries(&checkout, &server)?;
    ensure(first.values().all(|version| *version == 1), "every entry has one version")?;

    title("Sync again: nothing to do");
    server.reset_requests();
    checkout.run(&server, &["sync", "demo"], "")?;
    let (requests, writes) = (server.requests().len(), server.write_requests());
    println!("OpenBao counted {requests} requests, of which {writes} would write.");
    ensure(requests > 0 && writes == 0, "a sync with nothing to do writes nothing")?;

    title("Rotate a static secret and a generated one");
    let before = server.value(PREFIX, "argocd", "admin.password");
    checkout.run(&server, &["set", "demo", "postgres", "root_password"], "a new password")?;
    checkout.commit("Rotate the root password of postgres")?;
    let regenerate = "--regenerate=argocd/admin.plaintext_password";
    checkout.run(&server, &["sync", "demo", regenerate], "")?;
    let second = show_entries(&checkout, &server)?;
    let changed: BTreeSet<&str> = second
        .iter()
        .filter(|(name, version)| first.get(*name) != Some(version))
        .map(|(name, _)| name.as_str())
        .collect();
    println!("\nNew versions: {}.", changed.iter().copied().collect::<Vec<_>>().join(", "));
    ensure(changed == BTreeSet::from(["argocd", "postgres"]), "these two entries changed")?;
    let now = server.value(PREFIX, "postgres", "root_password");
    ensure(now.as_deref() == Some("a new password"), "the static secret has its new value")?;
    let after = server.value(PREFIX, "argocd", "admin.password");
    ensure(before.is_some() && after.is_some() && before != after, "the hash followed")?;

    title("Compare Vault with what it should hold");
    checkout.run(&server, &["audit", "demo"], "")?;
    println!("No findings.");

    let process = server.process_id();
    drop(server);
    folder.close()?;
    ensure(!Path::new(&format!("/proc/{process}")).exists(), "the server has ended")?;
    println!("\nThe server is stopped and the copy removed; nothing was left behind.");
    Ok(())
}

/// A copy of this repository's store, in a git repository of its own.
struct Checkout {
    program: PathBuf,
    root: PathBuf,
    home: PathBuf,
}

impl Checkout {
    fn copy(program: PathBuf, folder: &Path) -> Result<Self> {
        let (root, home) = (folder.join("checkout"), folder.join("home"));
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["secrets", "recipients", "examples/demo"] {
            copy_folder(&here.join(name), &root.join(name))?;
        }
        fs::create_dir_all(&home)?;
        let checkout = Self { program, root, home };
        checkout.git(&["init", "--quiet"])?;
        checkout.commit("The demo store")?;
        Ok(checkout)
    }

    /// Runs the program as a user would, and shows what it says.
    fn run(&self, server: &OpenBao, arguments: &[&str], input: &str) -> Result<()> {
        println!("$ {PROGRAM} {}", arguments.join(" "));
        let mut command = self.command(&self.program);
        command.args(arguments);
        if matches!(arguments, ["sync" | "audit", ..]) {
            command.args(["--vault-url", server.url()]).env("VAULT_TOKEN", server.root_token());
        }
        let mut process = command.stdin(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = process.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let status = process.wait()?;
        ensure(status.success(), &format!("{} succeeds ({status})", arguments.join(" ")))
    }

    /// The kind of every secret, by application and key, as `list` has it.
    fn kinds(&self) -> Result<BTreeMap<(String, String), String>> {
        let output = self.command(&self.program).args(["list", "demo", "--json"]).output()?;
        ensure(output.status.success(), "list succeeds")?;
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        let rows = rows.iter().map(|row| {
            let kind = match row.get("type") {
                Some(_) => format!("{} {}", text(row, "kind"), text(row, "type")),
                None => text(row, "kind").to_owned(),
            };
            ((text(row, "application").to_owned(), text(row, "key").to_owned()), kind)
        });
        Ok(rows.collect())
    }

    fn commit(&self, message: &str) -> Result<()> {
        self.git(&["add", "--all"])?;
        let who = ["-c", "user.name=Demo", "-c", "user.email=demo@example.org"];
        self.git(&[&who[..], &["commit", "--quiet", "--message", message]].concat())
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let status = self.command(Path::new("git")).args(arguments).status()?;
        ensure(status.success(), &format!("git {} succeeds", arguments.join(" ")))
    }

    /// A command that knows nothing of the user's own settings.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("PHALANX_SECRETS_IDENTITY", self.root.join("examples/demo/identity.txt"))
            .current_dir(&self.root);
        command
    }
}

/// Shows what Vault holds, without values, and gives each entry's version.
fn show_entries(checkout: &Checkout, server: &OpenBao) -> Result<BTreeMap<String, u64>> {
    let mut kinds = checkout.kinds()?;
    let pull_secret = ("pull-secret".to_owned(), ".dockerconfigjson".to_owned());
    kinds.insert(pull_secret, "pull secret".to_owned());

    let mut versions = BTreeMap::new();
    let mut table = vec![["application", "key", "kind", "KV version"].map(str::to_owned)];
    for application in server.list(PREFIX) {
        let (version, data) =
            server.read(PREFIX, &application).ok_or_else(|| format!("{application} is empty"))?;
        for key in data.keys().cloned() {
            let name = (application.clone(), key);
            let kind = kinds.remove(&name).ok_or_else(|| format!("{name:?} is not asked for"))?;
            table.push([name.0, name.1, kind, version.to_string()]);
        }
        versions.insert(application, version);
    }
    ensure(kinds.is_empty(), "every secret is in Vault")?;
    print_table(&table);
    Ok(versions)
}

fn print_table(rows: &[[String; 4]]) {
    let mut widths = [0; 4];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    println!();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Builds the program in the profile of the demo itself, and says where it is.
///
/// Cargo builds a package's programs for its tests, not for its examples. Named
/// beside the example, it shares the example's dependencies, all built already.
fn build_program() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut command = Command::new(cargo);
    // What Cargo tells the demo about its package would have build scripts run
    // again.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name_text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let output = command
        .args(["build", "--profile", profile, "--example", "demo", "--bin", PROGRAM])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()?;
    ensure(output.status.success(), "the program builds")?;
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut executables = messages
        .filter_map(|message| Some(PathBuf::from(message.ok()?.get("executable")?.as_str()?)));
    let is_program = |path: &PathBuf| path.file_stem().is_some_and(|name| name == PROGRAM);
    Ok(executables.find(is_program).ok_or("Cargo names no program")?)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn title(text: &str) {
    println!("\n=== {text}\n");
}

fn ensure(holds: bool, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(format!("this does not hold: {what}").into()) }
}
