//! docs/claims.md: each claim stands in its page, and its test is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The claims of each page, each with its test.
fn claims() -> BTreeMap<String, Vec<(String, String)>> {
    let text = read("docs/claims.md");
    let pages = text.split("\n## ").skip(1).map(|section| {
        let (page, rows) = section.split_once('\n').unwrap();
        let rows = rows.lines().filter(|line| line.starts_with("| ")).skip(2);
        let claims = rows.map(|row| {
            let (claim, test) = row.rsplit_once(" | `").unwrap();
            (claim[2..].to_owned(), test.trim_end_matches("` |").to_owned())
        });
        (page.to_owned(), claims.collect())
    });
    pages.collect()
}

/// Whether there is a test of this name among the integration tests.
fn has_test(name: &str) -> bool {
    let (modules, test) = name.rsplit_once("::").unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(modules.replace("::", "/"));
    let sources = [file.with_extension("rs"), file.join("mod.rs")];
    let source = sources.iter().find_map(|path| fs::read_to_string(path).ok());
    // Those of proptest are further in, and take arguments.
    source.is_some_and(|source| {
        source.contains(&format!("#[test]\nfn {test}("))
            || source.contains(&format!("#[test]\n    fn {test}("))
    })
}

#[test]
fn each_claim_stands_in_its_page_and_has_a_test() {
    let claims = claims();
    let pages: Vec<&str> = claims.keys().map(String::as_str).collect();
    assert_eq!(pages, ["README.md", "docs/format.md", "docs/threat-model.md"]);
    let mut wrong = Vec::new();
    for (page, claims) in &claims {
        assert!(claims.len() >= 15, "{page}: {}", claims.len());
        let text = read(page);
        for (claim, test) in claims {
            if !text.contains(claim.as_str()) {
                wrong.push(format!("{page} does not say: {claim}"));
            }
            if !has_test(test) {
                wrong.push(format!("no such test: {test}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
