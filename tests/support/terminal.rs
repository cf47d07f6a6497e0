//! A terminal for the program to run at, with someone who answers, or none.

use std::ffi::OsStr;
use std::path::Path;

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
    Screen { text: output.stdout().replace('\r', ""), code: output.code() }
}

/// Makes a command run where there is no terminal, even if the tests have one.
pub fn without_terminal(command: Command) -> Command {
    let script = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])";
    command.wrapped_in("python3", &[OsStr::new("-c"), OsStr::new(script)])
}
