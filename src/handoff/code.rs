//! Code that asks the provider's API.

use super::{Subject, json::string};

/// For a module, a console or any other place where `await` stands at the top.
pub(super) fn fetch(subject: &Subject<'_>) -> String {
    [
        "const response = await fetch(",
        &string(subject.url()),
        ", {\n  headers: { Authorization: ",
        &string(&subject.authorization()),
        " },\n});\nconsole.log(response.status, await response.text());\n",
    ]
    .concat()
}

pub(super) fn python(subject: &Subject<'_>) -> String {
    [
        "import requests\n\nresponse = requests.get(\n    ",
        &string(subject.url()),
        ",\n    headers={\"Authorization\": ",
        &string(&subject.authorization()),
        "},\n    timeout=30,\n)\nprint(response.status_code, response.text)\n",
    ]
    .concat()
}

pub(super) fn powershell(subject: &Subject<'_>) -> String {
    [
        "Invoke-RestMethod -Uri ",
        &verbatim(subject.url()),
        " -Headers @{ Authorization = ",
        &verbatim(&subject.authorization()),
        " }",
    ]
    .concat()
}

/// A verbatim string of `PowerShell`: nothing is special but the quote, which is doubled. `PowerShell` takes the
/// typographic single quotes for quotes too.
fn verbatim(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201B}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, subject};
    use super::*;

    #[test]
    fn code_as_people_write_it() {
        let record = record("a\"b\\", "openid profile");
        assert_eq!(
            fetch(&subject(&record)),
            r#"const response = await fetch("https://api.linkedin.com/v2/userinfo", {
  headers: { Authorization: "Bearer a\"b\\" },
});
console.log(response.status, await response.text());
"#
        );
        assert_eq!(
            python(&subject(&record)),
            r#"import requests

response = requests.get(
    "https://api.linkedin.com/v2/userinfo",
    headers={"Authorization": "Bearer a\"b\\"},
    timeout=30,
)
print(response.status_code, response.text)
"#
        );
    }

    #[test]
    fn every_quote_of_powershell_is_doubled() {
        assert_eq!(verbatim("'‘’‚‛"), "'''‘‘’’‚‚‛‛'");
        assert_eq!(verbatim("$x `n \"\\ %\n"), "'$x `n \"\\ %\n'");
        assert_eq!(verbatim(""), "''");
    }
}
