//! Installs what is missing where it may, and says plainly what to install where it may not.
//!
//! By rustup: the WebAssembly target, the sources of the standard library and the toolchain's own checkers. By npm, from
//! the lockfile: the packages of `tests/e2e`. By apt-get, on Debian and as root or with sudo that asks for no password:
//! the browsers. By cargo, into the target directory: cargo-mutants. Node and Rust themselves are the person's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::browser::Browser;
use crate::process;
use crate::progress::{note, step};
use crate::workspace::Workspace;

/// The oldest Node that every npm package of the lockfile runs on.
const NODE_MAJOR: u32 = 20;

/// What the extension is compiled to.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// What a command cannot do without.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// rustfmt and clippy
    checkers: bool,
    browsers: Vec<Browser>,
    chromedriver: bool,
    /// Programs that read what the handoff writes
    readers: bool,
}

impl Needs {
    /// The WebAssembly target, Node and the npm packages: every command needs these.
    pub(crate) fn to_build() -> Self {
        Self::default()
    }

    /// And rustfmt and clippy.
    pub(crate) fn and_checkers(mut self) -> Self {
        self.checkers = true;
        self
    }

    /// And the programs that read what the handoff writes; Node is one of them.
    pub(crate) fn and_readers(mut self) -> Self {
        self.readers = true;
        self
    }

    /// And one browser.
    pub(crate) fn and_browser(mut self, browser: Browser) -> Self {
        self.browsers.push(browser);
        self
    }

    /// And Chromium with its WebDriver.
    pub(crate) fn and_chromedriver(mut self) -> Self {
        self.chromedriver = true;
        self.and_browser(Browser::Chromium)
    }
}

/// The programs that were found.
#[derive(Debug)]
pub(crate) struct Tools {
    node: PathBuf,
    chromium: Option<PathBuf>,
    firefox: Option<PathBuf>,
    chromedriver: Option<PathBuf>,
}

impl Tools {
    /// Node, with the browsers that were found in its environment.
    pub(crate) fn node(&self) -> Command {
        let mut command = Command::new(&self.node);
        for (name, path) in [
            ("TOKENKEEP_CHROMIUM", &self.chromium),
            ("TOKENKEEP_FIREFOX", &self.firefox),
            ("TOKENKEEP_CHROMEDRIVER", &self.chromedriver),
        ] {
            if let Some(path) = path {
                command.env(name, path);
            }
        }
        command
    }

    /// Chromium, for a command that needs it.
    pub(crate) fn chromium(&self) -> Result<&Path> {
        self.chromium
            .as_deref()
            .context("Chromium was not asked for in the set-up")
    }

    /// Chromium's WebDriver, for a command that needs it.
    pub(crate) fn chromedriver(&self) -> Result<&Path> {
        self.chromedriver
            .as_deref()
            .context("chromedriver was not asked for in the set-up")
    }
}

/// A program of the system: how it is named, chosen and installed.
struct Program {
    what: &'static str,
    /// Names its path where the search path does not; none where it is called by its name.
    variable: Option<&'static str>,
    names: &'static [&'static str],
    /// The oldest version that runs the extension, as in its manifest.
    oldest: Option<u32>,
    debian_package: &'static str,
    elsewhere: &'static str,
}

const CHROMIUM: Program = Program {
    what: "Chromium",
    variable: Some("TOKENKEEP_CHROMIUM"),
    names: &["chromium", "google-chrome", "chromium-browser", "google-chrome-stable"],
    oldest: Some(121),
    debian_package: "chromium",
    elsewhere: "install Chromium 121 or newer with the system's package manager",
};

const CHROMEDRIVER: Program = Program {
    what: "chromedriver",
    variable: Some("TOKENKEEP_CHROMEDRIVER"),
    names: &["chromedriver"],
    oldest: None,
    debian_package: "chromium-driver",
    elsewhere: "install the chromedriver of the same version as Chromium",
};

const FIREFOX: Program = Program {
    what: "Firefox",
    variable: Some("TOKENKEEP_FIREFOX"),
    names: &["firefox-esr", "firefox"],
    oldest: Some(142),
    debian_package: "firefox-esr",
    elsewhere: "install Firefox 142 or newer with the system's package manager",
};

const PYTHON: Program = Program {
    what: "Python 3",
    variable: None,
    names: &["python3"],
    oldest: None,
    debian_package: "python3",
    elsewhere: "install Python 3 with the system's package manager",
};

const CURL: Program = Program {
    what: "curl",
    variable: None,
    names: &["curl"],
    oldest: None,
    debian_package: "curl",
    elsewhere: "install curl with the system's package manager",
};

impl Program {
    /// The path in the environment, or else the first name on the search path.
    fn find(&self) -> Result<Option<PathBuf>> {
        if let Some(variable) = self.variable
            && let Some(path) = env::var_os(variable).filter(|path| !path.is_empty())
        {
            let path = PathBuf::from(path);
            ensure!(
                path.is_file(),
                "${variable} is {}: there is no such file",
                path.display()
            );
            return Ok(Some(path));
        }
        Ok(self.names.iter().find_map(|name| process::which(name)))
    }

    /// What to do with its variable instead, if it has one.
    fn or_variable(&self, before: &str, after: &str) -> String {
        self.variable
            .map(|variable| [before, variable, after].concat())
            .unwrap_or_default()
    }

    /// The program, if it is there; an error if it is too old.
    fn find_usable(&self) -> Result<Option<PathBuf>> {
        let Some(path) = self.find()? else { return Ok(None) };
        if let Some(oldest) = self.oldest {
            let says = process::output(Command::new(&path).arg("--version"))?;
            let major = first_number(&says).with_context(|| format!("{} does not say its version", path.display()))?;
            ensure!(
                major >= oldest,
                "{} is {}: {}{}",
                path.display(),
                says.trim(),
                self.elsewhere,
                self.or_variable(" or set $", " to the path of a newer one")
            );
        }
        Ok(Some(path))
    }
}

/// Makes sure that everything needed is there. Quick when it is.
pub(crate) fn ensure(workspace: &Workspace, needs: &Needs) -> Result<Tools> {
    wasm_target(workspace)?;
    standard_library_sources(workspace)?;
    if needs.checkers {
        checkers(workspace)?;
    }
    let node = node()?;
    npm_packages(workspace, &node)?;

    let mut programs = Vec::new();
    if needs.browsers.contains(&Browser::Chromium) {
        programs.push(&CHROMIUM);
    }
    if needs.chromedriver {
        programs.push(&CHROMEDRIVER);
    }
    if needs.browsers.contains(&Browser::Firefox) {
        programs.push(&FIREFOX);
    }
    if needs.readers {
        programs.extend([&PYTHON, &CURL]);
    }
    install_programs(&programs)?;
    let found = |wanted: bool, program: &Program| if wanted { program.find_usable() } else { Ok(None) };
    Ok(Tools {
        node,
        chromium: found(needs.browsers.contains(&Browser::Chromium), &CHROMIUM)?,
        firefox: found(needs.browsers.contains(&Browser::Firefox), &FIREFOX)?,
        chromedriver: found(needs.chromedriver, &CHROMEDRIVER)?,
    })
}

fn wasm_target(workspace: &Workspace) -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .current_dir(workspace.root());
    let libraries = process::output(&mut rustc)?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    if process::which("rustup").is_none() {
        bail!(
            "Rust's {WASM_TARGET} target is missing and there is no rustup to install it. Use the Rust of rustup \
             (https://rustup.rs): it reads rust-toolchain.toml and installs the target by itself. Debian's packages \
             rustc-web, cargo-web, rust-web-src and lld can build for the target too, but xtask does not use them."
        );
    }
    step("install Rust's WebAssembly target", || {
        process::run(
            Command::new("rustup")
                .args(["target", "add", WASM_TARGET])
                .current_dir(workspace.root()),
        )
    })
}

/// Whether the sources of the standard library are there: rustup's component rust-src.
pub(crate) fn has_standard_library(workspace: &Workspace) -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).current_dir(workspace.root());
    let sources = Path::new(process::output(&mut rustc)?.trim()).join("lib/rustlib/src/rust/library");
    Ok(sources.join("Cargo.lock").is_file())
}

/// Only the size depends on them, so their absence stops nobody but `dist`, which holds the budgets.
fn standard_library_sources(workspace: &Workspace) -> Result<()> {
    if has_standard_library(workspace)? {
        return Ok(());
    }
    let installed = process::which("rustup").is_some()
        && step("install the sources of Rust's standard library", || {
            process::run(
                Command::new("rustup")
                    .args(["component", "add", "rust-src"])
                    .current_dir(workspace.root()),
            )
        })
        .is_ok();
    if !installed {
        note(
            "Rust's component rust-src is missing and could not be installed: the WebAssembly will work, but be \
             larger than its budget",
        );
    }
    Ok(())
}

fn checkers(workspace: &Workspace) -> Result<()> {
    let works = |name: &str| {
        process::capture(workspace.cargo().args([name, "--version"])).is_ok_and(|output| output.status.success())
    };
    if works("fmt") && works("clippy") {
        return Ok(());
    }
    if process::which("rustup").is_none() {
        bail!("cargo fmt and cargo clippy are missing: install rustfmt and clippy of this Rust version");
    }
    step("install rustfmt and clippy", || {
        process::run(
            Command::new("rustup")
                .args(["component", "add", "rustfmt", "clippy"])
                .current_dir(workspace.root()),
        )
    })
}

/// The version of cargo-mutants whose report `mutants` reads.
const CARGO_MUTANTS: &str = "27.1.0";

/// cargo-mutants, which only one command needs: it is compiled for a few minutes and stands in the target directory.
pub(crate) fn cargo_mutants(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.target().join("tools");
    let program = root
        .join("bin")
        .join(format!("cargo-mutants{}", env::consts::EXE_SUFFIX));
    let says = process::output(Command::new(&program).args(["mutants", "--version"]));
    if says.is_ok_and(|says| says.trim() == ["cargo-mutants ", CARGO_MUTANTS].concat()) {
        return Ok(program);
    }
    step(&format!("install cargo-mutants {CARGO_MUTANTS}"), || {
        let mut install = workspace.cargo();
        install.args([
            "install",
            "--locked",
            "cargo-mutants",
            "--version",
            CARGO_MUTANTS,
            "--root",
        ]);
        process::run(install.arg(&root))
    })?;
    Ok(program)
}

fn node() -> Result<PathBuf> {
    let Some(node) = process::which("node") else {
        bail!("Node is missing: install Node {NODE_MAJOR} or newer with npm (https://nodejs.org)");
    };
    let version = process::output(Command::new(&node).arg("--version"))?;
    let version = version.trim();
    match node_major(version) {
        Some(major) if major >= NODE_MAJOR => Ok(node),
        Some(_) => bail!(
            "{} is Node {version}: install Node {NODE_MAJOR} or newer (https://nodejs.org)",
            node.display()
        ),
        None => bail!("{} says its version is {version}: that is no Node", node.display()),
    }
}

/// `v20.20.2` is 20.
fn node_major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// `Mozilla Firefox 153.7.0esr` is 153.
fn first_number(text: &str) -> Option<u32> {
    text.split(|character: char| !character.is_ascii_digit())
        .find(|part| !part.is_empty())?
        .parse()
        .ok()
}

fn npm_packages(workspace: &Workspace, node: &Path) -> Result<()> {
    let directory = workspace.e2e();
    let lockfile = directory.join("package-lock.json");
    let lock = fs::read(&lockfile).with_context(|| format!("reading {}", lockfile.display()))?;
    let wanted = hex(&Sha256::digest(lock));
    let stamp = directory.join("node_modules").join(".tokenkeep-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // npm stands beside its Node; on Windows it is a script.
    let name = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let beside = node.with_file_name(name);
    let npm = if beside.is_file() { beside } else { PathBuf::from(name) };
    step("install the npm packages of tests/e2e from the lockfile", || {
        // No package of the lockfile needs its install scripts, so none gets to run one.
        process::run(
            Command::new(npm)
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(&directory),
        )
        .context("npm comes with Node and needs the npm registry")?;
        fs::write(&stamp, &wanted).with_context(|| format!("writing {}", stamp.display()))
    })
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Installs the programs that are missing, all at once.
fn install_programs(programs: &[&Program]) -> Result<()> {
    let mut missing = Vec::new();
    for program in programs {
        if program.find()?.is_none() {
            missing.push(*program);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|program| program.debian_package).collect();
    match apt_get() {
        Apt::Usable(prefix) => {
            let apt = |arguments: &[&str]| {
                let mut words = prefix
                    .iter()
                    .copied()
                    .chain(["apt-get"])
                    .chain(arguments.iter().copied());
                let mut command = Command::new(words.next().unwrap_or("apt-get"));
                command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
                command
            };
            step(&format!("install Debian's {}", packages.join(", ")), || {
                process::run(&mut apt(&["-q", "update"]))?;
                process::run(apt(&["-q", "install", "--yes", "--no-install-recommends"]).args(&packages))
            })?;
            for program in missing {
                let found = program.find()?;
                ensure!(
                    found.is_some(),
                    "{} is still not there after its installation",
                    program.what
                );
            }
            Ok(())
        }
        Apt::NeedsRoot => {
            let named = name_all(&missing);
            bail!(
                "missing: {named}. Run `sudo apt-get install {}`, then this again",
                packages.join(" ")
            )
        }
        Apt::NotDebian => {
            for program in &missing {
                note(&format!(
                    "{}: {}{}",
                    program.what,
                    program.elsewhere,
                    program.or_variable("; if it is there under another name, set $", " to its path")
                ));
            }
            bail!("missing: {} (looked for {})", name_all(&missing), looked_for(&missing))
        }
    }
}

fn name_all(programs: &[&Program]) -> String {
    programs
        .iter()
        .map(|program| program.what)
        .collect::<Vec<_>>()
        .join(", ")
}

fn looked_for(programs: &[&Program]) -> String {
    programs
        .iter()
        .flat_map(|program| program.names)
        .copied()
        .collect::<Vec<_>>()
        .join(", ")
}

enum Apt {
    /// With these words before `apt-get`
    Usable(&'static [&'static str]),
    NeedsRoot,
    NotDebian,
}

fn apt_get() -> Apt {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !is_debian(&release) || process::which("apt-get").is_none() {
        return Apt::NotDebian;
    }
    let succeeds = |program: &str, arguments: &[&str]| {
        process::capture(Command::new(program).args(arguments)).is_ok_and(|output| output.status.success())
    };
    let root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if root {
        Apt::Usable(&[])
    } else if succeeds("sudo", &["-n", "true"]) {
        Apt::Usable(&["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"])
    } else {
        Apt::NeedsRoot
    }
}

/// Debian and what is made of it, but for Ubuntu, whose browser packages only fetch snaps.
fn is_debian(os_release: &str) -> bool {
    let names = |key: &str| {
        let line = os_release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default()
            .trim_matches('"')
            .split(' ')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut all = names("ID");
    all.extend(names("ID_LIKE"));
    all.iter().any(|name| name == "debian") && !all.iter().any(|name| name == "ubuntu")
}

#[cfg(test)]
mod tests {
    use super::{first_number, hex, is_debian, node_major};

    #[test]
    fn node_versions() {
        assert_eq!(node_major("v20.20.2"), Some(20));
        assert_eq!(node_major("v8.0.0"), Some(8));
        assert_eq!(node_major("iojs"), None);
    }

    #[test]
    fn browser_versions() {
        assert_eq!(first_number("Mozilla Firefox 153.7.0esr\n"), Some(153));
        assert_eq!(
            first_number("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)"),
            Some(156)
        );
        assert_eq!(first_number("no version"), None);
    }

    #[test]
    fn packages_are_installed_on_debian_only() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"));
        assert!(is_debian("ID=raspbian\nID_LIKE=debian\n"));
        assert!(!is_debian("ID=ubuntu\nID_LIKE=debian\n"));
        assert!(!is_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\n"));
        assert!(!is_debian(""));
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
    }
}
