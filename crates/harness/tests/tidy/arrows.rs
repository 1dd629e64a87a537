//! Which crate may use which of ours: the table of DESIGN.md §2.

use crate::sources::{TOOLS, crates, toml};

const ALL: [&str; 9] = ["journal", "core", "inspect", "target", "control", "gateway", "channels", "web", "verify"];

/// Crate folder and what it may use.
const ARROWS: [(&str, &[&str]); 11] = [
    ("journal", &[]),
    ("core", &["journal"]),
    ("inspect", &["journal", "core"]),
    ("target", &["journal", "core"]),
    ("control", &["journal", "core", "target"]),
    ("gateway", &["journal", "core", "inspect", "target", "control"]),
    ("channels", &["journal", "core", "control"]),
    ("web", &["journal", "core", "inspect", "control"]),
    ("verify", &["journal"]),
    ("prove", &["journal", "core"]),
    ("countersign", &ALL),
];

/// What is wrong in the workspace.
pub fn workspace_findings() -> Vec<String> {
    let mut findings = Vec::new();
    for name in crates() {
        findings.extend(self::findings(&name, &toml(&format!("crates/{name}/Cargo.toml"))));
    }
    findings
}

/// What is wrong in one crate's manifest.
fn findings(name: &str, manifest: &toml::Table) -> Vec<String> {
    let used = ours(manifest);
    if name == "harness" {
        return used.iter().map(|one| format!("`harness` must know nothing of ours, but uses `{one}`")).collect();
    }
    if TOOLS.contains(&name) {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![format!("`{name}` has no row in the table of arrows: give it one, here and in the design")];
    };
    used.iter()
        .filter(|one| !allowed.contains(&one.as_str()))
        .map(|one| format!("`{name}` must not use `{one}`"))
        .collect()
}

/// Our crates among the dependencies of what is delivered; those for tests are free.
fn ours(manifest: &toml::Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table);
    let tables = std::iter::once(manifest).chain(targets);
    let mut used = Vec::new();
    for table in tables {
        for kind in ["dependencies", "build-dependencies"] {
            let dependencies = table.get(kind).and_then(toml::Value::as_table);
            used.extend(dependencies.into_iter().flatten().filter_map(|(key, value)| our_name(key, value)));
        }
    }
    used
}

fn our_name(key: &str, value: &toml::Value) -> Option<String> {
    let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
    let path = value.get("path").and_then(toml::Value::as_str).and_then(|path| path.rsplit('/').next());
    match package.strip_prefix("countersign-") {
        Some(folder) => Some(folder.to_owned()),
        None if package == "countersign" => Some(package.to_owned()),
        None => path.map(str::to_owned),
    }
}

#[test]
fn planted_arrows_are_found() {
    let check = |name: &str, text: &str| findings(name, &text.parse().expect("planted TOML"));
    let upward = "[dependencies]\ncountersign-journal.workspace = true\ncountersign-control.workspace = true\n";
    assert_eq!(check("core", upward), ["`core` must not use `control`"]);
    assert_eq!(check("channels", upward), Vec::<String>::new());
    let sideways = "[target.'cfg(unix)'.dependencies]\nother = { package = \"countersign-channels\" }\n";
    assert_eq!(check("gateway", sideways), ["`gateway` must not use `channels`"]);
    let by_path = "[build-dependencies]\nodd = { path = \"../web\" }\n";
    assert_eq!(check("verify", by_path), ["`verify` must not use `web`"]);
    let harness = "[dependencies]\ncountersign-harness.workspace = true\n";
    assert_eq!(check("web", harness), ["`web` must not use `harness`"]);
    assert_eq!(check("countersign", harness), ["`countersign` must not use `harness`"]);
    assert_eq!(check("bench", harness), Vec::<String>::new());
    assert_eq!(check("web", "[dev-dependencies]\ncountersign-harness.workspace = true\n"), Vec::<String>::new());
    assert_eq!(check("harness", "[dependencies]\ncountersign-core.workspace = true\n").len(), 1);
    assert_eq!(check("newcomer", "").len(), 1);
}
