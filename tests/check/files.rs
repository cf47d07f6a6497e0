//! What lies about in the store.

use insta::assert_snapshot;

use super::{assert_is_clean, findings, kinds_and_files, store_in_order};

#[test]
fn whatever_does_not_belong_is_named() {
    let store = store_in_order();
    let sealed = store.bytes("secrets/demo/app/token.age");
    // These belong.
    store.write("secrets/.gitattributes", "*.age -text\n");
    store.write("secrets/demo/.gitignore", "*.swp\n");
    assert_is_clean(&store, &[]);
    for file in [
        "secrets/notes.txt",
        "secrets/token.age",
        "secrets/applications/app.yaml",
        "secrets/environments/below/demo.toml",
        "secrets/dmo/app/token.age",
        "secrets/demo/token.age",
        "secrets/demo/app/notes.txt",
        "secrets/demo/app/below/token.age",
        "secrets/demo/app/%74oken.age",
        "secrets/demo/app/%2edockerconfigjson.age",
        "secrets/demo/app/%0A.age",
        "secrets/demo/app/.phalanx-secrets-AbC123",
        "secrets/demo/gone/token.age",
        "secrets/demo/app/absent.age",
        "secrets/demo/app/made.age",
        "recipients/alice.toml.orig",
        "recipients/team/bob.toml",
        "recipients/.hidden.toml",
        "recipients/.phalanx-secrets-AbC123",
    ] {
        store.write(file, &sealed);
    }
    assert_snapshot!(findings(&store, &[]), @r"
    In another secret's place:
      • secrets/demo/app/absent.age: it was sealed for demo/app/token, and moved or copied here
      • secrets/demo/app/made.age: it was sealed for demo/app/token, and moved or copied here
      • secrets/demo/gone/token.age: it was sealed for demo/app/token, and moved or copied here
      • secrets/dmo/app/token.age: it was sealed for demo/app/token, and moved or copied here
      → move it back to the secret that it was sealed for, or store the right value: phalanx-secrets set demo APPLICATION KEY
      → move it back to the secret that it was sealed for, or store the right value: phalanx-secrets set dmo app token

    Not part of the store:
      • recipients/.hidden.toml: only the TOML files of holders belong here
      • recipients/.phalanx-secrets-AbC123: an interrupted command left it
      • recipients/alice.toml.orig: only the TOML files of holders belong here
      • recipients/team/bob.toml: only the TOML files of holders belong here
      • secrets/applications/app.yaml: only NAME.toml belongs here
      • secrets/dmo: there is no environment dmo
      • secrets/environments/below/demo.toml: only NAME.toml belongs here
      • secrets/notes.txt: no such file belongs here
      • secrets/token.age: no such file belongs here
      • secrets/demo/app/%0A.age: it is named after no secret
      • secrets/demo/app/%2edockerconfigjson.age: it is not read: the file of this key is called %2Edockerconfigjson.age
      • secrets/demo/app/%74oken.age: it is not read: the file of this key is called token.age
      • secrets/demo/app/.phalanx-secrets-AbC123: an interrupted command left it
      • secrets/demo/app/absent.age: no spec asks for it
      • secrets/demo/app/below/token.age: it is in a folder within an application's
      • secrets/demo/app/made.age: it is of kind generate, so nothing uses this value
      • secrets/demo/app/notes.txt: only sealed files (.age) belong here
      • secrets/demo/gone/token.age: demo does not enable gone
      • secrets/demo/token.age: it is in no application's folder
      → what a command left is removed by: phalanx-secrets rekey
      → remove the value: phalanx-secrets remove ENVIRONMENT APPLICATION KEY
      → where it was retired, what it left is removed by: phalanx-secrets remove dmo
      → remove it: rm -r FILE (a value in the clear that was ever pushed is exposed: change it)
    ");
}

#[test]
fn what_interrupted_commands_left_is_removed_as_it_says() {
    let store = store_in_order();
    store.write("secrets/demo/app/.phalanx-secrets-AbC123", "x");
    assert_snapshot!(findings(&store, &[]), @r"
    Not part of the store:
      • secrets/demo/app/.phalanx-secrets-AbC123: an interrupted command left it
      → what a command left is removed by: phalanx-secrets rekey
    ");
    store.run(["rekey"]).success();
    assert_is_clean(&store, &[]);
}

#[test]
fn values_in_the_clear_are_found_wherever_they_are() {
    let store = store_in_order();
    for file in [
        "secrets/demo/app/password.age",
        "secrets/demo/app/below/token.age",
        "secrets/dmo/app/token.age",
        "secrets/Bad name/app/token.age",
        "secrets/token.age",
    ] {
        store.write(file, "hunter2");
    }
    let found = kinds_and_files(&store.sandbox, &store.root, &[]);
    let plaintext: Vec<&String> =
        found.iter().filter(|found| found.starts_with("plaintext")).collect();
    assert_eq!(
        plaintext,
        [
            "plaintext secrets/Bad name/app/token.age",
            "plaintext secrets/demo/app/below/token.age",
            "plaintext secrets/token.age",
            "plaintext secrets/demo/app/password.age",
            "plaintext secrets/dmo/app/token.age",
        ]
    );
    store.run(["check"]).fails_with(1).hides("hunter2");
    store.run(["check", "--json"]).fails_with(1).hides("hunter2");
}

#[cfg(unix)]
#[test]
fn links_are_named_and_not_followed() {
    let store = store_in_order();
    let link = |target: &str, file: &str| {
        std::os::unix::fs::symlink(target, store.root.join(file)).unwrap();
    };
    link("token.age", "secrets/demo/app/absent.age");
    // Each of these leads around, twice as often at each turn.
    link("..", "secrets/demo/app/one");
    link("..", "secrets/demo/app/two");
    link("demo", "secrets/summit");
    assert_eq!(
        kinds_and_files(&store.sandbox, &store.root, &[]),
        [
            "stray secrets/summit",
            "stray secrets/demo/app/absent.age",
            "stray secrets/demo/app/one",
            "stray secrets/demo/app/two",
        ]
    );
}
