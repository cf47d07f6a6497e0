//! A real OpenBao server for tests and the demo.
//!
//! [`OpenBao::start`] runs `bao server -dev` on a free loopback port, with
//! storage in memory, a KV v2 engine at `secret/` and a directory of its own.
//! [`shared`] is one server for a whole test process: a test keeps to its own
//! corner of it with [`unique_prefix`]. A test that seals the server, counts
//! every request or enables rate limits starts its own.
//!
//! No server outlives the process that started it, however that process ends:
//! a shell watches a pipe that only this process holds open, and stops the
//! server and removes its directory when the pipe closes.
//!
//! This module needs nothing from its neighbours, so that an example can
//! include it too: `#[path = "../tests/support/openbao/mod.rs"] mod openbao;`

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "support for tests: it stops at the first surprise, and not every user needs all of it"
)]

mod audit;
mod binary;
mod cluster;
mod http;
mod kv;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

pub use self::audit::{Request, Watch};
pub use self::binary::{find as program, find_on_path};
pub use self::cluster::Cluster;

/// How long a server may take to start; it usually takes 0.1 s.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Runs the server, waits for its own input to end, then stops the server and
/// cleans up. Signals from a terminal are ignored: the pipe says when to stop.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
directory=$1
shift
{
    "$@" >"$directory/server.log" 2>&1 </dev/null &
    echo "$!" >"$directory/pid"
    wait "$!"
    echo "$?" >"$directory/ended"
} &
while read -r _; do :; done
until [ -s "$directory/pid" ]; do sleep 1; done
[ -e "$directory/ended" ] || kill -KILL "$(cat "$directory/pid")"
wait
rm -rf -- "$directory"
"#;

/// The server that the tests of this process share.
pub fn shared() -> &'static OpenBao {
    static SHARED: OnceLock<OpenBao> = OnceLock::new();
    SHARED.get_or_init(OpenBao::start)
}

/// The same, once it has the auth method `approle`.
pub fn shared_with_approle() -> &'static OpenBao {
    static ENABLED: OnceLock<()> = OnceLock::new();
    ENABLED.get_or_init(|| {
        let body = serde_json::json!({ "type": "approle" });
        shared().root("POST", "sys/auth/approle", Some(body));
    });
    shared()
}

/// A Vault path prefix that no other test of this process has:
/// `secret/test/<name>-<n>`.
pub fn unique_prefix(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("secret/test/{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A running server, stopped when dropped.
#[derive(Debug)]
pub struct OpenBao {
    port: u16,
    url: String,
    tls: Option<Tls>,
    directory: PathBuf,
    watchdog: Child,
    /// Where in the audit log [`OpenBao::requests`] begins.
    counted_from: AtomicU64,
}

/// The encrypted door of a server started by [`OpenBao::start_with_tls`].
#[derive(Debug, Clone)]
pub struct Tls {
    /// An `https:` URL.
    pub url: String,
    /// The certificate authority, in PEM: what `VAULT_CACERT` names.
    pub ca_certificate: PathBuf,
}

/// Why a start did not succeed.
enum StartFailure {
    /// Someone else took the port between our looking and our listening.
    PortTaken,
    Other(String),
}

impl OpenBao {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    ///
    /// When there is no server binary, or it does not start.
    pub fn start() -> Self {
        Self::start_any(false)
    }

    /// Starts a server that listens on a second port, with TLS.
    pub fn start_with_tls() -> Self {
        Self::start_any(true)
    }

    fn start_any(tls: bool) -> Self {
        let binary = binary::find();
        for _ in 0..10 {
            match Self::try_start(&binary, tls) {
                Ok(server) => return server,
                Err(StartFailure::PortTaken) => {}
                Err(StartFailure::Other(log)) => {
                    panic!("{} did not start; it wrote:\n{log}", binary.display())
                }
            }
        }
        panic!("no free port for OpenBao in ten attempts");
    }

    fn try_start(binary: &Path, tls: bool) -> Result<Self, StartFailure> {
        let directory = tempfile::Builder::new()
            .prefix("openbao-")
            .tempdir()
            .expect("a temporary directory")
            .keep();
        let (port, tls_port) = free_ports();

        // With TLS, the development listener is the encrypted one and the
        // configuration adds the plain one that our own requests use.
        let mut config = format!(
            "disable_clustering = true\n\
             audit \"file\" \"requests\" {{\n  options = {{ file_path = {:?} }}\n}}\n",
            directory.join("audit.log")
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHDOG, "openbao-watchdog"])
            .arg(&directory)
            .arg(binary)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={}", Self::ROOT_TOKEN))
            .arg(format!("-config={}", directory.join("config.hcl").display()));
        if tls {
            config += &format!(
                "listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n"
            );
            command
                .arg("-dev-tls")
                .arg(format!("-dev-tls-cert-dir={}", directory.display()))
                .arg(format!("-dev-listen-address=127.0.0.1:{tls_port}"));
        } else {
            command.arg(format!("-dev-listen-address=127.0.0.1:{port}"));
        }
        fs::write(directory.join("config.hcl"), config).expect("a configuration file");
        let watchdog = command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &directory)
            .env("TMPDIR", &directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh to run the server");

        let server = Self {
            port,
            url: format!("http://127.0.0.1:{port}"),
            tls: tls.then(|| Tls {
                url: format!("https://127.0.0.1:{tls_port}"),
                ca_certificate: directory.join("vault-ca.pem"),
            }),
            directory,
            watchdog,
            counted_from: AtomicU64::new(0),
        };
        server.wait_until_ready()?;
        server.ensure_audit();
        server.reset_requests();
        Ok(server)
    }

    /// The token that may do everything.
    pub const ROOT_TOKEN: &str = "phalanx-secrets-test-root";

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        Self::ROOT_TOKEN
    }

    /// The server's URL, `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The encrypted door.
    ///
    /// # Panics
    ///
    /// When the server was not started by [`OpenBao::start_with_tls`].
    pub fn tls(&self) -> &Tls {
        self.tls.as_ref().expect("a server started with TLS")
    }

    /// The server's process id.
    pub fn process_id(&self) -> u32 {
        let text = fs::read_to_string(self.directory.join("pid")).expect("a process id");
        text.trim().parse().expect("a number")
    }

    /// What the server has written to its standard output and error.
    pub fn log(&self) -> String {
        fs::read(self.directory.join("server.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Makes one request: `path` is what follows `/v1/`, with a query if need
    /// be; an empty `token` is not sent. Answers the status and the body, which
    /// is null where there was none.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut headers = Vec::new();
        if !token.is_empty() {
            headers.push(("X-Vault-Token", token));
        }
        self.request_with(method, path, &headers, body)
    }

    /// Makes one request with any headers, such as `X-Vault-Namespace`.
    pub fn request_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (u16, Value) {
        http::exchange(self.port, method, path, headers, body.as_ref())
            .unwrap_or_else(|error| panic!("{method} {}/v1/{path}: {error}", self.url))
    }

    /// Makes a request as root and answers its body.
    ///
    /// # Panics
    ///
    /// When the status is not one of success.
    pub fn root(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.request(method, path, Self::ROOT_TOKEN, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn wait_until_ready(&self) -> Result<(), StartFailure> {
        let began = Instant::now();
        loop {
            // The KV engine answers 400 while it upgrades itself to version 2,
            // and 404 for a path with nothing in it once it has.
            let token = [("X-Vault-Token", Self::ROOT_TOKEN)];
            match http::exchange(self.port, "GET", "secret/data/ready", &token, None) {
                Ok((404, body)) if body["errors"].as_array().is_some_and(Vec::is_empty) => {
                    return Ok(());
                }
                _ => {}
            }
            if self.directory.join("ended").exists() || began.elapsed() > START_LIMIT {
                let log = self.log();
                return Err(if log.contains("bind: address already in use") {
                    StartFailure::PortTaken
                } else {
                    StartFailure::Other(log)
                });
            }
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing can be done about a watchdog that cannot be waited for.
        let _ = self.watchdog.wait();
    }
}

/// Two different ports that are free now.
fn free_ports() -> (u16, u16) {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let (first, second) = (free(), free());
    (first.local_addr().unwrap().port(), second.local_addr().unwrap().port())
}
