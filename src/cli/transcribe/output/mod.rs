//! Where transcripts go.

mod files;

use std::fs;

use super::args::TranscribeArgs;
use super::recording::Recording;
use crate::cli::failure::Failure;
use crate::cli::progress::Meter;
use crate::cli::stdout;
use crate::transcript::Format;
pub(super) use files::Files;
use files::ended;

/// One place for each recording's transcripts; no transcript is written over another or over a recording.
#[derive(Debug)]
pub(super) enum Output {
    Stdout { titles: Titles, format: Format },
    Files(Files),
}

/// Whether a transcript on stdout says which recording it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Titles {
    Shown,
    Left,
}

impl Output {
    /// # Errors
    /// What would mix up transcripts or replace a file, found before any work is done, and a folder that cannot be made.
    pub(super) fn new(args: &TranscribeArgs, recordings: &[Recording]) -> Result<Self, Failure> {
        if args.output.is_none() && args.watch.is_none() {
            return Self::to_stdout(&args.wanted.formats(), recordings.len());
        }
        let files = Files::new(args);
        files.check(recordings)?;
        if let Some(dir) = files.folder() {
            fs::create_dir_all(dir).map_err(|source| Failure::Unwritable { path: dir.to_owned(), source })?;
        }
        Ok(Self::Files(files))
    }

    /// Several texts get titles, several JSON documents are one line each. The other formats are whole files, and files
    /// cannot be joined.
    fn to_stdout(formats: &[Format], recordings: usize) -> Result<Self, Failure> {
        let [format] = *formats else { return Err(Failure::SeveralFormats) };
        let titles = match format {
            Format::Text if recordings > 1 => Titles::Shown,
            Format::Text | Format::Json | Format::VerboseJson => Titles::Left,
            Format::Srt | Format::Vtt | Format::Tsv if recordings > 1 => {
                return Err(Failure::NeedsFolder { format: format.name() });
            }
            Format::Srt | Format::Vtt | Format::Tsv => Titles::Left,
        };
        Ok(Self::Stdout { titles, format })
    }

    /// Has text shown while it is decoded, where that is what goes to a terminal.
    pub(super) fn prepare(&self, meter: &Meter) {
        match self {
            Self::Stdout { format: Format::Text, .. } => meter.show_text(),
            Self::Stdout { .. } | Self::Files(_) => {}
        }
    }

    /// The line above a recording's text on a terminal.
    pub(super) fn title(&self, recording: &Recording) -> Option<String> {
        match self {
            Self::Stdout { titles: Titles::Shown, .. } => Some(title(recording)),
            Self::Stdout { titles: Titles::Left, .. } | Self::Files(_) => None,
        }
    }

    /// Puts the documents, one for each format, where they belong.
    pub(super) fn deliver(
        &self,
        recording: &Recording,
        documents: &[String],
        meter: &Meter,
    ) -> Result<(), Failure> {
        match self {
            Self::Stdout { .. } if meter.shows_text() => Ok(()),
            Self::Stdout { titles, .. } => {
                let shown = documents.iter().map(|document| on_stdout(*titles, recording, document));
                meter.suspend(|| stdout::print(&shown.collect::<String>()))
            }
            Self::Files(files) => files.write(recording, documents, meter),
        }
    }
}

fn title(recording: &Recording) -> String {
    format!("==> {} <==", recording.shown())
}

fn on_stdout(titles: Titles, recording: &Recording, document: &str) -> String {
    match titles {
        Titles::Shown => format!("{}\n{}\n", title(recording), ended(document)),
        Titles::Left => ended(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_texts_have_headings_and_subtitles_need_a_folder() {
        let shown = on_stdout(Titles::Shown, &Recording::of_file("a.wav".into()), "One two.");
        assert_eq!(shown, "==> a.wav <==\nOne two.\n\n");
        assert!(matches!(Output::to_stdout(&[Format::Srt], 2), Err(Failure::NeedsFolder { format: "srt" })));
        assert!(Output::to_stdout(&[Format::Srt], 1).is_ok());
        assert!(Output::to_stdout(&[Format::Json], 2).is_ok());
        let both = Output::to_stdout(&[Format::Json, Format::Srt], 1);
        assert!(matches!(both, Err(Failure::SeveralFormats)));
    }
}
