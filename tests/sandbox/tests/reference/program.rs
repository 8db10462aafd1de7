//! The program: its help, its one line, its end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tokenkeep-sandbox");

#[test]
fn help_names_every_option() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for option in ["--proxy-port", "--control-port", "--help"] {
        assert!(help.contains(option), "{help}");
    }
}

#[test]
fn wrong_options_fail_with_the_reason() {
    for (arguments, reason) in [
        (&["--port", "1"][..], "unknown option --port"),
        (&["--proxy-port"], "--proxy-port needs a port"),
        (&["--proxy-port", "70000"], "70000 is not a port"),
        (&["--control-port=x"], "x is not a port"),
    ] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8(output.stderr).unwrap().contains(reason), "{reason}");
    }
}

#[test]
fn prints_one_line_and_ends_with_its_input() {
    let mut child = Command::new(PROGRAM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();

    assert!(ready["proxy"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(ready["control"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(ready["spki"].as_str().unwrap().len(), 44, "base64 of 32 bytes");
    assert!(
        ready["ca_pem"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    let hosts = &ready["redirect_hosts"];
    assert_eq!(hosts["live_https"], "https://app.tokenkeep.test/callback");
    assert_eq!(hosts["unknown"], "https://nowhere.tokenkeep.test/callback");
    for name in ["live_loopback", "dead_loopback"] {
        assert!(hosts[name].as_str().unwrap().starts_with("http://localhost:"), "{name}");
        assert!(
            ready["app"]["redirect_uris"].as_array().unwrap().contains(&hosts[name]),
            "{name}"
        );
    }
    for name in [
        "app",
        "second_app",
        "native_app",
        "refresh_app",
        "community_app",
        "legacy_app",
    ] {
        let client_id = ready[name]["client_id"].as_str().unwrap();
        let alphanumeric = client_id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        assert!(client_id.len() == 14 && alphanumeric, "{client_id}");
    }
    let secret = ready["app"]["client_secret"].as_str().unwrap();
    for part in ["WPL_AP1.", "+", "/", "=="] {
        assert!(secret.contains(part), "{secret}");
    }
    assert!(ready["member"]["username"].is_string() && ready["member"]["password"].is_string());

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing but the one line");
}

#[test]
fn takes_the_ports_that_it_is_given() {
    let free = || {
        std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    };
    let (proxy, control) = (free(), free());
    let mut child = Command::new(PROGRAM)
        .args([
            format!("--proxy-port={proxy}"),
            "--control-port".to_owned(),
            control.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["proxy"], format!("127.0.0.1:{proxy}"));
    assert_eq!(ready["control"], format!("http://127.0.0.1:{control}"));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
