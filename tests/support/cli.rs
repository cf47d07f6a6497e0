//! Running the program, and git, in a world of their own.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a command may take before it is killed, unless it says otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A temporary directory with its own home, configuration and temporary files,
/// and `work/`, where commands run. Removed when dropped.
#[derive(Debug)]
pub struct Sandbox {
    root: PathBuf,
    made_at: i64,
    _directory: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        // Long enough that the random letters never make a path look like a key,
        // which no message repeats.
        let directory = tempfile::Builder::new().prefix("sandbox-of-one-test-").tempdir().unwrap();
        // macOS has its temporary files behind a symbolic link.
        let root = directory.path().canonicalize().unwrap();
        let made_at = fs::metadata(&root).unwrap().ctime();
        let sandbox = Self { root, made_at, _directory: directory };
        for name in ["home/.config", "tmp", "run", "work"] {
            fs::create_dir_all(sandbox.root.join(name)).unwrap();
        }
        make_private(&sandbox.root.join("run"));
        fs::write(
            sandbox.home().join(".gitconfig"),
            "[user]\n\tname = Test User\n\temail = test@example.com\n\
             [init]\n\tdefaultBranch = main\n[commit]\n\tgpgSign = false\n\
             [advice]\n\tdetachedHead = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n",
        )
        .unwrap();
        sandbox
    }

    /// The directory that holds everything, with symbolic links resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// When it was made, in seconds since 1970.
    pub fn made_at(&self) -> i64 {
        self.made_at
    }

    /// The home directory of whatever runs here.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The directory in which commands run.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Writes a file, with the directories above it; a relative path is below
    /// [`Sandbox::work`].
    pub fn write(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Reads a file; a relative path is below [`Sandbox::work`].
    #[track_caller]
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.work().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs `phalanx-secrets` in [`Sandbox::work`].
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.command(arguments).run()
    }

    /// Runs `phalanx-secrets` in another directory.
    #[track_caller]
    pub fn run_in<A: AsRef<OsStr>>(
        &self,
        directory: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Output {
        self.command(arguments).current_dir(directory).run()
    }

    /// Prepares to run `phalanx-secrets`.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.program(env!("CARGO_BIN_EXE_phalanx-secrets"), arguments)
    }

    /// Runs `git` in [`Sandbox::work`] and answers what it printed.
    #[track_caller]
    pub fn git<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        self.git_in(self.work(), arguments)
    }

    /// Runs `git` in another directory and answers what it printed.
    #[track_caller]
    pub fn git_in<A: AsRef<OsStr>>(
        &self,
        directory: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        let output = self.program("git", arguments).current_dir(directory).run().success();
        output.stdout().trim_end().to_owned()
    }

    /// Prepares to run any program, in the same surroundings as ours.
    pub fn program<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut line = vec![program.as_ref().to_owned()];
        line.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        let mut command = assert_cmd::Command::new(&line[0]);
        let home = self.home();
        command
            .args(&line[1..])
            .env_clear()
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_STATE_HOME", home.join(".local/state"))
            .env("XDG_RUNTIME_DIR", self.root.join("run"))
            .env("TMPDIR", self.root.join("tmp"))
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
            .env("GIT_CEILING_DIRECTORIES", &self.root)
            .env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(self.work())
            .timeout(TIME_LIMIT);
        // What the program needs to find others, and what measures coverage.
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Command { line, command }
    }
}

/// A command that is ready to run. Its standard input is empty unless given.
#[derive(Debug)]
pub struct Command {
    line: Vec<OsString>,
    command: assert_cmd::Command,
}

impl Command {
    /// Gives it standard input.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.command.write_stdin(bytes.as_ref());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes an environment variable away.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        for argument in arguments {
            self.command.arg(&argument);
            self.line.push(argument.as_ref().to_owned());
        }
        self
    }

    /// Runs it in another directory.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Kills it sooner than the usual limit of two minutes.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.command.timeout(limit);
        self
    }

    /// Puts another command before it, whose last arguments it then is.
    pub fn wrapped_in(self, program: &str, arguments: &[&OsStr]) -> Self {
        let mut wrapped = assert_cmd::Command::new(program);
        wrapped.args(arguments).args(&self.line).env_clear();
        let inner = &self.command;
        for (name, value) in inner.get_envs() {
            if let Some(value) = value {
                wrapped.env(name, value);
            }
        }
        if let Some(folder) = inner.get_current_dir() {
            wrapped.current_dir(folder);
        }
        let mut line = vec![OsString::from(program)];
        line.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        line.extend(self.line);
        wrapped.timeout(TIME_LIMIT);
        Self { line, command: wrapped }
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(mut self) -> Output {
        let output =
            self.command.output().unwrap_or_else(|error| panic!("{:?}: {error}", self.line));
        super::json_documents::assert_documented(&self.line, output.status.code(), &output.stdout);
        Output {
            line: self.line,
            code: output.status.code(),
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }
}

/// What came of a command.
pub struct Output {
    line: Vec<OsString>,
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Output {
    /// Standard output, which must be UTF-8.
    #[track_caller]
    pub fn stdout(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self:?}"))
    }

    /// Standard output as it is.
    pub fn stdout_bytes(&self) -> &[u8] {
        &self.stdout
    }

    /// Standard error, which must be UTF-8.
    #[track_caller]
    pub fn stderr(&self) -> &str {
        str::from_utf8(&self.stderr).unwrap_or_else(|error| panic!("{error}\n{self:?}"))
    }

    /// The exit code.
    ///
    /// # Panics
    ///
    /// When a signal ended it, as the time limit does.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.code.unwrap_or_else(|| panic!("ended by a signal, or by the time limit\n{self:?}"))
    }

    /// Whether a signal ended it, as the time limit does.
    pub fn was_killed(&self) -> bool {
        self.code.is_none()
    }

    /// Asserts that it succeeded.
    #[track_caller]
    pub fn success(self) -> Self {
        self.fails_with(0)
    }

    /// Asserts its exit code.
    #[track_caller]
    pub fn fails_with(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "the exit code of\n{self:?}");
        self
    }

    /// Asserts that a text, such as a secret, is in neither output.
    #[track_caller]
    pub fn hides(self, text: &str) -> Self {
        assert!(
            !self.stdout().contains(text) && !self.stderr().contains(text),
            "{text:?} is shown by\n{self:?}"
        );
        self
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line: Vec<_> = self.line.iter().map(|word| word.to_string_lossy()).collect();
        writeln!(f, "$ {}", line.join(" "))?;
        match self.code {
            Some(code) => writeln!(f, "exit code: {code}")?,
            None => writeln!(f, "ended by a signal")?,
        }
        writeln!(f, "--- stdout\n{}", String::from_utf8_lossy(&self.stdout))?;
        writeln!(f, "--- stderr\n{}", String::from_utf8_lossy(&self.stderr))
    }
}

/// Makes a file a program, in its place.
pub fn make_executable(path: &Path) {
    let copy = path.with_extension("new");
    copy_program(path, &copy);
    fs::rename(copy, path).unwrap();
}

/// Copies a program, so that it can be run at once.
///
/// Another process writes the copy. Were it this one, then what another test
/// starts meanwhile would inherit the open file, and for as long as that child
/// has not become its own program, running the copy fails with "Text file
/// busy".
pub fn copy_program(from: &Path, to: &Path) {
    let status =
        std::process::Command::new("install").args(["-m", "755"]).args([from, to]).status();
    assert!(status.unwrap().success(), "{} is not copied to {}", from.display(), to.display());
}

/// Lets only the owner into a directory or file.
pub(super) fn make_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = path;
}
