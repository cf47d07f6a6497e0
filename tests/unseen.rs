//! What people do not see, and what is not what it seems: byte order marks,
//! white space, control characters in names, keys of other makes, ciphertext.

use std::fs;

use crate::support::small_store::SmallStore;

/// A store with one value, and without the identity that opens it.
fn locked() -> (SmallStore, String) {
    let store = SmallStore::new();
    store.set("app", "password", "one");
    let identity = fs::read_to_string(store.own_identity()).unwrap();
    fs::remove_file(store.own_identity()).unwrap();
    (store, identity)
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn an_identity_file_may_have_a_mark_or_be_in_utf_16() {
    let (store, identity) = locked();
    let marked = format!("\u{feff}{identity}").into_bytes();
    for text in [marked, utf16(&identity), utf16(&identity.replace('\n', "\r\n"))] {
        let file = store.write("identity", text);
        let get = ["get", "demo", "app", "password", "-i", file.to_str().unwrap()];
        assert_eq!(store.run(get).success().stdout(), "one");
    }
}

#[test]
fn keys_of_other_makes_are_named_and_leave_the_others() {
    let (store, identity) = locked();
    let good = store.write("good", &identity);
    let post_quantum =
        "AGE-SECRET-KEY-PQ-1PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPS2E469L";
    for (text, name) in [
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n", "PKCS#8"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n", "elliptic-curve"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n", "OpenPGP"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY"),
        (post_quantum, "post-quantum"),
    ] {
        let other = store.write("other", text);
        let get = |files: &[&std::path::PathBuf]| {
            let mut command = store.command(["get", "demo", "app", "password"]);
            for file in files {
                command = command.args(["-i"]).args([file]);
            }
            command.run()
        };
        let refused = get(&[&other]).fails_with(3);
        assert!(refused.stderr().contains(name), "{refused:?}");
        assert!(!refused.stderr().contains("git log"), "{refused:?}");
        assert_eq!(get(&[&other, &good]).success().stdout(), "one");
        // In a default place it is passed over, and named where nothing opens.
        store.write(store.own_identity().to_str().unwrap(), text);
        assert_eq!(get(&[&good]).success().stdout(), "one");
        let refused = get(&[]).fails_with(3);
        assert!(refused.stderr().contains(name), "{refused:?}");
        fs::remove_file(store.own_identity()).unwrap();
    }
    let both = store.write("both", format!("{post_quantum}\n{identity}"));
    let get = ["get", "demo", "app", "password", "-i", both.to_str().unwrap()];
    assert_eq!(store.run(get).success().stdout(), "one");
}

#[test]
fn a_missing_identity_gets_a_hint_that_helps() {
    let (store, _) = locked();
    fs::create_dir(store.root.join("folder")).unwrap();
    for name in ["missing", "folder"] {
        let get = ["get", "demo", "app", "password", "-i", name];
        let refused = store.run(get).fails_with(3);
        assert!(refused.stderr().contains("Hint: ") && !refused.stderr().contains("git log"));
    }
}

#[test]
fn nothing_unseen_is_stored_without_a_word() {
    let store = SmallStore::new();
    for (value, words) in [
        ("\u{feff}hunter2", "begins with a byte order mark"),
        ("hunter2\r\n", "ends with a carriage return"),
        ("hunter2\n", "is one line and ends with a line feed"),
        (" hunter2", "begins with white space"),
        ("hun\u{200b}ter2", "characters that are not seen"),
        ("ENC[AES256_GCM,data:bWFkZSB1cA==,type:str]", "sops had encrypted it"),
        ("$ANSIBLE_VAULT;1.1;AES256\n61\n", "Ansible had encrypted it"),
    ] {
        let set = store.command(["set", "demo", "app", "password"]).stdin(value).run().success();
        assert!(set.stderr().contains(words), "{set:?}");
        assert_eq!(store.get("app", "password"), value.as_bytes());
    }
    let plain = store.command(["set", "demo", "app", "password"]).stdin("hunter2").run().success();
    assert!(!plain.stderr().contains("Warning"), "{plain:?}");
}

#[test]
fn an_import_says_what_set_says() {
    let store = SmallStore::new();
    let import = |value: &str| {
        let yaml = format!("applications:\n  app:\n    password:\n      value: {value}\n");
        let file = store.sandbox.write("values.yaml", yaml);
        let line = ["import", "demo", file.to_str().unwrap(), "--replace", "--yes"];
        store.command(&line[..4]).run()
    };
    let output = import("|\n        hunter2").success();
    assert!(output.stderr().contains("app password is one line and ends with"), "{output:?}");
    let refused = import("ENC[AES256_GCM,data:x,type:str]").fails_with(2);
    assert!(refused.stderr().contains("demo/app/password (by sops)"), "{refused:?}");
    assert_eq!(store.get("app", "password"), b"hunter2\n");
}

#[test]
fn registry_credentials_have_no_control_characters() {
    let store = SmallStore::new();
    for value in ["bot:hunter2\n", "bot\n:hunter2", "bot:hun\u{7}ter2"] {
        let set = store.command(["set", "demo", "pull-secret", "ghcr.io"]).stdin(value).run();
        let refused = set.fails_with(2).hides("hun");
        assert!(refused.stderr().contains("control character"), "{refused:?}");
    }
}

#[test]
fn names_that_look_alike_are_spelt_out() {
    let store = SmallStore::new();
    store.write("secrets/applications/other.toml", "[secrets.\"caf\u{e9}\"]\n[secrets.shared]\n");
    let set = store.command(["set", "demo", "other", "cafe\u{301}"]).stdin("x").run();
    let refused = set.fails_with(2);
    assert!(refused.stderr().contains(r"caf\u{e9}") && refused.stderr().contains(r"cafe\u{301}"));
}

#[test]
fn a_private_key_is_never_made_where_git_takes_it_along() {
    let store = SmallStore::new();
    store.sandbox.git_in(&store.root, ["init", "--quiet"]);
    for path in ["recipients/alice.toml", "secrets/store.toml"] {
        fs::remove_file(store.root.join(path)).unwrap();
    }
    fs::remove_file(store.own_identity()).unwrap();
    let init = || store.command(["init", "--name", "me", "--new-identity"]);
    let inside = store.root.join("config");
    let refused = init().env("XDG_CONFIG_HOME", &inside).run().fails_with(3);
    assert!(refused.stderr().contains("is in a git repository"), "{refused:?}");
    assert!(!inside.join("phalanx-secrets/identity.txt").exists());
    // A relative place counts for nothing.
    init().env("XDG_CONFIG_HOME", ".config").run().success();
    assert!(store.own_identity().exists());
    assert!(!store.root.join(".config").exists());
}

/// In UTF-16 with and without a mark, and a mark where two files were put
/// together: each is named for what it is.
#[test]
fn a_file_in_another_encoding_is_named_for_it() {
    let store = SmallStore::new();
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let files = [
        "secrets/applications/other.toml",
        "secrets/environments/demo.toml",
        "secrets/store.toml",
        "recipients/alice.toml",
    ];
    for file in files {
        let before = String::from_utf8(store.bytes(file)).unwrap();
        for bytes in [utf16(&before), little(&before)] {
            store.write(file, bytes);
            let output = store.run(["list", "demo"]);
            let output = if output.code() == 0 {
                store.run(["get", "demo", "app", "password"])
            } else {
                output
            };
            assert!(output.stderr().contains("is in UTF-16, not UTF-8"), "{file}: {output:?}");
        }
        store.write(file, format!("{before}\n\u{feff}# more\n"));
        let output = store.run(["check"]);
        let said = [output.stdout(), output.stderr()].concat();
        assert!(said.contains("begins with a byte order mark"), "{file}: {output:?}");
        store.write(file, format!("\u{feff}{before}"));
        store.run(["list", "demo"]).success();
        store.write(file, before);
    }
    let yaml = "applications:\n  app:\n    password: {value: x}\n";
    let import = |bytes: &[u8]| store.command(["import", "demo", "-"]).stdin(bytes).run();
    for bytes in [utf16(yaml), little(yaml)] {
        assert!(import(&bytes).fails_with(2).stderr().contains("is in UTF-16, not UTF-8"));
    }
    let output =
        import(format!("{yaml}\u{feff}    token: {{value: y}}\n").as_bytes()).fails_with(2);
    assert!(
        output.stderr().contains("line 4: the line begins with a byte order mark"),
        "{output:?}"
    );
    import(format!("\u{feff}{yaml}").as_bytes()).success();
}

/// Where there is no repository, or no commit, nothing of it can be shown.
#[test]
fn a_hint_at_history_is_given_where_there_is_some() {
    let store = SmallStore::new();
    store.set("app", "password", "x");
    store.write("secrets/demo/app/password.age", "damaged");
    let git = |arguments: &[&str]| store.sandbox.git_in(&store.root, arguments);
    let hint = || {
        let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
        assert!(output.stderr().contains("Hint: "), "{output:?}");
        output.stderr().contains("git log")
    };
    assert!(!hint());
    git(&["init", "--quiet"]);
    assert!(!hint());
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "The store"]);
    assert!(hint());
}

/// macOS may write names with accents as characters of their own.
#[test]
fn a_file_whose_name_has_another_form_of_unicode_is_named_for_it() {
    let store = SmallStore::new();
    store.write("secrets/applications/other.toml", "[secrets.\"caf\u{e9}\"]\n[secrets.shared]\n");
    store.set("other", "caf\u{e9}", "x");
    let place = |name: &str| store.root.join(format!("secrets/demo/other/{name}.age"));
    let mut now = place("caf%C3%A9");
    for (name, said) in [
        ("cafe\u{301}", "called cafe%CC%81.age; accents are characters of their own"),
        ("cafe%CC%81", r"cafe\u{301} and the caf\u{e9} of a spec look the same"),
    ] {
        std::fs::rename(&now, place(name)).unwrap();
        now = place(name);
        let output = store.run(["check"]).fails_with(1);
        assert!(output.stdout().contains(said), "{name}: {output:?}");
    }
}
