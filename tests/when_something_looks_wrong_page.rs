//! docs/when-something-looks-wrong.md: what it quotes is what the program says,
//! and each command is one.

use std::fs;
use std::path::Path;

use crate::support::cli::Sandbox;
use crate::support::small_store::files_below;

/// The cells of the rows of its tables.
fn rows() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/when-something-looks-wrong.md");
    let page = fs::read_to_string(path).unwrap();
    let is_row = |line: &&str| {
        let heads = ["| you see", "| you want", "| ---"];
        line.starts_with('|') && !heads.iter().any(|head| line.starts_with(head))
    };
    let cells = |line: &str| {
        let inner = line.trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    page.lines().filter(is_row).map(cells).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The program's source, with strings that go over several lines made one.
fn source() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = String::new();
    for file in files_below(&folder) {
        let text = fs::read_to_string(file).unwrap();
        for part in text.split("\\\n") {
            all.push_str(if all.ends_with(' ') { part.trim_start() } else { part });
        }
    }
    all
}

#[test]
fn what_it_quotes_is_what_the_program_says() {
    let (rows, source) = (rows(), source());
    assert!(rows.len() >= 25, "{}", rows.len());
    let mut count = 0;
    for row in &rows {
        assert_eq!(row.len(), 3, "a row has three columns: {row:?}");
        for said in quoted(&row[0]) {
            count += 1;
            assert!(source.contains(said), "the program never says {said:?}");
        }
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn each_command_is_one() {
    let sandbox = Sandbox::new();
    let mut count = 0;
    for row in rows() {
        for command in quoted(&row[2]) {
            let Some(arguments) = command.strip_prefix("phalanx-secrets ") else { continue };
            count += 1;
            let arguments: Vec<&str> = arguments.split(' ').collect();
            let output = sandbox.command(arguments).current_dir(sandbox.work()).run();
            // It is refused for where it is run, not for what it is.
            let here = ["is a Phalanx checkout or a store", "is in no git repository"];
            assert!(here.iter().any(|words| output.stderr().contains(words)), "{output:?}");
        }
    }
    assert!(count >= 20, "{count}");
}
