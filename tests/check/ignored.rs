//! A store that git ignores: what is stored is in no commit.

use super::{assert_is_clean, findings, store_in_order};

#[test]
fn what_git_ignores_is_found_whichever_file_says_so() {
    let store = store_in_order();
    store.git(&["init", "--quiet"]);
    assert_is_clean(&store, &[]);
    for (file, rules) in [
        (".gitignore", "secrets/demo/\n"),
        (".gitignore", "*.age\n"),
        ("secrets/.gitignore", "app\n"),
        (".git/info/exclude", "/secrets/demo/app/\n"),
    ] {
        store.write(file, rules);
        let found = findings(&store, &[]);
        assert!(found.contains("Ignored by git:"), "{found}");
        assert!(found.contains(&format!("{file}:1 has git ignore it")), "{found}");
        std::fs::remove_file(store.root.join(file)).unwrap();
    }
    // The person's own.
    let own = store.root.parent().unwrap().join("own-excludes");
    std::fs::write(&own, "*.age\n").unwrap();
    store.git(&["config", "core.excludesFile", own.to_str().unwrap()]);
    let found = findings(&store, &[]);
    assert!(found.contains("own-excludes:1 has git ignore it"), "{found}");
    // What is tracked is committed whatever the rules say.
    store.git(&["add", "--all", "--force"]);
    assert_is_clean(&store, &[]);
}

#[test]
fn a_rule_that_another_takes_back_is_no_finding() {
    let store = store_in_order();
    store.git(&["init", "--quiet"]);
    store.write(".gitignore", "*.age\n!/secrets/**/*.age\n");
    assert_is_clean(&store, &[]);
}
