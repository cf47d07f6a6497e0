//! Documents that tell of commands and what they print, which must be true.
//!
//! `UPDATE_DOCUMENTS=1 cargo test page` writes down what they print.
//!
//! What stands below a command is what it prints, to the letter, but that a
//! line `[…]` stands for any number of lines. `<!-- answers: … -->` before a
//! block has the answers to the questions of its first command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cli::{Command, Sandbox, make_executable};
use super::openbao::OpenBao;
use super::terminal::at_terminal;

/// Runs every command in the `console` blocks of a document, and asserts that
/// each prints what stands below it, and fails only where that is an error or
/// where it was to find something. Gives the lines of the commands that failed.
///
/// `prompt` tells a command, and whose it is, from what was printed; `run` runs
/// it, and gets what is answered to its questions. It gives what was printed,
/// and the exit code.
pub fn is_true<'a, P>(
    name: &str,
    at_least: usize,
    prompt: impl Fn(&'a str) -> Option<P>,
    mut run: impl FnMut(P, &[String]) -> (String, i32),
) -> Vec<&'a str> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let document: &'a str = std::fs::read_to_string(&path).unwrap().leak();
    let mut lines = document.split_inclusive('\n').peekable();
    let (mut told, mut failed) = (String::new(), Vec::new());
    let (mut answers, mut count) = (Vec::new(), 0);
    // How far the block is indented that this is in.
    let mut block: Option<&str> = None;
    while let Some(line) = lines.next() {
        told.push_str(line);
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim_start().starts_with("```") {
            block = (line.trim() == "```console").then_some(indent);
            continue;
        }
        if let Some(text) = line.strip_prefix("<!-- answers: ") {
            let words = text.trim_end().trim_end_matches(" -->").split(' ');
            answers = words.map(str::to_owned).collect();
        }
        let Some(indent) = block else { continue };
        let bare = |line: &'a str| line.strip_prefix(indent).unwrap_or(line).trim_end();
        let whole = continued(document, line, &mut lines);
        told.push_str(&whole[line.len()..]);
        let command = prompt(bare(whole));
        let command = command.unwrap_or_else(|| panic!("{name}: whose command is {whole}"));
        let mut shown = Vec::new();
        while let Some(next) = lines
            .next_if(|next| !next.trim_start().starts_with("```") && prompt(bare(next)).is_none())
        {
            shown.push(bare(next));
        }
        count += 1;
        let (printed, code) = run(command, &std::mem::take(&mut answers));
        let is_told = printed.lines().any(|line| line.starts_with("Error:"))
            || (code == 1 && finds(whole, &printed));
        assert!(code == 0 || is_told, "{whole} ends with {code}:\n{printed}");
        failed.extend((code != 0).then_some(whole.trim()));
        let printed: Vec<&str> = printed.lines().collect();
        for line in if stands_for(&shown, &printed) { shown } else { printed } {
            told.push_str(format!("{indent}{line}").trim_end());
            told.push('\n');
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

/// A command with the lines that continue it, which are taken.
fn continued<'a>(
    document: &'a str,
    line: &'a str,
    lines: &mut impl Iterator<Item = &'a str>,
) -> &'a str {
    let start = line.as_ptr().addr() - document.as_ptr().addr();
    let (mut end, mut last) = (start + line.len(), line);
    while last.trim_end().ends_with(['\\', '|']) {
        last = lines.next().unwrap();
        end += last.len();
    }
    &document[start..end]
}

/// Whether lines with `[…]` among them stand for what was printed.
fn stands_for(shown: &[&str], printed: &[&str]) -> bool {
    match shown {
        [] => printed.is_empty(),
        ["[…]", rest @ ..] => (0..=printed.len()).any(|at| stands_for(rest, &printed[at..])),
        [first, rest @ ..] => printed.first() == Some(first) && stands_for(rest, &printed[1..]),
    }
}

/// Whether a command is one that ends with 1 where it finds something, which it
/// then says what to do about.
fn finds(line: &str, printed: &str) -> bool {
    let is_finder = [" audit", " check", " exposed"].iter().any(|name| line.contains(name));
    is_finder && (printed.contains("Hint: ") || printed.contains("  → "))
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

/// Somebody who does what a page says, in a shell with its folder and its
/// variables.
pub struct Reader<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
    variables: BTreeMap<String, String>,
    known: BTreeMap<String, String>,
    names: Vec<(String, String)>,
    is_exact: bool,
}

impl<'a> Reader<'a> {
    pub fn new(sandbox: &'a Sandbox, folder: impl Into<PathBuf>) -> Self {
        let (variables, known, names) = Default::default();
        let is_exact = false;
        Self { sandbox, folder: folder.into(), variables, known, names, is_exact }
    }

    /// Has a variable from the beginning.
    pub fn has(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Knows what to write where the page exports a variable and does not say
    /// what it holds (`export NAME=…`).
    pub fn knows(mut self, name: &str, value: &str) -> Self {
        self.known.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Reads times and digests to the letter.
    pub fn exactly(mut self) -> Self {
        self.is_exact = true;
        self
    }

    /// Takes what is here for what stands in the page.
    pub fn reads(mut self, shown: &str, here: &str) -> Self {
        self.names.push((shown.to_owned(), here.to_owned()));
        self
    }

    /// Goes to another folder, as the page says in its text.
    pub fn changes_to(&mut self, folder: &Path) {
        folder.clone_into(&mut self.folder);
    }

    /// What a variable holds now.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Runs a command of the page, and gives what the page has of what it
    /// prints, and the exit code.
    pub fn run(&mut self, command: &str, answers: &[String]) -> (String, i32) {
        let names = self.names.iter();
        let line = names.fold(command.to_owned(), |line, (shown, here)| line.replace(shown, here));
        if let Some(folder) = line.strip_prefix("cd ") {
            self.folder.push(folder.replace('~', self.sandbox.home().to_str().unwrap()));
            return (String::new(), 0);
        }
        if let Some(name) = line.strip_prefix("unset ") {
            assert!(self.variables.remove(name).is_some(), "{line}");
            return (String::new(), 0);
        }
        if let Some(assignment) = line.strip_prefix("export ") {
            let assignment = assignment.split(" #").next().unwrap().trim_end();
            let (name, value) = assignment.split_once('=').unwrap();
            let value = match value {
                "…" => self.known[name].clone(),
                value => {
                    let line = format!("printf %s {value}");
                    self.shell(&line).run().success().stdout().to_owned()
                }
            };
            self.variables.insert(name.to_owned(), value);
            return (String::new(), 0);
        }
        let (text, code) = match answers {
            [] => {
                let output = self.shell(&line).run();
                (output.stdout().to_owned(), output.code())
            }
            answers => {
                let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
                let screen = at_terminal(self.shell(&line), &answers);
                (screen.text, screen.code)
            }
        };
        let names = self.names.iter();
        let text = names.fold(text, |text, (shown, here)| text.replace(here, shown));
        let text = text.replace(self.sandbox.home().to_str().unwrap(), "~");
        (if self.is_exact { text } else { redact(&text) }, code)
    }

    fn shell(&self, line: &str) -> Command {
        let program = shell(self.sandbox, line, &self.folder);
        self.variables.iter().fold(program, |program, (name, value)| program.env(name, value))
    }
}

/// Puts a program of the test's own into `bin`.
pub fn install(sandbox: &Sandbox, name: &str, script: &str) {
    let path = sandbox.write(format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    make_executable(&path);
}

/// Takes what `kubectl apply` is given, and speaks after whoever writes to it.
pub const KUBECTL: &str =
    "name=$(sed -n 's/^  name: //p'); test -n \"$name\" && echo \"secret/$name created\"";

/// A copy of this repository's own store, and of its identity.
pub fn copy_of_this_repository(sandbox: &Sandbox) -> PathBuf {
    let copy = sandbox.work().join("phalanx-secrets");
    std::fs::create_dir(&copy).unwrap();
    for name in ["secrets", "recipients", "examples"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        sandbox.program("cp", ["-R"]).args([&folder, &copy]).run().success();
    }
    copy
}

/// A token with exactly the policy that docs/vault.md documents for `sync`, at
/// another place.
pub fn sync_token(server: &OpenBao, prefix: &str) -> String {
    let policy = policy("docs/vault.md", "phalanx-sync-idfdev.hcl");
    let (mount, path) = prefix.split_once('/').unwrap();
    let policy = ["data", "metadata"].iter().fold(policy.clone(), |policy, area| {
        policy.replace(&format!("secret/{area}/phalanx/idfdev"), &format!("{mount}/{area}/{path}"))
    });
    assert!(!policy.contains("/phalanx/idfdev/"), "{policy}");
    let name = prefix.replace('/', "-");
    server.create_policy(&name, &policy);
    server.create_token(&[&name])
}

/// The policy that a page has as a file of this name.
pub fn policy(page: &str, name: &str) -> String {
    let mut blocks = blocks(page, "hcl").into_iter();
    blocks.find(|block| block.starts_with(&format!("# {name}\n"))).unwrap()
}

/// The code blocks of a page in a language, without their fences.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let document = std::fs::read_to_string(path).unwrap();
    let (mut blocks, mut lines) = (Vec::new(), document.lines());
    let fence = format!("```{language}");
    while let Some(line) = lines.next() {
        let Some(indent) = line.strip_suffix(&fence) else { continue };
        let mut block = String::new();
        for line in lines.by_ref().take_while(|line| line.trim() != "```") {
            block.push_str(line.strip_prefix(indent).unwrap_or(line));
            block.push('\n');
        }
        blocks.push(block);
    }
    blocks
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
    let bare = word.trim_matches(['(', ')', ':', ',', ';']);
    let is_like = |form: &str| {
        bare.len() == form.len()
            && bare.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                form => byte == form,
            })
    };
    let is_commit =
        matches!(bare.len(), 7 | 10 | 40) && bare.bytes().all(|b| b.is_ascii_hexdigit());
    let fixed = match bare {
        _ if is_commit => "1a2b3c4",
        _ if is_like("0000-00-00T00:00:00Z") => "2026-11-23T09:00:00Z",
        _ if is_like("0000-00-00") => "2026-11-23",
        _ if is_like("00:00") => "09:00",
        bare => bare,
    };
    word.replace(bare, fixed)
}
