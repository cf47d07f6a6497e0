//! Settings from environment variables, read in this one place.

use std::ffi::OsString;
use std::io::ErrorKind::{IsADirectory, NotFound};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use zeroize::Zeroizing;

use super::error::CliError;
use super::terminal::Pastes;
use super::token_helper::{find_token_helper, token_of_helper};
use crate::model::SecretValue;
use crate::store::{IdentitySource, find_private_key};
use crate::vault::{CiTokenRequest, Login, Proof, VaultSettings};

/// The variable that names an identity file or holds an identity.
const IDENTITY: &str = "PHALANX_SECRETS_IDENTITY";
/// The variables that may hold an identity itself, or what opens Vault or
/// 1Password.
pub(super) const KEYS_TO_MORE: [&str; 9] = [
    IDENTITY,
    "SOPS_AGE_KEY",
    "OP_CONNECT_TOKEN",
    "VAULT_TOKEN",
    "BAO_TOKEN",
    "VAULT_SECRET_ID",
    "BAO_SECRET_ID",
    "VAULT_AUTH_JWT",
    "BAO_AUTH_JWT",
];
/// Where a pod has the token of its Kubernetes service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// The variable that names the trusted commit.
const TRUST_ROOT: &str = "PHALANX_SECRETS_TRUST_ROOT";

/// What the process's environment says.
pub(super) struct Settings {
    variable: fn(&str) -> Option<OsString>,
    names: fn() -> Vec<String>,
    pub(super) current_folder: std::io::Result<PathBuf>,
}

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub(super) fn from_process() -> Self {
        Self {
            variable: |name| std::env::var_os(name).filter(|value| !value.is_empty()),
            names: || std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect(),
            current_folder: std::env::current_dir(),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).map(PathBuf::from)
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name)?.into_string().ok()
    }

    /// What stands in the variables that are read here, any of which somebody
    /// may have given a key or a token.
    pub(super) fn texts_that_may_be_keys(&self) -> Vec<String> {
        const FAMILIES: [&str; 6] = ["PHALANX_SECRETS_", "SOPS_", "VAULT_", "BAO_", "OP_", "XDG_"];
        let names = (self.names)().into_iter();
        let names = names.filter(|name| FAMILIES.iter().any(|family| name.starts_with(family)));
        names.filter_map(|name| self.text(&name)).collect()
    }

    /// A Vault setting, under OpenBao's name or Vault's.
    fn vault_variable(&self, name: &str) -> Option<String> {
        self.text(&format!("VAULT_{name}")).or_else(|| self.text(&format!("BAO_{name}")))
    }

    fn home(&self) -> Option<PathBuf> {
        self.path("HOME").or_else(|| self.path("USERPROFILE"))
    }

    fn config_folder(&self) -> Option<PathBuf> {
        self.path("XDG_CONFIG_HOME").or_else(|| Some(self.home()?.join(".config")))
    }

    /// Where temporary files may go, those in memory first.
    pub(super) fn temporary_folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self.path("XDG_RUNTIME_DIR").into_iter().collect();
        folders.extend([PathBuf::from("/dev/shm"), self.temporary_folder()]);
        folders.iter().map(|folder| self.absolute(folder)).collect()
    }

    /// Where temporary files go.
    pub(super) fn temporary_folder(&self) -> PathBuf {
        self.absolute(&self.path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp")))
    }

    /// How to tell what is pasted, in the terminal that there is.
    pub(super) fn pastes(&self) -> Pastes {
        Pastes::in_terminal(self.text("TERM").as_deref())
    }

    /// A path that was typed at a prompt, where no shell has seen it: maybe in
    /// quotes, as terminals give the name of a file that is dragged into them.
    pub(super) fn typed_path(&self, path: &str) -> PathBuf {
        let unquoted = match path.starts_with(['\'', '"']) {
            true => shell_words::split(path).ok().filter(|words| words.len() == 1),
            false => None,
        };
        let path = unquoted.as_deref().and_then(<[_]>::first).map_or(path, String::as_str);
        match (path.strip_prefix("~/"), self.home()) {
            (Some(below), Some(home)) => home.join(below),
            _ => PathBuf::from(path),
        }
    }

    /// A path that means the same in every folder.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        match &self.current_folder {
            Ok(here) => here.join(path),
            Err(_) => path.to_owned(),
        }
    }

    /// The user's editor, as a shell would write it.
    pub(super) fn editor(&self) -> Option<String> {
        let is_set = |line: &String| !line.trim().is_empty();
        self.text("VISUAL").filter(is_set).or_else(|| self.text("EDITOR").filter(is_set))
    }

    /// The program of a name, where the shell would find it.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(self.absolute(&self.typed_path(name)));
        }
        let path = (self.variable)("PATH")?;
        let is_program = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(is_program)
    }

    /// The name of the user, as the system has it.
    pub(super) fn user(&self) -> Option<String> {
        self.text("USER").or_else(|| self.text("USERNAME"))
    }

    /// The index that git has its hooks use, where it is not the repository's
    /// own.
    pub(super) fn git_index_file(&self) -> Option<PathBuf> {
        let file = self.path("GIT_INDEX_FILE")?;
        // Relative to the folder in which git started the hook.
        match &self.current_folder {
            Ok(here) => Some(here.join(file)),
            Err(_) => Some(file),
        }
    }

    /// The commits that git is merging, in hexadecimal: `git merge` has each in
    /// the name of a variable.
    pub(super) fn git_merge_heads(&self) -> Vec<String> {
        (self.names)()
            .iter()
            .filter_map(|name| name.strip_prefix("GITHEAD_"))
            .map(str::to_owned)
            .collect()
    }

    /// The trusted commit from which history is verified.
    pub(super) fn trust_root(&self) -> Option<String> {
        self.text(TRUST_ROOT)
    }

    /// Where a new identity goes.
    pub(super) fn own_identity_file(&self) -> Option<PathBuf> {
        Some(self.config_folder()?.join("phalanx-secrets").join("identity.txt"))
    }

    /// Where identities may be, in order. Those named on the command line
    /// leave no others.
    pub(super) fn identity_sources(&self, named: &[PathBuf]) -> Vec<IdentitySource> {
        if !named.is_empty() {
            let file = |path: &PathBuf| IdentitySource::File { path: path.clone(), named_by: "-i" };
            return named.iter().map(file).collect();
        }
        let mut sources = Vec::new();
        if let Some(value) = self.text(IDENTITY).map(Zeroizing::new) {
            sources.push(if find_private_key(&value).is_some() {
                IdentitySource::Text { text: value.as_str().into(), named_by: IDENTITY }
            } else {
                IdentitySource::File { path: value.as_str().into(), named_by: IDENTITY }
            });
        }
        if let Some(path) = self.path("SOPS_AGE_KEY_FILE") {
            sources.push(IdentitySource::File { path, named_by: "SOPS_AGE_KEY_FILE" });
        }
        if let Some(text) = self.text("SOPS_AGE_KEY") {
            sources.push(IdentitySource::Text { text: text.into(), named_by: "SOPS_AGE_KEY" });
        }
        let defaults = [
            self.own_identity_file(),
            self.config_folder().map(|folder| folder.join("sops").join("age").join("keys.txt")),
            self.home().map(|home| home.join(".ssh").join("id_ed25519")),
        ];
        sources.extend(defaults.into_iter().flatten().map(IdentitySource::DefaultFile));
        sources
    }

    /// The token for 1Password Connect.
    pub(super) fn onepassword_token(&self) -> Option<SecretValue> {
        self.text("OP_CONNECT_TOKEN").map(SecretValue::from)
    }

    /// The server in `VAULT_ADDR`.
    pub(super) fn vault_address(&self) -> Option<String> {
        self.vault_variable("ADDR")
    }

    /// The login that the environment asks for, and the token of a CI job where
    /// that has to be asked for first.
    pub(super) fn vault_login(&self, audience: &str) -> Result<Option<LoginSettings>, CliError> {
        let secret = |name| self.vault_variable(name).map(SecretValue::from);
        let (role_id, secret_id) = (secret("ROLE_ID"), secret("SECRET_ID"));
        let method = self.vault_variable("AUTH_METHOD");
        let implied = role_id.is_some() && secret_id.is_some() && self.vault_token().is_none();
        let method = match method.as_deref() {
            None if implied => "approle",
            None | Some("token") => return Ok(None),
            Some(method) => method,
        };
        let mount = self.vault_variable("AUTH_MOUNT").unwrap_or_else(|| method.to_owned());
        let is_path = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        if !mount.split('/').all(is_path) {
            return Err(CliError::usage("VAULT_AUTH_MOUNT is not the path of an auth method"));
        }
        let role = self.vault_variable("AUTH_ROLE");
        let proof = match method {
            "approle" => {
                let role_id = role_id.ok_or_else(|| {
                    CliError::usage("to log in with an AppRole, VAULT_ROLE_ID must be set")
                })?;
                Proof::AppRole { role_id, secret_id }
            }
            "kubernetes" => Proof::Jwt {
                jwt: match self.vault_jwt()? {
                    Some(jwt) => jwt,
                    None => read_token(Path::new(SERVICE_ACCOUNT))?,
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
                return Err(CliError::usage(
                    "VAULT_AUTH_METHOD is none of token, approle, kubernetes, jwt and cert",
                ));
            }
        };
        Ok(Some(LoginSettings::Known(Login { mount, proof })))
    }

    /// The token in `VAULT_AUTH_JWT`, or in the file that `VAULT_AUTH_JWT_FILE`
    /// names.
    fn vault_jwt(&self) -> Result<Option<SecretValue>, CliError> {
        if let Some(jwt) = self.vault_variable("AUTH_JWT") {
            return Ok(Some(SecretValue::from(jwt)));
        }
        self.vault_variable("AUTH_JWT_FILE").map(|path| read_token(Path::new(&path))).transpose()
    }

    fn ci_token_request(&self, audience: &str) -> Result<CiTokenRequest, CliError> {
        let url = self.text("ACTIONS_ID_TOKEN_REQUEST_URL");
        let token = self.text("ACTIONS_ID_TOKEN_REQUEST_TOKEN").map(SecretValue::from);
        let (Some(url), Some(token)) = (url, token) else {
            return Err(CliError::usage("to log in with a JWT, there must be one").hint(
                "set VAULT_AUTH_JWT or VAULT_AUTH_JWT_FILE; a job of GitHub Actions gets one with \
                 the permission id-token: write"
                    .to_owned(),
            ));
        };
        let audience = self.vault_variable("AUTH_AUDIENCE").unwrap_or_else(|| audience.to_owned());
        Ok(CiTokenRequest { url, token, audience })
    }

    /// The token in `VAULT_TOKEN`.
    pub(super) fn vault_token(&self) -> Option<SecretValue> {
        self.vault_variable("TOKEN").map(SecretValue::from)
    }

    /// The token that `vault login` leaves behind: with the helper that its
    /// configuration names, or else in a file.
    pub(super) fn vault_token_file(&self) -> Result<Option<SecretValue>, CliError> {
        if let Some(helper) = self.token_helper()? {
            return token_of_helper(&helper).map(Some);
        }
        let Some(path) = self.home().map(|home| home.join(".vault-token")) else {
            return Ok(None);
        };
        match std::fs::read(&path) {
            Ok(token) => Ok(Some(SecretValue::from(token)).filter(|token| !token.is_empty())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let mut failed = CliError::store(format!("{} cannot be read", path.display()));
                failed.causes.push(error.to_string());
                Err(failed)
            }
        }
    }

    /// The program that keeps tokens, as the configuration of the `vault`
    /// command line names it.
    fn token_helper(&self) -> Result<Option<String>, CliError> {
        let named = self.vault_variable("CONFIG_PATH").map(PathBuf::from);
        let default = || self.home().map(|home| home.join(".vault"));
        let Some(path) = named.or_else(default) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(find_token_helper(&text)),
            // A folder of that name is something else.
            Err(error) if matches!(error.kind(), NotFound | IsADirectory) => Ok(None),
            Err(error) => {
                let mut failed = CliError::store(format!("{} cannot be read", path.display()));
                failed.causes.push(error.to_string());
                Err(failed)
            }
        }
    }

    /// How to talk to Vault.
    pub(super) fn vault(&self) -> Result<VaultSettings, CliError> {
        let path = |name| self.vault_variable(name).map(PathBuf::from);
        let client_certificate = match (path("CLIENT_CERT"), path("CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(CliError::usage(
                    "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY must both be set, or neither",
                ));
            }
        };
        let mut settings = VaultSettings {
            namespace: self.vault_variable("NAMESPACE"),
            ca_certificate: path("CACERT"),
            client_certificate,
            server_name: self.vault_variable("TLS_SERVER_NAME"),
            proxy: self
                .vault_variable("PROXY_ADDR")
                .or_else(|| self.vault_variable("HTTP_PROXY"))
                .map(SecretValue::from),
            skip_verify: self.vault_variable("SKIP_VERIFY").is_some_and(|value| is_yes(&value)),
            ..VaultSettings::default()
        };
        if let Some(timeout) = self.vault_variable("CLIENT_TIMEOUT") {
            settings.timeout = parse_seconds(&timeout).ok_or_else(|| {
                CliError::usage("VAULT_CLIENT_TIMEOUT is not a number of seconds from 1 to 3600")
            })?;
        }
        if let Some(retries) = self.vault_variable("MAX_RETRIES") {
            settings.retries = retries
                .parse()
                .map_err(|_| CliError::usage("VAULT_MAX_RETRIES is not a number of retries"))?;
            settings.more_retries = 0;
        }
        Ok(settings)
    }
}

/// How to log in.
pub(super) enum LoginSettings {
    /// With what there is.
    Known(Login),
    /// With a token that a CI job has to ask for.
    CiJob { mount: String, role: Option<String>, request: CiTokenRequest },
}

fn read_token(path: &Path) -> Result<SecretValue, CliError> {
    let token = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        let mut failed = CliError::usage(format!("{} cannot be read", path.display()));
        failed.causes.push(error.to_string());
        failed
    })?;
    Ok(SecretValue::from(token.trim_ascii().to_vec()))
}

fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "t" | "true")
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds: u64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    (1..=3600).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// Whether a path is the conventional name of standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}
