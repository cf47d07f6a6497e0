//! What Vault's answers mean: one function for each operation.
//!
//! `serde_json`'s own messages quote what they trip over, which may be a
//! secret. Only the position is passed on.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::transport::Reply;
use super::{CurrentValue, Entry, Failure, VaultMessages, VaultToken, Written, json_text};
use crate::model::SecretValue;

/// Whether a write is known to have landed.
pub(super) enum Landed {
    /// It has, as this version.
    Version(Written),
    /// It met another version than it names; but an earlier attempt may have
    /// made that one.
    MaybeBefore(VaultMessages),
}

/// Reads the answer to a read.
///
/// # Errors
/// A 404 that means anything else than that there is no such entry, or no
/// longer.
pub(super) fn entry(reply: &Reply<'_>) -> Result<Entry, Failure> {
    #[derive(Deserialize)]
    struct Body<'a> {
        errors: Option<Vec<String>>,
        #[serde(borrow)]
        data: Option<Versioned<'a>>,
    }
    #[derive(Deserialize)]
    struct Versioned<'a> {
        #[serde(borrow)]
        data: Option<BTreeMap<String, &'a RawValue>>,
        metadata: Option<Metadata>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        version: u64,
        #[serde(default)]
        destroyed: bool,
        #[serde(default)]
        created_time: String,
        #[serde(default)]
        deletion_time: String,
        custom_metadata: Option<BTreeMap<String, String>>,
    }

    if !matches!(reply.status, StatusCode::OK | StatusCode::NOT_FOUND) {
        return Err(refusal(reply));
    }
    let body: Body<'_> = parse(reply)?;
    match (reply.status, body.data, body.errors) {
        (_, Some(Versioned { data, metadata: Some(metadata) }), _) => {
            let data = data.map(|data| values(reply, data)).transpose()?;
            let custom_metadata = metadata.custom_metadata.unwrap_or_default();
            Ok(Entry {
                version: metadata.version,
                data,
                created_at: metadata.created_time.parse().ok(),
                is_destroyed: metadata.destroyed,
                // Empty where nobody asked for it.
                deleted_at: metadata.deletion_time.parse().ok(),
                custom_metadata,
            })
        }
        (StatusCode::NOT_FOUND, None, Some(errors)) if errors.is_empty() => Ok(Entry::default()),
        (StatusCode::NOT_FOUND, ..) => Err(refusal(reply)),
        _ => Err(unversioned(reply)),
    }
}

/// An answer without a version: of another secrets engine, unless it is
/// wrapped.
fn unversioned(reply: &Reply<'_>) -> Failure {
    match is_wrapped(&reply.body) {
        true => Failure::Wrapped,
        false => Failure::Unversioned { mount: reply.request.mount().to_owned() },
    }
}

/// Whether an answer holds a token that stands for the true answer: that of a
/// control group, or what a policy has wrapped.
fn is_wrapped(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body {
        wrap_info: Option<WrapInfo>,
    }
    #[derive(Deserialize)]
    struct WrapInfo {}

    serde_json::from_slice::<Body>(body).is_ok_and(|body| body.wrap_info.is_some())
}

fn values(
    reply: &Reply<'_>,
    data: BTreeMap<String, &RawValue>,
) -> Result<BTreeMap<String, CurrentValue>, Failure> {
    data.into_iter()
        .map(|(key, raw)| match CurrentValue::from_raw(raw) {
            Some(value) => Ok((key, value)),
            None => Err(malformed(reply, format!("the value of key {key:?} is not text"))),
        })
        .collect()
}

/// Reads the answer to a list: the names.
pub(super) fn names(reply: &Reply<'_>) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Body {
        data: Keys,
    }
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<String>,
    }

    match reply.status {
        StatusCode::OK => Ok(parse::<Body>(reply)?.data.keys),
        StatusCode::NOT_FOUND if errors(&reply.body).is_some_and(|all| all.is_empty()) => {
            Ok(Vec::new())
        }
        _ => Err(refusal(reply)),
    }
}

/// Reads the answer to the question of what a mount is of.
///
/// # Errors
/// Another engine than KV v2. A 403 is none: the token may do nothing there,
/// or there is no such mount, and what follows will tell.
pub(super) fn is_kv2(reply: &Reply<'_>) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Body {
        data: Mount,
    }
    #[derive(Deserialize)]
    struct Mount {
        r#type: String,
        options: Option<Options>,
    }
    #[derive(Deserialize)]
    struct Options {
        version: Option<String>,
    }

    match reply.status {
        StatusCode::OK => {}
        StatusCode::FORBIDDEN => return Ok(()),
        StatusCode::NOT_FOUND if errors(&reply.body).is_some_and(|all| all.is_empty()) => {
            return Err(Failure::NotTheApi);
        }
        _ => return Err(refusal(reply)),
    }
    let Mount { r#type, options } = parse::<Body>(reply)?.data;
    let version = options.and_then(|options| options.version);
    let engine = match (r#type.as_str(), version.as_deref()) {
        ("kv", Some("2")) => return Ok(()),
        ("kv" | "generic", _) => "KV version 1".to_owned(),
        _ => r#type,
    };
    Err(Failure::OtherEngine { mount: reply.request.mount().to_owned(), engine })
}

/// Reads the answer to a write.
pub(super) fn written(reply: &Reply<'_>) -> Result<Landed, Failure> {
    #[derive(Deserialize)]
    struct Body {
        // A struct could be read from a list, which no such answer is.
        data: Option<BTreeMap<String, serde_json::Value>>,
    }

    match reply.status {
        StatusCode::OK => {
            let written = parse::<Body>(reply)?.data.and_then(|data| {
                let deleted_at = data.get("deletion_time").and_then(|time| time.as_str());
                let deleted_at = deleted_at.and_then(|time| time.parse().ok());
                Some(Written { version: data.get("version")?.as_u64()?, deleted_at })
            });
            written.map(Landed::Version).ok_or_else(|| unversioned(reply))
        }
        // What a write to a KV v1 mount is answered with.
        StatusCode::NO_CONTENT => Err(unversioned(reply)),
        _ => match refusal(reply) {
            Failure::Conflict(messages) if reply.may_have_landed => {
                Ok(Landed::MaybeBefore(messages))
            }
            failure => Err(failure),
        },
    }
}

/// Reads the answer to a deletion.
pub(super) fn done(reply: &Reply<'_>) -> Result<(), Failure> {
    match reply.status {
        StatusCode::OK if is_wrapped(&reply.body) => Err(Failure::Wrapped),
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
        _ => Err(refusal(reply)),
    }
}

/// Reads what the token may do, by path; nothing, where it may not even ask.
pub(super) fn capabilities(reply: &Reply<'_>) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    #[derive(Deserialize)]
    struct Body {
        data: BTreeMap<String, Vec<String>>,
    }

    match reply.status {
        StatusCode::OK => Ok(parse::<Body>(reply)?.data),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Ok(BTreeMap::new()),
        _ => Err(refusal(reply)),
    }
}

/// Reads the answer to a login: the token.
pub(super) fn token(reply: &Reply<'_>) -> Result<VaultToken, Failure> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        auth: Option<Auth<'a>>,
    }
    #[derive(Deserialize)]
    struct Auth<'a> {
        #[serde(borrow)]
        client_token: &'a RawValue,
    }

    match reply.status {
        StatusCode::OK => {
            if is_wrapped(&reply.body) {
                return Err(Failure::Wrapped);
            }
            let auth = parse::<Body<'_>>(reply)?.auth;
            let token = auth.and_then(|auth| json_text::unescape(auth.client_token.get()));
            let token = token.map(|token| VaultToken::try_from(SecretValue::from(token.to_vec())));
            // Where a second factor is asked for, there is none.
            token.and_then(Result::ok).ok_or_else(|| malformed(reply, "it has no token".to_owned()))
        }
        StatusCode::BAD_REQUEST
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND => {
            let messages = errors(&reply.body).map(|errors| VaultMessages::new(&errors));
            Err(Failure::NotLoggedIn(messages.unwrap_or_default()))
        }
        _ => Err(refusal(reply)),
    }
}

/// Reads the body of an answer that says that all went well.
pub(super) fn body<'a, T: Deserialize<'a>>(reply: &'a Reply<'_>) -> Result<T, Failure> {
    if reply.status == StatusCode::OK { parse(reply) } else { Err(refusal(reply)) }
}

/// Whether an answer is an error that says something.
pub(super) fn says(reply: &Reply<'_>, text: &str) -> bool {
    errors(&reply.body).is_some_and(|errors| VaultMessages::new(&errors).mention(text))
}

/// Whether an answer says that the server is sealed.
pub(super) fn says_sealed(status: StatusCode, body: &[u8]) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE
        && errors(body).is_some_and(|errors| VaultMessages::new(&errors).mention("sealed"))
}

/// Whether an answer says that the secrets engine is not ready yet: just
/// mounted, or on a node that has just become the leader.
pub(super) fn says_starting(status: StatusCode, body: &[u8]) -> bool {
    const WORDS: &str = "will be unavailable for a brief period";
    status == StatusCode::BAD_REQUEST
        && errors(body).is_some_and(|errors| VaultMessages::new(&errors).mention(WORDS))
}

/// Whether an answer says that the storage takes no entry of that size, in the
/// words of the storage that it is: raft, etcd, DynamoDB, Consul, or the
/// listener's.
pub(super) fn says_too_large(status: StatusCode, body: &[u8]) -> bool {
    const WORDS: [&str; 4] =
        ["too large", "exceeded the maximum", "exceeds", "maximum allowed size"];
    status == StatusCode::PAYLOAD_TOO_LARGE
        || !status.is_success()
            && errors(body).is_some_and(|errors| {
                let messages = VaultMessages::new(&errors);
                WORDS.iter().any(|words| messages.mention(words))
            })
}

/// What an answer other than success means.
fn refusal(reply: &Reply<'_>) -> Failure {
    let Reply { request, status, .. } = *reply;
    let messages = errors(&reply.body).map(|errors| VaultMessages::new(&errors));
    let known = messages.is_some();
    let messages = messages.unwrap_or_default();
    match status {
        _ if request.body.is_some() && says_too_large(status, &reply.body) => {
            let size = request.body.as_ref().map_or(0, bytes::Bytes::len);
            Failure::TooLarge { size, messages }
        }
        StatusCode::FORBIDDEN => Failure::Forbidden {
            capabilities: request.operation.capabilities(),
            path: request.path.clone(),
            messages,
        },
        StatusCode::SERVICE_UNAVAILABLE if messages.mention("sealed") => Failure::Sealed(messages),
        StatusCode::NOT_FOUND if messages.mention("namespace not found") => {
            Failure::NoSuchNamespace(messages)
        }
        StatusCode::NOT_FOUND if messages.mention("no handler for route") => {
            Failure::NoSuchMount { mount: request.mount().to_owned(), messages }
        }
        StatusCode::NOT_FOUND if !known => {
            malformed(reply, "it is not JSON with a list of errors".to_owned())
        }
        StatusCode::BAD_REQUEST if messages.mention("check-and-set parameter did not match") => {
            Failure::Conflict(messages)
        }
        StatusCode::BAD_REQUEST if messages.mention("check-and-set parameter required") => {
            Failure::CasRequired(messages)
        }
        _ => Failure::Refused { status, messages },
    }
}

/// The `errors` of an answer, if it has them.
fn errors(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<String>,
    }

    serde_json::from_slice::<Body>(body).ok().map(|body| body.errors)
}

fn parse<'a, T: Deserialize<'a>>(reply: &'a Reply<'_>) -> Result<T, Failure> {
    serde_json::from_slice(&reply.body).map_err(|error| {
        if is_wrapped(&reply.body) {
            return Failure::Wrapped;
        }
        let what = if error.is_data() { "unexpected JSON" } else { "no JSON" };
        malformed(reply, format!("{what} at line {} column {}", error.line(), error.column()))
    })
}

pub(super) fn malformed(reply: &Reply<'_>, problem: String) -> Failure {
    Failure::Malformed { status: reply.status, problem }
}
