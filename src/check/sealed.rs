//! Whether a sealed file is what it should be.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::finding::{Finding, FindingKind};
use crate::layout::OIDC_CLIENTS;
use crate::model::{EnvironmentName, KeyName, SecretId, SecretValue};
use crate::static_values::OidcClient;
use crate::store::{Header, Identities, OpenError, SealFault, Store, inspect_with_length, open};

/// What an armored age file begins with.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// By how much the clocks of two people may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(1);

/// What came of one sealed file.
#[derive(Default)]
pub(super) struct Judgement {
    pub(super) finding: Option<Finding>,
    pub(super) is_unopened: bool,
    /// Whether it is in order, and in the form of an earlier version.
    pub(super) is_earlier: bool,
    /// How long the value is, in bytes, where the file shows it.
    pub(super) length: u64,
    /// The id of the OpenID Connect client that it is, where it was opened.
    pub(super) client: Option<Zeroizing<String>>,
}

/// Judges the file of a secret, and opens it where identities are given.
pub(super) fn judge(
    bytes: &[u8],
    store: &Store,
    id: &SecretId,
    path: &str,
    identities: Option<&Identities>,
    now: Timestamp,
) -> Judgement {
    let find = |kind, message: String| Judgement {
        finding: Some(Finding::new(kind, message).of_secret(id.clone()).in_file(path)),
        ..Judgement::default()
    };
    let (header, length) = match form(bytes) {
        Ok(form) => form,
        Err((kind, message)) => return find(kind, message),
    };
    let today = store.holders.recipients_for(&id.environment, &id.application);
    let set_at = header.seal.as_ref().map(|seal| seal.set_at);
    if let Some(set_at) = set_at.filter(|set_at| set_at.duration_since(now) > CLOCKS_DIFFER) {
        let message = format!("it says that it was set at {set_at}, which is yet to come");
        return find(FindingKind::Future, message);
    }
    let seal = match header.judge(id, &store.holders) {
        Ok(()) => Judgement::default(),
        // Said of the application as a whole.
        Err(SealFault::Stale) if today.is_empty() => Judgement::default(),
        Err(fault) => match kind_of(&fault) {
            Some(kind) => find(kind, fault.to_string()),
            None => Judgement { is_earlier: true, ..Judgement::default() },
        },
    };
    let seal = Judgement { length, ..seal };
    let Some(identities) = identities else { return seal };
    match open(bytes, id, identities) {
        Ok(opened) => Judgement { client: client_id(id, &opened.value), ..seal },
        Err(OpenError::NoMatchingIdentity | OpenError::Locked | OpenError::Identity(_)) => {
            let should =
                seal.finding.is_none() && identities.recipients().any(|r| today.contains(r));
            if should {
                let message = "an identity at hand should open it and cannot: what its header \
                               holds for that one was changed";
                return find(FindingKind::Damaged, message.to_owned());
            }
            Judgement { is_unopened: true, ..seal }
        }
        Err(OpenError::Moved { .. }) if seal.finding.is_some() => seal,
        Err(error) => find(FindingKind::Damaged, error.to_string()),
    }
}

/// The kind of finding that a fault is, if it is one.
fn kind_of(fault: &SealFault) -> Option<FindingKind> {
    match fault {
        SealFault::Unbound => Some(FindingKind::Unbound),
        SealFault::Moved { .. } => Some(FindingKind::Moved),
        SealFault::Stale => Some(FindingKind::Stale),
        SealFault::Recipients => Some(FindingKind::Recipients),
        SealFault::Earlier => None,
    }
}

fn client_id(id: &SecretId, value: &SecretValue) -> Option<Zeroizing<String>> {
    let is_client = id.application.as_str() == OIDC_CLIENTS;
    is_client.then(|| OidcClient::from_plaintext(value).ok()).flatten().map(|client| client.id)
}

/// Clients of an environment that have one id, of which a server would know
/// one alone.
pub(super) fn same_clients<'a>(
    clients: impl IntoIterator<Item = (&'a SecretId, &'a str, &'a str)>,
) -> Vec<Finding> {
    let mut first: BTreeMap<(&EnvironmentName, &str), &KeyName> = BTreeMap::new();
    let mut findings = Vec::new();
    for (id, path, client) in clients {
        match first.entry((&id.environment, client)) {
            Entry::Vacant(entry) => {
                entry.insert(&id.key);
            }
            Entry::Occupied(entry) => {
                let message = format!("it has the same client id as {}", entry.get());
                let finding = Finding::new(FindingKind::Duplicate, message);
                findings.push(finding.of_secret(id.clone()).in_file(path));
            }
        }
    }
    findings
}

/// Reads the header of what should be a sealed file, and how long the value is.
pub(super) fn form(bytes: &[u8]) -> Result<(Header, u64), (FindingKind, String)> {
    inspect_with_length(bytes).map_err(|error| match error {
        OpenError::Binary => (FindingKind::Binary, error.to_string()),
        OpenError::Malformed if !bytes.trim_ascii_start().starts_with(ARMOR) => {
            (FindingKind::Plaintext, "it is no age file".to_owned())
        }
        error => (FindingKind::Damaged, error.to_string()),
    })
}
