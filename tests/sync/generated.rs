//! Generated secrets: made once, then kept, unless something says otherwise.

use insta::assert_snapshot;
use serde_json::json;

use super::World;

/// One of each kind of generator that does not take seconds.
const APP: &str = r#"
secrets.password.generate.type = "password"
secrets.token.generate.type = "gafaelfawr-token"
secrets.fernet.generate.type = "fernet-key"
secrets.rsa.generate.type = "rsa-private-key"
secrets.mtime.generate = { type = "mtime", source = "password" }
secrets.literal.value = "as it is"
secrets.given = {}
"#;
const COPIER: &str = r#"
secrets.copied.copy = { application = "app", key = "password" }
secrets.own.generate.type = "password"
"#;
const GENERATED: [&str; 5] = ["password", "token", "fernet", "rsa", "mtime"];
const LONG_AGO: &str = "2001-02-03T04:05:06Z";

/// A world that is in sync, with a modification time that is long ago.
fn synced(name: &str) -> World {
    let world = World::new(name, &[("app", APP), ("copier", COPIER)]);
    world.set("app", "given", "hunter2");
    world.sync(&[]);
    let (_, mut data) = world.server.read(&world.prefix, "app").unwrap();
    data.insert("mtime".to_owned(), json!(LONG_AGO));
    world.server.put(&world.prefix, "app", data.into());
    world.sync_changes_nothing(&[]);
    world
}

fn values(world: &World) -> Vec<(String, String)> {
    let mut values = Vec::new();
    for application in ["app", "copier"] {
        let (_, data) = world.server.read(&world.prefix, application).unwrap();
        for (key, value) in data {
            values.push((format!("{application}/{key}"), value.as_str().unwrap().to_owned()));
        }
    }
    values
}

/// The names of the secrets that differ.
fn changed(before: &[(String, String)], after: &[(String, String)]) -> Vec<String> {
    assert_eq!(before.len(), after.len());
    let differ = before.iter().zip(after).filter(|(before, after)| before != after);
    differ.map(|((name, _), _)| name.clone()).collect()
}

#[test]
fn what_exists_is_kept() {
    let world = World::new("kept", &[("app", APP), ("copier", COPIER)]);
    world.set("app", "given", "hunter2");
    let output = world.sync(&[]);
    assert_eq!(output.stdout(), "Created Vault secret for app\nCreated Vault secret for copier\n");
    let before = values(&world);
    assert_eq!(before.len(), 9);
    for (_, value) in &before {
        let output = world.sync_changes_nothing(&[]).hides(value);
        assert_eq!(output.stderr(), "Vault is in line with demo; nothing was written.\n");
    }

    // An update of other keys of the same entries keeps them too.
    world.set("app", "given", "hunter3");
    world.sync(&[]);
    assert_eq!(changed(&before, &values(&world)), ["app/given"]);
    assert_eq!((world.version("app"), world.version("copier")), (2, 1));
}

#[test]
fn a_key_that_is_missing_is_made_without_touching_the_others() {
    let world = synced("missing-key");
    let before = values(&world);
    let (_, mut data) = world.server.read(&world.prefix, "app").unwrap();
    data.remove("fernet");
    world.server.put(&world.prefix, "app", data.into());
    let output = world.sync(&[]);
    assert_eq!(output.stdout(), "Updated Vault secret for app fernet\n");
    assert_eq!(changed(&before, &values(&world)), ["app/fernet"]);
}

#[test]
fn an_empty_generated_value_is_none() {
    let world = World::new("empty", &[("app", r#"secrets.a.generate.type = "password""#)]);
    world.server.put(&world.prefix, "app", json!({ "a": "" }));
    // As it is for the Python CLI: an empty password is worse than a new one.
    let output = world.sync(&[]);
    assert_eq!(output.stdout(), "Updated Vault secret for app a\n");
    assert_eq!(world.value("app", "a").len(), 64);
}

#[test]
fn everything_is_regenerated_on_demand() {
    let world = synced("regenerate-all");
    let (before, versions) = (values(&world), [world.version("app"), world.version("copier")]);
    world.sync(&["--regenerate"]);
    let mut expected: Vec<String> = GENERATED.map(|key| format!("app/{key}")).into();
    expected.extend(["copier/copied".to_owned(), "copier/own".to_owned()]);
    expected.sort();
    assert_eq!(changed(&before, &values(&world)), expected);
    assert_eq!(world.value("app", "password"), world.value("copier", "copied"));
    // One version each.
    assert_eq!([world.version("app"), world.version("copier")], versions.map(|v| v + 1));
    world.sync_changes_nothing(&[]);
}

#[test]
fn an_application_is_regenerated_on_demand() {
    let world = synced("regenerate-app");
    let before = values(&world);
    world.sync(&["--regenerate=copier"]);
    assert_eq!(changed(&before, &values(&world)), ["copier/own"]);

    let before = values(&world);
    world.sync(&["--regenerate=app"]);
    let mut expected: Vec<String> = GENERATED.map(|key| format!("app/{key}")).into();
    expected.push("copier/copied".to_owned());
    expected.sort();
    assert_eq!(changed(&before, &values(&world)), expected);
    assert_eq!(world.value("app", "password"), world.value("copier", "copied"));
}

#[test]
fn single_secrets_are_regenerated_on_demand() {
    let world = synced("regenerate-key");
    let before = values(&world);
    let output = world.sync(&["--regenerate=app/fernet", "--regenerate=copier/own"]);
    assert_eq!(
        output.stdout(),
        "Updated Vault secret for app fernet\nUpdated Vault secret for copier own\n"
    );
    assert_eq!(changed(&before, &values(&world)), ["app/fernet", "copier/own"]);

    // The time of the change and the copy follow.
    let before = values(&world);
    let version = world.version("app");
    world.sync(&["--regenerate=app/password"]);
    assert_eq!(changed(&before, &values(&world)), ["app/mtime", "app/password", "copier/copied"]);
    assert_eq!(world.value("app", "password"), world.value("copier", "copied"));
    assert_eq!(world.version("app"), version + 1);
}

#[test]
fn what_is_not_generated_cannot_be_regenerated() {
    let world = synced("regenerate-wrong");
    for target in ["app/given", "app/literal", "copier/copied", "app/pasword", "nowhere"] {
        world.sync_is_refused(2, &[&format!("--regenerate={target}")]);
    }
    let output = world.sync_is_refused(2, &["--regenerate=app/given"]);
    assert_snapshot!(output.stderr(), @r"
    Error: --regenerate=app/given names no generated secret of demo
    Hint: did you mean app/token?
    Hint: see them with: phalanx-secrets list demo --json
    ");
    // With a space, it would be taken for the environment.
    world.sync_is_refused(2, &["--regenerate", "app"]);
}

#[test]
fn a_hash_and_a_time_follow_their_source_in_one_version() {
    const HASHED: &str = r#"
    secrets.given = {}
    secrets.hash.generate = { type = "bcrypt-password-hash", source = "given" }
    secrets.mtime.generate = { type = "mtime", source = "given" }
    "#;
    let world = World::new("hash", &[("app", HASHED)]);
    world.set("app", "given", "correct horse");
    world.sync(&[]);
    let first = world.value("app", "hash");
    assert!(first.starts_with("$2b$15$"), "{first}");
    assert!(bcrypt::verify("correct horse", &first).unwrap());
    let data = json!({ "given": "correct horse", "hash": first, "mtime": LONG_AGO });
    world.server.put(&world.prefix, "app", data);
    world.sync_changes_nothing(&[]);

    world.set("app", "given", "battery staple");
    let output = world.sync(&[]).hides("battery staple").hides(&first);
    assert_eq!(
        output.stdout(),
        "Updated Vault secret for app given\n\
         Updated Vault secret for app hash\n\
         Updated Vault secret for app mtime\n"
    );
    assert_eq!(world.version("app"), 3);
    assert!(bcrypt::verify("battery staple", &world.value("app", "hash")).unwrap());
    assert!(world.value("app", "mtime").as_str() > "2024");
    world.sync_changes_nothing(&[]);
}

#[test]
fn what_bcrypt_would_cut_short_is_refused_before_anything_is_written() {
    const HASHED: &str = r#"
    secrets.given = {}
    secrets.hash.generate = { type = "bcrypt-password-hash", source = "given" }
    "#;
    let world = World::new("long-hash", &[("app", HASHED), ("copier", "secrets.own.value = 'x'")]);
    // 72 bytes are hashed in full, as by the Python CLI.
    world.set("app", "given", &"x".repeat(72));
    world.sync(&[]);
    let hash = world.value("app", "hash");
    assert!(bcrypt::verify("x".repeat(72), &hash).unwrap());
    assert!(!bcrypt::verify("x".repeat(71), &hash).unwrap());

    world.set("app", "given", &"x".repeat(73));
    let output = world.sync_is_refused(3, &[]).hides("xxxx");
    assert_snapshot!(output.stderr(), @"
    Error: 1 secret of demo cannot be resolved; nothing was written
      • app hash: it cannot be made, because its source is longer than the 72 bytes that bcrypt hashes in full (secrets/applications/app.toml)
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
}

#[test]
fn what_is_no_text_is_not_replaced_silently() {
    let world = World::new("no-text", &[("app", r#"secrets.a.generate.type = "password""#)]);
    world.server.put(&world.prefix, "app", json!({ "a": { "by": "hand" } }));
    let output = world.sync_is_refused(3, &[]);
    assert_snapshot!(output.stderr(), @r"
    Error: 1 secret of demo cannot be resolved; nothing was written
      • app a: Vault holds something other than a string for it, which can be neither kept nor silently replaced (secrets/applications/app.toml)
    Hint: look at it in Vault; --regenerate=app/a replaces a generated one
    ");
    world.sync(&["--regenerate=app/a"]);
    assert_eq!(world.value("app", "a").len(), 64);
}
