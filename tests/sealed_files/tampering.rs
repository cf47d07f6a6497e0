//! Files that were damaged or tampered with. None gives out a byte.

use std::fs;

use insta::assert_snapshot;
use jiff::Timestamp;
use phalanx_secrets::store::{OpenError, ValueNote, ValueTag, inspect, open, seal};

use super::{BEGIN, END, Person, assemble, dismantle, id, line, recipients};
use crate::support::notice;
use crate::support::small_store::SmallStore;

const VALUE: &str = "the plaintext of a value";
const FILE: &str = "secrets/demo/app/password.age";

fn sealed(person: &Person) -> Vec<u8> {
    let note = ValueNote::of_new_value(Timestamp::UNIX_EPOCH);
    seal(&VALUE.into(), &id("password"), &note, &recipients([person])).unwrap()
}

/// What a changed file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Refused,
    /// The plaintext and the seal are what they were.
    Unchanged,
}

#[track_caller]
fn try_to_open(file: &[u8], person: &Person) -> Came {
    match open(file, &id("password"), &person.identities) {
        Err(_) => Came::Refused,
        Ok(opened) => {
            assert_eq!(opened.value.expose(), VALUE.as_bytes(), "another plaintext was given out");
            let seal = opened.header.seal.expect("the stanza must not be lost");
            assert_eq!(
                (seal.set_at, seal.path.as_str()),
                (Timestamp::UNIX_EPOCH, "demo/app/password")
            );
            Came::Unchanged
        }
    }
}

/// Every bit of every byte, and every byte replaced by some that armor gives a
/// meaning to. The header's MAC and the payload's cover all that the armor
/// encodes, and the armor itself is read strictly: there are no exceptions.
#[test]
fn every_flipped_byte_is_refused() {
    let person = Person::new();
    let file = sealed(&person);
    let mut tried = 0;
    for position in 0..file.len() {
        let original = file[position];
        let bits = (0..8).map(|bit| original ^ (1 << bit));
        let others = [0xff ^ original, b'\r', b'\n', b' ', b'\t', b'=', b'A', b'-', 0];
        for byte in bits.chain(others).filter(|byte| *byte != original) {
            let mut changed = file.clone();
            changed[position] = byte;
            assert_eq!(try_to_open(&changed, &person), Came::Refused, "{position}: {byte}");
            tried += 1;
        }
    }
    notice(&format!("bytes flipped in a file of {}: {tried} tried, all refused", file.len()));
}

/// The one exception: the line feed at the file's end may be missing or be
/// followed by white space, where nothing is encoded.
#[test]
fn every_removed_and_every_doubled_byte_is_refused() {
    let person = Person::new();
    let file = sealed(&person);
    let (mut tried, mut harmless) = (0, Vec::new());
    for position in 0..file.len() {
        let mut removed = file.clone();
        removed.remove(position);
        let mut doubled = file.clone();
        doubled.insert(position, file[position]);
        for (changed, how) in [(removed, "removed"), (doubled, "doubled")] {
            tried += 1;
            if try_to_open(&changed, &person) == Came::Unchanged {
                harmless.push((how, position));
            }
        }
    }
    notice(&format!("bytes removed or doubled: {tried} tried, harmless: {harmless:?}"));
    let last = file.len() - 1;
    assert!(harmless.iter().all(|(_, position)| *position == last), "{harmless:?}");
}

#[test]
fn every_truncation_is_refused() {
    let person = Person::new();
    let file = sealed(&person);
    for length in 0..file.len() {
        let came = try_to_open(&file[..length], &person);
        // Without the last line feed the armor is still whole.
        let expected = if length == file.len() - 1 { Came::Unchanged } else { Came::Refused };
        assert_eq!(came, expected, "{length}");
    }
    notice(&format!("truncations: {} tried, all but the last line feed's refused", file.len()));
    for length in (0..file.len() - 1).step_by(7) {
        let seal = inspect(&file[..length]).ok().and_then(|header| header.seal);
        assert!(seal.is_none_or(|seal| seal.path == "demo/app/password"), "{length}");
    }
}

/// A checkout that turned line ends around has done no harm.
#[test]
fn carriage_returns_are_harmless() {
    let person = Person::new();
    let text = String::from_utf8(sealed(&person)).unwrap().replace('\n', "\r\n");
    assert_eq!(try_to_open(text.as_bytes(), &person), Came::Unchanged);
}

/// A change to a sealed file.
type Change = fn(&str, &[u8]) -> Vec<u8>;

fn changes() -> Vec<(&'static str, Change)> {
    fn edited(header: &str, payload: &[u8], from: &str, to: &str) -> Vec<u8> {
        assert!(header.contains(from), "{from} is not in\n{header}");
        assemble(&header.replacen(from, to, 1), payload)
    }
    fn ours(header: &str) -> &str {
        // The stanza and its empty body.
        let start = header.find("-> phalanx-secrets").unwrap();
        let end = header[start..].find("\n\n").unwrap() + start + 2;
        &header[start..end]
    }
    vec![
        ("empty", |_, _| Vec::new()),
        ("only white space", |_, _| b"\n\n".to_vec()),
        ("another text", |_, _| VALUE.as_bytes().to_vec()),
        ("only the beginning", |_, _| BEGIN.as_bytes().to_vec()),
        ("an empty armor", |_, _| format!("{BEGIN}{END}").into_bytes()),
        ("binary, without armor", |header, payload| [header.as_bytes(), payload].concat()),
        ("text before the armor", |header, payload| {
            [b"garbage\n", assemble(header, payload).as_slice()].concat()
        }),
        ("text after the armor", |header, payload| {
            [assemble(header, payload).as_slice(), b"garbage\n"].concat()
        }),
        ("twice", |header, payload| assemble(header, payload).repeat(2)),
        ("merged with conflict marks", |header, payload| {
            let file = assemble(header, payload);
            [b"<<<<<<< HEAD\n", &*file, b"=======\n", &*file, b">>>>>>> other\n"].concat()
        }),
        ("without the armor's end", |header, payload| {
            let file = assemble(header, payload);
            file[..file.len() - END.len()].to_vec()
        }),
        ("path edited", |h, p| edited(h, p, "demo/app/password", "demo/app/token")),
        ("time edited", |h, p| edited(h, p, "20", "19")),
        ("version edited", |h, p| edited(h, p, "secrets 2 ", "secrets 3 ")),
        ("tag edited", |h, p| {
            let tag = inspect(&assemble(h, p)).unwrap().seal.unwrap().tag.unwrap();
            edited(h, p, &tag.to_string(), &ValueTag::random().to_string())
        }),
        ("end edited", |h, p| edited(h, p, " - ", " 2100-01-01T00:00:00Z ")),
        ("stanza renamed", |h, p| edited(h, p, "-> phalanx-secrets", "-> other")),
        ("stanza dropped", |h, p| edited(h, p, ours(h), "")),
        ("stanza twice", |h, p| edited(h, p, ours(h), &ours(h).repeat(2))),
        ("stanza moved to the end", |h, p| {
            let without = h.replacen(ours(h), "", 1);
            let mac = line(&without, "---").to_owned();
            assemble(&without.replacen(&mac, &format!("{}{mac}", ours(h)), 1), p)
        }),
        ("stanza with a body", |h, p| {
            let stanza = format!("{}AAAA\n", ours(h).trim_end_matches('\n').to_owned() + "\n");
            edited(h, p, ours(h), &stanza)
        }),
        ("a stanza more", |h, p| edited(h, p, "---", "-> joint x\n\n---")),
        ("own recipient dropped", |h, p| {
            let start = h.find("-> X25519").unwrap();
            let end = h.find("---").unwrap();
            edited(h, p, &h[start..end], "")
        }),
        ("MAC edited", |h, p| {
            let mac = line(h, "---");
            let other = if mac.starts_with("--- A") { "--- B" } else { "--- A" };
            edited(h, p, &mac[..5], other)
        }),
        ("MAC dropped", |h, p| edited(h, p, line(h, "---"), "---\n")),
        ("header of another version", |h, p| edited(h, p, "org/v1", "org/v2")),
        ("payload dropped", |h, _| assemble(h, &[])),
        ("payload cut", |h, p| assemble(h, &p[..p.len() - 1])),
        ("payload's nonce edited", |h, p| {
            let mut payload = p.to_vec();
            payload[0] ^= 1;
            assemble(h, &payload)
        }),
        ("payload edited", |h, p| {
            let mut payload = p.to_vec();
            *payload.last_mut().unwrap() ^= 1;
            assemble(h, &payload)
        }),
        ("payload longer", |h, p| assemble(h, &[p, b"x"].concat())),
    ]
}

#[test]
fn every_change_is_refused_and_the_file_is_named() {
    let store = SmallStore::new();
    store.set("app", "password", VALUE);
    let original = store.bytes(FILE);
    let (header, payload) = dismantle(&original);
    assert_eq!(assemble(&header, &payload), original);

    let mut report = String::new();
    let changes = changes();
    for (name, change) in &changes {
        let changed = change(&header, &payload);
        assert_ne!(changed, original, "{name}");
        store.write(FILE, changed);
        let output = store.run(["get", "demo", "app", "password"]).hides(VALUE).fails_with(3);
        assert_eq!(output.stdout(), "");
        assert!(output.stderr().contains(FILE), "{name}: {output:?}");
        let cause = output.stderr().lines().find_map(|line| line.strip_prefix("Caused by: "));
        report += &format!("{name}: {}\n", cause.expect("a cause"));
    }
    notice(&format!("changed files: {} tried, {} refused", changes.len(), changes.len()));
    assert_snapshot!(report, @r"
    empty: it is not a whole age file: it was truncated or overwritten
    only white space: it is not a whole age file: it was truncated or overwritten
    another text: it is not a whole age file: it was truncated or overwritten
    only the beginning: it is not a whole age file: it was truncated or overwritten
    an empty armor: it is not a whole age file: it was truncated or overwritten
    binary, without armor: it is a binary age file, and the store keeps armored ones
    text before the armor: it is not a whole age file: it was truncated or overwritten
    text after the armor: it was changed after it was sealed: its payload does not verify
    twice: it was changed after it was sealed: its payload does not verify
    merged with conflict marks: it is not a whole age file: it was truncated or overwritten
    without the armor's end: it was changed after it was sealed: its payload does not verify
    path edited: it was changed after it was sealed: its header does not verify
    time edited: it was changed after it was sealed: its header does not verify
    version edited: it was changed after it was sealed: its header does not verify
    tag edited: it was changed after it was sealed: its header does not verify
    end edited: it was changed after it was sealed: its header does not verify
    stanza renamed: it was changed after it was sealed: its header does not verify
    stanza dropped: it was changed after it was sealed: its header does not verify
    stanza twice: it was changed after it was sealed: its header does not verify
    stanza moved to the end: it was changed after it was sealed: its header does not verify
    stanza with a body: it was changed after it was sealed: its header does not verify
    a stanza more: it was changed after it was sealed: its header does not verify
    own recipient dropped: none of the identities at hand can open it
    MAC edited: it was changed after it was sealed: its header does not verify
    MAC dropped: it is not a whole age file: it was truncated or overwritten
    header of another version: it is not a whole age file: it was truncated or overwritten
    payload dropped: it is not a whole age file: it was truncated or overwritten
    payload cut: it was changed after it was sealed: its payload does not verify
    payload's nonce edited: it was changed after it was sealed: its payload does not verify
    payload edited: it was changed after it was sealed: its payload does not verify
    payload longer: it was changed after it was sealed: its payload does not verify
    ");
}

#[test]
fn truncated_and_huge_files_are_refused() {
    let store = SmallStore::new();
    store.set("app", "password", VALUE);
    let original = store.bytes(FILE);
    for length in [1, 34, 35, 36, 100, 200, 400, original.len() - 40, original.len() - 2] {
        store.write(FILE, &original[..length]);
        let output = store.run(["get", "demo", "app", "password"]).hides(VALUE).fails_with(3);
        assert!(output.stderr().contains(FILE), "{length}: {output:?}");
    }
    store.write(FILE, &original[..100]);
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: it is not a whole age file: it was truncated or overwritten
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");

    let huge = fs::File::create(store.root.join(FILE)).unwrap();
    huge.set_len(25 << 20).unwrap();
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: cannot read secrets/demo/app/password.age
    Caused by: larger than 24 MiB
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    // As large as is read at all.
    huge.set_len(24 << 20).unwrap();
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: it is not a whole age file: it was truncated or overwritten
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");

    fs::remove_file(store.root.join(FILE)).unwrap();
    fs::create_dir(store.root.join(FILE)).unwrap();
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: no value is stored for demo/app/password: secrets/demo/app/password.age does not exist
    Hint: store it with: phalanx-secrets set demo app password
    ");
}

#[test]
fn moved_and_swapped_files_are_refused() {
    let store = SmallStore::new();
    store.set("app", "password", VALUE);
    store.set("app", "token", "another value");
    let (one, other) = (store.bytes(FILE), store.bytes("secrets/demo/app/token.age"));
    store.write(FILE, &other);
    store.write("secrets/demo/app/token.age", &one);
    for key in ["password", "token"] {
        let output = store.run(["get", "demo", "app", key]).hides(VALUE).fails_with(3);
        output.hides("another value");
    }
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: it was sealed for demo/app/token, and moved or copied here
    Hint: move it back, or seal the right value with: phalanx-secrets set demo app password
    ");

    // To another application, and to another environment.
    for (path, arguments) in [
        ("secrets/demo/other/shared.age", ["get", "demo", "other", "shared"]),
        ("secrets/prod/app/password.age", ["get", "prod", "app", "password"]),
    ] {
        store.write(path, &one);
        let output = store.run(arguments).hides(VALUE).fails_with(3);
        assert!(output.stderr().contains(path), "{output:?}");
        assert!(output.stderr().contains("it was sealed for demo/app/password"), "{output:?}");
    }
}

/// Without a key the stanza can be read and not trusted; with one, a file that
/// claims another place is refused even where that is the place it lies in.
#[test]
fn an_edited_path_does_not_open_at_its_new_place() {
    let person = Person::new();
    let (header, payload) = dismantle(&sealed(&person));
    let edited = assemble(&header.replace("demo/app/password", "demo/app/token"), &payload);
    assert_eq!(inspect(&edited).unwrap().seal.unwrap().path, "demo/app/token");
    let refused = open(&edited, &id("token"), &person.identities).unwrap_err();
    assert!(matches!(refused, OpenError::Tampered(_)), "{refused:?}");
}

/// The age library would take seconds for a header of 50 kB, and no file of the
/// store has one.
#[test]
fn a_header_beyond_all_limits_is_refused_before_it_is_parsed() {
    let store = SmallStore::new();
    store.set("app", "password", VALUE);
    let (header, payload) = dismantle(&store.bytes(FILE));
    let (stanzas, mac) = header.rsplit_once("---").unwrap();
    for (stanza, count) in [("-> x\n\n", 2_000), ("-> x y\n", 1), ("-> x\n\n", 900)] {
        let long = "A".repeat(64) + "\n";
        let body = if count == 1 { long.repeat(20_000) } else { String::new() };
        let header = format!("{stanzas}{}{body}---{mac}", stanza.repeat(count));
        store.write(FILE, assemble(&header, &payload));
        let get = store.run(["get", "demo", "app", "password"]).hides(VALUE).fails_with(3);
        let check = store.run(["check", "demo"]).fails_with(1);
        if count == 900 {
            // Below the limit, it is a header like others, that was changed.
            assert!(get.stderr().contains("does not verify"), "{get:?}");
            continue;
        }
        assert!(get.stderr().contains("its header is longer than"), "{get:?}");
        assert!(check.stdout().contains("its header is longer than"), "{check:?}");
    }
}
