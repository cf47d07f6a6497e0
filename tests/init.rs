//! `init`: a store where there was none, and nothing overwritten.

use std::fs;

use insta::assert_snapshot;

use crate::support::cli::Sandbox;
use crate::support::redact_paths;
use crate::support::small_store::files_below;
use crate::support::standalone::Repository;

/// What is there afterwards.
fn files(sandbox: &Sandbox, folder: &str) -> String {
    let root = sandbox.work().join(folder);
    let name = |path: std::path::PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    let all = files_below(&root).into_iter().map(name);
    all.filter(|name| !name.starts_with(".git/")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_store_is_made_with_a_new_identity() {
    let sandbox = Sandbox::new();
    let command = sandbox.command(["init", "--new-identity"]).env("USER", "alice");
    let output = command.run().success();
    assert_eq!(output.stdout(), "");
    assert_snapshot!(redact_paths(output.stderr(), &sandbox), @r"
    Made an identity: [SANDBOX]/home/.config/phalanx-secrets/identity.txt
    Warning: keep a copy of it in a safe place: what is sealed to it alone is lost with it
    Made a store in [SANDBOX]/work:
      secrets/store.toml
      recipients/alice.toml
      .gitattributes
    Hint: commit these; then describe an environment in secrets/environments/ENVIRONMENT.toml, and what its applications need in secrets/applications/APPLICATION.toml
    ");
    assert_snapshot!(files(&sandbox, ""), @r"
    .gitattributes
    recipients/alice.toml
    secrets/store.toml
    ");
    assert_snapshot!(sandbox.read("secrets/store.toml"), @r#"
    format = 1
    layout = "standalone"
    "#);
    assert_snapshot!(sandbox.read(".gitattributes"), @"secrets/**/*.age -text");

    let identity = sandbox.home().join(".config/phalanx-secrets/identity.txt");
    let text = sandbox.read(&identity);
    let public = text.lines().next().unwrap().strip_prefix("# public key: ").unwrap();
    let holder = sandbox.read("recipients/alice.toml");
    assert_snapshot!(holder.replace(public, "[PUBLIC]"), @r#"
    keys = ["[PUBLIC]"]
    access = ["*"]
    "#);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // The first steps that the hint promises.
    sandbox.write("secrets/environments/demo.toml", environment("app"));
    sandbox.write("secrets/applications/app.toml", "[secrets.password]\n");
    let set = sandbox.command(["set", "demo", "app", "password"]).stdin("hunter2");
    set.run().success();
    let output = sandbox.run(["get", "demo", "app", "password"]).success();
    assert_eq!((output.stdout(), output.stderr()), ("hunter2", ""));
}

fn environment(application: &str) -> String {
    format!(
        "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/demo\"\n\
         applications = [{application:?}]\n"
    )
}

#[test]
fn identities_at_hand_are_taken() {
    let sandbox = Sandbox::new();
    let (age, ssh) = (sandbox.age_identity("alice"), sandbox.ssh_key("alice"));
    sandbox.install_identity(&age.path);
    sandbox.write(sandbox.home().join(".ssh/id_ed25519"), fs::read(&ssh.path).unwrap());
    sandbox.run(["init", "--name", "alice"]).success();
    let holder = sandbox.read("recipients/alice.toml");
    assert!(holder.contains(&age.recipient) && holder.contains(&ssh.recipient), "{holder}");

    let named = sandbox.age_identity("named");
    fs::create_dir(sandbox.work().join("other")).unwrap();
    let other = sandbox.command(["init", "-c", "other", "--name", "alice", "-i"]);
    other.args([&named.path]).run().success();
    let holder = sandbox.read("other/recipients/alice.toml");
    assert!(holder.contains(&named.recipient) && !holder.contains(&age.recipient), "{holder}");
}

#[test]
fn public_keys_and_access_may_be_given() {
    let sandbox = Sandbox::new();
    let (age, ssh) = (sandbox.age_identity("alice"), sandbox.ssh_key("alice"));
    let commented = format!("{} alice@laptop", ssh.recipient);
    let keys = ["--key", &age.recipient, "--key", &commented];
    let access = ["--access", "idfdev", "--access", "summit/nublado"];
    sandbox.command(["init", "--name", "alice"]).args(keys).args(access).run().success();
    let holder = sandbox.read("recipients/alice.toml");
    let holder = holder.replace(&age.recipient, "[AGE]").replace(&ssh.recipient, "[SSH]");
    assert_snapshot!(holder, @r#"
    keys = [
        "[AGE]",
        "[SSH]",
    ]
    access = [
        "idfdev",
        "summit/nublado",
    ]
    "#);
}

#[test]
fn a_checkout_gets_its_layout_and_its_root() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    let checkout = Repository::phalanx(&sandbox, "checkout").committed();
    fs::remove_file(checkout.root().join("secrets/store.toml")).unwrap();
    fs::create_dir_all(checkout.root().join("applications/app")).unwrap();
    let init = ["init", "--name", "alice", "--key", &alice.recipient];
    sandbox.run_in(checkout.root().join("applications/app"), init).success();
    let store = sandbox.read(checkout.root().join("secrets/store.toml"));
    assert!(store.contains("layout = \"phalanx\""), "{store}");

    // Any other repository: its root too.
    sandbox.git(["init", "--quiet", "plain"]);
    fs::create_dir_all(sandbox.work().join("plain/a/b")).unwrap();
    sandbox.run_in(sandbox.work().join("plain/a/b"), init).success();
    assert!(sandbox.read("plain/secrets/store.toml").contains("layout = \"standalone\""));
}

#[test]
fn git_leaves_sealed_files_as_they_are() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    sandbox.git(["init", "--quiet"]);
    sandbox.write(".gitattributes", "*.png binary");
    let init = ["init", "--name", "alice", "--key", &alice.recipient];
    sandbox.run(init).success();
    assert_snapshot!(sandbox.read(".gitattributes"), @r"
    *.png binary
    secrets/**/*.age -text
    ");
    let attribute = sandbox.git(["check-attr", "text", "secrets/demo/app/password.age"]);
    assert_eq!(attribute, "secrets/demo/app/password.age: text: unset");

    // What stands there already is not repeated.
    fs::remove_file(sandbox.work().join("secrets/store.toml")).unwrap();
    sandbox.run(init).success();
    assert_eq!(sandbox.read(".gitattributes").matches("*.age").count(), 1);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let sandbox = Sandbox::new();
    let (alice, other) = (sandbox.age_identity("alice"), sandbox.age_identity("other"));
    let init = |key: &str| sandbox.run(["init", "--name", "alice", "--key", key]);
    init(&alice.recipient).success();
    let holder = sandbox.read("recipients/alice.toml");

    let output = init(&other.recipient).fails_with(3);
    assert_snapshot!(redact_paths(output.stderr(), &sandbox), @"
    Error: there is a store already: secrets/store.toml exists
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    // A holder of that name, from a store that was half removed.
    fs::remove_file(sandbox.work().join("secrets/store.toml")).unwrap();
    let output = init(&other.recipient).fails_with(3);
    assert_snapshot!(redact_paths(output.stderr(), &sandbox), @r"
    Error: recipients/alice.toml is there already and says something else
    Hint: remove it, or take another name with --name HOLDER
    ");
    assert_eq!(sandbox.read("recipients/alice.toml"), holder);
    assert!(!sandbox.work().join("secrets/store.toml").exists());
    // One that was interrupted before the end is taken up again.
    init(&alice.recipient).success();

    // Nor is an identity.
    sandbox.install_identity(&alice.path);
    let again = ["init", "-c", "other", "--name", "alice", "--new-identity"];
    let output = sandbox.run(again).fails_with(3);
    assert_snapshot!(redact_paths(output.stderr(), &sandbox), @r"
    Error: [SANDBOX]/home/.config/phalanx-secrets/identity.txt cannot be made
    Caused by: File exists (os error 17)
    Hint: to use the one that is there, leave out --new-identity
    ");
    assert!(!sandbox.work().join("other").exists());
}

#[test]
fn without_a_key_nothing_is_made() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(["init", "--name", "alice"]).fails_with(3);
    assert_snapshot!(redact_paths(output.stderr(), &sandbox), @r"
    Error: no identity of yours was found, so nobody could read what you store
    Hint: make one with --new-identity, name one with -i FILE, or give a public key with --key
    ");
    sandbox.write(sandbox.home().join(".config/phalanx-secrets/identity.txt"), "nonsense\n");
    let output = sandbox.run(["init", "--name", "alice"]).fails_with(3);
    assert_snapshot!(redact_paths(output.stderr(), &sandbox), @r"
    Error: no identity of yours was found, so nobody could read what you store
      • passed over: [SANDBOX]/home/.config/phalanx-secrets/identity.txt: line 1 is not an age identity
    Hint: make one with --new-identity, name one with -i FILE, or give a public key with --key
    ");
    assert_eq!(files(&sandbox, ""), "");
}

#[test]
fn wrong_arguments_are_refused() {
    let sandbox = Sandbox::new();
    let alice = sandbox.age_identity("alice");
    let secret = sandbox.read(&alice.path).lines().last().unwrap().to_owned();
    let stderr = |arguments: &[&str], code: i32| {
        let output = sandbox.command(["init"]).args(arguments).run().fails_with(code);
        redact_paths(output.hides(&secret).stderr(), &sandbox)
    };
    let key = alice.recipient.as_str();
    assert_snapshot!(stderr(&["--key", key], 2), @r"
    Error: the name of the first holder is not known
    Hint: name yourself with --name HOLDER: letters, digits, '.', '_' and '-'
    ");
    assert_snapshot!(stderr(&["--name", "a b", "--key", key], 2), @r#"
    error: invalid value 'a b' for '--name <HOLDER>': "a b" is not a valid holder name: only ASCII letters, digits, '.', '_' and '-' are allowed

    For more information, try '--help'.
    "#);
    assert_snapshot!(stderr(&["--name", "withdrawn", "--key", key], 2), @r#"
    error: invalid value 'withdrawn' for '--name <HOLDER>': "withdrawn" is not a valid holder name: the store has a file of its own of that name

    For more information, try '--help'.
    "#);
    assert_snapshot!(stderr(&["--name", "alice", "--key", &secret], 2), @r"
    Error: --key number 1: this is a private key
    Hint: put its public key there instead, and take the private key for exposed if it was ever committed
    ");
    assert_snapshot!(stderr(&["--name", "alice", "--key", key, "--key", "age1x"], 2), @r"
    Error: --key number 2: this is neither an age recipient (age1…) nor an SSH public key
    Hint: what each command takes is shown by: phalanx-secrets help COMMAND
    ");
    assert_snapshot!(stderr(&["--name", "alice", "--key", key, "--access", "a/b/c"], 2), @r#"
    error: invalid value 'a/b/c' for '--access <ENVIRONMENT[/APPLICATION]>': "a/b/c" is not an access: use "*", "ENVIRONMENT" or "ENVIRONMENT/APPLICATION"

    For more information, try '--help'.
    "#);
    assert_snapshot!(stderr(&["--name", "alice", "--key", key, "--layout", "phalanx"], 3), @r"
    Error: [SANDBOX]/work is no Phalanx checkout
    Hint: change into its root, or name it with -c FOLDER
    ");
    assert_snapshot!(stderr(&["--new-identity", "--key", key], 2), @r"
    error: the argument '--new-identity' cannot be used with '--key <KEY>'

    Usage: phalanx-secrets init --new-identity

    For more information, try '--help'.
    ");
    // A file where the folder should be.
    sandbox.write("secrets", "in the way");
    assert_snapshot!(stderr(&["--name", "alice", "--key", key], 3), @"
    Error: cannot create secrets/store.toml
    Caused by: [SANDBOX]/work/secrets is not a folder
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
}
