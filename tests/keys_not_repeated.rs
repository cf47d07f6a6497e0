//! No message repeats what could be a key, a token or a value, wherever
//! somebody put it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::support::cli::{Command, Output};
use crate::support::small_store::SmallStore;

/// The shortest part of a key that is looked for in a message.
const PART: usize = 10;

/// Private keys and tokens of every make, made for this test or from it.
fn keys(store: &SmallStore) -> Vec<String> {
    let native = std::fs::read_to_string(&store.alice.path).unwrap();
    let native = native.lines().find(|line| line.starts_with("AGE-")).unwrap().to_owned();
    let ssh = store.sandbox.ssh_key("laptop");
    let ssh = std::fs::read_to_string(&ssh.path).unwrap();
    let body = native.trim_start_matches("AGE-SECRET-KEY-1");
    let wrapped: String = native.repeat(6);
    vec![
        native.clone(),
        ssh.clone(),
        STANDARD.encode(&ssh),
        STANDARD.encode(&native),
        URL_SAFE_NO_PAD.encode(&ssh),
        native.bytes().map(|byte| format!("{byte:02x}")).collect(),
        format!("AGE-SECRET-KEY-PQ-1{body}"),
        format!("AGE-PLUGIN-YUBIKEY-1{body}"),
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(&wrapped)
        ),
        format!("-----BEGIN EC PRIVATE KEY-----\n{}\n", STANDARD.encode(&native)),
        format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{}\n", STANDARD.encode(&wrapped)),
        format!(
            "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{}\n",
            STANDARD.encode(&native)
        ),
        format!("{{\"kty\":\"OKP\",\"d\":\"{}\"}}", URL_SAFE_NO_PAD.encode(body)),
        format!("hvs.{}", URL_SAFE_NO_PAD.encode(body)),
        format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(body)),
    ]
}

/// A key, whole and damaged in the ways in which keys are.
fn damaged(key: &str) -> Vec<String> {
    let (half, end) = (key.len() / 2, key.len());
    let mut changed = key.to_owned();
    changed.replace_range(half..=half, "!");
    vec![
        key.to_owned(),
        key[1..].to_owned(),
        key[5..].to_owned(),
        key[20..].to_owned(),
        key[half..].to_owned(),
        key[..end - 1].to_owned(),
        key[..end - 7].to_owned(),
        changed,
        key.to_lowercase(),
        format!("\"{key}\""),
        format!("  {key}"),
        key.replace('\n', " "),
        key.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned()),
    ]
}

/// Asserts that an output has no part of a key, but for words that all keys of
/// its make share. Public keys may be told, which SSH keys hold as well.
#[track_caller]
fn hides_all_of(output: &Output, key: &str) {
    const MAKES: [&str; 3] = ["AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1", "AGE-PLUGIN-YUBIKEY-1"];
    let printed = format!("{}{}", output.stdout(), output.stderr());
    let words = printed.split([' ', '\n', '\'', '"']).filter(|word| !word.starts_with("AAAA"));
    let printed = words.collect::<Vec<_>>().join(" ");
    for line in key.lines().filter(|line| line.len() >= PART) {
        for start in 0..=line.len() - PART {
            let Some(part) = line.get(start..start + PART) else { continue };
            let is_common = part.contains(' ') || MAKES.iter().any(|make| make.contains(part));
            assert!(is_common || !printed.contains(part), "{part:?} of {key:?} in {output:?}");
        }
    }
}

#[test]
fn a_key_is_not_repeated_by_whatever_way_it_came() {
    let store = SmallStore::new();
    store.set("app", "password", "one");
    std::fs::remove_file(store.own_identity()).unwrap();
    let get = || store.command(["get", "demo", "app", "password"]);
    type Way<'a> = (&'a str, &'a dyn Fn(&str) -> Command);
    let ways: [Way<'_>; 9] = [
        ("-i", &|key| get().args(["-i", key])),
        ("-i=", &|key| get().args([format!("--identity={key}")])),
        ("own", &|key| get().env("PHALANX_SECRETS_IDENTITY", key)),
        ("file", &|key| get().env("SOPS_AGE_KEY_FILE", key)),
        ("text", &|key| get().env("SOPS_AGE_KEY", key)),
        ("check", &|key| store.command(["check", "--open"]).env("PHALANX_SECRETS_IDENTITY", key)),
        ("sync", &|key| {
            store.command(["sync", "demo", "--json"]).env("PHALANX_SECRETS_IDENTITY", key)
        }),
        ("recipient", &|key| {
            store.command(["recipients", "add", "bob", "--access", "demo", "--key", key])
        }),
        ("signing", &|key| {
            store.command(["recipients", "add", "bob", "--access", "demo", "--signing-key", key])
        }),
    ];
    let mut count = 0;
    for key in keys(&store) {
        let texts = damaged(&key).into_iter().filter(|text| !text.trim().is_empty());
        for (number, text) in texts.enumerate() {
            // A whole key comes by all ways, a damaged one by the most usual
            // and by two of the others in turn.
            let is_tried = |(place, _): &(usize, Way<'_>)| {
                number == 0 || *place == 2 || (place + number) % 4 == 0
            };
            for (_, (_, way)) in ways.into_iter().enumerate().filter(is_tried) {
                let output = way(&text).run();
                // What is damaged in white space alone may open the value.
                if output.code() != 0 {
                    hides_all_of(&output, &text);
                }
                hides_all_of(&output, &key);
                count += 1;
            }
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn a_key_in_a_file_is_not_repeated_either() {
    let store = SmallStore::new();
    store.set("app", "password", "one");
    std::fs::remove_file(store.own_identity()).unwrap();
    for key in keys(&store) {
        for text in damaged(&key) {
            let path = store.write("some-file", &text);
            let output =
                store.command(["get", "demo", "app", "password", "-i"]).args([&path]).run();
            hides_all_of(&output, &text);
            hides_all_of(&output, &key);
        }
    }
}

#[test]
fn a_token_in_a_wrong_variable_is_not_repeated() {
    let store = SmallStore::new();
    let token = "hvs.CAESIJ1cV9mFwJ2bYxTq4Zy8uLk0PqWcR5oN3sD7hGfXeMaIGh4KHGh2cy5";
    for name in [
        "VAULT_ADDR",
        "BAO_ADDR",
        "VAULT_CACERT",
        "VAULT_CLIENT_CERT",
        "VAULT_CLIENT_TIMEOUT",
        "VAULT_MAX_RETRIES",
        "VAULT_NAMESPACE",
        "VAULT_SKIP_VERIFY",
        "VAULT_AUTH_METHOD",
        "VAULT_AUTH_MOUNT",
        "VAULT_PROXY_ADDR",
        "VAULT_CONFIG_PATH",
        "PHALANX_SECRETS_TRUST_ROOT",
    ] {
        let output = store
            .command(["audit", "demo"])
            .env("VAULT_TOKEN", "x")
            .env("VAULT_MAX_RETRIES", "0")
            .env(name, token)
            .run();
        hides_all_of(&output, token);
    }
    for option in ["--vault-url", "--rev", "--trust-root", "--config"] {
        hides_all_of(&store.run(["audit", "demo", option, token]), token);
    }
}

/// A value is on the command line sooner or later, and may be any word.
#[test]
fn a_value_among_the_arguments_is_not_repeated() {
    let store = SmallStore::new();
    store.set("app", "password", "one");
    for value in ["hunter2", "correct-horse", "S3cr3t!", "AKIAIOSFODNN7EXAMPLE"] {
        let pair = format!("password={value}");
        let lines: [&[&str]; 14] = [
            &["set", "demo", "app", "password", value],
            &["set", "demo", "app", &pair],
            &["set", "demo", "app", value],
            &["set", "demo", "app", "password", "--generate", value],
            &["set", "demo", "vault-write-token", value],
            &["set", "demo", "vault-write-token", "token", value],
            &["set", "demo", "app", "password", "--", value],
            &["edit", "demo", "app", "password", value],
            &["get", "demo", "app", "password", value],
            &["remove", "demo", "app", "password", value],
            &["fill", "demo", "app", value],
            &["rename", "demo", "app", "password", "new", value],
            &["recipients", "show", "alice", value],
            &["exposed", "demo", value],
        ];
        for line in lines {
            let output = store.run(line).fails_with(2);
            assert!(!output.stderr().contains(value), "{output:?}");
        }
    }
    // A key that is nearly right is still told.
    let output = store.run(["set", "demo", "app", "pasword"]).fails_with(2);
    assert!(output.stderr().contains("did you mean password?"), "{output:?}");
}
