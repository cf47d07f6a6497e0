//! In whose name Vault is asked, from environment variables and from what
//! `vault login` leaves behind.

use std::io::ErrorKind::{IsADirectory, NotFound};
use std::path::Path;

use zeroize::Zeroizing;

use super::CliError;
use super::settings::Settings;
use super::token_helper::{find_token_helper, token_of_helper};
use crate::model::SecretValue;
use crate::vault::{CiTokenRequest, Login, Named, Proof};

/// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// How to log in.
pub(super) enum LoginSettings {
    /// With what there is.
    Known(Login),
    /// With a token that a CI job has to ask for.
    CiJob { mount: String, role: Option<String>, request: CiTokenRequest },
}

impl Settings {
    /// The server in `VAULT_ADDR`.
    pub(super) fn vault_address(&self) -> Result<Option<Named<String>>, CliError> {
        self.vault_variable("ADDR")
    }

    /// The token in `VAULT_TOKEN`.
    pub(super) fn vault_token(&self) -> Result<Option<Named<SecretValue>>, CliError> {
        self.vault_secret("TOKEN")
    }

    /// The login that the environment asks for, and the token of a CI job where
    /// that has to be asked for first.
    pub(super) fn vault_login(&self, audience: &str) -> Result<Option<LoginSettings>, CliError> {
        let ids = [self.vault_secret("ROLE_ID")?, self.vault_secret("SECRET_ID")?];
        let method = self.vault_variable("AUTH_METHOD")?;
        let has_token = self.vault_token()?.is_some();
        if let [Some(Named { name, .. }), None] | [None, Some(Named { name, .. })] = &ids
            && method.is_none()
            && !has_token
        {
            return Err(CliError::usage(format!(
                "{name} is set and the other id is not: to log in with an AppRole takes both \
                 VAULT_ROLE_ID and VAULT_SECRET_ID"
            ))
            .hint("for a role without a SecretID, set VAULT_AUTH_METHOD=approle"));
        }
        let [role_id, secret_id] = ids.map(|id| id.map(|named| named.value));
        let implied = role_id.is_some() && secret_id.is_some() && !has_token;
        let method_name = match &method {
            None if implied => "approle",
            None => return Ok(None),
            Some(method) if method.value == "token" => return Ok(None),
            Some(method) => &method.value,
        };
        let mount = self.auth_mount()?.unwrap_or_else(|| method_name.to_owned());
        let role = self.vault_variable("AUTH_ROLE")?.map(|role| role.value);
        let proof = match method_name {
            "approle" => {
                let role_id = role_id.ok_or_else(|| {
                    CliError::usage("to log in with an AppRole, VAULT_ROLE_ID must be set")
                })?;
                Proof::AppRole { role_id, secret_id }
            }
            "kubernetes" => Proof::Jwt {
                jwt: match self.vault_jwt()? {
                    Some(jwt) => jwt,
                    None => read_token(Path::new(SERVICE_ACCOUNT), None)?,
                },
                role,
            },
            "jwt" => match self.vault_jwt()? {
                Some(jwt) => Proof::Jwt { role, jwt },
                None => {
                    let request = self.ci_token_request(audience)?;
                    return Ok(Some(LoginSettings::CiJob { mount, role, request }));
                }
            },
            "cert" => Proof::Certificate { role },
            _ => {
                let name = method.map_or_else(|| "VAULT_AUTH_METHOD".to_owned(), |one| one.name);
                return Err(CliError::usage(format!(
                    "{name} is none of token, approle, kubernetes, jwt and cert"
                )));
            }
        };
        Ok(Some(LoginSettings::Known(Login { mount, proof })))
    }

    /// Where the auth method is mounted.
    fn auth_mount(&self) -> Result<Option<String>, CliError> {
        let Some(Named { value, name }) = self.vault_variable("AUTH_MOUNT")? else {
            return Ok(None);
        };
        let is_path = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        match value.split('/').all(is_path) {
            true => Ok(Some(value)),
            false => Err(CliError::usage(format!("{name} is not the path of an auth method"))),
        }
    }

    /// The token in `VAULT_AUTH_JWT`, or in the file that `VAULT_AUTH_JWT_FILE`
    /// names.
    fn vault_jwt(&self) -> Result<Option<SecretValue>, CliError> {
        if let Some(jwt) = self.vault_secret("AUTH_JWT")? {
            return Ok(Some(jwt.value));
        }
        let file = self.vault_path("AUTH_JWT_FILE");
        file.map(|file| read_token(&file.value, Some(&file.name))).transpose()
    }

    fn ci_token_request(&self, audience: &str) -> Result<CiTokenRequest, CliError> {
        let url = self.text("ACTIONS_ID_TOKEN_REQUEST_URL")?;
        let token = self.text("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?.map(SecretValue::from);
        let (Some(url), Some(token)) = (url, token) else {
            return Err(CliError::usage("to log in with a JWT, there must be one").hint(
                "set VAULT_AUTH_JWT or VAULT_AUTH_JWT_FILE; a job of GitHub Actions gets one with \
                 the permission id-token: write"
                    .to_owned(),
            ));
        };
        let asked = self.vault_variable("AUTH_AUDIENCE")?.map(|named| named.value);
        let audience = asked.unwrap_or_else(|| audience.to_owned());
        Ok(CiTokenRequest { url, token, audience })
    }

    /// The token that `vault login` leaves behind for a server: with the helper
    /// that its configuration names, or else in a file; and where it is from.
    pub(super) fn vault_token_file(
        &self,
        server: &str,
    ) -> Result<Option<Named<SecretValue>>, CliError> {
        if let Some(helper) = self.token_helper()? {
            let value = token_of_helper(&helper, server)?;
            return Ok(Some(Named {
                value,
                name: format!("what the token helper {helper} gives"),
            }));
        }
        let Some(path) = self.home().map(|home| home.join(".vault-token")) else {
            return Ok(None);
        };
        match std::fs::read(&path) {
            Ok(token) if token.is_empty() => Ok(None),
            Ok(token) => {
                let name = path.display().to_string();
                Ok(Some(Named { value: SecretValue::from(token), name }))
            }
            Err(error) if error.kind() == NotFound => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// The program that keeps tokens, as the configuration of the `vault`
    /// command line names it.
    fn token_helper(&self) -> Result<Option<String>, CliError> {
        let named = self.vault_path("CONFIG_PATH").map(|named| named.value);
        let default = || self.home().map(|home| home.join(".vault"));
        let Some(path) = named.or_else(default) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(find_token_helper(&text)),
            // A folder of that name is something else.
            Err(error) if matches!(error.kind(), NotFound | IsADirectory) => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    let mut failed = CliError::store(format!("{} cannot be read", path.display()));
    failed.causes.push(error.to_string());
    failed
}

/// Reads a token from a file, which a variable may have named.
fn read_token(path: &Path, named_by: Option<&str>) -> Result<SecretValue, CliError> {
    let token = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        let by = named_by.map(|name| format!(", which {name} names")).unwrap_or_default();
        let mut failed = CliError::usage(format!("{} cannot be read{by}", path.display()));
        failed.causes.push(error.to_string());
        failed
    })?;
    Ok(SecretValue::from(token.trim_ascii().to_vec()))
}
