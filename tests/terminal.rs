//! Output and prompts, as people meet them.

use crate::support::small_store::SmallStore;
use crate::support::terminal::{ENDINGS, SIGCONT, SIGSTOP, Walk};
use crate::support::traces::{assert_nowhere, new_mark};

#[test]
fn a_hidden_prompt_restores_the_terminal_at_every_signal() {
    let (store, mark) = (SmallStore::new(), new_mark());
    let again = |walk: Walk| walk.send(&format!("{mark}\r")).expect("The same again: ");
    let half = |walk: Walk| walk.send(&format!("\x1b[200~{mark}")).pause(0.1);
    // With half a value typed, asked again, and with half a value pasted.
    let steps: [&dyn Fn(Walk) -> Walk; 4] =
        [&|walk| walk, &|walk| walk.send(&mark).pause(0.1), &again, &|walk| half(again(walk))];
    for (signal, step) in ENDINGS.iter().flat_map(|signal| steps.map(|step| (*signal, step))) {
        let command = store.command(["set", "demo", "app", "password"]).env("TERM", "xterm");
        let walked = step(Walk::through(command).expect("Value of ")).signal(signal).run();
        assert!(!walked.ended_by(signal).screen.contains(&mark));
    }
    assert_eq!(store.sealed_files(), Vec::<String>::new());
    assert_nowhere(&mark, &store.sandbox);
}

#[test]
fn a_key_of_4096_characters_and_more_is_taken_whole() {
    let store = SmallStore::new();
    let value = "0123456789abcdef".repeat(1 << 10);
    Walk::through(store.command(["set", "demo", "app", "password"]))
        .expect("Value of ")
        .send(&format!("{value}\r"))
        .expect("The same again: ")
        .paste(&value)
        .expect("Stored demo/app/password")
        .run()
        .success();
    assert_eq!(store.get("app", "password"), value.as_bytes());
}

#[test]
fn less_and_more_can_be_said() {
    let store = SmallStore::new();
    let set = |option: &str| {
        let output = store.command(["set", "demo", "app", "password", option]).stdin("x").run();
        output.success().stderr().to_owned()
    };
    assert_eq!(set("--quiet"), "");
    assert_eq!(set("--no-commit"), "Stored demo/app/password, sealed to: alice\n");
    let output = store.run(["get", "demo", "app", "token", "--quiet"]).fails_with(3);
    assert!(output.stderr().starts_with("Error: "), "{output:?}");
}

/// What the shell is offered for a line whose last word is begun.
fn offered(store: &SmallStore, words: &[&str]) -> Vec<String> {
    let line = [&["--", "phalanx-secrets"], words].concat();
    let command = store.command(line).env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
    let output = command.env("_CLAP_COMPLETE_INDEX", words.len().to_string()).run().success();
    output.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn shells_complete_names_from_the_checkout() {
    let store = SmallStore::new();
    store.set("pull-secret", "ghcr.io", "u:p");
    store.write(
        "secrets/environments/prod.toml",
        "vault-url = \"x\"\nvault-path-prefix = \"a/b\"\napplications = []\n",
    );
    assert_eq!(offered(&store, &["set", "de"]), ["demo"]);
    assert_eq!(offered(&store, &["set", "demo,p"]), ["demo,prod"]);
    assert_eq!(offered(&store, &["get", "demo", "o"]), ["other", "oidc-clients"]);
    assert_eq!(offered(&store, &["edit", "demo", "app", "pa"]), ["password"]);
    assert_eq!(offered(&store, &["get", "demo", "pull-secret", ""]).first().unwrap(), "ghcr.io");
    assert_eq!(offered(&store, &["recipients", "show", "al"]), ["alice"]);
    assert_eq!(offered(&store, &["fil"]), ["fill"]);
    // Outside of any checkout there is nothing, and no error.
    let command = store.sandbox.command(["--", "phalanx-secrets", "set", ""]).current_dir("/");
    let command = command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2");
    assert!(!command.run().success().stdout().contains("demo"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = store.run(["completions", shell]).success();
        assert!(output.stdout().contains("COMPLETE"), "{shell}: {output:?}");
    }
}

/// What bash itself makes of it.
#[test]
fn bash_takes_the_completions() {
    let store = SmallStore::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_phalanx-secrets")).parent().unwrap();
    let script = |line: &str| {
        let script = format!(
            "PATH={}:$PATH; source <(phalanx-secrets completions bash); {line}",
            program.display()
        );
        let bash = store.sandbox.program("bash", ["-c", &script]).current_dir(&store.root);
        bash.run().success().stdout().to_owned()
    };
    let registered = script("complete -p phalanx-secrets");
    assert!(registered.contains("-F _phalanx_secrets_quoted phalanx-secrets"), "{registered}");
    // A key with a space is one word, quoted or not.
    let completed = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| format!("$'{word}'")).collect();
        script(&format!(
            "COMP_WORDS=(phalanx-secrets {}); COMP_CWORD={}; _phalanx_secrets_quoted \
             phalanx-secrets {} x; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len(),
            words.last().unwrap()
        ))
    };
    assert_eq!(completed(&["get", "demo", "app", "wi"]), "with\\ space\n");
    assert_eq!(completed(&["get", "demo", "app", "with\\\\ s"]), "with\\ space\n");
    assert_eq!(completed(&["get", "demo", "app", "\\'with s"]), "with space\n");
    assert_eq!(completed(&["set", "demo,d"]), "\n");
}

#[test]
fn there_are_manual_pages_for_every_command() {
    let store = SmallStore::new();
    let page = store.run(["man"]).success();
    assert!(page.stdout().contains(".TH phalanx-secrets 1"), "{page:?}");
    let folder = store.sandbox.work().join("man/man1");
    store.run(["man", folder.to_str().unwrap()]).success();
    for page in ["phalanx-secrets.1", "phalanx-secrets-set.1", "phalanx-secrets-recipients-add.1"] {
        let text = store.sandbox.read(folder.join(page));
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}

/// Whoever asks a command for help is shown how it is used.
#[test]
fn errors_have_hints_and_commands_have_help() {
    let store = SmallStore::new();
    for arguments in [
        &["get", "demo", "app", "token"][..],
        &["get", "dmo", "app", "token"],
        &["get", "demo", "ap", "token"],
        &["list", "elsewhere"],
        &["set", "demo", "app", "tken"],
        &["edit", "demo", "app", "fixed"],
        &["fill", "demo", "nowhere"],
        &["import", "demo", "nowhere.yaml"],
        &["import", "demo", "--from-sops", "nowhere.yaml"],
        &["import", "demo", "--from-vault"],
        &["rename", "demo", "app", "token", "password"],
        &["copy-env", "demo", "elsewhere"],
        &["run", "demo", "app", "--from-vault", "--", "true"],
        &["move-in", "demo"],
        &["sync", "demo"],
        &["audit", "demo"],
        &["export", "elsewhere"],
        &["recipients", "show", "nobody"],
        &["remove", "demo", "app", "token"],
        &["man", "/proc/nowhere"],
    ] {
        let output = store.run(arguments);
        assert_ne!(output.code(), 0, "{arguments:?}");
        assert!(output.stderr().contains("Hint: "), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_line_that_was_pasted_with_its_end_is_a_line() {
    let store = SmallStore::new();
    Walk::through(store.command(["set", "demo", "app", "password"]))
        .expect("Value of ")
        .paste("a token\n")
        .expect("The same again: ")
        .send("a token\r")
        .expect("Stored demo/app/password")
        .run()
        .success();
    assert_eq!(store.get("app", "password"), b"a token");
}

/// What comes after an answer goes neither into the next nor to a shell.
#[test]
fn a_text_that_comes_in_parts_is_refused() {
    let store = SmallStore::new();
    let walked = Walk::through(store.command(["set", "demo", "app", "password"]))
        .expect("Value of ")
        .send("first\r")
        .pause(0.15)
        .send("second\r")
        // Where the machine was so slow that it is one text.
        .pause(0.5)
        .send("\x04")
        .run();
    let was_slow = walked.screen.contains("The same again");
    assert!(was_slow || walked.screen.contains("more came than one line"), "{walked:?}");
    assert_eq!(walked.code, Some(2), "{walked:?}");
    assert!(!walked.screen.contains("second"), "{walked:?}");
    assert_eq!(store.sealed_files(), Vec::<String>::new());
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let store = SmallStore::new();
    let get = || store.command(["get", "demo", "app", "token"]).env("TERM", "xterm");
    let coloured = |command| Walk::through(command).run().screen.contains("\x1b[");
    assert!(coloured(get()));
    assert!(!coloured(get().env("NO_COLOR", "1")));
    assert!(!coloured(get().env("TERM", "dumb")));
    let set = || store.command(["set", "demo", "app", "token"]);
    let asked = |command| {
        Walk::through(command)
            .expect("Value of ")
            .send("\x04")
            .run()
            .as_it_was
            .contains("\x1b[?2004h")
    };
    assert!(asked(set().env("TERM", "xterm")));
    assert!(!asked(set().env("TERM", "dumb")));
    assert!(!get().run().stderr().contains('\x1b'));
}

/// A terminal that is gone ends the question.
#[test]
fn the_end_of_the_input_is_an_answer() {
    let store = SmallStore::new();
    let walk = Walk::through(store.command(["set", "demo", "app", "password"]));
    let walked = walk.expect("Value of ").send("\x04").run();
    assert_eq!(walked.code, Some(2), "{walked:?}");
    assert!(walked.screen.contains("no value was given; nothing was stored"), "{walked:?}");
    store.set("app", "password", "x");
    let walk = Walk::through(store.command(["remove", "demo", "app", "password"]));
    let walked = walk.expect("[y/N] ").send("\x04").run().success();
    assert!(walked.screen.contains("Nothing was removed."), "{walked:?}");
}

/// A process that was stopped and goes on shows no more than before.
#[test]
fn what_is_typed_after_a_stop_does_not_show() {
    let store = SmallStore::new();
    let walked = Walk::through(store.command(["set", "demo", "app", "password"]))
        .expect("Value of ")
        .send("hun")
        .pause(0.1)
        .signal(SIGSTOP)
        .pause(0.1)
        .show()
        .signal(SIGCONT)
        .pause(0.3)
        .send("ter2\r")
        .expect("The same again: ")
        .send("hunter2\r")
        .expect("Stored")
        .run()
        .success();
    assert!(!walked.screen.contains("ter2"), "{walked:?}");
    assert_eq!(store.get("app", "password"), b"hunter2");
}

/// Also where it is a passphrase that is asked for.
#[test]
fn a_passphrase_prompt_restores_the_terminal() {
    let store = SmallStore::new();
    store.set("app", "password", "x");
    let key = store.sandbox.work().join("key");
    let arguments = ["-q", "-t", "ed25519", "-N", "passphrase", "-f", key.to_str().unwrap()];
    store.sandbox.program("ssh-keygen", arguments).run().success();
    let public = store.sandbox.read(key.with_extension("pub"));
    store.run(["recipients", "add", "bob", "--access", "*", "--key", public.trim()]).success();
    let get = || Walk::through(store.command(["get", "demo", "app", "password", "-i", "../key"]));
    for signal in ENDINGS {
        get().expect("assphrase").signal(signal).run().ended_by(signal);
    }
    // Pasted with its end, it is still the same.
    let walked = get().expect("assphrase").paste("passphrase\n").expect("x").run().success();
    assert!(!walked.screen.contains("passphrase\n"), "{walked:?}");
}

/// Whoever is asked whether something may be replaced or removed can walk away.
#[test]
fn a_question_that_is_interrupted_changes_nothing() {
    let store = SmallStore::new();
    store.set("app", "password", "old");
    let demo = String::from_utf8(store.bytes("secrets/environments/demo.toml")).unwrap();
    store.write("secrets/environments/new.toml", demo);
    let set = store.command(["set", "new", "app", "password"]).stdin("other");
    set.run().success();
    store.write("values.yaml", "applications: {app: {password: {value: other}}}\n");
    let before = (store.sealed_files(), store.bytes("secrets/demo/app/password.age"));
    for arguments in [
        &["remove", "demo", "app", "password"][..],
        &["set", "demo", "app", "password", "--generate", "password"],
        &["import", "demo", "values.yaml"],
        &["copy-env", "new", "demo"],
    ] {
        for signal in ENDINGS {
            let walk = Walk::through(store.command(arguments)).expect("[y/N] ");
            walk.signal(signal).run().ended_by(signal);
        }
        let walked = Walk::through(store.command(arguments)).expect("[y/N] ").send("\n").run();
        assert!(walked.success().screen.contains("Nothing was "), "{arguments:?}");
        let after = (store.sealed_files(), store.bytes("secrets/demo/app/password.age"));
        assert_eq!(before, after, "{arguments:?}");
    }
}

#[test]
fn a_client_is_generated_once_its_return_uri_is_known() {
    let store = SmallStore::new();
    let generate = ["set", "demo", "oidc-clients", "c", "--generate", "oidc-client"];
    let walk = || Walk::through(store.command(generate)).expect("Return URI");
    let walked = walk().send("\n").run();
    assert!(walked.screen.contains("there is no return URI; nothing was stored"), "{walked:?}");
    assert_eq!(store.sealed_files(), Vec::<String>::new());
    let walked = walk().send("https://example.org/login\n").run().success();
    let client = String::from_utf8(store.get("oidc-clients", "c")).unwrap();
    assert!(client.contains("\"return_uri\": \"https://example.org/login\""), "{client}");
    let secret = client.split("\"secret\": \"").nth(1).unwrap();
    assert!(!walked.screen.contains(&secret[..64]), "{walked:?}");
}
