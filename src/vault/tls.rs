//! Why TLS does not come about, as far as it makes a difference for what to do.

use rustls::{AlertDescription, CertificateError, Error};

/// Why a TLS connection does not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsProblem {
    /// Nobody that is trusted vouches for the server's certificate.
    UnknownAuthority,
    /// The server's certificate is one of an authority.
    IsAuthority,
    /// The server's certificate is for another host.
    OtherHost,
    /// The server's certificate is not good yet, or no longer.
    Dates,
    /// The server does not accept the client's certificate, or lack of one.
    ClientCertificate,
    /// The server speaks no version of TLS that is safe.
    Version,
    /// The server does not speak TLS.
    NoTls,
    /// Anything else.
    Other,
}

impl TlsProblem {
    /// What is said by what the TLS library says.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => Self::of_certificate(error),
            Error::AlertReceived(alert) => Self::of_alert(*alert),
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Self::NoTls,
            Error::PeerIncompatible(_) => Self::Version,
            _ => Self::Other,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::UnknownAuthority
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherHost
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Dates,
            // The library has no name of its own for it.
            error if format!("{error:?}").contains("CaUsedAsEndEntity") => Self::IsAuthority,
            _ => Self::Other,
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
                Self::Version
            }
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            // As servers with TLS 1.2 say that they want a certificate.
            | AlertDescription::HandshakeFailure => Self::ClientCertificate,
            _ => Self::Other,
        }
    }

    /// What to do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::UnknownAuthority => {
                "if the server's certificate is of your own authority, name that authority's \
                 certificate in VAULT_CACERT"
            }
            Self::IsAuthority => {
                "the server's certificate is an authority's own, which may not stand for a server: \
                 give the server one that is none (openssl req -x509 … -addext \
                 basicConstraints=CA:FALSE), or one that this authority has signed"
            }
            Self::OtherHost => {
                "name the server in the environment's Vault URL as its certificate does; or say \
                 in VAULT_TLS_SERVER_NAME which name the certificate has"
            }
            Self::Dates => {
                "check this machine's clock (date); if it is right, the server needs a new \
                 certificate"
            }
            Self::ClientCertificate => {
                "the server does not accept who is asking: name a client certificate and its key \
                 in VAULT_CLIENT_CERT and VAULT_CLIENT_KEY, and check that the server knows its \
                 authority, and that it has not expired"
            }
            Self::Version => "the server needs TLS 1.2 or newer",
            Self::NoTls => "if the server does not speak TLS, its URL begins with http://",
            Self::Other => {
                "check the server's certificate with: openssl s_client -connect HOST:PORT; if the \
                 server does not speak TLS, its URL begins with http://"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{InvalidMessage, OtherError, PeerIncompatible};

    use super::*;

    #[test]
    fn each_failure_has_the_advice_that_helps() {
        #[derive(Debug, thiserror::Error)]
        #[error("CaUsedAsEndEntity")]
        struct CaUsedAsEndEntity;

        let certificate = Error::InvalidCertificate;
        let own = CertificateError::Other(OtherError(Arc::new(CaUsedAsEndEntity)));
        for (error, advice) in [
            (certificate(CertificateError::UnknownIssuer), "VAULT_CACERT"),
            (certificate(CertificateError::Expired), "clock"),
            (certificate(CertificateError::NotValidYet), "clock"),
            (certificate(CertificateError::NotValidForName), "VAULT_TLS_SERVER_NAME"),
            (certificate(own), "CA:FALSE"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "VAULT_CLIENT_CERT"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "VAULT_CLIENT_CERT"),
            (Error::AlertReceived(AlertDescription::UnknownCA), "VAULT_CLIENT_CERT"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.2"),
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered), "TLS 1.2"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "http://"),
            (Error::FailedToGetCurrentTime, "openssl s_client"),
        ] {
            let hint = TlsProblem::of(&error).hint();
            assert!(hint.contains(advice), "{error}: {hint}");
        }
    }
}
