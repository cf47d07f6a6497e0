//! What docs/ci.md tells, as it tells it: in a store, in a checkout without
//! one, and with its hook.

use serde_json::Value;

use crate::support::cli::{Sandbox, make_executable};
use crate::support::standalone::Repository;
use crate::support::story::{self, Reader};

const PAGE: &str = "docs/ci.md";
const VAULT: &str = "https://vault.example.org";

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    let spare = sandbox.age_identity("spare");
    let described = |key: &str| format!("{key}:\n  description: What it is for.\n");
    let store = Repository::phalanx(&sandbox, "store")
        .holder("alice", &[&alice.recipient, &spare.recipient], &["*"])
        .environment("minikube", VAULT, "secret/phalanx/minikube", &["argocd", "mobu"])
        .application("argocd", &["a", "b", "c", "d"].map(described).concat())
        .application("mobu", &described("sentry-dsn"));
    for key in ["a", "b", "c", "d"] {
        let set = ["set", "minikube", "argocd", key];
        sandbox.command(set).current_dir(&store).stdin("value").run().success();
    }
    let copied = "ra-redis-password:\n  description: Of the Redis of rapid-analysis.\n  copy:\n    \
                  application: rapid-analysis\n    key: redis-password\n";
    let checkout = Repository::phalanx(&sandbox, "checkout")
        .environment("usdfdev", VAULT, "secret/phalanx/usdfdev", &["rubintv"])
        .environment("usdfprod", VAULT, "secret/phalanx/usdfprod", &["rubintv"])
        .application("rubintv", copied)
        .application("rapid-analysis", &described("redis-password"));
    std::fs::remove_dir_all(checkout.root().join("secrets")).unwrap();

    let mut reader = Reader::new(&sandbox, store.root());
    let failed = story::is_true(
        PAGE,
        2,
        |line| line.strip_prefix("$ "),
        |command, answers| {
            let told = reader.run(command, answers);
            // The next one is of a checkout that has no store.
            reader.changes_to(checkout.root());
            told
        },
    );
    assert_eq!(failed.len(), 2);

    // The hook is the page's, to the letter.
    let [hook] = &story::blocks(PAGE, "sh")[..] else { panic!("one hook") };
    let store = store.committed();
    make_executable(&sandbox.write(store.root().join(".git/hooks/pre-commit"), hook));
    let commit = |file: &str, text: &str| {
        sandbox.write(store.root().join(file), text);
        sandbox.git_in(&store, ["add", "--all"]);
        story::shell(&sandbox, "git commit --quiet --message Change", store.root()).run()
    };
    commit("README.md", "Read me").success();
    let refused = commit("secrets/minikube/mobu/sentry-dsn.age", "in the clear").fails_with(1);
    assert!(refused.stdout().contains("secrets/minikube/mobu/sentry-dsn.age"), "{refused:?}");
}

#[test]
fn the_settings_of_the_page_call_the_program_as_its_hook_does() {
    let yaml: Vec<Value> = story::blocks(PAGE, "yaml")
        .iter()
        .map(|text| serde_saphyr::from_str(text).unwrap())
        .collect();
    let [workflow, pre_commit] = &yaml[..] else { panic!("{yaml:?}") };
    let hook = &pre_commit["repos"][0]["hooks"][0];
    let [script] = &story::blocks(PAGE, "sh")[..] else { panic!("one hook") };
    let line = script.lines().last().unwrap().strip_prefix("exec ");
    assert_eq!(hook["entry"].as_str(), line);
    let steps = workflow["jobs"]["check"]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["run"], "phalanx-secrets check");
}
