//! What the documents and the manual of settings say is what the program does.

use std::collections::BTreeSet;
use std::fs;

use crate::source::{Source, collect, read, root, sources};

#[test]
fn usage_shows_every_route_and_no_other() {
    let manual = read("docs/USAGE.md");
    // The generated table has every route.
    let (before, rest) = manual.split_once("<!-- routes: ").unwrap();
    let (_, after) = rest.split_once("<!-- end of routes -->").unwrap();
    let manual = [before, after].concat();
    let routes = routes();
    assert!(routes.len() > 10, "{routes:?}");
    for route in &routes {
        assert!(manual.contains(&format!("`{route}`")), "docs/USAGE.md lacks {route}");
    }
    for heading in manual.lines().filter(|line| line.starts_with("### `")) {
        for route in heading.trim_start_matches('#').split(',').map(|part| part.trim().trim_matches('`')) {
            assert!(routes.contains(route), "docs/USAGE.md has {route}, which is not a route");
        }
    }
}

#[test]
fn openapi_describes_every_route_and_no_other() {
    let document = verbatim::http::description();
    let paths = document["paths"].as_object().unwrap();
    let described = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), routes());
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_file_of_the_page_is_embedded() {
    let embedded = read("src/http/page/files.rs");
    for entry in fs::read_dir(root().join("web")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // Types are for the type checker alone.
        assert!(name.ends_with(".d.ts") || embedded.contains(&name), "src/http/page/files.rs lacks {name}");
    }
}

#[test]
fn every_setting_has_a_comment() {
    let settings = settings();
    assert!(settings.len() > 40);
    for Setting { key, comment, .. } in settings {
        assert!(!comment.is_empty(), "config/default.toml does not explain {key}");
    }
}

#[test]
fn every_setting_is_used() {
    let settings_room = |file: &Source| file.is_under("src/settings");
    let users = sources("src").into_iter().filter(|file| !settings_room(file) || file.name() == "schema.rs");
    let fields: BTreeSet<_> = users.flat_map(|file| file.shipped.fields).collect();
    let keys = settings().into_iter().map(|setting| setting.key);
    let unused: Vec<_> = keys.filter(|key| !fields.contains(key.rsplit('.').next().unwrap())).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_link_between_documents_leads_to_a_file() {
    let at_the_root = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"];
    let mut documents = at_the_root.map(|name| root().join(name)).to_vec();
    collect(&root().join("docs"), "md", &mut documents);
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            assert!(document.parent().unwrap().join(file).exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn packages_and_images_are_named_by_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    let names = [
        ("README.md", format!("verbatim_{version}-1_amd64.deb")),
        ("README.md", format!("verbatim-{version}-x86_64-linux.tar.gz")),
        ("docs/guides/systemd.md", format!("verbatim_{version}-1_amd64.deb")),
        ("docs/guides/systemd.md", format!("verbatim-{version}-x86_64-linux.tar.gz")),
        ("deploy/docker/compose.yaml", format!("image: verbatim:{version}\n")),
        ("deploy/docker/compose.cuda.yaml", format!("image: verbatim:{version}-cuda\n")),
        ("deploy/kubernetes/base/kustomization.yaml", format!("newTag: {version}\n")),
        ("deploy/kubernetes/cuda/kustomization.yaml", format!("newTag: {version}-cuda\n")),
        ("deploy/kubernetes/scaled/kustomization.yaml", format!("newTag: {version}\n")),
        ("deploy/kubernetes/scaled/kustomization.yaml", format!("newTag: {version}-cuda\n")),
        ("docs/CHANGELOG.md", format!("## [{version}] - ")),
    ];
    for (file, name) in names {
        assert!(read(file).contains(&name), "{file} lacks {name:?}");
    }
}

/// `METHOD /path` of every operation in the route table.
fn routes() -> BTreeSet<String> {
    let table = read("src/http/mod.rs");
    // `read` is GET, and HEAD with it.
    let methods =
        [("read()", "GET"), ("get()", "GET"), ("post()", "POST"), ("put()", "PUT"), ("delete()", "DELETE")];
    let mut routes = BTreeSet::new();
    for resource in table.split("resource(").skip(1) {
        let mut parts = resource.split('"');
        let path = parts.nth(1).unwrap();
        let taken = parts.nth(2).unwrap();
        // A browser loads it with `/docs`.
        if path == "/docs/style.css" {
            continue;
        }
        let named = methods.iter().filter(|(call, _)| taken.contains(call));
        routes.extend(named.map(|(_, method)| format!("{method} {path}")));
    }
    routes
}

/// A key of config/default.toml.
pub struct Setting {
    pub key: String,
    pub default: String,
    pub comment: String,
}

/// Every key of the manual, in its order.
pub fn settings() -> Vec<Setting> {
    let manual = read("config/default.toml");
    let mut settings = vec![];
    let (mut section, mut comment) = ("", String::new());
    for line in manual.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix('#') {
            comment.push_str(words);
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, default)) = line.split_once('=') {
            let (key, default) = (format!("{section}.{}", key.trim()), default.trim().to_owned());
            settings.push(Setting { key, default, comment: comment.trim().to_owned() });
        }
        comment.clear();
    }
    settings
}

/// The rows of `ARROWS`: state, input, next state, effects.
pub fn arrows() -> Vec<Vec<String>> {
    let tests = read("actors/src/domain/model/lifecycle/tests.rs");
    let (_, table) = tests.split_once("const ARROWS").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    let rows = table.lines().filter(|line| line.trim().starts_with("(\""));
    rows.map(|row| row.split('"').skip(1).step_by(2).map(str::to_owned).collect()).collect()
}
