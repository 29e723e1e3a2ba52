//! The address of a repository without what is nobody's business: credentials.

/// Scheme, and host with path; a plain path is `file`.
pub(super) fn parts(url: &str) -> (String, String) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return ("file".to_owned(), url.trim_end_matches('/').to_owned());
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (scheme.to_ascii_lowercase(), format!("{host}{}", path.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_out() {
        for (url, scheme, rest) in [
            ("https://user:secret@h.example.org/a/?token=secret", "https", "h.example.org/a"),
            ("HTTP://h.example.org", "http", "h.example.org"),
            ("file:///srv/repo/", "file", "/srv/repo"),
            ("/srv/repo", "file", "/srv/repo"),
            ("https://user:sec@ret@h.example.org/", "https", "h.example.org"),
        ] {
            assert_eq!(parts(url), (scheme.to_owned(), rest.to_owned()), "{url}");
        }
    }
}
