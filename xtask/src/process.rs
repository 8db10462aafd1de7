//! Running other programs. Each is a process group of its own; when xtask ends or is told to stop, it ends the groups that
//! it started, by their ids, and so everything below them.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};

/// What the signal handler knows. A child is started while this is held, so none can slip past a signal.
struct Children {
    running: BTreeSet<u32>,
    stopping: bool,
}

static CHILDREN: Mutex<Children> = Mutex::new(Children {
    running: BTreeSet::new(),
    stopping: false,
});

fn children() -> MutexGuard<'static, Children> {
    // There is no half-changed state that a panic could leave behind.
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a signal has told xtask to stop.
pub(crate) fn is_stopping() -> bool {
    children().stopping
}

/// Runs a program with this one's output; anything but exit code 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{} failed: {status}", describe(command));
    }
    Ok(())
}

/// Runs a program with this one's output and hands back how it ended.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command.stdin(Stdio::null());
    let mut child = Running::start(command)?;
    child
        .child
        .wait()
        .with_context(|| format!("waiting for {}", describe(command)))
}

/// Runs a program and hands back what it printed on standard output; anything but exit code 0 is an error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}\n{}", describe(command), output.status, said.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no UTF-8", describe(command)))
}

/// Runs a program and hands back everything about it, whatever its exit code.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = Running::start(command)?;
    child
        .take_output()
        .with_context(|| format!("reading from {}", describe(command)))
}

/// The program and its arguments, as one would type them.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The path of a program, if there is one of that name.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(&file))
        .find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// A child that is known to the signal handler for as long as it runs.
struct Running {
    child: Child,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut children = children();
        ensure!(!children.stopping, "stopped before {}", describe(command));
        let child = command
            .spawn()
            .with_context(|| format!("starting {}", describe(command)))?;
        children.running.insert(child.id());
        Ok(Self { child })
    }

    /// Reads both pipes to their end: one after the other would hang when the second one fills up.
    fn take_output(&mut self) -> Result<Output> {
        let stderr = self.child.stderr.take().context("standard error is not piped")?;
        let reader = std::thread::spawn(move || std::io::read_to_string(stderr));
        let stdout = self.child.stdout.take().context("standard output is not piped")?;
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut std::io::BufReader::new(stdout), &mut read)?;
        let Ok(stderr) = reader.join() else {
            bail!("the reader of standard error panicked")
        };
        Ok(Output {
            status: self.child.wait()?,
            stdout: read,
            stderr: stderr?.into_bytes(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut children = children();
        children.running.remove(&self.child.id());
        // What the child has started and left behind is nobody's.
        #[cfg(unix)]
        signal_group(self.child.id(), nix::sys::signal::Signal::SIGKILL);
    }
}

/// Ends the children when xtask is interrupted, terminated or loses its terminal. The commands then fail one after the
/// other and clean up behind themselves.
#[cfg(unix)]
pub(crate) fn end_children_on_signals() -> Result<()> {
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::sys::signal::Signal;

    let signal_all = |signal| {
        let mut children = children();
        children.stopping = true;
        for id in &children.running {
            signal_group(*id, signal);
        }
    };
    ctrlc::set_handler(move || {
        signal_all(Signal::SIGTERM);
        // Drivers close their browser and their sandbox on SIGTERM; what has not ended by then is stuck.
        let patience = Instant::now() + Duration::from_secs(10);
        while !children().running.is_empty() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(20));
        }
        signal_all(Signal::SIGKILL);
    })
    .context("handling signals")
}

#[cfg(unix)]
fn signal_group(id: u32, signal: nix::sys::signal::Signal) {
    if let Ok(id) = i32::try_from(id) {
        // That the group has just ended by itself is what was wanted.
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(id), signal);
    }
}

/// On other systems an interrupt reaches every program of the console by itself.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
pub(crate) fn end_children_on_signals() -> Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{capture, output, run, which};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_names_the_command_and_its_exit_code() {
        let error = run(&mut shell("exit 3")).expect_err("exit code 3");
        assert_eq!(error.to_string(), "sh -c exit 3 failed: exit status: 3");
    }

    #[test]
    fn a_failure_shows_what_the_program_said() {
        let error = output(&mut shell("echo because >&2; exit 1")).expect_err("exit code 1");
        assert!(error.to_string().ends_with("\nbecause"), "{error}");
    }

    #[test]
    fn both_pipes_may_be_larger_than_a_pipe_holds() {
        let output = capture(&mut shell("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero")).expect("runs");
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 300_000));
    }

    #[test]
    fn what_a_program_leaves_behind_ends_with_it() {
        let id = output(&mut shell("sleep 60 >/dev/null 2>&1 & echo $!")).expect("runs");
        let id = nix::unistd::Pid::from_raw(id.trim().parse().expect("a process id"));
        let patience = Instant::now() + Duration::from_secs(10);
        // Until its new parent has taken note of its end, a killed process still has its id.
        let is_zombie = || {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
        };
        while nix::sys::signal::kill(id, None).is_ok() && !is_zombie() {
            assert!(Instant::now() < patience, "process {id} still runs");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(which("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(which("no-program-has-this-name"), None);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-program-has-this-name")).expect_err("not there");
        assert_eq!(error.to_string(), "starting no-program-has-this-name");
    }
}
