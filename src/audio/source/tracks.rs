//! The audio tracks of a recording, and which of them is decoded.

use std::fs::File;
use std::path::Path;

use actors::domain::jobs::selection::TrackChoice;
use actors::ports::AudioError;

pub use super::audio_track::{AudioTrack, language};
use super::{matroska, mp4_tracks};

/// Tracks that a sentence names.
const MOST_NAMED: usize = 20;

/// The audio tracks of a Matroska or MP4 file in the container's order, those with unknown codecs too. Empty for other files.
///
/// # Blocking
/// Reads the file's index.
pub fn of_file(path: &Path) -> Vec<AudioTrack> {
    let open = || File::open(path);
    let tracks = open().map(matroska::audio_tracks).unwrap_or_default();
    if tracks.is_empty() { open().map(mp4_tracks::audio_tracks).unwrap_or_default() } else { tracks }
}

/// The index of the chosen track; without a choice that of the first default track, else 0.
///
/// # Errors
/// There is no such track.
pub fn choose(tracks: &[AudioTrack], choice: Option<&TrackChoice>) -> Result<usize, AudioError> {
    let found = match choice {
        None => Some(tracks.iter().position(|track| track.is_default).unwrap_or(0)),
        Some(TrackChoice::Number(number)) => {
            Some(usize::from(number.get()) - 1).filter(|at| *at < tracks.len())
        }
        Some(TrackChoice::Language(language)) => tracks
            .iter()
            .position(|track| track.languages.iter().any(|spoken| spoken.eq_ignore_ascii_case(language))),
    };
    let choice = choice.map(TrackChoice::to_string).unwrap_or_default();
    found.ok_or_else(|| {
        AudioError::NoSuchTrack(format!(
            "the recording has no audio track {choice:?}: use one of {}",
            named(tracks)
        ))
    })
}

/// The warning on a recording with several audio tracks where the job selects none.
pub fn unchosen(tracks: &[AudioTrack], taken: usize) -> Option<String> {
    (tracks.len() > 1).then(|| {
        format!(
            "the recording has {} audio tracks, {}: number {} was transcribed; select another one with `track`",
            tracks.len(),
            named(tracks),
            taken + 1
        )
    })
}

/// The tracks' numbers with their languages.
fn named(tracks: &[AudioTrack]) -> String {
    let name = |(at, track): (usize, &AudioTrack)| match track.languages.first() {
        Some(language) => format!("{} ({language})", at + 1),
        None => (at + 1).to_string(),
    };
    let mut names: Vec<String> = tracks.iter().enumerate().take(MOST_NAMED).map(name).collect();
    if tracks.len() > MOST_NAMED {
        names.push("…".into());
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(languages: &[&str], is_default: bool) -> AudioTrack {
        let languages = languages.iter().map(|language| (*language).to_owned()).collect();
        AudioTrack { id: 7, languages, is_default }
    }

    #[test]
    fn the_choice_or_the_default_track_or_the_first_is_taken() {
        let tracks = [track(&["ger", "de"], false), track(&["eng"], true), track(&["eng"], true)];
        let chosen = |text: &str| choose(&tracks, Some(&text.parse().unwrap()));
        assert_eq!(choose(&tracks, None), Ok(1));
        assert_eq!(choose(&tracks[..1], None), Ok(0));
        assert_eq!(["1", "3", "de", "ENG"].map(chosen), [Ok(0), Ok(2), Ok(0), Ok(1)]);
    }

    #[test]
    fn a_missing_track_and_an_unmade_choice_name_the_tracks() {
        let tracks = [track(&["ger"], false), track(&[], false)];
        for missing in ["3", "eng"] {
            let error = choose(&tracks, Some(&missing.parse().unwrap())).unwrap_err().to_string();
            assert_eq!(error, format!("the recording has no audio track {missing:?}: use one of 1 (ger), 2"));
        }
        let warning = unchosen(&tracks, 1).unwrap();
        assert!(warning.contains("2 audio tracks, 1 (ger), 2: number 2 was transcribed"), "{warning}");
        assert_eq!(unchosen(&tracks[..1], 0), None);
    }
}
