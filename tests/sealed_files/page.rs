//! What docs/format.md shows, as it shows it: in a copy of this repository,
//! with tools of the system.

use std::path::Path;

use crate::support::cli::Sandbox;
use crate::support::story::{self, Reader};
use crate::support::version_1;

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let sandbox = Sandbox::new();
    let copy = story::copy_of_this_repository(&sandbox);
    let identity = copy.join("examples/demo/identity.txt");
    let mut reader = Reader::new(&sandbox, &copy)
        .has("PHALANX_SECRETS_IDENTITY", identity.to_str().unwrap())
        .exactly();
    let failed = story::is_true(
        "docs/format.md",
        4,
        |line| line.strip_prefix("$ "),
        |command, answers| {
            if command == "phalanx-secrets rekey" {
                make_older(&sandbox, &copy);
            }
            reader.run(command, answers)
        },
    );
    assert_eq!(failed, Vec::<&str>::new());
}

/// Seals each value as the first version did.
fn make_older(sandbox: &Sandbox, store: &Path) {
    let holder = sandbox.read(store.join("recipients/demo.toml"));
    let recipient = holder.split('"').find(|text| text.starts_with("age1")).unwrap();
    let mut count = 0;
    for application in std::fs::read_dir(store.join("secrets/demo")).unwrap() {
        let application = application.unwrap().path();
        for file in std::fs::read_dir(&application).unwrap() {
            let file = file.unwrap().path();
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            let key = name(&file).strip_suffix(".age").unwrap().to_owned();
            let place = ["demo", &name(&application), &key];
            let get = [&["-i", "examples/demo/identity.txt", "get"], &place[..]].concat();
            let value = sandbox.run_in(store, get).success();
            let time = "2026-11-01T08:00:00Z";
            let sealed =
                version_1::seal(&place.join("/"), time, &[recipient], value.stdout_bytes());
            std::fs::write(&file, sealed).unwrap();
            count += 1;
        }
    }
    assert_eq!(count, 6);
}
