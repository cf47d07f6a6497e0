//! docs/phalanx-cli.md: each row of its table names a test that there is.

use std::fs;
use std::path::Path;

/// The rows below the heading of the table, as the texts between the bars.
fn rows(page: &str) -> Vec<Vec<String>> {
    let lines = page.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        let inner = line.trim_start_matches("| ").trim_end_matches(" |");
        inner.split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

#[test]
fn each_difference_is_held_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/phalanx-cli.md")).unwrap();
    let rows = rows(&page);
    assert!(rows.len() >= 10, "{}", rows.len());
    for row in rows {
        assert_eq!(row.len(), 5, "a row has five columns: {row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let name = row[4].strip_prefix('`').and_then(|name| name.strip_suffix('`'));
        let (modules, test) = name.unwrap_or_default().rsplit_once("::").unwrap_or_default();
        let file = root.join("tests").join(modules.replace("::", "/"));
        let source = [file.with_extension("rs"), file.join("mod.rs")];
        let source = source.iter().find_map(|path| fs::read_to_string(path).ok());
        let source = source.unwrap_or_else(|| panic!("no such module of tests: {row:?}"));
        assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "no such test: {row:?}");
    }
}
