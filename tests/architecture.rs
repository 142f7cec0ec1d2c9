//! Holds what docs/ARCHITECTURE.md promises of the source, and what the documents promise of the
//! program, by reading both.
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each room of the root package may use of the others.
const ROOMS: &[(&str, &[&str])] = &[
    ("audio", &[]),
    ("auth", &[]),
    ("engine", &[]),
    ("error", &["outgoing", "wire_time"]),
    ("failpoint", &[]),
    ("fuzzing", &["audio", "http", "outgoing", "settings", "wyoming"]),
    ("memory", &[]),
    ("models", &[]),
    ("outgoing", &[]),
    ("raw_pcm", &[]),
    ("store", &["failpoint"]),
    ("telemetry", &[]),
    ("transcript", &[]),
    ("webhook", &["failpoint", "outgoing"]),
    ("wire_time", &[]),
    ("wyoming", &["auth", "error", "http", "raw_pcm"]),
    ("settings", &["auth", "telemetry"]),
    ("http", &["auth", "error", "failpoint", "outgoing", "raw_pcm", "transcript", "webhook", "wire_time"]),
    ("compose", &["audio", "auth", "engine", "http", "memory", "outgoing", "settings", "webhook", "wyoming"]),
    (
        "app",
        &[
            "audio",
            "compose",
            "engine",
            "failpoint",
            "http",
            "outgoing",
            "settings",
            "store",
            "webhook",
            "wyoming",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "audio",
            "compose",
            "engine",
            "models",
            "outgoing",
            "settings",
            "store",
            "telemetry",
            "transcript",
        ],
    ),
];

/// Rooms that are adapters of ports: of `actors` they know the ports and the domain.
const ADAPTERS: [&str; 8] =
    ["audio", "engine", "memory", "models", "outgoing", "store", "transcript", "webhook"];

/// All that the actors are built with. None of it opens a file or a socket by itself.
const ACTORS_DEPENDENCIES: [&str; 12] = [
    "actix",
    "async-trait",
    "bytes",
    "fastrand",
    "futures-util",
    "jiff",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tracing",
    "uuid",
];

const IO_OF_STD: [&str; 4] = ["std::fs", "std::net", "std::process", "std::env"];
const IO_OF_TOKIO: [&str; 3] = ["tokio::fs", "tokio::net", "tokio::process"];

#[test]
fn the_domain_uses_only_std_serde_uuid_thiserror_and_itself() {
    for file in sources("actors/src/domain") {
        for path in file.imports() {
            let mut parts = path.split("::");
            let allowed = match parts.next().unwrap() {
                "std" | "core" | "serde" | "uuid" | "thiserror" | "self" => true,
                "crate" => parts.next() == Some("domain"),
                "super" => parts.next() != Some("super") || file.is_test(),
                // A type of the same file.
                name => name.starts_with(char::is_uppercase),
            };
            assert!(allowed, "{file} uses {path}");
        }
        for path in file.paths() {
            let Some((root, _)) = path.split_once("::") else { continue };
            let foreign = ACTORS_DEPENDENCIES.iter().any(|name| name.replace('-', "_") == root);
            assert!(!foreign || ["serde", "uuid", "thiserror"].contains(&root), "{file} uses {path}");
        }
    }
}

#[test]
fn the_domain_has_no_clock() {
    for file in sources("actors/src/domain").iter().filter(|file| !file.is_test()) {
        for path in file.paths_outside_tests() {
            let clock = ["Instant::now", "SystemTime::now", "elapsed"].iter().any(|now| path.ends_with(now));
            assert!(!clock, "{file} uses {path}");
        }
    }
}

#[test]
fn the_actors_do_no_io() {
    for file in sources("actors/src") {
        for path in file.paths() {
            let io = IO_OF_STD.iter().chain(&IO_OF_TOKIO).any(|io| is_under(&path, io));
            let print = ["println", "eprintln", "print", "eprint"].contains(&path.as_str());
            assert!(!io && !print, "{file} uses {path}");
        }
    }
}

#[test]
fn the_actors_are_built_with_nothing_that_does_io() {
    let manifest = read("actors/Cargo.toml");
    let (_, table) = manifest.split_once("[dependencies]\n").unwrap();
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let names: Vec<_> = lines.filter_map(|line| line.split(['.', ' ', '=']).next()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ACTORS_DEPENDENCIES);
}

#[test]
fn a_room_knows_no_other_rooms_than_the_table_says() {
    let lib = read("src/lib.rs");
    let modules: BTreeSet<_> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(modules, ROOMS.iter().map(|(room, _)| *room).collect(), "every room has a row");
    for (room, may_use) in ROOMS {
        let used = rooms_used_by(room);
        for (other, by) in &used {
            assert!(may_use.contains(&other.as_str()), "{room} uses {other}, in {by}");
        }
        for other in *may_use {
            assert!(
                used.contains_key(*other),
                "{room} does not use {other} any more: take it from the table"
            );
        }
    }
}

#[test]
fn no_room_is_left_by_super() {
    for (room, _) in ROOMS {
        for file in room_sources(room).iter().filter(|file| !file.is_test()) {
            for path in file.paths_outside_tests() {
                let ups = path.split("::").take_while(|part| *part == "super").count();
                assert!(ups < file.depth(), "{file} leaves {room} by {path}");
            }
        }
    }
}

#[test]
fn adapters_know_the_ports_and_the_domain_and_no_actor() {
    for room in ADAPTERS {
        for file in room_sources(room) {
            for path in file.paths() {
                let known = ["actors::ports", "actors::domain"].iter().any(|known| is_under(&path, known));
                // Fakes keep the same promises, and are held to them beside the adapters, by the same clock.
                let beside = ["actors::testing", "actors::clock"].iter().any(|known| is_under(&path, known));
                let known = known || (file.is_test() && beside);
                assert!(known || !is_under(&path, "actors"), "{file} uses {path}");
            }
        }
    }
}

#[test]
fn handlers_touch_no_address_of_an_actor_no_file_and_no_database() {
    let forbidden =
        ["actix", "sqlx", "object_store", "tokio::fs", "tokio::net", "std::fs", "std::net", "std::process"];
    for file in sources("src/http") {
        for path in file.paths() {
            let touched = forbidden.iter().any(|name| is_under(&path, name)) || path == "Addr";
            assert!(!touched, "{file} uses {path}");
        }
    }
}

#[test]
fn handlers_use_handles_ports_and_domain_of_the_actors_and_the_guards_of_webhooks() {
    let of_actors = ["clock", "domain", "job", "model", "notifier", "ports"];
    let of_webhook = ["check_secret", "new_secret"];
    let of_outgoing = ["AddressRules", "TargetUrl"];
    for file in sources("src/http") {
        for path in file.paths() {
            let parts: Vec<_> = path.split("::").collect();
            let known = match parts[..] {
                ["actors", part, ..] => of_actors.contains(&part),
                ["crate", "webhook", item, ..] => of_webhook.contains(&item),
                ["crate", "outgoing", item, ..] => of_outgoing.contains(&item),
                ["crate", "webhook" | "outgoing"] => false,
                _ => true,
            };
            assert!(known, "{file} uses {path}");
        }
    }
}

#[test]
fn only_the_store_speaks_sql_and_only_the_engine_whisper() {
    for (library, room) in [("sqlx", "src/store"), ("whisper_rs", "src/engine"), ("symphonia", "src/audio")] {
        for file in sources("src").iter().filter(|file| !file.path.starts_with(root().join(room))) {
            assert!(!file.paths().iter().any(|path| is_under(path, library)), "{file} uses {library}");
        }
    }
}

#[test]
fn unsafe_stands_in_one_file_and_every_use_has_its_reason() {
    let all: Vec<_> = sources("src").into_iter().chain(sources("actors/src")).collect();
    let with_unsafe: Vec<_> =
        all.iter().filter(|file| words(&file.code).any(|word| word == "unsafe")).collect();
    let names: Vec<_> = with_unsafe.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["src/engine/backends/whisper_cpp/raw.rs"]);
    let lines: Vec<_> = with_unsafe[0].text.lines().collect();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
        let comment: Vec<_> =
            lines[..number].iter().rev().take_while(|line| line.trim().starts_with("//")).collect();
        // A statement that spans lines has its reason above its first one.
        let near = lines[number.saturating_sub(4)..number].iter().any(|line| line.contains("SAFETY:"));
        let reason = near || comment.iter().any(|line| line.contains("SAFETY:"));
        assert!(reason, "raw.rs:{}: {line}", number + 1);
    }
}

#[test]
fn main_has_at_most_40_lines() {
    assert!(read("src/main.rs").lines().count() <= 40);
}

#[test]
fn the_manual_shows_every_route_and_no_other() {
    let manual = read("docs/USAGE.md");
    let routes = routes();
    assert!(routes.len() > 10, "{routes:?}");
    for route in &routes {
        assert!(manual.contains(&format!("`{route}`")), "docs/USAGE.md lacks {route}");
    }
    for heading in manual.lines().filter(|line| line.starts_with("### `")) {
        for route in heading.trim_start_matches('#').split(',').map(|part| part.trim().trim_matches('`')) {
            assert!(routes.contains(route), "docs/USAGE.md has {route}, which is no route");
        }
    }
}

#[test]
fn the_interface_is_described_for_programs_route_by_route() {
    let document = verbatim::http::description();
    let paths = document["paths"].as_object().unwrap();
    let described = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), routes());
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_setting_has_a_comment() {
    let settings = settings();
    assert!(settings.len() > 40);
    for (key, comment) in settings {
        assert!(!comment.is_empty(), "config/default.toml says nothing of {key}");
    }
}

#[test]
fn every_setting_is_in_the_manual_for_users_in_the_same_words() {
    let usage = fs::read_to_string("docs/USAGE.md").unwrap();
    for (key, comment) in settings() {
        let rows: Vec<_> = usage.lines().filter(|line| line.starts_with(&format!("| `{key}` |"))).collect();
        let [row] = rows[..] else { panic!("docs/USAGE.md has {} rows of {key}", rows.len()) };
        assert!(row.ends_with(&format!("| {comment} |")), "docs/USAGE.md says otherwise of {key}: {comment}");
    }
}

#[test]
fn a_setting_is_used_somewhere_or_says_that_it_has_no_effect() {
    let users: Vec<_> = sources("src").into_iter().filter(|file| !file.is_under("src/settings")).collect();
    let schema: Vec<_> =
        sources("src/settings").into_iter().filter(|file| file.name() == "schema.rs").collect();
    let used = |key: &str| {
        let in_schema = |file: &Source| file.code.contains(&format!("self.{key}"));
        users.iter().any(|file| file.outside_tests().contains(&format!(".{key}")))
            || schema.iter().any(in_schema)
    };
    let untold: Vec<_> = settings()
        .into_iter()
        .filter(|(key, comment)| !comment.contains("No effect yet") && !used(key.split_once('.').unwrap().1))
        .map(|(key, _)| key)
        .collect();
    assert!(untold.is_empty(), "the manual must say \"No effect yet\" of {untold:?}");
}

#[test]
fn the_lifecycle_in_the_documents_is_the_lifecycle_in_the_tests() {
    let document = read("docs/LIFECYCLE.md");
    let (_, table) = document.split_once("| state | input | next | effects |\n").unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let documented: Vec<Vec<String>> = rows
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    let arrows = arrows();
    assert!(arrows.len() > 40);
    for arrow in &arrows {
        assert!(documented.contains(arrow), "docs/LIFECYCLE.md lacks {arrow:?}");
    }
    assert_eq!(documented, arrows);
}

#[test]
fn every_link_between_the_documents_leads_to_a_file() {
    let mut documents = vec![root().join("README.md")];
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
fn paths_are_found_however_they_are_written() {
    let code = strip(
        "use std::{fs::{self, File}, io}; // use tokio::net\n\
         pub(crate) use super::a::*; fn f<'a>(c: &'a str) { let x = crate::b::C::new(\"std::env\", '\"', r#\"x::y\"#); }",
    );
    let paths = paths_of(&code);
    for found in ["std::fs", "std::fs::File", "std::io", "super::a", "crate::b::C::new"] {
        assert!(paths.iter().any(|path| path == found), "{found} in {paths:?}");
    }
    for hidden in ["tokio::net", "std::env", "x::y"] {
        assert!(!paths.iter().any(|path| path == hidden), "{hidden} in {paths:?}");
    }
}

// ---- the source ---------------------------------------------------------------------------------

/// A file of the source.
struct Source {
    path: PathBuf,
    text: String,
    /// Without comments and literals.
    code: String,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.strip_prefix(root()).unwrap().display())
    }
}

impl Source {
    fn open(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let code = strip(&text);
        Self { path, text, code }
    }

    fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    fn is_under(&self, folder: &str) -> bool {
        self.path.starts_with(root().join(folder))
    }

    /// Compiled for tests only, by the names that this project uses.
    fn is_test(&self) -> bool {
        let name = self.name();
        name.ends_with("tests.rs") || name.ends_with("conformance.rs") || name == "random_walk.rs"
    }

    /// The code before the tests, which stand at the end of a file.
    fn outside_tests(&self) -> &str {
        let tests = self.code.match_indices("#[cfg(test)]").find(|(at, mark)| {
            let rest = self.code[at + mark.len()..].trim_start();
            rest.starts_with("mod ")
                && rest.split(['{', ';']).next().is_some_and(|m| rest[m.len()..].starts_with('{'))
        });
        &self.code[..tests.map_or(self.code.len(), |(at, _)| at)]
    }

    fn paths(&self) -> Vec<String> {
        paths_of(&self.code)
    }

    fn paths_outside_tests(&self) -> Vec<String> {
        paths_of(self.outside_tests())
    }

    /// The paths that `use` names.
    fn imports(&self) -> Vec<String> {
        imports_of(&self.code)
    }

    /// How many modules deep in its crate: 1 for a room itself.
    fn depth(&self) -> usize {
        let parts = self.path.strip_prefix(root().join("src")).unwrap().components().count();
        if self.name() == "mod.rs" { parts - 1 } else { parts }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every source file below a folder, in order.
fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), "rs", &mut paths);
    assert!(!paths.is_empty(), "{folder} has no source");
    paths.sort();
    paths.into_iter().map(Source::open).collect()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

/// A room is a folder, a file, or both.
fn room_sources(room: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let (folder, file) = (root().join("src").join(room), root().join(format!("src/{room}.rs")));
    if folder.is_dir() {
        found = sources(&format!("src/{room}"));
    }
    if file.is_file() {
        found.push(Source::open(file));
    }
    assert!(!found.is_empty(), "{room} has no source");
    found
}

/// The other rooms that a room names, with a file that does.
fn rooms_used_by(room: &str) -> BTreeMap<String, String> {
    let mut used = BTreeMap::new();
    for file in room_sources(room) {
        for path in file.paths() {
            let Some(rest) = path.strip_prefix("crate::") else { continue };
            let other = rest.split("::").next().unwrap();
            if other != room {
                used.insert(other.to_owned(), file.to_string());
            }
        }
    }
    used
}

fn is_under(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

// ---- reading Rust, as far as it is needed here ---------------------------------------------------

/// Blanks comments, strings and characters.
fn strip(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = skipped_len(rest, code.chars().next_back());
        if skipped == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    code
}

/// Bytes of the comment or literal that `rest` begins with; 0 if it begins with neither.
fn skipped_len(rest: &str, before: Option<char>) -> usize {
    let up_to =
        |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return up_to("*/", 2);
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !in_word);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let open = rest.len() - raw.len() + hashes + 1;
            return up_to(&format!("\"{}", "#".repeat(hashes)), open);
        }
    }
    if rest.starts_with('"') {
        return quoted_len(rest, '"');
    }
    let mut after_quote = rest.strip_prefix('\'').unwrap_or_default().chars();
    // A lifetime has no closing quote after its first character.
    match (after_quote.next(), after_quote.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted_len(rest, '\''),
        _ => 0,
    }
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Every path in the code, imports with their groups taken apart.
fn paths_of(code: &str) -> Vec<String> {
    let mut paths = imports_of(code);
    let pieces = code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    // What ends in `::` goes on in a group, which the imports have.
    let inline = pieces.filter(|piece| !piece.ends_with(':')).map(|piece| piece.trim_matches(':'));
    let inline = inline.filter(|piece| !piece.is_empty());
    paths.extend(inline.map(str::to_owned));
    paths
}

fn imports_of(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let starts_a_word = code[..at].chars().next_back().is_none_or(|c| c.is_whitespace());
        let Some(end) = code[at..].find(';').filter(|_| starts_a_word) else { continue };
        let tree: String = code[at + "use ".len()..at + end].replace(" as ", "@");
        expand("", &tree.split_whitespace().collect::<String>(), &mut paths);
    }
    paths
}

/// Takes a tree of imports apart: `a::{b, c::{self, d}}` is `a::b`, `a::c`, `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        let path = format!("{prefix}{}", tree.split('@').next().unwrap());
        let path = path.trim_start_matches("::").trim_end_matches("::*").trim_end_matches("::self");
        paths.push(path.to_owned());
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut begin) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if begin < at {
                    expand(&format!("{prefix}{head}"), &group[begin..at], paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

// ---- what the documents are compared with --------------------------------------------------------

/// `METHOD /path` of every route in the route table.
fn routes() -> BTreeSet<String> {
    let table = read("src/http/mod.rs");
    let mut routes = BTreeSet::new();
    for resource in table.split("resource(\"").skip(1) {
        let (path, rest) = resource.split_once('"').unwrap();
        for method in rest.split(".route(").skip(1).filter_map(|route| route.split("()").next()) {
            // `read` is GET, and HEAD with it.
            let method = if method == "read" { "GET".to_owned() } else { method.to_uppercase() };
            routes.insert(format!("{method} {path}"));
        }
    }
    routes
}

/// Every key of the manual, in order of their names, with its comment.
fn settings() -> BTreeMap<String, String> {
    let manual = read("config/default.toml");
    let mut settings = BTreeMap::new();
    let (mut section, mut comment) = ("", String::new());
    for line in manual.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix('#') {
            comment.push_str(words);
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once('=') {
            settings.insert(format!("{section}.{}", key.trim()), comment.trim().to_owned());
        }
        comment.clear();
    }
    settings
}

/// The rows of `ARROWS`: state, input, next state, effects.
fn arrows() -> Vec<Vec<String>> {
    let tests = read("actors/src/domain/lifecycle_tests.rs");
    let (_, table) = tests.split_once("const ARROWS").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    let rows = table.lines().filter(|line| line.trim().starts_with("(\""));
    rows.map(|row| row.split('"').skip(1).step_by(2).map(str::to_owned).collect()).collect()
}
