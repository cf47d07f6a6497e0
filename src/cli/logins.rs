//! The tokens of logins, which end with the process, however it ends: at the
//! end of the command, or when a signal ends it. Tokens from elsewhere are
//! never among them.

use std::io::Write as _;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::signals;
use crate::model::VaultLocation;
use crate::vault::{Halt, Login, VaultClient, VaultError, VaultSettings};

/// How long a signal waits for a login that is under way, and how long for its
/// token to be given back.
const PATIENCE: Duration = Duration::from_secs(5);

static LOGINS: Mutex<Logins> = Mutex::new(Logins { under_way: 0, held: Vec::new() });
/// Tells that a login is no longer under way.
static ENDED: Condvar = Condvar::new();
/// Stops what logged in before its next request.
static HALT: LazyLock<Halt> = LazyLock::new(Halt::default);

struct Logins {
    under_way: usize,
    held: Vec<(VaultClient, VaultSettings)>,
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

/// Whether there is a token to give back, or there may be one soon.
pub(super) fn are_open() -> bool {
    let logins = logins();
    logins.under_way > 0 || !logins.held.is_empty()
}

/// Gives back all tokens, beside whatever the process is doing, which stops
/// before its next request.
pub(super) fn give_back() {
    HALT.halt();
    let waiting = ENDED.wait_timeout_while(logins(), PATIENCE, |logins| logins.under_way > 0);
    let held = std::mem::take(&mut waiting.unwrap_or_else(PoisonError::into_inner).0.held);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
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
