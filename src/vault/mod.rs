//! The environment's secrets in Vault: a KV v2 secrets engine of HashiCorp
//! Vault or OpenBao, read and written over HTTP.
//!
//! From the outside in: [`VaultClient`] has a method for each thing asked of
//! Vault; `request` says what is asked, in words and as a path; `transport`
//! brings an answer back, with retries and redirects; `answer` reads it.
//!
//! Three rules hold everywhere here.
//!
//! - **Nothing is taken for empty that is not.** Vault answers 404 for a
//!   missing entry, a deleted one, a missing mount and a missing namespace
//!   alike, and on a KV v1 mount every v2 path looks like a missing entry. The
//!   body and the mount decide, and what cannot be told apart is an error.
//! - **A write replaces what was read, or nothing.** Every write carries the
//!   version it starts from (`cas`), so a retried write cannot land twice, nor
//!   on top of someone else's.
//! - **No secret in an error.** Errors carry the server, the path and Vault's
//!   own messages; never a token, a request body, or an answer with data.
//!
//! Tokens, bodies and values are kept in memory that is wiped. What the HTTP
//! and TLS libraries copy into their own buffers on the way is not.

mod administration;
mod answer;
mod backup;
mod body;
mod ci_token;
mod client;
pub(crate) mod connect;
mod entry;
mod entry_settings;
mod environment;
mod error;
mod failure;
mod halt;
pub(crate) mod json_text;
mod login;
mod no_proxy;
mod policy;
mod proxies;
mod request;
pub(crate) mod retry;
mod settings;
mod throttle;
mod tls;
mod token;
mod tokens;
mod transport;
mod value;

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;

pub use administration::{AppRole, AppRoleSecret, MountLimits};
pub use backup::{EntryBackup, InvalidBackup};
pub use ci_token::{CiTokenError, CiTokenRequest};
pub use client::{Lacking, VaultClient};
pub use connect::{is_same_server, is_unprotected};
pub use entry::{CurrentSecrets, Entry, Written};
pub use entry_settings::EntrySettings;
pub use error::{RequestError, SetupError, VaultError};
pub use failure::{Failure, VaultMessages};
pub use halt::Halt;
pub use login::{Login, Proof};
pub use no_proxy::NoProxy;
pub use policy::{read_policy, write_policy};
pub use proxies::{InvalidProxy, Proxies, ProxyUrl};
pub use settings::{Authorities, Named, VaultSettings};
pub use throttle::Throttle;
pub use tls::TlsProblem;
pub use token::{InvalidToken, VaultToken};
pub use tokens::{CreatedToken, NewToken, TokenDescription};
pub use value::{CurrentValue, OtherJson};
