//! Logging in: a token of one's own for the time of one command.

use bytes::Bytes;

use super::body::fields;
use crate::model::SecretValue;

/// Who asks for a token, and how that is proven.
#[derive(Debug, Clone)]
pub struct Login {
    /// The path at which the auth method is mounted, without `auth/`.
    pub mount: String,
    /// The proof.
    pub proof: Proof,
}

/// What proves who is there.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A role's id with one of its secrets (the auth method `approle`).
    AppRole {
        /// The id of the role.
        role_id: SecretValue,
        /// A secret of the role; `None` where the role asks for none.
        secret_id: Option<SecretValue>,
    },
    /// A signed token from elsewhere: of a Kubernetes service account or a CI
    /// job (the auth methods `kubernetes` and `jwt`).
    Jwt {
        /// The role in Vault; `None` for the method's default.
        role: Option<String>,
        /// The token.
        jwt: SecretValue,
    },
    /// The client certificate of the connection (the auth method `cert`).
    Certificate {
        /// The name that the certificate has in Vault; `None` for any.
        role: Option<String>,
    },
}

impl Login {
    /// The path of the request, behind `/v1/`.
    pub(super) fn path(&self) -> String {
        format!("auth/{}/login", self.mount.trim_matches('/'))
    }

    /// Its body, in memory that is wiped. `None` where something of it is not
    /// text.
    pub(super) fn body(&self) -> Option<Bytes> {
        match &self.proof {
            Proof::AppRole { role_id, secret_id } => {
                let role_id = [("role_id", role_id.expose_str()?)];
                match secret_id {
                    Some(id) => Some(fields(&[role_id[0], ("secret_id", id.expose_str()?)])),
                    None => Some(fields(&role_id)),
                }
            }
            Proof::Jwt { role, jwt } => {
                let jwt = ("jwt", jwt.expose_str()?);
                match role {
                    Some(role) => Some(fields(&[("role", role), jwt])),
                    None => Some(fields(&[jwt])),
                }
            }
            Proof::Certificate { role: Some(role) } => Some(fields(&[("name", role)])),
            Proof::Certificate { role: None } => Some(fields(&[])),
        }
    }
}
