//! Whose changes count: `sync` and `verify` from a trusted commit.

use std::fs;

use super::World;
use crate::support::cli::Output;
use crate::support::keys::Key;

const APP: &str = "secrets.password = {}\nsecrets.made.generate.type = 'password'\n";
const PASSWORD: &str = "secrets/demo/app/password.age";

/// A store in git whose first commit is trusted and was synced. Alice has
/// access to everything, bob to an environment beside.
struct History {
    world: World,
    alice: Key,
    bob: Key,
    root: String,
}

impl History {
    fn new(name: &str) -> Self {
        let world = World::new(name, &[("app", APP)]);
        let alice = world.sandbox.ssh_key("alice-signs");
        let bob = world.sandbox.ssh_key("bob-signs");
        let beside = fs::read_to_string(world.root.join("secrets/environments/demo.toml")).unwrap();
        let beside = beside.replace(&world.prefix, &format!("{}-beside", world.prefix));
        world.sandbox.write(world.root.join("secrets/environments/beside.toml"), beside);
        world.set("app", "password", "first");
        let bob_reads = world.sandbox.age_identity("bob");
        let history = Self { world, alice, bob, root: String::new() };
        history.add_signing_key("alice", &history.alice);
        let add = ["recipients", "add", "bob", "--access", "beside", "--key"];
        let keys = [bob_reads.recipient.as_str(), "--signing-key", &history.bob.recipient];
        history.run(&[&add[..], &keys].concat()).unwrap();
        history.git(&["init", "--quiet"]);
        history.git(&["add", "--all"]);
        history.git(&["commit", "--quiet", "--message", "The trusted state"]);
        let root = history.head();
        let history = Self { root, ..history };
        history.verified_sync().success();
        assert_eq!(history.world.version("app"), 1);
        history
    }

    /// Runs our program, which may fail.
    fn run(&self, arguments: &[&str]) -> Result<(), Output> {
        let output = self.world.command(arguments).run();
        if output.code() == 0 { Ok(()) } else { Err(output) }
    }

    fn add_signing_key(&self, holder: &str, key: &Key) {
        self.run(&["recipients", "add", holder, "--signing-key", &key.recipient]).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.world.sandbox.git_in(&self.world.root, arguments)
    }

    fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    fn write(&self, path: &str, text: &str) {
        self.world.sandbox.write(self.world.root.join(path), text);
    }

    /// Stores a value for the environment beside, which takes no spec.
    fn set_beside(&self, value: &str) {
        let set = ["set", "beside", "app", "password"];
        self.world.command(&set).stdin(value).run().success();
    }

    /// Commits all there is without a signature.
    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    /// Commits all there is with somebody's signature.
    fn commit_as(&self, key: &Key, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.signed(key, &["commit", "--quiet", "--allow-empty", "-S", "--message", message]);
        self.head()
    }

    fn signed(&self, key: &Key, arguments: &[&str]) {
        let key = format!("user.signingKey={}", key.path.display());
        self.git(&[&["-c", "gpg.format=ssh", "-c", &key], arguments].concat());
    }

    fn verified_sync(&self) -> Output {
        self.world.try_sync(&["--trust-root", &self.root])
    }

    /// `sync` and `verify` must refuse with this in the error, without a write
    /// to Vault. Gives the whole message.
    #[track_caller]
    fn is_refused(&self, reason: &str) -> String {
        let versions = self.world.version("app");
        let verify = ["verify", "demo", "--trust-root", &self.root];
        let verified = self.world.command(&verify).run().fails_with(3);
        assert!(verified.stderr().contains(reason), "{verified:?}");
        let refused = self.sync_is_refused(reason);
        assert_eq!(self.world.version("app"), versions);
        refused
    }

    #[track_caller]
    fn sync_is_refused(&self, reason: &str) -> String {
        let refused = self.world.sync_is_refused(3, &["--trust-root", &self.root]);
        assert!(refused.stderr().contains(reason), "{refused:?}");
        refused.stderr().to_owned()
    }

    #[track_caller]
    fn is_accepted(&self) -> Output {
        self.verified_sync().success()
    }
}

#[test]
fn changes_by_those_who_may_are_synced() {
    let history = History::new("trust-good");
    // What does not matter needs no signature.
    history.write("README.md", "unsigned");
    history.commit("Say something");
    history.world.set("app", "password", "second");
    history.commit_as(&history.alice, "Change the password");
    history.set_beside("x");
    history.commit_as(&history.bob, "Bob's own environment");
    let accepted = history.is_accepted();
    assert_eq!(history.world.value("app", "password"), "second");
    let root = &history.root[..10];
    let said = format!(
        "Verified 3 commits since the trusted {root}: 1 changes what matters, and is signed by \
         those who may.\n"
    );
    assert!(accepted.stderr().starts_with(&said), "{accepted:?}");
    // Of both environments, two changes matter.
    let verify = ["verify", "--trust-root", &history.root];
    let verified = history.world.command(&verify).run().success();
    assert!(verified.stderr().contains("2 change what matters"), "{verified:?}");
    assert_eq!(verified.stdout(), "");
}

#[test]
fn a_new_holder_may_from_the_commit_after_the_one_that_adds_them() {
    let history = History::new("trust-new-holder");
    let (carol, reads) =
        (history.world.sandbox.ssh_key("carol"), history.world.sandbox.age_identity("carol"));
    let add = [
        "recipients",
        "add",
        "carol",
        "--key",
        &reads.recipient,
        "--signing-key",
        &carol.recipient,
        "--access",
        "demo/app",
    ];
    history.run(&add).unwrap();
    history.commit_as(&history.alice, "Add carol");
    history.world.set("app", "password", "by carol");
    history.commit_as(&carol, "Change the password");
    history.is_accepted();
    assert_eq!(history.world.value("app", "password"), "by carol");
    // But not what the environment as a whole hangs on.
    history.write("secrets/applications/app.toml", &format!("{APP}\nsecrets.more = {{}}\n"));
    history.commit_as(&carol, "Ask for more");
    let refused = history.is_refused("carol signed it, and has no access to demo before it");
    assert!(refused.contains("secrets/applications/app.toml"), "{refused}");
}

#[test]
fn whoever_introduces_themselves_is_refused() {
    let history = History::new("trust-self");
    let mallory = history.world.sandbox.ssh_key("mallory");
    let reads = history.world.sandbox.age_identity("mallory");
    let add = [
        "recipients",
        "add",
        "mallory",
        "--key",
        &reads.recipient,
        "--signing-key",
        &mallory.recipient,
        "--access",
        "*",
    ];
    history.run(&add).unwrap();
    history.commit_as(&mallory, "Hello");
    history.is_refused("was no holder's signing key before it");
}

#[test]
fn every_kind_of_key_that_git_signs_with_is_known() {
    let history = History::new("trust-kinds");
    for kind in ["rsa", "ecdsa"] {
        let key = history.world.sandbox.ssh_key_of_type("alice", kind);
        history.add_signing_key("alice", &key);
        history.commit_as(&history.alice, "A key more");
        history.world.set("app", "password", kind);
        history.commit_as(&key, "Change the password");
        history.is_accepted();
        assert_eq!(history.world.value("app", "password"), kind);
    }
}

#[test]
fn an_unsigned_change_is_refused_with_who_and_where() {
    let history = History::new("trust-unsigned");
    history.world.set("app", "password", "planted");
    let author = "Mal\u{1b}[31mlory <mallory@example.org>";
    history.git(&["add", "--all"]);
    history.git(&["commit", "--quiet", "--message", "x", "--author", author]);
    let commit = history.head();
    let refused = history.is_refused("it is not signed");
    let refused = history.world.redact(&refused).replace(&commit[..10], "[COMMIT]");
    insta::assert_snapshot!(refused);
    assert_eq!(history.world.value("app", "password"), "first");
    // A later signed commit does not make it good.
    history.world.set("app", "password", "signed");
    history.commit_as(&history.alice, "Change the password");
    history.is_refused("it is not signed");
}

/// Everything by which values could reach Vault, by someone who may push and
/// has no signing key with access: what is done, and why it is refused.
#[test]
fn what_is_smuggled_into_files_is_refused() {
    type Attack = (&'static str, fn(&History), &'static str);
    let attacks: [Attack; 12] = [
        (
            "a key that is nobody's",
            |history| {
                history.world.set("app", "password", "planted");
                let stranger = history.world.sandbox.ssh_key("stranger");
                history.commit_as(&stranger, "x");
            },
            "was no holder's signing key before it",
        ),
        (
            "a holder without access to the environment",
            |history| {
                history.world.set("app", "password", "planted");
                history.commit_as(&history.bob, "x");
            },
            "bob signed it, and has no access to demo/app before it",
        ),
        (
            "a value taken away",
            |history| {
                fs::remove_file(history.world.root.join(PASSWORD)).unwrap();
                history.commit_as(&history.bob, "x");
            },
            "bob signed it, and has no access to demo/app before it",
        ),
        (
            "another Vault",
            |history| {
                history.world.environment("http://127.0.0.1:9", "secret/x", &["app"]);
                history.commit_as(&history.bob, "x");
            },
            "bob signed it, and has no access to demo before it",
        ),
        (
            "a spec",
            |history| {
                let spec = "secrets.password = { value = 'x' }\n";
                history.write("secrets/applications/app.toml", spec);
                history.commit("x");
            },
            "it is not signed",
        ),
        (
            "the settings of the store",
            |history| {
                let path = "secrets/store.toml";
                let text = history.world.sandbox.read(history.world.root.join(path));
                history.write(path, &format!("{text}\nnot-served = [\"demo\"]\n"));
                history.commit_as(&history.bob, "x");
            },
            "bob signed it, and has no access to * before it",
        ),
        (
            "more access for oneself",
            |history| {
                history.run(&["recipients", "grant", "bob", "demo"]).unwrap();
                history.git(&["checkout", "--quiet", "--", "secrets"]);
                history.commit_as(&history.bob, "x");
            },
            "bob signed it, and has no access to demo before it",
        ),
        (
            "a signing key for somebody with more access",
            |history| {
                history.add_signing_key("alice", &history.bob);
                history.commit_as(&history.bob, "x");
            },
            "bob signed it, and has no access to * before it",
        ),
        (
            "a holder's file that is no such file",
            |history| {
                history.write("recipients/alice.toml", "broken");
                history.commit_as(&history.bob, "x");
                history.git(&["revert", "--no-edit", "HEAD"]);
            },
            "the holders cannot be read there",
        ),
        (
            "the record of withdrawn access",
            |history| {
                history.run(&["recipients", "grant", "bob", "demo"]).unwrap();
                history.run(&["recipients", "revoke", "bob", "demo"]).unwrap();
                history.commit_as(&history.alice, "x");
                fs::remove_file(history.world.root.join("recipients/withdrawn.toml")).unwrap();
                history.commit_as(&history.bob, "y");
            },
            "bob signed it, and has no access to * before it",
        ),
        (
            "a link where a folder should be",
            |history| {
                fs::remove_dir_all(history.world.root.join("secrets/demo")).unwrap();
                std::os::unix::fs::symlink("/", history.world.root.join("secrets/demo")).unwrap();
                history.commit_as(&history.bob, "x");
            },
            "bob signed it",
        ),
        (
            "a change that is taken back in the next commit",
            |history| {
                history.world.set("app", "password", "planted");
                history.commit("x");
                history.git(&["revert", "--no-edit", "HEAD"]);
            },
            "it is not signed",
        ),
    ];
    for (name, attack, reason) in attacks {
        let history = History::new("trust-files");
        attack(&history);
        let refused = history.is_refused(reason);
        assert!(refused.contains("this history cannot be trusted"), "{name}: {refused}");
    }
}

#[test]
fn a_removed_holder_is_refused_on_an_old_branch_too() {
    let history = History::new("trust-removed");
    history.run(&["recipients", "grant", "bob", "demo"]).unwrap();
    history.commit_as(&history.alice, "Let bob in");
    let before = history.head();
    history.run(&["recipients", "remove", "bob"]).unwrap();
    history.commit_as(&history.alice, "Remove bob");
    let after = history.head();
    history.is_accepted();

    // At the tip, the key is nobody's any more.
    history.world.set("app", "password", "planted");
    history.commit_as(&history.bob, "x");
    history.is_refused("was no holder's signing key before it");

    // From before the removal, the change is bob's to make; the merge is not
    // anybody's to take it in, whichever side comes first.
    history.git(&["checkout", "--quiet", "-b", "old", &before]);
    history.world.set("app", "password", "planted");
    let old = history.commit_as(&history.bob, "x");
    for sides in [[&after, &old], [&old, &after]] {
        // The password as bob has it, the holders as they are today.
        history.git(&["checkout", "--quiet", "--detach", sides[0]]);
        history.git(&["merge", "--quiet", "--no-ff", "--no-commit", "-s", "ours", sides[1]]);
        history.git(&["checkout", &after, "--", "recipients", "secrets"]);
        history.git(&["rm", "-q", "--ignore-unmatch", "recipients/bob.toml"]);
        history.git(&["checkout", &old, "--", PASSWORD]);
        history.git(&["commit", "--quiet", "--message", "A harmless merge"]);
        // Both sides changed it, so the merge has decided.
        history.is_refused("it is not signed");
    }
}

/// What a removed holder signed before, merged where no file conflicts.
#[test]
fn an_old_branch_of_a_removed_holder_cannot_be_merged_cleanly() {
    let history = History::new("trust-clean-merge");
    history.run(&["recipients", "grant", "bob", "demo"]).unwrap();
    history.commit_as(&history.alice, "Let bob in");
    let before = history.head();
    history.run(&["recipients", "remove", "bob", "--no-rekey"]).unwrap();
    let after = history.commit_as(&history.alice, "Remove bob");
    history.git(&["checkout", "--quiet", "-b", "old", &before]);
    history.world.set("app", "password", "planted");
    let old = history.commit_as(&history.bob, "x");
    for sides in [[&after, &old], [&old, &after]] {
        history.git(&["checkout", "--quiet", "--detach", sides[0]]);
        history.git(&["merge", "--quiet", "--no-ff", "--no-edit", sides[1]]);
        let refused = history.is_refused("in which their access to demo/app had ended");
        assert!(refused.contains(&old[..10]), "{refused}");
    }
}

#[test]
fn a_merge_that_only_joins_needs_no_signature() {
    let history = History::new("trust-merge");
    history.git(&["checkout", "--quiet", "-b", "side"]);
    history.world.set("app", "password", "from the side");
    history.commit_as(&history.alice, "Change the password");
    history.git(&["checkout", "--quiet", "-"]);
    history.git(&["checkout", "--quiet", &history.root]);
    history.set_beside("x");
    let main = history.commit_as(&history.bob, "Bob's own environment");
    history.git(&["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
    history.is_accepted();
    assert_eq!(history.world.value("app", "password"), "from the side");

    // One that takes back what a side did is a change of its own.
    history.git(&["reset", "--quiet", "--hard", &main]);
    history.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    history.git(&["checkout", &main, "--", PASSWORD]);
    history.git(&["commit", "--quiet", "--message", "A harmless merge"]);
    history.is_refused("it is not signed");
}

#[test]
fn a_merge_smuggles_nothing_in() {
    let history = History::new("trust-evil-merge");
    history.git(&["checkout", "--quiet", "-b", "side"]);
    history.set_beside("x");
    history.commit_as(&history.bob, "Bob's own environment");
    history.git(&["checkout", "--quiet", "--detach", &history.root]);
    history.write("README.md", "x");
    history.commit("Say something");
    let start = |history: &History| {
        history.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    };
    let tip = history.head();

    start(&history);
    history.run(&["recipients", "grant", "bob", "demo", "--no-rekey"]).unwrap();
    history.commit("Merge");
    let refused = history.is_refused("it is not signed");
    assert!(refused.contains("recipients/bob.toml"), "{refused}");

    history.git(&["reset", "--quiet", "--hard", &tip]);
    start(&history);
    history.run(&["recipients", "grant", "bob", "demo", "--no-rekey"]).unwrap();
    history.commit_as(&history.bob, "Merge");
    history.is_refused("bob signed it, and has no access to demo before it");

    history.git(&["reset", "--quiet", "--hard", &tip]);
    start(&history);
    history.world.set("app", "password", "by alice");
    history.commit_as(&history.alice, "Merge, and decide");
    history.is_accepted();
    assert_eq!(history.world.value("app", "password"), "by alice");
}

#[test]
fn a_merge_of_many_is_signed_where_they_differ_in_what_matters() {
    let history = History::new("trust-octopus");
    let branch = |name: &str, file: &str| {
        history.git(&["checkout", "--quiet", "-B", name, &history.root]);
        history.write(file, name);
        history.commit(name);
    };
    branch("one", "ONE");
    branch("two", "TWO");
    branch("main", "MAIN");
    history.git(&["merge", "--quiet", "--no-edit", "one", "two"]);
    assert_eq!(history.git(&["log", "-1", "--format=%P"]).split(' ').count(), 3);
    history.is_accepted();

    history.git(&["checkout", "--quiet", "-B", "two", &history.root]);
    history.world.set("app", "password", "second");
    history.commit_as(&history.alice, "Change the password");
    history.git(&["checkout", "--quiet", "-B", "main", "main~1"]);
    history.git(&["merge", "--quiet", "--no-edit", "one", "two"]);
    let verify = ["verify", "demo", "--trust-root", &history.root];
    let refused = history.world.command(&verify).run().fails_with(3);
    assert!(refused.stderr().contains("it is not signed"), "{refused:?}");
    history.signed(&history.alice, &["commit", "--quiet", "--amend", "--no-edit", "-S"]);
    history.world.command(&verify).run().success();
}

/// Both sides merged the other, each with a decision of its own, so that
/// there are two commits that both come from.
#[test]
fn a_criss_cross_of_merges_is_a_decision() {
    let history = History::new("trust-criss-cross");
    let git = |arguments: &[&str]| history.git(arguments);
    git(&["checkout", "--quiet", "-B", "left"]);
    history.world.set("app", "password", "left");
    let left = history.commit_as(&history.alice, "Left");
    git(&["checkout", "--quiet", "-B", "right", &history.root]);
    history.set_beside("x");
    let right = history.commit_as(&history.bob, "Right");
    git(&["merge", "--quiet", "--no-ff", "--no-edit", &left]);
    git(&["checkout", "--quiet", "left"]);
    git(&["merge", "--quiet", "--no-ff", "--no-edit", &right]);
    // Joining the two again decides nothing.
    git(&["merge", "--quiet", "--no-ff", "--no-edit", "right"]);
    assert_eq!(git(&["merge-base", "--all", "HEAD^1", "HEAD^2"]).lines().count(), 2);
    history.is_accepted();
    // What is of neither is a change.
    history.world.set("app", "password", "planted");
    git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    history.is_refused("it is not signed");
}

#[test]
fn a_history_beside_the_trusted_commit_is_refused() {
    let history = History::new("trust-rewritten");
    history.git(&["checkout", "--quiet", "--orphan", "new"]);
    history.world.set("app", "password", "planted");
    history.commit_as(&history.alice, "All anew");
    history.is_refused("does not descend from the trusted commit");

    // Joined with it, it still has a beginning that nobody could vouch for.
    let orphan = history.head();
    history.git(&["checkout", "--quiet", "--detach", &history.root]);
    let merge = ["merge", "--quiet", "--allow-unrelated-histories", "-s", "ours", "--no-edit"];
    history.git(&[&merge[..], &[&orphan]].concat());
    history.is_refused("was no holder's signing key before it");
}

#[test]
fn a_signature_counts_for_its_own_commit_and_purpose_alone() {
    let history = History::new("trust-signature");
    let signed = history.commit_as(&history.alice, "Nothing");
    let raw = history.git(&["cat-file", "commit", &signed]);
    let start = raw.find("gpgsig ").unwrap();
    let end = raw.find("-----END SSH SIGNATURE-----").unwrap();
    let end = end + raw[end..].find('\n').unwrap() + 1;
    let signature = raw[start..end].to_owned();

    // The signature of one commit on another.
    history.world.set("app", "password", "planted");
    history.commit("x");
    let with = |history: &History, signature: &str| {
        let raw = history.git(&["cat-file", "commit", "HEAD"]);
        let (header, message) = raw.split_once("\n\n").unwrap();
        let grafted = format!("{header}\n{signature}\n{message}\n");
        let command = history.world.sandbox.program("git", ["hash-object", "-w", "-t", "commit"]);
        let command = command.args(["--stdin"]).current_dir(&history.world.root);
        let id = command.stdin(grafted).run().success().stdout().trim().to_owned();
        history.git(&["reset", "--quiet", "--hard", &id]);
    };
    let unsigned = history.head();
    with(&history, &signature);
    history.is_refused("its signature is not good");

    // One made for files, and one of another kind.
    history.git(&["reset", "--quiet", "--hard", &unsigned]);
    let payload = history.git(&["cat-file", "commit", "HEAD"]) + "\n";
    let sign = ["-Y", "sign", "-n", "file", "-f", history.alice.path.to_str().unwrap()];
    let command = history.world.sandbox.program("ssh-keygen", sign).stdin(payload);
    let for_files = command.run().success().stdout().trim_end().replace('\n', "\n ");
    with(&history, &format!("gpgsig {for_files}\n"));
    history.is_refused("its signature is not good");

    history.git(&["reset", "--quiet", "--hard", &unsigned]);
    let pgp = "-----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n";
    with(&history, &format!("gpgsig {pgp}"));
    history.is_refused("its signature is not an SSH one");

    history.git(&["reset", "--quiet", "--hard", &unsigned]);
    let broken = "-----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n";
    with(&history, &format!("gpgsig {broken}"));
    history.is_refused("its signature is not good");
}

#[test]
fn an_older_state_is_refused_once_a_newer_one_was_synced() {
    let history = History::new("trust-rollback");
    history.world.set("app", "password", "second");
    let second = history.commit_as(&history.alice, "Change the password");
    history.is_accepted();
    let versions = history.world.version("app");

    history.git(&["reset", "--quiet", "--hard", &history.root]);
    let refused = history.sync_is_refused("is not part of the history");
    assert!(refused.contains(&second), "{refused}");
    let audit = history.world.audit(&["--trust-root", &history.root]);
    assert!(audit.stderr().contains("is not part of the history"), "{audit:?}");
    let dry = history.world.try_sync(&["--trust-root", &history.root, "--dry-run"]);
    dry.fails_with(3);
    assert_eq!(history.world.version("app"), versions);

    // Where it is meant.
    history.world.sync(&["--trust-root", &history.root, "--allow-rollback"]);
    assert_eq!(history.world.value("app", "password"), "first");
}

#[test]
fn an_older_state_is_refused_even_where_the_newer_one_changed_nothing_in_vault() {
    let history = History::new("trust-remembered");
    history.run(&["recipients", "remove", "bob"]).unwrap();
    history.commit_as(&history.alice, "Remove bob");
    let watch = history.world.watch();
    history.is_accepted();
    // The commit is remembered with the one write that takes.
    assert_eq!(watch.writes().len(), 1, "{:?}", watch.writes());
    history.world.sync_changes_nothing(&["--trust-root", &history.root]);
    assert_eq!(history.world.version("app"), 1);

    history.git(&["reset", "--quiet", "--hard", &history.root]);
    history.sync_is_refused("is not part of the history");
}

#[test]
fn a_trusted_commit_counts_wherever_git_sees_it() {
    let history = History::new("trust-git-sees");
    let world = &history.world;
    world.set("app", "password", "unsigned");
    history.commit("Not signed");
    let setting = |place: &str| {
        let text = format!("[phalanx-secrets]\n\ttrustRoot = {}\n", history.root);
        world.sandbox.write(world.sandbox.root().join(place), text)
    };
    let file = setting("trust.gitconfig");
    let file = file.to_str().unwrap();
    let name = "phalanx-secrets.trustRoot";
    let include = "[includeIf \"hasconfig:remote.*.url:https://git.example/**\"]\n";
    let include = format!("{include}\tpath = {file}\n[include]\n\tpath = /nowhere\n");
    let including = world.sandbox.write(world.sandbox.root().join("include.gitconfig"), include);
    history.git(&["remote", "add", "origin", "https://git.example/store"]);
    let parameters = format!("'{name}'='{}'", history.root);
    let cases: [&[(&str, &str)]; 5] = [
        &[("GIT_CONFIG_GLOBAL", file)],
        &[("GIT_CONFIG_SYSTEM", file), ("GIT_CONFIG_NOSYSTEM", "0")],
        &[
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", name),
            ("GIT_CONFIG_VALUE_0", &history.root),
        ],
        &[("GIT_CONFIG_GLOBAL", including.to_str().unwrap())],
        &[("GIT_CONFIG_PARAMETERS", &parameters)],
    ];
    let versions = world.version("app");
    for variables in cases {
        for command in ["sync", "audit", "restore", "verify"] {
            let mut command = world.command(&[command, "demo"]);
            for (name, value) in variables {
                command = command.env(name, value);
            }
            let refused = command.run().fails_with(3);
            assert!(refused.stderr().contains("is not signed"), "{variables:?} {refused:?}");
        }
    }
    assert_eq!(world.version("app"), versions);
    world.sync(&[]);
}

#[test]
fn a_trusted_commit_that_cannot_be_read_is_not_taken_for_none() {
    let history = History::new("trust-unreadable");
    let world = &history.world;
    let refuse = |variables: &[(&str, &str)], code: i32| {
        let mut command = world.command(&["sync", "demo"]);
        for (name, value) in variables {
            command = command.env(name, value);
        }
        let refused = command.run().fails_with(code);
        refused.stderr().to_owned()
    };
    for blank in ["", " "] {
        let said = refuse(&[("PHALANX_SECRETS_TRUST_ROOT", blank)], 2);
        assert!(said.contains("PHALANX_SECRETS_TRUST_ROOT is set, but to nothing"), "{said}");
    }
    let name = "phalanx-secrets.trustRoot";
    let count = [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", name)];
    let said = refuse(&[count[0], count[1], ("GIT_CONFIG_VALUE_0", "")], 2);
    assert!(said.contains("git's setting phalanx-secrets.trustRoot is empty"), "{said}");
    // Variables that git does not understand, and a file that it cannot.
    let said = refuse(&count, 3);
    assert!(said.contains("git does not say what phalanx-secrets.trustRoot is set to"), "{said}");
    let broken = world.sandbox.write("broken.gitconfig", "[phalanx-secrets\n");
    let said = refuse(&[("GIT_CONFIG_GLOBAL", broken.to_str().unwrap())], 3);
    assert!(said.contains("bad config"), "{said}");
    // Without git, settings in such places are not to be had.
    let path = world.sandbox.work();
    let without = [("PATH", path.to_str().unwrap()), ("GIT_CONFIG_COUNT", "0")];
    let said = refuse(&without, 3);
    assert!(said.contains("git cannot be run"), "{said}");
    world.sync(&[]);
}

#[test]
fn a_sync_that_must_verify_says_what_it_lacks() {
    let history = History::new("trust-options");
    let refuse = |options: &[&str], code: i32| {
        let refused = history.world.sync_is_refused(code, options);
        history.world.redact(refused.stderr())
    };
    insta::assert_snapshot!(refuse(&["--verify"], 2));
    let short = history.root[..12].to_owned();
    insta::assert_snapshot!(refuse(&["--trust-root", &short], 2));
    insta::assert_snapshot!(refuse(&["--trust-root", &"0".repeat(40)], 2));
    let absent = "0123456789".repeat(4);
    assert!(refuse(&["--trust-root", &absent], 2).contains("names no commit"));

    // The trusted commit of the clone, and of the job.
    history.git(&["config", "phalanx-secrets.trustRoot", &history.root]);
    assert!(history.world.sync(&[]).stderr().contains("Verified 0 commits"));
    history.git(&["config", "--unset", "phalanx-secrets.trustRoot"]);
    let command = history.world.command(&["sync", "demo"]);
    let output = command.env("PHALANX_SECRETS_TRUST_ROOT", &history.root).run().success();
    assert!(output.stderr().contains("Verified 0 commits"), "{output:?}");

    // What is not committed is nobody's yet.
    history.world.set("app", "password", "not committed");
    let refused =
        refuse(&["--trust-root", &history.root], 3).replace(&history.root[..10], "[ROOT]");
    insta::assert_snapshot!(refused);
    history.world.sync(&["--trust-root", &history.root, "--rev", "HEAD"]);
    assert_eq!(history.world.value("app", "password"), "first");

    // Where the store has it so, nothing goes without.
    let settings = history.world.sandbox.read(history.world.root.join("secrets/store.toml"));
    history.write("secrets/store.toml", &format!("{settings}\n[trust]\nenforce = true\n"));
    history.commit_as(&history.alice, "Enforce");
    refuse(&[], 2);
    history.is_accepted();
}
