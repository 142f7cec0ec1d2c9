//! The folder of models, and where they are downloaded from.

use crate::domain::model::lifecycle::Failure;

/// The models that can be downloaded, and those that are here.
pub trait ModelShelf: Send + Sync + 'static {
    /// The catalogue, and every other model in the folder.
    ///
    /// # Blocking
    /// Reads the folder and the headers of the models in it.
    fn list(&self) -> Vec<ShelfModel>;

    /// The length of a model of the catalogue; `None` for a name that is not in it.
    fn find(&self, name: &str) -> Option<u64>;

    /// Downloads a model of the catalogue and verifies it. One that was downloaded in part continues.
    /// `keep_going` is polled at least every 30 s; once it returns `false`, what has come stays for the next time.
    ///
    /// # Blocking
    /// For as long as the download takes.
    fn pull(
        &self,
        name: &str,
        keep_going: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(PullStep),
    ) -> Result<(), Failure>;
}

/// A model of the catalogue, or in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfModel {
    /// The settings and the catalogue call it so; a path where it has no such name.
    pub name: String,
    /// Of all its files.
    pub bytes: u64,
    /// `None` of a file that cannot be read.
    pub multilingual: Option<bool>,
    pub is_installed: bool,
    /// The library that its files are made for: "ctranslate2" or "whisper_cpp".
    pub engine: &'static str,
}

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullStep {
    pub stage: PullStage,
    /// Bytes that are here, those of earlier downloads included.
    pub bytes: u64,
    pub total_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullStage {
    Pulling,
    /// Its checksum is being computed.
    Verifying,
}
