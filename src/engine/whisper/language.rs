//! Which language a chunk is decoded in.

use std::sync::atomic::AtomicBool;

use actors::domain::language::Language;
use actors::ports::{ChunkWork, EngineFault};

use super::{WhisperCore, unless};

impl WhisperCore {
    /// The language to decode in, and how likely it is where it was found out. English for a model that knows no other.
    pub(super) fn language(
        &self,
        work: &ChunkWork,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<(Language, Option<f32>), EngineFault> {
        if !self.header.multilingual() {
            return Ok((language_of(0)?, None));
        }
        match (work.language, &work.languages[..]) {
            (Some(language), _) | (None, &[language]) => {
                self.known(language).map(|_| (language, None)).ok_or_else(|| self.knows_no(&[language]))
            }
            (None, []) => self.detect((0..self.header.shape.languages()).collect(), samples, abort),
            (None, allowed) => {
                let known: Vec<i32> = allowed.iter().filter_map(|language| self.known(*language)).collect();
                if known.is_empty() {
                    Err(self.knows_no(allowed))
                } else {
                    self.detect(known, samples, abort)
                }
            }
        }
    }

    /// The model's number of a language that it knows.
    fn known(&self, language: Language) -> Option<i32> {
        whisper_rs::get_lang_id(language.code()).filter(|id| *id < self.header.shape.languages())
    }

    fn knows_no(&self, languages: &[Language]) -> EngineFault {
        let names: Vec<&str> = languages.iter().map(|language| language.code()).collect();
        let message =
            format!("the model {} does not know the language {}", self.config.model_id, names.join(", "));
        EngineFault::Refused { message }
    }

    /// The likeliest of some languages that this model knows, and its probability among them. whisper.cpp's own
    /// detection asks for all that any model knows, and takes another token for the hundredth language of older ones.
    fn detect(
        &self,
        among: Vec<i32>,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<(Language, Option<f32>), EngineFault> {
        let threads = usize::try_from(self.threads).unwrap_or(1);
        let failed = |error| self.fail(format!("language detection failed: {error}"));
        let mut state = self.state()?;
        state.pcm_to_mel(samples, threads).map_err(failed)?;
        unless(abort)?;
        state.encode(0, threads).map_err(failed)?;
        unless(abort)?;
        state.decode(&[self.context.token_sot()], 0, threads).map_err(failed)?;
        let logits = state.get_logits().map_err(failed)?;
        let logit = |id: i32| {
            usize::try_from(self.context.token_lang(id))
                .ok()
                .and_then(|token| logits.get(token).copied())
                .unwrap_or(f32::NEG_INFINITY)
        };
        let likeliest = among.iter().copied().max_by(|a, b| logit(*a).total_cmp(&logit(*b))).unwrap_or(0);
        let odds: f32 = among.iter().map(|id| (logit(*id) - logit(likeliest)).exp()).sum();
        Ok((language_of(likeliest)?, Some(odds.recip()).filter(|probability| probability.is_finite())))
    }
}

/// By the model's own numbering.
fn language_of(id: i32) -> Result<Language, EngineFault> {
    whisper_rs::get_lang_str(id)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| EngineFault::Refused { message: format!("the engine knows no language number {id}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_of_the_engine_has_a_name_in_the_domain() {
        for id in 0..=whisper_rs::get_lang_max_id() {
            assert!(language_of(id).is_ok(), "language {id}");
        }
        assert!(language_of(100).is_err());
    }
}
