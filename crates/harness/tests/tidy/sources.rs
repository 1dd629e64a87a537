//! The workspace's sources, read and parsed once per rule.

use std::fs;
use std::path::{Path, PathBuf};

/// One parsed Rust file.
pub struct Source {
    /// Path from the workspace's root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its syntax tree.
    pub file: syn::File,
}

/// Crates that exist for tests and measurements: they may read clocks and depend on anything.
pub const TOOLS: [&str; 3] = ["harness", "demo", "bench"];

impl Source {
    /// Parses a text as if it were a file of that path.
    pub fn new(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("`{path}` is not Rust: {error}"));
        Self { path: path.to_owned(), text: text.to_owned(), file }
    }
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names of the folders under `crates/`.
pub fn crates() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(root().join("crates"))
        .expect("the workspace has crates")
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A file as TOML.
pub fn toml(path: &str) -> toml::Table {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"));
    text.parse().unwrap_or_else(|error| panic!("`{path}`: {error}"))
}

/// `crates/*/src` of what is delivered, without files that are test modules.
pub fn product() -> Vec<Source> {
    in_folders(crates().iter().filter(|name| !TOOLS.contains(&name.as_str())), &["src"])
}

/// `crates/*/src` of every crate, without files that are test modules.
pub fn all_crates() -> Vec<Source> {
    in_folders(crates().iter(), &["src"])
}

/// Everything in Rust under `crates/`.
pub fn with_tests() -> Vec<Source> {
    let folders = ["src", "tests", "benches", "examples"];
    crates().iter().flat_map(|name| folders.map(|folder| format!("crates/{name}/{folder}"))).flat_map(read).collect()
}

/// Whether an item is compiled for tests only.
pub fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let last = attribute.path().segments.last().map(|segment| segment.ident.to_string());
        match (&attribute.meta, last.as_deref()) {
            (syn::Meta::List(list), Some("cfg")) => {
                let condition = list.tokens.to_string().replace(' ', "");
                let parts = condition.strip_prefix("all(").and_then(|rest| rest.strip_suffix(')'));
                condition == "test" || parts.is_some_and(|parts| parts.split(',').any(|part| part == "test"))
            }
            (_, last) => last == Some("test"),
        }
    })
}

fn in_folders<'a>(names: impl Iterator<Item = &'a String>, folders: &[&str]) -> Vec<Source> {
    let sources: Vec<_> = names
        .flat_map(|name| folders.iter().map(move |folder| format!("crates/{name}/{folder}")))
        .flat_map(read)
        .collect();
    let test_modules: Vec<_> = sources.iter().flat_map(test_module_files).collect();
    let is_test = |path: &str| {
        test_modules.iter().any(|module| path == format!("{module}.rs") || path.starts_with(&format!("{module}/")))
    };
    sources.into_iter().filter(|source| !is_test(&source.path)).collect()
}

/// Files (without `.rs`) declared as `#[cfg(test)] mod name;`.
fn test_module_files(source: &Source) -> Vec<String> {
    let path = Path::new(&source.path);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let parent = path.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
    let folder = match stem.as_ref() {
        "lib" | "main" | "mod" => parent,
        stem => format!("{parent}/{stem}"),
    };
    let declared = source.file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && is_test_only(&module.attrs) => Some(module),
        _ => None,
    });
    declared.map(|module| format!("{folder}/{}", module.ident)).collect()
}

fn read(folder: String) -> Vec<Source> {
    let mut entries: Vec<_> = fs::read_dir(root().join(&folder)).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut sources = Vec::new();
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            sources.extend(read(path));
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("`{path}`: {error}"));
            sources.push(Source::new(&path, &text));
        }
    }
    sources
}

#[test]
fn test_modules_are_recognised() {
    let modules = |text| test_module_files(&Source::new("crates/core/src/rule.rs", text));
    assert_eq!(modules("#[cfg(test)] mod tests;"), ["crates/core/src/rule/tests"]);
    assert_eq!(modules("#[cfg(all(test, unix))] mod more;"), ["crates/core/src/rule/more"]);
    assert!(modules("mod ruling; #[cfg(not(test))] mod real; #[cfg(any(test, unix))] mod both;").is_empty());
}
