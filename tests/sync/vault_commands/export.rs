//! `vault export-secrets`.

use std::fs;

use serde_json::json;

use super::world;

#[test]
fn entries_are_exported_for_their_owner_alone() {
    let world = world("export");
    world.server.put(&world.prefix, "app", json!({ "b": "é\"\n", "a": "", "o": [1, 2] }));
    world.server.put(&world.prefix, "gone", json!({ "a": "b" }));
    world.server.delete(&world.prefix, "gone");
    let folder = world.sandbox.work().join("out/all");
    let export = || {
        let line = ["vault", "export-secrets", "demo", folder.to_str().unwrap()];
        world.command(&line).run().hides("é")
    };
    let output = export().success();
    assert!(output.stderr().contains("gone is deleted in Vault, so it is not exported"));
    world.server.put(&world.prefix, "folder/entry", json!({ "a": "b" }));
    let output = export().fails_with(1);
    assert!(output.stderr().contains("1 thing was not exported: folder/"), "{output:?}");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(files, ["app.json"]);
    let text = fs::read_to_string(folder.join("app.json")).unwrap();
    assert_eq!(text, "{\n  \"a\": \"\",\n  \"b\": \"\\u00e9\\\"\\n\",\n  \"o\": [1,2]\n}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.clone()), mode(folder.join("app.json"))), (0o700, 0o600));
    }
}
