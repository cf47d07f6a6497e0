//! `import --from-onepassword` and `onepassword-secrets`, from a Connect
//! server.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::cli::{Command, Output};
use crate::support::connect::{Connect, Obstacle, TOKEN, field, item};
use crate::support::small_store::SmallStore;

const APP: &str = r#"
[secrets.password]
[secrets."dex.clientSecret"]
[secrets.certificate]
onepassword = { encoded = true }
[secrets.keytab]
onepassword = { encoded = true }
[secrets.made]
generate = { type = "password" }
"#;

struct World {
    store: SmallStore,
    connect: Connect,
}

impl World {
    fn new() -> Self {
        let world = Self { store: SmallStore::new(), connect: Connect::start() };
        world.store.write("secrets/applications/app.toml", APP);
        world.environment("RSP \"demo\"");
        world
    }

    fn environment(&self, title: &str) {
        let text = format!(
            "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/demo\"\napplications \
             = [\"app\", \"other\"]\n[onepassword]\nconnect-url = \"{}\"\nvault-title = {title:?}\n",
            self.connect.url
        );
        self.store.write("secrets/environments/demo.toml", text);
    }

    fn command(&self, options: &[&str]) -> Command {
        let words = [&["import", "demo", "--from-onepassword"], options].concat();
        self.store.command(words).env("OP_CONNECT_TOKEN", TOKEN)
    }

    fn import(&self) -> Output {
        self.command(&[]).run().hides(TOKEN)
    }

    #[track_caller]
    fn refused(&self, code: i32) -> String {
        let output = self.import().fails_with(code).hides("hunter2");
        assert_eq!(self.store.sealed_files(), Vec::<String>::new());
        self.store.stderr(&output)
    }
}

fn app(fields: Vec<Value>) -> Value {
    item("app", fields)
}

fn everything() -> Vec<Value> {
    let archived = || {
        let mut item = item("app", vec![field(None, "password", "of long ago")]);
        item["id"] = json!("archived");
        item["state"] = json!("ARCHIVED");
        item
    };
    let mut note = field(None, "notesPlain", "ask operations");
    note["purpose"] = json!("NOTES");
    vec![
        archived(),
        app(vec![
            note,
            field(None, "username", ""),
            json!({ "id": "empty", "label": "password" }),
            field(None, "URL", "https://example.org"),
            field(Some("more"), "password", "in a section it does not count"),
            field(None, "password", "hunter2\"\\\u{e9}"),
            field(None, "dex.clientSecret", "0017"),
            field(None, "certificate", "LS0tCmFiYwotLS0K"),
            field(None, "keytab", "BQL/\n/g=="),
            field(None, "made", "generated elsewhere"),
        ]),
        item("elsewhere", vec![field(None, "password", "of another application")]),
        item(
            "pull-secret",
            vec![
                field(Some("ghcr.io"), "username", "robot"),
                field(Some("ghcr.io"), "password", "a:b"),
                field(Some("ghcr.io"), "comment", "not for us"),
                field(Some("docker.io"), "password", "p"),
                field(Some("docker.io"), "username", "u"),
            ],
        ),
        item(
            "oidc-clients",
            vec![
                field(Some("chronograf"), "id", "chronograf-id"),
                field(Some("chronograf"), "secret", "s"),
                field(Some("chronograf"), "return_uri", "https://example.org/"),
            ],
        ),
        item("vault-write-token", vec![field(None, "vault-token", "hvs.x")]),
        item("other", vec![field(None, "shared", "known to both")]),
    ]
}

#[test]
fn what_is_in_the_vault_is_stored() {
    let world = World::new();
    world.connect.vault("RSP other", Vec::new());
    world.connect.vault("RSP \"demo\"", everything());
    let output = world.import().fails_with(1).hides("hunter2");
    assert_snapshot!(world.store.stderr(&output), @"
    1Password: app username has no value, so it is left out
      new        app certificate
      new        app dex.clientSecret
      new        app keytab
      new        app password
      new        other shared
      new        pull-secret ghcr.io
      new        pull-secret docker.io
      new        oidc-clients chronograf
      new        vault-write-token token
      unknown    app URL
      unknown    app password (section more)
      unknown    app made
      unknown    pull-secret comment (section ghcr.io)
    Stored 9 new and 0 different values; 0 were stored already.
    Warning: 4 things were not stored: app URL, app password (section more), app made, pull-secret comment (section ghcr.io)
    ");
    let get = |application, key| world.store.get(application, key);
    assert_eq!(get("app", "password"), "hunter2\"\\é".as_bytes());
    assert_eq!(get("app", "dex.clientSecret"), b"0017");
    assert_eq!(get("app", "certificate"), b"---\nabc\n---\n");
    assert_eq!(get("app", "keytab"), [5, 2, 0xff, 0xfe]);
    assert_eq!(get("pull-secret", "ghcr.io"), b"robot:a:b");
    assert_eq!(get("pull-secret", "docker.io"), b"u:p");
    assert_eq!(get("vault-write-token", "token"), b"hvs.x");
    let client: Value = serde_json::from_slice(&get("oidc-clients", "chronograf")).unwrap();
    let expected =
        json!({ "id": "chronograf-id", "secret": "s", "return_uri": "https://example.org/" });
    assert_eq!(client, expected);

    // Items of other applications are not even read, and nothing is written.
    let requests = world.connect.requests();
    assert!(
        requests.iter().all(|line| line.starts_with("GET /1password/v1/vaults")),
        "{requests:?}"
    );
    assert_eq!(requests.len(), 2 + 5, "{requests:?}");
    assert!(!requests.iter().any(|line| line.contains("elsewhere") || line.contains("archived")));

    // Again, there is nothing to do; and what differs is replaced on demand.
    let sealed = world.store.bytes("secrets/demo/app/password.age");
    let again = world.command(&["--skip-unknown"]).run().success();
    assert!(again.stderr().contains("Stored 0 new and 0 different values; 9 were"), "{again:?}");
    world.store.set("app", "password", "changed here");
    world.import().fails_with(2);
    world.command(&["--yes", "--skip-unknown"]).run().success();
    assert_eq!(get("app", "password"), "hunter2\"\\é".as_bytes());
    assert_ne!(world.store.bytes("secrets/demo/app/password.age"), sealed);
}

#[test]
fn a_list_in_parts_is_read_to_its_end() {
    // A range tells of the rest whatever the status; and the last one, that all
    // came at once.
    for (limit, status, requests) in [(2, 206, 4), (5, 206, 2), (2, 200, 4), (100, 200, 1)] {
        let world = World::new();
        world.connect.vault("RSP \"demo\"", everything());
        world.connect.page(limit, status);
        world.import().fails_with(1);
        let asked = world.connect.requests();
        let listed = |line: &&String| line.contains("/items?offset=") || line.ends_with("/items");
        assert_eq!(asked.iter().filter(listed).count(), requests, "{asked:?}");
        assert_eq!(world.store.get("app", "dex.clientSecret"), b"0017");
        assert_eq!(world.store.get("vault-write-token", "token"), b"hvs.x");
    }
}

#[test]
fn a_server_that_struggles_is_asked_again() {
    let world = World::new();
    world.connect.vault("RSP \"demo\"", everything());
    use Obstacle::{HangUp, RateLimit, Status};
    world.connect.next(&[RateLimit(1), RateLimit(0), Status(503), HangUp, Status(500)]);
    let start = std::time::Instant::now();
    world.import().fails_with(1);
    assert!(start.elapsed().as_secs_f64() > 1.0, "it waits as long as it is asked to");
    assert_eq!(world.store.get("app", "dex.clientSecret"), b"0017");
}

#[test]
fn a_server_that_never_gives_in_is_an_error() {
    for (obstacle, code, said) in [
        (Obstacle::RateLimit(0), 4, "answers 429 Too Many Requests when asked for its vaults"),
        (Obstacle::HangUp, 4, "cannot be asked for its vaults"),
        (Obstacle::Status(400), 4, "answers 400 Bad Request when asked for its vaults: try later"),
        (Obstacle::Nonsense, 4, "gives something else when asked for its vaults"),
    ] {
        let world = World::new();
        world.connect.vault("RSP \"demo\"", everything());
        world.connect.next(&[obstacle; 40]);
        let stderr = world.refused(code);
        assert!(stderr.contains(said), "{obstacle:?}: {stderr}");
        assert!(stderr.contains("Hint: "), "{stderr}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let world = World::new();
    assert_snapshot!(world.refused(4), @r#"
    Error: no vault is called "RSP \"demo\"" in 1Password
    Hint: the token in OP_CONNECT_TOKEN may not see it: it has access to some vaults only
    "#);
    world.connect.vault("RSP demo", Vec::new());
    assert_snapshot!(world.refused(4), @r#"
    Error: no vault is called "RSP \"demo\"" in 1Password
    Hint: did you mean "RSP demo"?
    "#);
    world.connect.vault("RSP \"demo\"", Vec::new());
    world.connect.vault("RSP \"demo\"", Vec::new());
    assert_snapshot!(world.refused(4), @r#"
    Error: several vaults are called "RSP \"demo\"" in 1Password
    Hint: rename or archive all but one of them
    "#);
    let output = world.command(&[]).env("OP_CONNECT_TOKEN", "wrong-token").run().fails_with(4);
    assert_snapshot!(world.store.stderr(&output.hides("wrong-token")), @r"
    Error: 1Password Connect at [VAULT]/1password answers 401 Unauthorized when asked for its vaults: Invalid token signature
    Hint: is OP_CONNECT_TOKEN a token of this Connect server, and not expired?
    ");
    // Of a vault or an item that it may not see.
    let world = World::new();
    world.connect.vault("RSP \"demo\"", vec![app(Vec::new())]);
    use Obstacle::{Nothing, Status};
    let (wrong_url, no_access) = ("is this the URL of", "have the token in OP_CONNECT_TOKEN given");
    for (answers, said, hint) in [
        (&[Nothing, Status(404)][..], "404 Not Found when asked for the items of", wrong_url),
        (&[Nothing, Nothing, Status(403)], "403 Forbidden when asked for the item app", no_access),
        (&[Nothing, Nothing, Status(404)], "404 Not Found when asked for the item app", wrong_url),
    ] {
        world.connect.next(answers);
        let stderr = world.refused(4);
        assert!(stderr.contains(said) && stderr.contains(&format!("Hint: {hint}")), "{stderr}");
    }
    let output = world.command(&[]).env_remove("OP_CONNECT_TOKEN").run().fails_with(2);
    assert_snapshot!(world.store.stderr(&output), @r"
    Error: there is no token for 1Password Connect
    Hint: set OP_CONNECT_TOKEN to a token of the Connect server
    ");
    let environment = "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/demo\"\napplications = [\"app\"]\n";
    world.store.write("secrets/environments/demo.toml", environment);
    assert_snapshot!(world.refused(2), @r"
    Error: demo is not kept in 1Password
    Hint: its file has no onepassword.connectUrl and onepassword.vaultTitle; see: phalanx-secrets import --help
    ");
}

#[test]
fn items_that_are_not_what_they_should_be_are_named() {
    let two = || {
        vec![app(Vec::new()), {
            let mut second = app(Vec::new());
            second["id"] = json!("second");
            second
        }]
    };
    for (items, said) in [
        (
            vec![app(vec![field(None, "certificate", "hunter2!")])],
            "the 1Password item app has no base64 in its field certificate",
        ),
        (
            vec![item("pull-secret", vec![field(Some("ghcr.io"), "username", "hunter2")])],
            "the 1Password item pull-secret has no field password in its section \"ghcr.io\"",
        ),
        (
            vec![item("oidc-clients", vec![field(Some("x"), "id", "hunter2")])],
            "the 1Password item oidc-clients has no field secret in its section \"x\"",
        ),
        (
            vec![item(
                "pull-secret",
                vec![field(Some("r"), "username", "a:b"), field(Some("r"), "password", "hunter2")],
            )],
            "the credentials for registry \"r\" are not usable",
        ),
        (two(), "several items are called \"app\" in 1Password"),
        (
            vec![app(vec![json!({ "label": "password", "value": 4711 })])],
            "gives something else when asked for the item app",
        ),
    ] {
        let world = World::new();
        world.connect.vault("RSP \"demo\"", items);
        let stderr = world.refused(if said.contains("credentials") { 2 } else { 4 });
        assert!(stderr.contains(said) && !stderr.contains("4711"), "{stderr}");
    }
}

#[test]
fn a_phalanx_environment_names_its_vault() {
    let world = World::new();
    world.connect.vault("RSP data-dev", vec![app(vec![field(None, "key", "value")])]);
    let sandbox = &world.store.sandbox;
    let checkout = crate::support::standalone::Repository::phalanx(sandbox, "checkout")
        .environment("demo", "http://127.0.0.1:1", "secret/demo", &["app"])
        .application("app", "key: {}\n")
        .holder("alice", &[&world.store.alice.recipient], &["*"]);
    let file = checkout.root().join("environments/values-demo.yaml");
    let values = sandbox.read(&file);
    let onepassword = format!(
        "onepassword:\n  connectUrl: \"{}\"\n  vaultTitle: \"RSP data-dev\"\n",
        world.connect.url
    );
    sandbox.write(&file, values + &onepassword);
    let import = world.command(&[]).current_dir(checkout.root());
    let output = import.run().success();
    assert!(output.stderr().contains("new        app key"), "{output:?}");
}

#[test]
fn a_token_in_the_clear_is_warned_of() {
    let world = World::new();
    let text = "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/demo\"\napplications \
                = [\"app\"]\n[onepassword]\nconnect-url = \"http://connect.invalid\"\nvault-title = \
                \"x\"\n";
    world.store.write("secrets/environments/demo.toml", text);
    let stderr = world.refused(4);
    assert!(stderr.contains("Warning: http://connect.invalid is not encrypted"), "{stderr}");
}

/// What is not taken is named, with why: nobody looks for what was never read.
#[test]
fn what_is_left_out_is_named() {
    let world = World::new();
    let mut with_file = app(vec![
        field(None, "password", "one"),
        field(None, "password", "another"),
        field(Some(""), "dex.clientSecret", "y"),
    ]);
    with_file["files"] = json!([{ "id": "f", "name": "ldap.keytab" }]);
    let mut nothing = item("other", Vec::new());
    nothing["fields"] = Value::Null;
    nothing["sections"] = Value::Null;
    world.connect.vault(
        "RSP \"demo\"",
        vec![
            with_file,
            nothing,
            item("App", vec![field(None, "keytab", "BQI=")]),
            item("pull-secret", vec![field(None, "username", "u"), field(None, "password", "p")]),
            item("vault-write-token", vec![field(None, "token", "t")]),
        ],
    );
    let output = world.command(&["--allow-missing"]).run().fails_with(1);
    assert_snapshot!(world.store.stderr(&output), @r#"
      new        app dex.clientSecret
      new        app password
      unknown    the item "App" (its title is not app)
      unknown    app password
      unknown    app ldap.keytab (a file)
      unknown    pull-secret username
      unknown    pull-secret password
      unknown    vault-write-token token
      missing    app certificate
      missing    app keytab
      missing    other shared
    Stored 2 new and 0 different values; 0 were stored already.
    3 static secrets still have no value; give them with: phalanx-secrets fill demo
    Warning: 6 things were not stored: the item "App" (its title is not app), app password, app ldap.keytab (a file), pull-secret username, pull-secret password, vault-write-token token
    "#);
    assert_eq!(world.store.get("app", "password"), b"one");
}

/// A site that reads them from 1Password alone would never miss what was
/// forgotten there.
#[test]
fn what_is_missing_there_stops_the_import() {
    let world = World::new();
    let fields = vec![field(None, "password", "hunter2"), field(None, "keytab", "")];
    world.connect.vault("RSP \"demo\"", vec![app(fields)]);
    assert_snapshot!(world.refused(3), @r"
      new        app password
      missing    app certificate
      missing    app dex.clientSecret
      missing    app keytab
      missing    other shared
    Error: static secrets are missing from 1Password; nothing was stored
      • app certificate
      • app dex.clientSecret
      • app keytab (its field is empty)
      • other
    Hint: add them in 1Password: an item named after the application, with a field named after each key
    Hint: store what there is all the same with --allow-missing
    ");
    let dry_run = world.command(&["--dry-run"]).run().success().hides("hunter2");
    let said = "Hint: then store what there is all the same with --allow-missing";
    assert!(dry_run.stderr().contains(said), "{dry_run:?}");
    assert_eq!(world.store.sealed_files(), Vec::<String>::new());

    let output = world.command(&["--allow-missing"]).run().success();
    assert!(output.stderr().contains("Stored 1 new and 0 different"), "{output:?}");
    assert_eq!(world.store.get("app", "password"), b"hunter2");
    // What is stored already is missing there all the same.
    world.store.set("other", "shared", "stored by hand");
    let stderr = world.store.stderr(&world.import().fails_with(3));
    assert!(stderr.contains("  • other\n"), "{stderr}");
    world.store.run(["import", "demo", "file.yaml", "--allow-missing"]).fails_with(2);
}

/// Where the reference takes the first field of a label, and nothing else.
#[test]
fn a_second_field_counts_where_the_first_is_empty() {
    let world = World::new();
    let fields = vec![field(None, "password", ""), field(None, "password", "hunter2")];
    world.connect.vault("RSP \"demo\"", vec![app(fields)]);
    let output = world.command(&["--allow-missing"]).run().success();
    assert!(!output.stderr().contains("missing    app password"), "{output:?}");
    assert_eq!(world.store.get("app", "password"), b"hunter2");
}

/// The form of the Python CLI's `onepassword-secrets`: no descriptions.
#[test]
fn what_is_there_is_printed_as_a_file_without_a_store() {
    let world = World::new();
    world.connect.vault("RSP \"demo\"", everything());
    std::fs::remove_file(world.store.root.join("secrets/store.toml")).unwrap();
    let command = |options: &[&str]| {
        let words = [&["onepassword-secrets", "demo"], options].concat();
        world.store.command(words).env("OP_CONNECT_TOKEN", TOKEN)
    };
    let output = command(&[]).run().fails_with(1);
    let said = "4 things were not printed: app URL, app password (section more), app made, ";
    assert!(output.stderr().contains(said), "{output:?}");
    assert_snapshot!(output.stdout());
    assert!(!output.stderr().contains("hunter2"), "{output:?}");

    // A file, for its owner alone, where git would not take it.
    let file = world.store.sandbox.work().join("values.yaml");
    world.store.sandbox.write(&file, "of before");
    let written = command(&["-o", file.to_str().unwrap()]).run().fails_with(1);
    assert_eq!(written.stdout(), "");
    assert!(written.stderr().contains("in the clear; delete it"), "{written:?}");
    assert_eq!(world.store.sandbox.read(&file), output.stdout());
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    world.store.sandbox.git_in(&world.store.root, ["init", "--quiet"]);
    world.connect.requests();
    for (place, said) in [
        ("values.yaml", "might be committed"),
        ("secrets/values.yaml", "might be committed"),
        ("/dev/null", "is no plain file"),
        ("absent/values.yaml", "has no folder to be in"),
    ] {
        let output = command(&["-o", place]).run().fails_with(2);
        assert!(output.stderr().contains(said), "{place}: {output:?}");
    }
    assert_eq!(world.connect.requests(), Vec::<String>::new(), "before anything is read");
    world.store.write(".gitignore", "/values.yaml\n");
    command(&["-o", "values.yaml"]).run().fails_with(1);
    assert_eq!(world.store.bytes("values.yaml"), output.stdout_bytes());
    // What git has already it commits, whatever it ignores.
    world.store.write("values.yaml", "");
    world.store.sandbox.git_in(&world.store.root, ["add", "--force", "values.yaml"]);
    let output = command(&["-o", "values.yaml"]).run().fails_with(2);
    assert!(output.stderr().contains("might be committed"), "{output:?}");
}

#[test]
fn a_file_of_what_is_there_lacks_nothing() {
    let world = World::new();
    world.connect.vault("RSP \"demo\"", vec![app(vec![field(None, "password", "hunter2")])]);
    let file = world.store.sandbox.work().join("values.yaml");
    let words = ["onepassword-secrets", "demo", "-o", file.to_str().unwrap()];
    let output = world.store.command(words).env("OP_CONNECT_TOKEN", TOKEN).run().fails_with(3);
    assert_eq!(output.stdout(), "");
    assert!(output.stderr().contains("static secrets are missing from 1Password"), "{output:?}");
    assert!(!file.exists());
}

/// An item as the old installer had them.
fn labelled(title: &str, key: &str, environments: &[&str], value: &str) -> Value {
    let mut password = field(None, "password", value);
    password["purpose"] = json!("PASSWORD");
    let mut fields = vec![password, field(None, "generate_secrets_key", key)];
    fields.extend(environments.iter().map(|name| field(None, "environment", name)));
    item(title, fields)
}

fn with_note(mut item: Value, note: &str) -> Value {
    let mut field = field(None, "notesPlain", note);
    field["purpose"] = json!("NOTES");
    item["fields"].as_array_mut().unwrap().push(field);
    item
}

/// As `OnePasswordSecretGenerator.parse_vault` takes them.
#[test]
fn items_of_the_old_installer_are_read_by_their_labels() {
    let world = World::new();
    let pull_secret = r#"{"auths": {"ghcr.io": {"auth": "cm9ib3Q6aHVudGVyMg=="}}}"#;
    world.connect.vault(
        "RSP \"demo\"",
        vec![
            labelled("Own", "app password", &["elsewhere.org", "demo"], "hunter2 own"),
            labelled("For all", "app password", &[], "hunter2 of all"),
            labelled("Dex", "app dex.clientSecret", &["elsewhere.org"], "hunter2 of another"),
            labelled("Dex too", "app  dex.clientSecret", &[], "hunter2 dex"),
            with_note(labelled("Both", "other shared", &[], "hunter2 password"), "a\nnote"),
            labelled("Old", "installer argocd.admin.plaintext_password", &["demo"], "hunter2 old"),
            labelled("One word", "app", &[], "hunter2 lost"),
            labelled("Made", "app made", &["demo"], "hunter2 made"),
            item("Empty", vec![field(None, "generate_secrets_key", "app certificate")]),
            item("app", vec![field(None, "keytab", "hunter2 by title")]),
            with_note(labelled("Pull", "pull-secret .dockerconfigjson", &[], "x"), pull_secret),
        ],
    );
    let output = world.command(&["--labels"]).run().fails_with(3).hides("hunter2");
    assert!(output.stderr().contains("  • app certificate\n  • app keytab\n"), "{output:?}");
    assert_eq!(world.store.sealed_files(), Vec::<String>::new());
    let output =
        world.command(&["--labels", "--allow-missing"]).run().fails_with(1).hides("hunter2");
    assert_snapshot!(world.store.stderr(&output), @r"
      new        app dex.clientSecret
      new        app password
      new        other shared
      new        pull-secret ghcr.io
      unknown    the item One word (its generate_secrets_key is not of the form APPLICATION KEY)
      unknown    the item Empty (it has no note and no password)
      unknown    installer argocd.admin.plaintext_password
      unknown    app made (generated)
      missing    app certificate
      missing    app keytab
    Stored 4 new and 0 different values; 0 were stored already.
    2 static secrets still have no value; give them with: phalanx-secrets fill demo
    Warning: 4 things were not stored: the item One word (its generate_secrets_key is not of the form APPLICATION KEY), the item Empty (it has no note and no password), installer argocd.admin.plaintext_password, app made (generated)
    ");
    assert_eq!(world.store.get("app", "password"), b"hunter2 own");
    assert_eq!(world.store.get("app", "dex.clientSecret"), b"hunter2 dex");
    assert_eq!(world.store.get("other", "shared"), b"a\nnote");
    assert_eq!(world.store.get("pull-secret", "ghcr.io"), b"robot:hunter2");

    // Under the name that the old installer had for it.
    let named = ["--labels=elsewhere.org", "--allow-missing", "--replace", "--skip-unknown"];
    world.command(&named).run().success();
    assert_eq!(world.store.get("app", "dex.clientSecret"), b"hunter2 of another");
    world.store.run(["import", "demo", "--from-vault", "--labels"]).fails_with(2);
}

/// The old installer took one of them, and nobody knew which.
#[test]
fn labels_that_contradict_each_other_are_named() {
    for (items, said) in [
        (
            vec![labelled("A", "app password", &[], "hunter2"), {
                labelled("B", "app password", &[], "hunter3")
            }],
            "the 1Password item B has another value for app password than the item A",
        ),
        (
            vec![{
                let mut item = labelled("A", "app password", &[], "hunter2");
                let second = field(None, "generate_secrets_key", "app keytab");
                item["fields"].as_array_mut().unwrap().push(second);
                item
            }],
            "the 1Password item A has two fields generate_secrets_key",
        ),
    ] {
        let world = World::new();
        world.connect.vault("RSP \"demo\"", items);
        let output = world.command(&["--labels"]).run().fails_with(4).hides("hunter");
        assert!(output.stderr().contains(said), "{output:?}");
        assert_eq!(world.store.sealed_files(), Vec::<String>::new());
    }

    // Of no account where the environment has an item of its own.
    let world = World::new();
    let for_all = |title, value| labelled(title, "app password", &[], value);
    let own = labelled("Own", "app password", &["demo"], "own");
    world.connect.vault("RSP \"demo\"", vec![for_all("A", "a"), for_all("B", "b"), own]);
    world.command(&["--labels", "--allow-missing"]).run().success();
    assert_eq!(world.store.get("app", "password"), b"own");
}
