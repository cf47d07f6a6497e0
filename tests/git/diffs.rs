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
    +set: [TIME]
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
    +set: [TIME]
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
