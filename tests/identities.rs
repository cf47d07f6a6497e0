//! Identities: where they are looked for, and of what kinds they may be.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::support::age_tool::AgeTool;
use crate::support::cli::{Command, Output, Sandbox, make_executable};
use crate::support::keys::{Key, encrypted_with_passphrase};
use crate::support::small_store::SmallStore;
use crate::support::terminal::{ENDINGS, Walk, at_terminal, without_terminal};

/// A store with the value `hunter2` in it, and nothing to open it with.
fn locked() -> SmallStore {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    store.without_own_identity()
}

fn get(store: &SmallStore) -> Command {
    store.command(["get", "demo", "app", "password"])
}

#[track_caller]
fn opens(output: Output) {
    let output = output.success();
    assert_eq!((output.stdout(), output.stderr()), ("hunter2", ""));
}

fn text_of(key: &Key) -> String {
    fs::read_to_string(&key.path).unwrap()
}

/// The bare line of a native identity.
fn line_of(key: &Key) -> String {
    text_of(key).lines().last().unwrap().to_owned()
}

/// Replaces the public key of somebody who may not read.
fn stderr(store: &SmallStore, output: &Output, strangers: &[&Key]) -> String {
    let mut text = store.stderr(output);
    for (stranger, number) in strangers.iter().zip(1..) {
        text = text.replace(&stranger.recipient, &format!("[STRANGER {number}]"));
    }
    text
}

#[test]
fn an_option_names_a_file() {
    let store = locked();
    opens(get(&store).args(["-i"]).args([&store.alice.path]).run());
    opens(get(&store).args(["--identity"]).args([&store.alice.path]).run());
}

#[test]
fn an_identity_that_git_would_take_along_is_named() {
    let store = locked();
    store.git(&["init", "--quiet"]);
    store.write("alice.txt", fs::read(&store.alice.path).unwrap());
    let get = || get(&store).args(["-i", "alice.txt"]).run().success();
    let output = get();
    assert_eq!(output.stdout(), "hunter2");
    assert_snapshot!(store.stderr(&output), @"Warning: the identity file alice.txt is in a git repository, where the next git add would take it along: move it out of there, or have git ignore it");
    store.write(".gitignore", "/alice.txt\n");
    assert_eq!(get().stderr(), "");
    // For a new store, too.
    store.write("new/alice.txt", fs::read(&store.alice.path).unwrap());
    let init = store.command(["-c", "new", "init", "-i", "new/alice.txt", "--name", "alice"]);
    let output = init.run().success();
    assert!(output.stderr().contains("the identity file new/alice.txt is in a git"), "{output:?}");
}

#[test]
fn a_path_that_looks_like_a_key_is_named_where_something_is() {
    let store = locked();
    let stranger = store.sandbox.age_identity("stranger");
    let path = store.sandbox.home().join("kP3hoQ9aB2xY7zW1vR5tU8nM4");
    let path = path.to_str().unwrap();
    let there = || get(&store).args(["-i", path]).run().fails_with(3);
    let output = there();
    assert!(!output.stderr().contains("kP3hoQ"), "{output:?}");
    store.sandbox.write(path, fs::read(&stranger.path).unwrap());
    let output = there();
    assert!(output.stderr().contains(path), "{output:?}");
}

#[test]
fn several_options_are_tried_in_turn() {
    let store = locked();
    let stranger = store.sandbox.age_identity("stranger");
    let paths = [&stranger.path, &store.alice.path].map(|path| path.to_str().unwrap());
    opens(get(&store).args(["-i", paths[0], "-i", paths[1]]).run());
}

#[test]
fn an_option_leaves_no_other_place() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let stranger = store.sandbox.age_identity("stranger");
    let output = get(&store)
        .args(["-i", stranger.path.to_str().unwrap()])
        .env("PHALANX_SECRETS_IDENTITY", &store.alice.path)
        .env("SOPS_AGE_KEY_FILE", &store.alice.path)
        .env("SOPS_AGE_KEY", text_of(&store.alice))
        .run()
        .fails_with(3);
    assert_snapshot!(stderr(&store, &output, &[&stranger]), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: these identities were tried:
            [STRANGER 1] from the identity file [SANDBOX]/home/keys/stranger.txt (-i)
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    ");
}

#[test]
fn a_variable_names_a_file_or_holds_the_key() {
    let store = locked();
    let ssh = store.sandbox.ssh_key("alice");
    store.holder("alice", &[&store.alice.recipient, &ssh.recipient], &["*"]);
    store.set("app", "password", "hunter2");
    let (path, text) = (store.alice.path.to_str().unwrap().to_owned(), text_of(&store.alice));
    for value in [
        path,
        // As `age-keygen` writes it, comment and all.
        text.clone(),
        format!("# created: 2026-01-01T00:00:00Z\n{text}"),
        line_of(&store.alice),
        format!("\n  {}  \n", line_of(&store.alice)),
        ssh.path.to_str().unwrap().to_owned(),
        text_of(&ssh),
    ] {
        opens(get(&store).env("PHALANX_SECRETS_IDENTITY", value).run());
    }
}

#[test]
fn variables_of_sops_are_read() {
    let store = locked();
    opens(get(&store).env("SOPS_AGE_KEY_FILE", &store.alice.path).run());
    opens(get(&store).env("SOPS_AGE_KEY", text_of(&store.alice)).run());
    opens(get(&store).env("SOPS_AGE_KEY", line_of(&store.alice)).run());
}

#[test]
fn empty_variables_are_as_good_as_none() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let mut command = get(&store);
    for name in ["PHALANX_SECRETS_IDENTITY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY"] {
        command = command.env(name, "");
    }
    opens(command.run());
}

#[test]
fn default_files_are_found() {
    let store = locked();
    let home = store.sandbox.home();
    for place in [".config/phalanx-secrets/identity.txt", ".config/sops/age/keys.txt"] {
        let place = store.sandbox.write(home.join(place), text_of(&store.alice));
        opens(get(&store).run());
        fs::remove_file(place).unwrap();
    }
    let ssh = store.sandbox.ssh_key("alice");
    store.holder("alice", &[&ssh.recipient], &["*"]);
    store.set("app", "password", "hunter2");
    get(&store).run().fails_with(3);
    store.sandbox.write(home.join(".ssh/id_ed25519"), text_of(&ssh));
    opens(get(&store).run());
}

#[test]
fn the_configuration_folder_may_be_elsewhere() {
    let store = locked();
    let folder = store.sandbox.root().join("configuration");
    store.sandbox.write(folder.join("phalanx-secrets/identity.txt"), text_of(&store.alice));
    opens(get(&store).env("XDG_CONFIG_HOME", folder).run());
    store.sandbox.install_identity(&store.alice.path);
    opens(get(&store).env_remove("XDG_CONFIG_HOME").run());
}

#[test]
fn all_places_are_tried_in_their_order() {
    let store = locked();
    let sandbox = &store.sandbox;
    let strangers: Vec<Key> =
        (1..=5).map(|number| sandbox.age_identity(&format!("stranger-{number}"))).collect();
    let ssh = sandbox.ssh_key("stranger");
    let home = sandbox.home();
    sandbox.install_identity(&strangers[3].path);
    sandbox.write(home.join(".config/sops/age/keys.txt"), text_of(&strangers[4]));
    sandbox.write(home.join(".ssh/id_ed25519"), text_of(&ssh));
    let command = get(&store)
        .env("PHALANX_SECRETS_IDENTITY", &strangers[0].path)
        .env("SOPS_AGE_KEY_FILE", &strangers[1].path)
        .env("SOPS_AGE_KEY", text_of(&strangers[2]));
    let output = command.run().fails_with(3).hides("hunter2");
    let mut all: Vec<&Key> = strangers.iter().collect();
    all.push(&ssh);
    assert_snapshot!(stderr(&store, &output, &all), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: these identities were tried:
            [STRANGER 1] from the identity file [SANDBOX]/home/keys/stranger-1.txt (PHALANX_SECRETS_IDENTITY)
            [STRANGER 2] from the identity file [SANDBOX]/home/keys/stranger-2.txt (SOPS_AGE_KEY_FILE)
            [STRANGER 3] from SOPS_AGE_KEY
            [STRANGER 4] from [SANDBOX]/home/.config/phalanx-secrets/identity.txt
            [STRANGER 5] from [SANDBOX]/home/.config/sops/age/keys.txt
            [STRANGER 6] from [SANDBOX]/home/.ssh/id_ed25519
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    ");

    // Any one of them will do, the last too.
    sandbox.write(home.join(".config/sops/age/keys.txt"), text_of(&store.alice));
    opens(get(&store).env("SOPS_AGE_KEY", text_of(&strangers[2])).run());
}

#[test]
fn a_file_may_hold_several_identities() {
    let store = locked();
    let stranger = store.sandbox.age_identity("stranger");
    let both = format!("# mine\n{}\r\n\n{}", text_of(&stranger), text_of(&store.alice));
    let path = store.sandbox.write("both.txt", both);
    opens(get(&store).args(["-i"]).args([path]).run());
}

#[test]
fn a_pipe_will_do_for_a_file() {
    let store = locked();
    let script = format!(
        "{} get demo app password -i <(cat {})",
        env!("CARGO_BIN_EXE_phalanx-secrets"),
        store.alice.path.display()
    );
    opens(store.sandbox.program("bash", ["-c", &script]).current_dir(&store.root).run());
}

#[test]
fn the_names_of_plugins_are_no_keys() {
    let store = locked();
    let path = store.sandbox.work().join("age-plugin-yubikey/age-secret-key-file.txt");
    store.sandbox.write(&path, text_of(&store.alice));
    opens(get(&store).env("PHALANX_SECRETS_IDENTITY", &path).run());
    let text = format!(
        "# made by age-plugin-yubikey\nkeys = [{:?}]\naccess = [\"*\"]\n",
        store.alice.recipient
    );
    store.write("recipients/alice.toml", text);
    opens(get(&store).args(["-i"]).args([&path]).run());
}

#[test]
fn ssh_keys_seal_and_open() {
    for kind in ["ed25519", "rsa"] {
        let store = SmallStore::new().without_own_identity();
        let ssh = store.sandbox.ssh_key_of_type("alice", kind);
        let public = format!("{} alice@laptop", ssh.recipient);
        store.holder("alice", &[&public], &["demo"]);
        store.set("app", "password", "hunter2");
        opens(get(&store).args(["-i"]).args([&ssh.path]).run());
        // In the form that older tools write.
        if kind == "rsa" {
            let path = ssh.path.to_str().unwrap();
            let convert = ["-p", "-q", "-m", "PEM", "-P", "", "-N", "", "-f", path];
            store.sandbox.program("ssh-keygen", convert).run().success();
            assert!(text_of(&ssh).starts_with("-----BEGIN RSA PRIVATE KEY-----"));
            opens(get(&store).args(["-i", path]).run());
        }
    }
}

#[test]
fn every_key_of_every_holder_opens() {
    let store = SmallStore::new().without_own_identity();
    let sandbox = &store.sandbox;
    let (laptop, desk) = (sandbox.age_identity("laptop"), sandbox.ssh_key("desk"));
    let (carol, robot) = (sandbox.ssh_key_of_type("carol", "rsa"), sandbox.age_identity("robot"));
    store.holder("bob", &[&laptop.recipient, &desk.recipient], &["demo"]);
    store.holder("carol", &[&carol.recipient], &["demo/app", "demo/other"]);
    store.holder("robot", &[&robot.recipient], &["summit", "demo/app"]);
    let output = store.command(["set", "demo", "app", "password"]).stdin("hunter2").run();
    assert_snapshot!(store.stderr(&output.success()), @"Stored demo/app/password, sealed to: alice, bob, carol, robot");
    for key in [&store.alice, &laptop, &desk, &carol, &robot] {
        opens(get(&store).args(["-i"]).args([&key.path]).run());
    }
}

#[test]
fn access_is_by_environment_and_by_application() {
    let store = SmallStore::new();
    let sandbox = &store.sandbox;
    for (name, access) in
        [("env", "demo"), ("app", "demo/app"), ("elsewhere", "summit"), ("there", "summit/app")]
    {
        let key = sandbox.age_identity(name);
        store.holder(name, &[&key.recipient], &[access]);
    }
    store.set("app", "password", "hunter2");
    store.set("other", "shared", "hunter2");
    let can_read = |name: &str, application: &str, key: &str| {
        let path = sandbox.home().join("keys").join(format!("{name}.txt"));
        let command = store.command(["get", "demo", application, key, "-i"]).args([path]);
        command.run().code() == 0
    };
    for (name, app, other) in [
        ("alice", true, true),
        ("env", true, true),
        ("app", true, false),
        ("elsewhere", false, false),
        ("there", false, false),
    ] {
        assert_eq!(can_read(name, "app", "password"), app, "{name}");
        assert_eq!(can_read(name, "other", "shared"), other, "{name}");
    }
}

#[test]
fn a_named_file_that_cannot_be_used_is_refused() {
    let store = locked();
    let sandbox = &store.sandbox;
    let with = |name: &str, text: &str| {
        let path = sandbox.write(name, text);
        let output = get(&store).args(["-i"]).args([path]).run().fails_with(3);
        store.stderr(&output)
    };
    let output = get(&store).args(["-i", "absent.txt"]).run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: the identity file absent.txt (-i) cannot be read
    Caused by: No such file or directory (os error 2)
    Hint: name one that is there, or make one with: phalanx-secrets init --new-identity, or age-keygen
    ");
    let output = get(&store).env("SOPS_AGE_KEY_FILE", "/absent.txt").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: the identity file /absent.txt (SOPS_AGE_KEY_FILE) cannot be read
    Caused by: No such file or directory (os error 2)
    Hint: name one that is there, or make one with: phalanx-secrets init --new-identity, or age-keygen
    ");
    assert_snapshot!(with("empty.txt", "# nothing\n"), @r"
    Error: the identity file [SANDBOX]/work/empty.txt (-i) holds no identity
    Hint: an identity file is what age-keygen writes, or an SSH private key
    ");
    assert_snapshot!(with("bad.txt", "# mine\n\nAGE-SECRET-KEY-1OOPS\n"), @r"
    Error: the identity file [SANDBOX]/work/bad.txt (-i): line 3 is not an age identity
    Hint: an identity file is what age-keygen writes, or an SSH private key
    ");
    assert_snapshot!(with("public.txt", &store.alice.recipient), @"
    Error: the identity file [SANDBOX]/work/public.txt (-i): line 1 is a public key; the private key that belongs to it is needed
    Hint: age-keygen writes both: the private key is the line AGE-SECRET-KEY-1…; of an SSH key it is the file without .pub
    ");
    assert_snapshot!(with("cut.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"), @r"
    Error: the identity file [SANDBOX]/work/cut.txt (-i) is malformed: it holds only part of an SSH private key
    Hint: all of it is needed, from its first line to its last, with its line breaks
    ");
    assert_snapshot!(with("sealed.txt", "age-encryption.org/v1\n-> scrypt x 18\n"), @r"
    Error: the identity file [SANDBOX]/work/sealed.txt (-i) is malformed: it holds only part of an encrypted file
    Hint: all of it is needed, from its first line to its last, with its line breaks
    ");
    assert_snapshot!(with("huge.txt", &"#".repeat((1 << 20) + 1)), @"
    Error: the identity file [SANDBOX]/work/huge.txt (-i) cannot be read
    Caused by: larger than 1 MiB
    Hint: an identity is a file that you may read
    ");
    assert_snapshot!(with("plugin.txt", "AGE-PLUGIN-ABSENT-1QQQQQQQQ2FCXDE\n"), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: an identity failed
    Caused by: Could not find 'age-plugin-absent' on the PATH. Have you installed the plugin?
    Hint: these identities were tried:
            the identity file [SANDBOX]/work/plugin.txt (-i) (age-plugin-absent is not installed)
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    ");
    fs::create_dir(sandbox.work().join("folder")).unwrap();
    let output = get(&store).args(["-i"]).args([sandbox.work().join("folder")]).run();
    assert_snapshot!(store.stderr(&output.fails_with(3)), @"
    Error: the identity file [SANDBOX]/work/folder (-i) cannot be read
    Caused by: Is a directory (os error 21)
    Hint: an identity is a file that you may read
    ");
}

#[test]
fn a_key_with_a_passphrase_is_not_asked_for_in_vain() {
    let store = locked();
    let key = store.sandbox.ssh_key_with_passphrase("stranger", "ed25519", "secret words");
    let output = get(&store).args(["-i"]).args([&key.path]).run().fails_with(3);
    let text = stderr(&store, &output, &[&key]);
    assert!(text.contains("[STRANGER 1] from the identity file"), "{text}");
    assert!(text.contains("(locked; nothing was sealed to it)"), "{text}");
}

/// A store with ten values, sealed to alice and to another key.
fn ten_values(recipient: &str) -> SmallStore {
    let store = SmallStore::new();
    store.holder("bob", &[recipient], &["demo"]);
    for number in 0..10 {
        let key = format!("key{number}");
        let set = ["set", "demo", "app", &key, "--allow-unknown"];
        store.command(set).stdin(format!("value {number}")).run().success();
    }
    store.without_own_identity()
}

#[test]
fn one_passphrase_of_an_ssh_key_opens_everything() {
    for kind in ["ed25519", "rsa"] {
        let sandbox = Sandbox::new();
        let key = sandbox.ssh_key_with_passphrase("bob", kind, "secret words");
        let store = ten_values(&key.recipient);
        let command = store.command(["export", "demo", "-i"]).args([&key.path]);
        let screen = at_terminal(command, &["secret words"]);
        assert_eq!(screen.code, 0, "{screen:?}");
        assert_eq!(screen.text.matches("Passphrase of").count(), 1, "{screen:?}");
        assert_eq!(screen.text.matches(": value ").count(), 10, "{screen:?}");
        assert!(!screen.text.contains("secret words"), "{screen:?}");
    }
}

#[test]
fn one_passphrase_of_an_identity_file_opens_everything() {
    let sandbox = Sandbox::new();
    let bob = sandbox.age_identity("bob");
    let file = encrypted_with_passphrase(&fs::read(&bob.path).unwrap(), "secret words");
    let path = sandbox.write("bob.age", &file);
    let store = ten_values(&bob.recipient);
    let command = || store.command(["export", "demo", "-i"]).args([&path]);
    let screen = at_terminal(command(), &["wrong words", "secret words"]);
    assert_eq!(screen.code, 0, "{screen:?}");
    assert_eq!(screen.text.matches("Passphrase of").count(), 2, "{screen:?}");
    assert_eq!(screen.text.matches(": value ").count(), 10, "{screen:?}");

    // It is not asked for where another identity opens everything.
    let both = command().args(["-i"]).args([&store.alice.path]);
    assert_eq!(both.run().success().stderr(), "");

    // The same in a variable.
    let text = String::from_utf8(file).unwrap();
    let variable = store.command(["export", "demo"]).env("PHALANX_SECRETS_IDENTITY", text);
    let screen = at_terminal(variable, &["secret words"]);
    assert_eq!((screen.code, screen.text.matches(": value ").count()), (0, 10), "{screen:?}");
}

#[test]
fn a_wrong_passphrase_is_asked_for_three_times_and_no_more() {
    let sandbox = Sandbox::new();
    let key = sandbox.ssh_key_with_passphrase("bob", "ed25519", "secret words");
    let store = ten_values(&key.recipient);
    let command = store.command(["export", "demo", "-i"]).args([&key.path]);
    let screen = at_terminal(command, &["wrong 1", "wrong 2", "wrong 3", "secret words"]);
    assert_eq!(screen.code, 3, "{screen:?}");
    assert_eq!(screen.text.matches("Passphrase of").count(), 3, "{screen:?}");
    assert!(screen.text.contains("(locked: the passphrase was wrong)"), "{screen:?}");
    assert!(!screen.text.contains("wrong 1"), "{screen:?}");
}

#[test]
fn without_a_terminal_a_passphrase_is_named_and_not_waited_for() {
    let sandbox = Sandbox::new();
    let key = sandbox.ssh_key_with_passphrase("bob", "ed25519", "secret words");
    let store = ten_values(&key.recipient);
    let command = store.command(["get", "demo", "app", "key1", "-i"]).args([&key.path]);
    let output = without_terminal(command).run().fails_with(3);
    let text = output.stderr().replace(&key.recipient, "[BOB]");
    assert_snapshot!(text.replace(key.path.to_str().unwrap(), "[KEY]"), @r"
    Error: secrets/demo/app/key1.age cannot be opened
    Caused by: an identity that may open it is locked
    Hint: these identities were tried:
            [BOB] from the identity file [KEY] (-i) (locked: it has a passphrase, and there is no terminal to ask for it at)
    Hint: where nobody can be asked, as in a deploy job, take an identity without a passphrase: PHALANX_SECRETS_IDENTITY may hold it
    ");
    // As the user's own key, it is no obstacle to another.
    let own = store.sandbox.home().join(".ssh/id_ed25519");
    store.sandbox.write(&own, fs::read(&key.path).unwrap());
    let get = without_terminal(store.command(["get", "demo", "app", "key1"]));
    let output = get.run().fails_with(3);
    assert!(output.stderr().contains("there is no terminal to ask for it at"), "{output:?}");
    store.sandbox.install_identity(&store.alice.path);
    let output = store.command(["get", "demo", "app", "key1"]).run().success();
    assert_eq!((output.stdout(), output.stderr()), ("value 1", ""));
}

/// The lines of a plugin's identity and recipient, as its author would print
/// them.
const PLUGIN_IDENTITY: &str = "AGE-PLUGIN-PINTEST-1W3JHXAQ4C44EF";
const PLUGIN_RECIPIENT: &str = "age1pintest1w3jhxaqevslah";

/// Puts the plugin of the tests on the path of a command.
fn with_plugin(store: &SmallStore, command: Command) -> Command {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/age_plugin.py");
    let folder = store.sandbox.home().join("bin");
    let plugin = folder.join("age-plugin-pintest");
    if !plugin.exists() {
        store.sandbox.write(&plugin, fs::read(source).unwrap());
        make_executable(&plugin);
    }
    let path = std::env::var("PATH").unwrap();
    command
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("PINTEST_LOG", store.sandbox.root().join("pins"))
}

#[test]
fn a_plugin_asks_for_its_pin_once() {
    let store = SmallStore::new();
    store.holder("bob", &[PLUGIN_RECIPIENT], &["demo"]);
    for number in 0..10 {
        let key = format!("key{number}");
        let set = store.command(["set", "demo", "app", &key, "--allow-unknown"]);
        with_plugin(&store, set.stdin(format!("value {number}"))).run().success();
    }
    store.run(["check", "demo", "--json"]);
    let store = store.without_own_identity();
    let identity = store.write("../bob.txt", format!("# a plugin's\n{PLUGIN_IDENTITY}\n"));
    let export = || with_plugin(&store, store.command(["export", "demo", "-i"]).args([&identity]));
    let screen = at_terminal(export(), &["1234"]);
    assert_eq!(screen.code, 0, "{screen:?}");
    assert_eq!(screen.text.matches("PIN of the test").count(), 1, "{screen:?}");
    assert_eq!(screen.text.matches(": value ").count(), 10, "{screen:?}");
    let log = store.sandbox.root().join("pins");
    assert_eq!(store.sandbox.read(&log), "1234\n".repeat(10));

    // A wrong one is sent once, and not for each file: a token would lock
    // itself.
    fs::remove_file(&log).unwrap();
    let screen = at_terminal(export(), &["9999", "1234"]);
    assert_eq!(screen.code, 3, "{screen:?}");
    assert!(screen.text.contains("(age-plugin-pintest failed)"), "{screen:?}");
    assert_eq!(store.sandbox.read(&log), "9999\n");

    // Interrupted, it is told to nobody, and the terminal is as it was.
    for signal in ENDINGS {
        let walk = Walk::through(export().env("TERM", "xterm")).expect("PIN of the test");
        walk.send("1234").pause(0.1).signal(signal).run().ended_by(signal);
    }
    assert!(!store.sandbox.read(&log).contains("1234"));

    // Without a terminal there is no PIN, and no waiting.
    let output = without_terminal(export()).run().fails_with(3);
    assert!(output.stderr().contains("there is no terminal to ask for it at"), "{output:?}");

    // Without the plugin, it is named, and is in nobody's way.
    let get = || store.command(["get", "demo", "app", "key1", "-i"]).args([&identity]);
    let output = get().run().fails_with(3);
    assert!(output.stderr().contains("Could not find 'age-plugin-pintest'"), "{output:?}");
    assert!(output.stderr().contains("(age-plugin-pintest is not installed)"), "{output:?}");
    let output = get().args(["-i"]).args([&store.alice.path]).run().success();
    assert_eq!((output.stdout(), output.stderr()), ("value 1", ""));
}

/// A command that looks at the identities more than once.
#[test]
fn one_passphrase_does_for_all_that_a_command_does() {
    let sandbox = Sandbox::new();
    let key = sandbox.ssh_key_with_passphrase("bob", "ed25519", "secret words");
    let store = ten_values(&key.recipient);
    let text = fs::read(&key.path).unwrap();
    let carol = sandbox.age_identity("carol");
    for arguments in [
        &["recipients", "add", "carol", "--access", "demo", "--key", &carol.recipient][..],
        &["recipients", "remove", "carol"],
    ] {
        let command = store.command(arguments).args(["-i"]).args([&key.path]);
        let screen = at_terminal(command, &["secret words"]);
        assert_eq!(screen.code, 0, "{screen:?}");
        assert_eq!(screen.text.matches("Passphrase of").count(), 1, "{screen:?}");
    }
    // The key itself in a variable is as good as in a file.
    let command = store
        .command(["get", "demo", "app", "key1"])
        .env("PHALANX_SECRETS_IDENTITY", String::from_utf8(text).unwrap());
    let screen = at_terminal(command, &["secret words"]);
    assert!(screen.text.contains("Passphrase of PHALANX_SECRETS_IDENTITY: "), "{screen:?}");
    assert!(screen.code == 0 && screen.text.contains("value 1"), "{screen:?}");
}

#[test]
fn a_passphrase_is_asked_for_at_the_terminal_wherever_the_streams_go() {
    let sandbox = Sandbox::new();
    let key = sandbox.ssh_key_with_passphrase("bob", "ed25519", "secret words");
    let store = ten_values(&key.recipient);
    let script = format!(
        "{} get demo app key1 -i {} </dev/null 2>/dev/null >value; cat value",
        env!("CARGO_BIN_EXE_phalanx-secrets"),
        key.path.display()
    );
    let command = store.sandbox.program("bash", ["-c", &script]).current_dir(&store.root);
    let screen = at_terminal(command, &["secret words"]);
    assert!(screen.text.contains("Passphrase of"), "{screen:?}");
    assert!(screen.text.contains("value 1"), "{screen:?}");
    // No answer is an answer.
    let command = store.command(["get", "demo", "app", "key1", "-i"]).args([&key.path]);
    let screen = at_terminal(command, &[]);
    assert_eq!(screen.code, 3, "{screen:?}");
    assert_eq!(screen.text.matches("Passphrase of").count(), 1, "{screen:?}");
    assert!(screen.text.contains("and no answer was given)"), "{screen:?}");
}

#[test]
fn what_age_encrypts_with_a_passphrase_is_an_identity_file() {
    if AgeTool::find().is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let bob = sandbox.age_identity("bob");
    let store = ten_values(&bob.recipient);
    for form in ["--armor", "--"] {
        let path = sandbox.work().join(format!("bob{form}.age"));
        let mut command = sandbox.program("age", ["--passphrase", "--output"]).args([&path]);
        if form == "--armor" {
            command = command.args([form]);
        }
        let screen = at_terminal(command.args([&bob.path]), &["secret words", "secret words"]);
        assert_eq!(screen.code, 0, "{screen:?}");
        assert_eq!(fs::read(&path).unwrap().starts_with(b"-----BEGIN"), form == "--armor");
        let command = store.command(["export", "demo", "-i"]).args([&path]);
        let screen = at_terminal(command, &["secret words"]);
        assert_eq!(screen.code, 0, "{screen:?}");
        assert_eq!(screen.text.matches("Passphrase of").count(), 1, "{screen:?}");
        assert_eq!(screen.text.matches(": value ").count(), 10, "{screen:?}");
    }
}

#[test]
fn an_encrypted_file_may_hold_several_identities_or_none_that_helps() {
    let sandbox = Sandbox::new();
    let (bob, stranger) = (sandbox.age_identity("bob"), sandbox.age_identity("stranger"));
    let store = ten_values(&bob.recipient);
    let file = |name: &str, text: String| {
        sandbox.write(name, encrypted_with_passphrase(text.as_bytes(), "secret words"))
    };
    let get = |path: &Path| {
        let command = store.command(["get", "demo", "app", "key1", "-i"]).args([path]);
        at_terminal(command, &["secret words"])
    };
    let screen = get(&file("both.age", format!("{}{}", text_of(&stranger), text_of(&bob))));
    assert!(screen.code == 0 && screen.text.contains("value 1"), "{screen:?}");
    let screen = get(&file("other.age", text_of(&stranger)));
    assert_eq!(screen.code, 3, "{screen:?}");
    let tried = format!("{} from the identity file", stranger.recipient);
    assert!(screen.text.contains(&tried), "{screen:?}");
    assert!(screen.text.contains("none of the identities at hand"), "{screen:?}");
    let screen = get(&file("none.age", "hunter2".to_owned()));
    assert_eq!(screen.code, 3, "{screen:?}");
    assert!(screen.text.contains("line 1 is not an age identity"), "{screen:?}");
    assert!(!screen.text.contains("hunter2"), "{screen:?}");
}

#[test]
fn a_store_is_made_for_the_identity_in_an_encrypted_file() {
    let sandbox = Sandbox::new();
    let bob = sandbox.age_identity("bob");
    let file = encrypted_with_passphrase(text_of(&bob).as_bytes(), "secret words");
    let path = sandbox.write("bob.age", file);
    let init = || sandbox.command(["init", "--name", "bob", "-i"]).args([&path]);
    let output = without_terminal(init()).run().fails_with(3);
    assert!(output.stderr().contains("there is no terminal to ask for it at"), "{output:?}");
    let screen = at_terminal(init(), &["secret words"]);
    assert_eq!(screen.code, 0, "{screen:?}");
    assert!(sandbox.read("recipients/bob.toml").contains(&bob.recipient));
}

#[test]
fn a_holder_is_told_which_command_would_give_access() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let bob = store.sandbox.age_identity("bob");
    let hints = || {
        let output = get(&store).args(["-i"]).args([&bob.path]).run().fails_with(3);
        store.stderr(&output).lines().last().unwrap().to_owned()
    };
    store.holder("bob", &[&bob.recipient], &["summit"]);
    assert_snapshot!(hints(), @"Hint: ask one of them to run: phalanx-secrets recipients grant bob demo/app");
    store.holder("bob", &[&bob.recipient], &["demo/app"]);
    assert_snapshot!(hints(), @"Hint: you have access to demo/app, and this value is not sealed to your key yet; one who can open it runs: phalanx-secrets rekey demo");
}

#[test]
fn a_default_file_that_is_broken_does_not_stand_in_the_way() {
    let store = locked();
    store.sandbox.write(store.own_identity(), "AGE-SECRET-KEY-1OOPS\n");
    let output = get(&store).run().fails_with(3).hides("OOPS");
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: no identity was found: name one with -i FILE or PHALANX_SECRETS_IDENTITY
            (passed over: [SANDBOX]/home/.config/phalanx-secrets/identity.txt: line 1 is not an age identity)
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    ");
    let keys = store.sandbox.home().join(".config/sops/age/keys.txt");
    store.sandbox.write(keys, text_of(&store.alice));
    opens(get(&store).run());
}

/// A private key is put in the place of its file's name sooner or later.
#[test]
fn a_private_key_in_the_place_of_a_path_is_not_repeated() {
    let store = locked();
    let (secret, text) = (line_of(&store.alice), text_of(&store.alice));
    let output = get(&store).args(["-i", &secret]).run().fails_with(3).hides(&secret);
    assert_snapshot!(store.stderr(&output), @r"
    Error: -i needs the path of a file, and was given a private key itself
    Hint: PHALANX_SECRETS_IDENTITY and SOPS_AGE_KEY may hold a key
    ");
    let output = get(&store).env("SOPS_AGE_KEY_FILE", &text).run().fails_with(3).hides(&secret);
    assert_snapshot!(store.stderr(&output), @r"
    Error: SOPS_AGE_KEY_FILE needs the path of a file, and was given a private key itself
    Hint: PHALANX_SECRETS_IDENTITY and SOPS_AGE_KEY may hold a key
    ");
    let broken = format!("# comment\n{}x\n", secret);
    let output =
        get(&store).env("PHALANX_SECRETS_IDENTITY", &broken).run().fails_with(3).hides(&secret);
    assert_snapshot!(store.stderr(&output), @r"
    Error: PHALANX_SECRETS_IDENTITY: line 2 is not an age identity
    Hint: an identity file is what age-keygen writes, or an SSH private key
    ");
}

/// The forms that a key takes on its way into a variable, whole and damaged.
fn forms(key: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let key = key.trim_end();
    let line = key.lines().last().unwrap();
    let half = key.len() / 2;
    vec![
        STANDARD.encode(key),
        STANDARD.encode(format!("{key}\n")),
        URL_SAFE_NO_PAD.encode(key),
        key.lines().skip(1).map(|line| format!("{line}\n")).collect(),
        key[1..].to_owned(),
        key[5..].to_owned(),
        key[half..].to_owned(),
        key[..half].to_owned(),
        format!("'{key}'"),
        format!("\"{line}\""),
        format!("KEY={line}"),
        key.replace('\n', " "),
        key.replace('\n', "\\n"),
        key.replace('\n', ""),
        line.to_lowercase(),
    ]
}

/// Whether any sixteen characters of a key's own are in a text.
fn shows(text: &str, key: &str) -> bool {
    let pieces = key.split_whitespace().filter(|word| word.is_ascii() && word.len() >= 24);
    let mut windows = pieces.flat_map(|word| (0..=word.len() - 16).map(|at| &word[at..at + 16]));
    windows.any(|piece| text.contains(piece) && !piece.starts_with("AGE-"))
}

#[test]
fn no_form_of_a_key_is_repeated_whatever_source_it_is_given_to() {
    let store = locked();
    let ssh = store.sandbox.ssh_key("own");
    let age = line_of(&store.alice);
    // Of a kind that the program does not know, with another's letters.
    let hybrid = age.replacen("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1", 1);
    let plugin = age.replacen("AGE-SECRET-KEY-1", "AGE-PLUGIN-NONE-1", 1);
    let mut count = 0;
    for key in [&age, &hybrid, &plugin, &text_of(&ssh)] {
        for form in forms(key) {
            let variables = ["PHALANX_SECRETS_IDENTITY", "SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE"];
            let by_variable = variables.map(|name| get(&store).env(name, &form));
            for command in by_variable.into_iter().chain([get(&store).args([&format!("-i{form}")])])
            {
                let output = command.run();
                let told = format!("{}{}", output.stdout(), output.stderr());
                assert!(!shows(&told, &form) && !shows(&told, key), "{form}\n{output:?}");
                count += 1;
            }
        }
    }
    assert!(count >= 200, "{count}");
}

/// A private key pasted where the public one belongs.
#[test]
fn a_private_key_in_a_holders_file_is_refused_and_not_repeated() {
    let store = locked();
    let secret = line_of(&store.alice);
    for text in [
        format!("keys = [\"{secret}\"]\naccess = [\"*\"]\n"),
        format!("keys = \"{secret}\"\naccess = [\"*\"]\n"),
        format!("keys = []\naccess = [\"{secret}\"]\n"),
        format!("keys = []\naccess = \"{secret}\"\n"),
        format!("keys = []\naccess = []\n\"{secret}\" = 1\n"),
        format!("keys = [\n{secret}\n]\n"),
    ] {
        store.write("recipients/alice.toml", &text);
        let output = get(&store).run().fails_with(3).hides(&secret);
        let named = PathBuf::from("recipients/alice.toml");
        assert!(output.stderr().contains(named.to_str().unwrap()), "{output:?}");
    }
    store.write("recipients/alice.toml", format!("keys = [\"{secret}\"]\naccess = [\"*\"]\n"));
    let output = get(&store).run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: recipients/alice.toml:1: there is a private key here, where only public ones may be
    Hint: put its public key there instead, and take the private key for exposed if it was ever committed
    ");
}
