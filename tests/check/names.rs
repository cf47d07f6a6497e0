//! Names and sizes that Kubernetes, Vault or a file system refuses.

use std::fs;

use insta::assert_snapshot;

use super::{APP, APP_FILE, assert_is_clean, findings, kinds_and_files, store_in_order};

#[test]
fn keys_and_names_that_kubernetes_refuses_are_named_before_a_sync() {
    let store = store_in_order();
    let more = "[secrets.\"with space\"]\ndescription = \"x\"\nvalue = \"x\"\n\n\
                [secrets.\"..data\"]\ndescription = \"x\"\nvalue = \"x\"\n\n\
                [secrets.\"a/b\"]\ndescription = \"x\"\nvalue = \"x\"\n";
    store.write(APP_FILE, format!("{APP}\n{more}"));
    store.write(
        "secrets/applications/Of_Ours.toml",
        "[secrets.a]\ndescription = \"x\"\nvalue = \"x\"\n",
    );
    store.write(
        "secrets/environments/demo.toml",
        "vault-url = \"http://127.0.0.1:1\"\nvault-path-prefix = \"secret/demo\"\n\
         applications = [\"app\", \"other\", \"Of_Ours\"]\n",
    );
    assert_snapshot!(findings(&store, &[]), @r#"
    Names that Kubernetes refuses:
      • secrets/applications/app.toml:29: app with space (demo): Kubernetes would refuse this key, and all of app's Secret with it: a key has only ASCII letters, digits, '-', '_' and '.'; rename it to with-space
      • secrets/applications/app.toml:33: app ..data (demo): Kubernetes would refuse this key, and all of app's Secret with it: no key is "." or begins with ".."; rename it to .data
      • secrets/applications/app.toml:37: app a/b (demo): Kubernetes would refuse this key, and all of app's Secret with it: a key has only ASCII letters, digits, '-', '_' and '.'; rename it to a-b
      • secrets/environments/demo.toml:3: Kubernetes would refuse the name of application Of_Ours: a name has only lower-case ASCII letters, digits, '-' and '.', with a letter or digit at both ends
      → rename it in the file that is named, and where the application's manifests use it; a stored value goes along with: phalanx-secrets rename ENVIRONMENT APPLICATION KEY NEW_KEY
    "#);
}

#[test]
fn places_in_vault_that_are_no_good_ones_are_named() {
    let store = store_in_order();
    let environment = |name: &str, prefix: &str| {
        let text = format!(
            "# Comment\nvault-url = \"http://127.0.0.1:1/\"\nvault-path-prefix = \"{prefix}\"\n\
             applications = []\n"
        );
        store.write(&format!("secrets/environments/{name}.toml"), text);
    };
    environment("api", "secret/data/phalanx/api");
    environment("listing", "secret/metadata/x");
    environment("within", "secret/demo/app");
    environment("below", "secret/demo/environments/below");
    environment("same", "secret/demo");
    // None of these is in another's way.
    environment("beside", "secret/demo-2");
    environment("mount", "kv/demo");
    environment("name", "secret/database");
    assert_snapshot!(findings(&store, &[]), @r#"
    Places in Vault that cannot be right:
      • secrets/environments/api.toml:3: the path prefix "secret/data/phalanx/api" is that of Vault's API, which puts "data" or "metadata" after the mount by itself: everything would be made anew in another place; write "secret/phalanx/api"
      • secrets/environments/below.toml:3: it is in a folder of Vault (secret/demo/environments/below) inside that of demo (secret/demo): whoever may read or write demo may do so here, too
      • secrets/environments/below.toml:3: it is in a folder of Vault (secret/demo/environments/below) inside that of same (secret/demo): whoever may read or write same may do so here, too
      • secrets/environments/demo.toml:2: it has the place of below (secret/demo/environments/below) inside its own (secret/demo): whoever may read or write it may do so there, too
      • secrets/environments/demo.toml:2: it is in one place of Vault (secret/demo) with same: each would write over the other's secrets; the path is named after demo, so that of same is to be changed
      • secrets/environments/demo.toml:2: it has the place of within (secret/demo/app) inside its own (secret/demo): whoever may read or write it may do so there, too
      • secrets/environments/listing.toml:3: the path prefix "secret/metadata/x" is that of Vault's API, which puts "data" or "metadata" after the mount by itself: everything would be made anew in another place; write "secret/x"
      • secrets/environments/same.toml:3: it has the place of below (secret/demo/environments/below) inside its own (secret/demo): whoever may read or write it may do so there, too
      • secrets/environments/same.toml:3: it is in one place of Vault (secret/demo) with demo: each would write over the other's secrets; the path is named after demo, so that of same is to be changed
      • secrets/environments/same.toml:3: it has the place of within (secret/demo/app) inside its own (secret/demo): whoever may read or write it may do so there, too
      • secrets/environments/within.toml:3: it is in a folder of Vault (secret/demo/app) inside that of demo (secret/demo): whoever may read or write demo may do so here, too
      • secrets/environments/within.toml:3: it is in a folder of Vault (secret/demo/app) inside that of same (secret/demo): whoever may read or write same may do so here, too
      → correct the path prefix, or the URL, in the file that is named
    "#);
    assert_is_clean(&store, &["beside", "mount", "name"]);
}

#[test]
fn names_that_differ_in_case_alone_are_named() {
    let store = store_in_order();
    let more = "[secrets.Token]\ndescription = \"x\"\n\n[secrets.Made]\ndescription = \"x\"\n\
                generate = { type = \"password\" }\n";
    store.write(APP_FILE, format!("{APP}\n{more}"));
    store.write("recipients/Alice.toml", "keys = []\naccess = []\n");
    let sealed = store.bytes("secrets/demo/app/token.age");
    store.write("secrets/demo/pull-secret/Ghcr.io.age", &sealed);
    store.write("secrets/demo/pull-secret/ghcr.io.age", &sealed);
    let found = kinds_and_files(&store.sandbox, &store.root, &["--allow-missing"]);
    let case: Vec<&String> = found.iter().filter(|found| found.starts_with("case ")).collect();
    assert_eq!(
        case,
        [
            "case recipients/alice.toml",
            &format!("case {APP_FILE}"),
            "case secrets/demo/pull-secret/ghcr.io.age",
        ]
    );
}

#[test]
fn no_second_name_is_made_that_differs_in_case_alone() {
    let store = store_in_order();
    store.write(APP_FILE, format!("{APP}\n[secrets.Token]\ndescription = \"x\"\n"));
    let before = store.sealed_files();
    let output = store.command(["set", "demo", "app", "Token"]).stdin("x").run().fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/Token.age cannot be made: its name differs from that of secrets/demo/app/token.age in case alone, and on macOS and Windows the two are one
    Hint: take the name that is there, or one that differs in more
    ");
    store.sandbox.install_identity(&store.alice.path);
    let output = store.run(["rename", "demo", "app", "password", "Token"]).fails_with(3);
    assert!(output.stderr().contains("in case alone"), "{output:?}");
    let file = store.write("../values.yaml", "applications: {app: {Token: {value: x}}}\n");
    let import = ["import", "demo", file.to_str().unwrap()];
    let output = store.run(import).fails_with(3);
    assert!(output.stderr().contains("in case alone"), "{output:?}");
    let bob = store.sandbox.age_identity("bob");
    let add = ["recipients", "add", "Alice", "--access", "demo", "--key", &bob.recipient];
    let output = store.run(add).fails_with(3);
    assert!(output.stderr().contains("in case alone"), "{output:?}");
    assert_eq!(store.sealed_files(), before);
    assert!(!store.root.join("recipients/Alice.toml").exists());
    // A value that is there is replaced as ever.
    store.set("app", "token", "another value");
}

#[test]
fn more_than_a_kubernetes_secret_holds_is_found_without_a_key() {
    let store = store_in_order();
    // Just as much as it holds, with the literal and the copy.
    let others: usize = ["password", "token", "dex.clientSecret", ".dockerconfigjson", "tls.key"]
        .iter()
        .map(|key| format!("value of {key}").len())
        .sum();
    let others = others + "a literal".len();
    store.set("other", "shared", vec![b'x'; (1 << 20) - others]);
    assert_is_clean(&store, &[]);
    store.set("other", "shared", vec![b'x'; (1 << 20) - others + 1]);
    assert_snapshot!(findings(&store, &[]), @r"
    More than a Kubernetes Secret holds:
      • secrets/demo/app: its values come to 1048577 bytes (copied alone has 1048470), which is larger than the 1048576 (1 MiB) that a Kubernetes Secret holds: Kubernetes would refuse all of it
      → keep large files that are no secrets elsewhere, or give some of the values to another application
    ");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_is_named_and_hides_nothing_else() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let store = store_in_order();
    fs::remove_file(store.root.join("secrets/demo/app/token.age")).unwrap();
    let odd = OsStr::from_bytes(b"caf\xe9.age");
    fs::write(store.root.join("secrets/demo/app").join(odd), "x").unwrap();
    assert_snapshot!(findings(&store, &[]), @r"
    Required and not stored:
      • demo/app/token
      → store it: phalanx-secrets set demo app token

    Not part of the store:
      • secrets/demo/app/caf\xe9.age: its name is not UTF-8, and is shown with escapes
      → remove it: rm -r $'secrets/demo/app/caf\xe9.age' (a value in the clear that was ever pushed is exposed: change it)
    ");
    fs::write(store.root.join("secrets").join(odd), "x").unwrap();
    fs::write(store.root.join("recipients").join(OsStr::from_bytes(b"caf\xe9.toml")), "x").unwrap();
    fs::write(store.root.join("secrets/environments").join(odd), "x").unwrap();
    fs::create_dir(store.root.join("secrets/demo").join(odd)).unwrap();
    fs::write(store.root.join("secrets/demo").join(odd).join("x"), "x").unwrap();
    let expected = [
        "missing demo/app/token",
        r"stray recipients/caf\xe9.toml",
        r"stray secrets/caf\xe9.age",
        r"stray secrets/environments/caf\xe9.age",
        r"stray secrets/demo/app/caf\xe9.age",
        r"stray secrets/demo/caf\xe9.age",
    ];
    assert_eq!(kinds_and_files(&store.sandbox, &store.root, &[]), expected);
    store.run(["list", "demo"]).success();
    store.run(["rekey", "--dry-run"]);
    // As the index has it, too: that has no folders of their own.
    store.sandbox.git_in(&store.root, ["init", "--quiet"]);
    store.sandbox.git_in(&store.root, ["add", "--all"]);
    assert_eq!(kinds_and_files(&store.sandbox, &store.root, &["--staged"]), expected);
}

#[test]
fn clients_with_one_id_are_found_by_those_who_can_open_them() {
    let store = store_in_order();
    store.sandbox.install_identity(&store.alice.path);
    for (name, id) in [("one", "portal"), ("two", "portal"), ("three", "other")] {
        let client = format!(r#"{{"id": "{id}", "secret": "s-{name}", "return_uri": "u"}}"#);
        store.set("oidc-clients", name, client);
    }
    assert_is_clean(&store, &[]);
    assert_snapshot!(findings(&store, &["--open"]), @r"
    OpenID Connect clients with one id:
      • secrets/demo/oidc-clients/two.age: it has the same client id as one
      → give one of the two another id: phalanx-secrets set demo oidc-clients two
    ");
}

#[test]
fn a_url_of_vault_that_is_none_is_named() {
    let store = store_in_order();
    let file = "secrets/environments/demo.toml";
    let text = String::from_utf8(store.bytes(file)).unwrap();
    for wrong in ["http//host", "https:/", "host:8200", "ftp://host"] {
        store.write(file, text.replace("http://127.0.0.1:1", wrong));
        let found = kinds_and_files(&store.sandbox, &store.root, &[]);
        assert_eq!(found, [format!("place {file}")], "{wrong}");
    }
}
