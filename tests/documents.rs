//! All pages: whether a test runs what they tell one to run, and whether the
//! commands that they only name are commands.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::cli::Sandbox;
use crate::support::story;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder whose names end so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// README and the pages of `docs/`, by their paths from the root.
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    for path in files(&root().join("docs"), ".md") {
        pages.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
    }
    pages.sort();
    pages
}

/// The pages that a test gives to `story::is_true`, which runs each of their
/// blocks.
fn run_by_a_test() -> Vec<String> {
    let mut run = Vec::new();
    for path in files(&root().join("tests"), ".rs") {
        let source = fs::read_to_string(path).unwrap();
        let page = |name: &str| {
            let text = source.split_once(&format!("const {name}: &str = \""))?.1;
            text.split('"').next().map(str::to_owned)
        };
        for call in source.split("is_true(").skip(1) {
            let first = call.trim_start().split([',', ')']).next().unwrap();
            let name = first.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
            run.extend(name.map(str::to_owned).or_else(|| page(first)));
        }
    }
    run.retain(|name| name.ends_with(".md"));
    run.sort();
    run
}

#[test]
fn each_page_with_commands_is_run_by_a_test() {
    let has_commands =
        |page: &&String| !story::blocks(page, "console").is_empty() || prompts_elsewhere(page);
    let pages = pages();
    let to_be_run: Vec<_> = pages.iter().filter(has_commands).collect();
    assert!(to_be_run.len() >= 5, "{to_be_run:?}");
    assert_eq!(to_be_run, run_by_a_test().iter().collect::<Vec<_>>());
}

/// Whether a block of another kind has a line with a prompt: it should be
/// `console`.
fn prompts_elsewhere(page: &str) -> bool {
    ["", "text", "sh", "bash", "shell"].iter().any(|language| {
        let blocks = story::blocks(page, language);
        blocks.iter().any(|block| block.lines().any(|line| line.starts_with("$ ")))
    })
}

/// The command lines of this program that a page has outside its `console`
/// blocks: in code spans, in blocks of `sh`, and in workflows.
fn named(page: &str) -> Vec<String> {
    let mut text = fs::read_to_string(root().join(page)).unwrap();
    for block in ["console", "text"].iter().flat_map(|language| story::blocks(page, language)) {
        text = text.replace(&block, "");
    }
    let mut named: Vec<String> = Vec::new();
    for block in ["sh", "yaml"].iter().flat_map(|language| story::blocks(page, language)) {
        for line in block.lines() {
            named.extend(line.split_once("phalanx-secrets ").map(|(_, rest)| rest.to_owned()));
        }
    }
    for span in text.split('`').skip(1).step_by(2) {
        let (first, rest) = span.split_once(' ').unwrap_or((span, ""));
        match first {
            "phalanx-secrets" => named.push(rest.to_owned()),
            _ if COMMANDS.contains(&first) && !rest.is_empty() => named.push(span.to_owned()),
            _ => {}
        }
    }
    named
}

/// The commands that pages name without the program before them, and whose
/// names begin nothing else.
const COMMANDS: [&str; 22] = [
    "audit",
    "backup",
    "check",
    "copy-env",
    "edit",
    "export",
    "exposed",
    "fill",
    "get",
    "import",
    "init",
    "list",
    "move-in",
    "onepassword-secrets",
    "recipients",
    "rekey",
    "remove",
    "rename",
    "restore",
    "run",
    "set",
    "sync",
];

/// What stands for itself in the pages, as it might be typed.
fn typed(line: &str) -> String {
    let mut line = line.trim_end_matches(')').to_owned();
    for (shown, typed) in PLACEHOLDERS {
        line = line.replace(shown, typed);
    }
    line
}

const PLACEHOLDERS: [(&str, &str); 10] = [
    ("help COMMAND", "help set"),
    ("'a key'", "key"),
    ("[ENV[/APP]]", "demo/app"),
    ("[,ENV…]", ",other"),
    ("[ENV…]", "demo"),
    ("ENV…", "demo"),
    ("[ENV]", "demo"),
    ("[", ""),
    ("]", ""),
    ("…", ""),
];

#[test]
fn the_commands_that_pages_name_are_commands() {
    let sandbox = Sandbox::new();
    let mut count = 0;
    for page in pages() {
        for line in named(&page) {
            // The first lines of what digests are made of.
            if ["recipients 1", "file 1"].contains(&line.as_str()) {
                continue;
            }
            let line = typed(&line);
            let words: Vec<&str> = line.split_whitespace().collect();
            let output = match words[..] {
                // It is only named.
                [word] => sandbox.run(["help", word]).success(),
                _ => sandbox.run(&words),
            };
            // It may lack a store here, and what is named by an option alone lacks
            // the rest; but nothing in it is unknown.
            let is_cut = words.get(1).is_some_and(|word| word.starts_with('-'));
            let lacks = ["the following required arguments", "a value is required"];
            let error = output.stderr().strip_prefix("error: ");
            let is_known = error.is_none_or(|error| {
                is_cut && lacks.iter().any(|lacking| error.starts_with(lacking))
            });
            assert!(is_known, "{page}: {line}\n{output:?}");
            count += 1;
        }
    }
    assert!(count >= 15, "{count}");
}
