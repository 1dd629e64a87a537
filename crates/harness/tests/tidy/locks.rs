//! `fuzz` is a workspace of its own, with a lock file of its own: what is fuzzed is what is delivered only where both name the same
//! versions.

use super::sources;
use std::collections::BTreeSet;

/// Third-party packages that only fuzzing needs.
const FUZZING_ONLY: [&str; 2] = ["arbitrary", "libfuzzer-sys"];

/// Packages of `fuzz` in other versions than the workspace's.
pub fn workspace_findings() -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(sources::root().join(path)).expect("a lock file");
    findings(&read("Cargo.lock"), &read("fuzz/Cargo.lock"))
}

fn findings(workspace: &str, fuzz: &str) -> Vec<String> {
    let known = packages(workspace);
    let odd = packages(fuzz).into_iter().filter(|package| !known.contains(package));
    let odd = odd.filter(|(name, _)| name != "countersign-fuzz" && !FUZZING_ONLY.contains(&name.as_str()));
    odd.map(|(name, version)| format!("{name} {version} is not what the workspace has: run `cargo update` in `fuzz`"))
        .collect()
}

fn packages(lock: &str) -> BTreeSet<(String, String)> {
    let lock: toml::Table = lock.parse().expect("a lock file is TOML");
    let packages = lock["package"].as_array().expect("packages");
    let field = |package: &toml::Value, name: &str| package[name].as_str().expect("text").to_owned();
    packages.iter().map(|package| (field(package, "name"), field(package, "version"))).collect()
}

#[test]
fn another_version_is_found() {
    let lock = |version: &str| format!("[[package]]\nname = \"vt100\"\nversion = \"{version}\"\n");
    assert!(findings(&lock("0.16.2"), &lock("0.16.2")).is_empty());
    assert_eq!(findings(&lock("0.16.2"), &lock("0.16.1")).len(), 1);
}
