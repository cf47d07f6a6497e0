//! An environment's static values as SQuaRE keeps them in 1Password, read
//! through a 1Password Connect server.
//!
//! Each application has an item of its name, with a field for each static
//! secret. `pull-secret` and `oidc-clients` have a section for each registry or
//! client, and `vault-write-token` has a field `vault-token`.
//!
//! Sources: the 1Password Connect API (developer.1password.com), and
//! `storage/onepassword.py` and `services/secrets.py` of Phalanx.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use indexmap::IndexMap;
use reqwest::header::{
    AUTHORIZATION, CONTENT_RANGE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::layout::{OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{ApplicationName, Environment, KeyName, Kind, OnepasswordLocation, SecretValue};
use crate::printable::printable;
use crate::static_values::{OidcClient, RegistryCredentials, StaticValues};
use crate::suggest::nearest;
use crate::vault::{SetupError, VaultSettings, connect, json_text, retry};
use crate::wiped;

/// The field with the write token.
const WRITE_TOKEN_FIELD: &str = "vault-token";
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 16 << 20;
/// How often a request is tried again that may succeed then.
const RETRIES: u32 = 5;
/// How many items are read at once.
const AT_ONCE: usize = 4;

const NO_VAULT: &str = "no vault is";
const SEVERAL_VAULTS: &str = "several vaults are";
const SEVERAL_ITEMS: &str = "several items are";

/// Why nothing came from 1Password.
#[derive(Debug, Error)]
pub enum OnepasswordError {
    /// The URL of the server is no use.
    #[error("the 1Password Connect server in onepassword.connectUrl is no use")]
    Setup(#[from] SetupError),
    /// The token cannot be sent.
    #[error("OP_CONNECT_TOKEN holds no token")]
    Token,
    /// The server did not answer.
    #[error("1Password Connect at {server} cannot be asked for {what}")]
    Request {
        /// The server.
        server: String,
        /// What was asked for.
        what: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("1Password Connect at {server} answers {status} when asked for {what}{message}")]
    Refused {
        /// The server.
        server: String,
        /// What was asked for.
        what: String,
        /// Its answer.
        status: StatusCode,
        /// What it said, after a colon; or nothing.
        message: String,
    },
    /// The answer is not what the API documents.
    #[error("1Password Connect at {server} gives something else when asked for {what}")]
    Answer {
        /// The server.
        server: String,
        /// What was asked for.
        what: String,
    },
    /// No vault, or several vaults or items, have a title.
    #[error("{found} called {title:?} in 1Password")]
    Title {
        /// What was found, with its verb.
        found: &'static str,
        /// The title.
        title: String,
        /// A title that is alike, where there is none.
        nearest: Option<String>,
    },
    /// A value that is not what it should be.
    #[error("the 1Password item {item} has {what}")]
    Malformed {
        /// The item's title.
        item: String,
        /// What is wrong with it.
        what: String,
    },
}

impl OnepasswordError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Setup(_) => "correct onepassword.connectUrl of the environment".to_owned(),
            Self::Token => "set it to a token of the Connect server".to_owned(),
            Self::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                "is OP_CONNECT_TOKEN a token of this Connect server, and not expired?".to_owned()
            }
            Self::Refused { status, .. } if *status == StatusCode::FORBIDDEN => {
                "have the token in OP_CONNECT_TOKEN given access to the vault".to_owned()
            }
            Self::Request { .. } | Self::Refused { .. } | Self::Answer { .. } => {
                "is this the URL of a Connect server that can be reached from here? Nothing was \
                 stored, so try again"
                    .to_owned()
            }
            Self::Title { nearest: Some(nearest), .. } => format!("did you mean {nearest:?}?"),
            Self::Title { found: NO_VAULT, .. } => {
                "the token in OP_CONNECT_TOKEN may not see it: it has access to some vaults only"
                    .to_owned()
            }
            Self::Title { .. } => "rename or archive all but one of them".to_owned(),
            Self::Malformed { .. } => "correct it in 1Password; nothing was stored".to_owned(),
        }
    }
}

/// What 1Password has for an environment.
#[derive(Debug, Default)]
pub struct OnepasswordValues {
    /// The static values.
    pub values: StaticValues,
    /// Fields with a value that no static secret is, as `ITEM FIELD`.
    pub unknown: Vec<String>,
}

/// A way to a 1Password Connect server.
pub struct ConnectClient {
    http: Client,
    server: Url,
    authorization: HeaderValue,
    vault_title: String,
}

#[derive(Deserialize)]
struct VaultSummary {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct ItemSummary {
    id: String,
    title: String,
    state: Option<String>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    fields: Vec<Field<'a>>,
    #[serde(default)]
    sections: Vec<Section>,
}

#[derive(Deserialize)]
struct Field<'a> {
    label: Option<String>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    section: Option<Section>,
    purpose: Option<String>,
}

#[derive(Deserialize)]
struct Section {
    id: String,
    label: Option<String>,
}

/// A field with a value.
struct Given {
    label: String,
    value: SecretValue,
    section: Option<String>,
    is_note: bool,
}

/// An item's fields with a value.
type Fields = Vec<Given>;

#[derive(Deserialize)]
struct ErrorBody {
    message: Option<String>,
}

impl ConnectClient {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// A URL or token that is no use.
    pub fn new(
        location: &OnepasswordLocation,
        token: &SecretValue,
    ) -> Result<Self, OnepasswordError> {
        let server = connect::server_url(&location.connect_url)?;
        let http = connect::http_client(&server, &VaultSettings::default())?;
        let mut bearer = Zeroizing::new(b"Bearer ".to_vec());
        wiped::append(&mut bearer, token.expose().trim_ascii());
        let mut authorization = HeaderValue::from_maybe_shared(Bytes::from_owner(bearer))
            .map_err(|_| OnepasswordError::Token)?;
        authorization.set_sensitive(true);
        Ok(Self { http, server, authorization, vault_title: location.vault_title.clone() })
    }

    /// Reads the static values of an environment. Secrets without a field are
    /// not among them.
    ///
    /// # Errors
    /// No answer, no such vault, or a value that is not what it should be.
    pub async fn read(
        &self,
        environment: &Environment,
    ) -> Result<OnepasswordValues, OnepasswordError> {
        let items = self.items(environment).await?;
        let mut read = OnepasswordValues::default();
        for (name, application) in &environment.applications {
            let Some(fields) = items.get(name.as_str()) else { continue };
            let statics = application.secrets.iter().filter(|(_, spec)| spec.kind == Kind::Static);
            for (key, spec) in statics {
                let given = fields.iter().find(|field| field.label == key.as_str());
                let Some(Given { value, .. }) = given else { continue };
                let value = match spec.onepassword_encoded {
                    true => decoded(name, key, value)?,
                    false => value.clone(),
                };
                read.values
                    .applications
                    .entry(name.clone())
                    .or_default()
                    .insert(key.clone(), value);
            }
            let is_static = |field: &&Given| {
                let spec = application.secrets.iter().find(|(key, _)| key.as_str() == field.label);
                spec.is_some_and(|(_, spec)| spec.kind == Kind::Static)
            };
            let unknown = fields.iter().filter(|field| !is_static(field) && !field.is_note);
            read.unknown.extend(unknown.map(|field| format!("{name} {}", printable(&field.label))));
        }
        let registries = sections(&items, PULL_SECRET, &["username", "password"]);
        for (registry, fields) in registries {
            let text = |label| text_of(PULL_SECRET, &registry, &fields, label);
            let credentials =
                RegistryCredentials { username: text("username")?, password: text("password")? };
            read.values.pull_secret.insert(registry, credentials);
        }
        for (name, fields) in sections(&items, OIDC_CLIENTS, &["id", "secret", "return_uri"]) {
            let text = |label| text_of(OIDC_CLIENTS, &name, &fields, label);
            let client = OidcClient {
                id: text("id")?,
                secret: text("secret")?,
                return_uri: text("return_uri")?,
            };
            read.values.oidc_clients.insert(name, client);
        }
        let token = items.get(VAULT_WRITE_TOKEN).into_iter().flatten();
        let mut token = token.filter(|field| field.label == WRITE_TOKEN_FIELD);
        read.values.vault_write_token = token.next().map(|field| field.value.clone());
        Ok(read)
    }

    /// The items that the environment is about, by title.
    async fn items(
        &self,
        environment: &Environment,
    ) -> Result<BTreeMap<String, Fields>, OnepasswordError> {
        let vault = self.vault().await?;
        let path = format!("v1/vaults/{vault}/items");
        let listed: Vec<ItemSummary> = self.list(&path, None, "the items of the vault").await?;
        let mut wanted: Vec<ItemSummary> = Vec::new();
        for item in listed {
            let is_application = environment.applications.contains_key(item.title.as_str());
            let is_special =
                [PULL_SECRET, OIDC_CLIENTS, VAULT_WRITE_TOKEN].contains(&item.title.as_str());
            let is_gone = matches!(item.state.as_deref(), Some("ARCHIVED" | "DELETED"));
            if is_gone || !(is_application || is_special) {
                continue;
            }
            if wanted.iter().any(|other| other.title == item.title) {
                let (found, title) = (SEVERAL_ITEMS, item.title);
                return Err(OnepasswordError::Title { found, title, nearest: None });
            }
            wanted.push(item);
        }
        let read = wanted.into_iter().map(async |item| {
            let path = format!("{path}/{}", segment(&item.id));
            let what = format!("the item {}", printable(&item.title));
            let (_, _, body) = self.get(&path, None, &what).await?;
            let fields = serde_json::from_slice(&body).ok().and_then(|item| given(&item));
            Ok((item.title, fields.ok_or_else(|| self.something_else(&what))?))
        });
        stream::iter(read).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// The id of the vault.
    async fn vault(&self) -> Result<String, OnepasswordError> {
        let title = &self.vault_title;
        let filter = format!("name eq \"{}\"", title.replace('\\', "\\\\").replace('"', "\\\""));
        let found: Vec<VaultSummary> = self.list("v1/vaults", Some(&filter), "its vaults").await?;
        let mut found: Vec<VaultSummary> =
            found.into_iter().filter(|vault| vault.name == *title).collect();
        match (found.len(), found.pop()) {
            (1, Some(vault)) => Ok(segment(&vault.id)),
            (count, _) => {
                let all: Vec<VaultSummary> =
                    self.list("v1/vaults", None, "its vaults").await.unwrap_or_default();
                let names = all.iter().map(|vault| vault.name.as_str());
                let nearest = nearest(title, names).filter(|near| near != title).map(str::to_owned);
                let found = if count == 0 { NO_VAULT } else { SEVERAL_VAULTS };
                Err(OnepasswordError::Title { found, title: title.clone(), nearest })
            }
        }
    }

    /// Reads a list, in as many parts as the server gives it.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: Option<&str>,
        what: &str,
    ) -> Result<Vec<T>, OnepasswordError> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let mut query: Vec<(&str, String)> = Vec::new();
            query.extend(filter.map(|filter| ("filter", filter.to_owned())));
            if !all.is_empty() {
                query.push(("offset", all.len().to_string()));
            }
            let (status, range, body) = self.get(path, Some(&query), what).await?;
            let part: Vec<T> =
                serde_json::from_slice(&body).map_err(|_| self.something_else(what))?;
            let is_last = status != StatusCode::PARTIAL_CONTENT || part.is_empty();
            all.extend(part);
            let total = range.and_then(|range| range.rsplit_once('/')?.1.trim().parse().ok());
            if is_last || total.is_some_and(|total: usize| all.len() >= total) {
                return Ok(all);
            }
        }
    }

    /// Asks for something, again where that may help.
    async fn get(
        &self,
        path: &str,
        query: Option<&[(&str, String)]>,
        what: &str,
    ) -> Result<(StatusCode, Option<String>, Zeroizing<Vec<u8>>), OnepasswordError> {
        let mut url = self.server.clone();
        url.set_path(&format!("{}/{path}", self.server.path().trim_end_matches('/')));
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut tries = 0;
        loop {
            let failure = match self.attempt(url.clone()).await {
                Ok(Attempt { status, headers, body }) if status.is_success() => {
                    return Ok((status, header(&headers, CONTENT_RANGE), body));
                }
                Ok(Attempt { status, headers, .. })
                    if retry::may_pass(status) && tries < RETRIES =>
                {
                    Err(header(&headers, RETRY_AFTER)
                        .and_then(|after| retry::asked(&after, header(&headers, DATE).as_deref())))
                }
                Ok(Attempt { status, body, .. }) => Ok(self.refused(what, status, &body)),
                Err(_) if tries < RETRIES => Err(None),
                Err(source) => Ok(OnepasswordError::Request {
                    server: self.server.to_string(),
                    what: what.to_owned(),
                    source: source.without_url(),
                }),
            };
            let asked: Option<Duration> = match failure {
                Ok(error) => return Err(error),
                Err(asked) => asked,
            };
            let wait = asked.unwrap_or_else(|| retry::backoff(tries, rand::random()));
            tries += 1;
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, url: Url) -> Result<Attempt, reqwest::Error> {
        let request = self.http.get(url).header(AUTHORIZATION, self.authorization.clone());
        let mut answer = request.send().await?;
        let mut body = Zeroizing::new(Vec::with_capacity(64 << 10));
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                break;
            }
            wiped::append(&mut body, &chunk);
        }
        Ok(Attempt { status: answer.status(), headers: std::mem::take(answer.headers_mut()), body })
    }

    fn refused(&self, what: &str, status: StatusCode, body: &[u8]) -> OnepasswordError {
        let body: Option<ErrorBody> = serde_json::from_slice(body).ok();
        let message = body.and_then(|body| body.message).map(|text| {
            let short: String = text.chars().take(200).collect();
            format!(": {}", printable(&short))
        });
        let (server, what) = (self.server.to_string(), what.to_owned());
        OnepasswordError::Refused { server, what, status, message: message.unwrap_or_default() }
    }

    fn something_else(&self, what: &str) -> OnepasswordError {
        OnepasswordError::Answer { server: self.server.to_string(), what: what.to_owned() }
    }
}

/// The answer to one attempt.
struct Attempt {
    status: StatusCode,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// An id as a segment of a path: of a server that gives something else, not
/// a way out of it.
fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The fields of an item that have a value.
fn given(item: &Item<'_>) -> Option<Fields> {
    let mut fields = Vec::new();
    for field in &item.fields {
        let Some(label) = field.label.clone() else { continue };
        let Some(raw) = field.value.filter(|raw| raw.get() != "null") else { continue };
        let value = SecretValue::from(json_text::unescape(raw.get())?);
        if value.is_empty() {
            continue;
        }
        let section = field.section.as_ref().and_then(|section| {
            let named = item.sections.iter().find(|named| named.id == section.id);
            named.unwrap_or(section).label.clone()
        });
        let is_note = field.purpose.as_deref() == Some("NOTES");
        fields.push(Given { label, value, section, is_note });
    }
    Some(fields)
}

/// The fields of an item by their section, as far as they are wanted.
fn sections<'a>(
    items: &'a BTreeMap<String, Fields>,
    title: &str,
    wanted: &[&str],
) -> IndexMap<String, Vec<&'a Given>> {
    let mut sections: IndexMap<String, Vec<&Given>> = IndexMap::new();
    for field in items.get(title).into_iter().flatten() {
        if let Some(section) = &field.section
            && wanted.contains(&field.label.as_str())
        {
            sections.entry(section.clone()).or_default().push(field);
        }
    }
    sections
}

fn text_of(
    item: &str,
    section: &str,
    fields: &[&Given],
    label: &str,
) -> Result<Zeroizing<String>, OnepasswordError> {
    let found = fields.iter().find(|field| field.label == label);
    match found.and_then(|field| field.value.expose_str()) {
        Some(text) => Ok(Zeroizing::new(text.to_owned())),
        None => Err(OnepasswordError::Malformed {
            item: item.to_owned(),
            what: format!("no field {label} in its section {section:?}"),
        }),
    }
}

/// What a field stands for that 1Password could not hold as it is.
fn decoded(
    application: &ApplicationName,
    key: &KeyName,
    value: &SecretValue,
) -> Result<SecretValue, OnepasswordError> {
    let decoded = value.expose_str().and_then(SecretValue::from_base64);
    decoded.ok_or_else(|| OnepasswordError::Malformed {
        item: application.to_string(),
        what: format!("no base64 in its field {key}, though the spec says onepassword.encoded"),
    })
}
