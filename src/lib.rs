//! Keeps the secrets of [Phalanx](https://phalanx.lsst.io) environments sealed
//! in the git repository that describes them, and syncs them into Vault.
//!
//! The `phalanx-secrets` command is a thin edge around this library. Data flows
//! one way:
//!
//! ```text
//! layout ──┐
//! store ───┼──▶ resolve ──▶ plan ──▶ vault
//! vault ───┘
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`model`] | names, values, specs, environments |
//! | [`layout`] | a checkout → an environment and its specs |
//! | [`store`] | sealed values, key-holders, identities, the one way to write a file |
//! | [`static_values`] | what comes from outside: the store's, or a static-secrets YAML file |
//! | [`generate`] | one function a generator |
//! | [`resolve`], [`plan`](mod@plan) | the pure heart: no clock, no randomness, no input or output |
//! | [`check`] | what is wrong with a store, as far as can be told without any key |
//! | [`mod@exposed`] | what withdrawn access leaves to be rotated |
//! | [`history`] | what changed between two states of a store, and who changed it |
//! | [`repo`] | the git repository around it all |
//! | [`recovery`] | what a Vault could be rebuilt from |
//! | [`provenance`] | where an entry in Vault is from |
//! | [`trust`] | whether each step of its history was taken by somebody who may |
//! | [`vault`] | KV v2 over HTTP |
//! | [`onepassword`] | static values from 1Password Connect |
//! | [`sync`] | the story of a sync, from top to bottom |
//! | [`cli`] | arguments, terminal, environment variables, exit codes |
//!
//! # What it protects
//!
//! A value is in the clear where somebody asks for it (`get`, `export`, `edit`,
//! `run`) and in Vault; until then in memory only, in a [`model::SecretValue`],
//! which is wiped when dropped and redacted when formatted, and which cannot be
//! serialized. It reaches no argument, log or error message. Errors name files,
//! lines and names, and never repeat values. A sealed file is bound
//! to its secret, so that one cannot pass for another. `docs/threat-model.md`
//! says what all this stops, and what it does not.

pub mod check;
pub mod cli;
mod description;
mod encoding;
pub mod exposed;
pub mod generate;
pub mod history;
mod kubernetes;
pub mod layout;
pub mod model;
pub mod onepassword;
pub mod plan;
mod printable;
pub mod provenance;
mod python_json;
pub mod recovery;
pub mod repo;
pub mod resolve;
mod shell;
pub mod static_values;
pub mod store;
mod suggest;
pub mod sync;
mod toml_file;
pub mod tree;
pub mod trust;
pub mod vault;
mod wiped;
