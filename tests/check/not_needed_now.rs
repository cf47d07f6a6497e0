//! What is stored and only not needed today is no fault.

use super::{assert_is_clean, findings, store_in_order};

#[test]
fn values_of_an_application_that_is_switched_off_are_noted() {
    let store = store_in_order();
    let file = "secrets/environments/demo.toml";
    let text = String::from_utf8(store.bytes(file)).unwrap();
    let without = text.replace(", \"other\"", "");
    assert_ne!(text, without);
    store.write(file, without);
    // `copied` comes from there.
    let app = String::from_utf8(store.bytes(super::APP_FILE)).unwrap();
    let copied = app.find("[secrets.copied]").unwrap();
    let fixed = app.find("[secrets.fixed]").unwrap();
    store.write(super::APP_FILE, format!("{}{}", &app[..copied], &app[fixed..]));
    assert_is_clean(&store, &[]);
    let output = store.run(["check"]).success();
    let note = "Stored and not needed now, since the application is switched off or a condition \
                is false: demo/other/shared\n";
    assert!(output.stderr().contains(note), "{output:?}");
    // A value that no spec could ask for stays a finding.
    store.write("secrets/applications/other.toml", "[secrets.else]\ndescription = \"x\"\n");
    let found = findings(&store, &[]);
    assert!(found.contains("secrets/demo/other/shared.age: demo does not enable other"), "{found}");
}
