//! How large a value may be on its way to Vault and back.

use super::World;

const APP: &str = "secrets.first = {}\nsecrets.second = {}\n";
const MIB: usize = 1 << 20;

fn set(world: &World, key: &str, size: usize) {
    let value = "a".repeat(size);
    world.command(&["set", "demo", "app", key]).stdin(value).run().success();
}

#[test]
fn what_sync_writes_it_reads_again_and_what_is_larger_it_does_not_write() {
    let world = World::new("sizes", &[("app", APP), ("other", "secrets.small = {}\n")]);
    world.command(&["set", "demo", "other", "small"]).stdin("small").run().success();
    let size = 7 * MIB + 700 * 1024;
    set(&world, "first", size);
    set(&world, "second", 1);
    world.sync(&[]);
    assert_eq!(world.value("app", "first").len(), size);
    // Together they are too large; what is there is read as ever.
    set(&world, "second", MIB);
    let refused = world.try_sync(&[]).fails_with(4);
    assert!(refused.stderr().contains("could be read again"), "{refused:?}");
    assert_eq!(world.version("app"), 1);
    set(&world, "first", 1);
    world.sync(&[]);
    assert_eq!(world.value("app", "second").len(), MIB);
    assert_eq!(world.value("other", "small"), "small");
}
