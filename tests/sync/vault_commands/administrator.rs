//! What an administrator's token must be allowed: what suffices for the Python
//! CLI, and never more.

use serde_json::json;

use super::{World, world};

/// What the Phalanx documentation asks of an administrator's token, in the
/// words of a policy. `CREATE` is what it may do at `auth/token/create`.
const ADMINISTRATOR: &str = r#"
path "auth/token/create" { capabilities = [CREATE] }
path "auth/token/accessors" { capabilities = ["list", "sudo"] }
path "auth/token/accessors/" { capabilities = ["list", "sudo"] }
path "auth/token/lookup-accessor" { capabilities = ["create", "update"] }
path "auth/token/revoke-accessor" { capabilities = ["create", "update"] }
path "sys/policies/acl/*" { capabilities = ["create", "read", "update"] }
path "auth/approle/role/*" { capabilities = ["create", "read", "update", "list"] }
"#;
const WITH_SUDO: &str = r#""create", "update", "sudo""#;
const WITHOUT_SUDO: &str = r#""create", "update""#;

impl World {
    /// The name of a policy for an administrator.
    fn administrators(&self, create: &str) -> String {
        let name = format!("administrators-of-{}", self.names().1);
        self.server.create_policy(&name, &ADMINISTRATOR.replace("CREATE", create));
        name
    }

    /// The accessor of a token.
    fn accessor_of(&self, token: &str) -> String {
        let (_, looked_up) = self.server.request("GET", "auth/token/lookup-self", token, None);
        looked_up["data"]["accessor"].as_str().unwrap().to_owned()
    }

    /// The description of a token.
    fn token(&self, accessor: &str) -> serde_json::Value {
        let body = json!({ "accessor": accessor });
        self.server.root("POST", "auth/token/lookup-accessor", Some(body))["data"].clone()
    }
}

#[test]
fn what_suffices_for_the_python_cli_suffices() {
    let world = world("administrator");
    let administrator = world.server.create_token(&[&world.administrators(WITH_SUDO)]);
    let run = |arguments: &[&str]| {
        let run = world.command(&[&["vault"], arguments].concat());
        run.env("VAULT_TOKEN", &administrator).run().success().hides(&administrator)
    };
    // Twice, so that older ones are revoked, too.
    for _ in 0..2 {
        run(&["create-read-approle", "demo"]);
        run(&["create-read-token", "demo", "--lifetime", "20d"]);
        let made = run(&["create-write-token", "demo", "--lifetime", "20d"]);
        assert!(!made.stderr().contains("Warning"), "{made:?}");
        let line = made.stdout().lines().find_map(|line| line.strip_prefix("accessor: "));
        // It needs no path of its own to make one that stays.
        assert_eq!(world.token(line.unwrap())["orphan"], true);
    }
    assert_eq!(run(&["audit", "demo"]).stdout(), "");
    let (_, last) = world.names();
    assert_eq!(world.tokens_named(&format!("token-{last}")), 1);
    assert_eq!(world.tokens_named(&format!("token-{last}-read")), 1);
}

#[test]
fn the_path_for_tokens_without_a_parent_suffices_too() {
    let world = world("orphan");
    let name = world.administrators(r#""deny""#);
    let policy = world
        .policy(&name)
        .replace("deny", "update")
        .replace("auth/token/create", "auth/token/create-orphan")
        .replacen(r#"["update"]"#, r#"["update", "sudo"]"#, 1);
    world.server.create_policy(&name, &policy);
    let administrator = world.server.create_token(&[&name]);
    let command = ["vault", "create-write-token", "demo", "--lifetime", "20d"];
    let made = world.command(&command).env("VAULT_TOKEN", administrator).run().success();
    assert!(!made.stderr().contains("Warning"), "{made:?}");
}

#[test]
fn where_vault_allows_a_child_alone_what_follows_is_said() {
    let world = world("child");
    let (path, _) = world.names();
    let policies = [world.administrators(WITHOUT_SUDO), format!("{path}/write")];
    let administrator = world.server.create_token(&policies.each_ref().map(String::as_str));
    let command = ["vault", "create-write-token", "demo", "--lifetime", "1h"];
    let made = world.command(&command).env("VAULT_TOKEN", &administrator).run().success();
    let warning = "Warning: the token ends with the token in use, which is its parent, at 20";
    assert!(made.stderr().contains(warning), "{made:?}");
    assert!(made.stderr().contains("sudo on auth/token/create-orphan"), "{made:?}");
    let token = made.stdout().lines().find_map(|line| line.strip_prefix("token: ")).unwrap();
    let sync = world.command(&["sync", "demo"]).env("VAULT_TOKEN", token).run();
    sync.success();
    let body = json!({ "token": administrator });
    world.server.root("POST", "auth/token/revoke", Some(body));
    assert!(!world.is_known(token));
}

#[test]
fn a_token_that_would_end_with_the_login_is_not_made() {
    let world = world("login-child");
    let (path, last) = world.names();
    let policies = [world.administrators(WITHOUT_SUDO), format!("{path}/write")];
    let role = format!("auth/approle/role/login-of-{last}");
    let body = json!({ "token_policies": policies });
    world.server.root("POST", &role, Some(body));
    let role_id = world.server.root("GET", &format!("{role}/role-id"), None);
    let secret_id = world.server.root("POST", &format!("{role}/secret-id"), Some(json!({})));
    let run = world
        .command(&["vault", "create-write-token", "demo"])
        .env_remove("VAULT_TOKEN")
        .env("VAULT_ROLE_ID", role_id["data"]["role_id"].as_str().unwrap())
        .env("VAULT_SECRET_ID", secret_id["data"]["secret_id"].as_str().unwrap())
        .run()
        .fails_with(4);
    assert!(run.stderr().contains("would end with the login of this command"), "{run:?}");
    assert_eq!(run.stdout(), "");
    assert_eq!(world.tokens_named(&format!("token-{last}")), 0);
}

#[test]
fn who_may_make_no_token_is_told_what_it_takes() {
    let world = world("no-maker");
    let administrator = world.server.create_token(&[&world.administrators(r#""deny""#)]);
    let command = ["vault", "create-write-token", "demo"];
    let run = world.command(&command).env("VAULT_TOKEN", &administrator).run().fails_with(4);
    let needs = "the token needs \"update\" on auth/token/create-orphan";
    assert!(run.stderr().contains(needs), "{run:?}");
    assert!(run.stderr().contains("sudo on auth/token/create will do as well"), "{run:?}");
}

#[test]
fn a_token_that_vault_does_not_describe_is_left_out() {
    let world = world("undescribed");
    drop(world.create(&["create-read-approle", "demo"]));
    let made = world.create(&["create-write-token", "demo", "--lifetime", "20d"]);
    let (_, last) = world.names();
    let accessor = world.accessor_of(&world.make_token(json!({ "ttl": "1h" })));
    let denied = format!("denied_parameters = {{ \"accessor\" = [{accessor:?}] }}");
    let describe = r#"lookup-accessor" { capabilities = ["create", "update"]"#;
    let policy = ADMINISTRATOR.replace("CREATE", WITH_SUDO);
    let name = format!("undescribed-{last}");
    let limited = policy.replace(describe, &format!("{describe}\n {denied}\n"));
    assert_ne!(limited, policy);
    world.server.create_policy(&name, &limited);
    let administrator = world.server.create_token(&[&name]);
    let audit = |token: &str| world.command(&["vault", "audit", "demo"]).env("VAULT_TOKEN", token);
    let run = audit(&administrator).run().success();
    assert!(run.stderr().contains("1 of them are left out here"), "{run:?}");
    assert!(world.is_known(&made("token")));

    // None of them is no answer at all.
    let blind = policy.replace("lookup-accessor", "lookup-nothing");
    world.server.create_policy(&name, &blind);
    let run = audit(&administrator).run().fails_with(4);
    assert_eq!(run.stdout(), "");
    assert!(run.stderr().contains("cannot look up a token"), "{run:?}");
}

/// One who may list the AppRoles, and read that of one environment.
#[test]
fn the_approles_of_others_need_not_be_read() {
    let world = world("one-role");
    let other = super::super::World::at(&format!("{}-other", world.prefix), &[("app", super::APP)]);
    drop(other.create(&["create-read-approle", "demo"]));
    let (_, last) = world.names();
    let all =
        r#"path "auth/approle/role/*" { capabilities = ["create", "read", "update", "list"] }"#;
    let one = format!(
        "path \"auth/approle/role\" {{ capabilities = [\"list\"] }}\n\
         path \"auth/approle/role/{last}\" {{ capabilities = [\"read\"] }}\n"
    );
    let policy = ADMINISTRATOR.replace("CREATE", WITH_SUDO).replace(all, &one);
    assert!(policy.contains(&one));
    let name = format!("one-role-of-{last}");
    world.server.create_policy(&name, &policy);
    let token = world.server.create_token(&[&name]);
    let audit = world.command(&["vault", "audit", "demo"]).env("VAULT_TOKEN", &token).run();
    let audit = audit.fails_with(1);
    assert!(audit.stdout().contains(&format!("No read AppRole ({last})")), "{audit:?}");
}
