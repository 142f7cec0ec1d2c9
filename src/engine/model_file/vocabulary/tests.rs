use std::path::Path;

use super::*;
use crate::engine::model_file::ModelHeader;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ggml-words-q8_0.bin");

fn vocabulary() -> Vocabulary {
    Vocabulary::read(&ModelHeader::read(Path::new(MODEL)).unwrap()).unwrap()
}

fn shape(vocabulary: i32) -> Shape {
    Shape { vocabulary, ..ModelHeader::read(Path::new(MODEL)).unwrap().shape }
}

/// What tiktoken makes of them with openai-whisper's `multilingual.tiktoken` (20250625).
#[rustfmt::skip]
const SENTENCES: &[(&str, &[u32])] = &[
    ("Hello, world!", &[15947, 11, 1002, 0]),
    (" The quick brown fox jumps over the lazy dog.",
     &[440, 1702, 6292, 21026, 16704, 670, 264, 14847, 3000, 13]),
    ("It's 3:45 o'clock; they're late, aren't they?",
     &[3522, 311, 805, 25, 8465, 277, 6, 9023, 26, 436, 434, 3469, 11, 3212, 380, 436, 30]),
    ("I'LL shout: DON'T!", &[40, 6, 24010, 8043, 25, 20403, 6, 51, 0]),
    ("Ask not what your country can do for you — ask what you can do for your country.",
     &[47802, 406, 437, 428, 1941, 393, 360, 337, 291, 3466, 1029, 437, 291, 393, 360, 337, 428, 1941,
      13]),
    ("Kubernetes, PostgreSQL, OAuth2 and gRPC",
     &[42, 22457, 11, 10223, 33248, 39934, 11, 48424, 2910, 17, 293, 290, 49, 12986]),
    ("naïve café résumé", &[629, 15487, 303, 25118, 14415, 449, 526]),
    ("Die Größe der Straßenbahn überrascht mich.",
     &[29928, 45778, 11451, 1163, 48925, 39865, 4502, 3906, 4701, 6031, 13]),
    ("Grüße aus Köln, Herr Müller!", &[20038, 774, 11451, 3437, 591, 13072, 77, 11, 10367, 21295, 4658, 0]),
    ("¿Dónde está la biblioteca? ¡Aquí mismo!",
     &[25073, 35, 812, 16404, 3192, 635, 34344, 1370, 496, 30, 6514, 32, 358, 870, 12461, 0]),
    ("L'été dernier, j'ai vu l'Île-de-France.",
     &[43, 6, 21210, 29332, 11, 361, 6, 1301, 9732, 287, 6, 127, 236, 306, 12, 1479, 12, 37, 32493,
      13]),
    ("Dzień dobry, jak się masz?", &[35, 3283, 5248, 35884, 11, 4207, 3244, 2300, 89, 30]),
    ("Příliš žluťoučký kůň úpěl ďábelské ódy",
     &[47, 15781, 870, 2081, 7891, 17305, 2781, 27101, 263, 10236, 74, 11822, 350, 23241, 129, 230,
      6991, 79, 9648, 75, 2127, 237, 27879, 1625, 74, 526, 11857, 3173]),
    ("Съешь же ещё этих мягких французских булок",
     &[8068, 8515, 7815, 6151, 13993, 23296, 1084, 25217, 11855, 4394, 8575, 1814, 15687, 25698, 21646,
      693, 2637]),
    ("Привіт, як справи?", &[43971, 2739, 24947, 11, 14760, 31853, 435, 30]),
    ("Γειά σου Κόσμε", &[138, 241, 6452, 3849, 43455, 19233, 41292, 9104]),
    ("שלום עולם", &[43911, 17333, 7535, 39383]),
    ("مرحبا بالعالم", &[29973, 5016, 3555, 995, 20666, 3615, 45340]),
    ("नमस्ते दुनिया",
     &[35082, 48521, 45938, 27099, 36158, 21981, 8485, 99, 8703, 223, 35082, 33279, 48268, 17937]),
    ("สวัสดีชาวโลก", &[13715, 7643, 5981, 13715, 9345, 6033, 17080, 4943, 7643, 24929, 10133, 6223]),
    ("你好，世界！今天天气怎么样？", &[26410, 171, 120, 234, 24486, 171, 120, 223, 12074, 6135, 42204, 48200, 171, 120, 253]),
    ("こんにちは、世界。元気ですか？", &[38088, 1231, 24486, 1543, 14812, 25870, 30913, 171, 120, 253]),
    ("안녕하세요 세계", &[49200, 12831, 15377, 40179]),
    ("Xin chào thế giới", &[55, 259, 417, 20807, 27100, 1735, 12242]),
    ("Merhaba dünya, İstanbul'da hava nasıl?",
     &[45757, 42016, 19378, 7457, 11, 45822, 1116, 64, 324, 2757, 16963, 30]),
    ("a  b   c\t\td\n\ne  ", &[64, 220, 272, 220, 220, 269, 197, 197, 67, 198, 198, 68, 220, 220]),
    ("😀 👩\u{200d}👩\u{200d}👧 🇩🇪",
     &[13125, 222, 36276, 102, 913, 235, 31017, 102, 913, 235, 31017, 100, 7385, 229, 102, 4222, 229,
      103]),
    ("1234567890 12,345.67 €5 ½ ² Ⅷ",
     &[4762, 18, 8465, 22452, 23, 7771, 2272, 11, 18, 8465, 13, 22452, 17450, 20, 32653, 1815, 110, 672,
      227, 100]),
    ("<|endoftext|> <|en|>", &[27, 91, 3999, 844, 3828, 91, 29, 2627, 91, 268, 91, 29]),
    ("...!!!???----====", &[485, 4589, 16259, 10922, 2945, 2945]),
    ("♪ la la ♪♪ [Music] (laughs)", &[3961, 635, 635, 9061, 542, 8710, 60, 522, 3608, 8]),
    ("\u{a0}non\u{2003}breaking\u{3000}space ", &[126, 254, 30092, 913, 225, 20602, 756, 222, 24824, 220]),
    ("", &[]),
    (" ", &[220]),
    ("don’t it’s", &[13966, 913, 247, 83, 309, 913, 247, 82]),
];

#[test]
fn texts_are_encoded_as_tiktoken_encodes_them() {
    let vocabulary = vocabulary();
    for (text, tokens) in SENTENCES {
        assert_eq!(vocabulary.encode(text), *tokens, "{text}");
    }
}

#[test]
fn encoded_text_decodes_to_itself() {
    let vocabulary = vocabulary();
    let long = "aé語😀 ".repeat(3) + &"ab".repeat(2000) + &"語".repeat(2000) + &" ".repeat(3000);
    for text in SENTENCES.iter().map(|(text, _)| *text).chain([long.as_str()]) {
        let tokens = vocabulary.encode(text);
        let bytes: Vec<u8> = tokens.iter().flat_map(|id| vocabulary.text(*id).unwrap()).copied().collect();
        assert_eq!(bytes, text.as_bytes());
    }
}

#[test]
fn special_tokens_have_the_published_ids() {
    let vocabulary = vocabulary();
    assert_eq!(vocabulary.len(), 51_865);
    let id_of =
        |name: &str| vocabulary.token_strings().position(|token| token == name).map(|id| id as u32).unwrap();
    for (id, name) in [
        (vocabulary.end_of_text(), "<|endoftext|>"),
        (vocabulary.start_of_transcript(), "<|startoftranscript|>"),
        (vocabulary.language("en".parse().unwrap()).unwrap(), "<|en|>"),
        (vocabulary.language("su".parse().unwrap()).unwrap(), "<|su|>"),
        (vocabulary.translate(), "<|translate|>"),
        (vocabulary.transcribe(), "<|transcribe|>"),
        (vocabulary.start_of_previous(), "<|startofprev|>"),
        (vocabulary.no_speech(), "<|nospeech|>"),
        (vocabulary.first_timestamp() - 1, "<|notimestamps|>"),
        (vocabulary.first_timestamp(), "<|0.00|>"),
        (vocabulary.first_timestamp() + 1, "<|0.02|>"),
        (vocabulary.len() - 1, "<|30.00|>"),
    ] {
        assert_eq!((vocabulary.token_string(id), id_of(name)), (name, id));
        assert_eq!(vocabulary.text(id), None);
    }
    assert_eq!(vocabulary.end_of_text(), 50_257);
    assert_eq!(vocabulary.first_timestamp(), 50_364);
    assert_eq!(vocabulary.language("yue".parse().unwrap()), None);
    assert_eq!(vocabulary.languages().count(), 99);
    assert_eq!(vocabulary.token_string(440), "ĠThe");
    assert_eq!(vocabulary.text(440), Some(&b" The"[..]));
    assert_eq!(vocabulary.token_string(u32::MAX), "<|endoftext|>");
}

#[test]
fn other_vocabularies_shift_the_special_tokens() {
    let english = SpecialTokens::of(&shape(51_864));
    assert_eq!(
        (english.end_of_text, english.translate(), english.first_timestamp()),
        (50_256, 50_357, 50_363)
    );
    assert!(!english.multilingual());
    let large = SpecialTokens::of(&shape(51_866));
    assert_eq!((large.end_of_text, large.transcribe(), large.first_timestamp()), (50_257, 50_360, 50_365));
    assert_eq!(large.name(50_358).as_deref(), Some("<|yue|>"));
    for (special, count) in [(english, 51_864), (large, 51_866)] {
        assert_eq!(special.count(), count);
        assert_eq!(special.name(count - 1).as_deref(), Some("<|30.00|>"));
        assert_eq!(special.names().count() as u32, count - special.end_of_text);
    }
}

#[test]
fn lists_of_tokens_are_checked() {
    let whole = vocabulary();
    let tokens: Vec<&str> = whole.token_strings().collect();
    let read = |change: &dyn Fn(&mut Vec<&str>)| {
        let mut tokens = tokens.clone();
        change(&mut tokens);
        Vocabulary::from_strings(tokens.into_iter(), &shape(51_865))
    };
    assert_eq!(read(&|_| {}).unwrap().text(440), Some(&b" The"[..]));
    // As transformers writes them.
    let other = read(&|tokens| {
        tokens[50_362] = "<|nocaptions|>";
        tokens[50_279] = "<|iw|>";
    })
    .unwrap();
    assert_eq!(other.language("he".parse().unwrap()), Some(50_279));
    assert_eq!(other.token_string(50_279), "<|iw|>");
    type Change = fn(&mut Vec<&str>);
    let odd: [(Change, &str); 7] = [
        (|tokens| tokens.truncate(51_864), "51864 tokens, 51865 expected"),
        (|tokens| tokens.push("<|30.02|>"), "no more expected"),
        (|tokens| tokens.swap(50_257, 50_258), "\"<|endoftext|>\" expected"),
        (|tokens| tokens.swap(50_300, 50_301), "expected"),
        (|tokens| tokens[7] = "<|en|>", "the name of a special token"),
        (|tokens| tokens[440] = " The", "alphabet"),
        (|tokens| tokens[50_256] = "Ġunheard", "has no empty token"),
    ];
    for (change, reason) in odd {
        match read(&change) {
            Err(Fault::Invalid(what)) => assert!(what.contains(reason), "{what}"),
            other => panic!("{reason}: {other:?}"),
        }
    }
}
