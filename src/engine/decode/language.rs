//! In which language a recording is.

use actors::domain::language::Language;

use crate::engine::backends::LanguageProbabilities;

/// Adds the probabilities of windows up, each weighted by its length.
#[derive(Debug, Default)]
pub(super) struct Votes {
    weights: Vec<(Language, f32)>,
    total: f32,
}

impl Votes {
    /// Of the languages `allowed`, or of all where it is empty.
    pub(super) fn add(&mut self, window: &LanguageProbabilities, allowed: &[Language], secs: f32) {
        let is_allowed = |language: &Language| allowed.is_empty() || allowed.contains(language);
        let sum: f32 = window.iter().filter(|(language, _)| is_allowed(language)).map(|(_, p)| p).sum();
        if !(sum.is_finite() && sum > 0.0) {
            return;
        }
        self.total += secs;
        for (language, probability) in window.iter().filter(|(language, _)| is_allowed(language)) {
            let weight = secs * probability / sum;
            match self.weights.iter_mut().find(|(known, _)| known == language) {
                Some((_, known)) => *known += weight,
                None => self.weights.push((*language, weight)),
            }
        }
    }

    /// The likeliest language and its share; of equals the model's first.
    pub(super) fn winner(&self) -> Option<(Language, f32)> {
        let best = self.weights.iter().rev().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some((best.0, best.1 / self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(code: &str) -> Language {
        code.parse().unwrap()
    }

    #[test]
    fn windows_count_by_their_length() {
        let (en, cy) = (language("en"), language("cy"));
        let mut votes = Votes::default();
        votes.add(&vec![(en, 0.3), (cy, 0.6)], &[], 2.0);
        assert_eq!(votes.winner().unwrap().0, cy);
        votes.add(&vec![(en, 0.8), (cy, 0.1)], &[], 10.0);
        let (winner, share) = votes.winner().unwrap();
        assert_eq!(winner, en);
        assert!((share - (2.0 / 3.0 + 80.0 / 9.0) / 12.0).abs() < 1e-3, "{share}");
    }

    #[test]
    fn only_allowed_languages_count() {
        let (en, de) = (language("en"), language("de"));
        let mut votes = Votes::default();
        votes.add(&vec![(en, 0.9), (de, 0.1)], &[de], 5.0);
        assert_eq!(votes.winner(), Some((de, 1.0)));
    }

    #[test]
    fn windows_without_probabilities_change_nothing() {
        let mut votes = Votes::default();
        votes.add(&vec![(language("en"), 0.0), (language("de"), f32::NAN)], &[], 5.0);
        assert_eq!(votes.winner(), None);
    }
}
