//! `set`: what is stored is what was given, and what cannot be right is
//! refused before anything is written.

use std::fs;

use insta::assert_snapshot;

use crate::support::cli::Output;
use crate::support::small_store::{SmallStore, files_below};

#[track_caller]
fn refused(store: &SmallStore, arguments: &[&str], value: impl AsRef<[u8]>) -> String {
    let before = store.sealed_files();
    let output = store.command(["set", "demo"]).args(arguments).stdin(value).run().fails_with(2);
    assert_eq!(output.stdout(), "");
    assert_eq!(store.sealed_files(), before);
    store.stderr(&output)
}

#[track_caller]
fn stored(store: &SmallStore, arguments: &[&str], value: impl AsRef<[u8]>) -> Output {
    let output = store.command(["set", "demo"]).args(arguments).stdin(value).run().success();
    assert_eq!(output.stdout(), "");
    output
}

#[test]
fn a_value_is_stored_and_the_readers_are_named() {
    let store = SmallStore::new();
    let output = stored(&store, &["app", "password"], "hunter2").hides("hunter2");
    assert_snapshot!(store.stderr(&output), @"Stored demo/app/password, sealed to: alice");
    assert_eq!(store.sealed_files(), ["secrets/demo/app/password.age"]);
    let sealed = store.bytes("secrets/demo/app/password.age");
    assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(sealed.ends_with(b"-----END AGE ENCRYPTED FILE-----\n"));
}

#[test]
fn a_new_value_takes_the_place_of_the_old() {
    let store = SmallStore::new();
    for value in ["one", "two", "two"] {
        let before = store.root.join("secrets/demo/app/password.age");
        let before = fs::read(before).unwrap_or_default();
        stored(&store, &["app", "password"], value);
        assert_eq!(store.get("app", "password"), value.as_bytes());
        assert_ne!(store.bytes("secrets/demo/app/password.age"), before);
    }
}

#[test]
fn what_comes_from_standard_input_is_kept_to_the_byte() {
    let store = SmallStore::new();
    let large = "0123456789abcdef".repeat(1 << 16);
    assert_eq!(large.len(), 1 << 20);
    for value in [
        "a",
        " leading and trailing ",
        "\n\na",
        "a\n\n",
        "a\r\nb\r\n",
        "a\0b",
        "\u{feff}bom",
        "null",
        "é€😀",
        "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n",
        &large,
    ] {
        stored(&store, &["app", "password"], value);
        assert!(store.get("app", "password") == value.as_bytes(), "{value:.40?}");
    }
    assert_eq!(store.sealed_files(), ["secrets/demo/app/password.age"]);
}

#[test]
fn one_line_with_a_line_feed_is_warned_of_and_kept() {
    let store = SmallStore::new();
    let output = stored(&store, &["app", "password"], "hunter2\n");
    assert_snapshot!(store.stderr(&output), @r"
    Warning: the value is one line and ends with a line feed, which is kept (use --strip-newline to leave it out)
    Stored demo/app/password, sealed to: alice
    ");
    assert_eq!(store.get("app", "password"), b"hunter2\n");
    let output = stored(&store, &["app", "password"], "two\nlines\n");
    assert!(!output.stderr().contains("Warning"), "{output:?}");
}

#[test]
fn one_line_feed_is_left_out_on_demand() {
    let store = SmallStore::new();
    for (given, kept) in [
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        ("hunter2", "hunter2"),
        ("two\nlines\n", "two\nlines"),
    ] {
        let output = stored(&store, &["app", "password", "--strip-newline"], given);
        assert_eq!(store.get("app", "password"), kept.as_bytes(), "{given:?}");
        if !kept.ends_with('\n') {
            assert!(!output.stderr().contains("Warning"), "{output:?}");
        }
    }
    let stderr = refused(&store, &["app", "token", "--strip-newline"], "\n");
    assert_snapshot!(stderr, @r"
    Error: demo/app/token was not stored: the value is empty
    Hint: pass --allow-empty if it should be
    ");
}

#[test]
fn a_value_may_come_from_a_file() {
    let store = SmallStore::new();
    let file = store.sandbox.write("value.txt", "from a file");
    let file = file.to_str().unwrap();
    stored(&store, &["app", "password", "--from-file", file], "not this");
    assert_eq!(store.get("app", "password"), b"from a file");
    stored(&store, &["app", "password", "-f", "-"], "from standard input");
    assert_eq!(store.get("app", "password"), b"from standard input");
    let stderr = refused(&store, &["app", "password", "-f", "absent"], "");
    assert_snapshot!(stderr, @"
    Error: absent cannot be read
    Caused by: No such file or directory (os error 2)
    Hint: name a file that you can read
    ");
    let stderr = refused(&store, &["app", "password", "-f", "secrets"], "");
    assert_snapshot!(stderr, @"
    Error: secrets cannot be read
    Caused by: Is a directory (os error 21)
    Hint: name a file that you can read
    ");
}

#[test]
fn an_empty_value_is_refused_unless_it_is_meant() {
    let store = SmallStore::new();
    assert_snapshot!(refused(&store, &["app", "password"], ""), @r"
    Error: demo/app/password was not stored: the value is empty
    Hint: pass --allow-empty if it should be
    ");
    stored(&store, &["app", "password", "--allow-empty"], "");
    assert_eq!(store.get("app", "password"), b"");
}

#[test]
fn white_space_alone_is_refused_unless_it_is_meant() {
    let store = SmallStore::new();
    store.set("app", "password", "good");
    for value in ["\n", " ", "\r\n", "\t\n\n", "\u{a0}", "\u{3000}\u{2028}"] {
        let path = store.write("value", value);
        let from_file = ["app", "password", "--from-file", path.to_str().unwrap()];
        for arguments in [&from_file[..], &["app", "password"]] {
            let stderr = refused(&store, arguments, value);
            let said = "demo/app/password was not stored: the value is white space alone";
            assert!(stderr.contains(said), "{value:?}: {stderr}");
        }
    }
    assert_eq!(store.get("app", "password"), b"good");
    // What a line feed is taken from is looked at without it.
    refused(&store, &["app", "password", "--strip-newline"], "\n");
    stored(&store, &["app", "password", "--allow-empty"], " \n");
    assert_eq!(store.get("app", "password"), b" \n");
    for (application, key, value) in [
        ("pull-secret", "r", "u: "),
        ("oidc-clients", "c", r#"{"id":"i","secret":" ","return_uri":"u"}"#),
    ] {
        refused(&store, &[application, key], value);
    }
}

#[test]
fn bytes_that_vault_cannot_hold_are_refused_unless_they_are_meant() {
    let store = SmallStore::new();
    let bytes = b"\x00\xff\xfe";
    assert_snapshot!(refused(&store, &["app", "password"], bytes), @r"
    Error: demo/app/password was not stored: the value is not UTF-8 text, and Vault holds nothing else
    Hint: store a text form that the application understands, such as base64; or pass --allow-binary to store the bytes, which sync will not push
    ");
    stored(&store, &["app", "password", "--allow-binary"], bytes);
    assert_eq!(store.get("app", "password"), bytes);
}

#[test]
fn a_value_that_is_too_large_is_refused() {
    let store = SmallStore::new();
    let huge = vec![b'x'; (16 << 20) + 1];
    assert_snapshot!(refused(&store, &["app", "password"], huge), @"
    Error: the input is larger than 16 MiB
    Hint: nothing that Vault would take is larger
    ");
}

#[test]
fn awkward_keys_have_files_that_any_system_takes() {
    let store = SmallStore::new();
    for key in ["dex.clientSecret", ".dockerconfigjson", "with space"] {
        stored(&store, &["app", key], key);
    }
    for key in ["a/../../b", "ключ", "CON:", "50%", "~", "-dash"] {
        stored(&store, &["app", "--allow-unknown", "--", key], key);
    }
    assert_snapshot!(store.sealed_files().join("\n"), @r"
    secrets/demo/app/%2Edockerconfigjson.age
    secrets/demo/app/%7E.age
    secrets/demo/app/%D0%BA%D0%BB%D1%8E%D1%87.age
    secrets/demo/app/-dash.age
    secrets/demo/app/50%25.age
    secrets/demo/app/CON%3A.age
    secrets/demo/app/a%2F..%2F..%2Fb.age
    secrets/demo/app/dex.clientSecret.age
    secrets/demo/app/with%20space.age
    ");
    for key in ["dex.clientSecret", ".dockerconfigjson", "with space", "a/../../b", "ключ", "50%"]
    {
        assert_eq!(store.get("app", key), key.as_bytes());
    }
}

#[test]
fn what_is_not_static_is_refused_with_what_to_do_instead() {
    let store = SmallStore::new();
    assert_snapshot!(refused(&store, &["app", "made"], "x"), @r"
    Error: demo/app/made is of kind generate, not static
    Hint: it is made by sync; for a new one: phalanx-secrets sync demo --regenerate=app/made
    ");
    assert_snapshot!(refused(&store, &["app", "copied"], "x"), @r"
    Error: demo/app/copied is of kind copy, not static
    Hint: it is always equal to other/shared; set that instead
    ");
    assert_snapshot!(refused(&store, &["app", "fixed"], "x"), @r"
    Error: demo/app/fixed is of kind value, not static
    Hint: change it in the spec
    ");
}

#[test]
fn what_no_spec_asks_for_is_refused_with_the_nearest() {
    let store = SmallStore::new();
    assert_snapshot!(refused(&store, &["app", "pasword"], "x"), @r"
    Error: app needs no secret named pasword in demo
    Hint: did you mean password?
    Hint: see what it needs with: phalanx-secrets list demo
    Hint: to store it all the same, for a spec that is yet to come, pass --allow-unknown
    ");
    assert_snapshot!(refused(&store, &["othr", "shared"], "x"), @r"
    Error: demo does not enable an application named othr
    Hint: did you mean other?
    Hint: to store it all the same, for a spec that is yet to come, pass --allow-unknown
    ");
    let output = store.command(["set", "dem", "app", "password"]).stdin("x").run().fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: there is no environment dem: secrets/environments/dem.toml does not exist
    Hint: did you mean demo?
    ");
    stored(&store, &["app", "pasword", "--allow-unknown"], "for a spec to come");
    stored(&store, &["new", "key", "--allow-unknown"], "for an application to come");
    assert_eq!(store.get("new", "key"), b"for an application to come");
}

/// The one mistake that puts a value where other users can see it. At least
/// it is not repeated.
#[test]
fn a_value_as_an_argument_is_refused_and_not_repeated() {
    let store = SmallStore::new();
    let output = store.run(["set", "demo", "app", "password", "hunter2"]).fails_with(2);
    assert_snapshot!(store.stderr(&output.hides("hunter2")), @r"
    Error: the value must not be an argument, where other users of this machine can see it
    Hint: pass it on standard input, or with --from-file FILE
    Hint: if that was the real value, it is in your shell's history too: take it out there, and consider changing it
    ");
    let output = store.run(["set", "demo", "app", "password", "--value=hunter2"]).fails_with(2);
    assert_snapshot!(store.stderr(&output.hides("hunter2")), @r"
    error: unexpected argument '--value' found

      tip: to pass '--value' as a value, use '-- --value'

    Usage: phalanx-secrets set <ENVIRONMENTS> <APPLICATION> <KEY>

    For more information, try '--help'.
    ");
    assert_eq!(store.sealed_files(), [""; 0]);
}

#[test]
fn registry_credentials_have_a_form() {
    let store = SmallStore::new();
    stored(&store, &["pull-secret", "ghcr.io"], "bot:pass:word");
    assert_eq!(store.get("pull-secret", "ghcr.io"), b"bot:pass:word");
    assert_eq!(store.sealed_files(), ["secrets/demo/pull-secret/ghcr.io.age"]);
    for value in ["hunter2", ":hunter2", "hunter2:"] {
        let stderr = refused(&store, &["pull-secret", "docker.io"], value);
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
    assert_snapshot!(refused(&store, &["pull-secret", "docker.io"], "hunter2"), @r#"
    Error: demo/pull-secret/docker.io was not stored: it is not of the form "username:password"
    Hint: see: phalanx-secrets set --help
    "#);
    stored(&store, &["pull-secret", "docker.io", "--strip-newline"], "bot:hunter2\n");
}

#[test]
fn clients_have_a_form() {
    let store = SmallStore::new();
    let client = r#"{"id": "chronograf", "secret": "hunter2", "return_uri": "https://x/"}"#;
    stored(&store, &["oidc-clients", "chronograf"], client);
    assert_eq!(store.get("oidc-clients", "chronograf"), client.as_bytes());
    for value in [
        "hunter2",
        r#"{"id": "a", "secret": "hunter2"}"#,
        r#"{"id": "a", "secret": "hunter2", "return_uri": 1}"#,
        r#"{"id": "a", "secret": "hunter2", "return_uri": "u", "hunter2": 1}"#,
        r#"["hunter2"]"#,
    ] {
        let stderr = refused(&store, &["oidc-clients", "other"], value);
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
    assert_snapshot!(refused(&store, &["oidc-clients", "other"], "hunter2"), @r#"
    Error: demo/oidc-clients/other was not stored: it is not a JSON object with the strings "id", "secret" and "return_uri"
    Hint: see: phalanx-secrets set --help
    "#);
}

#[test]
fn the_write_token_has_one_key() {
    let store = SmallStore::new();
    stored(&store, &["vault-write-token", "token"], "hvs.x");
    assert_eq!(store.get("vault-write-token", "token"), b"hvs.x");
    assert_snapshot!(refused(&store, &["vault-write-token", "tokn"], "hvs.x"), @"
    Error: the key of vault-write-token is token, not tokn
    Hint: store it with: phalanx-secrets set demo vault-write-token token
    ");
}

#[test]
fn who_cannot_read_can_still_contribute() {
    let store = SmallStore::new();
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["demo/other"]);
    store.sandbox.install_identity(&bob.path);
    let output = stored(&store, &["app", "password"], "hunter2");
    assert_snapshot!(store.stderr(&output), @"Stored demo/app/password, sealed to: alice");
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3).hides("hunter2");
    assert_snapshot!(store.stderr(&output).replace(&bob.recipient, "[BOB]"), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: these identities were tried:
            [BOB] from [SANDBOX]/home/.config/phalanx-secrets/identity.txt
    Hint: access to demo/app can be given by those who have it: alice
    Hint: ask one of them to run: phalanx-secrets recipients grant bob demo/app
    ");
    // What bob may read is sealed to bob too.
    let output = stored(&store, &["other", "shared"], "hunter2");
    assert_snapshot!(store.stderr(&output), @"Stored demo/other/shared, sealed to: alice, bob");
    assert_eq!(store.get("other", "shared"), b"hunter2");

    // Nor does it take any identity at all.
    let store = store.without_own_identity();
    stored(&store, &["app", "password"], "hunter3");
    let path = store.alice.path.to_str().unwrap();
    let output = store.run(["get", "demo", "app", "password", "-i", path]).success();
    assert_eq!(output.stdout(), "hunter3");
}

#[test]
fn a_value_that_nobody_could_read_is_refused() {
    let store = SmallStore::new();
    store.holder("alice", &[&store.alice.recipient], &["summit"]);
    let output = store.command(["set", "demo", "app", "password"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @r#"
    Error: demo/app/password cannot be sealed: no holder in recipients/ has access to it
    Hint: give a holder access, by a line such as: access = ["demo"]
    "#);
    store.holder("alice", &[], &["*"]);
    let output = store.command(["set", "demo", "app", "password"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @r#"
    Error: demo/app/password cannot be sealed: no holder in recipients/ has access to it
    Hint: give a holder access, by a line such as: access = ["demo"]
    "#);
    assert_eq!(store.sealed_files(), [""; 0]);
}

#[test]
fn holders_that_cannot_be_sealed_to_are_refused() {
    let store = SmallStore::new();
    let stderr = |keys: &[&str], access: &[&str]| {
        store.holder("bob", keys, access);
        let command = store.command(["set", "demo", "app", "password"]);
        store.stderr(&command.stdin("x").run().fails_with(3))
    };
    let own = store.alice.recipient.as_str();
    let ecdsa = store.sandbox.ssh_key_of_type("bob", "ecdsa");
    assert_snapshot!(stderr(&[own, "age1nonsense"], &["*"]), @"
    Error: recipients/bob.toml: key number 2 cannot be sealed to
    Caused by: this is neither an age recipient (age1…) nor an SSH public key
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    assert_snapshot!(stderr(&[&ecdsa.recipient], &["*"]), @"
    Error: recipients/bob.toml: key number 1 cannot be sealed to
    Caused by: SSH keys of type ecdsa-sha2-nistp256 cannot be sealed to, only ssh-ed25519 and ssh-rsa
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    assert_snapshot!(stderr(&[own], &["demo/app/password"]), @r#"
    Error: recipients/bob.toml: what the holder may read is not clear
    Caused by: "demo/app/password" is not an access: use "*", "ENVIRONMENT" or "ENVIRONMENT/APPLICATION"
    Caused by: "app/password" is not a valid application name: only ASCII letters, digits, '.', '_' and '-' are allowed
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    "#);
    assert_snapshot!(stderr(&["age1absent1qqqqqqqqgs0zcs"], &["*"]), @"
    Error: demo/app/password could not be sealed
    Caused by: a recipient cannot be sealed to
    Caused by: Could not find 'age-plugin-absent' on the PATH. Have you installed the plugin?
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    store.write("recipients/bob.toml", "keys = []\n");
    let output = store.command(["set", "demo", "app", "password"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: recipients/bob.toml:1: missing field `access`
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    store.write("recipients/bob.toml", "keys = []\naccess = []\nacces = []\n");
    let output = store.command(["set", "demo", "app", "password"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: recipients/bob.toml:3: unknown field `acces`, expected one of `keys`, `access`, `signing-keys`; did you mean access?
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    fs::rename(store.root.join("recipients/bob.toml"), store.root.join("recipients/b b.toml"))
        .unwrap();
    let output = store.command(["set", "demo", "app", "password"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @r#"
    Error: recipients/b b.toml is named after nothing that can be stored there
    Caused by: "b b" is not a valid holder name: only ASCII letters, digits, '.', '_' and '-' are allowed
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    "#);
    assert_eq!(store.sealed_files(), [""; 0]);
}

/// The names of all files in the store, hidden ones too.
fn everything(store: &SmallStore) -> Vec<String> {
    let name = |path: std::path::PathBuf| {
        path.strip_prefix(&store.root).unwrap().to_str().unwrap().to_owned()
    };
    files_below(&store.root).into_iter().map(name).collect()
}

#[test]
fn nothing_is_left_beside_the_file() {
    let store = SmallStore::new();
    let mut expected = everything(&store);
    stored(&store, &["app", "password"], "one");
    stored(&store, &["app", "password"], "two");
    expected.push("secrets/demo/app/password.age".to_owned());
    expected.sort();
    assert_eq!(everything(&store), expected);
    assert_eq!(files_below(&store.sandbox.root().join("tmp")).len(), 0);
}

#[test]
fn a_place_that_cannot_be_written_leaves_everything_as_it_was() {
    let store = SmallStore::new();
    stored(&store, &["app", "password"], "old");
    // A folder where the file should be.
    fs::create_dir(store.root.join("secrets/demo/app/token.age")).unwrap();
    // A file where the folder should be.
    store.write("secrets/demo/other", "in the way");
    let before = everything(&store);
    let sealed = store.bytes("secrets/demo/app/password.age");
    let output = store.command(["set", "demo", "app", "token"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: cannot replace secrets/demo/app/token.age
    Caused by: Is a directory (os error 21)
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    let output = store.command(["set", "demo", "other", "shared"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: cannot read secrets/demo/other
    Caused by: Not a directory (os error 20)
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    assert_eq!(everything(&store), before);
    assert_eq!(store.bytes("secrets/demo/app/password.age"), sealed);
}

/// Somebody who interrupts at the prompt has changed nothing.
#[test]
fn a_process_that_is_killed_while_it_reads_has_written_nothing() {
    let store = SmallStore::new();
    stored(&store, &["app", "password"], "old");
    let before = (everything(&store), store.bytes("secrets/demo/app/password.age"));
    let script = format!(
        "(printf half; sleep 1) | timeout -s KILL 0.3 {} set demo app password",
        env!("CARGO_BIN_EXE_phalanx-secrets")
    );
    let command = store.sandbox.program("bash", ["-c", &script]).current_dir(&store.root);
    command.run();
    assert_eq!((everything(&store), store.bytes("secrets/demo/app/password.age")), before);
}

/// A client as Phalanx's page "Add new OpenID Connect client" describes it.
#[test]
fn a_client_is_generated_with_an_id_and_a_secret_of_its_own() {
    let store = SmallStore::new();
    let generate = ["oidc-clients", "chronograf", "--generate", "oidc-client"];
    let with = |uri| [&generate[..], &["--return-uri", uri]].concat();
    let output = stored(&store, &with("https://example.org/login?x=1"), "");
    assert_snapshot!(store.stderr(&output), @r"
    Stored demo/oidc-clients/chronograf, sealed to: alice
    Hint: who runs the client needs its id and secret: phalanx-secrets get demo oidc-clients chronograf
    ");
    let client = || -> serde_json::Value {
        serde_json::from_slice(&store.get("oidc-clients", "chronograf")).unwrap()
    };
    let first = client();
    assert_eq!(first["return_uri"], "https://example.org/login?x=1");
    let (id, secret) = (first["id"].as_str().unwrap(), first["secret"].as_str().unwrap());
    let (random, domain) = id.split_once('.').unwrap();
    assert_eq!((random.len(), domain), (32, "clients.demo"));
    assert_eq!(secret.len(), 64);
    assert!([random, secret].concat().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(!output.stderr().contains(secret) && !output.stderr().contains(random));

    // A new one is asked about, and has nothing of the old.
    refused(&store, &with("https://example.org/"), "");
    let again = [&with("https://example.org/")[..], &["--yes"]].concat();
    stored(&store, &again, "");
    assert!(client()["id"] != first["id"] && client()["secret"] != first["secret"]);

    for (uri, said) in [
        ("example.org/login", "it is no absolute URL"),
        ("https://", "it is no absolute URL"),
        ("javascript:alert(1)", "it begins with neither"),
        ("https://example.org/#part", "a part after #"),
        ("https://example.org/a b", "white space"),
    ] {
        let stderr = refused(&store, &with(uri), "");
        assert!(stderr.contains(said), "{uri}: {stderr}");
    }
    let stderr = refused(&store, &generate, "");
    assert!(stderr.contains("--return-uri URL"), "{stderr}");
    refused(&store, &["app", "password", "--generate", "oidc-client"], "");
    let uri = ["--return-uri", "https://example.org/"];
    refused(&store, &[&["app", "password", "--generate", "password"][..], &uri].concat(), "");
    refused(&store, &[&["app", "password"][..], &uri].concat(), "x");
}

#[test]
fn a_value_that_git_ignores_is_stored_and_said_to_be_in_no_commit() {
    let store = SmallStore::new();
    store.git(&["init", "--quiet"]);
    let set = || store.command(["set", "demo", "app", "token"]).stdin("v").run().success();
    assert!(!set().stderr().contains("git ignores"));
    store.write(".gitignore", "*.age\n");
    let output = set();
    let warning = "Warning: git ignores secrets/demo/app/token.age (.gitignore:1): no commit will \
                   hold what is stored there\n";
    assert!(output.stderr().contains(warning), "{output:?}");
}

/// A file system takes names of 255 bytes.
#[test]
fn a_key_whose_file_no_system_takes_is_refused_as_a_name() {
    let store = SmallStore::new();
    for (letter, longest) in [("k", 200), ("\u{f8}", 41), ("\u{4e2d}", 27)] {
        let set = |key: &str| {
            let set = ["set", "demo", "app", key, "--allow-unknown"];
            store.command(set).stdin("x").run()
        };
        let key = letter.repeat(longest);
        set(&key).success();
        assert_eq!(store.get("app", &key), b"x");
        let output = set(&letter.repeat(longest + 1)).fails_with(2);
        assert!(output.stderr().contains("longer than"), "{output:?}");
    }
}

/// More keys than a header that is read may have.
#[test]
fn a_value_is_not_sealed_to_more_keys_than_could_open_it() {
    let store = SmallStore::new();
    store.set("app", "token", "one");
    let key = || age::x25519::Identity::generate().to_public().to_string();
    let keys: Vec<String> = (0..1_100).map(|_| key()).collect();
    store.write("recipients/all.toml", format!("keys = {keys:?}\naccess = [\"demo\"]\n"));
    let output = store.command(["set", "demo", "app", "token"]).stdin("two").run().fails_with(3);
    assert!(output.stderr().contains("too many keys to seal to"), "{output:?}");
    store.run(["rekey"]).fails_with(3);
    assert_eq!(store.get("app", "token"), b"one");
}
