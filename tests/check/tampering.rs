//! Sealed files that somebody was at: which of the changes `check` finds
//! without any key, and with one.

use std::fs;
use std::path::PathBuf;

use phalanx_secrets::check::Check;
use phalanx_secrets::layout::Layout;
use phalanx_secrets::model::SecretId;
use phalanx_secrets::store::{Identities, IdentitySource, Opened, Store, open};
use phalanx_secrets::tree::Tree;

use crate::sealed_files::{assemble, dismantle};
use crate::support::cli::Sandbox;
use crate::support::notice;
use crate::support::standalone::Repository;

const FILE: &str = "secrets/demo/app/password.age";
const OTHER: &str = "secrets/demo/app/token.age";

/// Two values, sealed to an X25519, an ed25519 and an RSA key.
struct World {
    sandbox: Sandbox,
    root: PathBuf,
    /// As it is opened, once for thousands of changed files.
    store: Store,
    identities: Identities,
}

/// Where something was found.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    without_key: bool,
    with_key: bool,
}

impl World {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let alice = sandbox.age_identity("alice");
        let (bob, carol) = (sandbox.ssh_key("bob"), sandbox.ssh_key_of_type("carol", "rsa"));
        let repository = Repository::standalone(&sandbox, "store")
            .environment("demo", "http://127.0.0.1:1", "secret/demo", &["app"])
            .application(
                "app",
                "[secrets]\npassword = { description = \"x\" }\ntoken = { description = \"y\" }\n",
            )
            .holder("alice", &[&alice.recipient], &["*"])
            .holder("bob", &[&bob.recipient], &["demo"])
            .holder("carol", &[&carol.recipient], &["demo/app"]);
        let root = repository.root().to_owned();
        let source = IdentitySource::File { path: alice.path, named_by: "a test" };
        let identities = Identities::load(&[source]).unwrap();
        let store = Store::open(&Tree::new(&root)).unwrap().unwrap();
        let world = Self { sandbox, root, store, identities };
        world.set("password", "the value of one");
        world.set("token", "the value of the other");
        world
    }

    fn set(&self, key: &str, value: &str) {
        let command = self.sandbox.command(["set", "demo", "app", key]).stdin(value);
        command.current_dir(&self.root).run().success();
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.root.join(file)).unwrap()
    }

    fn write(&self, file: &str, content: &[u8]) {
        fs::write(self.root.join(file), content).unwrap();
    }

    /// The files that are named, without and with a key.
    fn files(&self) -> [Vec<String>; 2] {
        let tree = Tree::new(&self.root);
        [None, Some(&self.identities)].map(|identities| {
            let (layout, store) = (Layout::Standalone, Some(&self.store));
            let report = Check {
                tree: &tree,
                layout,
                store,
                named: &[],
                identities,
                now: jiff::Timestamp::now(),
            }
            .run()
            .unwrap();
            report.findings.into_iter().map(|finding| finding.file.unwrap()).collect()
        })
    }

    /// What is found of a changed file, which nothing else may be blamed for.
    fn check(&self, changed: &[u8]) -> Found {
        self.write(FILE, changed);
        let [without, with] = self.files();
        for files in [&without, &with] {
            assert!(files.iter().all(|file| file == FILE), "{files:?}");
        }
        Found { without_key: !without.is_empty(), with_key: !with.is_empty() }
    }

    /// Whether a file still gives what another does.
    fn is_harmless(&self, changed: &[u8], original: &Opened) -> bool {
        let id = SecretId::parse("demo", "app", "password").unwrap();
        open(changed, &id, &self.identities).is_ok_and(|opened| {
            opened.value.expose() == original.value.expose() && opened.header == original.header
        })
    }

    fn open(&self, file: &[u8]) -> Opened {
        let id = SecretId::parse("demo", "app", "password").unwrap();
        open(file, &id, &self.identities).unwrap()
    }
}

/// The stanzas of a header, with their bodies.
fn stanzas(header: &str) -> Vec<String> {
    let start = header.find("-> ").unwrap();
    let end = header.find("---").unwrap();
    let parts = header[start..end].split("-> ").skip(1);
    parts.map(|part| format!("-> {part}")).collect()
}

fn with_stanzas(header: &str, stanzas: &[String]) -> String {
    let start = header.find("-> ").unwrap();
    let end = header.find("---").unwrap();
    [&header[..start], &stanzas.concat(), &header[end..]].concat()
}

/// A kind of change, and the files that come of it.
type Row = (&'static str, Vec<Vec<u8>>);

fn table(original: &[u8], other: &[u8]) -> Vec<Row> {
    let flipped = (0..original.len()).map(|position| {
        let mut changed = original.to_vec();
        changed[position] ^= 1 << (position % 8);
        changed
    });
    let removed = (0..original.len()).map(|position| {
        let mut changed = original.to_vec();
        changed.remove(position);
        changed
    });
    let truncated = (0..original.len()).map(|length| original[..length].to_vec());

    let (header, payload) = dismantle(original);
    let (other_header, other_payload) = dismantle(other);
    let own = stanzas(&header);
    // Ours, and one for each key. The library may add one without meaning.
    assert!(own.len() >= 4, "{header}");
    let build = |stanzas: &[String]| assemble(&with_stanzas(&header, stanzas), &payload);
    let each = |change: &dyn Fn(&mut Vec<String>, usize)| -> Vec<Vec<u8>> {
        let changed = (0..own.len()).map(|position| {
            let mut stanzas = own.clone();
            change(&mut stanzas, position);
            build(&stanzas)
        });
        changed.filter(|changed| changed != original).collect()
    };
    let foreign = stanzas(&other_header);
    let recipients_only = |position: usize| position != 0;
    let edited = own.iter().enumerate().flat_map(|(position, stanza)| {
        // One without meaning may have no arguments.
        let first = stanza[3..].lines().next().unwrap_or_default();
        let after_tag = first.find(' ').map_or(3 + first.len(), |space| space + 4);
        let letters = stanza
            .char_indices()
            .filter(move |(at, letter)| *at >= after_tag && letter.is_ascii_alphanumeric());
        let changed = letters.map(|(at, letter)| {
            let mut stanzas = own.clone();
            let other = if letter == 'A' { "B" } else { "A" };
            stanzas[position].replace_range(at..=at, other);
            build(&stanzas)
        });
        changed.collect::<Vec<_>>()
    });
    let bytes_of_payload = (0..payload.len()).map(|position| {
        let mut changed = payload.clone();
        changed[position] ^= 1;
        assemble(&header, &changed)
    });
    vec![
        ("byte flipped", flipped.collect()),
        ("byte removed", removed.collect()),
        ("truncated", truncated.collect()),
        ("letter of a stanza edited", edited.collect()),
        ("stanza dropped", each(&|stanzas, position| drop(stanzas.remove(position)))),
        (
            "stanza twice",
            each(&|stanzas, position| stanzas.insert(position, own[position].clone())),
        ),
        (
            "stanza moved to the end",
            each(&|stanzas, position| {
                let stanza = stanzas.remove(position);
                stanzas.push(stanza);
            }),
        ),
        (
            "stanza of another file added",
            each(&|stanzas, position| {
                stanzas.push(foreign[position.min(foreign.len() - 1)].clone());
            }),
        ),
        (
            "stanza of another file instead",
            each(&|stanzas, position| {
                if recipients_only(position) {
                    stanzas[position] = foreign[position.min(foreign.len() - 1)].clone();
                }
            }),
        ),
        ("all stanzas of another file instead", vec![build(&foreign)]),
        (
            "stanza of a plugin added",
            vec![build(&[own.clone(), vec!["-> piv-p256 AAAA\n\n".to_owned()]].concat())],
        ),
        (
            "stanza without meaning added",
            vec![build(&[own.clone(), vec!["-> x-grease AAAA\n\n".to_owned()]].concat())],
        ),
        ("payload's byte flipped", bytes_of_payload.collect()),
        ("payload of another file", vec![assemble(&header, &other_payload)]),
        ("payload dropped", vec![assemble(&header, &[])]),
        (
            "text before or after",
            vec![[b"password\n", original].concat(), [original, b"password\n"].concat()],
        ),
        ("another file", vec![other.to_vec()]),
    ]
}

#[test]
fn whoever_can_open_a_file_is_told_of_every_change() {
    let world = World::new();
    let (original, other) = (world.read(FILE), world.read(OTHER));
    let opened = world.open(&original);
    assert_eq!(world.check(&original), Found { without_key: false, with_key: false });
    let (mut tried, mut keyless, mut keyed, mut harmless) = (0, 0, 0, 0);
    for (name, files) in table(&original, &other) {
        let count = files.len();
        let (mut row_keyless, mut row_keyed, mut row_harmless) = (0, 0, 0);
        for changed in files {
            let found = world.check(&changed);
            if world.is_harmless(&changed, &opened) {
                // White space at the end, and nothing else.
                assert_eq!(changed.trim_ascii_end(), original.trim_ascii_end(), "{name}");
                assert_eq!(found, Found { without_key: false, with_key: false }, "{name}");
                row_harmless += 1;
                continue;
            }
            assert!(found.with_key, "{name}: {}", String::from_utf8_lossy(&changed));
            row_keyless += usize::from(found.without_key);
            row_keyed += 1;
        }
        notice(&format!(
            "check: {name}: {count} tried, {row_harmless} harmless, {row_keyless} found without a \
             key, {row_keyed} with one"
        ));
        tried += count;
        keyless += row_keyless;
        keyed += row_keyed;
        harmless += row_harmless;
    }
    notice(&format!(
        "check: {tried} changed files tried, {harmless} harmless, {keyless} found without a key, \
         {keyed} with one"
    ));
    assert_eq!(tried, keyed + harmless);
}

#[test]
fn swapped_files_are_both_named_without_any_key() {
    let world = World::new();
    let (one, other) = (world.read(FILE), world.read(OTHER));
    world.write(FILE, &other);
    world.write(OTHER, &one);
    for files in world.files() {
        assert_eq!(files, [FILE, OTHER]);
    }
}

#[test]
fn an_old_version_from_before_a_change_of_holders_is_named_without_any_key() {
    let mut world = World::new();
    let old = world.read(FILE);
    fs::remove_file(world.root.join("recipients/bob.toml")).unwrap();
    world.store = Store::open(&Tree::new(&world.root)).unwrap().unwrap();
    world.set("password", "a new value");
    world.set("token", "a new value");
    assert_eq!(world.files(), [[""; 0], [""; 0]]);
    world.write(FILE, &old);
    for files in world.files() {
        assert_eq!(files, [FILE]);
    }
}

/// What no key and no holder shows: an older value, sealed to the same
/// holders. Git's history is what shows it.
#[test]
fn an_old_version_for_the_same_holders_is_as_good_as_a_new_one() {
    let world = World::new();
    let old = world.read(FILE);
    world.set("password", "a new value");
    world.write(FILE, &old);
    assert_eq!(world.files(), [[""; 0], [""; 0]]);
}
