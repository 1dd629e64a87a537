//! `unsafe` is forbidden by one line in the workspace that every crate takes over.

use crate::sources::{crates, toml};

/// What is wrong in the workspace.
pub fn workspace_findings() -> Vec<String> {
    let mut findings: Vec<_> = workspace_manifest(&toml("Cargo.toml")).into_iter().collect();
    for name in crates() {
        findings.extend(crate_manifest(&name, &toml(&format!("crates/{name}/Cargo.toml"))));
    }
    findings
}

fn workspace_manifest(manifest: &toml::Table) -> Option<String> {
    let path = ["workspace", "lints", "rust", "unsafe_code"];
    let mut value = manifest.get(path[0]);
    for key in &path[1..] {
        value = value.and_then(|table| table.get(key));
    }
    let level = value.and_then(|lint| lint.get("level").or(Some(lint))).and_then(toml::Value::as_str);
    (level != Some("forbid")).then(|| "`Cargo.toml` lacks `unsafe_code = \"forbid\"` in its lints".to_owned())
}

fn crate_manifest(name: &str, manifest: &toml::Table) -> Option<String> {
    let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    (inherits != Some(true)).then(|| format!("`crates/{name}/Cargo.toml` lacks `[lints] workspace = true`"))
}

#[test]
fn planted_leniency_is_found() {
    let parse = |text: &str| text.parse::<toml::Table>().expect("planted TOML");
    assert!(workspace_manifest(&parse("[workspace.lints.rust]\nunsafe_code = \"deny\"")).is_some());
    assert!(workspace_manifest(&parse("[workspace]")).is_some());
    assert!(workspace_manifest(&parse("[workspace.lints.rust]\nunsafe_code = \"forbid\"")).is_none());
    assert!(workspace_manifest(&parse("[workspace.lints.rust]\nunsafe_code = { level = \"forbid\" }")).is_none());
    assert!(crate_manifest("x", &parse("[package]")).is_some());
    assert!(crate_manifest("x", &parse("[lints]\nworkspace = true")).is_none());
}
