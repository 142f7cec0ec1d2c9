//! The names that stand in Rust code: imports, paths, methods and fields.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The names of a file, without those in comments and literals. The arguments of macros count.
#[derive(Default)]
pub(crate) struct Names {
    /// One for each name that a `use` brings into scope.
    pub(crate) imports: Vec<Import>,
    /// Every path outside of `use`, also of one part.
    pub(crate) paths: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) fields: Vec<String>,
    tests: bool,
}

/// `use path as name;`, where a plain `use` has the last part of its path as its name.
pub(crate) struct Import {
    pub(crate) path: String,
    /// `None` for `use path::*`.
    pub(crate) name: Option<String>,
    /// `pub use`, for whichever circle of readers.
    pub(crate) reexport: bool,
}

impl Names {
    pub(crate) fn all(file: &syn::File) -> Self {
        let mut names = Self { tests: true, ..Self::default() };
        names.visit_file(file);
        names
    }

    pub(crate) fn outside_tests(file: &syn::File) -> Self {
        let mut names = Self::default();
        names.visit_file(file);
        names
    }

    /// The names of a module of the file, without those of the modules in it.
    pub(crate) fn of_items(items: &[syn::Item]) -> Self {
        let mut names = Self::default();
        for item in items.iter().filter(|item| !matches!(item, syn::Item::Mod(_))) {
            names.visit_item(item);
        }
        names
    }

    /// Imports and other paths.
    pub(crate) fn all_paths(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(|import| import.path.as_str()).chain(self.paths.iter().map(String::as_str))
    }

    /// Tokens have no syntax yet: a path is what colons join, a field or method what follows a dot.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path = String::new();
        let (mut joined, mut after_dot, mut colons) = (false, false, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) if after_dot => {
                    self.fields.push(name.to_string());
                    self.methods.push(name.to_string());
                }
                TokenTree::Ident(name) => {
                    if !joined {
                        self.end_path(&mut path);
                    }
                    path.push_str(&name.to_string());
                    joined = false;
                }
                TokenTree::Punct(punct) => {
                    colons = if punct.as_char() == ':' { colons + 1 } else { 0 };
                    after_dot = punct.as_char() == '.';
                    joined = colons == 2;
                    match colons {
                        1 => {}
                        2 if !path.is_empty() => path.push_str("::"),
                        _ => self.end_path(&mut path),
                    }
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end_path(&mut path);
                    self.read_tokens(group.stream());
                }
                TokenTree::Literal(_) => self.end_path(&mut path),
            }
            colons = 0;
            after_dot = false;
        }
        self.end_path(&mut path);
    }

    fn end_path(&mut self, path: &mut String) {
        let ended = std::mem::take(path);
        let ended = ended.trim_end_matches("::");
        if !ended.is_empty() {
            self.paths.push(ended.to_owned());
        }
    }

    fn read_use(&mut self, prefix: &str, tree: &syn::UseTree, reexport: bool) {
        let join = |name: &syn::Ident| match (prefix, name.to_string().as_str()) {
            ("", name) => name.to_owned(),
            (prefix, "self") => prefix.to_owned(),
            (prefix, name) => format!("{prefix}::{name}"),
        };
        let (path, name) = match tree {
            syn::UseTree::Path(path) => return self.read_use(&join(&path.ident), &path.tree, reexport),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use(prefix, tree, reexport);
                }
                return;
            }
            syn::UseTree::Name(name) => {
                let path = join(&name.ident);
                let last = path.rsplit("::").next().unwrap().to_owned();
                (path, Some(last))
            }
            syn::UseTree::Rename(rename) => (join(&rename.ident), Some(rename.rename.to_string())),
            syn::UseTree::Glob(_) => (prefix.to_owned(), None),
        };
        self.imports.push(Import { path, name, reexport });
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if self.tests || !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let reexport = !matches!(item.vis, syn::Visibility::Inherited);
        self.read_use("", &item.tree, reexport);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.paths.push(parts.join("::"));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.read_tokens(mac.tokens.clone());
        visit::visit_macro(self, mac);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.read_tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.methods.push(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_member(&mut self, member: &'ast syn::Member) {
        if let syn::Member::Named(name) = member {
            self.fields.push(name.to_string());
        }
        visit::visit_member(self, member);
    }
}

/// Whether `#[cfg(test)]` stands before an item.
pub(crate) fn is_for_tests(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

/// Whether a path is `ancestor` or leads into it.
pub(crate) fn is_under(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn names_are_found_however_they_are_written() {
    let file = syn::parse_file(
        "use std::{fs::{self, File}, io as i}; // use tokio::net\n\
         pub(crate) use super::a::*;\n\
         fn f<'a>(c: &'a str) { let x = crate::b::C::new(\"std::env\", '\"', r#\"x::y\"#).go().field; }\n\
         fn g() { assert!(crate::d::e(1) == h.len(), \"std::net\"); }\n\
         #[cfg(test)] mod tests { use tokio::process; }",
    )
    .unwrap();
    let names = Names::all(&file);
    let paths: Vec<_> = names.all_paths().collect();
    let found = ["std::fs", "std::fs::File", "std::io", "super::a", "crate::b::C::new", "crate::d::e", "h"];
    for found in found {
        assert!(paths.contains(&found), "{found} in {paths:?}");
    }
    for hidden in ["tokio::net", "std::env", "x::y", "std::net"] {
        assert!(!paths.contains(&hidden), "{hidden} in {paths:?}");
    }
    assert_eq!(names.methods, ["go", "len"]);
    assert!(names.fields.contains(&"field".to_owned()), "{:?}", names.fields);
    assert!(paths.contains(&"tokio::process"));
    assert!(!Names::outside_tests(&file).all_paths().any(|path| path == "tokio::process"));
    assert_eq!(names.imports[2].name.as_deref(), Some("i"));
}
