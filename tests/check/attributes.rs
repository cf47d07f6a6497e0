//! What keeps git from changing sealed files.

use insta::assert_snapshot;

use super::{assert_is_clean, findings, store_in_order};

#[test]
fn attributes_that_were_taken_away_are_found() {
    let store = store_in_order();
    let remove = || std::fs::remove_file(store.root.join(".gitattributes")).unwrap();
    remove();
    // Without git, nothing changes a file.
    assert_is_clean(&store, &[]);
    store.git(&["init", "--quiet"]);
    assert_snapshot!(findings(&store, &[]), @r"
    Attributes of git that were taken away:
      • .gitattributes: no line of it keeps git from changing the line ends of sealed files
      → add the line that init writes there: secrets/**/*.age -text
    ");
    for line in ["*.age binary", "* -text", "secrets/**/*.age   -text diff=age"] {
        store.write(".gitattributes", format!("*.png binary\n{line}\n"));
        assert_is_clean(&store, &[]);
    }
    for line in ["# secrets/**/*.age -text", "*.png -text", "*.age text"] {
        store.write(".gitattributes", format!("{line}\n"));
        assert!(findings(&store, &[]).contains(".gitattributes: no line"), "{line}");
    }
}
