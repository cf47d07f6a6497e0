//! phalanx-secrets.
pub mod model;
