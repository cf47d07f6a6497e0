//! Asking a 1Password Connect server: paths, lists, retries.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::header::{
    AUTHORIZATION, CONTENT_RANGE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::{NO_VAULT, SEVERAL_ITEMS, SEVERAL_VAULTS};
use super::{Contents, Items, OnepasswordError, contents};
use crate::layout::RESERVED_APPLICATIONS;
use crate::model::{Environment, OnepasswordLocation, SecretValue};
use crate::printable::printable;
use crate::suggest::nearest;
use crate::vault::{Proxies, VaultSettings, connect, retry};
use crate::wiped;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 16 << 20;
/// How often a request is tried again that may succeed then.
const RETRIES: u32 = 5;
/// How many items are read at once.
const AT_ONCE: usize = 4;

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

impl ItemSummary {
    fn is_archived(&self) -> bool {
        matches!(self.state.as_deref(), Some("ARCHIVED" | "DELETED"))
    }
}

/// What is in a list.
trait Listed {
    fn id(&self) -> &str;
}

impl Listed for VaultSummary {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for ItemSummary {
    fn id(&self) -> &str {
        &self.id
    }
}

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
        proxies: &Proxies,
    ) -> Result<Self, OnepasswordError> {
        let server = connect::server_url(&location.connect_url)?;
        let settings = VaultSettings { proxies: proxies.clone(), ..VaultSettings::default() };
        let http = connect::http_client(&server, &settings)?;
        let mut bearer = Zeroizing::new(b"Bearer ".to_vec());
        wiped::append(&mut bearer, token.expose().trim_ascii());
        let mut authorization = HeaderValue::from_maybe_shared(Bytes::from_owner(bearer))
            .map_err(|_| OnepasswordError::Token)?;
        authorization.set_sensitive(true);
        Ok(Self { http, server, authorization, vault_title: location.vault_title.clone() })
    }

    /// The items that the environment is about, by title.
    pub(super) async fn items(&self, environment: &Environment) -> Result<Items, OnepasswordError> {
        let vault = self.vault().await?;
        let path = format!("v1/vaults/{vault}/items");
        let listed: Vec<ItemSummary> = self.list(&path, None, "the items of the vault").await?;
        let mut wanted: Vec<ItemSummary> = Vec::new();
        let mut passed_over = Vec::new();
        let is_ours = |title: &str| {
            environment.applications.contains_key(title) || RESERVED_APPLICATIONS.contains(&title)
        };
        let (gone, listed): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(ItemSummary::is_archived);
        for item in listed {
            if !is_ours(&item.title) {
                // What was meant to be one, most likely.
                let alike = item.title.trim().to_lowercase().replace(' ', "-");
                if is_ours(&alike) {
                    passed_over
                        .push(format!("the item {:?} (its title is not {alike})", item.title));
                }
                continue;
            }
            if wanted.iter().any(|other| other.title == item.title) {
                let (found, title) = (SEVERAL_ITEMS, item.title);
                return Err(OnepasswordError::Title { found, title, nearest: None });
            }
            wanted.push(item);
        }
        let read = wanted.into_iter().map(|item| self.item(&path, item));
        let by_title: BTreeMap<String, Contents> =
            stream::iter(read).buffer_unordered(AT_ONCE).try_collect().await?;
        let gone = gone.into_iter().map(|item| item.title);
        let gone = gone.filter(|title| is_ours(title) && !by_title.contains_key(title));
        passed_over.extend(gone.map(|title| format!("the item {title} (it is archived)")));
        Ok(Items { by_title, passed_over })
    }

    /// Every item of the vault that is not archived, with its title, in the
    /// order of the list.
    pub(super) async fn all_items(&self) -> Result<Vec<(String, Contents)>, OnepasswordError> {
        let path = format!("v1/vaults/{}/items", self.vault().await?);
        let listed: Vec<ItemSummary> = self.list(&path, None, "the items of the vault").await?;
        let listed = listed.into_iter().filter(|item| !item.is_archived());
        let read = listed.map(|item| self.item(&path, item));
        stream::iter(read).buffered(AT_ONCE).try_collect().await
    }

    /// Reads an item of the list at a path.
    async fn item(
        &self,
        path: &str,
        item: ItemSummary,
    ) -> Result<(String, Contents), OnepasswordError> {
        let path = format!("{path}/{}", segment(&item.id));
        let what = format!("the item {}", printable(&item.title));
        let (_, _, body) = self.get(&path, None, &what).await?;
        let contents = serde_json::from_slice(&body).ok().and_then(contents);
        Ok((item.title, contents.ok_or_else(|| self.something_else(&what))?))
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
    async fn list<T: DeserializeOwned + Listed>(
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
            let is_empty = part.is_empty();
            // Nor is a part again that was there already.
            if part.iter().any(|new| all.iter().any(|there: &T| there.id() == new.id())) {
                return Err(self.something_else(what));
            }
            all.extend(part);
            let total = range.and_then(|range| range.rsplit_once('/')?.1.trim().parse().ok());
            let is_last = match total {
                Some(total) => all.len() >= total,
                None => status != StatusCode::PARTIAL_CONTENT,
            };
            if is_empty || is_last {
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
