//! Bytes that Vault cannot hold: base64 there, where the spec says so.

use super::World;

#[test]
fn a_keytab_reaches_vault_as_base64_where_the_spec_says_so() {
    let world = World::new(
        "keytab",
        &[("app", "[secrets.keytab]\nonepassword = { encoded = true }\n[secrets.plain]\n")],
    );
    let set = |key: &str| world.command(&["set", "demo", "app", key]);
    set("keytab").stdin([5, 2, 0xff, 0xfe]).run().success();
    set("plain").stdin([5, 2, 0xff, 0xfe]).run().fails_with(2);
    set("plain").stdin("x").run().success();
    world.sync(&[]);
    assert_eq!(world.value("app", "keytab"), "BQL//g==");
    world.sync_changes_nothing(&[]);
    // The Python CLI's file has it as Vault does.
    let exported = world.command(&["export", "demo"]).run().success();
    assert!(exported.stdout().contains("value: BQL//g=="), "{exported:?}");
    let files = [
        "run",
        "demo",
        "app",
        "--files",
        "--",
        "sh",
        "-c",
        "wc -c < $PHALANX_SECRETS_FOLDER/keytab",
    ];
    assert_eq!(world.command(&files).run().success().stdout().trim(), "4");
    set("plain").args(["--allow-binary"]).stdin([0xff]).run().success();
    let output = world.sync_is_refused(3, &[]);
    assert!(output.stderr().contains("not UTF-8 text"), "{output:?}");
    // A text of such a secret is as it is.
    set("plain").stdin("x").run().success();
    set("keytab").stdin("-----BEGIN\n").run().success();
    world.sync(&[]);
    assert_eq!(world.value("app", "keytab"), "-----BEGIN\n");
}
