//! `vault`: the AppRole and the tokens of an environment, and entries as they
//! are.

mod administrator;
mod approle;
mod audit;
mod clash;
mod copy;
mod export;
mod other_tokens;
mod policies;
mod read_token;
mod write_token;

use serde_json::{Value, json};

use super::World;
use crate::support::cli::Output;
use crate::support::openbao::{OpenBao, shared, shared_with_approle};

const APP: &str = "secrets.made.generate.type = 'password'";

/// A world on a server with the auth method `approle`. The last part of its
/// prefix, after which everything is named, is of this world alone.
fn world(name: &str) -> World {
    shared_with_approle();
    World::new(name, &[("app", APP)])
}

impl World {
    /// The path below the mount, and its last part.
    fn names(&self) -> (&str, &str) {
        let path = self.prefix.split_once('/').unwrap().1;
        (path, path.rsplit('/').next().unwrap())
    }

    /// Runs a command below `vault`, which must succeed, and reads the fields
    /// of the YAML that it prints.
    #[track_caller]
    fn create(&self, arguments: &[&str]) -> impl Fn(&str) -> String + use<> {
        let output = self.command(&[&["vault"], arguments].concat()).run().success();
        let text = output.stdout().to_owned();
        move |name: &str| {
            let prefix = format!("{name}: ");
            let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
            line.unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
        }
    }

    /// A token of the AppRole.
    fn log_in(&self, role_id: &str, secret_id: &str) -> Result<String, Value> {
        let body = json!({ "role_id": role_id, "secret_id": secret_id });
        let (status, answer) = self.server.request("POST", "auth/approle/login", "", Some(body));
        match status {
            200 => Ok(answer["auth"]["client_token"].as_str().unwrap().to_owned()),
            _ => Err(answer),
        }
    }

    /// What `vault audit` prints, with an exit code.
    #[track_caller]
    fn vault_audit(&self, code: i32) -> Output {
        self.command(&["vault", "audit", "demo"]).run().fails_with(code)
    }

    /// The text of a policy.
    fn policy(&self, name: &str) -> String {
        let policy = self.server.root("GET", &format!("sys/policies/acl/{name}"), None);
        policy["data"]["policy"].as_str().unwrap().to_owned()
    }

    /// A token that has the environment's name, as root makes it, and other
    /// properties.
    fn make_token(&self, properties: Value) -> String {
        let mut body = json!({ "display_name": self.names().1 });
        body.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let token = self.server.root("POST", "auth/token/create", Some(body));
        token["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    fn is_known(&self, token: &str) -> bool {
        self.server.request("GET", "auth/token/lookup-self", token, None).0 == 200
    }

    /// How many tokens have a display name.
    fn tokens_named(&self, name: &str) -> usize {
        let accessors = self.server.root("LIST", "auth/token/accessors", None);
        let accessors = accessors["data"]["keys"].as_array().unwrap().clone();
        let has_name = |accessor: &&Value| {
            let body = Some(json!({ "accessor": accessor }));
            let path = "auth/token/lookup-accessor";
            let (_, token) = self.server.request("POST", path, OpenBao::ROOT_TOKEN, body);
            token["data"]["display_name"] == name
        };
        accessors.iter().filter(has_name).count()
    }

    /// What a token may do, by trying it: one line for each operation.
    fn tried(&self, token: &str) -> String {
        let (path, _) = self.names();
        let beside = path.rsplit_once('/').unwrap().0;
        self.server.put(&self.prefix, "there", json!({ "key": "value" }));
        self.server.put(&self.prefix, "there", json!({ "key": "other" }));
        self.server.put(&format!("secret/{beside}"), "beside", json!({ "key": "value" }));
        self.server.put(&self.prefix, "folder/there", json!({ "key": "value" }));
        let data = Some(json!({ "data": { "key": "new" } }));
        let versions = Some(json!({ "versions": [1] }));
        let note = Some(json!({ "custom_metadata": { "a": "b" } }));
        let operations = [
            ("list", "LIST", format!("metadata/{path}"), None),
            ("read", "GET", format!("data/{path}/there"), None),
            ("read metadata", "GET", format!("metadata/{path}/there"), None),
            ("create", "POST", format!("data/{path}/new"), data.clone()),
            ("update", "POST", format!("data/{path}/there"), data.clone()),
            ("note", "POST", format!("metadata/{path}/there"), note),
            ("delete a version", "POST", format!("delete/{path}/there"), versions.clone()),
            ("undelete a version", "POST", format!("undelete/{path}/there"), versions.clone()),
            ("destroy a version", "PUT", format!("destroy/{path}/there"), versions),
            ("delete", "DELETE", format!("data/{path}/there"), None),
            ("delete all versions", "DELETE", format!("metadata/{path}/new"), None),
            ("read in a folder below", "GET", format!("data/{path}/folder/there"), None),
            ("read beside", "GET", format!("data/{beside}/beside"), None),
            ("write beside", "POST", format!("data/{beside}/beside"), data.clone()),
            ("list above", "LIST", format!("metadata/{beside}"), None),
        ];
        let mut table = String::new();
        for (name, method, path, body) in operations {
            let (status, _) = self.server.request(method, &format!("secret/{path}"), token, body);
            let may = match status {
                403 => "refused",
                200 | 204 | 404 => "allowed",
                other => panic!("{name}: {other}"),
            };
            table += &format!("{may} {name}\n");
        }
        for (name, method, path, body) in [
            ("read policies", "GET", "sys/policies/acl/default", None),
            ("write policies", "POST", "sys/policies/acl/x", Some(json!({ "policy": "" }))),
            ("make tokens", "POST", "auth/token/create", Some(json!({}))),
            ("list tokens", "LIST", "auth/token/accessors", None),
            ("list mounts", "GET", "sys/mounts", None),
            ("make SecretIDs", "POST", "auth/approle/role/x/secret-id", Some(json!({}))),
        ] {
            let (status, _) = self.server.request(method, path, token, body);
            table += &format!("{} {name}\n", if status == 403 { "refused" } else { "ALLOWED" });
        }
        table
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_revoked() {
    let world = world("unprinted");
    let (_, last) = world.names();
    let kept = world.create(&["create-read-approle", "demo"])("secret_id_accessor");
    drop(world.create(&["create-write-token", "demo"]));
    let program = env!("CARGO_BIN_EXE_phalanx-secrets");
    for command in ["create-read-approle", "create-read-token", "create-write-token"] {
        let line = format!("exec {program:?} vault {command} demo >/dev/full");
        let run = world.sandbox.program("sh", ["-c", &line]).current_dir(&world.root);
        let output = run.env("VAULT_TOKEN", OpenBao::ROOT_TOKEN).run();
        assert_ne!(output.code(), 0, "{output:?}");
        assert!(output.stderr().contains("is of no use"), "{output:?}");
    }
    let path = format!("auth/approle/role/{last}/secret-id");
    let accessors = world.server.root("LIST", &path, None);
    assert_eq!(accessors["data"]["keys"], json!([kept]));
    assert_eq!(world.tokens_named(&format!("token-{last}")), 1);
    assert_eq!(world.tokens_named(&format!("token-{last}-read")), 0);
}

#[test]
fn another_mount_is_honoured_everywhere() {
    let server = shared();
    server.enable_mount("kv-other", 2);
    world("mounted");
    let world = World::at("kv-other/phalanx/mounted-elsewhere", &[("app", APP)]);
    let token = world.create(&["create-write-token", "demo"])("token");
    world.command(&["sync", "demo"]).env("VAULT_TOKEN", &token).run().success();
    let made = world.create(&["create-read-approle", "demo"]);
    let reader = world.log_in(&made("role_id"), &made("secret_id")).unwrap();
    let (status, _) =
        server.request("GET", "kv-other/data/phalanx/mounted-elsewhere/app", &reader, None);
    assert_eq!(status, 200);
    world.command(&["vault", "audit", "demo"]).run().success();
}

#[test]
fn a_path_with_dots_or_capitals_has_credentials_as_well() {
    shared_with_approle();
    for prefix in ["secret/k8s_operator/data-dev.lsst.cloud", "secret/Phalanx/Upper.Case"] {
        let world = World::at(prefix, &[("app", APP)]);
        let first = world.create(&["create-write-token", "demo", "--lifetime", "30d"])("token");
        drop(world.create(&["create-read-approle", "demo"]));
        assert_eq!(world.vault_audit(0).stdout(), "", "{prefix}");
        let second = world.create(&["create-write-token", "demo", "--lifetime", "30d"])("token");
        assert!(!world.is_known(&first) && world.is_known(&second), "{prefix}");
        assert_eq!(world.vault_audit(0).stdout(), "", "{prefix}");
    }
}
