//! Every format of the handoff, read by the tool it is for or by that tool's own rules.
//!
//! Needs `sh`, `curl`, `node` (20.12 or newer) and `python3`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    env, fs,
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use tokenkeep::{
    handoff::{Format, Subject, TemplateError, field_names, fill, write},
    oauth::{AccessToken, Scopes},
    profile::TokenRecord,
    provider::{self, Provider},
};
use yaml_rust2::YamlLoader;

const USERINFO: &str = "https://api.linkedin.com/v2/userinfo";

/// Texts that mean something in one of the formats.
const HOSTILE: [&str; 40] = [
    "",
    " ",
    "'",
    "''",
    "'''",
    "\"",
    "\"\"\"",
    "\\",
    "\\\\",
    "a\\",
    "\\'",
    "\\n",
    "a\nb",
    "\n",
    "\r\n",
    "$HOME",
    "${HOME}",
    "$(exit 1)",
    "`exit 1`",
    "%PATH%",
    "%s%n",
    "a=b",
    "=",
    "#",
    "a #b",
    "-x",
    "--help",
    "@file",
    "!x",
    "~",
    "*",
    "null",
    "true",
    "1e10",
    "{\"a\":1}",
    "{{access_token}}",
    "{% raw %}",
    "‘’‚‛“”",
    "\u{202e}\u{2028}\u{feff}\u{85}\u{7f}",
    "é😀𝄞",
];

/// Any text without a null, which no argument and no environment holds.
fn any_text() -> impl Strategy<Value = String> {
    let signs: Vec<char> = "=#%$`'\"\\!*~:;@&|<>(){}[]?+-_., \n\t\rabcAZ09é😀’".chars().collect();
    prop_oneof![
        any::<String>().prop_map(|text| text.replace('\0', "")),
        vec(select(signs), 0..40).prop_map(String::from_iter),
        vec(select(HOSTILE.to_vec()), 0..5).prop_map(|parts| parts.concat()),
    ]
}

/// What RFC 6749 appendix A.12 lets a token be.
fn any_token() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\x20-\\x7e]{1,60}",
        vec(select(" '\"\\$`%=#{}".chars().collect::<Vec<_>>()), 1..12).prop_map(String::from_iter),
    ]
}

fn record(token: &str) -> TokenRecord {
    TokenRecord {
        v: TokenRecord::VERSION,
        access_token: AccessToken::new(token),
        token_type: "Bearer".into(),
        scope_requested: Scopes::parse("openid profile").unwrap(),
        scope_granted: None,
        obtained_ms: 1_700_000_000_000,
        expires_ms: Some(1_705_184_000_000),
        clock_skew_ms: None,
        refresh_token: None,
        refresh_expires_ms: None,
        refresh_refused_ms: None,
        refresh_again_until_ms: None,
        id_token: None,
        account: None,
        issued_to: None,
    }
}

/// The text for a token whose profile has this name and this client id.
fn written_of(format: Format, token: &str, profile: &str, client_id: &str) -> String {
    let record = record(token);
    let subject = Subject {
        record: &record,
        provider: provider::by_id("linkedin").unwrap(),
        profile,
        client_id,
    };
    write(format, &subject)
}

fn written(format: Format, token: &str) -> String {
    written_of(format, token, "My app", "78abc")
}

fn bearer(token: &str) -> String {
    ["Bearer ", token].concat()
}

/// What a program printed that was given this input.
fn run(command: &mut Command, input: &str) -> Vec<u8> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("{program} is not installed; this test needs it"),
        child => child.unwrap(),
    };
    // Written beside the reading, so that neither side waits for the other.
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // A program that needs no input may end without having read it.
    drop(writer.join().unwrap());
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{program}: {output:?}"
    );
    output.stdout
}

fn run_text(command: &mut Command, input: &str) -> String {
    String::from_utf8(run(command, input)).unwrap()
}

/// A folder of programs that print their arguments, each ended by a null, and then what they are given to read. A shell
/// writes them: a file that this process had open for writing could not be run while another thread starts a program.
fn recorders() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recorders");
        fs::create_dir_all(&folder).unwrap();
        let script = r#"cd "$1"
            for name in curl http firebase gh vercel; do
                printf '#!/bin/sh\nfor word; do printf "%%s\\0" "$word"; done\nexec cat\n' >"$name"
                chmod +x "$name"
            done"#;
        run(Command::new("sh").args(["-ec", script, "sh"]).arg(&folder), "");
        folder
    })
}

/// Runs a command as it would be pasted; the arguments that its program got, and what it read.
fn recorded(command: &str) -> (Vec<String>, String) {
    let mut path = recorders().as_os_str().to_owned();
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    let output = run_text(Command::new("/bin/sh").args(["-c", command]).env("PATH", path), "");
    let mut words: Vec<_> = output.split('\0').map(str::to_owned).collect();
    let input = words.pop().unwrap();
    (words, input)
}

fn commands_carry(token: &str) -> Result<(), TestCaseError> {
    let header = ["Authorization: Bearer ", token].concat();
    let auth = ["--auth=", token].concat();
    let config = ["linkedin.access_token=", token].concat();
    let name = "LINKEDIN_ACCESS_TOKEN";
    for (format, words, input) in [
        (Format::Curl, vec!["-H", &header, USERINFO], ""),
        (Format::Httpie, vec!["--auth-type=bearer", &auth, "GET", USERINFO], ""),
        (Format::FirebaseConfig, vec!["functions:config:set", &config], ""),
        (
            Format::FirebaseSecret,
            vec!["functions:secrets:set", name, "--data-file=-"],
            token,
        ),
        (Format::Github, vec!["secret", "set", name], token),
        (Format::Vercel, vec!["env", "add", name, "production", "--force"], token),
    ] {
        let (got_words, got_input) = recorded(&written(format, token));
        prop_assert_eq!(got_words, words, "{:?}", format);
        prop_assert_eq!(got_input, input, "{:?}", format);
    }
    Ok(())
}

#[test]
fn commands_carry_hostile_tokens() {
    for token in HOSTILE {
        commands_carry(token).unwrap();
    }
}

proptest! {
    // Each case starts a dozen processes.
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn commands_carry_any_token(token in any_text()) {
        commands_carry(&token)?;
    }
}

/// The request that a server on this machine gets from the real curl.
fn request_of_curl(token: &str) -> String {
    // Says what is missing, where the shell would only fail.
    run(Command::new("curl").arg("--version"), "");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/userinfo", server.local_addr().unwrap());
    let provider = Provider {
        userinfo_endpoint: Some(url.leak()),
        probes: &[],
        ..*provider::by_id("linkedin").unwrap()
    };
    let record = record(token);
    let subject = Subject {
        record: &record,
        provider: &provider,
        profile: "",
        client_id: "",
    };
    let command = write(Format::Curl, &subject);
    let answering = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
            request.push(byte[0]);
        }
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            .unwrap();
        String::from_utf8(request).unwrap()
    });
    // Neither a proxy nor a person's .curlrc; the progress meter goes to the standard error.
    let script = ["exec ", &command.replacen("curl ", "curl -q -sS --noproxy '*' ", 1)].concat();
    run(Command::new("/bin/sh").args(["-c", &script]), "");
    answering.join().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_real_curl_sends_the_header(token in any_token()) {
        // HTTP itself has no spaces at the end of a header.
        let token = [&token, "."].concat();
        let request = request_of_curl(&token);
        let line = ["Authorization: Bearer ", &token].concat();
        prop_assert!(request.lines().any(|own| own == line), "{}", request);
    }
}

/// Runs JavaScript on a list of texts, all in one process.
fn node(script: &str, texts: &[String]) -> Value {
    let script = [
        "const texts = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));",
        script,
    ]
    .concat();
    let output = run_text(Command::new("node").args(["-e", &script]), &json!(texts).to_string());
    serde_json::from_str(&output).unwrap()
}

fn snippets_ask(tokens: &[String]) -> Result<(), TestCaseError> {
    let expected: Vec<_> = tokens.iter().map(|token| json!([USERINFO, bearer(token)])).collect();
    let snippets = |format| -> Vec<_> { tokens.iter().map(|token| written(format, token)).collect() };

    let asked = node(
        r"const asked = [];
        const fetch = async (url, init) => {
            asked.push([url, init.headers.Authorization]);
            return { status: 200, text: async () => '' };
        };
        const Async = (async () => {}).constructor;
        (async () => {
            for (const text of texts) await new Async('fetch', 'console', text)(fetch, { log() {} });
            process.stdout.write(JSON.stringify(asked));
        })();",
        &snippets(Format::Fetch),
    );
    prop_assert_eq!(asked, json!(expected));

    let script = r#"
import contextlib, io, json, sys, types
asked = []
def get(url, headers, timeout):
    asked.append([url, headers["Authorization"]])
    return types.SimpleNamespace(status_code=200, text="")
sys.modules["requests"] = types.SimpleNamespace(get=get)
for text in json.loads(sys.stdin.buffer.read()):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(text.encode(), "snippet", "exec"), {})
print(json.dumps(asked))
"#;
    let texts = json!(snippets(Format::Python)).to_string();
    let asked = run_text(Command::new("python3").args(["-c", script]), &texts);
    prop_assert_eq!(serde_json::from_str::<Value>(&asked).unwrap(), json!(expected));
    Ok(())
}

#[test]
fn snippets_ask_with_hostile_tokens() {
    snippets_ask(&HOSTILE.map(str::to_owned)).unwrap();
}

proptest! {
    // Each case is a hundred tokens for one process of each language.
    #![proptest_config(ProptestConfig { cases: 5, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn snippets_ask_with_any_token(tokens in vec(any_text(), 100)) {
        snippets_ask(&tokens)?;
    }
}

/// Reads a verbatim string as PowerShell's tokenizer does: it ends at a quote that is not doubled, and a quote is one of
/// five characters.
fn powershell_string(text: &str) -> Option<(String, &str)> {
    let is_quote = |c: &char| ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'].contains(c);
    let mut rest = text.chars();
    let mut value = String::new();
    rest.next().filter(is_quote)?;
    loop {
        let mut c = rest.next()?;
        if is_quote(&c) {
            let mut ahead = rest.clone();
            match ahead.next().filter(is_quote) {
                Some(second) => (c, rest) = (second, ahead),
                None => return Some((value, rest.as_str())),
            }
        }
        value.push(c);
    }
}

fn powershell_reads(command: &str) -> Option<(String, String)> {
    let (url, rest) = powershell_string(command.strip_prefix("Invoke-RestMethod -Uri ")?)?;
    let (header, rest) = powershell_string(rest.strip_prefix(" -Headers @{ Authorization = ")?)?;
    (rest == " }").then_some((url, header))
}

/// The value as Nunjucks renders it.
fn nunjucks_renders(value: &str) -> String {
    if !["{{", "{%", "{#"].iter().any(|tag| value.contains(tag)) {
        return value.to_owned();
    }
    let string = value
        .strip_prefix("{{ \"")
        .and_then(|rest| rest.strip_suffix("\" }}"))
        .unwrap();
    let mut out = String::new();
    let mut chars = string.chars();
    while let Some(c) = chars.next() {
        assert_ne!(c, '"', "the string ends in the middle: {value}");
        out.push(if c == '\\' {
            let escaped = chars.next().unwrap();
            assert!("\\\"".contains(escaped), "\\{escaped} would be another character");
            escaped
        } else {
            c
        });
    }
    out
}

/// The variables of an environment file of Bruno, by the grammar of one-line values.
fn bruno_reads(file: &str) -> Option<Vec<(&str, &str)>> {
    let lines = file.strip_prefix("vars {\n")?.strip_suffix("\n}\n")?;
    lines
        .split('\n')
        .map(|line| Some(line.split_once(':')?).map(|(name, value)| (name.trim(), value.trim())))
        .collect()
}

fn files_carry(token: &str, profile: &str, client_id: &str) -> Result<(), TestCaseError> {
    let text = |format| written_of(format, token, profile, client_id);
    let parsed = |format| serde_json::from_str::<Value>(&text(format)).unwrap();
    let variables = json!({
        "access_token": token,
        "token_type": "Bearer",
        "scope": "openid profile",
        "expires_at": "2024-01-13T22:13:20Z",
        "client_id": client_id,
    });

    let mut record = variables.clone();
    record["obtained_at"] = json!("2023-11-14T22:13:20Z");
    record["provider"] = json!("linkedin");
    record["profile"] = json!(profile);
    prop_assert_eq!(parsed(Format::Json), record);

    prop_assert_eq!(parsed(Format::HttpClient), json!({ profile: variables }));

    let insomnia = parsed(Format::Insomnia);
    for (name, value) in insomnia.as_object().unwrap() {
        prop_assert_eq!(
            nunjucks_renders(value.as_str().unwrap()),
            variables[name].as_str().unwrap()
        );
    }
    prop_assert_eq!(insomnia.as_object().unwrap().len(), 5);

    let postman = parsed(Format::Postman);
    prop_assert_eq!(&postman["name"], profile);
    prop_assert_eq!(&postman["_postman_variable_scope"], "environment");
    for value in postman["values"].as_array().unwrap() {
        let name = value["key"].as_str().unwrap();
        prop_assert_eq!(&value["value"], &variables[name]);
        prop_assert_eq!(&value["enabled"], true);
        prop_assert_eq!(value["type"] == "secret", name == "access_token");
    }
    prop_assert_eq!(postman["values"].as_array().unwrap().len(), 5);

    let manifest = &YamlLoader::load_from_str(&text(Format::Kubernetes)).unwrap()[0];
    prop_assert_eq!(manifest["kind"].as_str(), Some("Secret"));
    let data = manifest["data"]["LINKEDIN_ACCESS_TOKEN"].as_str().unwrap();
    prop_assert_eq!(STANDARD.decode(data).unwrap(), token.as_bytes());

    let read = powershell_reads(&text(Format::PowerShell));
    prop_assert_eq!(read, Some((USERINFO.to_owned(), bearer(token))));
    Ok(())
}

#[test]
fn files_carry_hostile_values() {
    for token in HOSTILE {
        for other in HOSTILE {
            files_carry(token, other, other).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_carry_any_value(token in any_text(), profile in any_text(), client_id in any_text()) {
        files_carry(&token, &profile, &client_id)?;
    }

    #[test]
    fn bruno_carries_what_fits_a_line(token in any_token()) {
        let token = token.trim();
        let file = written(Format::Bruno, token);
        let variables = bruno_reads(&file).unwrap();
        prop_assert_eq!(variables.len(), 5);
        prop_assert_eq!(variables[0], ("access_token", token));
    }
}

/// Whether every reader takes the line alike (`handoff/dotenv.rs` says what divides them).
fn is_agreed(value: &str) -> bool {
    let divides = value.contains('\'') || value.contains(r"\\") || value.ends_with('\\');
    !divides || !value.contains(['\\', '"', '$', '`'])
}

fn dotenv_lines_carry(values: &[String]) -> Result<(), TestCaseError> {
    let lines: Vec<_> = values.iter().map(|value| written(Format::Dotenv, value)).collect();

    // A shell reads every form.
    let file = [
        &lines.join("; printf '%s\\0' \"$LINKEDIN_ACCESS_TOKEN\"\n"),
        "\nprintf '%s\\0' \"$LINKEDIN_ACCESS_TOKEN\"",
    ]
    .concat();
    let read = run_text(&mut Command::new("/bin/sh"), &file);
    let expected: String = values.iter().map(|value| [value, "\0"].concat()).collect();
    prop_assert_eq!(read, expected);

    // dotenvy takes the same escapes, but for the backtick.
    for (line, value) in lines.iter().zip(values) {
        if is_agreed(value) || !value.contains('`') {
            let read: Result<Vec<_>, _> = dotenvy::from_read_iter(line.as_bytes()).collect();
            prop_assert_eq!(
                read.unwrap(),
                [("LINKEDIN_ACCESS_TOKEN".to_owned(), value.clone())],
                "{}",
                line
            );
        }
    }

    // Node has one of its own.
    let (lines, values): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .zip(values)
        .filter(|(_, value)| is_agreed(value))
        .unzip();
    let read = node(
        "const { parseEnv } = require('node:util');
        if (!parseEnv) throw new Error('this test needs Node 20.12 or newer');
        process.stdout.write(JSON.stringify(texts.map((text) => parseEnv(text).LINKEDIN_ACCESS_TOKEN)));",
        &lines,
    );
    prop_assert_eq!(read, json!(values));
    Ok(())
}

#[test]
fn dotenv_lines_carry_hostile_values() {
    let values: Vec<_> = HOSTILE
        .iter()
        .filter(|value| !value.contains(['\n', '\r']))
        .map(|value| (*value).to_owned())
        .collect();
    dotenv_lines_carry(&values).unwrap();
}

#[test]
fn a_shell_reads_a_line_of_several() {
    for value in ["a\nb", "\n", "'\n'", "a\\\nb"] {
        let script = [
            &written(Format::Dotenv, value),
            "\nprintf %s \"$LINKEDIN_ACCESS_TOKEN\"",
        ]
        .concat();
        assert_eq!(run_text(&mut Command::new("/bin/sh"), &script), value);
    }
}

/// Tools that know no quotes take a usual token all the same.
#[test]
fn a_usual_token_has_no_quotes_in_a_dotenv_line() {
    let token = "AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR-.~+/=".replace('~', "");
    let line = written(Format::Dotenv, &token);
    assert_eq!(line.split_once('=').unwrap(), ("LINKEDIN_ACCESS_TOKEN", token.as_str()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dotenv_lines_carry_any_token(tokens in vec(any_token(), 100)) {
        dotenv_lines_carry(&tokens)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_template_is_filled_or_refused(template in any_text(), token in any_text(), name in any_text()) {
        let record = record(&token);
        let subject = Subject {
            record: &record,
            provider: provider::by_id("linkedin").unwrap(),
            profile: &name,
            client_id: "78abc",
        };

        // Every text can be written.
        prop_assert_eq!(fill(&template.replace("{{", "{{{{"), &subject), Ok(template.clone()));

        // A value stands as it is, wherever it stands.
        let around = template.replace(['{', '}'], "");
        let filled = fill(&[&around, "{{access_token}}", &around, "{{ profile }}", &around].concat(), &subject);
        prop_assert_eq!(filled, Ok([&around, &token, &around, &name, &around].map(String::as_str).concat()));

        match fill(&template, &subject) {
            Ok(filled) => prop_assert!(template.contains("{{") || filled == template),
            Err(TemplateError::UnknownField { name }) => prop_assert!(field_names().all(|known| known != name)),
            Err(TemplateError::Unclosed { line }) => prop_assert!(line <= template.matches('\n').count() + 1),
        }
    }
}
