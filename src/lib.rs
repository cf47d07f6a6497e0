//! phalanx-secrets.
pub mod cli;
pub mod generate;
pub mod layout;
pub mod model;
pub mod plan;
mod python_json;
pub mod resolve;
pub mod static_values;
pub mod store;
pub mod suggest;
pub mod sync;
pub mod tree;
pub mod vault;
