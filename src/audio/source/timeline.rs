//! Notices packets that are missing, by the times of those that are there.

/// Shorter gaps are timestamps that were rounded, or two clocks that drift apart.
const LEAST_GAP_SECS: f64 = 0.3;
/// Where no length is declared, a longer gap is rather a corrupt timestamp.
const MOST_GAP_SECS: f64 = 30.0;
/// Frames that share a block's time seem to lie behind; so much is a jump back.
const JUMP_BACK_SECS: f64 = 5.0;

/// Where a stream is by its own timestamps, beside how much of it came out.
#[derive(Debug, Default)]
pub struct Timeline {
    declared_secs: Option<f64>,
    /// The timestamp of what came out first.
    origin: Option<f64>,
    /// Seconds that came out so far.
    position: f64,
}

impl Timeline {
    pub fn new(declared_secs: Option<f64>) -> Self {
        Self { declared_secs, ..Self::default() }
    }

    /// So much came out.
    pub fn advance(&mut self, secs: f64) {
        self.position += secs;
    }

    /// Seconds that are missing before a packet with this time. A jump that cannot be a gap changes what later packets
    /// are measured by, and nothing else.
    pub fn gap_before(&mut self, at_secs: f64) -> Option<f64> {
        let origin = *self.origin.get_or_insert(at_secs - self.position);
        let gap = at_secs - origin - self.position;
        if gap > self.longest_gap() || gap < -JUMP_BACK_SECS {
            self.origin = Some(at_secs - self.position);
            return None;
        }
        (gap >= LEAST_GAP_SECS).then_some(gap)
    }

    /// The longest gap that may stand before what comes next, in seconds.
    pub fn longest_gap(&self) -> f64 {
        self.declared_secs.map_or(MOST_GAP_SECS, |declared| declared - self.position + LEAST_GAP_SECS)
    }

    /// The next link of a chained stream has times of its own.
    pub fn begin_anew(&mut self) {
        (self.origin, self.declared_secs) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_packet_shows_what_is_missing_before_it() {
        let mut timeline = Timeline::new(Some(100.0));
        assert_eq!(timeline.gap_before(5.0), None, "time begins where it begins");
        timeline.advance(1.0);
        assert_eq!(timeline.gap_before(6.1), None);
        assert_eq!(timeline.gap_before(8.0), Some(2.0));
        timeline.advance(2.0);
        assert_eq!(timeline.gap_before(8.0), None);
    }

    #[test]
    fn what_cannot_be_a_gap_is_a_jump_of_the_clock() {
        let mut timeline = Timeline::new(Some(100.0));
        timeline.gap_before(0.0);
        assert_eq!(timeline.gap_before(1e9), None, "longer than the recording");
        assert_eq!(timeline.gap_before(1e9 + 1.0), Some(1.0));
        assert_eq!(timeline.gap_before(1e9 - 1.0), None, "frames of one block");
        assert_eq!(timeline.gap_before(1e9 + 1.0), Some(1.0));
        assert_eq!(timeline.gap_before(0.0), None);
        assert_eq!(timeline.gap_before(2.0), Some(2.0));
        let mut endless = Timeline::new(None);
        endless.gap_before(0.0);
        assert_eq!((endless.gap_before(29.0), endless.gap_before(31.0)), (Some(29.0), None));
    }
}
