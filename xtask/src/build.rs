//! From the sources to the two unpacked extensions.
//!
//! The output depends on the sources, the toolchain and the lockfiles, and on nothing else: not on where the sources lie
//! or on who builds them. The store's reviewers build it again and compare.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::browser::Browser;
use crate::manifest;
use crate::process;
use crate::progress::step;
use crate::setup::{self, Tools, WASM_TARGET};
use crate::workspace::Workspace;

/// The Cargo profile of the WebAssembly that ships.
const PROFILE: &str = "extension";

/// The modules that ship, by the feature of the crate that makes each: the name of the JavaScript and, with `_bg`,
/// of the WebAssembly.
pub(crate) const MODULES: [&str; 4] = ["worker", "popup", "manager", SAFE];

/// The module that runs in a worker of a page, for as long as it takes.
const SAFE: &str = "safe";

/// What rustc 1.95 emits for `wasm32-unknown-unknown`, by binaryen's names. Never all features: binaryen would then use
/// proposals that no browser has.
const WASM_FEATURES: [&str; 8] = [
    "bulk-memory",
    "bulk-memory-opt",
    "call-indirect-overlong",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
];

/// Makes the WebAssembly a fifth smaller: the standard library is compiled along with everything else, for size, and a
/// panic ends the instance without putting a text together that nobody would see. The options are unstable, so
/// `RUSTC_BOOTSTRAP` makes the pinned compiler take them.
const STANDARD_LIBRARY: [&str; 2] = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];
const WITH_STANDARD_LIBRARY: [&str; 4] = [
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
    "-Zlocation-detail=none",
    // Nothing that ships prints a `Debug`.
    "-Zfmt-debug=none",
];

/// SHA-256 in a loop instead of unrolled: it hashes one verifier a flow.
const COMPACT_SHA256: &str = "--cfg=sha2_backend_soft=\"compact\"";

/// The beginning of a page's script: one request the less before the page is ready.
const START: &str = "www/start.js";
/// The end of that of the [`SAFE`].
const ANSWER: &str = "www/answer.js";

/// The parts of the extension that are shipped as they are, [`START`] and [`ANSWER`] aside: a path in the repository and its path in the package.
const SHIPPED_AS_IS: [(&str, &str); 4] = [
    ("www", ""),
    ("extension/background.js", "background.js"),
    ("extension/icons", "icons"),
    ("extension/_locales", "_locales"),
];

/// Where the unpacked extension of one browser is built.
pub(crate) fn unpacked(workspace: &Workspace, browser: Browser) -> PathBuf {
    workspace.target().join("extension").join(browser.name())
}

/// The WebAssembly of a module.
pub(crate) fn wasm(directory: &Path, module: &str) -> PathBuf {
    directory.join(format!("{module}_bg.wasm"))
}

/// Builds both unpacked extensions.
pub(crate) fn build(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let cargo_home = cargo_home()?;
    let bindings = workspace.target().join("extension").join("bindings");
    empty_directory(&bindings)?;
    for module in MODULES {
        let compiled = step(&format!("compile to WebAssembly: {module}"), || {
            compile(workspace, &cargo_home, module)
        })?;
        step("write the JavaScript bindings", || {
            bind(workspace, &compiled, module, &bindings)
        })?;
        step("shrink the WebAssembly", || {
            optimize(workspace, tools, module, &wasm(&bindings, module))
        })?;
    }
    names_no_place(&bindings, &[workspace.root(), &cargo_home])?;
    for browser in Browser::ALL {
        let directory = unpacked(workspace, browser);
        step(&format!("put together {}", directory.display()), || {
            assemble(workspace, browser, &bindings)
        })?;
    }
    Ok(())
}

fn compile(workspace: &Workspace, cargo_home: &Path, module: &str) -> Result<PathBuf> {
    let with_standard_library = setup::has_standard_library(workspace)?;
    let cargo = || {
        let mut cargo = workspace.cargo();
        if with_standard_library {
            cargo.args(STANDARD_LIBRARY).env("RUSTC_BOOTSTRAP", "1");
        }
        cargo
    };
    // The downloads decide which directories are to be renamed, so they come first.
    process::run(cargo().args(["fetch", "--locked", "--quiet", "--target", WASM_TARGET]))?;
    let mut flags = remapped_paths(workspace, cargo_home)?;
    flags.push(COMPACT_SHA256.into());
    if with_standard_library {
        flags.extend(WITH_STANDARD_LIBRARY.map(OsString::from));
    }
    process::run(
        cargo()
            .args(["build", "--locked", "--package", "tokenkeep", "--lib"])
            .args(["--no-default-features", "--features", module])
            .args(["--profile", PROFILE, "--target", WASM_TARGET])
            .arg("--target-dir")
            .arg(workspace.target())
            // This variable also outweighs a person's own flags, which would change the output.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join(&OsString::from("\u{1f}"))),
    )?;
    Ok(workspace
        .target()
        .join(WASM_TARGET)
        .join(PROFILE)
        .join("tokenkeep.wasm"))
}

/// Flags that rename every directory of this machine which the compiler would write into the output. The last match wins.
fn remapped_paths(workspace: &Workspace, cargo_home: &Path) -> Result<Vec<OsString>> {
    let rustc =
        |arguments: &[&str]| process::output(Command::new("rustc").args(arguments).current_dir(workspace.root()));
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
    let version = rustc(&["--version", "--verbose"])?;
    let commit = version
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .context("rustc has no commit")?;

    let mut renamed = vec![
        (workspace.root().to_owned(), "/tokenkeep".to_owned()),
        (cargo_home.to_owned(), "/cargo".to_owned()),
        (sysroot.clone(), "/rust".to_owned()),
        // Where the component rust-src is installed, rustc finds the standard library there instead of at this name.
        (sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{commit}")),
    ];
    // The directory of a registry is named after its address, which a mirror changes.
    let registries = cargo_home.join("registry").join("src");
    let entries = fs::read_dir(&registries).with_context(|| format!("reading {}", registries.display()))?;
    for entry in entries {
        renamed.push((entry?.path(), "/crates".to_owned()));
    }
    Ok(renamed
        .into_iter()
        .map(|(path, name)| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(path);
            flag.push("=");
            flag.push(name);
            flag
        })
        .collect())
}

/// Cargo's own directory, as Cargo finds it.
fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        return Ok(PathBuf::from(home));
    }
    Ok(env::home_dir()
        .context("there is no home directory to find Cargo's in: set $CARGO_HOME")?
        .join(".cargo"))
}

fn bind(workspace: &Workspace, compiled: &Path, module: &str, bindings: &Path) -> Result<()> {
    let worker = module == MODULES[0];
    let mut bindgen = Bindgen::new();
    // A page's script is no module: browsers start modules later.
    let bindgen = if worker {
        bindgen.web(true)?
    } else {
        bindgen.no_modules(true)?
    };
    let mut output = bindgen
        .input_path(compiled)
        .out_name(module)
        .typescript(false)
        // The worker throws an instance away after a panic and starts a new one; a page is loaded again.
        .reset_state_function(worker)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .context("wasm-bindgen")?;
    let wasm = output.wasm_mut();
    let names = short_names(
        wasm.imports
            .iter_mut()
            .map(|import| &mut import.name)
            .chain(wasm.exports.iter_mut().map(|export| &mut export.name)),
    );
    output.emit(bindings).context("wasm-bindgen")?;
    let script = bindings.join(format!("{module}.js"));
    let mut text = fs::read_to_string(&script).with_context(|| format!("reading {}", script.display()))?;
    for (long, short) in names {
        text = text.replace(&long, &short);
    }
    if !worker {
        let part = if module == SAFE { ANSWER } else { START };
        let own = fs::read_to_string(workspace.root().join(part)).context(part)?;
        text = if module == SAFE { [text, own] } else { [own, text] }.join("\n");
    }
    fs::write(&script, text).with_context(|| format!("writing {}", script.display()))
}

/// Gives what wasm-bindgen calls `__wbg_getAttribute_3c0f5e2b9d1a7c46` the name `getAttribute`, and the ways into a closure,
/// which have the types of its arguments in their names, numbers. Returned are the old names and the new ones, the longest
/// first. Both files become smaller by it, and can be read.
fn short_names<'a>(names: impl Iterator<Item = &'a mut String>) -> Vec<(String, String)> {
    let mut taken = HashSet::new();
    let mut renamed = Vec::new();
    for name in names {
        let plain = match name.rsplit_once('_') {
            _ if name.starts_with("wasm_bindgen_") => "invoke",
            Some((plain, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                plain.trim_start_matches("__wbg_").trim_start_matches("__wbindgen_")
            }
            _ => continue,
        };
        let mut short = plain.to_owned();
        let mut count = 1;
        while !taken.insert(short.clone()) {
            count += 1;
            short = format!("{plain}_{count}");
        }
        renamed.push((mem::replace(name, short.clone()), short));
    }
    renamed.sort_by_key(|(long, _)| Reverse(long.len()));
    renamed
}

fn optimize(workspace: &Workspace, tools: &Tools, module: &str, wasm: &Path) -> Result<()> {
    let binaryen = workspace.e2e().join("node_modules/binaryen/bin/wasm-opt");
    let mut command = tools.node();
    command.arg(binaryen).arg("--mvp-features");
    if module != SAFE {
        // Control flow that is taken apart and put together anew is a hundredth smaller. Not where time counts.
        command.args(["--flatten", "--rereloop", "-Oz"]);
    }
    command.arg("-Oz");
    for feature in WASM_FEATURES {
        command.arg(format!("--enable-{feature}"));
    }
    // Without a limit binaryen inlines every function that has one caller; as functions of their own the large ones
    // compress much better and are hardly larger.
    command.arg("--one-caller-inline-max-function-size=50");
    // No data lies in the first KiB: it is the far end of the stack.
    command.arg("--low-memory-unused");
    process::run(
        command
            .args(["--strip-target-features", "--output"])
            .arg(wasm)
            .arg(wasm),
    )
}

/// Fails if a directory of this machine is named in what ships.
fn names_no_place(bindings: &Path, places: &[&Path]) -> Result<()> {
    for file in files_below(bindings)? {
        let bytes = fs::read(bindings.join(&file))?;
        for place in places {
            let name = place.as_os_str().as_encoded_bytes();
            let named = bytes.windows(name.len()).any(|window| window == name);
            ensure!(
                !named,
                "{} names {}: the output would differ elsewhere",
                file.display(),
                place.display()
            );
        }
    }
    Ok(())
}

fn assemble(workspace: &Workspace, browser: Browser, bindings: &Path) -> Result<()> {
    let directory = unpacked(workspace, browser);
    empty_directory(&directory)?;
    for (from, to) in SHIPPED_AS_IS {
        copy(&workspace.root().join(from), &directory.join(to))?;
    }
    include_parts(&directory)?;
    for part in [START, ANSWER] {
        let file = directory.join(part.trim_start_matches("www/"));
        fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
    }
    copy(bindings, &directory)?;
    for file in files_below(&directory.join("_locales"))? {
        strip_notes(&directory.join("_locales").join(file))?;
    }
    let manifest = directory.join("manifest.json");
    fs::write(&manifest, manifest::generate(workspace, browser)?)
        .with_context(|| format!("writing {}", manifest.display()))
}

/// What several pages have in common, in a directory of its own that does not ship.
const PARTS: &str = "parts";

/// Puts the parts into the pages that name them, each on a line of its own: `<!-- include parts/name.html -->`.
fn include_parts(directory: &Path) -> Result<()> {
    for file in files_below(directory)? {
        if file.extension().is_none_or(|ending| ending != "html") || file.starts_with(PARTS) {
            continue;
        }
        let path = directory.join(&file);
        let mut page = String::new();
        for line in fs::read_to_string(&path)?.lines() {
            let part = line
                .strip_prefix("<!-- include ")
                .and_then(|rest| rest.strip_suffix(" -->"));
            match part {
                Some(part) => page += &fs::read_to_string(directory.join(part)).with_context(|| part.to_owned())?,
                None => page.extend([line, "\n"]),
            }
        }
        fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    }
    fs::remove_dir_all(directory.join(PARTS)).context("removing the parts")
}

/// Texts ship without the notes to translators: a browser reads none, and they are a third of the file.
fn strip_notes(messages: &Path) -> Result<()> {
    let place = || format!("the texts in {}", messages.display());
    let mut texts: serde_json::Value =
        serde_json::from_slice(&fs::read(messages).with_context(place)?).with_context(place)?;
    for text in texts.as_object_mut().with_context(place)?.values_mut() {
        let text = text.as_object_mut().with_context(place)?;
        text.remove("description");
        let placeholders = text.get_mut("placeholders").and_then(serde_json::Value::as_object_mut);
        for placeholder in placeholders.into_iter().flat_map(|all| all.values_mut()) {
            placeholder.as_object_mut().with_context(place)?.remove("example");
        }
    }
    // Built together with the sandbox, serde_json keeps another order: the packages must not show how xtask was built.
    texts.sort_all_objects();
    fs::write(messages, texts.to_string()).with_context(place)
}

/// Copies a file, or everything in a directory. Two sources of one path are a mistake.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        return copy_file(from, to);
    }
    for file in files_below(from)? {
        copy_file(&from.join(&file), &to.join(&file))?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        bail!("{} comes from two places, one of them {}", to.display(), from.display());
    }
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// The relative paths of all files below a directory, sorted.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        let absolute = directory.join(&relative);
        let entries = fs::read_dir(&absolute).with_context(|| format!("reading {}", absolute.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = relative.join(entry.file_name());
            if entry.path().is_dir() {
                pending.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn empty_directory(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("emptying {}", directory.display()))?;
    }
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use std::cmp::Reverse;

    use super::{copy, empty_directory, files_below, include_parts, names_no_place, short_names, strip_notes};

    #[test]
    fn names_without_their_hashes() {
        let mut names = [
            "__wbg_value_00000000000000a1",
            "__wbg_value_00000000000000b2",
            "__wbindgen_generic_0000000000000001",
            "wasm_bindgen_00000000000000c3___convert__closures_____invoke_______true_",
            "__wbindgen_malloc",
            "handle",
            "memory",
        ]
        .map(str::to_owned);
        let renamed = short_names(names.iter_mut());
        assert_eq!(
            names,
            [
                "value",
                "value_2",
                "generic",
                "invoke",
                "__wbindgen_malloc",
                "handle",
                "memory"
            ]
        );
        assert_eq!(renamed.len(), 4);
        assert!(renamed.is_sorted_by_key(|(long, _)| Reverse(long.len())));
    }

    #[test]
    fn files_are_listed_in_one_order_at_any_depth() {
        let directory = tempfile::tempdir().expect("a directory");
        for path in ["b/two", "a", "b/one", "c/d/e"] {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        let expected: Vec<_> = ["a", "b/one", "b/two", "c/d/e"].iter().map(PathBuf::from).collect();
        assert_eq!(files_below(directory.path()).expect("listed"), expected);
    }

    #[test]
    fn parts_are_put_in_where_they_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("written");
        fs::create_dir(directory.path().join("parts")).expect("made");
        write("parts/form.html", "<form>\n</form>\n");
        write("page.html", "<main>\n<!-- include parts/form.html -->\n</main>\n");
        include_parts(directory.path()).expect("included");
        let page = fs::read_to_string(directory.path().join("page.html")).expect("read");
        assert_eq!(page, "<main>\n<form>\n</form>\n</main>\n");
        assert!(!directory.path().join("parts").exists());

        fs::create_dir(directory.path().join("parts")).expect("made");
        write("page.html", "<!-- include parts/absent.html -->\n");
        let error = include_parts(directory.path()).expect_err("absent").to_string();
        assert_eq!(error, "parts/absent.html");
    }

    #[test]
    fn a_path_that_two_sources_make_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir(&from).expect("made");
        fs::write(from.join("file"), "1").expect("written");
        copy(&from, &to).expect("the first time");
        assert!(
            copy(&from, &to)
                .expect_err("the second time")
                .to_string()
                .contains("two places")
        );
        empty_directory(&to).expect("emptied");
        copy(&from, &to).expect("after emptying");
    }

    #[test]
    fn texts_lose_their_notes_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("messages.json");
        let text =
            r#"{"a":{"description":"x","message":"$N$ “b”","placeholders":{"n":{"content":"$1","example":"7"}}}}"#;
        fs::write(&file, text).expect("written");
        strip_notes(&file).expect("stripped");
        let left = fs::read_to_string(&file).expect("read");
        assert_eq!(
            left,
            r#"{"a":{"message":"$N$ “b”","placeholders":{"n":{"content":"$1"}}}}"#
        );
        for broken in ["[]", "{\"a\":1}", "{"] {
            fs::write(&file, broken).expect("written");
            assert!(strip_notes(&file).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_named_directory_is_found_in_the_output() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(
            directory.path().join("x.wasm"),
            b"\0asm panicked at /home/me/src/lib.rs",
        )
        .expect("written");
        let places = |place| names_no_place(directory.path(), &[Path::new(place)]);
        assert!(places("/home/you").is_ok());
        assert!(
            places("/home/me")
                .expect_err("named")
                .to_string()
                .starts_with("x.wasm names /home/me")
        );
    }
}
