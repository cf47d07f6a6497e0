//! A cluster that loses its leader while a sync writes.
//!
//! It takes longer than any other test, and is not in `sync`, so that it is
//! among the first to begin.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::openbao::Cluster;
use crate::sync::World;
use crate::sync::proxy::{Fault, Proxy, Request};

const APPLICATIONS: usize = 200;

/// How often the leader is killed: in CI, for some minutes.
fn rounds() -> usize {
    if std::env::var_os("CI").is_some() { 20 } else { 3 }
}

fn is_write(request: &Request) -> bool {
    request.method == "POST" && request.path.contains("/v1/secret/data/")
}

/// From which application one has a copy: each third from one without.
fn source_of(number: usize) -> Option<usize> {
    number.is_multiple_of(3).then_some((number * 6 + 31) % (APPLICATIONS - 2) / 3 * 3 + 1)
}

/// Whatever each application was generated.
fn made(
    entries: &BTreeMap<String, (u64, serde_json::Value)>,
) -> impl Iterator<Item = (&String, &serde_json::Value)> {
    entries.iter().map(|(name, (_, data))| (name, &data["made"]))
}

#[test]
fn a_leader_that_dies_loses_nothing() {
    let mut cluster = Cluster::start();
    let names: Vec<String> = (0..APPLICATIONS).map(|number| format!("app{number:03}")).collect();
    let declared: Vec<String> = (0..APPLICATIONS)
        .map(|number| {
            let made = "secrets.made.generate.type = 'password'\n";
            match source_of(number) {
                Some(source) => format!(
                    "{made}secrets.copied.copy = {{ application = 'app{source:03}', key = 'made' }}\n"
                ),
                None => made.to_owned(),
            }
        })
        .collect();
    let applications: Vec<(&str, &str)> =
        names.iter().zip(&declared).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (mut ridden_out, mut interrupted, mut acknowledged_total) = (0, 0, 0);
    let mut disturbed = 0;
    let rounds = rounds();
    for round in 0..rounds {
        let world = World::new(&format!("raft-{round}"), &applications);
        let token = cluster.root_token().to_owned();
        let sync = |url: &str| {
            world
                .command(&["sync", "demo", "--vault-url", url])
                .env("VAULT_TOKEN", &token)
                .env("VAULT_CLIENT_TIMEOUT", "10")
                .run()
        };
        // Anywhere from the first write to the last.
        let moment = 1 + round * (APPLICATIONS - 2) / (rounds - 1);
        let leader = cluster.leader();
        let victim = Pid::from_raw(cluster.process_id(leader).try_into().unwrap()).unwrap();
        let writes = AtomicUsize::new(0);
        let kill = Fault::First(Arc::new(move || {
            let _ = kill_process(victim, Signal::KILL);
        }));
        let door = Proxy::before(cluster.addresses(), move |request| {
            let is_moment =
                is_write(request) && writes.fetch_add(1, Ordering::SeqCst) + 1 == moment;
            is_moment.then(|| kill.clone())
        });
        let output = sync(&door.url);
        if door.faults() == 0 {
            // On a machine that is too busy, the cluster loses its leader by
            // itself, before the moment has come.
            assert_eq!(output.code(), 4, "{output:?}");
            disturbed += 1;
            continue;
        }
        assert_eq!(door.faults(), 1, "{output:?}");
        assert!([0, 4].contains(&output.code()), "{output:?}");
        match output.code() {
            0 => ridden_out += 1,
            _ => interrupted += 1,
        }
        let acknowledged: BTreeSet<String> = output
            .stdout()
            .lines()
            .filter_map(|line| line.strip_prefix("Created Vault secret for "))
            .map(str::to_owned)
            .collect();
        acknowledged_total += acknowledged.len();
        cluster.revive(leader);

        let before = cluster.entries(&world.prefix);
        for name in &acknowledged {
            assert!(before.contains_key(name), "{name} was said to be written: {output:?}");
        }
        // The next run makes the remaining writes, and no other lands.
        let door = Proxy::before(cluster.addresses(), |_| None);
        // On a machine that is busy, a new leader may take longer than it waits.
        let mut again = (0..5).map(|_| sync(&door.url));
        again.find(|output| output.code() == 0).expect("the cluster comes back").success();
        let after = cluster.entries(&world.prefix);
        assert_eq!(after.len(), APPLICATIONS);
        for (name, value) in made(&before) {
            assert_eq!(after[name].1["made"], *value, "{name} was generated again");
        }
        for (number, name) in names.iter().enumerate() {
            if let Some(source) = source_of(number) {
                let source = format!("app{source:03}");
                assert_eq!(after[name].1["copied"], after[&source].1["made"]);
            }
            assert_eq!(after[name].0, 1, "{name} was written twice");
        }
    }
    assert!(disturbed <= rounds / 5, "{disturbed} of {rounds} rounds were disturbed");
    let _ = writeln!(
        std::io::stderr(),
        "leader killed {} times: {ridden_out} syncs rode it out, {interrupted} were \
         interrupted and finished by the next; {acknowledged_total} writes acknowledged, none lost",
        rounds - disturbed,
    );
}
