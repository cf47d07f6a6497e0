//! What the tool talks about: names, values, specs and environments.
//!
//! Plain data with its own rules and nothing else: no files, no network, no
//! clock. Every other module speaks in these types.

mod environment;
mod id;
mod spec;
mod value;

pub use environment::{
    Application, Environment, OnepasswordLocation, VaultLocation, VaultLocationError,
};
pub use id::{ApplicationName, EnvironmentName, HolderName, InvalidName, KeyName, SecretId};
pub use spec::{CopySource, Generator, Kind, Spec};
pub use value::{SecretValue, is_blank};
