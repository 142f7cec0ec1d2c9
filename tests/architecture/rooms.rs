//! What each room may use, and what stands in one place only.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};

use crate::names::is_under;
use crate::source::{Source, read, root, sources};

/// What each room of the root package may use of the others.
const ROOMS: &[(&str, &[&str])] = &[
    ("audio", &[]),
    ("auth", &["hex"]),
    ("client", &["outgoing"]),
    ("compute_type", &[]),
    ("engine", &["compute_type", "hex"]),
    ("error", &["outgoing", "wire_time"]),
    ("failpoint", &[]),
    ("fuzzing", &["audio", "http", "outgoing", "settings", "wyoming"]),
    ("hex", &[]),
    ("memory", &[]),
    ("models", &["failpoint", "hex"]),
    ("outgoing", &[]),
    ("raw_pcm", &[]),
    ("store", &["failpoint", "hex"]),
    ("telemetry", &[]),
    ("traces", &[]),
    ("transcript", &[]),
    ("webhook", &["failpoint", "outgoing"]),
    ("wire_time", &[]),
    ("wyoming", &["auth", "error", "http", "raw_pcm"]),
    ("settings", &["auth", "compute_type", "telemetry"]),
    (
        "http",
        &["auth", "error", "failpoint", "hex", "outgoing", "raw_pcm", "transcript", "webhook", "wire_time"],
    ),
    (
        "compose",
        &[
            "audio", "auth", "engine", "http", "memory", "models", "outgoing", "settings", "store",
            "webhook", "wyoming",
        ],
    ),
    (
        "app",
        &[
            "audio", "auth", "compose", "engine", "http", "outgoing", "settings", "store", "webhook",
            "wyoming",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "audio",
            "auth",
            "client",
            "compose",
            "engine",
            "memory",
            "models",
            "outgoing",
            "settings",
            "store",
            "telemetry",
            "traces",
            "transcript",
        ],
    ),
];

/// Rooms that are adapters of ports: of `actors` they use the ports and the domain.
const ADAPTERS: [&str; 8] =
    ["audio", "engine", "memory", "models", "outgoing", "store", "transcript", "webhook"];

/// All that the actors are built with. None of it opens a file or a socket by itself.
const ACTORS_DEPENDENCIES: [&str; 14] = [
    "actix",
    "async-trait",
    "bytes",
    "fastrand",
    "futures-util",
    "jiff",
    "prometheus",
    "serde",
    "serde_bytes",
    "serde_json",
    "thiserror",
    "tokio",
    "tracing",
    "uuid",
];

const IO_OF_STD: [&str; 4] = ["std::fs", "std::net", "std::process", "std::env"];
const IO_OF_TOKIO: [&str; 3] = ["tokio::fs", "tokio::net", "tokio::process"];

#[test]
fn the_domain_uses_std_serde_uuid_thiserror_and_itself() {
    for file in sources("actors/src/domain") {
        for import in &file.names.imports {
            let path = &import.path;
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
        for path in file.names.all_paths() {
            let Some((root, _)) = path.split_once("::") else { continue };
            let foreign = ACTORS_DEPENDENCIES.iter().any(|name| name.replace('-', "_") == root);
            assert!(!foreign || ["serde", "uuid", "thiserror"].contains(&root), "{file} uses {path}");
        }
    }
}

#[test]
fn the_domain_has_no_clock() {
    for file in sources("actors/src/domain").iter().filter(|file| !file.is_test()) {
        for path in file.shipped.all_paths() {
            let clock = ["Instant::now", "SystemTime::now"].iter().any(|now| path.ends_with(now));
            assert!(!clock, "{file} uses {path}");
        }
        assert!(!file.shipped.methods.iter().any(|method| method == "elapsed"), "{file} uses elapsed()");
    }
}

#[test]
fn the_actors_and_the_arithmetic_do_no_io() {
    for file in ["actors/src", "dsp/src"].into_iter().flat_map(sources) {
        for path in file.names.all_paths() {
            let io = IO_OF_STD.iter().chain(&IO_OF_TOKIO).any(|io| is_under(path, io));
            let print = ["println", "eprintln", "print", "eprint"].contains(&path);
            assert!(!io && !print, "{file} uses {path}");
        }
    }
}

#[test]
fn the_actors_depend_on_crates_without_io() {
    let manifest = read("actors/Cargo.toml");
    let (_, table) = manifest.split_once("[dependencies]\n").unwrap();
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let names: Vec<_> = lines.filter_map(|line| line.split(['.', ' ', '=']).next()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ACTORS_DEPENDENCIES);
}

#[test]
fn a_room_uses_the_rooms_that_the_table_allows() {
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
fn super_stays_within_its_room() {
    for (room, _) in ROOMS {
        for file in room_sources(room).iter().filter(|file| !file.is_test()) {
            for path in file.shipped.all_paths() {
                let ups = path.split("::").take_while(|part| *part == "super").count();
                assert!(ups < file.depth(), "{file} leaves {room} by {path}");
            }
        }
    }
}

#[test]
fn adapters_use_ports_and_domain_and_not_the_actors() {
    for room in ADAPTERS {
        for file in room_sources(room) {
            for path in file.names.all_paths() {
                let known = ["actors::ports", "actors::domain"].iter().any(|known| is_under(path, known));
                // Fakes keep the same promises, and are held to them beside the adapters, by the same clock.
                let beside = ["actors::testing", "actors::clock"].iter().any(|known| is_under(path, known));
                let known = known || (file.is_test() && beside);
                assert!(known || !is_under(path, "actors"), "{file} uses {path}");
            }
        }
    }
}

#[test]
fn handlers_use_no_actor_address_file_or_database() {
    let forbidden =
        ["actix", "sqlx", "object_store", "tokio::fs", "tokio::net", "std::fs", "std::net", "std::process"];
    for file in sources("src/http") {
        for path in file.names.all_paths() {
            let touched = forbidden.iter().any(|name| is_under(path, name)) || path == "Addr";
            assert!(!touched, "{file} uses {path}");
        }
    }
}

#[test]
fn handlers_use_handles_ports_domain_and_guards() {
    let of_actors = ["clock", "domain", "job", "model", "notifier", "peers", "ports", "pull"];
    let of_webhook = ["check_secret", "new_secret"];
    let of_outgoing = ["AddressRules", "TargetUrl"];
    for file in sources("src/http") {
        for path in file.names.all_paths() {
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
fn each_library_is_used_in_one_room() {
    for (library, room) in [("sqlx", "src/store"), ("whisper_rs", "src/engine"), ("symphonia", "src/audio")] {
        for file in sources("src").iter().filter(|file| !file.path.starts_with(root().join(room))) {
            assert!(!file.names.all_paths().any(|path| is_under(path, library)), "{file} uses {library}");
        }
    }
}

/// Clippy asks for the reason of each block.
#[test]
fn unsafe_stands_in_one_file() {
    let all = ["src", "actors/src", "dsp/src"].into_iter().flat_map(sources);
    let with_unsafe = all.filter(|file| has_word(read(&file.to_string()).parse().unwrap(), "unsafe"));
    let names: Vec<_> = with_unsafe.map(|file| file.to_string()).collect();
    assert_eq!(names, ["src/engine/backends/whisper_cpp/raw.rs"]);
}

#[test]
fn main_has_at_most_40_lines() {
    assert!(read("src/main.rs").lines().count() <= 40);
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
        for path in file.names.all_paths() {
            let Some(rest) = path.strip_prefix("crate::") else { continue };
            let other = rest.split("::").next().unwrap();
            if other != room {
                used.insert(other.to_owned(), file.to_string());
            }
        }
    }
    used
}

fn has_word(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => has_word(group.stream(), word),
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
