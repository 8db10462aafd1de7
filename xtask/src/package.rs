//! The store packages: the unpacked extensions as zip files that are the same bytes wherever they are made.

use std::fmt;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::browser::Browser;
use crate::build;
use crate::process;
use crate::progress::{note, step};
use crate::setup::{Tools, hex};
use crate::workspace::Workspace;

/// What is allowed, in bytes, so that growth is a decision; that of the WebAssembly holds for each module, because nothing
/// loads two. The worker and the package are over DESIGN.md section 10, which `bench` says; ARCHITECTURE.md says why.
const WASM_BUDGET: u64 = 535_000;
const WASM_GZIP_BUDGET: u64 = 217_000;
const PACKAGE_BUDGET: u64 = 595_000;

/// Both store packages.
#[derive(Debug)]
pub(crate) struct Packages {
    /// In the order of [`Browser::ALL`].
    files: [PathBuf; 2],
}

impl Packages {
    /// The store package for one browser.
    pub(crate) fn file(&self, browser: Browser) -> &Path {
        match browser {
            Browser::Chromium => &self.files[0],
            Browser::Firefox => &self.files[1],
        }
    }

    /// Unpacks the store package for one browser into an empty directory.
    pub(crate) fn unpack(&self, browser: Browser, directory: &Path) -> Result<()> {
        let file = self.file(browser);
        let archive = fs::File::open(file).with_context(|| format!("opening {}", file.display()))?;
        ZipArchive::new(archive)
            .and_then(|mut archive| archive.extract(directory))
            .with_context(|| format!("unpacking {}", file.display()))
    }
}

/// Builds and packs both extensions and prints their checksums.
pub(crate) fn packages(workspace: &Workspace, tools: &Tools) -> Result<Packages> {
    build::build(workspace, tools)?;
    fs::create_dir_all(workspace.dist()).context("making dist")?;
    let files = Browser::ALL.map(|browser| workspace.dist().join(format!("tokenkeep-{browser}.zip")));
    step("pack", || {
        for (browser, file) in Browser::ALL.into_iter().zip(&files) {
            let package = pack(&build::unpacked(workspace, browser))?;
            fs::write(file, &package).with_context(|| format!("writing {}", file.display()))?;
            note(&format!("{}  {}", hex(&Sha256::digest(&package)), file.display()));
        }
        Ok(())
    })?;
    Ok(Packages { files })
}

/// Prints the sizes and fails if one is over its budget.
pub(crate) fn check_budgets(workspace: &Workspace, packages: &Packages) -> Result<()> {
    let mut sizes = Vec::new();
    for browser in Browser::ALL {
        let package = fs::metadata(packages.file(browser)).context("measuring a package")?;
        sizes.push(Size::new(
            format!("package for {browser}"),
            package.len(),
            PACKAGE_BUDGET,
        ));
    }
    // Both browsers get the same WebAssembly.
    let directory = build::unpacked(workspace, Browser::Chromium);
    for module in build::MODULES {
        let wasm = fs::read(build::wasm(&directory, module)).context("reading the WebAssembly")?;
        sizes.push(Size::new(format!("{module}.wasm"), wasm.len() as u64, WASM_BUDGET));
        sizes.push(Size::new(
            format!("{module}.wasm, gzip"),
            gzip(&wasm)?.len() as u64,
            WASM_GZIP_BUDGET,
        ));
    }
    for size in &sizes {
        note(&size.to_string());
    }
    let over: Vec<_> = sizes
        .iter()
        .filter(|size| size.is_over())
        .map(|size| size.what.as_str())
        .collect();
    ensure!(over.is_empty(), "over budget: {}", over.join(", "));
    Ok(())
}

/// Builds once more from a copy of the sources in another directory and compares the packages.
pub(crate) fn check_reproducible(workspace: &Workspace, tools: &Tools, packages: &Packages) -> Result<()> {
    let elsewhere = tempfile::tempdir().context("making a second directory")?;
    // Deeper than the first one and with another name, so that a path that gets into the output shows.
    let copy = Workspace::copied_to(elsewhere.path().join("another").join("place"));
    step(&format!("copy the sources to {}", copy.root().display()), || {
        copy_sources(workspace, &copy)
    })?;
    let again = self::packages(&copy, tools)?;
    for browser in Browser::ALL {
        let (first, second) = (fs::read(packages.file(browser))?, fs::read(again.file(browser))?);
        if first != second {
            bail!(
                "the packages for {browser} differ in {}",
                differing_entries(&first, &second)?.join(", ")
            );
        }
    }
    note("both directories gave identical packages");
    Ok(())
}

/// Copies what git knows or would take, as it is in the working tree, and the npm packages.
fn copy_sources(from: &Workspace, to: &Workspace) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(from.root());
    let files = process::output(&mut git).context("the sources are listed by git")?;
    for file in files.split_terminator('\0') {
        let source = from.root().join(file);
        // Git also lists what was deleted and not committed yet.
        if source.is_file() {
            copy_file(&source, &to.root().join(file))?;
        }
    }
    let binaryen = Path::new("node_modules").join("binaryen");
    for file in build::files_below(&from.e2e().join(&binaryen))? {
        copy_file(
            &from.e2e().join(&binaryen).join(&file),
            &to.e2e().join(&binaryen).join(&file),
        )?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

/// Above 9 Zopfli takes over: the same format, a twentieth smaller than the best of the usual way.
const COMPRESSION: i64 = 12;

/// Packs a directory: entries in the order of their names, no times, no owners, one compression.
fn pack(directory: &Path) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in build::files_below(directory)? {
        let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
        archive.start_file(parts.join("/"), options)?;
        let contents = fs::read(directory.join(&file)).with_context(|| format!("reading {}", file.display()))?;
        archive.write_all(&contents)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The names of the entries in which two packages differ.
fn differing_entries(first: &[u8], second: &[u8]) -> Result<Vec<String>> {
    let (first, second) = (entries(first)?, entries(second)?);
    let missing = |name: &str, others: &[(String, Vec<u8>)]| others.iter().all(|(other, _)| other != name);
    let mut names: Vec<_> = first
        .iter()
        .filter(|entry| !second.contains(entry))
        .chain(second.iter().filter(|(name, _)| missing(name, &first)))
        .map(|(name, _)| name.clone())
        .collect();
    if names.is_empty() {
        names.push("the archive's own records".to_owned());
    }
    Ok(names)
}

fn entries(package: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(Cursor::new(package))?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let mut contents = Vec::new();
        std::io::copy(&mut file, &mut contents)?;
        let name = file.name()?.into_owned();
        entries.push((name, contents));
    }
    Ok(entries)
}

/// A size and what it may be at most.
struct Size {
    what: String,
    bytes: u64,
    budget: u64,
}

impl Size {
    fn new(what: String, bytes: u64, budget: u64) -> Self {
        Self { what, bytes, budget }
    }

    fn is_over(&self) -> bool {
        self.bytes > self.budget
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_over() {
            "OVER the budget of"
        } else {
            "of at most"
        };
        write!(f, "{:<20} {:>7} bytes {verdict} {}", self.what, self.bytes, self.budget)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Size, differing_entries, entries, gzip, pack};

    fn write(directory: &Path, files: &[(&str, &str)]) {
        for (path, contents) in files {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, contents).expect("written");
        }
    }

    #[test]
    fn the_same_files_give_the_same_bytes_whenever_and_wherever() {
        let (first, second) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
        write(first.path(), &[("a", "1"), ("b/c", "2"), ("d", "3")]);
        write(second.path(), &[("d", "3"), ("b/c", "2"), ("a", "1")]);
        let earlier = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        fs::File::options()
            .write(true)
            .open(second.path().join("a"))
            .expect("open")
            .set_times(earlier)
            .expect("set");
        assert_eq!(
            pack(first.path()).expect("packed"),
            pack(second.path()).expect("packed")
        );
    }

    #[test]
    fn packing_keeps_names_and_contents() {
        let directory = tempfile::tempdir().expect("a directory");
        write(
            directory.path(),
            &[("manifest.json", "{}"), ("icons/icon.svg", "<svg/>")],
        );
        let packed = entries(&pack(directory.path()).expect("packed")).expect("unpacked");
        let expected = [("icons/icon.svg", "<svg/>"), ("manifest.json", "{}")];
        assert_eq!(
            packed,
            expected.map(|(name, contents)| (name.to_owned(), contents.as_bytes().to_vec()))
        );
    }

    #[test]
    fn a_difference_is_named() {
        let (first, second) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
        write(first.path(), &[("same", "1"), ("changed", "2"), ("gone", "3")]);
        write(second.path(), &[("same", "1"), ("changed", "other"), ("new", "4")]);
        let packages = [first, second].map(|directory| pack(directory.path()).expect("packed"));
        assert_eq!(
            differing_entries(&packages[0], &packages[1]).expect("compared"),
            ["changed", "gone", "new"]
        );
    }

    #[test]
    fn budgets_are_limits() {
        let size = |bytes| Size::new("package".to_owned(), bytes, 250_000);
        assert!(!size(250_000).is_over());
        assert!(size(250_001).is_over());
        assert!(size(250_001).to_string().contains("OVER"));
        assert_eq!(gzip(b"").expect("compressed").len(), 20);
    }
}
