//! Commands for a POSIX shell.

use super::{Subject, variable, vendor};

/// One word for a POSIX shell: nothing inside single quotes is special but the single quote itself.
#[must_use]
pub fn quote(word: &str) -> String {
    ["'", &word.replace('\'', r"'\''"), "'"].concat()
}

pub(super) fn with_url(command: String, url: Option<&str>) -> String {
    match url {
        Some(url) => command + " " + &quote(url),
        None => command,
    }
}

/// `HTTPie` 3 takes a bearer token as it is. In a header item, which any other type of token needs, it drops a
/// backslash before one of `:;=@`, and there is no way to write one. The method is named because `HTTPie` posts when its
/// input is no terminal.
pub(super) fn httpie(subject: &Subject<'_>) -> String {
    let url = super::url(subject.record, subject.provider);
    if subject.record.token_type.eq_ignore_ascii_case("Bearer") {
        let command = ["http --auth-type=bearer --auth=", &quote(subject.token()), " GET"].concat();
        return with_url(command, url);
    }
    let header = quote(&super::authorization_header(subject.record));
    with_url("http GET".to_owned(), url) + " " + &header
}

/// The token goes through a pipe: the arguments of a process can be read by everybody on the machine, while `printf` is
/// part of the shell. `%s` adds no newline, which would become part of the secret.
fn pipe(subject: &Subject<'_>, into: &str, options: &str) -> String {
    let token = quote(subject.token());
    [
        "printf %s ",
        &token,
        " | ",
        into,
        " ",
        &variable(subject.provider),
        options,
    ]
    .concat()
}

pub(super) fn firebase_secret(subject: &Subject<'_>) -> String {
    pipe(subject, "firebase functions:secrets:set", " --data-file=-")
}

/// The token is an argument, because this command reads nothing else. What stands after the first `=` is stored as it
/// is, except a JSON object or array, which the command takes apart.
pub(super) fn firebase_config(subject: &Subject<'_>) -> String {
    let name = vendor(subject.provider);
    let token = quote(subject.token());
    ["firebase functions:config:set ", name, ".access_token=", &token].concat()
}

/// `gh` drops newlines at the end of its input; no token has one (RFC 6749 appendix A.12).
pub(super) fn github(subject: &Subject<'_>) -> String {
    pipe(subject, "gh secret set", "")
}

/// Without `--force` Vercel refuses a name that it has, and a token is handed over each time it is renewed.
pub(super) fn vercel(subject: &Subject<'_>) -> String {
    pipe(subject, "vercel env add", " production --force")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, subject};
    use super::*;

    #[test]
    fn a_word_is_one_word() {
        for (word, quoted) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("'", r"''\'''"),
            ("''", r"''\'''\'''"),
            ("$HOME `id` \\ \"", "'$HOME `id` \\ \"'"),
            ("a\nb", "'a\nb'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }

    #[test]
    fn httpie_takes_another_type_of_token_as_a_header() {
        let mut record = record("AQ", "openid profile");
        record.token_type = "bearer".into();
        assert!(httpie(&subject(&record)).contains("--auth='AQ'"));
        record.token_type = "DPoP".into();
        assert_eq!(
            httpie(&subject(&record)),
            "http GET 'https://api.linkedin.com/v2/userinfo' 'Authorization: DPoP AQ'"
        );
    }
}
