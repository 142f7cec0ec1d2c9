//! Temporary files for recordings from standard input and URLs; each is removed when it is dropped.

use std::io::{self, Write};
use std::time::Duration;

use actix_rt::time::timeout;
use actors::ports::{Download, Sources};
use futures_util::TryStreamExt;
use tempfile::NamedTempFile;

use super::transcriber::Stop;
use crate::cli::progress::Meter;
use crate::outgoing::HttpSources;

/// # Blocking
/// Until standard input ends.
pub(super) fn stdin() -> Result<NamedTempFile, Stop> {
    let copied = NamedTempFile::new().and_then(|mut file| {
        io::copy(&mut io::stdin().lock(), &mut file)?;
        Ok(file)
    });
    copied.map_err(|error| Stop::File(format!("standard input could not be read: {error}")))
}

/// What downloads may reach and take.
pub(super) struct Downloads {
    pub(super) sources: HttpSources,
    pub(super) limit: Duration,
    pub(super) max_bytes: u64,
}

impl Downloads {
    /// # Blocking
    /// Until all of it is here.
    pub(super) fn fetch(&self, url: &str, meter: &Meter) -> Result<NamedTempFile, Stop> {
        meter.say("downloading");
        let fetched =
            actix_rt::System::new().block_on(async { timeout(self.limit, self.write(url, meter)).await });
        fetched.unwrap_or_else(|_| {
            let secs = self.limit.as_secs();
            Err(Stop::File(format!("the download took longer than {secs} s, which is [fetch] timeout_secs")))
        })
    }

    async fn write(&self, url: &str, meter: &Meter) -> Result<NamedTempFile, Stop> {
        let of_file = |error: io::Error| Stop::File(format!("the download could not be stored: {error}"));
        let Download { bytes, mut body, .. } =
            self.sources.open(url).await.map_err(|error| Stop::File(error.to_string()))?;
        let mut file = NamedTempFile::new().map_err(of_file)?;
        let mut done = 0;
        loop {
            let block = body.try_next().await;
            let block = block.map_err(|error| Stop::File(format!("the download was cut short: {error}")))?;
            let Some(block) = block else { return Ok(file) };
            done += block.len() as u64;
            if done > self.max_bytes {
                let message =
                    format!("it is larger than {} bytes, which is [server] max_upload_bytes", self.max_bytes);
                return Err(Stop::File(message));
            }
            file.write_all(&block).map_err(of_file)?;
            if let Some(bytes) = bytes {
                meter.bytes("downloading", done, bytes);
            }
        }
    }
}
