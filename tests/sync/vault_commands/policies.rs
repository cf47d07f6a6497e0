//! The policies: to the byte those of the Python CLI.

use std::fs;

use super::{World, world};
use crate::support::openbao::{self, OpenBao};

/// What the Python CLI writes for `PATH` on the mount `secret`.
const READ: &str = r#"path "secret/data/PATH/+" {
  capabilities = ["read"]
}
path "secret/metadata/PATH/+" {
  capabilities = ["list", "read"]
}"#;
const WRITE: &str = r#"path "secret/data/PATH" {
  capabilities = ["create", "delete", "read", "update"]
}
path "secret/data/PATH/+" {
  capabilities = ["create", "delete", "read", "update"]
}
path "secret/metadata/PATH" {
  capabilities = ["delete", "list", "read", "update"]
}
path "secret/metadata/PATH/+" {
  capabilities = ["delete", "list", "read", "update"]
}
path "secret/delete/PATH/+" {
  capabilities = ["update"]
}
path "secret/destroy/PATH/+" {
  capabilities = ["update"]
}
path "secret/undelete/PATH/+" {
  capabilities = ["update"]
}"#;

impl World {
    /// Policies as the Python CLI wrote them, or with something after each.
    fn write_policies(&self, after: &str) {
        let (path, _) = self.names();
        for (name, text) in [("read", READ), ("write", WRITE)] {
            let text = text.replace("PATH", path) + after;
            self.server.create_policy(&format!("{path}/{name}"), &text);
        }
    }

    #[track_caller]
    fn policies_are_the_python_clis(&self) {
        let (path, _) = self.names();
        assert_eq!(self.policy(&format!("{path}/read")), READ.replace("PATH", path));
        assert_eq!(self.policy(&format!("{path}/write")), WRITE.replace("PATH", path));
    }

    fn make_credentials(&self) {
        drop(self.create(&["create-read-approle", "demo"]));
        drop(self.create(&["create-write-token", "demo"]));
    }
}

#[test]
fn policies_are_those_of_the_python_cli_to_the_byte() {
    let world = world("policies");
    world.make_credentials();
    world.policies_are_the_python_clis();
    world.write_policies("");
    assert_eq!(world.vault_audit(0).stderr(), "");
}

#[test]
fn policies_with_a_line_feed_at_their_end_are_mended() {
    let world = world("older-policies");
    world.make_credentials();
    let (path, last) = world.names();
    world.write_policies("\n");
    let audit = world.vault_audit(1);
    let shown = |text: &str| text.replace(path, "[PATH]").replace(last, "[NAME]");
    insta::assert_snapshot!(shown(audit.stdout()), @r"
    Problems with read AppRole ([NAME]):
    • Policy [PATH]/read doesn't have expected contents
    Problems with write token (token-[NAME]):
    • Policy [PATH]/write doesn't have expected contents
    ");
    insta::assert_snapshot!(shown(audit.stderr()), @r#"
    Hint: the policy [PATH]/read allows what it should, but phalanx vault audit wants it without the line feed that older versions of this program left at its end: printf %s "$(vault policy read [PATH]/read)" | vault policy write [PATH]/read -
    Hint: the policy [PATH]/write allows what it should, but phalanx vault audit wants it without the line feed that older versions of this program left at its end: printf %s "$(vault policy read [PATH]/write)" | vault policy write [PATH]/write -
    "#);

    // The hints do it, without new credentials.
    let folder = world.sandbox.work().join("bin");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(openbao::program(), folder.join("vault")).unwrap();
    for hint in audit.stderr().lines() {
        let line = hint.split_once("at its end: ").unwrap().1;
        let line = format!("PATH={}:$PATH; {line}", folder.display());
        let run = world.sandbox.program("sh", ["-c", &line]);
        let run = run.env("VAULT_ADDR", world.server.url());
        run.env("VAULT_TOKEN", OpenBao::ROOT_TOKEN).run().success();
    }
    world.policies_are_the_python_clis();
    world.vault_audit(0);
}

#[test]
fn making_credentials_anew_mends_their_policies() {
    let world = world("mended-policies");
    for after in ["\n", "\n# by hand"] {
        world.write_policies(after);
        world.make_credentials();
        world.policies_are_the_python_clis();
        world.vault_audit(0);
    }
    world.write_policies("\n# by hand");
    let audit = world.vault_audit(1);
    for command in ["create-read-approle", "create-write-token"] {
        let hint = format!("phalanx-secrets vault {command} demo\n");
        assert!(audit.stderr().contains(&hint), "{audit:?}");
    }
}
