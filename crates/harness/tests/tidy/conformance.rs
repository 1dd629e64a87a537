//! `docs/conformance.md`: every requirement has one row, and what is called done or partial names tests that exist.
//!
//! `| R12 | done | web::a_requester_chooses_approvers, tests/browser/choose.mjs | … |`

use std::fs;
use std::ops::RangeInclusive;

use crate::sources::{crates, root};

/// The numbers of the requirements.
const REQUIREMENTS: [RangeInclusive<u8>; 8] = [1..=8, 10..=21, 30..=42, 50..=56, 60..=65, 70..=75, 80..=87, 90..=93];

/// What a row's tests are looked up in.
struct Known {
    /// Path and text of each Rust file.
    sources: Vec<(String, String)>,
    /// Paths below `tests/browser/`.
    scripts: Vec<String>,
}

/// What is wrong in the workspace.
pub fn workspace_findings() -> Vec<String> {
    let Ok(page) = fs::read_to_string(root().join("docs/conformance.md")) else {
        return vec!["`docs/conformance.md` does not exist: write it, one row per requirement".to_owned()];
    };
    findings(&page, &known())
}

fn findings(page: &str, known: &Known) -> Vec<String> {
    let mut findings = Vec::new();
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    for number in REQUIREMENTS.into_iter().flatten() {
        match rows.iter().filter(|(found, ..)| *found == number).count() {
            1 => {}
            count => findings.push(format!("R{number} has {count} rows instead of one")),
        }
    }
    for (number, status, tests) in rows {
        if !REQUIREMENTS.iter().any(|range| range.contains(&number)) {
            findings.push(format!("R{number} is not a requirement"));
        }
        findings.extend(row_findings(number, status, tests, known));
    }
    findings
}

fn row_findings(number: u8, status: &str, tests: &str, known: &Known) -> Vec<String> {
    let is_partial = status.strip_prefix("partial").is_some_and(|why| {
        let why = why.trim();
        why.starts_with('(') && why.ends_with(')') && why.len() > 2
    });
    match status {
        "open" => return Vec::new(),
        "done" => {}
        _ if is_partial => {}
        _ => return vec![format!("R{number} is `{status}`: say done, partial (what is missing) or open")],
    }
    let names: Vec<_> =
        tests.split(',').map(|name| name.trim().trim_matches('`')).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return vec![format!("R{number} is {status} but names no test")];
    }
    let absent = names.into_iter().filter(|name| !known.has(name));
    absent.map(|name| format!("R{number} names `{name}`, which does not exist")).collect()
}

/// Number, status and tests of a line `| R… | … | … |`.
fn row(line: &str) -> Option<(u8, &str, &str)> {
    let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
    let number = cells.next()?.trim_matches('*').strip_prefix('R')?.parse().ok()?;
    Some((number, cells.next().unwrap_or_default(), cells.next().unwrap_or_default()))
}

impl Known {
    fn has(&self, name: &str) -> bool {
        if let Some((place, function)) = name.rsplit_once("::") {
            // Only the first word places the test: a crate or a file; modules between are for the reader.
            let place = place.split("::").next().unwrap_or(place);
            return self.sources.iter().any(|(path, text)| is_at(place, path) && defines(text, function));
        }
        let script = name.strip_prefix("tests/browser/").unwrap_or(name);
        self.scripts.iter().any(|known| known == script)
    }
}

/// Whether `place` (a crate, its folder, a file or a file's stem) is where `path` lies.
fn is_at(place: &str, path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let folder = parts.next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let crate_name = place.strip_prefix("countersign-").or(place.strip_prefix("countersign_")).unwrap_or(place);
    folder == crate_name || path == place || file == place || file.strip_suffix(".rs") == Some(place)
}

fn defines(text: &str, function: &str) -> bool {
    text.match_indices(&format!("fn {function}")).any(|(start, found)| {
        let next = text[start + found.len()..].chars().next();
        next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
    })
}

fn known() -> Known {
    let folders = crates().into_iter().flat_map(|name| ["src", "tests"].map(|part| format!("crates/{name}/{part}")));
    let sources = folders.flat_map(|folder| files(&folder)).filter(|path| path.ends_with(".rs"));
    Known {
        sources: sources
            .map(|path| {
                let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
                (path, text)
            })
            .collect(),
        scripts: files("tests/browser")
            .into_iter()
            .filter_map(|path| path.strip_prefix("tests/browser/").map(str::to_owned))
            .collect(),
    }
}

fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if !entry.path().is_dir() {
            found.push(path);
        } else if name != "node_modules" {
            found.extend(files(&path));
        }
    }
    found
}

#[test]
fn planted_rows_are_found() {
    let known = Known {
        sources: vec![("crates/web/tests/pages.rs".to_owned(), "#[test]\nfn opens() {}\n".to_owned())],
        scripts: vec!["choose.mjs".to_owned()],
    };
    let complete: String =
        REQUIREMENTS.into_iter().flatten().map(|number| format!("| R{number} | open | | |\n")).collect();
    let check = |row: &str| findings(&complete.replace("| R12 | open | | |", row), &known);
    for fine in [
        "| R12 | done | web::opens | note |",
        "| R12 | done | countersign-web::pages::opens, `pages::opens` |",
        "| R12 | done | crates/web/tests/pages.rs::opens |",
        "| R12 | partial (no phones yet) | tests/browser/choose.mjs |",
        "| **R12** | open | |",
    ] {
        assert_eq!(check(fine), Vec::<String>::new(), "{fine}");
    }
    for (fault, expected) in [
        ("| R12 | done | web::open |", "R12 names `web::open`, which does not exist"),
        ("| R12 | done | control::opens |", "R12 names `control::opens`, which does not exist"),
        ("| R12 | done | tests/browser/gone.mjs |", "R12 names `tests/browser/gone.mjs`, which does not exist"),
        ("| R12 | done | |", "R12 is done but names no test"),
        ("| R12 | partial | web::opens |", "R12 is `partial`: say done, partial (what is missing) or open"),
        ("| R12 | nearly | web::opens |", "R12 is `nearly`: say done, partial (what is missing) or open"),
        ("nothing", "R12 has 0 rows instead of one"),
        ("| R12 | open | |\n| R12 | open | |", "R12 has 2 rows instead of one"),
        ("| R12 | open | |\n| R99 | open | |", "R99 is not a requirement"),
    ] {
        assert_eq!(check(fault), [expected], "{fault}");
    }
}
