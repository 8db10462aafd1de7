//! That nothing that must be caught goes uncaught, by targets that fail on purpose; and a few inputs for every target, so
//! that none of them rots.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output};

fn fuzz(args: &[&str]) -> Output {
    let findings = Path::new(env!("CARGO_TARGET_TMPDIR")).join("findings");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokenkeep-fuzz"));
    command.args(args).arg("--findings").arg(findings);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// What a target says that fails on purpose, and that the same run says it again.
fn check(target: &str, runs: &str, expected: &[&str]) {
    let output = fuzz(&["--target", target, "--seed", "7", "--runs", runs, "--limit-ms", "1000"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in expected {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    let first = said.split("seed 7, run ").nth(1).unwrap();
    let run = first.lines().next().unwrap();
    let again = fuzz(&["--target", target, "--seed", "7", "--run", run, "--limit-ms", "1000"]);
    let again_said = text(&again);
    assert_eq!(again.status.code(), Some(1), "{again_said}");
    let input = |said: &str| said.lines().find(|line| line.contains("input (")).map(str::to_owned);
    assert_eq!(input(&again_said), input(&said), "another input");
}

#[test]
fn a_panic_is_caught_and_made_smaller() {
    check(
        "planted-panic",
        "20000",
        &["panic in planted-panic", "two of them in", "smaller (2 bytes): &&"],
    );
}

#[test]
fn a_sum_that_overflows_is_caught() {
    check("planted-overflow", "20000", &["panic in planted-overflow", "overflow"]);
}

#[test]
fn a_hang_is_caught() {
    check(
        "planted-hang",
        "20000",
        &["hang in planted-hang", "still at it after 1 s"],
    );
}

#[test]
fn too_much_memory_is_caught() {
    check(
        "planted-memory",
        "20000",
        &[
            "too much memory in planted-memory",
            "9437184 bytes at once",
            "smaller (2 bytes): &&",
        ],
    );
}

#[test]
fn a_crash_is_caught() {
    check(
        "planted-crash",
        "20000",
        &["crash in planted-crash", "the process ended", "stack"],
    );
}

#[test]
fn an_input_of_a_file_is_run() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("input");
    std::fs::write(&file, "x&&y").unwrap();
    let file = file.to_str().unwrap();
    for (target, code) in [("planted-panic", 1), ("planted-crash", 1), ("planted-nothing", 0)] {
        let output = fuzz(&["--target", target, "--input", file]);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
    }
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    for args in [
        &["--target", "no-such-target"][..],
        &["--runs", "0"],
        &["--run", "1", "--seed", "1"],
        &["--target", "date", "--run", "1"],
        &["--target", "date", "--input", "no-such-file", "--run", "1"],
    ] {
        let output = fuzz(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output));
    }
}

#[test]
fn every_target_takes_a_few_inputs() {
    let output = fuzz(&["--runs", "500", "--seed", "1", "--limit-ms", "60000"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("nothing found"), "{}", text(&output));
}

#[test]
fn a_seed_runs_the_same_inputs_however_many_work() {
    let table = |jobs| {
        let output = fuzz(&["--target", "words", "--runs", "3000", "--seed", "5", "--jobs", jobs]);
        let said = text(&output);
        let line = said.lines().find(|line| line.starts_with("words")).unwrap();
        line.split_whitespace().take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(table("1"), table("2"));
}
