//! Sends a request and brings back an answer: through redirects, again and
//! again where that may help, into memory that is wiped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use zeroize::Zeroizing;

use super::request::{Operation, Request};
use super::{
    Failure, Halt, Named, RequestError, SetupError, Throttle, TlsProblem, VaultError,
    VaultSettings, VaultToken,
};
use super::{answer, connect, retry};
use crate::printable::printable;
use crate::wiped;

/// The longest answer that is read, in bytes. Vault stores no entry of more
/// than 1 MiB unless it is told to.
pub(super) const LONGEST_ANSWER: usize = 8 << 20;

/// How many redirects are followed. One leads from a standby to the active
/// node.
const MOST_REDIRECTS: usize = 3;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Vault refuses requests without it where it must guard against forged ones.
const IS_REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// How far the server was when it wrote: given back with later requests, so
/// that no node answers which is not that far yet.
const INDEX: HeaderName = HeaderName::from_static("x-vault-index");

/// A way to one server, in one caller's name.
#[derive(Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    server: Url,
    /// The same, as the certificate names it.
    named: Url,
    headers: HeaderMap,
    retries: u32,
    more_retries: u32,
    /// Whether the server has answered; shared by all clones.
    has_answered: Arc<AtomicBool>,
    throttle: Option<Throttle>,
    halt: Halt,
    /// How far the server was at the last write; shared by all clones.
    index: Arc<Mutex<Option<HeaderValue>>>,
}

/// An answer that arrived, whatever it says.
pub(super) struct Reply<'a> {
    /// What it answers.
    pub(super) request: &'a Request,
    /// Its status.
    pub(super) status: StatusCode,
    /// Its body.
    pub(super) body: Zeroizing<Vec<u8>>,
    /// Whether an earlier attempt may have done what it was to do, though its
    /// answer did not say so.
    pub(super) may_have_landed: bool,
}

/// The answer to one attempt.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer to one attempt.
struct NoAnswer {
    failure: Failure,
    source: Option<reqwest::Error>,
}

impl Transport {
    /// Makes a transport. Nothing is sent yet.
    pub(super) fn new(
        server: &str,
        token: Option<&VaultToken>,
        settings: &VaultSettings,
    ) -> Result<Self, SetupError> {
        let server = connect::server_url(server)?;
        let http = connect::http_client(&server, settings)?;
        let mut headers = HeaderMap::new();
        headers.insert(IS_REQUEST, HeaderValue::from_static("true"));
        headers.extend(token.map(|token| (TOKEN, token_header(token))));
        if let Some(Named { value, name }) = &settings.namespace {
            let namespace = value.parse().map_err(|_| SetupError::Namespace {
                name: name.clone(),
                namespace: value.clone(),
            })?;
            headers.insert(NAMESPACE, namespace);
        }
        let throttle = settings.throttle.clone();
        let named = connect::named_url(&server, settings)?;
        Ok(Self {
            http,
            server,
            named,
            headers,
            retries: settings.retries,
            more_retries: settings.more_retries,
            has_answered: Arc::default(),
            throttle,
            halt: settings.halt.clone(),
            index: Arc::default(),
        })
    }

    /// The same way, in the name of a token.
    pub(super) fn with_token(mut self, token: &VaultToken) -> Self {
        self.headers.insert(TOKEN, token_header(token));
        self
    }

    /// The same way over connections of its own, which nothing holds back.
    pub(super) fn connected_anew(&self, settings: &VaultSettings) -> Result<Self, SetupError> {
        let http = connect::http_client(&self.server, settings)?;
        Ok(Self { http, throttle: None, halt: Halt::default(), ..self.clone() })
    }

    /// Whether another is a clone of this one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.index, &other.index)
    }

    /// The server's URL.
    pub(super) fn server(&self) -> &Url {
        &self.server
    }

    /// Sends a request and reads the answer with a function of
    /// [`answer`].
    pub(super) async fn send<T>(
        &self,
        request: &Request,
        read: impl FnOnce(&Reply<'_>) -> Result<T, Failure>,
    ) -> Result<T, VaultError> {
        let mut attempts = 0;
        let mut may_have_landed = false;
        loop {
            if self.halt.is_halted() {
                if request.operation == Operation::LogIn {
                    return Err(self.error(request, Failure::Unreachable, attempts, None));
                }
                std::future::pending::<()>().await;
            }
            let outcome = self.attempt(request).await;
            attempts += 1;
            let is_known = self.has_answered.load(Ordering::Relaxed);
            let more = if is_known { self.more_retries } else { 0 };
            let again = attempts <= self.retries.saturating_add(more);
            let asked = match outcome {
                Ok(answer) if again && answer.may_pass() => {
                    may_have_landed |= answer.status != StatusCode::TOO_MANY_REQUESTS;
                    answer.asked_wait()
                }
                Err(NoAnswer { failure, .. }) if again && retry::may_not_repeat(&failure) => {
                    may_have_landed |= failure != Failure::Unreachable;
                    None
                }
                Ok(Answer { status, body, .. }) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    let reply = Reply { request, status, body, may_have_landed };
                    return read(&reply)
                        .map_err(|failure| self.error(request, failure, attempts, None));
                }
                Err(NoAnswer { failure, source }) => {
                    return Err(self.error(request, failure, attempts, source));
                }
            };
            let wait = asked.unwrap_or_else(|| retry::backoff(attempts - 1, rand::random()));
            tokio::time::sleep(wait).await;
        }
    }

    /// The error of a request.
    pub(super) fn error(
        &self,
        request: &Request,
        failure: Failure,
        attempts: u32,
        source: Option<reqwest::Error>,
    ) -> VaultError {
        Box::new(RequestError::new(&self.server, request, failure, attempts, source)).into()
    }

    fn last_index(&self) -> MutexGuard<'_, Option<HeaderValue>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request once, and follows where it is sent.
    async fn attempt(&self, request: &Request) -> Result<Answer, NoAnswer> {
        let _turn = match &self.throttle {
            Some(throttle) => throttle.turn().await,
            None => None,
        };
        let mut url = request.url(&self.named);
        for _ in 0..=MOST_REDIRECTS {
            let mut sending = self
                .http
                .request(request.operation.method(), url.clone())
                .headers(self.headers.clone());
            if let Some(index) = self.last_index().clone() {
                sending = sending.header(INDEX, index);
            }
            if let Some(body) = &request.body {
                sending = sending.body(body.clone());
            }
            let response = sending.send().await?;
            if let (Some(index), true) = (response.headers().get(INDEX), request.body.is_some()) {
                *self.last_index() = Some(index.clone());
            }
            if !response.status().is_redirection() {
                return Answer::receive(response).await;
            }
            let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
            url = redirected(&url, response.status(), location)?;
        }
        let reason = "after too many other redirects".to_owned();
        Err(Failure::Redirect { target: shown(url.as_str()), reason }.into())
    }
}

/// The header with the token: kept out of logs, and wiped with its last copy.
fn token_header(token: &VaultToken) -> HeaderValue {
    let bytes = Bytes::from_owner(token.to_header_bytes());
    // A token is printable ASCII by construction, so this always succeeds.
    let mut value =
        HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Where a redirect leads, if a token and a body may go there: to the same
/// host and port, by a status that keeps the request, and never from TLS to
/// plain text.
fn redirected(from: &Url, status: StatusCode, location: Option<&[u8]>) -> Result<Url, Failure> {
    let Some(location) = location.filter(|location| !location.is_empty()) else {
        return Err(Failure::RedirectNowhere { status });
    };
    let location = String::from_utf8_lossy(location);
    let fail = |reason: &str| {
        Err(Failure::Redirect { target: shown(&location), reason: reason.to_owned() })
    };
    let Ok(to) = from.join(&location) else { return fail("which is not a URL") };
    if !matches!(to.scheme(), "http" | "https") {
        return fail("which is not HTTP");
    }
    if (from.scheme(), to.scheme()) == ("https", "http") {
        return fail("which would send the token unencrypted");
    }
    let place = |url: &Url| {
        let port = url.port_or_known_default().map(|port| format!(":{port}"));
        format!("{}{}", url.host_str().unwrap_or_default(), port.unwrap_or_default())
    };
    if place(from) != place(&to) {
        return fail(&format!(
            "which is another server than the environment's: {} is not {}",
            place(&to),
            place(from)
        ));
    }
    if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return fail(&format!("with a status ({status}) that does not keep the request"));
    }
    Ok(to)
}

/// The longest address that is shown, in characters.
const LONGEST_SHOWN: usize = 300;

/// An address as it came, without what may be secret in it (a password, a
/// query), and without whatever a terminal would obey.
fn shown(location: &str) -> String {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let (plain, _) = location.split_at(end);
    let without_user = match plain.split_once("//") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}//{host}{path}")
        }
        None => plain.to_owned(),
    };
    printable(&without_user).chars().take(LONGEST_SHOWN).collect()
}

impl Answer {
    /// Reads a response to its end.
    async fn receive(mut response: Response) -> Result<Self, NoAnswer> {
        let announced = response.content_length().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > LONGEST_ANSWER {
            return Err(Failure::TooLong { limit: LONGEST_ANSWER }.into());
        }
        let mut body = Zeroizing::new(Vec::with_capacity(announced));
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(Failure::TooLong { limit: LONGEST_ANSWER }.into());
            }
            wiped::append(&mut body, &chunk);
        }
        Ok(Self {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }

    /// Whether the server may answer differently if it is asked again. A
    /// sealed one does not unseal itself.
    fn may_pass(&self) -> bool {
        let is_lasting = answer::says_sealed(self.status, &self.body)
            || answer::says_too_large(self.status, &self.body);
        (retry::may_pass(self.status) && !is_lasting)
            || answer::says_starting(self.status, &self.body)
    }

    /// How long the server asks to wait.
    fn asked_wait(&self) -> Option<std::time::Duration> {
        retry::asked(header_text(&self.headers, RETRY_AFTER)?, header_text(&self.headers, DATE))
    }
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self { failure, source: None }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(source: reqwest::Error) -> Self {
        let failure = if source.is_timeout() {
            Failure::Timeout
        } else if let Some(problem) = tls_problem(&source) {
            Failure::Tls(problem)
        } else if source.is_connect() {
            Failure::Unreachable
        } else {
            Failure::Interrupted
        };
        Self { failure, source: Some(source) }
    }
}

/// Why TLS failed, where that is what failed. Its errors come wrapped in
/// input/output errors, which do not count what they wrap as their source.
fn tls_problem(error: &(dyn std::error::Error + 'static)) -> Option<TlsProblem> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(TlsProblem::of(error));
    }
    let io_error = error.downcast_ref::<std::io::Error>();
    match io_error.and_then(std::io::Error::get_ref) {
        Some(wrapped) => tls_problem(wrapped),
        None => error.source().and_then(tls_problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretValue;

    #[test]
    fn the_token_header_is_sensitive() {
        let token = VaultToken::try_from(SecretValue::from("canary")).unwrap();
        let header = token_header(&token);
        assert_eq!(header.as_bytes(), b"canary");
        assert!(!format!("{header:?}").contains("canary"));
    }

    #[test]
    fn a_redirect_stays_on_its_server_and_keeps_the_request() {
        let go = |from: &str, status, location: Option<&str>| {
            let status = StatusCode::from_u16(status).unwrap();
            redirected(&from.parse().unwrap(), status, location.map(str::as_bytes))
                .map(String::from)
                .map_err(|failure| failure.to_string())
        };
        for (from, status, to, expected) in [
            ("https://a/x", 307, "/y", "https://a/y"),
            ("https://a/x", 308, "https://a:443/y", "https://a/y"),
            ("https://a/x", 307, "HTTPS://A/y?list=true", "https://a/y?list=true"),
            ("http://a:8200/x", 307, "https://a:8200/y", "https://a:8200/y"),
            ("http://a:8200/x", 307, "//a:8200/y", "http://a:8200/y"),
        ] {
            assert_eq!(go(from, status, Some(to)), Ok(expected.to_owned()), "{to}");
        }
        for (from, status, to, expected) in [
            (
                "http://a/x",
                307,
                Some("http://b/y"),
                "to http://b/y, which is another server than the environment's: b:80 is not a:80",
            ),
            (
                "https://a/x",
                307,
                Some("https://a:8200/y"),
                "to https://a:8200/y, which is another server than the environment's: a:8200 is \
                 not a:443",
            ),
            (
                "https://a/x",
                307,
                Some("//b"),
                "to //b, which is another server than the \
                 environment's: b:443 is not a:443",
            ),
            (
                "https://a/x",
                307,
                Some("http://u:p@a/y?state=1"),
                "to http://a/y, which would send the token unencrypted",
            ),
            ("https://a/x", 307, Some("ftp://a"), "to ftp://a, which is not HTTP"),
            (
                "https://a/x",
                307,
                Some("https://fd75:a77c:48db::8f30:8200/v1"),
                "to https://fd75:a77c:48db::8f30:8200/v1, which is not a URL",
            ),
            (
                "https://a/x",
                302,
                Some("/y"),
                "to /y, with a status (302 Found) that does not keep the request",
            ),
            ("https://a/x", 307, Some("/y\u{1b}[2J"), ""),
            ("https://a/x", 307, None, "(307 Temporary Redirect) without saying where to"),
            ("https://a/x", 307, Some(""), "(307 Temporary Redirect) without saying where to"),
        ] {
            match go(from, status, to) {
                Err(error) => assert_eq!(error, format!("the server redirects {expected}")),
                Ok(to) => assert_eq!((expected, to.contains('\u{1b}')), ("", false), "{to}"),
            }
        }
    }

    #[test]
    fn an_address_is_shown_as_it_came_without_secrets() {
        for (came, expected) in [
            ("https://u:canary@v/x?canary#canary", "https://v/x"),
            ("//u:canary@v", "//v"),
            ("/login?canary", "/login"),
            ("vault://[broken/x", "vault://[broken/x"),
            ("https://v/a@b", "https://v/a@b"),
        ] {
            assert_eq!(shown(came), expected);
        }
        assert!(!shown("https://v/\u{1b}[2J").contains('\u{1b}'));
        assert_eq!(shown(&"x".repeat(5000)).len(), LONGEST_SHOWN);
    }
}
