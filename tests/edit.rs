//! `edit`: through an editor, and interrupted while it is open.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::support::cli::{Command, Output, make_executable};
use crate::support::memory::Memory;
use crate::support::notice;
use crate::support::openbao::find_on_path;
use crate::support::small_store::SmallStore;
use crate::support::terminal::{ENDINGS, SIGINT, SIGKILL, SIGTERM, Walk};
use crate::support::traces::{assert_nowhere, new_mark};

/// An editor that is a Python script with the file's path in `path`.
fn editor(store: &SmallStore, script: &str) -> PathBuf {
    let text = format!(
        "#!/usr/bin/env python3\nimport os, sys\npath = sys.argv[-1]\ntext = open(path, \
         newline='', errors='surrogateescape').read()\ndef write(text):\n    open(path, 'w', newline='').write(text)\n{script}\n"
    );
    let path = store.sandbox.write("editor", text);
    make_executable(&path);
    path
}

/// A small store, and memory of its own for the editor.
struct World {
    store: SmallStore,
    memory: Memory,
}

impl World {
    /// `None` after saying that a test is skipped: without memory there is no
    /// editor.
    #[track_caller]
    fn new() -> Option<Self> {
        Memory::new().map(|memory| Self { store: SmallStore::new(), memory })
    }

    fn in_memory(&self, arguments: &[&str]) -> Command {
        self.command(arguments).env("XDG_RUNTIME_DIR", &*self.memory).env("TERM", "xterm")
    }

    fn edit(&self, script: &str, arguments: &[&str]) -> Command {
        let editor = editor(self, script);
        self.in_memory(&[&["edit", "demo"], arguments].concat()).env("VISUAL", editor)
    }

    fn edited(&self, script: &str, arguments: &[&str]) -> Output {
        self.edit(script, arguments).run()
    }
}

impl std::ops::Deref for World {
    type Target = SmallStore;

    fn deref(&self) -> &SmallStore {
        &self.store
    }
}

#[test]
fn a_value_is_edited_to_the_byte() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    // An editor that ends the last line adds nothing to a value without an end.
    store.edited("assert text == 'old'\nwrite('new\\n')", &["app", "password"]).success();
    assert_eq!(store.get("app", "password"), b"new");
    store.edited("write('two\\r\\nlines\\n')", &["app", "password"]).success();
    assert_eq!(store.get("app", "password"), b"two\r\nlines\n");
    // What has an end keeps it.
    store.edited("write(text.replace('two', 'more'))", &["app", "password"]).success();
    assert_eq!(store.get("app", "password"), b"more\r\nlines\n");
    // A new one.
    store.edited("assert text == ''\nwrite('token\\n')", &["app", "token"]).success();
    assert_eq!(store.get("app", "token"), b"token");
    store.edited("write('a\\nb\\n')", &["app", "with space"]).success();
    assert_eq!(store.get("app", "with space"), b"a\nb\n");
}

#[test]
fn an_unchanged_value_keeps_its_file() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    store.set("app", "token", "old");
    let before = store.bytes("secrets/demo/app/password.age");
    for script in ["pass", "write(text)", "write(text + '\\n')"] {
        let output = store.edited(script, &["app", "password"]).success();
        assert_eq!(output.stderr(), "Nothing was changed.\n");
    }
    store.edited("write(text.replace('token = \"old\"', 'token = \"new\"'))", &["app"]).success();
    assert_eq!(store.bytes("secrets/demo/app/password.age"), before);
    assert_eq!(store.get("app", "token"), b"new");
    let output = store.edited("write('')", &["app", "dex.clientSecret"]).success();
    assert_eq!(output.stderr(), "Nothing was changed.\n");
}

#[test]
fn an_application_is_a_document() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "p\"\\ss");
    store.set("app", "token", "line 1\nline 2\n");
    store
        .command(["set", "demo", "app", "with space", "--allow-binary"])
        .stdin([255])
        .run()
        .success();
    let copy = store.sandbox.work().join("copy");
    let script = format!(
        "import shutil; shutil.copy(path, {copy:?}); assert oct(os.stat(path).st_mode)[-3:] == \
         '600'; assert oct(os.stat(os.path.dirname(path)).st_mode)[-3:] == '700'"
    );
    store.edited(&script, &["app"]).success();
    assert_snapshot!(fs::read_to_string(&copy).unwrap(), @r#"
    # Static values of app in demo.
    #
    # Save and leave to store what you changed; leave without saving to change
    # nothing. To give a value that is missing, take the # away from its line. To
    # remove a stored value, delete its line.

    # (It has no value yet.)
    # ".dockerconfigjson" = ""

    # (It has no value yet.)
    # "dex.clientSecret" = ""

    # Password of the database
    password = "p\"\\ss"

    # Token for the other side
    token = """
    line 1
    line 2
    """

    # "with space" holds bytes that are no text; replace it with: phalanx-secrets set --from-file
    "#);

    // All that may be done at once.
    let script = "\
for old, new in [('password = ', 'password = \"new\" # '), ('# \"dex.clientSecret\" = \"\"', \
                  '\"dex.clientSecret\" = \"\"\"a\\nb\"\"\"')]:\n    assert old in text\n    \
                  text = text.replace(old, new)\nwrite(text)";
    let output = store.edited(script, &["app"]).success();
    assert_snapshot!(store.stderr(&output), @r"
    Stored demo/app/dex.clientSecret, sealed to: alice
    Stored demo/app/password, sealed to: alice
    ");
    assert_eq!(store.get("app", "password"), b"new");
    assert_eq!(store.get("app", "dex.clientSecret"), b"a\nb");
    assert_eq!(store.get("app", "token"), b"line 1\nline 2\n");
    assert_eq!(store.get("app", "with space"), [255]);
}

#[test]
fn a_mistake_opens_the_editor_again_with_the_error() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    let again = |mistake: &str| {
        format!(
            "if text.startswith('#! '):\n    open({:?}, 'w').write(text.split('\\n')[0])\n    \
             lines = text.split('\\n')\n    write('password = \"mended\"')\nelse:\n    \
             write({mistake})",
            store.sandbox.work().join("error")
        )
    };
    for (mistake, error) in [
        ("'password = hunter2'", "#! line 1: "),
        ("'password = \"hunter2\"\\npassword = \"hunter2\"'", "#! line 2: "),
        ("'pasword = \"hunter2\"'", "#! pasword is not a static secret of this application"),
        ("'password = 5'", "#! line 1: expected "),
        ("'password = \"\"'", "#! demo/app/password was not stored: the value is empty"),
        (
            "'password = \" \\\\n\"'",
            "#! demo/app/password was not stored: the value is white space",
        ),
    ] {
        let output = store.edited(&again(mistake), &["app"]).success();
        let shown = store.sandbox.read("error");
        assert!(shown.starts_with(error), "{shown}");
        assert!(!output.stderr().contains("hunter2") && !shown.contains("hunter2"), "{output:?}");
        assert_eq!(store.get("app", "password"), b"mended");
        store.set("app", "password", "old");
    }
    // One who mends nothing is not asked for ever.
    let output = store.edited("write('password = hunter2')", &["app"]).fails_with(2);
    assert!(!output.stderr().contains("hunter2"), "{output:?}");
    assert_eq!(store.get("app", "password"), b"old");
    // Neither with a single value.
    let output = store.edited("write('')", &["app", "password"]).fails_with(2);
    assert!(output.stderr().contains("the value is empty"), "{output:?}");
}

#[test]
fn a_deleted_line_removes_a_value_once_that_is_confirmed() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    store.set("app", "token", "old");
    let script = "write(''.join(line for line in text.splitlines(True) if not \
                  line.startswith('token')))";
    let command = || store.edit(script, &["app"]);
    let output = command().run().fails_with(2);
    assert!(output.stderr().contains("Remove the stored values of token?"), "{output:?}");
    let question = "Remove the stored values of token? [y/N] ";
    for signal in ENDINGS {
        Walk::through(command()).expect(question).signal(signal).run().ended_by(signal);
        assert_eq!(store.memory.is_empty(), signal != SIGKILL);
    }
    // No leads back to the editor, where the same is done again.
    let walk = Walk::through(command()).expect(question).send("n\n").expect(question);
    let walked = walk.send("y\n").run().success();
    assert!(walked.screen.contains("Removed demo/app/token"), "{walked:?}");
    assert_eq!(store.sealed_files(), ["secrets/demo/app/password.age"]);
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    let before = store.bytes("secrets/demo/app/password.age");
    let output = store.edited("write('new')\nsys.exit(1)", &["app", "password"]).fails_with(2);
    assert!(output.stderr().contains("the editor failed"), "{output:?}");
    for (line, error) in [
        ("nowhere-to-be-found", "there is no such program"),
        ("'vi", "its quotes are not closed"),
        ("''", "there is no such program"),
    ] {
        let output =
            store.in_memory(&["edit", "demo", "app", "password"]).env("VISUAL", line).run();
        let output = output.fails_with(2);
        assert!(output.stderr().contains(error), "{output:?}");
        assert!(output.stderr().contains("name one in VISUAL or EDITOR"), "{output:?}");
    }
    assert_eq!(store.bytes("secrets/demo/app/password.age"), before);
}

#[test]
fn the_editor_is_split_as_shells_do() {
    let Some(store) = World::new() else { return };
    let editor = editor(&store, "assert sys.argv[1:3] == ['--wait', 'a b']\nwrite('new')");
    let line = format!("{} --wait 'a b'", editor.display());
    store.in_memory(&["edit", "demo", "app", "password"]).env("EDITOR", line).run().success();
    assert_eq!(store.get("app", "password"), b"new");
}

#[test]
fn what_changed_meanwhile_is_not_overwritten() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    let set = format!(
        "import subprocess\nsubprocess.run([{:?}, 'set', 'demo', 'app', 'password'], \
         input=b'theirs', cwd={:?}, check=True)\nwrite('mine')",
        env!("CARGO_BIN_EXE_phalanx-secrets"),
        store.root,
    );
    let output = store.edited(&set, &["app", "password"]).fails_with(3);
    assert!(output.stderr().contains("changed meanwhile"), "{output:?}");
    assert_eq!(store.get("app", "password"), b"theirs");
}

/// Where somebody is there, nothing that was typed is lost by that, nor what
/// the other one stored.
#[test]
fn who_changes_what_is_decided_at_the_terminal() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    store.set("app", "token", "old");
    let script = format!(
        "import subprocess\nif 'mine' not in text:\n    subprocess.run([{:?}, 'set', 'demo', 'app', \
         'password', '-c', {:?}], input=b'theirs', check=True)\n    write(text.replace('\"old\"', \
         '\"mine\"'))",
        env!("CARGO_BIN_EXE_phalanx-secrets"),
        store.root,
    );
    let question =
        "Somebody else changed demo/app/password meanwhile. Replace that by yours? [y/N] ";
    let walk = |answer| {
        let walk = Walk::through(store.edit(&script, &["app"])).expect("changed meanwhile");
        let walk = walk.expect("Throw away what you typed?").send("n\n").expect(question);
        walk.send(answer).expect("Stored demo/app/token").run().success();
    };
    walk("n\n");
    assert_eq!(store.get("app", "password"), b"theirs");
    assert_eq!(store.get("app", "token"), b"mine");
    store.set("app", "password", "old");
    store.set("app", "token", "old");
    walk("y\n");
    assert_eq!(store.get("app", "password"), b"mine");
}

/// An editor may save in another encoding; what was typed stays in its hands.
#[test]
fn a_document_that_is_no_text_comes_back() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    let script = "\
if text.startswith('#! '):
    assert 'password = \"caf' in text
    write(text.split('\\n', 2)[2].replace('\\udce9', 'e'))
else:
    open(path, 'wb').write(text.replace('\"old\"', '\"caf\\u00e9\"').encode('latin-1'))";
    store.edited(script, &["app"]).success();
    assert_eq!(store.get("app", "password"), b"cafe");
}

#[test]
fn what_cannot_be_edited_says_why() {
    let Some(store) = World::new() else { return };
    store.command(["set", "demo", "app", "token", "--allow-binary"]).stdin([255]).run().success();
    for (arguments, error) in [
        (&["app", "token"][..], "holds bytes that are no text"),
        (&["app", "made"], "is of kind generate, not static"),
        (&["app", "pasword"], "did you mean password?"),
        (&["ap"], "did you mean app?"),
        (&["app", "@vault"], "is where a backup is kept"),
        (&["pull-secret"], "has no static secrets"),
    ] {
        let output = store.edited("write('x')", arguments).fails_with(2);
        assert!(output.stderr().contains(error), "{arguments:?}: {output:?}");
    }
}

/// Of one value, where somebody is there to mend it.
#[test]
fn a_mistaken_value_may_be_edited_again() {
    let Some(store) = World::new() else { return };
    store.set("app", "password", "old");
    let script = "write('' if text else 'new')";
    let walk = || {
        let walk = Walk::through(store.edit(script, &["app", "password"]));
        walk.expect("the value is empty")
            .expect("Throw away what you typed? No opens the editor again. [y/N] ")
    };
    for signal in ENDINGS {
        walk().signal(signal).run().ended_by(signal);
        assert_eq!(store.memory.is_empty(), signal != SIGKILL);
    }
    walk().send("y\n").expect("Nothing was changed.").run().success();
    assert_eq!(store.get("app", "password"), b"old");
    walk().send("\n").expect("Stored demo/app/password").run().success();
    assert_eq!(store.get("app", "password"), b"new");
}

/// Whatever ends it, what was in the clear is gone, and on no disk.
#[test]
fn signals_clean_up() {
    let Some(store) = World::new() else { return };
    let mark = new_mark();
    store.set("app", "password", &mark);
    let script = "import time\nwrite(text * 2)\nprint('editing', flush=True)\ntime.sleep(60)";
    for arguments in [&["app", "password"][..], &["app"]] {
        for signal in ENDINGS {
            let walk = Walk::through(store.edit(script, arguments)).expect("editing");
            if signal == SIGINT {
                // Control-C is for the editor, and this one ends by it.
                let walked = walk.send("\x03").run();
                assert_eq!(walked.code, Some(2), "{walked:?}");
                assert!(walked.is_restored, "{walked:?}");
            } else {
                walk.signal(signal).run().ended_by(signal);
            }
            // Nobody can clean up after that one but the next.
            assert_eq!(store.memory.is_empty(), signal != SIGKILL, "{signal}");
        }
        // The editor of the one that was killed lives on.
        store.edited("pass", arguments).success();
        assert_nowhere(&mark, &store.sandbox);
    }
    assert_eq!(store.get("app", "password"), mark.as_bytes());
}

/// Real editors, with settings that ask for copies.
#[test]
fn editors_leave_no_copies() {
    let mark = &new_mark();
    let both = format!("added\n{mark}\n");
    for (program, keys, saved) in [
        ("vim", "ggOadded\x1b:wq\r", both.as_str()),
        ("env A=b vim", "ggOadded\x1b:wq\r", &both),
        ("nano", "added\r\x18y\r", &both),
        ("micro", "added\r\x13\x11", &both),
        // What is deleted goes to a buffer.
        ("joe", "\x19added\r\x0bx", "added\n"),
    ] {
        if find_on_path(program.split(' ').next_back().unwrap()).is_none() {
            assert!(std::env::var_os("CI").is_none(), "there is no {program}");
            notice(&format!("SKIPPED: editors_leave_no_copies for {program}: it is missing"));
            continue;
        }
        let Some(store) = World::new() else { return };
        let home = store.sandbox.home();
        for folder in ["undo", "swap", "backup"] {
            fs::create_dir(home.join(folder)).unwrap();
        }
        let vimrc = "set nocompatible\nset undofile undodir=~/undo//\nset directory=~/swap//\nset \
                     backup backupdir=~/backup//\nset viminfo='100,<1000,s100,h\nset ttimeout \
                     ttimeoutlen=10\n";
        fs::write(home.join(".vimrc"), vimrc).unwrap();
        let nanorc =
            format!("set backup\nset backupdir {:?}\nset historylog\n", home.join("backup"));
        fs::write(home.join(".nanorc"), nanorc).unwrap();
        let micro = "{\"saveundo\": true, \"savehistory\": true, \"savecursor\": true}";
        fs::create_dir_all(home.join(".config/micro")).unwrap();
        fs::write(home.join(".config/micro/settings.json"), micro).unwrap();
        store.set("app", "password", format!("{mark}\n"));
        let command = store.in_memory(&["edit", "demo", "app", "password"]);
        let walked = Walk::through(command.env("EDITOR", program))
            .expect(mark)
            .pause(0.3)
            .send(keys)
            .expect("Stored demo/app/password")
            .run()
            .success();
        let value = String::from_utf8(store.get("app", "password")).unwrap();
        assert_eq!(value, saved, "{program}: {walked:?}");
        assert!(!walked.screen.contains("is not known here"), "{walked:?}");
        store.set("app", "password", format!("{mark}\n"));
        // Killed while there is something to save.
        let command = store.in_memory(&["edit", "demo", "app", "password"]);
        Walk::through(command.env("EDITOR", program))
            .expect(mark)
            .pause(0.3)
            .send("ioops")
            .pause(0.3)
            .signal(SIGTERM)
            .run();
        assert_nowhere(mark, &store.sandbox);
        assert_eq!(store.get("app", "password"), format!("{mark}\n").as_bytes());
    }
}

/// Where there is no memory to be had, which takes a file system of its own to
/// try.
#[test]
fn without_memory_it_refuses_unless_told_otherwise() {
    let store = SmallStore::new();
    let place = store.sandbox.work().join("place");
    let editor = editor(&store, &format!("open({place:?}, 'w').write(path)\nwrite('new')"));
    let folder = store.sandbox.work().join("no-memory");
    fs::create_dir(&folder).unwrap();
    let run = |options: &str| {
        let script = format!(
            "mount --bind {folder} /dev/shm && cd {root} && exec {program} edit demo app password \
             {options}",
            folder = folder.display(),
            root = store.root.display(),
            program = env!("CARGO_BIN_EXE_phalanx-secrets"),
        );
        let namespace = ["--user", "--map-root-user", "--mount", "sh", "-c", &script];
        store.sandbox.program("unshare", namespace).env("VISUAL", &editor).run()
    };
    let tried = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "mount", "--bind"])
        .args([folder.as_path(), Path::new("/dev/shm")])
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        let must = std::env::var_os("CI").is_some() && rustix::process::getuid().is_root();
        assert!(!must, "there are no namespaces for root");
        notice("SKIPPED: without_memory_it_refuses_unless_told_otherwise: no namespaces here");
        return;
    }
    let output = run("").fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: there is no folder in memory for values in the clear
      • [SANDBOX]/run is none
      • /dev/shm is none
      • [SANDBOX]/tmp is none
    Hint: mount a tmpfs that you can write to, and name it in XDG_RUNTIME_DIR
    Hint: or pass --allow-disk: the values then are on the disk for a while, where they may be found even after they were removed
    ");
    run("--allow-disk").success();
    assert_eq!(store.get("app", "password"), b"new");
    let place = store.sandbox.read(&place);
    assert!(place.starts_with(store.sandbox.root().to_str().unwrap()), "{place}");
    assert!(!Path::new(&place).parent().unwrap().exists());
}
