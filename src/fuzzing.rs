//! The parsers of untrusted bytes, as fuzz targets. Each may return anything, and must
//! neither panic nor hang, nor let through what it is there to stop.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use actix_web::rt::Runtime;
use actors::domain::jobs::job::BlobKey;
use actors::domain::jobs::selection::Selection;
use actors::ports::{BlobBytes, BlobStore, BlobWriter, CancelToken, StorageUsage, StoreError, StoredBlob};
use async_trait::async_trait;
use bytes::Bytes;

use crate::audio::{AudioSettings, chunks_of_file, plan_file, probe_file};
use crate::outgoing::{AddressRules, TargetUrl};
use crate::settings::{self, Overrides, Place, Sources};

/// Longer recordings are refused: a few bytes may stand for days of silence.
const LONGEST_SECS: u64 = 60;

/// A recording: probed, planned, and decoded as planned. What is wrong with it is an error each time.
pub fn audio(bytes: &[u8]) {
    let path = scratch("audio");
    if fs::write(&path, bytes).is_err() {
        return;
    }
    let settings = AudioSettings { max_secs: LONGEST_SECS, ..AudioSettings::default() };
    let probed = probe_file(&path, &Selection::default(), &settings);
    let Ok(plan) = plan_file(&path, &Selection::default(), &settings, &CancelToken::default(), &mut |_| {})
    else {
        return;
    };
    assert!(probed.is_ok(), "what can be planned can be probed");
    let chunks = chunks_of_file(&path, &settings, &plan, 0, &CancelToken::default());
    for (samples, span) in chunks.map_while(Result::ok).zip(&plan.chunks) {
        assert_eq!(samples.len() as u64, span.end - span.start);
        assert!(samples.iter().all(|sample| sample.is_finite() && sample.abs() <= 1.0));
    }
}

/// A form: its type up to the first line's end, and its body.
pub fn form(bytes: &[u8]) {
    let (kind, body) = split_line(bytes);
    run(async {
        let _ = crate::http::fuzzing::form(&Nowhere, kind, body).await;
    });
}

/// Headers and a query: one line each.
pub fn request(bytes: &[u8]) {
    let (header, query) = split_line(bytes);
    run(crate::http::fuzzing::request(header, &String::from_utf8_lossy(query)));
}

/// A body that says where a recording is.
pub fn by_url(bytes: &[u8]) {
    crate::http::fuzzing::by_url(bytes);
}

/// Events of a Wyoming client.
pub fn wyoming(bytes: &[u8]) {
    run(crate::wyoming::fuzzing::events(bytes));
}

/// A webhook's URL. If it is accepted and its host is an address, that is a public one, by the standard library's lights.
pub fn webhook_url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(url) = TargetUrl::parse(text, &AddressRules::default()) else { return };
    let again = TargetUrl::parse(url.as_str(), &AddressRules::default());
    assert_eq!(again.as_ref(), Ok(&url), "what is stored is taken again");
    let Ok(read) = url::Url::parse(url.as_str()) else { return };
    let host = read.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
    assert_ne!(host.to_ascii_lowercase(), "localhost");
    let Ok(address) = host.parse::<IpAddr>() else { return };
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    let inner = match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    assert!(!inner && !address.is_unspecified() && !address.is_multicast(), "{text} leads to {address}");
}

/// A settings file, and variables of the environment: `NAME=value` in its comments.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = scratch("settings").with_extension("toml");
    if fs::write(&path, text).is_err() {
        return;
    }
    let named = text.lines().filter_map(|line| line.strip_prefix('#')?.trim().split_once('='));
    let env: BTreeMap<OsString, OsString> = named
        .filter(|(name, value)| !name.contains('\0') && !value.contains('\0'))
        .map(|(name, value)| (name.trim().into(), value.trim().into()))
        .collect();
    let sources = Sources {
        config_file: Some(path),
        env,
        place: Place::working_folder("/nonexistent"),
        overrides: Overrides::default(),
    };
    match settings::load(&sources) {
        Ok(effective) => assert!(!effective.describe().is_empty()),
        Err(error) => assert!(!error.to_string().trim().is_empty(), "an error says what is wrong"),
    }
}

/// A file of this process, in memory where there is such a place.
fn scratch(name: &str) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let dir = if memory.is_dir() { memory } else { std::env::temp_dir() };
    dir.join(format!("verbatim-fuzzing-{}-{name}", std::process::id()))
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn run(future: impl Future<Output = ()>) {
    thread_local!(static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) });
    RUNTIME.with_borrow_mut(|runtime| {
        if runtime.is_none() {
            *runtime = Runtime::new().ok();
        }
        if let Some(runtime) = runtime {
            runtime.block_on(future);
        }
    });
}

/// Takes recordings and keeps none.
struct Nowhere;

#[async_trait]
impl BlobStore for Nowhere {
    async fn create(&self) -> Result<Box<dyn BlobWriter>, StoreError> {
        Ok(Box::new(Nowhere))
    }

    fn has_room(&self, _: u64) -> bool {
        true
    }

    fn usage(&self) -> StorageUsage {
        StorageUsage::default()
    }

    async fn read(&self, _: &BlobKey, _: Range<u64>) -> Result<Option<BlobBytes>, StoreError> {
        Ok(None)
    }

    async fn copy(&self, _: &BlobKey) -> Result<Option<BlobKey>, StoreError> {
        Ok(None)
    }

    async fn delete(&self, _: &BlobKey) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl BlobWriter for Nowhere {
    async fn write(&mut self, _: Bytes) -> Result<(), StoreError> {
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<StoredBlob, StoreError> {
        Err(StoreError::DiskFull)
    }

    async fn abort(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    use std::fs;

    use fastrand::Rng;

    type Target = fn(&[u8]);

    /// What `cargo fuzz` begins with, and things near it: the fuzzer itself goes a thousand times as far, and looks where
    /// it goes. `VERBATIM_FUZZ_TIMES` is how many times as much of it there is.
    fn try_seeds(name: &str, target: Target, rounds: usize) {
        let times = std::env::var("VERBATIM_FUZZ_TIMES").map_or(1, |times| times.parse().unwrap());
        let rounds = rounds * times;
        let mut dice = Rng::with_seed(1);
        let seeds: Vec<_> = fs::read_dir(format!("fuzz/seeds/{name}")).unwrap().map(Result::unwrap).collect();
        assert!(!seeds.is_empty());
        let mut paths: Vec<_> = seeds.iter().map(fs::DirEntry::path).collect();
        paths.sort();
        for path in paths {
            let seed = fs::read(path).unwrap();
            target(&seed);
            for _ in 0..rounds {
                target(&changed(&seed, &mut dice));
            }
        }
        println!("{name}: {} inputs", (rounds + 1) * seeds.len());
    }

    /// With a few bytes changed, doubled or cut out.
    fn changed(seed: &[u8], dice: &mut Rng) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..dice.usize(1..8) {
            if bytes.is_empty() {
                break;
            }
            let at = dice.usize(..bytes.len());
            let end = (at + dice.usize(1..16)).min(bytes.len());
            match dice.u8(..4) {
                0 => bytes[at] = dice.u8(..),
                1 => bytes[at] ^= 1 << dice.u8(..8),
                2 => drop(bytes.drain(at..end)),
                _ => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
            }
        }
        bytes
    }

    #[test]
    fn no_recording_breaks_the_audio_target() {
        try_seeds("audio", super::audio, 60);
    }

    #[test]
    fn no_form_breaks_its_parser() {
        try_seeds("form", super::form, 1000);
    }

    #[test]
    fn no_header_and_no_query_is_too_odd() {
        try_seeds("request", super::request, 1000);
    }

    #[test]
    fn no_place_of_a_recording_is_too_odd() {
        try_seeds("by_url", super::by_url, 1000);
    }

    #[test]
    fn no_event_of_a_wyoming_client_is_too_odd() {
        try_seeds("wyoming", super::wyoming, 1000);
    }

    #[test]
    fn no_url_slips_past_the_guard() {
        try_seeds("webhook_url", super::webhook_url, 2000);
    }

    #[test]
    fn no_settings_are_too_odd() {
        try_seeds("settings", super::settings, 200);
    }
}
