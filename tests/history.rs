//! `log` and `diff`: what changed, and by whom.

use std::fs;

use serde_json::Value;

use crate::support::age_tool::AgeTool;
use crate::support::cli::Output;
use crate::support::small_store::SmallStore;
use crate::support::version_1;

/// A store in git, whose commits are a minute apart.
struct History {
    store: SmallStore,
    commits: usize,
}

impl History {
    fn new() -> Self {
        let store = SmallStore::new();
        store.sandbox.git_in(&store.root, ["init", "--quiet"]);
        let mut history = Self { store, commits: 0 };
        history.commit("Test User", "The store");
        history
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.store.sandbox.git_in(&self.store.root, arguments)
    }

    fn commit(&mut self, author: &str, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git_at_next_minute(author, &["commit", "--quiet", "--message", message])
    }

    /// Runs git with the time and the author of the next commit.
    fn git_at_next_minute(&mut self, author: &str, arguments: &[&str]) -> String {
        let time = format!("2026-11-24T10:{:02}:00Z", self.commits);
        self.commits += 1;
        let command = self.store.sandbox.program("git", arguments).current_dir(&self.store.root);
        let command = command.env("GIT_AUTHOR_NAME", author).env("GIT_AUTHOR_DATE", &time);
        command.env("GIT_COMMITTER_DATE", &time).run().success();
        self.git(&["rev-parse", "HEAD"])
    }

    /// The log, with the names of commits replaced.
    fn log(&self, arguments: &[&str]) -> String {
        let output = self.store.run([&["log"], arguments].concat()).success();
        self.redact(&output)
    }

    fn redact(&self, output: &Output) -> String {
        let mut text = String::new();
        for line in output.stdout().lines() {
            let (time, rest) = line.split_at(18);
            text.push_str(&format!("{time}[COMMIT]{}\n", &rest[10..]));
        }
        text
    }

    fn diff(&self, arguments: &[&str]) -> Output {
        self.store.run([&["diff"], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(self.store.run(arguments).success().stdout()).unwrap()
    }
}

/// A history with a change of every kind.
fn long_history() -> History {
    let mut history = History::new();
    history.store.set("app", "password", "one");
    history.store.set("other", "shared", "one");
    history.commit("Alice", "Values");
    history.store.set("app", "password", "two");
    history.commit("Zoë O'Brien, whose name is long", "A new password");
    let bob = history.store.sandbox.age_identity("bob").recipient;
    let add = ["recipients", "add", "bob", "--access", "demo", "--key", &bob];
    history.store.run(add).success();
    history.commit("Alice", "Add bob");
    let from = history.store.root.join("secrets/demo/app/password.age");
    fs::rename(from, history.store.root.join("secrets/demo/app/token.age")).unwrap();
    history.commit("Bob", "Rename it");
    history.store.run(["remove", "demo", "other", "shared", "--yes"]).success();
    history.commit("Bob", "Remove the other");
    history.store.run(["recipients", "remove", "bob", "--force", "--no-rekey"]).success();
    history.commit("Alice", "Remove bob");
    history
}

#[test]
fn the_log_tells_who_changed_what() {
    let history = long_history();
    let redacted = |arguments: &[&str]| {
        let keys = history.log(arguments);
        let words = keys.split(' ').map(|word| match word.starts_with("age1") {
            true => "[KEY]",
            false => word,
        });
        words.collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(redacted(&[]), @r"
    2026-11-24 10:06  [COMMIT]  Alice                     holder        bob: removed, could read: demo
    2026-11-24 10:05  [COMMIT]  Bob                       removed       demo/other/shared
    2026-11-24 10:04  [COMMIT]  Bob                       renamed       demo/app/password to demo/app/token
    2026-11-24 10:03  [COMMIT]  Alice                     sealed again  demo (2 values)
    2026-11-24 10:03  [COMMIT]  Alice                     holder        bob: added, can read: demo
    2026-11-24 10:02  [COMMIT]  Zoë O'Brien, whose name…  changed       demo/app/password
    2026-11-24 10:01  [COMMIT]  Alice                     set           demo/app/password
    2026-11-24 10:01  [COMMIT]  Alice                     set           demo/other/shared
    2026-11-24 10:00  [COMMIT]  Test User                 holder        alice: added, can read: *
    ");
    insta::assert_snapshot!(redacted(&["demo", "other"]), @r"
    2026-11-24 10:05  [COMMIT]  Bob    removed       demo/other/shared
    2026-11-24 10:03  [COMMIT]  Alice  sealed again  demo/other/shared
    2026-11-24 10:01  [COMMIT]  Alice  set           demo/other/shared
    ");
    // To the names that it had, without those that others had later.
    insta::assert_snapshot!(redacted(&["demo", "app", "token"]), @r"
    2026-11-24 10:04  [COMMIT]  Bob                       renamed       demo/app/password to demo/app/token
    2026-11-24 10:03  [COMMIT]  Alice                     sealed again  demo/app/password
    2026-11-24 10:02  [COMMIT]  Zoë O'Brien, whose name…  changed       demo/app/password
    2026-11-24 10:01  [COMMIT]  Alice                     set           demo/app/password
    ");
    insta::assert_snapshot!(redacted(&["demo", "app", "password", "-n", "2"]), @r"
    2026-11-24 10:04  [COMMIT]  Bob    renamed       demo/app/password to demo/app/token
    2026-11-24 10:03  [COMMIT]  Alice  sealed again  demo/app/password
    ");
    insta::assert_snapshot!(redacted(&["demo", "app", "--rev", "HEAD~4"]), @r"
    2026-11-24 10:02  [COMMIT]  Zoë O'Brien, whose name…  changed       demo/app/password
    2026-11-24 10:01  [COMMIT]  Alice                     set           demo/app/password
    ");
    assert_eq!(history.log(&["-n", "0"]), "");
    // No key is needed for any of it.
    let store = history.store.without_own_identity();
    assert_eq!(store.run(["log"]).success().stdout().lines().count(), 9);
}

#[test]
fn the_log_is_there_for_programs_too() {
    let history = long_history();
    let rows = history.json(&["log", "--json"]);
    let rows = rows.as_array().unwrap();
    let changes: Vec<&str> = rows.iter().map(|row| row["change"].as_str().unwrap()).collect();
    assert_eq!(
        changes,
        [
            "holder-removed",
            "removed",
            "renamed",
            "sealed-again",
            "sealed-again",
            "holder-added",
            "changed",
            "added",
            "added",
            "holder-added"
        ]
    );
    let renamed = &rows[2];
    assert_eq!(renamed["renamed_from"], "demo/app/password");
    assert_eq!(renamed["key"], "token");
    assert_eq!(renamed["author"], "Bob");
    assert_eq!(renamed["email"], "test@example.com");
    assert_eq!(renamed["time"], "2026-11-24T10:04:00Z");
    assert_eq!(renamed["commit"].as_str().unwrap(), history.git(&["rev-parse", "HEAD~2"]));
    assert_eq!(rows[6]["set_at"], rows[2]["set_at"]);
    assert_eq!(rows[0]["lost"], serde_json::json!(["demo"]));
    assert_eq!(
        history.json(&["log", "demo", "other", "shared", "-n", "1", "--json"])[0]["change"],
        "removed"
    );
}

#[test]
fn a_merge_is_listed_with_what_it_decided_alone() {
    let mut history = History::new();
    history.store.set("app", "password", "base");
    let base = history.commit("Alice", "Base");
    history.git(&["checkout", "--quiet", "-b", "side"]);
    history.store.set("app", "token", "side");
    history.commit("Bob", "On the side");
    history.git(&["checkout", "--quiet", "-B", "main", &base]);
    history.store.set("other", "shared", "main");
    history.commit("Alice", "On main");
    history.git_at_next_minute("Carol", &["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
    insta::assert_snapshot!(history.log(&["demo", "-n", "9"]), @r"
    2026-11-24 10:03  [COMMIT]  Alice      set           demo/other/shared
    2026-11-24 10:02  [COMMIT]  Bob        set           demo/app/token
    2026-11-24 10:01  [COMMIT]  Alice      set           demo/app/password
    2026-11-24 10:00  [COMMIT]  Test User  holder        alice: added, can read: *
    ");
    // What it decides itself is Carol's.
    history.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    history.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    history.store.set("app", "token", "merged");
    history.commit("Carol", "Merge");
    let log = history.log(&["demo", "app", "token"]);
    assert!(log.lines().next().unwrap().ends_with("Carol  changed       demo/app/token"), "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
}

#[test]
fn names_cannot_steer_the_terminal() {
    let mut history = History::new();
    history.store.set("app", "password", "x");
    history.commit("Mal\u{1b}[31mlory\u{202e}", "x");
    let output = history.store.run(["log"]).success();
    assert!(output.stdout().contains("Mal\\u{1b}[31mlory\\u{20"), "{output:?}");
    assert!(!output.stdout().contains(['\u{1b}', '\u{202e}']), "{output:?}");
}

#[test]
fn what_the_log_cannot_show_is_explained() {
    let history = long_history();
    let stderr = |arguments: &[&str], code: i32| {
        let output = history.store.run(arguments).fails_with(code);
        assert_eq!(output.stdout(), "");
        history.store.stderr(&output)
    };
    insta::assert_snapshot!(stderr(&["log", "demo", "app", "fixed"], 0), @"Nothing in this history changed that.");
    assert!(stderr(&["log", "dem"], 2).contains("demo"));
    assert!(stderr(&["log", "demo", "ap"], 2).contains("did you mean app?"));
    assert!(stderr(&["log", "demo", "app", "pasword"], 2).contains("did you mean password?"));

    let shallow = history.store.sandbox.root().join("shallow");
    let from = format!("file://{}", history.store.root.display());
    let clone = ["clone", "--quiet", "--depth", "2", &from, shallow.to_str().unwrap()];
    history.store.sandbox.git(clone);
    let output = history.store.sandbox.run_in(&shallow, ["log"]).success();
    assert!(output.stderr().contains("this clone is shallow"), "{output:?}");
    // All that there was before is the first commit's, as far as is known.
    assert!(output.stdout().lines().count() > 2, "{output:?}");

    let bare = history.store.sandbox.root().join("bare");
    history.store.sandbox.git(["clone", "--quiet", "--bare", &from, bare.to_str().unwrap()]);
    let output = history.store.sandbox.run_in(&bare, ["log"]).success();
    assert_eq!(output.stdout(), history.store.run(["log"]).stdout());
    let output = history.store.sandbox.run_in(&bare, ["diff", "HEAD~4", "HEAD"]).success();
    assert_eq!(output.stdout(), history.diff(&["HEAD~4..HEAD"]).success().stdout());

    let empty = history.store.sandbox.root().join("empty");
    fs::create_dir(&empty).unwrap();
    history.store.sandbox.git_in(&empty, ["init", "--quiet"]);
    let output = history.store.sandbox.run_in(&empty, ["log"]).fails_with(3);
    assert!(output.stderr().contains("has no commit yet"), "{output:?}");
}

#[test]
fn a_difference_is_of_secrets_and_holders() {
    let history = long_history();
    let diff = |arguments: &[&str]| {
        let output = history.diff(arguments).success();
        let lines = output.stdout().lines().map(|line| match line.find(", set 20") {
            Some(at) => format!("{}, set [TIME])\n", &line[..at]),
            None => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    insta::assert_snapshot!(diff(&["HEAD~6", "HEAD~5"]), @r"
    Secrets of demo:
      + app password (new, set [TIME])
      + other shared (new, set [TIME])
    ");
    insta::assert_snapshot!(diff(&["HEAD~5..HEAD~2"]), @r"
    Secrets of demo:
      - app password (removed)
      + app token (new, set [TIME])
      = other shared (sealed again)

    Holders:
      + bob: added, can read: demo
    ");
    insta::assert_snapshot!(diff(&["HEAD~3..", "-a", "app"]), @r"
    Secrets of demo:
      > app token (renamed from demo/app/password)
    ");
    // Nothing is there, so it is no empty difference.
    history.diff(&["HEAD~2", "-e", "nowhere"]).fails_with(2);
    assert_eq!(diff(&[]), "");
    assert_eq!(diff(&["HEAD", "HEAD"]), "");

    // The other way round, what came goes.
    let swap = |text: String| text.replace('+', "?").replace('-', "+").replace('?', "-");
    let (there, back) = (diff(&["HEAD~6", "HEAD~5"]), diff(&["HEAD~5", "HEAD~6"]));
    let marks =
        |text: &str| text.lines().map(|line| line.trim().chars().next()).collect::<Vec<_>>();
    assert_eq!(marks(&swap(there)), marks(&back));
}

#[test]
fn the_work_tree_and_the_index_are_states_too() {
    let history = long_history();
    history.store.set("app", "token", "three");
    history.git(&["add", "secrets"]);
    history.store.set("other", "shared", "four");
    let json = |arguments: &[&str]| history.json(&[&["diff", "--json"], arguments].concat());
    let keys = |document: &Value| {
        let values = document["values"].as_array().unwrap();
        let text = |row: &Value| {
            format!("{} {}", row["change"].as_str().unwrap(), row["key"].as_str().unwrap())
        };
        values.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(keys(&json(&[])), ["changed token", "added shared"]);
    assert_eq!(keys(&json(&["--staged"])), ["changed token"]);
    assert_eq!(keys(&json(&["--staged", "HEAD"])), ["changed token"]);
    assert_eq!(json(&["HEAD"]), json(&[]));
    history.diff(&["--exit-code"]).fails_with(1);
    history.diff(&["--exit-code", "HEAD", "HEAD"]).fails_with(0);
    history.diff(&["--staged", "HEAD~1", "HEAD"]).fails_with(2);
    let dots = history.diff(&["HEAD~1...HEAD"]).fails_with(2);
    assert!(dots.stderr().contains("git merge-base A B"), "{dots:?}");
    history.diff(&["nowhere"]).fails_with(2);
}

#[test]
fn values_are_shown_where_that_is_asked_for() {
    let mut history = History::new();
    history.store.set("app", "password", "one");
    history.store.set("other", "shared", "kept");
    history.commit("Alice", "Values");
    history.store.set("app", "password", "two\nSecrets of demo:\n\u{1b}[31m");
    let binary = ["set", "demo", "app", "token", "--allow-binary"];
    history.store.command(binary).stdin([0xff, 0x00]).run().success();
    history.store.run(["remove", "demo", "other", "shared", "--yes"]).success();
    assert!(!history.diff(&[]).success().stdout().contains("one"));
    let shown = history.diff(&["--values"]).success();
    let shown: String = shown
        .stdout()
        .lines()
        .map(|line| format!("{}\n", line.split(", set 20").next().unwrap()))
        .collect();
    insta::assert_snapshot!(shown, @r"
    Secrets of demo:
      ~ app password (changed
          - one
          + two
          + Secrets of demo:
          + \u{1b}[31m
      + app token (new
          + (in base64) /wA=
      - other shared (removed)
          - kept
    ");
    let store = history.store.without_own_identity();
    let failed = store.run(["diff", "--values"]).fails_with(3);
    assert!(failed.stdout().contains("- (none of the identities"), "{failed:?}");
    store.run(["diff"]).success().hides("one");
}

const PASSWORD: &str = "secrets/demo/app/password.age";

/// Two values of one import have one time. Neither is taken for the other.
#[test]
fn a_replaced_value_is_a_change_whatever_its_time() {
    let mut history = History::new();
    let file = "applications:\n  app:\n    password: {value: one}\n    token: {value: two}\n";
    let path = history.store.sandbox.write("file.yaml", file);
    history.store.command(["import", "demo"]).args([&path]).run().success();
    history.commit("Alice", "Import");
    history.store.run(["remove", "demo", "app", "password", "--yes"]).success();
    let rename = ["rename", "demo", "app", "token", "password"];
    history.store.run(rename).success();
    history.commit("Alice", "Rotate");
    let diff = history.diff(&["HEAD~1", "HEAD"]).success();
    assert!(diff.stdout().contains("~ app password (changed, set "), "{diff:?}");
    assert!(!diff.stdout().contains("sealed again"), "{diff:?}");
    let log = history.log(&["demo", "app", "password", "-n", "1"]);
    assert!(log.contains("changed       demo/app/password"), "{log}");
}

/// A value that the stock tool sealed has no time at all.
#[test]
fn values_of_the_stock_tool_are_told_apart() {
    let Some(age) = AgeTool::find() else { return };
    let mut history = History::new();
    for value in ["one", "two"] {
        let sandbox = &history.store.sandbox;
        let sealed = age.encrypt(sandbox, &[&history.store.alice.recipient], value.as_bytes());
        history.store.write(PASSWORD, sealed);
        history.commit("Alice", "By hand");
        history.store.run(["rekey"]).success();
        history.commit("Alice", "Bind it");
    }
    insta::assert_snapshot!(history.log(&["demo", "app", "password"]), @r"
    2026-11-24 10:04  [COMMIT]  Alice  sealed again  demo/app/password
    2026-11-24 10:03  [COMMIT]  Alice  changed?      demo/app/password
    2026-11-24 10:02  [COMMIT]  Alice  sealed again  demo/app/password
    2026-11-24 10:01  [COMMIT]  Alice  set           demo/app/password
    ");
    insta::assert_snapshot!(history.diff(&["HEAD~2", "HEAD"]).success().stdout(), @r"
    Secrets of demo:
      ~ app password (changed)
    ");
}

/// What an earlier version sealed states no tag, so a change of it may be one
/// of the value or not; whoever opens both sees.
#[test]
fn what_is_not_known_is_not_claimed() {
    let mut history = History::new();
    for value in ["one", "one", "two"] {
        let time = "2026-11-24T10:02:11Z";
        let alice = history.store.alice.recipient.as_str();
        let sealed = version_1::seal("demo/app/password", time, &[alice], value.as_bytes());
        history.store.write(PASSWORD, sealed);
        history.commit("Alice", value);
    }
    for revisions in [["HEAD~2", "HEAD~1"], ["HEAD~1", "HEAD"]] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(history.diff(&revisions).success().stdout(), @r"
            Secrets of demo:
              ~ app password (changed or sealed again: the files do not tell)
            ");
        }
        let json = history.json(&["diff", "--json", revisions[0], revisions[1]]);
        assert_eq!(json["values"][0]["change"], "unclear");
    }
    insta::assert_snapshot!(history.diff(&["--values", "HEAD~2", "HEAD~1"]).success().stdout(), @r"
    Secrets of demo:
      = app password (sealed again)
    ");
    insta::assert_snapshot!(history.diff(&["--values", "HEAD~1", "HEAD"]).success().stdout(), @r"
    Secrets of demo:
      ~ app password (changed, set 2026-11-24T10:02:11Z)
          - one
          + two
    ");
    // Brought to the present version, it shows that it is the same.
    history.store.run(["rekey"]).success();
    insta::assert_snapshot!(history.diff(&[]).success().stdout(), @r"
    Secrets of demo:
      = app password (sealed again)
    ");
}

/// Whoever seals a value chooses its tag. A key shows what there is.
#[test]
fn a_wrong_tag_deceives_nobody_who_opens_the_values() {
    use phalanx_secrets::model::SecretId;
    use phalanx_secrets::store::{RecipientSet, ValueNote, inspect, seal};

    let mut history = History::new();
    history.store.set("app", "password", "one");
    history.commit("Alice", "One");
    let stated = inspect(&history.store.bytes(PASSWORD)).unwrap().seal.unwrap();
    let note = ValueNote { tag: stated.tag.unwrap(), ..ValueNote::of_new_value(stated.set_at) };
    let id = SecretId::parse("demo", "app", "password").unwrap();
    let alice = RecipientSet::from_iter([history.store.alice.recipient.parse().unwrap()]);
    history.store.write(PASSWORD, seal(&"two".into(), &id, &note, &alice).unwrap());
    assert!(history.diff(&[]).success().stdout().contains("(sealed again)"));
    let diff = history.diff(&["--values"]).success();
    assert!(diff.stdout().contains("(changed"), "{diff:?}");
    assert!(diff.stdout().contains("- one\n      + two\n"), "{diff:?}");
}

/// Line ends are git's affair: they make no other file.
#[test]
fn line_ends_alone_are_no_difference() {
    let mut history = History::new();
    history.store.set("app", "password", "one");
    history.store.write(".gitattributes", "* text=auto eol=crlf\n");
    history.commit("Alice", "Line ends");
    fs::remove_dir_all(history.store.root.join("secrets/demo")).unwrap();
    history.git(&["checkout", "--quiet", "--", "."]);
    assert!(history.store.bytes(PASSWORD).contains(&b'\r'));
    history.diff(&["--exit-code"]).success();
}
