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

/// Whether two URLs are of one repository, however it is reached: over SSH or
/// HTTPS, as whichever user, with `.git` or a slash at the end or without. A
/// host is the same in capital letters; a path is not.
#[must_use]
pub fn is_same_remote(one: &str, other: &str) -> bool {
    one == other || place(one) == place(other)
}

/// The host, empty for this computer, and the path of a remote.
fn place(url: &str) -> (String, String) {
    let trim = |path: &str| {
        let path = path.trim_end_matches('/');
        path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/').to_owned()
    };
    if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let port = match scheme.to_ascii_lowercase().as_str() {
            "https" => ":443",
            "http" => ":80",
            "ssh" => ":22",
            "git" => ":9418",
            "file" => return (String::new(), trim(&format!("/{path}"))),
            _ => "",
        };
        let host = host.strip_suffix(port).filter(|_| !port.is_empty()).unwrap_or(host);
        return (host.to_ascii_lowercase(), trim(path.trim_start_matches('/')));
    }
    match url.split_once(':') {
        // One letter is a drive.
        Some((host, path)) if host.len() > 1 && !host.contains('/') => {
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            (host.to_ascii_lowercase(), trim(path.trim_start_matches('/')))
        }
        _ => (String::new(), trim(url)),
    }
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
    fn one_repository_has_many_urls() {
        let same = [
            "https://github.com/lsst-sqre/phalanx",
            "https://github.com/lsst-sqre/phalanx.git",
            "https://GitHub.com:443/lsst-sqre/phalanx/",
            "https://somebody@github.com/lsst-sqre/phalanx.git/",
            "ssh://git@github.com/lsst-sqre/phalanx.git",
            "ssh://git@github.com:22/lsst-sqre/phalanx",
            "git@github.com:lsst-sqre/phalanx.git",
            "github.com:/lsst-sqre/phalanx",
        ];
        for one in same {
            for other in same {
                assert!(is_same_remote(one, other), "{one} {other}");
            }
            for other in [
                "https://github.com/lsst/phalanx",
                "https://github.com/lsst-sqre/phalanx2",
                "https://gitlab.com/lsst-sqre/phalanx",
                "https://github.com:8443/lsst-sqre/phalanx",
                "/lsst-sqre/phalanx",
                "",
            ] {
                assert!(!is_same_remote(one, other), "{one} {other}");
            }
        }
        assert!(is_same_remote("/srv/git/phalanx.git", "file:///srv/git/phalanx"));
        assert!(!is_same_remote("/srv/git/phalanx", "../phalanx"));
    }

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
