//! Which file uses items of which other file of its crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::names::{Import, Names, is_for_tests};
use crate::source::{Source, root};

/// From a file to the files that define what it uses, with one of the items used.
pub(crate) type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// The modules of a crate without those for tests.
///
/// A path leads to the file that defines the item, through any number of re-exports: a file that only
/// declares and re-exports is never what a path leads to. Methods have no path, and are not seen.
#[derive(Default)]
pub(crate) struct Modules {
    all: Vec<Module>,
}

struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// Names of the items that are defined here.
    items: Vec<String>,
    names: Names,
}

/// The target of a path.
enum Target {
    Module(usize),
    Item { file: String, name: String },
}

/// Longer chains of imports are circles of names.
const MAX_IMPORTS: u32 = 16;

impl Modules {
    /// Reads a crate from its `lib.rs`.
    pub(crate) fn of_crate(lib: &str) -> Self {
        let mut modules = Self::default();
        let path = root().join(lib);
        let folder = path.parent().unwrap().to_owned();
        modules.add_file(path, &folder, None);
        modules
    }

    pub(crate) fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (index, module) in self.all.iter().enumerate() {
            let imports = module.names.imports.iter().filter(|import| !import.reexport);
            let paths = imports.map(|import| &import.path).chain(&module.names.paths);
            for path in paths {
                let Some(Target::Item { file, name }) = self.resolve(index, path, MAX_IMPORTS) else {
                    continue;
                };
                if file != module.file {
                    uses.entry(module.file.clone()).or_default().entry(file).or_insert(name);
                }
            }
        }
        uses
    }

    /// `folder` is where the files of the module's children are.
    fn add_file(&mut self, path: PathBuf, folder: &Path, parent: Option<usize>) -> usize {
        let source = Source::open(path);
        let file = source.to_string();
        self.add_module(file, &source.syntax.items, folder, parent)
    }

    fn add_module(
        &mut self,
        file: String,
        items: &[syn::Item],
        folder: &Path,
        parent: Option<usize>,
    ) -> usize {
        let index = self.all.len();
        let defined = items.iter().filter(|item| !is_for_tests(item)).filter_map(item_name).collect();
        let names = Names::of_items(items);
        self.all.push(Module {
            file: file.clone(),
            parent,
            children: BTreeMap::new(),
            items: defined,
            names,
        });
        for item in items.iter().filter(|item| !is_for_tests(item)) {
            let syn::Item::Mod(child) = item else { continue };
            let name = child.ident.to_string();
            let below = folder.join(&name);
            let child = match &child.content {
                Some((_, items)) => self.add_module(file.clone(), items, &below, Some(index)),
                None => {
                    let candidates = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                    let path = candidates.into_iter().find(|path| path.is_file());
                    self.add_file(path.unwrap_or_else(|| panic!("{file}: mod {name}")), &below, Some(index))
                }
            };
            self.all[index].children.insert(name, child);
        }
        index
    }

    fn resolve(&self, from: usize, path: &str, imports_left: u32) -> Option<Target> {
        let mut parts = path.split("::").peekable();
        let first = parts.next()?;
        let mut target = match first {
            "crate" => Target::Module(0),
            "self" => Target::Module(from),
            "super" => Target::Module(self.all[from].parent?),
            name => self.find(from, name, parts.peek().is_none(), imports_left)?,
        };
        while let Some(part) = parts.next() {
            // What follows an item is a part of it.
            let Target::Module(module) = target else { break };
            target = match part {
                "super" => Target::Module(self.all[module].parent?),
                name => self.find(module, name, parts.peek().is_none(), imports_left)?,
            };
        }
        Some(target)
    }

    /// A module and a function may have the same name: only the end of a path can be the function.
    fn find(&self, module: usize, name: &str, is_end: bool, imports_left: u32) -> Option<Target> {
        let imports_left = imports_left.checked_sub(1)?;
        let here = &self.all[module];
        let child = here.children.get(name).map(|child| Target::Module(*child));
        if child.is_some() && !is_end {
            return child;
        }
        if here.items.iter().any(|item| item == name) {
            return Some(Target::Item { file: here.file.clone(), name: name.to_owned() });
        }
        let of_name = |import: &&Import| import.name.as_deref() == Some(name);
        let imports = here.names.imports.iter();
        let imported = imports
            .clone()
            .filter(of_name)
            .find_map(|import| self.resolve(module, &import.path, imports_left));
        imported.or(child).or_else(|| {
            imports.filter(|import| import.name.is_none()).find_map(|glob| {
                match self.resolve(module, &glob.path, imports_left)? {
                    Target::Module(all_of) if all_of != module => {
                        self.find(all_of, name, is_end, imports_left)
                    }
                    Target::Module(_) | Target::Item { .. } => None,
                }
            })
        })
    }
}

fn item_name(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
