//! phalanx-secrets.
pub mod generate;
pub mod layout;
pub mod model;
mod python_json;
pub mod static_values;
pub mod store;
pub mod suggest;
pub mod tree;
