//! phalanx-secrets.
pub mod model;
pub mod vault;
