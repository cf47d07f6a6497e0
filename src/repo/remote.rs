//! Where a repository is from.

use git2::Repository;
use reqwest::Url;

/// The URL of the repository's remote: that of the branch it is on, else
/// `origin`, else the only one. Credentials in it are left out.
#[must_use]
pub fn remote(git: &Repository) -> Option<String> {
    let of_branch = || {
        let head = git.head().ok()?;
        let remote = git.branch_upstream_remote(head.name().ok()?).ok()?;
        Some(remote.as_str().ok()?.to_owned())
    };
    let names = git.remotes().ok()?;
    let only = || match names.len() {
        1 => names.get(0).ok().flatten().map(str::to_owned),
        _ => None,
    };
    let find = |name: String| git.find_remote(&name).ok();
    let remote = of_branch().and_then(find).or_else(|| find("origin".to_owned()));
    let remote = remote.or_else(|| only().and_then(find))?;
    without_credentials(remote.url().ok()?)
}

/// A URL without a password or token; `None` where there is no telling.
fn without_credentials(url: &str) -> Option<String> {
    if url.chars().any(char::is_control) {
        return None;
    }
    if !url.contains("://") {
        // A path, or HOST:PATH.
        return Some(url.to_owned());
    }
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    if url.password().is_some() {
        url.set_password(None).ok()?;
    }
    // Of SSH, the user is part of the place; of HTTP, it may be a token.
    if !url.username().is_empty() && url.scheme() != "ssh" {
        url.set_username("").ok()?;
    }
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_left_out() {
        let of = |url| without_credentials(url);
        let plain = "https://github.com/lsst-sqre/phalanx.git";
        assert_eq!(of(plain).as_deref(), Some(plain));
        for url in [
            "https://token@github.com/lsst-sqre/phalanx.git",
            "https://user:word@github.com/lsst-sqre/phalanx.git",
            "https://github.com/lsst-sqre/phalanx.git?access_token=x#y",
        ] {
            assert_eq!(of(url).as_deref(), Some(plain), "{url}");
        }
        assert_eq!(of("ssh://git:word@host/x").as_deref(), Some("ssh://git@host/x"));
        for url in ["git@github.com:lsst-sqre/phalanx", "/srv/git/phalanx.git"] {
            assert_eq!(of(url).as_deref(), Some(url));
        }
        assert_eq!(of("https://[broken"), None);
        assert_eq!(of("a\nb"), None);
    }
}
