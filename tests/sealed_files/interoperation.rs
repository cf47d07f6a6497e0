//! The stock `age`, `rage` and ours, each with the other's files.

use insta::assert_snapshot;

use crate::support::age_tool::AgeTool;
use crate::support::keys::Key;
use crate::support::small_store::SmallStore;

const FILE: &str = "secrets/demo/app/password.age";

/// What a value may be.
fn values() -> Vec<Vec<u8>> {
    vec![
        b"hunter2".to_vec(),
        b"line\n".to_vec(),
        b"\x00\xff".to_vec(),
        vec![b'x'; 65_536],
        vec![b'x'; 1 << 20],
    ]
}

/// Every tool with everybody's key.
fn with_each<'a>(tools: &'a [AgeTool], people: [&'a Key; 3]) -> Vec<(&'a AgeTool, &'a Key)> {
    tools.iter().flat_map(|tool| people.map(|key| (tool, key))).collect()
}

#[test]
fn what_we_seal_opens_with_the_stock_tools() {
    let store = SmallStore::new();
    let sandbox = &store.sandbox;
    let bob = sandbox.ssh_key("bob");
    let carol = sandbox.ssh_key_of_type("carol", "rsa");
    store.holder("bob", &[&bob.recipient], &["demo"]);
    store.holder("carol", &[&carol.recipient], &["demo/app"]);
    for value in values() {
        let arguments = ["set", "demo", "app", "password", "--allow-binary"];
        store.command(arguments).stdin(&value).run().success();
        for (age, key) in with_each(&AgeTool::all(), [&store.alice, &bob, &carol]) {
            let opened = age.decrypt(sandbox, &store.root.join(FILE), &key.path);
            assert!(opened == value, "{} bytes with {}", value.len(), key.recipient);
        }
    }
    let mallory = sandbox.age_identity("mallory");
    for age in AgeTool::all() {
        assert!(!age.can_decrypt(sandbox, &store.root.join(FILE), &mallory.path));
    }
}

#[test]
fn what_the_stock_tools_seal_is_read_with_a_warning() {
    let tools = AgeTool::all();
    if tools.is_empty() {
        return;
    }
    let store = SmallStore::new();
    let sandbox = &store.sandbox;
    let bob = sandbox.ssh_key("bob");
    let carol = sandbox.ssh_key_of_type("carol", "rsa");
    let people = [&store.alice, &bob, &carol];
    let recipients = people.map(|key| key.recipient.as_str());
    for value in values() {
        for (age, key) in with_each(&tools, people) {
            store.write(FILE, age.encrypt(sandbox, &recipients, &value));
            let command = store.command(["get", "demo", "app", "password", "-i"]);
            let output = command.args([&key.path]).run().success();
            assert!(output.stdout_bytes() == value, "{} with {}", value.len(), key.recipient);
        }
    }
    let output = store.run(["get", "demo", "app", "password"]).success();
    assert_snapshot!(store.stderr(&output), @"Warning: secrets/demo/app/password.age: it was not sealed by this tool, so nothing shows that it belongs to this secret");
    // Storing it again binds it.
    store.set("app", "password", "hunter2");
    assert_eq!(store.run(["get", "demo", "app", "password"]).success().stderr(), "");
}

#[test]
fn what_the_stock_tool_seals_is_not_synced_unless_that_is_meant() {
    let Some(age) = AgeTool::find() else { return };
    let server = crate::support::openbao::shared();
    let prefix = crate::support::openbao::unique_prefix("unbound");
    let store = SmallStore::new();
    let environment = format!(
        "vault-url = {:?}\nvault-path-prefix = {prefix:?}\napplications = [\"other\"]\n",
        server.url()
    );
    store.write("secrets/environments/demo.toml", environment);
    let sealed = age.encrypt(&store.sandbox, &[&store.alice.recipient], b"hunter2");
    store.write("secrets/demo/other/shared.age", sealed);
    let sync = || store.command(["sync", "demo"]).env("VAULT_TOKEN", server.root_token());

    let output = sync().run().fails_with(3).hides("hunter2");
    assert_snapshot!(store.stderr(&output), @r"
    Error: values were not sealed by this tool, so nothing shows that they belong there
      • secrets/demo/other/shared.age
    Hint: store them again (phalanx-secrets get … | phalanx-secrets set …), or pass --allow-unbound
    ");
    assert_eq!(server.list(&prefix), [""; 0]);

    let output = sync().args(["--allow-unbound"]).run().success().hides("hunter2");
    assert_snapshot!(store.stderr(&output), @"Warning: secrets/demo/other/shared.age: it was not sealed by this tool, so nothing shows that it belongs to this secret");
    assert_eq!(server.value(&prefix, "other", "shared").as_deref(), Some("hunter2"));
}

/// In binary form it would be no text file to git, and other tools of ours
/// would have to know two forms.
#[test]
fn a_binary_file_of_the_stock_tool_is_refused() {
    let Some(_) = AgeTool::find() else { return };
    let store = SmallStore::new();
    let arguments = ["--encrypt", "--recipient", &store.alice.recipient, "--output"];
    let folder = store.root.join("secrets/demo/app");
    std::fs::create_dir_all(&folder).unwrap();
    let path = store.root.join(FILE);
    let age = store.sandbox.program("age", arguments).args([path]);
    age.stdin("hunter2").run().success();
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3).hides("hunter2");
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: it is a binary age file, and the store keeps armored ones
    Hint: store it anew: age --decrypt -i IDENTITY secrets/demo/app/password.age | phalanx-secrets set demo app password
    ");
}
