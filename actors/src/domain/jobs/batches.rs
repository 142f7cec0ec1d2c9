//! Which chunks of a recording are decoded together.

use std::ops::Range;

use crate::domain::audio::Plan;

/// Chunks of one batch are computed as if all were as long as the longest: a chunk shorter than this part of it begins
/// a new batch.
const LEAST_PART: f64 = 0.6;

/// The chunks of a plan in groups of at most `size`, in order. The first chunk is alone, so that its text comes early and
/// it can be decoded before the plan is complete.
///
/// The groups follow from the plan alone: a text may depend on what it was decoded with, so a job that is resumed has to
/// find the same ones.
pub fn batches(plan: &Plan, size: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let (mut shortest, mut longest) = (0, 0);
    for (index, chunk) in plan.chunks.iter().enumerate() {
        let samples = chunk.samples();
        let (least, most) = (samples.min(shortest), samples.max(longest));
        match batches.last_mut() {
            Some(batch)
                if batch.start > 0 && batch.len() < size && least as f64 >= most as f64 * LEAST_PART =>
            {
                batch.end = index + 1;
                (shortest, longest) = (least, most);
            }
            Some(_) | None => {
                batches.push(index..index + 1);
                (shortest, longest) = (samples, samples);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::Span;

    fn plan(lengths: &[u64]) -> Plan {
        let mut start = 0;
        let chunks = lengths.iter().map(|length| {
            let span = Span { start, end: start + length };
            start = span.end;
            span
        });
        Plan { chunks: chunks.collect(), ..Plan::default() }
    }

    #[test]
    fn first_chunk_is_alone_and_others_are_batched_by_length() {
        let of = |lengths: &[u64], size| batches(&plan(lengths), size);
        assert_eq!(of(&[], 4), []);
        assert_eq!(of(&[28, 28], 1), [0..1, 1..2]);
        assert_eq!(of(&[28; 7], 4), [0..1, 1..5, 5..7]);
        assert_eq!(of(&[28; 3], 1), [0..1, 1..2, 2..3]);
        assert_eq!(of(&[28, 20, 28, 5, 4, 3, 28], 4), [0..1, 1..3, 3..6, 6..7]);
    }

    #[test]
    fn every_chunk_is_in_one_batch() {
        for size in 0..5 {
            let all = batches(&plan(&[9, 28, 1, 30, 12, 12, 14, 29]), size);
            assert_eq!(all.iter().flat_map(Clone::clone).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        }
    }
}
