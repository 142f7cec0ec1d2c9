//! Voice activity: how likely each 16 ms of a recording are speech.

use earshot::Detector;

use super::frames::FRAME;

/// The detector gets everything 12 dB quieter. Measured: at full level it takes loud noise (white or
/// pink at -3 dB, brown at -10 dB) for speech nearly throughout, at this level none of it; speech is
/// found all the same, down to 30 dB below the usual level and at 0 dB above noise. Much lower, it
/// would miss speech in noise.
const LEVEL: f32 = 0.25;

/// Frames at the beginning that the detector gets once before its results count. Coming from nothing it
/// takes the first moment of any loud noise for speech.
const OPENING: usize = 32;

/// Finds speech in a stream of samples. Keeps one byte for each frame (225 KB an hour) and no samples.
pub struct Vad {
    detector: Box<Detector>,
    /// The frame being filled.
    frame: [f32; FRAME],
    filled: usize,
    /// The first frames, until there are [`OPENING`] of them.
    opening: Option<Vec<[f32; FRAME]>>,
    activity: Vec<u8>,
}

impl Vad {
    pub fn new() -> Self {
        Self {
            detector: Detector::default_boxed(),
            frame: [0.0; FRAME],
            filled: 0,
            opening: Some(Vec::with_capacity(OPENING)),
            activity: Vec::new(),
        }
    }

    /// Takes samples within [-1, 1].
    pub fn push(&mut self, mut samples: &[f32]) {
        while let Some(space) = self.frame.get_mut(self.filled..).filter(|_| !samples.is_empty()) {
            let (now, later) = samples.split_at(space.len().min(samples.len()));
            for (scaled, sample) in space.iter_mut().zip(now) {
                *scaled = sample * LEVEL;
            }
            self.filled += now.len();
            samples = later;
            if self.filled == FRAME {
                self.end_frame();
            }
        }
    }

    /// The frames that are finished by now.
    pub fn so_far(&self) -> &[u8] {
        &self.activity
    }

    /// The probability of speech in each frame, 0 to 255; the last frame may be a part of one.
    pub fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.frame[self.filled..].fill(0.0);
            self.end_frame();
        }
        self.end_opening();
        self.activity
    }

    fn end_frame(&mut self) {
        self.filled = 0;
        let Some(opening) = &mut self.opening else { return self.detect(&{ self.frame }) };
        opening.push(self.frame);
        if opening.len() == OPENING {
            self.end_opening();
        }
    }

    fn end_opening(&mut self) {
        let frames = self.opening.take().unwrap_or_default();
        for frame in &frames {
            self.detector.predict_f32(frame);
        }
        for frame in &frames {
            self.detect(frame);
        }
    }

    fn detect(&mut self, frame: &[f32; FRAME]) {
        let p = self.detector.predict_f32(frame);
        self.activity.push((p.clamp(0.0, 1.0) * 255.0).round() as u8);
    }
}
