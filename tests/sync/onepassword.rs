//! `sync --from-onepassword` and `audit --from-onepassword`: static values
//! straight from 1Password, with no store between.

use serde_json::{Value, json};

use super::World;
use crate::support::cli::{Command, Output};
use crate::support::connect::{Connect, Obstacle, TOKEN, field, item};
use crate::support::openbao::OpenBao;

const APP: &str = "secrets.given = {}\nsecrets.keytab.onepassword.encoded = true\n\
    secrets.made.generate.type = 'password'\n";
const OTHER: &str = "secrets.shared = {}\nsecrets.copied.copy = { application = 'app', key = \
    'given' }\n";

/// A world without a store, whose environment is kept in 1Password.
struct Site {
    world: World,
    connect: Connect,
}

impl Site {
    fn new(name: &str) -> Self {
        let site = Self {
            world: World::new(name, &[("app", APP), ("other", OTHER)]),
            connect: Connect::start(),
        };
        site.environment("demo", &site.connect, &site.world.prefix);
        std::fs::remove_file(site.world.root.join("secrets/store.toml")).unwrap();
        std::fs::remove_dir_all(site.world.sandbox.home().join(".config/phalanx-secrets")).unwrap();
        site
    }

    fn environment(&self, name: &str, connect: &Connect, prefix: &str) {
        let text = format!(
            "vault-url = {:?}\nvault-path-prefix = {prefix:?}\napplications = [\"app\", \
             \"other\"]\n[onepassword]\nconnect-url = {:?}\nvault-title = \"RSP {name}\"\n",
            self.world.server.url(),
            connect.url
        );
        let path = format!("secrets/environments/{name}.toml");
        self.world.sandbox.write(self.world.root.join(path), text);
    }

    fn command(&self, command: &str, options: &[&str]) -> Command {
        let command = self.world.command(&[command]).args(options).args(["--from-onepassword"]);
        command.env("OP_CONNECT_TOKEN", TOKEN)
    }

    #[track_caller]
    fn sync(&self, options: &[&str]) -> Output {
        let output = self.command("sync", &[&["demo"], options].concat()).run();
        output.hides(TOKEN).hides("hunter2")
    }

    #[track_caller]
    fn audit(&self) -> Output {
        self.command("audit", &["demo"]).run().hides(TOKEN).hides("hunter2")
    }
}

fn app() -> Value {
    item("app", vec![field(None, "given", "hunter2"), field(None, "keytab", "YSBrZXl0YWI=")])
}

fn other() -> Value {
    item("other", vec![field(None, "shared", "known")])
}

fn reserved() -> Vec<Value> {
    vec![
        item(
            "pull-secret",
            vec![
                field(Some("hub.docker.com"), "username", "robot"),
                field(Some("hub.docker.com"), "password", "p"),
                field(Some("ghcr.io"), "username", "other-robot"),
                field(Some("ghcr.io"), "password", "q"),
            ],
        ),
        item("vault-write-token", vec![field(None, "vault-token", OpenBao::ROOT_TOKEN)]),
    ]
}

#[test]
fn values_come_from_there_without_a_store() {
    let site = Site::new("onepassword");
    site.connect.vault("RSP demo", [vec![app(), other()], reserved()].concat());
    // The token for Vault is there as well.
    let output = site.command("sync", &["demo"]).env_remove("VAULT_TOKEN").run().success();
    for application in ["app", "other", "pull-secret"] {
        let line = format!("Created Vault secret for {application}\n");
        assert!(output.stdout().contains(&line), "{output:?}");
    }
    assert_eq!(site.world.value("app", "given"), "hunter2");
    assert_eq!(site.world.value("app", "keytab"), "a keytab");
    assert_eq!(site.world.value("other", "copied"), "hunter2");
    assert_eq!(
        site.world.value("pull-secret", ".dockerconfigjson"),
        r#"{"auths": {"hub.docker.com": {"auth": "cm9ib3Q6cA==", "username": "robot", "password": "p"}, "ghcr.io": {"auth": "b3RoZXItcm9ib3Q6cQ==", "username": "other-robot", "password": "q"}}}"#
    );
    site.audit().success();
    let watch = site.world.watch();
    assert_eq!(site.sync(&[]).success().stdout(), "");
    assert_eq!(watch.writes(), []);

    let vault = site.world.server;
    vault.put(&site.world.prefix, "other", json!({ "shared": "changed", "copied": "hunter2" }));
    let output = site.audit().fails_with(1);
    let expected = "Secrets that do not have their expected value:\n• other shared\n";
    assert_eq!(output.stdout(), expected);
    let output = site.sync(&["--dry-run"]).success();
    assert_eq!(output.stdout(), "Would update Vault secret for other shared\n");
}

#[test]
fn what_is_missing_there_is_listed_and_nothing_is_written() {
    let site = Site::new("onepassword-missing");
    let empty = field(None, "keytab", "");
    site.connect.vault("RSP demo", vec![item("app", vec![empty])]);
    let output = site.audit().fails_with(1);
    assert_eq!(
        output.stdout(),
        "Missing static secrets from 1Password:\n• app given\n• app keytab (its field is empty)\n\
         • other\n"
    );
    let json = site.command("audit", &["demo", "--json"]).run().fails_with(1);
    let report: Value = serde_json::from_str(json.stdout()).unwrap();
    let missing = json!(["app given", "app keytab (its field is empty)", "other"]);
    assert_eq!(report["missing_from_onepassword"], missing);
    let watch = site.world.watch();
    let output = site.sync(&[]).fails_with(3);
    let stderr = site.world.redact(output.stderr());
    assert!(
        stderr.contains(
            "Error: static secrets are missing from 1Password; nothing was written\n  • app given\n  \
             • app keytab (its field is empty)\n  • other\nHint: "
        ),
        "{stderr}"
    );
    assert_eq!(watch.writes(), []);

    // What is excluded is of no concern, and Vault's value may stand in.
    let output = site.sync(&["--exclude", "app"]).fails_with(3);
    assert!(!output.stderr().contains("• app"), "{output:?}");
    let held = json!({ "given": "of Vault", "keytab": "k", "made": "m" });
    site.world.server.put(&site.world.prefix, "app", held);
    let held = json!({ "shared": "s", "copied": "of Vault" });
    site.world.server.put(&site.world.prefix, "other", held);
    assert_eq!(site.sync(&["--keep-vault-static"]).success().stdout(), "");
}

/// All of 1Password is read before anything is written.
#[test]
fn a_server_that_fails_in_the_middle_leaves_vault_as_it_is() {
    let site = Site::new("onepassword-fails");
    site.connect.vault("RSP demo", vec![app(), other()]);
    use Obstacle::{Nothing, Status};
    let watch = site.world.watch();
    site.connect.next(&[Nothing, Nothing, Nothing, Status(403)]);
    let output = site.sync(&[]).fails_with(4);
    assert!(output.stderr().contains("answers 403 Forbidden"), "{output:?}");
    assert_eq!(watch.writes(), []);
    let output = site.command("sync", &["demo", "--secrets", "x"]).run().fails_with(2);
    assert!(output.stderr().contains("cannot be used with"), "{output:?}");
    let without = site.command("sync", &["demo"]).env_remove("OP_CONNECT_TOKEN").run();
    assert!(without.fails_with(2).stderr().contains("no token for 1Password Connect"));
}

/// An item that is not quite the one that is meant would be missed by nobody
/// else: a pull secret need not be there.
#[test]
fn items_that_may_be_meant_are_warned_of() {
    let site = Site::new("onepassword-alike");
    let mut archived = item("oidc-clients", vec![field(Some("c"), "id", "hunter2")]);
    archived["state"] = json!("ARCHIVED");
    let pull_secret = item("Pull Secret", vec![field(Some("ghcr.io"), "username", "u")]);
    site.connect.vault("RSP demo", vec![app(), other(), archived, pull_secret]);
    let output = site.sync(&["--dry-run"]).success();
    for said in [
        "Warning: 1Password: nothing is taken from the item \"Pull Secret\" (its title is not \
         pull-secret)\n",
        "Warning: 1Password: nothing is taken from the item oidc-clients (it is archived)\n",
    ] {
        assert!(output.stderr().contains(said), "{output:?}");
    }
}

/// Of values from elsewhere no commit could tell.
#[test]
fn no_commit_is_noted_for_them() {
    let site = Site::new("onepassword-note");
    let git = |arguments: &[&str]| site.world.sandbox.git_in(&site.world.root, arguments);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "x"]);
    site.connect.vault("RSP demo", vec![app(), other()]);
    site.sync(&[]).success();
    let noted = site.world.server.metadata(&site.world.prefix, "app").unwrap();
    let noted = noted["custom_metadata"].clone();
    assert!(!noted.to_string().contains("commit"), "{noted}");
}

#[test]
fn several_environments_each_have_their_own_vault_there() {
    let site = Site::new("onepassword-fleet");
    let second = format!("{}-second", site.world.prefix);
    site.environment("second", &site.connect, &second);
    site.connect.vault("RSP demo", vec![app(), other()]);
    site.connect.vault("RSP second", vec![app()]);
    let output = site.command("sync", &["--all"]).run().fails_with(3).hides(TOKEN);
    assert!(output.stdout().contains("demo: Created Vault secret for app"), "{output:?}");
    assert!(output.stderr().contains("second:   • other"), "{output:?}");
    assert_eq!(site.world.server.value(&second, "app", "given"), None);

    // A token is for one server, and goes to no other.
    let elsewhere = Connect::start();
    site.environment("second", &elsewhere, &second);
    site.connect.requests();
    let output = site.command("audit", &["--all"]).run().fails_with(2);
    assert!(output.stderr().contains("in several 1Password Connect servers"), "{output:?}");
    assert_eq!((site.connect.requests(), elsewhere.requests()), (Vec::new(), Vec::new()));
}

/// A keytab, which the reference refuses.
#[test]
fn bytes_that_are_no_text_reach_vault_as_base64() {
    let site = Site::new("onepassword-bytes");
    let fields = vec![field(None, "given", "hunter2"), field(None, "keytab", "5OQ=")];
    site.connect.vault("RSP demo", vec![item("app", fields), other()]);
    site.sync(&[]).success();
    assert_eq!(site.world.value("app", "keytab"), "5OQ=");
    site.audit().success();
}
