//! What says "later": macros that panic in place of code, debug prints and ignored tests.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};

use crate::sources::Source;

const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Every such place, test code included.
pub fn findings(source: &Source) -> Vec<String> {
    let mut search = Search::default();
    search.visit_file(&source.file);
    search.found.into_iter().map(|(line, what)| format!("{}:{line} has `{what}`", source.path)).collect()
}

#[derive(Default)]
struct Search {
    found: BTreeSet<(usize, String)>,
}

impl Search {
    /// Macros inside a macro's tokens: an identifier followed by `!`.
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (place, token) in tokens.iter().enumerate() {
            match token {
                proc_macro2::TokenTree::Group(group) => self.tokens(group.stream()),
                proc_macro2::TokenTree::Ident(name) => {
                    let next = tokens.get(place + 1).map(ToString::to_string);
                    if next.as_deref() == Some("!") {
                        self.named(&name.to_string(), name.span());
                    }
                }
                proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Literal(_) => {}
            }
        }
    }

    fn named(&mut self, name: &str, span: proc_macro2::Span) {
        if MACROS.contains(&name) {
            self.found.insert((span.start().line, format!("{name}!")));
        }
    }
}

impl<'ast> Visit<'ast> for Search {
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(last) = call.path.segments.last() {
            self.named(&last.ident.to_string(), last.ident.span());
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let is_conditional = attribute.path().is_ident("cfg_attr")
            && matches!(&attribute.meta, syn::Meta::List(list)
                if list.tokens.clone().into_iter().any(|token| token.to_string() == "ignore"));
        if attribute.path().is_ident("ignore") || is_conditional {
            let span = attribute.pound_token.spans[0];
            self.found.insert((span.start().line, "#[ignore]".to_owned()));
        }
    }
}

#[test]
fn planted_leftovers_are_found() {
    let check = |text: &str| findings(&Source::new("planted.rs", text));
    for (text, what) in [
        ("fn f() { todo!() }", "todo!"),
        ("fn f() { std::unimplemented!(\"later\") }", "unimplemented!"),
        ("fn f() { let x = dbg!(1); }", "dbg!"),
        ("fn f() { vec![dbg!(1)]; }", "dbg!"),
        ("#[test] #[ignore] fn f() {}", "#[ignore]"),
        ("#[test] #[ignore = \"slow\"] fn f() {}", "#[ignore]"),
        ("#[test] #[cfg_attr(unix, ignore)] fn f() {}", "#[ignore]"),
    ] {
        assert_eq!(check(text), [format!("planted.rs:1 has `{what}`")], "{text}");
    }
    assert_eq!(check("// todo!\nfn f() { let todo = \"todo!\"; }"), Vec::<String>::new());
}
