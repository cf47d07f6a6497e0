//! Three OpenBao servers that keep what they hold together, by raft.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{WATCHDOG, binary, free_ports, http};

/// How long an election and what comes with it may take; it usually takes 3 s.
const ELECTION_LIMIT: Duration = Duration::from_secs(90);

/// A running cluster, stopped when dropped.
#[derive(Debug)]
pub struct Cluster {
    binary: PathBuf,
    directory: tempfile::TempDir,
    nodes: Vec<Node>,
    unseal_key: String,
    root_token: String,
}

#[derive(Debug)]
struct Node {
    port: u16,
    cluster_port: u16,
    watchdog: Option<Child>,
    starts: usize,
}

impl Cluster {
    /// Starts three nodes, joins and unseals them, and mounts KV version 2 at
    /// `secret`.
    pub fn start() -> Self {
        let node = || {
            let (port, cluster_port) = free_ports();
            Node { port, cluster_port, watchdog: None, starts: 0 }
        };
        let mut cluster = Self {
            binary: binary::find(),
            directory: tempfile::Builder::new().prefix("openbao-raft-").tempdir().unwrap(),
            nodes: (0..3).map(|_| node()).collect(),
            unseal_key: String::new(),
            root_token: String::new(),
        };
        for number in 0..3 {
            cluster.start_node(number);
        }
        let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let keys = cluster.until(0, "PUT", "sys/init", Some(&shares), |status, _| status == 200);
        cluster.unseal_key = keys["keys_base64"][0].as_str().unwrap().to_owned();
        cluster.root_token = keys["root_token"].as_str().unwrap().to_owned();
        for number in 0..3 {
            cluster.unseal(number);
        }
        let leader = cluster.leader();
        // A node has a vote only after it was stable for a while. Before that,
        // nobody could take over.
        let soon = json!({ "server_stabilization_time": "1s" });
        let path = "sys/storage/raft/autopilot/configuration";
        cluster.until(leader, "POST", path, Some(&soon), |status, _| status == 204);
        let path = "sys/storage/raft/configuration";
        cluster.until(leader, "GET", path, None, |status, body| {
            let servers = body["data"]["config"]["servers"].as_array();
            let voters = servers.into_iter().flatten().filter(|one| one["voter"] == true);
            status == 200 && voters.count() == 3
        });
        let mount = json!({ "type": "kv", "options": { "version": "2" } });
        cluster.until(leader, "POST", "sys/mounts/secret", Some(&mount), |status, _| status == 204);
        cluster.until(leader, "GET", "secret/data/ready", None, |status, body| {
            status == 404 && body["errors"].as_array().is_some_and(Vec::is_empty)
        });
        cluster
    }

    /// Where the nodes listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| (Ipv4Addr::LOCALHOST, node.port).into()).collect()
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// The node that leads, as soon as there is one that the others know.
    pub fn leader(&self) -> usize {
        let began = Instant::now();
        loop {
            let leads = |number: &usize| {
                let answer = self.ask(*number, "GET", "sys/leader", None);
                answer.is_some_and(|(status, body)| status == 200 && body["is_self"] == true)
            };
            if let Some(leader) = (0..3).find(leads)
                && self.ask(leader, "LIST", "secret/metadata/", None).is_some()
            {
                return leader;
            }
            assert!(began.elapsed() < ELECTION_LIMIT, "no node leads");
            sleep(Duration::from_millis(50));
        }
    }

    /// The process of a node.
    pub fn process_id(&self, number: usize) -> u32 {
        let text = fs::read_to_string(self.run_directory(number).join("pid")).unwrap();
        text.trim().parse().unwrap()
    }

    /// Starts a node again that was killed, unseals it, and waits until it
    /// passes writes on to the leader, as what balances load would.
    pub fn revive(&mut self, number: usize) {
        if let Some(mut watchdog) = self.nodes[number].watchdog.take() {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
        self.start_node(number);
        self.unseal(number);
        let probe = json!({ "data": {} });
        self.until(number, "POST", "secret/data/probe", Some(&probe), |status, _| status == 200);
    }

    /// All that is below a path prefix (the mount first): each entry's version
    /// and data.
    pub fn entries(&self, prefix: &str) -> std::collections::BTreeMap<String, (u64, Value)> {
        let leader = self.leader();
        let (mount, path) = prefix.split_once('/').unwrap();
        let list = self.ask(leader, "LIST", &format!("{mount}/metadata/{path}"), None);
        let (status, list) = list.unwrap();
        assert!([200, 404].contains(&status), "{list}");
        let names = list["data"]["keys"].as_array().cloned().unwrap_or_default();
        let read = |name: &Value| {
            let name = name.as_str().unwrap().to_owned();
            let path = format!("{mount}/data/{path}/{name}");
            let answer = self.until(leader, "GET", &path, None, |status, _| status == 200);
            let version = answer["data"]["metadata"]["version"].as_u64().unwrap();
            (name, (version, answer["data"]["data"].clone()))
        };
        names.iter().map(read).collect()
    }

    fn run_directory(&self, number: usize) -> PathBuf {
        let starts = self.nodes[number].starts;
        self.directory.path().join(format!("node{number}-run{starts}"))
    }

    fn start_node(&mut self, number: usize) {
        self.nodes[number].starts += 1;
        let run = self.run_directory(number);
        let data = self.directory.path().join(format!("node{number}"));
        for directory in [&run, &data] {
            fs::create_dir_all(directory).unwrap();
        }
        let config = self.config(number, &data);
        let file = self.directory.path().join(format!("node{number}.hcl"));
        fs::write(&file, config).unwrap();
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "openbao-watchdog"])
            .arg(&run)
            .arg(&self.binary)
            .arg("server")
            .arg(format!("-config={}", file.display()))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &data)
            .env("TMPDIR", &data)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh to run the server");
        self.nodes[number].watchdog = Some(watchdog);
        let began = Instant::now();
        while fs::metadata(run.join("pid")).map_or(0, |file| file.len()) == 0 {
            assert!(began.elapsed() < ELECTION_LIMIT, "node {number} does not start");
            sleep(Duration::from_millis(5));
        }
    }

    fn config(&self, number: usize, data: &Path) -> String {
        let join: String = (0..3)
            .filter(|other| *other != number)
            .map(|other| {
                let port = self.nodes[other].port;
                format!("  retry_join {{ leader_api_addr = \"http://127.0.0.1:{port}\" }}\n")
            })
            .collect();
        let Node { port, cluster_port, .. } = self.nodes[number];
        format!(
            "storage \"raft\" {{\n  path = {data:?}\n  node_id = \"node{number}\"\n  \
             performance_multiplier = 1\n{join}}}\n\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  cluster_address = \
             \"127.0.0.1:{cluster_port}\"\n  tls_disable = true\n}}\n\
             api_addr = \"http://127.0.0.1:{port}\"\n\
             cluster_addr = \"https://127.0.0.1:{cluster_port}\"\n"
        )
    }

    fn unseal(&self, number: usize) {
        let key = json!({ "key": self.unseal_key });
        // A node that has not joined yet says so.
        self.until(number, "PUT", "sys/unseal", Some(&key), |status, _| status == 200);
        self.until(number, "GET", "sys/seal-status", None, |_, body| body["sealed"] == false);
    }

    /// Asks until the answer will do.
    fn until(
        &self,
        number: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
        will_do: impl Fn(u16, &Value) -> bool,
    ) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.ask(number, method, path, body);
            match answer {
                Some((status, body)) if will_do(status, &body) => return body,
                _ => {}
            }
            assert!(began.elapsed() < ELECTION_LIMIT, "{method} {path}: {answer:?}");
            sleep(Duration::from_millis(50));
        }
    }

    fn ask(
        &self,
        number: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let mut headers = Vec::new();
        if !self.root_token.is_empty() {
            headers.push(("X-Vault-Token", self.root_token.as_str()));
        }
        http::exchange(self.nodes[number].port, method, path, &headers, body).ok()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(mut watchdog) = node.watchdog.take() {
                drop(watchdog.stdin.take());
                let _ = watchdog.wait();
            }
        }
    }
}
