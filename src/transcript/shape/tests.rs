use actors::domain::jobs::options::Task;
use proptest::prelude::*;

use super::*;
use crate::transcript::millis::millis;
use crate::transcript::one_line::one_line;

/// With word times, the words one after the other, each with its length.
fn timed(start: f64, words: &[(&str, f64)]) -> Segment {
    let mut at = start;
    let mut words_in_time = Vec::new();
    for &(word, secs) in words {
        let word = word.to_owned();
        words_in_time.push(actors::domain::transcript::Word {
            word,
            start: at,
            end: at + secs,
            probability: 1.0,
        });
        at += secs;
    }
    let text: String = words.iter().map(|(word, _)| *word).collect();
    Segment { words: Some(words_in_time), ..Segment::new(start, at, &text) }
}

fn shape(line_chars: u32, lines: u32) -> Shape {
    Shape::new(Some(line_chars), Some(lines), None).unwrap().unwrap()
}

fn cues(shape: &Shape, segments: &[Segment], duration_secs: f64) -> Vec<Cue> {
    shape.cues(&Transcript {
        language: None,
        language_probability: None,
        duration_secs,
        task: Task::Transcribe,
        segments,
        revision: None,
    })
}

fn lines(cues: &[Cue]) -> Vec<Vec<&str>> {
    cues.iter().map(|cue| cue.lines.iter().map(String::as_str).collect()).collect()
}

#[test]
fn a_long_segment_becomes_even_cues_of_even_lines() {
    let text = " It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.";
    let found = cues(&shape(32, 2), &[Segment::new(10.0, 20.0, text)], 60.0);
    assert_eq!(
        lines(&found),
        [
            ["It was the best of times,", "it was the worst of times,"],
            ["it was the age of wisdom,", "it was the age of foolishness."]
        ]
    );
    assert_eq!((found[0].start_ms, found[1].end_ms), (10_000, 20_000));
    assert_eq!(found[0].end_ms, found[1].start_ms);
}

#[test]
fn what_fits_stays_as_it_is() {
    let found = cues(&shape(20, 2), &[Segment::new(1.0, 3.0, " One two three.")], 60.0);
    assert_eq!(
        (lines(&found), found[0].start_ms, found[0].end_ms),
        (vec![vec!["One two three."]], 1000, 3000)
    );
}

#[test]
fn cues_are_shown_when_their_words_are_said() {
    let words =
        [(" One", 0.5), (" two", 2.0), (" three.", 0.5), (" Four", 1.0), (" five", 1.0), (" six.", 1.0)];
    let found = cues(&shape(15, 1), &[timed(5.0, &words)], 60.0);
    assert_eq!(lines(&found), [["One two three."], ["Four five six."]]);
    assert_eq!((found[0].start_ms, found[0].end_ms), (5000, 8000));
    assert_eq!((found[1].start_ms, found[1].end_ms), (8000, 11_000));
}

#[test]
fn a_sentence_is_kept_together_where_that_costs_little() {
    let found =
        cues(&shape(26, 1), &[Segment::new(0.0, 9.0, " Stop right there. Go on down the left side.")], 9.0);
    assert_eq!(lines(&found), [["Stop right there."], ["Go on down the left side."]].map(|cue| cue.to_vec()));
}

#[test]
fn words_said_in_a_moment_are_there_long_enough_to_be_read() {
    // The engine puts several words at one time, now and then.
    let words = [(" One two", 0.0), (" three", 0.0), (" four", 0.0), (" five six", 0.0), (" seven", 6.0)];
    let found = cues(&shape(8, 1), &[timed(2.0, &words)], 8.0);
    assert!(found.len() > 3, "{found:?}");
    for cue in &found {
        assert!(cue.end_ms - cue.start_ms >= 833, "{cue:?}");
    }
    assert_eq!(found.last().map(|cue| cue.end_ms), Some(8000));
}

#[test]
fn a_cue_stays_for_its_reading_time_until_the_next_one() {
    let slow = Shape::new(None, None, Some(10.0)).unwrap().unwrap();
    let segments = [
        Segment::new(0.0, 0.2, " One two three four."),
        Segment::new(5.0, 5.1, " Five six seven."),
        Segment::new(5.5, 5.6, " Eight."),
    ];
    let found = cues(&slow, &segments, 5.8);
    assert_eq!((found[0].start_ms, found[0].end_ms), (0, 1900));
    assert_eq!((found[1].start_ms, found[1].end_ms), (5000, 5500), "until the next one");
    assert_eq!((found[2].start_ms, found[2].end_ms), (5500, 5800), "until the recording ends");
}

#[test]
fn cues_of_two_speakers_at_a_time_come_in_order() {
    let segments = [Segment::new(0.0, 6.0, " One two three. Four five six."), Segment::new(1.0, 2.0, " No.")];
    let found = cues(&shape(15, 1), &segments, 9.0);
    assert_eq!(lines(&found), [["One two three."], ["No."], ["Four five six."]]);
    assert!(found.is_sorted_by_key(|cue| cue.start_ms), "{found:?}");
}

#[test]
fn text_without_spaces_is_cut_between_its_characters() {
    let text = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。";
    let found = cues(&shape(13, 2), &[Segment::new(0.0, 9.0, text)], 9.0);
    assert_eq!(lines(&found).concat().concat(), text);
    assert!(found.iter().flat_map(|cue| &cue.lines).all(|line| !line.starts_with(['。', '、'])), "{found:?}");
}

#[test]
fn an_accent_or_an_emoji_is_one_character_and_never_cut() {
    let family = "👩\u{200d}👩\u{200d}👧";
    let text = format!(" {} {}", family.repeat(8), "e\u{301}".repeat(8));
    let found = cues(&shape(8, 1), &[Segment::new(0.0, 4.0, &text)], 4.0);
    assert_eq!(lines(&found), [[family.repeat(8)], ["e\u{301}".repeat(8)]]);
}

#[test]
fn word_times_that_do_not_belong_to_the_text_are_left_alone() {
    let mut odd = timed(0.0, &[(" one", 0.1), (" two", 0.1)]);
    odd.text = " One two three four.".into();
    odd.end = 4.0;
    assert_eq!(
        lines(&cues(&shape(11, 1), &[odd], 4.0)),
        [["One two"], ["three four."]].map(|cue| cue.to_vec())
    );
}

#[test]
fn limits_out_of_range_are_named() {
    assert_eq!(Shape::new(None, None, None), Ok(None));
    let named = |chars, lines, cps| Shape::new(chars, lines, cps).unwrap_err().limit;
    assert_eq!(named(Some(7), None, None), "max_line_chars");
    assert_eq!(named(None, Some(0), None), "max_lines");
    assert_eq!(named(None, None, Some(f64::NAN)), "max_cps");
    let error = Shape::new(Some(501), None, None).unwrap_err().to_string();
    assert_eq!(error, "max_line_chars must be a whole number from 8 to 500");
}

/// Words as they come from an engine, and unusual ones.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-z]{1,9}",
        2 => "[a-z]{1,6}[.,?!]",
        1 => "[一-龠]{1,30}[。、]?",
        1 => "[א-ת]{1,8}",
        1 => "[a-z]{20,60}",
        1 => Just("👩\u{200d}👩\u{200d}👧".to_owned()),
        1 => "[0-9]{1,4}",
    ]
}

/// Segments one after the other, overlapping never, with word times or without.
fn segments() -> impl Strategy<Value = Vec<Segment>> {
    let word = (word(), 0.0..0.8_f64);
    let segment = (prop::collection::vec(word, 1..40), any::<bool>(), 0.0..3.0_f64);
    prop::collection::vec(segment, 1..6).prop_map(|all| {
        let mut at = 0.0;
        let place = |(words, known, pause): (Vec<(String, f64)>, bool, f64)| {
            let spaced: Vec<_> = words.iter().map(|(word, secs)| (format!(" {word}"), *secs)).collect();
            let words: Vec<_> = spaced.iter().map(|(word, secs)| (word.as_str(), *secs)).collect();
            let mut segment = timed(at, &words);
            if !known {
                segment.words = None;
            }
            at = segment.end + pause;
            segment
        };
        all.into_iter().map(place).collect()
    })
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_word_is_lost_and_every_limit_held(
        segments in segments(),
        line_chars in 8_u32..60,
        max_lines in 1_u32..4,
        cps in prop::option::of(5.0..30.0_f64),
        tail in 0.0..2.0_f64,
    ) {
        let shape = Shape::new(Some(line_chars), Some(max_lines), cps).unwrap().unwrap();
        let over = segments.last().map_or(0.0, |segment| segment.end) + tail;
        let found = cues(&shape, &segments, over);

        let said: String = segments.iter().map(|segment| format!("{} ", segment.text)).collect();
        let shown = found.iter().flat_map(|cue| &cue.lines).cloned().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(letters(&said), letters(&shown));
        if one_line(&said).split(' ').all(|word| chars(word) <= line_chars as usize) {
            prop_assert_eq!(one_line(&said), shown, "no word is cut that a line holds");
        }
        for cue in &found {
            prop_assert!((1..=max_lines as usize).contains(&cue.lines.len()), "{:?}", cue);
            prop_assert!(cue.lines.iter().all(|line| chars(line) <= line_chars as usize && !line.is_empty()), "{:?}", cue);
        }

        let mut left = found.as_slice();
        let ends = segments.iter().skip(1).map(|segment| segment.start).chain([over]);
        for (segment, until) in segments.iter().zip(ends) {
            let mut wanted = letters(&segment.text);
            let mine = left.iter().position(|cue| {
                wanted = wanted.strip_prefix(&letters(&cue.lines.concat())).map(str::to_owned).unwrap_or_default();
                wanted.is_empty()
            });
            let (mine, rest) = left.split_at(mine.unwrap() + 1);
            left = rest;
            let (first, last) = (&mine[0], &mine[mine.len() - 1]);
            prop_assert_eq!(first.start_ms, millis(segment.start));
            prop_assert!(last.end_ms >= millis(segment.end) && last.end_ms <= millis(until).max(last.start_ms + 1));
            let share = (until - segment.start) / mine.len() as f64;
            let share = share.min((segment.end - segment.start) / (mine.len() as f64 - 1.0)).min(5.0 / 6.0);
            for cue in mine {
                let lasts = (cue.end_ms - cue.start_ms) as f64 / 1000.0;
                prop_assert!(lasts >= share - 0.002, "{:?} of {} could last {} s", cue, mine.len(), share);
                prop_assert!(cue.start_ms <= millis(segment.end), "{:?} begins after its segment", cue);
            }
        }
        prop_assert!(left.is_empty());

        for (number, cue) in found.iter().enumerate() {
            let next = found.get(number + 1).map_or(millis(over), |next| next.start_ms);
            prop_assert!(cue.end_ms <= next.max(cue.start_ms + 1), "{:?} overlaps what begins at {}", cue, next);
            let secs = (cue.end_ms - cue.start_ms) as f64 / 1000.0;
            let read = cps.is_none_or(|cps| chars(&cue.lines.join(" ")) as f64 / secs <= cps + 0.1);
            prop_assert!(read || cue.end_ms + 1 >= next, "{:?} could stay until {}", cue, next);
        }
    }
}
