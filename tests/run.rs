//! `run`: a process with an application's secrets.

use insta::assert_snapshot;

use crate::support::small_store::SmallStore;
use crate::support::terminal::Walk;

#[test]
fn a_process_gets_an_applications_secrets() {
    let store = SmallStore::new();
    store.set("app", "password", "x\n");
    store.set("app", "dex.clientSecret", "é");
    store.set("other", "shared", "copied");
    let script = "printf '%s|%s|%s|%s|' \"$PASSWORD\" \"$DEX_CLIENTSECRET\" \"$COPIED\" \"$FIXED\"; echo \"${TOKEN-none}\"; exit 7";
    let output = store.run(["run", "demo", "app", "--", "sh", "-c", script]).fails_with(7);
    assert_eq!(output.stdout(), "x\n|é|copied|a literal|none\n");
    assert_snapshot!(store.stderr(&output), @"Warning: left out, since no value is stored: .dockerconfigjson, token, with space");
    let output =
        store.run(["run", "demo", "other", "--prefix", "MY_", "--", "printenv", "MY_SHARED"]);
    assert_eq!(output.success().stdout(), "copied\n");
    // Neither does it get what opens all others.
    let identity = store.sandbox.read(store.own_identity());
    let command = store.command(["run", "demo", "other", "--", "env"]);
    let command = command.env("VAULT_TOKEN", "hvs.x").env("OP_CONNECT_TOKEN", "hvs.x");
    let output = command.env("PHALANX_SECRETS_IDENTITY", &identity).run().success();
    let output = output.hides("AGE-SECRET-KEY").hides("hvs.x");
    assert!(output.stdout().contains("SHARED=copied"), "{output:?}");
    // Nothing of it is in the arguments.
    let script = "cat /proc/$$/cmdline | tr '\\0' ' '";
    let output = store.run(["run", "demo", "other", "--", "sh", "-c", script]).success();
    assert!(!output.stdout().contains("copied"), "{output:?}");
}

#[test]
fn files_are_as_private_as_their_folder_and_go_with_the_process() {
    let store = SmallStore::new();
    store.set("app", "password", "x\n");
    store
        .command(["set", "demo", "app", "with space", "--allow-binary"])
        .stdin([0, 255])
        .run()
        .success();
    let script = "cd \"$PHALANX_SECRETS_FOLDER\" && pwd && stat -c '%a %n' . * && cat password && od -An -tx1 with%20space && exit 9";
    let output =
        store.run(["run", "demo", "app", "--files", "--", "sh", "-c", script]).fails_with(9);
    let mut lines = output.stdout().lines();
    let folder = lines.next().unwrap();
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["700 .", "600 fixed", "600 password", "600 with%20space", "x", " 00 ff"]
    );
    assert!(!std::path::Path::new(folder).exists());
    let script = "echo $PHALANX_SECRETS_FOLDER; kill -TERM $$";
    let output = store.run(["run", "demo", "app", "--files", "--", "sh", "-c", script]);
    // As that one ended.
    assert!(output.was_killed());
    assert!(!std::path::Path::new(output.stdout().trim()).exists());
    // A signal ends both.
    let script = "echo $PHALANX_SECRETS_FOLDER > place; echo waiting; exec sleep 60";
    let command = store.command(["run", "demo", "app", "--files", "--", "sh", "-c", script]);
    Walk::through(command).expect("waiting").signal(15).run().ended_by(15);
    let place = store.sandbox.read(store.root.join("place"));
    assert!(!std::path::Path::new(place.trim()).exists());
}

#[test]
fn what_cannot_be_run_says_why() {
    let store = SmallStore::new();
    store
        .command(["set", "demo", "app", "with space", "--allow-binary"])
        .stdin([0, 255])
        .run()
        .success();
    for (arguments, code, said) in [
        (
            &["app", "--", "true"][..],
            2,
            "with space is no text that an environment variable can hold",
        ),
        (&["ap", "--", "true"], 2, "did you mean app?"),
        (&["other", "--", "nowhere-to-be-found"], 127, "nowhere-to-be-found cannot be started"),
        (&["other", "--files", "--", "/dev/null"], 126, "/dev/null cannot be started"),
        (&["other", "--prefix", "a=b", "--", "true"], 2, "letters, digits and _ alone"),
        (&["other"], 2, "required"),
    ] {
        let output = store.run([&["run", "demo"], arguments].concat()).fails_with(code);
        assert!(output.stderr().contains(said), "{arguments:?}: {output:?}");
    }
    store.write("secrets/applications/other.toml", "[secrets.a-b]\n[secrets.\"a.b\"]\n");
    store.set("other", "a-b", "x");
    store.set("other", "a.b", "y");
    let output = store.run(["run", "demo", "other", "--", "true"]).fails_with(2);
    assert!(output.stderr().contains("a-b and a.b would both be A_B"), "{output:?}");
    // Whoever writes specs does not choose what is run.
    for key in ["path", "ld-preload"] {
        store
            .write("secrets/applications/other.toml", format!("[secrets.{key}]\nvalue = \"/x\"\n"));
        let output = store.run(["run", "demo", "other", "--", "true"]).fails_with(2);
        assert!(output.stderr().contains("which steers programs"), "{output:?}");
        store.run(["run", "demo", "other", "--prefix", "X_", "--", "true"]).success();
    }
}
