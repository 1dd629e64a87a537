//! Where the clock is read and the dice are thrown decides whether tests can replay.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};

use crate::sources::{Source, is_test_only};

/// The only files that may.
pub const ROOMS: [&str; 3] =
    ["crates/control/src/clock.rs", "crates/control/src/dice.rs", "crates/prove/src/history.rs"];

/// Types whose `now` reads a clock, and `elapsed`, which hides one.
const CLOCKS: [&str; 6] = ["SystemTime", "Instant", "Utc", "Local", "Timestamp", "Zoned"];
/// Names that mean randomness wherever they stand in a path.
const DICE: [&str; 6] = ["SystemRandom", "getrandom", "rand", "fastrand", "OsRng", "thread_rng"];

/// Every call outside test code.
pub fn findings(source: &Source) -> Vec<String> {
    let mut search = Search::default();
    search.visit_file(&source.file);
    search.found.into_iter().map(|(line, what)| format!("{}:{line} uses `{what}`", source.path)).collect()
}

#[derive(Default)]
struct Search {
    found: BTreeSet<(usize, String)>,
}

impl Search {
    fn names(&mut self, names: &[(String, usize)]) {
        for (name, line) in names {
            if DICE.contains(&name.as_str()) {
                self.found.insert((*line, name.clone()));
            }
        }
        for pair in names.windows(2) {
            let [(kind, line), (method, _)] = pair else { continue };
            if method == "now" && CLOCKS.contains(&kind.as_str()) {
                self.found.insert((*line, format!("{kind}::now")));
            }
        }
    }

    fn imported(&mut self, name: &syn::Ident) {
        self.names(&[(name.to_string(), name.span().start().line)]);
    }
}

impl<'ast> Visit<'ast> for Search {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test_only(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test_only(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> =
            path.segments.iter().map(|one| (one.ident.to_string(), one.ident.span().start().line)).collect();
        self.names(&names);
        visit::visit_path(self, path);
    }

    fn visit_use_path(&mut self, path: &'ast syn::UsePath) {
        self.imported(&path.ident);
        visit::visit_use_path(self, path);
    }

    fn visit_use_name(&mut self, name: &'ast syn::UseName) {
        self.imported(&name.ident);
    }

    fn visit_use_rename(&mut self, rename: &'ast syn::UseRename) {
        self.imported(&rename.ident);
        // Under another name the clock could be read unseen.
        if CLOCKS.contains(&rename.ident.to_string().as_str()) {
            let what = format!("{} as {}", rename.ident, rename.rename);
            self.found.insert((rename.ident.span().start().line, what));
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let mut names = Vec::new();
        flatten(call.tokens.clone(), &mut names);
        self.names(&names);
        visit::visit_macro(self, call);
    }
}

/// The identifiers inside a macro's tokens, in order; syn does not parse those.
fn flatten(tokens: proc_macro2::TokenStream, names: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            proc_macro2::TokenTree::Ident(name) => names.push((name.to_string(), name.span().start().line)),
            proc_macro2::TokenTree::Group(group) => flatten(group.stream(), names),
            proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Literal(_) => {}
        }
    }
}

#[test]
fn planted_clocks_and_dice_are_found() {
    let check = |text: &str| findings(&Source::new("planted.rs", text));
    for (text, what) in [
        ("fn f() { std::time::SystemTime::now(); }", "SystemTime::now"),
        ("fn f() { let started = Instant::now(); }", "Instant::now"),
        ("fn f() { tokio::time::Instant::now(); }", "Instant::now"),
        ("fn f() -> Timestamp { jiff::Timestamp::now() }", "Timestamp::now"),
        ("fn f() { Some(1).map(|_| chrono::Utc::now()); }", "Utc::now"),
        ("fn f() { option.unwrap_or_else(Zoned::now); }", "Zoned::now"),
        ("fn f() { trace!(at = ?Instant::now()); }", "Instant::now"),
        ("use std::time::Instant as Clock;", "Instant as Clock"),
        ("use aws_lc_rs::rand::SystemRandom;", "rand"),
        ("use {fastrand};", "fastrand"),
        ("fn f() { rand::random::<u8>(); }", "rand"),
        ("fn f() { getrandom::fill(&mut bytes); }", "getrandom"),
        ("impl S { fn f() { SystemRandom::new(); } }", "SystemRandom"),
    ] {
        let found = check(text);
        assert!(found.iter().any(|one| one == &format!("planted.rs:1 uses `{what}`")), "{text}: {found:?}");
    }
    for text in [
        "#[cfg(test)] mod tests { fn f() { Instant::now(); } }",
        "#[test] fn f() { Instant::now(); }",
        "use std::time::Instant; fn f(now: Instant) { clock.now(); }",
        "/// Not Instant::now().\nfn f() { let text = \"rand::random\"; }",
    ] {
        assert_eq!(check(text), Vec::<String>::new(), "{text}");
    }
}
