//! `set ENV oidc-clients NAME --generate oidc-client`: a new OpenID Connect
//! client, with an id and a secret that nobody has chosen.

use reqwest::Url;
use zeroize::Zeroizing;

use super::{CliError, Context};
use crate::generate;
use crate::layout::OIDC_CLIENTS;
use crate::model::{ApplicationName, Environment, SecretValue};
use crate::static_values::OidcClient;

/// Refuses what a client cannot be made for, before anything is asked.
pub(super) fn check(
    application: &ApplicationName,
    environments: usize,
    return_uri: Option<&str>,
    context: &Context<'_>,
) -> Result<(), CliError> {
    if application.as_str() != OIDC_CLIENTS {
        return Err(CliError::usage(format!(
            "an OpenID Connect client is no secret of {application}"
        ))
        .hint(format!(
            "phalanx-secrets set ENVIRONMENT {OIDC_CLIENTS} NAME --generate oidc-client"
        )));
    }
    if environments > 1 {
        return Err(CliError::usage("a client belongs to one environment, and several are named")
            .hint("generate one for each environment by itself"));
    }
    match return_uri {
        Some(return_uri) => check_return_uri(return_uri),
        None => context.ui.need_terminal("pass the URL that the client gave you: --return-uri URL"),
    }
}

/// Makes a client. Its id is `RANDOM.clients.DOMAIN`, as Phalanx's page "Add
/// new OpenID Connect client" has it: 128 random bits, so that no other client
/// has it.
pub(super) fn make(
    environment: &Environment,
    return_uri: Option<&str>,
    context: &Context<'_>,
) -> Result<SecretValue, CliError> {
    let return_uri = match return_uri {
        Some(return_uri) => return_uri.to_owned(),
        None => ask(context)?,
    };
    check_return_uri(&return_uri)?;
    let mut random = rand::rng();
    let domain = environment.fqdn.as_deref().unwrap_or(environment.name.as_str());
    let secret = generate::password(&mut random);
    let secret = secret.expose_str().unwrap_or_default().to_owned();
    let client = OidcClient {
        id: Zeroizing::new(generate::oidc_client_id(&mut random, domain)),
        secret: Zeroizing::new(secret),
        return_uri: Zeroizing::new(return_uri),
    };
    Ok(client.to_plaintext())
}

fn ask(context: &Context<'_>) -> Result<String, CliError> {
    let prompt = "Return URI, to which people are sent after a login: ";
    let answer = context.ui.ask_line(prompt)?;
    answer.filter(|answer| !answer.is_empty()).ok_or_else(|| {
        CliError::usage("there is no return URI; nothing was stored")
            .hint("the administrator of the client knows it")
    })
}

/// Refuses what no browser can be sent to: OpenID Connect Core 1.0, section
/// 3.1.2.1, and RFC 6749, section 3.1.2.
fn check_return_uri(return_uri: &str) -> Result<(), CliError> {
    let refuse = |why: &str| {
        Err(CliError::usage(format!("the return URI is not usable: {why}"))
            .hint("it is a URL such as https://example.org/login, exactly as the client sends it"))
    };
    let Ok(url) = Url::parse(return_uri) else { return refuse("it is no absolute URL") };
    if return_uri.contains(char::is_whitespace) {
        return refuse("it has white space in it");
    }
    match url.scheme() {
        "https" | "http" if url.has_host() && url.fragment().is_none() => Ok(()),
        "https" | "http" => refuse("it has no host, or a part after #"),
        _ => refuse("it begins with neither https:// nor http://"),
    }
}
