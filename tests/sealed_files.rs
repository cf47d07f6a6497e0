//! Sealed files: what we seal opens with the stock `age` and the other way
//! round, and what was tampered with does not open at all. [`page`] is what the
//! documentation shows of them.

mod interoperation;
mod laws;
mod page;
mod tampering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use phalanx_secrets::model::SecretId;
use phalanx_secrets::store::{Identities, IdentitySource, Recipient, RecipientSet};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n";
const END: &str = "-----END AGE ENCRYPTED FILE-----\n";

/// Somebody, as the library takes them.
#[derive(Debug)]
struct Person {
    identities: Identities,
    recipient: Recipient,
}

impl Person {
    fn new() -> Self {
        use age::secrecy::ExposeSecret as _;

        let identity = age::x25519::Identity::generate();
        let text = identity.to_string().expose_secret().into();
        let sources = [IdentitySource::Text { text, named_by: "a test" }];
        let identities = Identities::load(&sources).unwrap();
        Self { identities, recipient: identity.to_public().to_string().parse().unwrap() }
    }
}

fn recipients<'a>(people: impl IntoIterator<Item = &'a Person>) -> RecipientSet {
    people.into_iter().map(|person| person.recipient.clone()).collect()
}

fn id(key: &str) -> SecretId {
    SecretId::parse("demo", "app", key).unwrap()
}

/// An armored file's header, as text, and the payload after it.
pub(crate) fn dismantle(armored: &[u8]) -> (String, Vec<u8>) {
    let text = std::str::from_utf8(armored).unwrap();
    let body = text.strip_prefix(BEGIN).unwrap().strip_suffix(END).unwrap();
    let binary = STANDARD.decode(body.replace('\n', "")).unwrap();
    let mac = binary.windows(4).position(|window| window == b"\n---").unwrap() + 1;
    let end = mac + binary[mac..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let (header, payload) = binary.split_at(end);
    (String::from_utf8(header.to_vec()).unwrap(), payload.to_vec())
}

/// The other way round.
pub(crate) fn assemble(header: &str, payload: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode([header.as_bytes(), payload].concat());
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("{BEGIN}{}\n{END}", lines.join("\n")).into_bytes()
}

/// The line of a header that begins so.
fn line<'a>(header: &'a str, beginning: &str) -> &'a str {
    header.split_inclusive('\n').find(|line| line.starts_with(beginning)).unwrap()
}
