//! What ends with the process, however it ends: at the end of the command, or
//! when a signal ends it. That is the tokens of logins, and what was made in
//! Vault and not handed out yet. Tokens from elsewhere are never among them.

use std::io::Write as _;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::signals;
use crate::model::VaultLocation;
use crate::vault::{Halt, Login, VaultClient, VaultError, VaultSettings};

/// How long a signal waits for a login that is under way, and how long for its
/// token to be given back.
const PATIENCE: Duration = Duration::from_secs(5);

static LOGINS: Mutex<Logins> =
    Mutex::new(Logins { under_way: 0, held: Vec::new(), unproven: Vec::new() });
/// Tells that a login is no longer under way.
static ENDED: Condvar = Condvar::new();
/// Stops what logged in before its next request.
static HALT: LazyLock<Halt> = LazyLock::new(Halt::default);

struct Logins {
    under_way: usize,
    held: Vec<(VaultClient, VaultSettings)>,
    unproven: Vec<(VaultClient, VaultSettings, Unproven)>,
}

fn logins() -> MutexGuard<'static, Logins> {
    LOGINS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A login that Vault may have answered, though the answer is not here yet.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        logins().under_way += 1;
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        logins().under_way -= 1;
        ENDED.notify_all();
    }
}

/// Logs in. [`log_out`] has to follow.
///
/// # Errors
/// As [`VaultClient::log_in`].
pub(super) async fn log_in(
    location: &VaultLocation,
    login: &Login,
    settings: &VaultSettings,
) -> Result<VaultClient, VaultError> {
    // Where the system does not let it, tokens end at their time.
    let _ = signals::watch();
    let under_way = UnderWay::begin();
    let halting = VaultSettings { halt: HALT.clone(), ..settings.clone() };
    let outcome = VaultClient::log_in(location, login, &halting).await;
    if let Ok(client) = &outcome {
        logins().held.push((client.clone(), settings.clone()));
    }
    drop(under_way);
    if HALT.is_halted() {
        // What became of it is nobody's business any more.
        std::future::pending::<()>().await;
    }
    outcome
}

/// Gives back the token of a login, if a client has one.
///
/// # Errors
/// A refusal, or no answer. The token is then good until it expires.
pub(super) async fn log_out(client: &VaultClient) -> Result<(), VaultError> {
    let outcome = client.log_out().await;
    logins().held.retain(|(held, _)| !held.is_same_login(client));
    outcome
}

/// A credential that was made in Vault, and that nobody has yet.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Unproven {
    /// A token, by its accessor.
    Token { accessor: String },
    /// A SecretID of an AppRole, by its accessor.
    SecretId { role: String, accessor: String },
}

/// Keeps one such until it is dropped: a signal meanwhile revokes it.
pub(super) struct Keeper(Unproven);

impl Unproven {
    pub(super) fn keep(self, client: &VaultClient, settings: &VaultSettings) -> Keeper {
        let _ = signals::watch();
        logins().unproven.push((client.clone(), settings.clone(), self.clone()));
        Keeper(self)
    }

    async fn revoke(&self, client: &VaultClient) -> Result<(), VaultError> {
        match self {
            Self::Token { accessor } => client.revoke_token(accessor).await,
            Self::SecretId { role, accessor } => client.revoke_secret_id(role, accessor).await,
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        logins().unproven.retain(|(_, _, one)| *one != self.0);
    }
}

/// Whether there is something to give back, or there may be soon.
pub(super) fn are_open() -> bool {
    let logins = logins();
    logins.under_way > 0 || !logins.held.is_empty() || !logins.unproven.is_empty()
}

/// Gives back all tokens, beside whatever the process is doing, which stops
/// before its next request.
pub(super) fn give_back() {
    HALT.halt();
    let waiting = ENDED.wait_timeout_while(logins(), PATIENCE, |logins| logins.under_way > 0);
    let (held, unproven) = {
        let mut logins = waiting.unwrap_or_else(PoisonError::into_inner).0;
        (std::mem::take(&mut logins.held), std::mem::take(&mut logins.unproven))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    // First what the tokens of these logins have to revoke.
    let taken_back = runtime.block_on(futures_util::future::join_all(unproven.iter().map(
        async |(client, settings, one)| {
            let Ok(client) = client.connected_anew(settings) else { return false };
            tokio::time::timeout(PATIENCE, one.revoke(&client)).await.is_ok_and(|end| end.is_ok())
        },
    )));
    if taken_back.contains(&false) {
        let _ = writeln!(
            anstream::stderr(),
            "Warning: what was made in Vault and is nobody's yet could not be revoked; see who has \
             access with: phalanx-secrets vault audit ENVIRONMENT"
        );
    }
    let ends = runtime.block_on(futures_util::future::join_all(held.iter().map(end)));
    if ends.contains(&false) {
        let _ = writeln!(
            anstream::stderr(),
            "Warning: the token of the login could not be revoked; it is good until it expires"
        );
    }
}

/// Revokes a token over a connection of its own; whether that went well.
async fn end((client, settings): &(VaultClient, VaultSettings)) -> bool {
    let Ok(client) = client.connected_anew(settings) else { return false };
    tokio::time::timeout(PATIENCE, client.log_out()).await.is_ok_and(|ended| ended.is_ok())
}
