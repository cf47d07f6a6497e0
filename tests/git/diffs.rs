//! What `git diff` and `git log -p` show.

use std::fs;
use std::time::Duration;

use super::{Clone, PASSWORD};
use crate::support::keys::encrypted_with_passphrase;

/// A diff, with what differs from run to run replaced.
fn diff(clone: &Clone, arguments: &[&str]) -> String {
    let command = clone.command(&[&["--no-pager"], arguments].concat());
    let output = command.time_limit(Duration::from_secs(30)).run().success();
    let mut text = String::new();
    for line in output.stdout().lines().filter(|line| line.starts_with(['+', '-', ' '])) {
        let line = match line.split_once(": ") {
            Some((start, _)) if start.ends_with("set") => format!("{start}: [TIME]"),
            Some((start, _)) if start.ends_with("tag") => format!("{start}: [TAG]"),
            Some((start, _)) if start.ends_with("file") => format!("{start}: [DIGEST]"),
            _ => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[test]
fn diffs_show_what_a_file_shows_without_a_key() {
    let clone = Clone::set_up();
    clone.store.set("app", "password", "second");
    insta::assert_snapshot!(diff(&clone, &["diff"]), @r"
    --- a/secrets/demo/app/password.age
    +++ b/secrets/demo/app/password.age
     secret: demo/app/password
    -set: [TIME]
    -tag: [TAG]
    +set: [TIME]
    +tag: [TAG]
     sealed to: 1 X25519
    -file: [DIGEST]
    +file: [DIGEST]
     value: (hidden)
    ");
    clone.commit("Change it");
    clone.add_holder("bob");
    clone.commit("Add bob");
    insta::assert_snapshot!(diff(&clone, &["show", "--", PASSWORD]), @r"
        Add bob
    --- a/secrets/demo/app/password.age
    +++ b/secrets/demo/app/password.age
     secret: demo/app/password
     set: [TIME]
     tag: [TAG]
    -sealed to: 1 X25519
    -file: [DIGEST]
    +sealed to: 2 X25519
    +file: [DIGEST]
     value: (hidden)
    ");
    let log = clone.command(&["--no-pager", "log", "-p"]).run().success();
    assert_eq!(log.hides("BEGIN AGE").stdout().matches("secret: demo/app/password").count(), 3);
}

#[test]
fn values_are_shown_where_the_clone_is_set_up_so() {
    let clone = Clone::set_up();
    clone.setup(&["--show-values"]).success();
    clone.store.set("app", "password", "second\n+value: fake\u{1b}[31m");
    insta::assert_snapshot!(diff(&clone, &["diff"]), @r"
    --- a/secrets/demo/app/password.age
    +++ b/secrets/demo/app/password.age
     secret: demo/app/password
    -set: [TIME]
    -tag: [TAG]
    +set: [TIME]
    +tag: [TAG]
     sealed to: 1 X25519
    -file: [DIGEST]
    +file: [DIGEST]
     value:
    -  first
    +  second
    +  +value: fake\u{1b}[31m
    ");
    let binary = ["set", "demo", "app", "password", "--allow-binary"];
    clone.store.command(binary).stdin([0xff, 0x00]).run().success();
    assert!(diff(&clone, &["diff"]).contains("+value: (in base64) /wA=\n"));
    // Without an identity, and with one that would ask.
    let own = clone.store.own_identity();
    let identity = fs::read(&own).unwrap();
    fs::remove_file(&own).unwrap();
    assert!(diff(&clone, &["diff"]).contains(" value: (no identity at hand opens it)\n"));
    fs::write(&own, encrypted_with_passphrase(&identity, "word")).unwrap();
    assert!(diff(&clone, &["diff"]).contains(" value: (no identity at hand opens it)\n"));
    fs::write(&own, "AGE-PLUGIN-ABSENT-1QQQSYQCYQ5RQWZQFPG9SCRGWPU\n").unwrap();
    assert!(diff(&clone, &["diff"]).contains("value: (no identity at hand opens it)\n"));
}

#[test]
fn what_is_no_sealed_value_is_not_shown() {
    let clone = Clone::set_up();
    clone.setup(&["--show-values"]).success();
    for content in ["in the clear", "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n", "\u{0}\u{1}"] {
        clone.store.write(PASSWORD, content);
        let shown = diff(&clone, &["diff"]);
        assert!(shown.contains("+(this is not a sealed value, and is not shown)\n"), "{shown}");
    }
    clone.store.write(PASSWORD, "");
    assert!(diff(&clone, &["diff"]).contains("-secret: demo/app/password\n"));
    let absent = clone.store.run(["git", "textconv", "/nowhere"]).success();
    assert_eq!(absent.stdout(), "(this file cannot be read)\n");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let clone = Clone::set_up();
    clone.setup(&["--show-values"]).success();
    let pipe = clone.store.sandbox.root().join("pipe");
    clone.store.sandbox.program("mkfifo", [pipe.to_str().unwrap()]).run().success();
    let shown = clone.store.run(["git", "textconv", pipe.to_str().unwrap()]).success();
    assert_eq!(shown.stdout(), "(this file cannot be read)\n");
    let line = ["git", "textconv", PASSWORD];
    let shown = clone.store.command(line).env("PHALANX_SECRETS_IDENTITY", &pipe).run().success();
    // The identity in its usual place opens it.
    assert!(shown.stdout().ends_with("value:\n  first\n"), "{shown:?}");
}

#[test]
fn git_keeps_nothing_of_what_it_is_shown() {
    let clone = Clone::new();
    clone.git(&["config", "--global", "diff.phalanx-secrets.cachetextconv", "true"]);
    clone.setup(&["--show-values"]).success();
    clone.store.set("app", "password", "second");
    clone.commit("Change it");
    assert!(clone.git(&["log", "-p"]).contains("second"));
    assert_eq!(clone.git(&["for-each-ref", "refs/notes"]), "");
}
