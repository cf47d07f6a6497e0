//! This program and the Python CLI on one Vault, in both orders.
//!
//! The Python CLI itself is in no package registry, so [`Python`] is a small
//! faithful repetition of the part of it that matters here: what it writes of
//! clients and registries, and that it compares by text.
//!
//! Source: Phalanx, `OIDCClientsGenerateRules.generate` and
//! `PullSecret.to_dockerconfigjson` in `models/secrets.py`, and
//! `_audit_secrets` and `_sync_pull_secret` in `services/secrets.py`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phalanx_secrets::static_values::StaticValues;
use serde_json::json;

use super::World;

const APP: &str = "
secrets.given = {}
secrets.clients.generate.type = 'oidc-clients'
";

/// The registries and clients of four environments, unsorted as people list
/// them: name, then username and password; name, then id, secret and URL.
type Lists = (&'static [[&'static str; 3]], &'static [[&'static str; 4]]);
const ENVIRONMENTS: [Lists; 4] = [
    (
        &[["hub.docker.com", "robot", "p:q"], ["ghcr.io", "bot", "x"]],
        &[["zeta", "a@site", "s1", "https://z/"], ["alpha", "z@site", "s2", "https://a/"]],
    ),
    (
        &[["nexus.example.org:8443", "u", "p\"\\"], ["nexus.example.org", "v", "é€"]],
        &[
            ["client:1", "one", "s\n", "https://1/"],
            ["client-1", "two", "s", "https://2/"],
            ["Client", "three", "s", "https://3/"],
        ],
    ),
    (
        &[["b.example", "u", "p"], ["C.example", "u", "p"], ["1.example", "u", "😀"]],
        &[
            ["Zürich", "zh", "ü", "https://zh/"],
            ["Éire", "ie", "s", "https://ie/"],
            ["a", "a", "\u{7f}", "https://a/"],
        ],
    ),
    (
        &[["z", "u", "p"], ["y", "u", "p"], ["x", "u", "p"]],
        &[["😀", "emoji", "s", "u"], ["\u{ffff}", "last", "s", "u"], ["b", "b", "s", "u"]],
    ),
];

/// What the Python CLI does with a file of static secrets.
struct Python {
    clients: String,
    pull_secret: String,
}

impl Python {
    /// Reads a file of static secrets.
    fn with(yaml: &str) -> Self {
        let values = StaticValues::from_yaml(yaml).unwrap();
        // sorted(source.items()), and json.dumps of each client.
        let mut clients: Vec<_> = values.oidc_clients.iter().collect();
        clients.sort_by(|(a, _), (b, _)| a.chars().cmp(b.chars()));
        let client = |(id, secret, uri)| {
            let (id, secret, uri) = (dumps(id), dumps(secret), dumps(uri));
            format!("{{\"id\": {id}, \"secret\": {secret}, \"return_uri\": {uri}}}")
        };
        let clients =
            clients.iter().map(|(_, one)| client((&one.id, &one.secret, &one.return_uri)));
        // In the order of the file.
        let registries = values.pull_secret.iter().map(|(name, one)| {
            let auth = STANDARD.encode(format!("{}:{}", &*one.username, &*one.password));
            format!(
                "{}: {{\"auth\": \"{auth}\", \"username\": {}, \"password\": {}}}",
                dumps(name),
                dumps(&one.username),
                dumps(&one.password)
            )
        });
        Self {
            clients: format!("[{}]", clients.collect::<Vec<_>>().join(", ")),
            pull_secret: format!(
                "{{\"auths\": {{{}}}}}",
                registries.collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// `phalanx secrets sync`: writes what differs by text, and tells what.
    fn sync(&self, world: &World) -> Vec<&'static str> {
        let different = self.audit(world);
        let server = world.server;
        if different.contains(&"app clients") {
            let data = json!({ "given": "value", "clients": self.clients });
            server.put(&world.prefix, "app", data);
        }
        if different.contains(&"pull-secret") {
            let data = json!({ ".dockerconfigjson": self.pull_secret });
            server.put(&world.prefix, "pull-secret", data);
        }
        different
    }

    /// `phalanx secrets audit`: what does not have its expected value.
    fn audit(&self, world: &World) -> Vec<&'static str> {
        let value = |application, key| world.server.value(&world.prefix, application, key);
        let mut different = Vec::new();
        if value("app", "clients").as_ref() != Some(&self.clients) {
            different.push("app clients");
        }
        if value("pull-secret", ".dockerconfigjson").as_ref() != Some(&self.pull_secret) {
            different.push("pull-secret");
        }
        different
    }
}

/// `json.dumps` of a string.
fn dumps(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => json += "\\\"",
            '\\' => json += "\\\\",
            '\n' => json += "\\n",
            ' '..='~' => json.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    json += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    json + "\""
}

/// A text as YAML has it.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|character| format!("\\U{:08X}", u32::from(character)));
    format!("\"{}\"", escaped.collect::<String>())
}

/// A file of static secrets, in the order of the lists.
fn file((registries, clients): Lists) -> String {
    let mut yaml =
        String::from("applications: {app: {given: {value: value}}}\npull-secret:\n  registries:\n");
    for [name, username, password] in registries {
        let [name, username, password] = [name, username, password].map(|text| quoted(text));
        yaml += &format!("    {name}: {{username: {username}, password: {password}}}\n");
    }
    yaml += "oidc-clients:\n";
    for [name, id, secret, uri] in clients {
        let [name, id, secret, uri] = [name, id, secret, uri].map(|text| quoted(text));
        yaml += &format!("  {name}: {{id: {id}, secret: {secret}, return_uri: {uri}}}\n");
    }
    yaml
}

/// For each environment: its corner of Vault, the file, which is imported, and
/// the option that names it.
fn each(name: &str, work: impl Fn(&World, &str, [&str; 2])) {
    for (number, lists) in ENVIRONMENTS.into_iter().enumerate() {
        let world = World::new(&format!("{name}-{number}"), &[("app", APP)]);
        let yaml = file(lists);
        let path = world.sandbox.write("static.yaml", &yaml);
        let path = path.to_str().unwrap();
        world.command(&["import", "demo", path]).run().success();
        work(&world, &yaml, ["--secrets", path]);
    }
}

#[track_caller]
fn assert_in_line(world: &World, from_file: &[&str]) {
    for source in [from_file, &[]] {
        assert_eq!(world.audit(source).success().stdout(), "");
        world.sync_changes_nothing(source);
    }
}

#[test]
fn after_the_python_cli_there_is_nothing_to_write() {
    each("after-python", |world, yaml, from_file| {
        let python = Python::with(yaml);
        assert_eq!(python.sync(world), ["app clients", "pull-secret"]);
        assert_in_line(world, &from_file);
        assert_eq!(python.audit(world), [""; 0]);
    });
}

#[test]
fn after_a_sync_from_a_file_the_python_cli_has_nothing_to_write() {
    each("before-python", |world, yaml, from_file| {
        world.sync(&from_file);
        let python = Python::with(yaml);
        assert_eq!(python.audit(world), [""; 0]);
        assert_eq!(python.sync(world), [""; 0]);
        assert_in_line(world, &from_file);
    });
}

#[test]
fn after_a_sync_from_the_store_the_python_cli_is_in_line_with_what_is_exported() {
    each("store-python", |world, yaml, from_file| {
        world.sync(&[]);
        let exported = world.command(&["export", "demo"]).run().success();
        let python = Python::with(exported.stdout());
        assert_eq!(python.audit(world), [""; 0]);
        assert_eq!(python.sync(world), [""; 0]);
        assert_in_line(world, &from_file);

        // Its own file has the registries in another order: it writes that, and
        // there it stays.
        let python = Python::with(yaml);
        assert_eq!(python.audit(world), ["pull-secret"]);
        python.sync(world);
        assert_in_line(world, &from_file);
        assert_eq!(python.audit(world), [""; 0]);
    });
}
