//! Tokens, as those see them who make and revoke them.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::administration::{Data, Keys, administer, found, list, secret_text};
use super::answer::{self, malformed};
use super::transport::Reply;
use super::{Failure, VaultClient, VaultError};
use crate::model::SecretValue;

/// A token, as those who manage it see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDescription {
    /// Its display name.
    pub display_name: String,
    /// Its name for those who manage it.
    pub accessor: String,
    /// Its policies.
    pub policies: Vec<String>,
    /// When it expires, if it does.
    pub expires: Option<Timestamp>,
}

/// A token that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Its display name, before which Vault puts `token-`.
    pub name: &'a str,
    /// Its one policy.
    pub policy: &'a str,
    /// How long it lives, as Vault writes it.
    pub lifetime: &'a str,
}

/// A token that was just made.
#[derive(Debug, Clone)]
pub struct CreatedToken {
    /// The token itself.
    pub token: SecretValue,
    /// Its name for those who manage it.
    pub accessor: String,
    /// How long it lives unless renewed, in seconds.
    pub lifetime: u64,
    /// Whether it ends with the token that made it.
    pub has_parent: bool,
}

/// A way to make a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The path for tokens without a parent.
    Orphan,
    /// The path for all tokens, asked for one without a parent.
    WithoutParent,
    /// The path for all tokens, which have a parent.
    Child,
}

/// The description of a token in an answer.
#[derive(Deserialize)]
struct Token {
    display_name: String,
    accessor: String,
    #[serde(default)]
    policies: Vec<String>,
    expire_time: Option<String>,
}

impl Token {
    fn description(self, reply: &Reply<'_>) -> Result<TokenDescription, Failure> {
        let Self { display_name, accessor, policies, expire_time } = self;
        let expires = expire_time.map(|time| time.parse()).transpose();
        let expires = expires.map_err(|_| malformed(reply, "a time is none".to_owned()))?;
        Ok(TokenDescription { display_name, accessor, policies, expires })
    }
}

impl VaultClient {
    /// Makes a token that does not end with the token that makes it; or, where
    /// Vault allows none such, one that does. A client with a token
    /// [of its own](Self::log_in) makes none that ends with that.
    ///
    /// Without `sudo` on `auth/token/create-orphan`, Vault takes `no_parent` at
    /// `auth/token/create` from a token with `sudo` there, and from others only
    /// a token with a parent and some of the parent's policies.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn create_token(&self, new: &NewToken<'_>) -> Result<CreatedToken, VaultError> {
        let refused = match self.create_token_by(Way::Orphan, new).await {
            Err(error) if error.is_forbidden() => error,
            outcome => return outcome,
        };
        match self.create_token_by(Way::WithoutParent, new).await {
            Err(error) if error.is_forbidden() => Err(refused),
            Err(error) if is_bad_request(&error) => match self.is_from_login() {
                true => Err(refused),
                false => self.create_token_by(Way::Child, new).await,
            },
            outcome => outcome,
        }
    }

    async fn create_token_by(
        &self,
        way: Way,
        new: &NewToken<'_>,
    ) -> Result<CreatedToken, VaultError> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            auth: Auth<'a>,
        }
        #[derive(Deserialize)]
        struct Auth<'a> {
            #[serde(borrow)]
            client_token: &'a RawValue,
            accessor: String,
            lease_duration: u64,
        }
        let body = serde_json::json!({
            "display_name": new.name,
            "policies": [new.policy],
            "ttl": new.lifetime,
            "no_parent": way == Way::WithoutParent,
        });
        let path = match way {
            Way::Orphan => "auth/token/create-orphan",
            Way::WithoutParent | Way::Child => "auth/token/create",
        };
        let words = "make a token".to_owned();
        let request = administer(words, Method::POST, "update", path.to_owned(), Some(&body));
        let read = |reply: &Reply<'_>| {
            let auth = answer::body::<Body<'_>>(reply)?.auth;
            Ok(CreatedToken {
                token: secret_text(reply, auth.client_token)?,
                accessor: auth.accessor,
                lifetime: auth.lease_duration,
                has_parent: way == Way::Child,
            })
        };
        self.send(&request, read).await
    }

    /// The accessors of all tokens.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn token_accessors(&self) -> Result<Vec<String>, VaultError> {
        let request =
            list("list the accessors of tokens".to_owned(), "auth/token/accessors".to_owned());
        let read = |reply: &Reply<'_>| found::<Data<Keys>>(reply);
        Ok(self.send(&request, read).await?.map(|found| found.data.keys).unwrap_or_default())
    }

    /// A token by its accessor; `None` where it is gone meanwhile.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn token(&self, accessor: &str) -> Result<Option<TokenDescription>, VaultError> {
        let words = "look up a token".to_owned();
        let path = "auth/token/lookup-accessor".to_owned();
        let body = serde_json::json!({ "accessor": accessor });
        let request = administer(words, Method::POST, "update", path, Some(&body));
        let read = |reply: &Reply<'_>| match reply.status {
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST
                if answer::says(reply, "invalid accessor") =>
            {
                Ok(None)
            }
            _ => {
                let token = found::<Data<Token>>(reply)?;
                token.map(|found| found.data.description(reply)).transpose()
            }
        };
        self.send(&request, read).await
    }

    /// The token that this client has itself.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn own_token(&self) -> Result<TokenDescription, VaultError> {
        let words = "look up the token in use".to_owned();
        let path = "auth/token/lookup-self".to_owned();
        let request = administer(words, Method::GET, "read", path, None);
        let read = |reply: &Reply<'_>| answer::body::<Data<Token>>(reply)?.data.description(reply);
        self.send(&request, read).await
    }

    /// Revokes a token by its accessor. One that is gone is no error.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn revoke_token(&self, accessor: &str) -> Result<(), VaultError> {
        let words = "revoke a token".to_owned();
        let path = "auth/token/revoke-accessor".to_owned();
        let body = serde_json::json!({ "accessor": accessor });
        let request = administer(words, Method::POST, "update", path, Some(&body));
        let read = |reply: &Reply<'_>| match answer::says(reply, "invalid accessor") {
            true => Ok(()),
            false => answer::done(reply),
        };
        self.send(&request, read).await
    }
}

fn is_bad_request(error: &VaultError) -> bool {
    let status = StatusCode::BAD_REQUEST;
    matches!(error.failure(), Some(Failure::Refused { status: found, .. }) if *found == status)
}
