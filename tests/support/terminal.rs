//! A terminal for the program to run at, with someone who answers, or none.

use std::ffi::OsStr;
use std::path::Path;

use rustix::process::Signal;

use super::cli::Command;

/// What was on the screen, and how it ended.
#[derive(Debug)]
pub struct Screen {
    pub text: String,
    pub code: i32,
}

/// Runs a command at a terminal. Each prompt (a line that ends with a colon and
/// a space) gets the next answer, as long as there are any.
#[track_caller]
pub fn at_terminal(command: Command, answers: &[&str]) -> Screen {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/terminal.py");
    let mut arguments = vec![script.as_os_str()];
    arguments.extend(answers.iter().map(OsStr::new));
    arguments.push(OsStr::new("--"));
    let output = command.wrapped_in("python3", &arguments).run();
    Screen { text: plain(output.stdout()), code: output.code() }
}

/// Makes a command run where there is no terminal, even if the tests have one.
pub fn without_terminal(command: Command) -> Command {
    let script = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])";
    command.wrapped_in("python3", &[OsStr::new("-c"), OsStr::new(script)])
}

/// What was on the screen, without what only a terminal understands.
fn plain(text: &str) -> String {
    ["\r", "\x1b[?2004h", "\x1b[?2004l"]
        .iter()
        .fold(text.to_owned(), |text, mark| text.replace(mark, ""))
}

pub const SIGHUP: i32 = Signal::HUP.as_raw();
pub const SIGINT: i32 = Signal::INT.as_raw();
pub const SIGKILL: i32 = Signal::KILL.as_raw();
pub const SIGTERM: i32 = Signal::TERM.as_raw();
pub const SIGCONT: i32 = Signal::CONT.as_raw();
pub const SIGSTOP: i32 = Signal::STOP.as_raw();

/// What ends a process from outside.
pub const ENDINGS: [i32; 4] = [SIGHUP, SIGINT, SIGTERM, SIGKILL];

/// A walk through a command at a terminal, step by step.
#[derive(Debug)]
pub struct Walk {
    command: Command,
    steps: Vec<serde_json::Value>,
}

/// What came of a walk.
#[derive(Debug)]
pub struct Walked {
    /// Everything that was on the screen.
    pub screen: String,
    /// The same, with what only a terminal understands.
    pub as_it_was: String,
    pub code: Option<i64>,
    pub signal: Option<i64>,
    /// Whether the terminal is as it was before, and marks no more pastes.
    pub is_restored: bool,
}

impl Walk {
    pub fn through(command: Command) -> Self {
        Self { command, steps: Vec::new() }
    }

    /// Waits for a text.
    pub fn expect(mut self, text: &str) -> Self {
        self.steps.push(serde_json::json!({ "expect": text }));
        self
    }

    /// Types a text.
    pub fn send(mut self, text: &str) -> Self {
        self.steps.push(serde_json::json!({ "send": text }));
        self
    }

    /// Pastes a text, as a terminal does that marks what is pasted, and
    /// presses Enter.
    pub fn paste(self, text: &str) -> Self {
        self.send(&format!("\x1b[200~{}\x1b[201~\r", text.replace('\n', "\r")))
    }

    /// Sends a signal.
    pub fn signal(mut self, number: i32) -> Self {
        self.steps.push(serde_json::json!({ "signal": number }));
        self
    }

    /// Has the terminal show what is typed, as a shell does.
    pub fn show(mut self) -> Self {
        self.steps.push(serde_json::json!({ "show": true }));
        self
    }

    pub fn pause(mut self, seconds: f64) -> Self {
        self.steps.push(serde_json::json!({ "pause": seconds }));
        self
    }

    /// Walks to the end.
    #[track_caller]
    pub fn run(self) -> Walked {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/walk.py");
        let steps = serde_json::Value::from(self.steps).to_string();
        let walk = self.command.wrapped_in("python3", &[script.as_os_str()]).stdin(steps);
        let output = walk.run().success();
        let walked: serde_json::Value = serde_json::from_str(output.stdout()).unwrap();
        let screen = walked["screen"].as_str().unwrap();
        assert!(walked["problem"].is_null(), "{}:\n{screen}", walked["problem"]);
        let marks = |mark| screen.matches(mark).count();
        let marks_no_more = screen.rfind("\x1b[?2004h") <= screen.rfind("\x1b[?2004l");
        let is_restored = walked["is_restored"].as_bool().unwrap() && marks_no_more;
        assert!(marks("\x1b[?1049h") == marks("\x1b[?1049l"), "{screen}");
        Walked {
            screen: plain(screen),
            as_it_was: screen.to_owned(),
            code: walked["code"].as_i64(),
            signal: walked["signal"].as_i64(),
            is_restored,
        }
    }
}

impl Walked {
    /// Asserts that it ended by itself, with success.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.screen);
        assert!(self.is_restored, "{}", self.screen);
        self
    }

    /// Asserts that a signal ended it, and that the terminal is as it was, but
    /// for the signal that nobody can catch.
    #[track_caller]
    pub fn ended_by(self, signal: i32) -> Self {
        assert_eq!(self.signal, Some(signal.into()), "{:?}\n{}", self.code, self.screen);
        assert!(self.is_restored || signal == SIGKILL, "{}", self.screen);
        self
    }
}
