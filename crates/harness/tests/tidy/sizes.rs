//! A function fits a screen and a file a sitting. Lines with code count; comments, blank lines and test code do not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::sources::{Source, is_test_only};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;
const RATCHET: &str = include_str!("../tidy_ratchet.txt");

/// Something above its limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Oversized {
    path: String,
    /// `file`, or `fn:name`, `fn:Type::name`.
    kind: String,
    lines: usize,
}

/// What is above its limit in one file.
pub fn oversized(source: &Source) -> Vec<Oversized> {
    let mut search = Search::default();
    search.visit_file(&source.file);
    let mut code = code_lines(&source.text);
    for lines in search.test_code {
        code.retain(|line| !lines.contains(line));
    }
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for (name, lines) in search.functions {
        let size = code.range(lines).count();
        let known = sizes.entry(format!("fn:{name}")).or_default();
        *known = size.max(*known);
    }
    sizes.retain(|_, lines| *lines > FUNCTION_LINES_MAX);
    if code.len() > FILE_LINES_MAX {
        sizes.insert("file".to_owned(), code.len());
    }
    sizes.into_iter().map(|(kind, lines)| Oversized { path: source.path.clone(), kind, lines }).collect()
}

/// Today's exceptions.
pub fn ratchet() -> Vec<Oversized> {
    parse_ratchet(RATCHET)
}

/// What is larger than the ratchet allows, and entries of the ratchet that are no longer needed as they are.
pub fn against_ratchet(oversized: &[Oversized], ratchet: &[Oversized]) -> Vec<String> {
    let same = |one: &Oversized, other: &Oversized| one.path == other.path && one.kind == other.kind;
    let mut findings = Vec::new();
    for found in oversized {
        let Oversized { path, kind, lines } = found;
        match ratchet.iter().find(|known| same(known, found)) {
            None => findings.push(format!("`{path}` {kind} has {lines} lines: split it")),
            Some(known) if known.lines < *lines => {
                findings.push(format!("`{path}` {kind} grew from {} to {lines} lines: split it", known.lines));
            }
            Some(known) if known.lines > *lines => {
                findings.push(format!("`{path}` {kind} shrank to {lines} lines: lower its number in tidy_ratchet.txt"))
            }
            Some(_) => {}
        }
    }
    for known in ratchet {
        if !oversized.iter().any(|found| same(found, known)) {
            findings
                .push(format!("`{} {}` is within limits now: remove it from tidy_ratchet.txt", known.path, known.kind));
        }
    }
    findings
}

fn parse_ratchet(text: &str) -> Vec<Oversized> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let entry = (words.next(), words.next(), words.next().and_then(|number| number.parse().ok()));
            match entry {
                (Some(path), Some(kind), Some(lines)) => {
                    Oversized { path: path.to_owned(), kind: kind.to_owned(), lines }
                }
                _ => panic!("tidy_ratchet.txt: `{line}` is not `path kind number`"),
            }
        })
        .collect()
}

#[derive(Default)]
struct Search {
    owner: Option<String>,
    functions: Vec<(String, RangeInclusive<usize>)>,
    test_code: Vec<RangeInclusive<usize>>,
}

impl Search {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let name = match &self.owner {
            Some(owner) => format!("{owner}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        self.functions.push((name, signature.span().start().line..=body.span().end().line));
    }

    fn owned_by(&mut self, owner: String, visit: impl FnOnce(&mut Self)) {
        let outer = self.owner.replace(owner);
        visit(self);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Search {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if is_test_only(&module.attrs) {
            self.test_code.push(lines(module));
        } else {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if is_test_only(&function.attrs) {
            self.test_code.push(lines(function));
        } else {
            self.function(&function.sig, &function.block);
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let owner = match block.self_ty.as_ref() {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.owned_by(owner.unwrap_or_else(|| "impl".to_owned()), |search| visit::visit_item_impl(search, block));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.owned_by(item.ident.to_string(), |search| visit::visit_item_trait(search, item));
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn lines(item: &impl Spanned) -> RangeInclusive<usize> {
    item.span().start().line..=item.span().end().line
}

/// Numbers of the lines on which a token stands. Doc comments are tokens too and are left out.
fn code_lines(text: &str) -> BTreeSet<usize> {
    let tokens: proc_macro2::TokenStream = text.parse().expect("the file was parsed before");
    let text: Vec<_> = text.lines().collect();
    let mut code = BTreeSet::new();
    add_lines(tokens, &text, &mut code);
    code
}

fn add_lines(tokens: proc_macro2::TokenStream, text: &[&str], code: &mut BTreeSet<usize>) {
    for token in tokens {
        let (start, end) = (token.span().start(), token.span().end());
        let written: String = text[start.line - 1].chars().skip(start.column).take(2).collect();
        if written == "//" || written == "/*" {
            continue;
        }
        match token {
            proc_macro2::TokenTree::Group(group) => {
                code.extend([start.line, end.line]);
                add_lines(group.stream(), text, code);
            }
            _ => code.extend(start.line..=end.line),
        }
    }
}

#[test]
fn planted_sizes_are_found() {
    let body = |lines: usize| "    call();\n".repeat(lines);
    let check = |text: &str| {
        let found = oversized(&Source::new("planted.rs", text));
        found.into_iter().map(|one| format!("{} {}", one.kind, one.lines)).collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    assert_eq!(check(&format!("fn fits() {{\n{}}}\n", body(68))), none);
    assert_eq!(check(&format!("fn long() {{\n{}}}\n", body(69))), ["fn:long 71"]);
    assert_eq!(
        check(&format!("/// Doc.\n/** more\ndoc */\nfn commented() {{\n// why\n/* and\n\nwhy */\n{}}}\n", body(68))),
        none
    );
    assert_eq!(check(&format!("impl T for S {{\nfn long() {{\n{}}}\n}}\n", body(69))), ["fn:S::long 71"]);
    assert_eq!(check(&format!("trait T {{\nfn long() {{\n{}}}\n}}\n", body(69))), ["fn:T::long 71"]);
    assert_eq!(check(&format!("mod m {{\nfn long() {{\nlet text = \"\n{}\";\n}}\n}}\n", body(69))), ["fn:long 73"]);
    assert_eq!(check(&format!("#[cfg(test)]\nmod tests {{\nfn long() {{\n{}}}\n}}\n", body(600))), none);
    assert_eq!(check(&"const A: u8 = 1;\n".repeat(500)), none);
    assert_eq!(check(&"const A: u8 = 1;\n\n// why\n".repeat(501)), ["file 501"]);
}

#[test]
fn the_ratchet_only_shrinks() {
    let of = |text: &str| parse_ratchet(text);
    let check = |found: &str, ratchet: &str| against_ratchet(&of(found), &of(ratchet)).len();
    assert_eq!(check("a.rs file 600", "# why\n\na.rs file 600"), 0);
    assert_eq!(check("a.rs file 601", "a.rs file 600"), 1);
    assert_eq!(check("a.rs file 599", "a.rs file 600"), 1);
    assert_eq!(check("", "a.rs fn:f 80"), 1);
    assert_eq!(check("a.rs fn:f 80", ""), 1);
    assert_eq!(check("a.rs fn:f 80", "a.rs fn:g 80"), 2);
}
