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
    let script = "printf '%s|%s|%s|%s|' \"$APP_PASSWORD\" \"$APP_DEX_CLIENTSECRET\" \"$APP_COPIED\" \"$APP_FIXED\"; echo \"${APP_TOKEN-none}\"; exit 7";
    let output = store.run(["run", "demo", "app", "--", "sh", "-c", script]).fails_with(7);
    assert_eq!(output.stdout(), "x\n|é|copied|a literal|none\n");
    assert_snapshot!(store.stderr(&output), @"Warning: left out, since no value is stored: .dockerconfigjson, token, with space");
    let output =
        store.run(["run", "demo", "other", "--prefix", "MY_", "--", "printenv", "MY_SHARED"]);
    assert_eq!(output.success().stdout(), "copied\n");
    // The caller may name each variable; there are no others then.
    let named = ["run", "demo", "app", "--variable", "PGPASSWORD=password", "--"];
    let script = "echo \"$PGPASSWORD${APP_FIXED-none}\"";
    let output = store.run([&named[..], &["sh", "-c", script]].concat()).success();
    assert_eq!(output.stdout(), "x\nnone\n");
    // Neither does it get what opens all others.
    let identity = store.sandbox.read(store.own_identity());
    let command = store.command(["run", "demo", "other", "--", "env"]);
    let command = command.env("VAULT_TOKEN", "hvs.x").env("OP_CONNECT_TOKEN", "hvs.x");
    let output = command.env("PHALANX_SECRETS_IDENTITY", &identity).run().success();
    let output = output.hides("AGE-SECRET-KEY").hides("hvs.x");
    assert!(output.stdout().contains("OTHER_SHARED=copied"), "{output:?}");
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
        (&["other", "--prefix", "", "--", "true"], 2, "a key could steer programs"),
        (&["other", "--variable", "A", "--", "true"], 2, "not of the form NAME=KEY"),
        (&["app", "--variable", "A=fixd", "--", "true"], 2, "did you mean fixed?"),
        (&["other"], 2, "required"),
    ] {
        let output = store.run([&["run", "demo"], arguments].concat()).fails_with(code);
        assert!(output.stderr().contains(said), "{arguments:?}: {output:?}");
    }
    store.write("secrets/applications/other.toml", "[secrets.a-b]\n[secrets.\"a.b\"]\n");
    store.set("other", "a-b", "x");
    store.set("other", "a.b", "y");
    let output = store.run(["run", "demo", "other", "--", "true"]).fails_with(2);
    assert!(output.stderr().contains("a-b and a.b would both be OTHER_A_B"), "{output:?}");
    // Whoever writes specs does not choose what is run.
    let run = |options: &[&str], command: &[&str]| {
        store.run([&["run", "demo", "other"], options, &["--"], command].concat())
    };
    for (key, variable) in [
        ("path", "PATH"),
        ("ld-preload", "LD_PRELOAD"),
        ("git-ssh-command", "GIT_SSH_COMMAND"),
        ("perl5opt", "PERL5OPT"),
        ("lessopen", "LESSOPEN"),
        ("makeflags", "MAKEFLAGS"),
        ("prompt-command", "PROMPT_COMMAND"),
    ] {
        let spec = format!("[secrets.{key}]\nvalue = \"canary\"\n");
        store.write("secrets/applications/other.toml", spec);
        let script = format!("echo \"$OTHER_{variable}-${{{variable}-}}\"");
        let output = run(&[], &["/bin/sh", "-c", &script]).success();
        assert!(output.stdout().starts_with("canary-"), "{output:?}");
        assert_eq!(output.stdout().matches("canary").count(), 1, "{output:?}");
    }
    store.write("secrets/applications/other.toml", "[secrets.preload]\nvalue = \"/x\"\n");
    let output = run(&["--prefix", "LD_"], &["true"]).fails_with(2);
    assert!(output.stderr().contains("which steers programs"), "{output:?}");
    // Whoever calls does.
    let output = run(&["--variable", "LD_X=preload"], &["printenv", "LD_X"]).success();
    assert_eq!(output.stdout(), "/x\n");
}

/// Every variable of README's tables and more, but for proxies, which open no
/// secrets.
#[test]
fn what_opens_more_than_the_application_is_not_passed_on() {
    let store = SmallStore::new();
    let readme = std::fs::read_to_string("README.md").unwrap();
    let is_variable = |word: &&str| {
        word.contains('_')
            && word.chars().all(|c| c.is_ascii_uppercase() || "_0123456789".contains(c))
    };
    let settings = readme.split("\n## ").find(|part| part.starts_with("Settings")).unwrap();
    let of_readme = settings.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let passed = ["HTTPS_PROXY", "NO_PROXY", "XDG_CONFIG_HOME"];
    let mut names: Vec<String> = of_readme
        .filter(is_variable)
        .filter(|name| name.len() > 4 && !passed.contains(name))
        .map(str::to_owned)
        .collect();
    let twins: Vec<String> = names
        .iter()
        .filter_map(|name| name.strip_prefix("VAULT_"))
        .map(|name| format!("BAO_{name}"))
        .collect();
    names.extend(twins);
    names.extend(
        [
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "GITHUB_TOKEN",
            "OP_CONNECT_TOKEN",
            "OP_SERVICE_ACCOUNT_TOKEN",
            "SOPS_AGE_KEY_CMD",
            "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
            "SSH_AUTH_SOCK",
        ]
        .map(str::to_owned),
    );
    names.retain(|name| !name.starts_with("PHALANX_SECRETS_"));
    assert!(names.contains(&"VAULT_CLIENT_KEY".to_owned()) && names.len() > 30, "{names:?}");
    // The identity at hand is that of the store.
    let identity = store.own_identity();
    let mut command = store.command(["-i", identity.to_str().unwrap(), "run", "demo", "app"]);
    for name in names.iter().map(String::as_str).chain(passed).chain(["PHALANX_SECRETS_IDENTITY"]) {
        command = command.env(name, "passed-on");
    }
    let output = command.args(["--pass", "SSH_AUTH_SOCK", "--", "env"]).run().success();
    let mut found: Vec<&str> =
        output.stdout().lines().filter_map(|line| line.strip_suffix("=passed-on")).collect();
    found.sort_unstable();
    let mut expected = [&passed[..], &["SSH_AUTH_SOCK"]].concat();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
