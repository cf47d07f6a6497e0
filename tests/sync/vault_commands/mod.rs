//! `vault`: the AppRole that reads, the token that writes, and entries as
//! they are.

use std::fs;

use serde_json::{Value, json};

use super::World;
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
            line.unwrap_or_else(|| panic!("{name} in {text}")).trim_matches('"').to_owned()
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

#[test]
fn the_write_token_may_do_what_a_sync_does_and_nothing_else() {
    let world = world("write-token");
    let (path, last) = world.names();
    let made = world.create(&["create-write-token", "demo"]);
    let token = made("token");
    assert_eq!(made("display_name"), format!("token-{last}"));
    insta::assert_snapshot!(world.tried(&token), @r"
    allowed list
    allowed read
    allowed read metadata
    allowed create
    allowed update
    allowed note
    allowed delete a version
    allowed undelete a version
    allowed destroy a version
    allowed delete
    allowed delete all versions
    refused read in a folder below
    refused read beside
    refused write beside
    refused list above
    refused read policies
    refused write policies
    refused make tokens
    refused list tokens
    refused list mounts
    refused make SecretIDs
    ");
    let run = |arguments: &[&str]| {
        world.command(arguments).env("VAULT_TOKEN", &token).run().success().hides(&token)
    };
    // Even the note of the commit can be written.
    let output = run(&["sync", "demo", "--delete"]);
    assert!(!output.stderr().contains("Warning"), "{output:?}");
    run(&["audit", "demo"]);
    let policy = world.server.root("GET", &format!("sys/policies/acl/{path}/write"), None);
    assert!(policy["data"]["policy"].as_str().unwrap().contains("destroy"));
}

#[test]
fn the_read_approle_may_read_and_nothing_else() {
    let world = world("read-approle");
    let made = world.create(&["create-read-approle", "demo"]);
    let token = world.log_in(&made("role_id"), &made("secret_id")).unwrap();
    insta::assert_snapshot!(world.tried(&token), @r"
    allowed list
    allowed read
    allowed read metadata
    refused create
    refused update
    refused note
    refused delete a version
    refused undelete a version
    refused destroy a version
    refused delete
    refused delete all versions
    refused read in a folder below
    refused read beside
    refused write beside
    refused list above
    refused read policies
    refused write policies
    refused make tokens
    refused list tokens
    refused list mounts
    refused make SecretIDs
    ");
    let sync = world.command(&["sync", "demo"]).env("VAULT_TOKEN", &token).run();
    let sync = sync.fails_with(4);
    assert!(sync.stderr().contains("the token may not do all that"), "{sync:?}");
}

#[test]
fn older_write_tokens_are_revoked_once_the_new_one_works() {
    let world = world("older-tokens");
    let (_, last) = world.names();
    let token = world.create(&["create-write-token", "demo", "--lifetime", "30d"])("token");
    // Of another environment whose path ends alike.
    let body = json!({ "display_name": last, "policies": ["elsewhere/write"] });
    let other = world.server.root("POST", "auth/token/create", Some(body));
    let other = other["auth"]["client_token"].as_str().unwrap().to_owned();
    assert!(world.is_known(&token));

    let output = world.command(&["vault", "create-write-token", "demo", "--store"]).run().success();
    assert!(output.stderr().contains("revoked the older one"), "{output:?}");
    assert_eq!(output.stdout(), "");
    assert!(!world.is_known(&token));
    assert!(world.is_known(&other));
    let stored = world.command(&["get", "demo", "vault-write-token", "token"]).run().success();
    let stored = stored.stdout().to_owned();
    assert!(world.is_known(&stored));
    // The stored one is what a sync takes.
    let sync = world.sandbox.command(["sync", "demo"]).current_dir(&world.root).run();
    sync.success().hides(&stored);
    assert!(world.server.read(&world.prefix, "app").is_some());

    // What cannot be stored is revoked, and the older one stays.
    let before = world.tokens_named(&format!("token-{last}"));
    assert_eq!(before, 2);
    let folder = world.root.join("secrets/demo/vault-write-token");
    let aside = world.root.join("aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "no folder").unwrap();
    let output = world.command(&["vault", "create-write-token", "demo", "--store"]).run();
    let output = output.fails_with(3);
    assert!(output.stderr().contains("it is revoked, and older ones are kept"), "{output:?}");
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    assert!(world.is_known(&stored));
    let mine = world.tokens_named(&format!("token-{last}"));
    assert_eq!(mine, before, "{output:?}");
}

#[test]
fn a_lifetime_that_vault_cuts_short_is_said() {
    let world = world("lifetime");
    let output = world.command(&["vault", "create-write-token", "demo"]).run().success();
    assert!(output.stderr().contains("Vault limits it"), "{output:?}");
    let output =
        world.command(&["vault", "create-write-token", "demo", "--lifetime", "3600"]).run();
    assert!(!output.success().stderr().contains("Warning"), "");
    let output =
        world.command(&["vault", "create-write-token", "demo", "--lifetime", "long"]).run();
    let output = output.fails_with(4);
    assert!(output.stderr().contains("cannot make a token"), "{output:?}");
}

#[test]
fn older_secret_ids_are_revoked_once_the_new_one_works() {
    let world = world("older-secret-ids");
    let (_, last) = world.names();
    let first = world.create(&["create-read-approle", "demo", "--token-lifetime", "600"]);
    let role = world.server.root("GET", &format!("auth/approle/role/{last}"), None);
    assert_eq!(role["data"]["token_ttl"], 600);
    assert_eq!(role["data"]["token_type"], "service");
    let second = world.create(&["create-read-approle", "demo"]);
    assert_eq!(first("role_id"), second("role_id"));
    world.log_in(&first("role_id"), &first("secret_id")).unwrap_err();
    world.log_in(&second("role_id"), &second("secret_id")).unwrap();

    // What does not work is revoked, and the older one stays.
    let limits = json!({ "token_bound_cidrs": ["192.0.2.0/24"] });
    world.server.root("POST", &format!("auth/approle/role/{last}"), Some(limits));
    let output = world.command(&["vault", "create-read-approle", "demo"]).run().fails_with(4);
    assert!(output.stderr().contains("the older ones are kept, and it is revoked"), "{output:?}");
    let path = format!("auth/approle/role/{last}/secret-id");
    let accessors = world.server.root("LIST", &path, None);
    assert_eq!(accessors["data"]["keys"], json!([second("secret_id_accessor")]));
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_revoked() {
    let world = world("unprinted");
    let (_, last) = world.names();
    let kept = world.create(&["create-read-approle", "demo"])("secret_id_accessor");
    drop(world.create(&["create-write-token", "demo"]));
    let program = env!("CARGO_BIN_EXE_phalanx-secrets");
    for command in ["create-read-approle", "create-write-token"] {
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
}

#[test]
fn the_approle_comes_as_a_kubernetes_secret() {
    let world = world("as-secret");
    let command = ["vault", "create-read-approle", "demo", "--as-secret", "vault-credentials"];
    let output = world.command(&command).run().success();
    let shown: Vec<String> = output
        .stdout()
        .lines()
        .map(|line| match line.split_once("_ID: ") {
            Some((name, _)) => format!("{name}_ID: …"),
            None => line.to_owned(),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    apiVersion: v1
    kind: Secret
    metadata:
      name: vault-credentials
      namespace: vault-secrets-operator
    data:
      VAULT_ROLE_ID: …
      VAULT_SECRET_ID: …
    type: Opaque
    ");
    let wrong = ["vault", "create-read-approle", "demo", "--as-secret", "x\ny: z"];
    world.command(&wrong).run().fails_with(2);
}

#[test]
fn the_audit_says_what_is_wrong_in_the_words_of_the_python_cli() {
    let world = world("audit");
    let (path, last) = world.names();
    let audit = |code| {
        let output = world.command(&["vault", "audit", "demo"]).run().fails_with(code);
        output.stdout().replace(path, "[PATH]").replace(last, "[NAME]")
    };
    insta::assert_snapshot!(audit(1), @r"
    No read AppRole ([NAME])
    No write token (token-[NAME])
    ");
    drop(world.create(&["create-read-approle", "demo"]));
    drop(world.create(&["create-write-token", "demo"]));
    insta::assert_snapshot!(audit(0), @"");

    let policies = json!({ "token_policies": ["default", "other"] });
    world.server.root("POST", &format!("auth/approle/role/{last}"), Some(policies));
    world.server.create_policy(&format!("{path}/write"), "path \"x\" {}");
    let short = json!({ "display_name": last, "policies": ["default"], "ttl": "1h" });
    world.server.root("POST", "auth/token/create", Some(short));
    let report = audit(1);
    let report: Vec<&str> = report.lines().map(|l| l.split(" at 2").next().unwrap()).collect();
    insta::assert_snapshot!(report.join("\n"), @r"
    Problems with read AppRole ([NAME]):
    • Missing policy [PATH]/read
    • Unexpected policy other
    Multiple write tokens found
    Problems with write token (token-[NAME]):
    • Token will expire
    • Missing policy [PATH]/write
    • Policy [PATH]/write doesn't have expected contents
    Problems with write token (token-[NAME]):
    • Policy [PATH]/write doesn't have expected contents
    ");

    // Whoever may not look is told so, and nothing is taken for missing.
    let token = world.server.create_token(&["default"]);
    let output = world.command(&["vault", "audit", "demo"]).env("VAULT_TOKEN", token).run();
    let output = output.fails_with(4);
    assert_eq!(output.stdout(), "");
    assert!(output.stderr().contains("cannot read the AppRole"), "{output:?}");
}

#[test]
fn entries_are_copied_where_nothing_is_lost() {
    let world = world("copy");
    let old = format!("{}-old", world.prefix);
    let other = json!({ "made": "x", "other": { "a": 1 } });
    for (application, data) in [("app", &other), ("second", &json!({ "b": "é\n" }))] {
        world.server.put(&old, application, data.clone());
    }
    world.server.put(&old, "deleted", json!({ "a": "b" }));
    world.server.delete(&old, "deleted");
    world.server.put(&old, "folder/deep", json!({ "a": "b" }));
    let copy = |options: &[&str]| {
        let line = ["vault", "copy-secrets", "demo", &old];
        world.command(&[&line[..], options].concat()).run()
    };
    world.server.put(&world.prefix, "second", json!({ "b": "ours" }));
    let refused = copy(&[]).fails_with(3);
    assert!(refused.stderr().contains("• second"), "{refused:?}");
    assert_eq!(world.version("app"), 0);
    let output = copy(&["--replace"]).success();
    assert_eq!(output.stdout(), "Copied Vault secret for app\nCopied Vault secret for second\n");
    let (_, app) = world.server.read(&world.prefix, "app").unwrap();
    assert_eq!(Value::from(app), other);
    assert_eq!(world.value("second", "b"), "é\n");
    assert_eq!(world.version("second"), 2);
    assert_eq!(world.server.list(&world.prefix), ["app", "second"]);
    // A second time does nothing.
    let watch = world.watch();
    assert_eq!(copy(&[]).success().stdout(), "");
    assert_eq!(watch.writes(), []);

    let nowhere = format!("{old}-not");
    let line = ["vault", "copy-secrets", "demo", &nowhere];
    let absent = world.command(&line).run().fails_with(4);
    assert!(absent.stderr().contains("there is nothing at"), "{absent:?}");
    world.command(&["vault", "copy-secrets", "demo", "no-mount"]).run().fails_with(2);
}

#[test]
fn entries_are_exported_for_their_owner_alone() {
    let world = world("export");
    world.server.put(&world.prefix, "app", json!({ "b": "é\"\n", "a": "", "o": [1, 2] }));
    world.server.put(&world.prefix, "gone", json!({ "a": "b" }));
    world.server.delete(&world.prefix, "gone");
    let folder = world.sandbox.work().join("out/all");
    let export = || {
        let line = ["vault", "export-secrets", "demo", folder.to_str().unwrap()];
        world.command(&line).run().success().hides("é")
    };
    export();
    export();
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(files, ["app.json"]);
    let text = fs::read_to_string(folder.join("app.json")).unwrap();
    assert_eq!(text, "{\n  \"a\": \"\",\n  \"b\": \"\\u00e9\\\"\\n\",\n  \"o\": [1,2]\n}\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.clone()), mode(folder.join("app.json"))), (0o700, 0o600));
    }
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
