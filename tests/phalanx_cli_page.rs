//! docs/phalanx-cli.md: each row of its tables names a test that there is.

use std::fs;
use std::path::Path;

/// The rows of the table below a heading, as the texts between the bars.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/phalanx-cli.md");
    let page = fs::read_to_string(path).unwrap();
    let (_, below) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = below.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        let inner = line.trim_start_matches("| ").trim_end_matches(" |");
        inner.split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

/// Checks that the last column of a row names a test.
#[track_caller]
fn assert_held(row: &[String]) {
    assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    let name = row.last().unwrap().strip_prefix('`').and_then(|name| name.strip_suffix('`'));
    let (modules, test) = name.unwrap_or_default().rsplit_once("::").unwrap_or_default();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(modules.replace("::", "/"));
    let source = [file.with_extension("rs"), file.join("mod.rs")];
    let source = source.iter().find_map(|path| fs::read_to_string(path).ok());
    let source = source.unwrap_or_else(|| panic!("no such module of tests: {row:?}"));
    assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "no such test: {row:?}");
}

#[test]
fn each_difference_is_held_by_a_test() {
    let rows = rows("Where it differs from `phalanx secrets`");
    assert!(rows.len() >= 30, "{}", rows.len());
    for row in rows {
        assert_eq!(row.len(), 5, "a row has five columns: {row:?}");
        assert_held(&row);
    }
}

#[test]
fn each_case_of_the_python_cli_is_tried_and_differs_as_a_row_says() {
    let cases = rows("The cases of its own tests");
    assert_eq!(cases.len(), 22);
    let differences = rows("Where it differs from `phalanx secrets`");
    for case in cases {
        assert_eq!(case.len(), 3, "a row has three columns: {case:?}");
        assert_held(&case);
        let Some((_, row)) = case[1].split_once("(row: ") else { continue };
        let row = row.trim_end_matches(')').split("); ").next().unwrap();
        assert!(differences.iter().any(|one| one[0].contains(row)), "no such row: {case:?}");
    }
}
