//! Load: a sync of 1,000 applications, and one of 100 environments of 100
//! secrets, beside a plain loop of the same requests.
//!
//! Run with `cargo bench --bench load`. It starts an OpenBao server of its own,
//! with storage in memory. All figures are of one run on one machine; what they
//! are for is the ratio. The loop reads and writes as many entries of the same
//! size at the same paths, with the HTTP library that the program uses, first
//! one by one and then as many at once as the program has under way.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, reads its surroundings, and may stop at the first surprise"
)]

#[path = "../tests/support/openbao/mod.rs"]
mod openbao;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use openbao::OpenBao;

/// What one run of something took.
struct Taken {
    requests: usize,
    time: Duration,
    /// The most memory that it had, in KiB; 0 where that is not known.
    memory: u64,
}

impl Taken {
    fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.requests).unwrap()) / self.time.as_secs_f64()
    }
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    // As `cargo test` runs it: whether it works, and no figures.
    let is_test = !std::env::args().any(|argument| argument == "--bench");
    let (applications, environments) = if is_test { (10, 3) } else { (1000, 100) };
    let server = OpenBao::start();
    println!(
        "{:44}{:>9}{:>9}{:>12}{:>9}{:>13}{:>10}",
        "", "requests", "seconds", "requests/s", "MiB", "one by one", "at once"
    );

    let big = Store::new(&server, &["big".to_owned()], applications, 1);
    big.measure(
        &server,
        &format!("{applications} applications, all to be written"),
        &["sync", "big"],
        8,
    );
    big.measure(
        &server,
        &format!("{applications} applications, nothing to do"),
        &["sync", "big"],
        16,
    );

    let names: Vec<String> = (0..environments).map(|number| format!("env{number}")).collect();
    let many = Store::new(&server, &names, 10, 10);
    let what = format!("{environments} environments of 100 secrets");
    many.measure(&server, &format!("{what}, all to be written"), &["sync", "--all"], 32);
    many.measure(&server, &format!("{what}, nothing to do"), &["sync", "--all"], 32);
}

/// A store with environments that all have the same applications.
struct Store {
    folder: tempfile::TempDir,
    entries: Vec<String>,
    secrets: usize,
}

impl Store {
    fn new(server: &OpenBao, environments: &[String], applications: usize, secrets: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: String, text: String| {
            let path = folder.path().join("store").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let names: Vec<String> = (0..applications).map(|number| format!("app{number}")).collect();
        let mut entries = Vec::new();
        for environment in environments {
            let prefix = format!("load/{}-{environment}", environments.len());
            write(
                format!("secrets/environments/{environment}.toml"),
                format!(
                    "vault-url = {:?}\nvault-path-prefix = \"secret/{prefix}\"\napplications = \
                     {names:?}\n",
                    server.url()
                ),
            );
            entries.extend(names.iter().map(|name| format!("{prefix}/{name}")));
        }
        let declared: String = (0..secrets)
            .map(|number| format!("secrets.key{number}.generate.type = 'password'\n"))
            .collect();
        for name in &names {
            write(format!("secrets/applications/{name}.toml"), declared.clone());
        }
        let store = Self { folder, entries, secrets };
        let init = ["init", "--layout", "standalone", "--name", "bench", "--new-identity"];
        assert!(store.command(&init).status().unwrap().success());
        store
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phalanx-secrets"));
        command
            .args(arguments)
            .current_dir(self.folder.path().join("store"))
            .env("HOME", self.folder.path())
            .env("VAULT_TOKEN", OpenBao::ROOT_TOKEN)
            .env_remove("VAULT_ADDR")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs the program, and then the loop, and prints both.
    fn measure(&self, server: &OpenBao, what: &str, arguments: &[&str], at_once: usize) {
        server.reset_requests();
        let taken = self.run(server, arguments);
        let writes = server.write_requests() > 0;
        let one_by_one = self.plain(server, writes, taken.requests, 1);
        let together = self.plain(server, writes, taken.requests, at_once);
        println!(
            "{what:44}{:>9}{:>9.2}{:>12.0}{:>9.0}{:>13.2}{:>10.2}",
            taken.requests,
            taken.time.as_secs_f64(),
            taken.per_second(),
            f64::from(u32::try_from(taken.memory).unwrap()) / 1024.0,
            taken.time.as_secs_f64() / one_by_one.time.as_secs_f64(),
            taken.time.as_secs_f64() / together.time.as_secs_f64(),
        );
    }

    fn run(&self, server: &OpenBao, arguments: &[&str]) -> Taken {
        let began = Instant::now();
        let mut child = self.command(arguments).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut memory = 0;
        let ended = loop {
            memory = peak_memory(Path::new(&status)).unwrap_or(memory);
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let time = began.elapsed();
        assert!(ended.success(), "{arguments:?}: {ended}");
        Taken { requests: server.requests().len(), time, memory }
    }

    /// The same requests in a loop: one read for each entry, the writes, and as
    /// many more reads as the program makes requests.
    fn plain(&self, server: &OpenBao, writes: bool, requests: usize, at_once: usize) -> Taken {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
        let values: String = (0..self.secrets)
            .map(|number| format!("\"key{number}\":\"{}\",", "x".repeat(43)))
            .collect();
        let body = format!("{{\"data\":{{{}}}}}", values.trim_end_matches(','));
        let url = |entry: &str| format!("{}/v1/secret/data/{entry}", server.url());
        let writes = if writes { self.entries.len() } else { 0 };
        let reads = self.entries.iter().cycle().take(requests - writes);
        let get = reads.map(|entry| client.get(url(entry)));
        // Beside the entries, which must stay as they are.
        let post = self.entries.iter().take(writes);
        let post = post.map(|entry| client.post(url(&format!("plain/{entry}"))).body(body.clone()));
        let all: Vec<_> = get.chain(post).collect();
        let began = Instant::now();
        runtime.block_on(async {
            let mut answers = stream::iter(all)
                .map(|request| async {
                    let request = request.header("X-Vault-Token", OpenBao::ROOT_TOKEN);
                    let answer = request.send().await.unwrap();
                    assert!(answer.status().is_success() || answer.status() == 404);
                    answer.bytes().await.unwrap()
                })
                .buffer_unordered(at_once);
            while answers.next().await.is_some() {}
        });
        Taken { requests, time: began.elapsed(), memory: 0 }
    }
}

/// The most memory that a process had so far, in KiB.
fn peak_memory(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
