//! Documents that tell of commands and what they print, which must be true.
//!
//! `UPDATE_DOCUMENTS=1 cargo test story` writes down what they print.

use std::path::Path;

use super::cli::{Command, Sandbox};

/// Runs every command in the `console` blocks of a document, and asserts that
/// each prints what stands below it, and fails only where that is an error or
/// where it was to find something. Gives the lines of the commands that failed.
///
/// `prompt` tells a command, and whose it is, from what was printed; `run` runs
/// it, and gets what is answered to its questions: the words of a comment
/// `<!-- answers: … -->` before the block. It gives what was printed, and the
/// exit code.
pub fn is_true<'a, P>(
    name: &str,
    at_least: usize,
    prompt: impl Fn(&'a str) -> Option<P>,
    mut run: impl FnMut(P, &[String]) -> (String, i32),
) -> Vec<&'a str> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let document: &'a str = std::fs::read_to_string(&path).unwrap().leak();
    let (mut told, mut failed) = (String::new(), Vec::new());
    let (mut is_in_block, mut answers, mut count) = (false, Vec::new(), 0);
    for line in document.lines() {
        if line.starts_with("```") {
            is_in_block = line == "```console";
        }
        if let Some(text) = line.strip_prefix("<!-- answers: ") {
            let words = text.trim_end_matches(" -->").split(' ');
            answers = words.map(str::to_owned).collect();
        }
        let command = prompt(line).filter(|_| is_in_block);
        // What stands below a command is what it printed last time.
        if is_in_block && command.is_none() && !line.starts_with("```") {
            continue;
        }
        told.push_str(line);
        told.push('\n');
        if let Some(command) = command {
            count += 1;
            let (printed, code) = run(command, &std::mem::take(&mut answers));
            let is_told = printed.starts_with("Error:") || (code == 1 && finds(line, &printed));
            assert!(code == 0 || is_told, "{line} ends with {code}:\n{printed}");
            failed.extend((code != 0).then_some(line));
            told.push_str(&printed);
        }
    }
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    assert!(count >= at_least, "only {count} commands were found");
    for (document, told) in document.lines().zip(told.lines()) {
        assert_eq!(document, told, "{name} is not what happens");
    }
    assert_eq!(document.len(), told.len(), "{name} is not what happens");
    failed
}

/// Whether a command is one that ends with 1 where it finds something, which it
/// then says what to do about.
fn finds(line: &str, printed: &str) -> bool {
    let is_finder = [" audit", " check", " exposed"].iter().any(|name| line.contains(name));
    is_finder && printed.contains("Hint: ")
}

/// Prepares to run a command line of a document in a folder: with the program,
/// and with what the test has put into `bin` of the sandbox.
pub fn shell(sandbox: &Sandbox, command: &str, folder: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_phalanx-secrets")).parent().unwrap();
    let bin = sandbox.work().join("bin");
    let path = std::env::var("PATH").unwrap();
    sandbox
        .program("sh", ["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env("PATH", format!("{}:{}:{path}", program.display(), bin.display()))
}

/// A text without what differs from run to run.
pub fn redact(text: &str) -> String {
    let mut redacted = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(redact_word).collect();
        redacted.push_str(words.join(" ").trim_end());
        redacted.push('\n');
    }
    redacted
}

/// A word without commits, dates and times of day.
fn redact_word(word: &str) -> String {
    let bare = word.trim_matches(['(', ')', ':', ',']);
    let is_like = |form: &str| {
        bare.len() == form.len()
            && bare.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                form => byte == form,
            })
    };
    let is_commit = matches!(bare.len(), 7 | 10) && bare.bytes().all(|b| b.is_ascii_hexdigit());
    let fixed = match bare {
        _ if is_commit => "1a2b3c4",
        _ if is_like("0000-00-00") => "2026-11-23",
        _ if is_like("00:00") => "09:00",
        bare => bare,
    };
    word.replace(bare, fixed)
}
