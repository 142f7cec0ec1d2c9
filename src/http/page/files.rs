//! The files of the web page, as they are in `web/`, and compressed once.

use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::hex::hex;

macro_rules! embed {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $name)))),*]
    };
}

const INDEX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/index.html"));

/// What the page loads, under names that are also those of its files.
const FILES: &[(&str, &[u8])] = embed! {
    "api.js" "app.js" "base.css" "de.js" "dialogs.js" "dom.js" "draft.js" "editor.js" "en.js" "exports.js" "finder.js" "i18n.js"
    "icon.svg" "job.css" "job_actions.js" "job_list.js" "job_view.js" "languages.js" "layout.css" "memory_graph.js"
    "model_events.js" "model_status.js" "model_view.js" "new_job.js" "player.js" "prefs.js" "pulls.js" "reader.js"
    "recorder.js" "revisions.js" "sse.js" "transcript.js" "uploads.js" "waveform.js" "windowed.js"
};

/// Stands in the index for the version, which is part of the address of every other file.
const VERSION: &str = "VERSION";
/// Stands in the index for the links that have all modules loaded at once.
const MODULES: &str = "<!-- MODULES -->";

pub(super) static PAGE: LazyLock<Page> = LazyLock::new(Page::new);

/// The page as it is sent.
pub(super) struct Page {
    /// Of all files together: it changes with any of them.
    pub version: String,
    pub index: File,
    files: HashMap<&'static str, File>,
}

/// A file in both forms in which it is sent.
pub(super) struct File {
    pub kind: &'static str,
    pub etag: String,
    pub plain: Bytes,
    pub gzip: Bytes,
}

impl Page {
    fn new() -> Self {
        let mut all = Sha256::new();
        all.update(INDEX);
        for (_, body) in FILES {
            all.update(body);
        }
        let version = short(&all.finalize());
        let modules = FILES.iter().filter(|(name, _)| name.ends_with(".js"));
        let links: String = modules
            .map(|(name, _)| format!("<link rel=\"modulepreload\" href=\"web/{version}/{name}\">\n    "))
            .collect();
        let index = INDEX.replace(VERSION, &version).replace(MODULES, links.trim_end());
        let files = FILES.iter().map(|(name, body)| (*name, File::new(name, Bytes::from_static(body))));
        Self { index: File::new("index.html", index.into()), files: files.collect(), version }
    }

    pub(super) fn find(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }
}

impl File {
    fn new(name: &str, plain: Bytes) -> Self {
        let gzip = compress(&plain);
        Self { kind: kind(name), etag: short(&Sha256::digest(&plain)), plain, gzip }
    }
}

/// The beginning of a hash: it distinguishes versions and is not for security.
fn short(hash: &[u8]) -> String {
    hex(hash.iter().take(8))
}

fn compress(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail; an empty body would show in the tests.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_kind() {
        assert!(PAGE.files.values().all(|file| file.kind != "application/octet-stream"));
    }

    #[test]
    fn the_index_names_the_version_of_its_files() {
        let index = String::from_utf8(PAGE.index.plain.to_vec()).unwrap();
        assert!(index.contains(&format!("web/{}/app.js", PAGE.version)), "{index}");
        assert!(!index.contains(VERSION) && !index.contains(MODULES), "{index}");
    }

    #[test]
    fn a_first_load_is_below_150_kb() {
        let bytes: usize = PAGE.files.values().map(|file| file.gzip.len()).sum();
        assert!((1..150_000).contains(&(bytes + PAGE.index.gzip.len())), "{bytes}");
    }
}
