//! The token by which a job of GitHub Actions says who it is.

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Proxies, SetupError, VaultSettings, connect, json_text};
use crate::model::SecretValue;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// What a job is given to ask with: the variables `ACTIONS_ID_TOKEN_REQUEST_URL`
/// and `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, where it has the permission
/// `id-token: write`.
#[derive(Debug)]
pub struct CiTokenRequest {
    /// Where to ask.
    pub url: String,
    /// What to ask with.
    pub token: SecretValue,
    /// Whom the token is for, which Vault compares.
    pub audience: String,
}

/// A token that GitHub does not give.
#[derive(Debug, Error)]
pub enum CiTokenError {
    /// The URL is no use.
    #[error("ACTIONS_ID_TOKEN_REQUEST_URL is no use")]
    Setup(#[from] SetupError),
    /// It did not answer.
    #[error("the job's token cannot be had from GitHub")]
    Request(#[source] reqwest::Error),
    /// It answered with something else.
    #[error("GitHub answered {status} to the request for the job's token")]
    Answer {
        /// The status.
        status: reqwest::StatusCode,
    },
}

impl CiTokenRequest {
    /// Asks for the token, through a proxy where there is one for it.
    ///
    /// # Errors
    /// No answer, or one without a token.
    pub async fn send(&self, proxies: &Proxies) -> Result<SecretValue, CiTokenError> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            value: &'a RawValue,
        }

        // Its URL has a query already, which a server's may not have.
        let (server, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let mut url = connect::server_url(server)?;
        let settings = VaultSettings { proxies: proxies.clone(), ..VaultSettings::default() };
        let http = connect::http_client(&url, &settings)?;
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url.query_pairs_mut().append_pair("audience", &self.audience);
        let mut bearer = Zeroizing::new(b"Bearer ".to_vec());
        bearer.extend_from_slice(self.token.expose());
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(bearer))
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        let failed = |error: reqwest::Error| CiTokenError::Request(error.without_url());
        let mut answer =
            http.get(url).header(AUTHORIZATION, header).send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LONGEST_ANSWER {
                return Err(CiTokenError::Answer { status });
            }
            body.extend_from_slice(&part);
        }
        let token = status.is_success().then(|| serde_json::from_slice::<Body<'_>>(&body).ok());
        let token = token.flatten().and_then(|body| json_text::unescape(body.value.get()));
        match token {
            Some(token) => Ok(SecretValue::from(token.to_vec())),
            None => Err(CiTokenError::Answer { status }),
        }
    }
}
