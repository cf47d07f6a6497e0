//! Who may do what in Vault: policies and AppRoles.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{self, malformed};
use super::request::{Administration, Operation, Request};
use super::transport::Reply;
use super::{Failure, VaultClient, VaultError, json_text};
use crate::model::SecretValue;

/// An AppRole, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppRole {
    /// The policies of the tokens that it gives.
    #[serde(default, rename = "token_policies")]
    pub policies: Vec<String>,
    /// How many seconds these live unless renewed: 0 for Vault's default.
    #[serde(default)]
    pub token_ttl: u64,
    /// How many seconds these live at most: 0 for Vault's limit.
    #[serde(default)]
    pub token_max_ttl: u64,
}

/// What logs in with an AppRole, and what revokes it.
#[derive(Debug, Clone)]
pub struct AppRoleSecret {
    /// The secret: a SecretID.
    pub secret_id: SecretValue,
    /// Its name for those who manage it.
    pub accessor: String,
}

/// The `data` of an answer.
#[derive(Deserialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

#[derive(Deserialize)]
pub(super) struct Keys {
    pub(super) keys: Vec<String>,
}

/// A name within the path of a request.
fn is_safe(name: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    name.split('/').all(is_plain)
}

/// How long a mount keeps what is written there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MountLimits {
    /// How many versions of each entry: 0 for Vault's default.
    pub max_versions: u64,
    /// After which time it deletes a version, as Vault writes times; `0s` for
    /// never.
    #[serde(default)]
    pub delete_version_after: String,
}

impl MountLimits {
    /// After which time a version is deleted, if it is.
    #[must_use]
    pub fn deletes_after(&self) -> Option<&str> {
        let text = self.delete_version_after.as_str();
        // "0s", and whatever else comes to nothing.
        text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)).then_some(text)
    }
}

impl VaultClient {
    /// How long the mount keeps what is written there. `None` where the token
    /// may not know, or the server does not say.
    pub async fn mount_limits(&self) -> Option<MountLimits> {
        let words = "read the settings of the mount".to_owned();
        let path = format!("{}/config", self.mount());
        let request = administer(words, Method::GET, "read", path, None);
        let read = |reply: &Reply<'_>| answer::body::<Data<MountLimits>>(reply);
        // It is for a warning alone.
        Some(self.send(&request, read).await.ok()?.data)
    }

    /// Makes or replaces a policy.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn write_policy(&self, name: &str, text: &str) -> Result<(), VaultError> {
        let words = format!("write the policy {name}");
        let path = format!("sys/policies/acl/{name}");
        let body = serde_json::json!({ "policy": text });
        let request = administer(words, Method::POST, "update", path, Some(&body));
        self.send(&request, answer::done).await
    }

    /// The text of a policy, if there is one of that name.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn policy(&self, name: &str) -> Result<Option<String>, VaultError> {
        #[derive(Deserialize)]
        struct Policy {
            policy: String,
        }
        let words = format!("read the policy {name}");
        let path = format!("sys/policies/acl/{name}");
        let request = administer(words, Method::GET, "read", path, None);
        let read = |reply: &Reply<'_>| found::<Data<Policy>>(reply);
        Ok(self.send(&request, read).await?.map(|found| found.data.policy))
    }

    /// An AppRole, if there is one of that name.
    ///
    /// # Errors
    /// A refusal, or no answer. Where the auth method is not mounted, there is
    /// none.
    pub async fn approle(&self, name: &str) -> Result<Option<AppRole>, VaultError> {
        let words = format!("read the AppRole {name}");
        let request = administer(words, Method::GET, "read", role_path(name, ""), None);
        let read = |reply: &Reply<'_>| found::<Data<AppRole>>(reply);
        Ok(self.send(&request, read).await?.map(|found| found.data))
    }

    /// The names of all AppRoles; none where the token may not list them.
    ///
    /// # Errors
    /// No answer.
    pub async fn approles(&self) -> Result<Vec<String>, VaultError> {
        let request = list("list the AppRoles".to_owned(), "auth/approle/role".to_owned());
        let read = |reply: &Reply<'_>| found::<Data<Keys>>(reply);
        match self.send(&request, read).await {
            Err(error) if error.is_forbidden() => Ok(Vec::new()),
            found => Ok(found?.map(|found| found.data.keys).unwrap_or_default()),
        }
    }

    /// Makes or changes an AppRole, whose tokens have one policy and live no
    /// longer than a number of seconds, if one is given. If not, a role that
    /// is there keeps its own.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn write_approle(
        &self,
        name: &str,
        policy: &str,
        token_lifetime: Option<u64>,
    ) -> Result<(), VaultError> {
        let words = format!("write the AppRole {name}");
        let body = match token_lifetime {
            Some(lifetime) => serde_json::json!({
                "token_policies": [policy],
                "token_type": "service",
                "token_ttl": lifetime,
                "token_max_ttl": lifetime,
            }),
            None => serde_json::json!({ "token_policies": [policy], "token_type": "service" }),
        };
        let request = administer(words, Method::POST, "update", role_path(name, ""), Some(&body));
        self.send(&request, answer::done).await
    }

    /// The RoleID of an AppRole.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn role_id(&self, name: &str) -> Result<String, VaultError> {
        #[derive(Deserialize)]
        struct RoleId {
            role_id: String,
        }
        let words = format!("read the RoleID of the AppRole {name}");
        let request = administer(words, Method::GET, "read", role_path(name, "/role-id"), None);
        let read = |reply: &Reply<'_>| answer::body::<Data<RoleId>>(reply);
        Ok(self.send(&request, read).await?.data.role_id)
    }

    /// Makes a SecretID.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn create_secret_id(&self, name: &str) -> Result<AppRoleSecret, VaultError> {
        #[derive(Deserialize)]
        struct Secret<'a> {
            #[serde(borrow)]
            secret_id: &'a RawValue,
            secret_id_accessor: String,
        }
        let words = format!("make a SecretID of the AppRole {name}");
        let path = role_path(name, "/secret-id");
        let body = serde_json::json!({});
        let request = administer(words, Method::POST, "update", path, Some(&body));
        let read = |reply: &Reply<'_>| {
            let Secret { secret_id, secret_id_accessor: accessor } =
                answer::body::<Data<Secret<'_>>>(reply)?.data;
            Ok(AppRoleSecret { secret_id: secret_text(reply, secret_id)?, accessor })
        };
        self.send(&request, read).await
    }

    /// The accessors of all SecretIDs of an AppRole.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn secret_id_accessors(&self, name: &str) -> Result<Vec<String>, VaultError> {
        let words = format!("list the SecretIDs of the AppRole {name}");
        let path = role_path(name, "/secret-id");
        let request = list(words, path);
        let read = |reply: &Reply<'_>| found::<Data<Keys>>(reply);
        Ok(self.send(&request, read).await?.map(|found| found.data.keys).unwrap_or_default())
    }

    /// Revokes a SecretID.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn revoke_secret_id(&self, name: &str, accessor: &str) -> Result<(), VaultError> {
        let words = format!("revoke a SecretID of the AppRole {name}");
        let path = role_path(name, "/secret-id-accessor/destroy");
        let body = serde_json::json!({ "secret_id_accessor": accessor });
        let request = administer(words, Method::POST, "update", path, Some(&body));
        self.send(&request, answer::done).await
    }
}

fn role_path(name: &str, below: &str) -> String {
    format!("auth/approle/role/{name}{below}")
}

pub(super) fn list(words: String, path: String) -> Request {
    let administration =
        Administration { words, method: Method::GET, capability: "list", is_list: true };
    Request::new(Operation::Administer(administration), path)
}

pub(super) fn administer(
    words: String,
    method: Method,
    capability: &'static str,
    path: String,
    body: Option<&serde_json::Value>,
) -> Request {
    debug_assert!(is_safe(&path), "{path}");
    let administration = Administration { words, method, capability, is_list: false };
    let mut request = Request::new(Operation::Administer(administration), path);
    request.body = body.map(|body| body.to_string().into());
    request
}

/// Reads an answer with `data`; `None` where there is no such thing.
pub(super) fn found<'a, T: Deserialize<'a>>(reply: &'a Reply<'_>) -> Result<Option<T>, Failure> {
    match reply.status {
        StatusCode::NOT_FOUND => Ok(None),
        _ => answer::body(reply).map(Some),
    }
}

/// A secret text within an answer, kept in memory that is wiped.
pub(super) fn secret_text(reply: &Reply<'_>, text: &RawValue) -> Result<SecretValue, Failure> {
    let text = json_text::unescape(text.get());
    let text = text.ok_or_else(|| malformed(reply, "a secret is not text".to_owned()))?;
    Ok(SecretValue::from(text.to_vec()))
}
