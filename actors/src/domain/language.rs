//! The languages of Whisper models.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The share of a language's probability from which on one window decides it; below, windows from the whole recording do.
pub const SURE_OF_LANGUAGE: f32 = 0.8;

/// One of the languages of Whisper models, in the models' own numbering.
///
/// Parsing is the only way to make one, so a `Language` is always one of the engine's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(u8);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "unknown language {0:?}: use a code such as \"en\" or a name such as \"english\", or \"auto\" to have it detected"
)]
pub struct UnknownLanguage(pub String);

impl Language {
    pub const ENGLISH: Self = Self(0);

    /// All of them, in the models' own numbering: English first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).zip(LANGUAGES).map(|(index, _)| Language(index))
    }

    /// The code, mostly ISO 639-1 ("en"); a few languages have three letters ("haw", "yue").
    pub fn code(self) -> &'static str {
        LANGUAGES[usize::from(self.0)].0
    }

    /// The English name in lower case ("english").
    pub fn name(self) -> &'static str {
        LANGUAGES[usize::from(self.0)].2
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Takes what callers write, in any case: a code of ISO 639-1, -2 or -3, old ones included, with or without a region
    /// ("pt-BR", "zh_CN"), or the English name ("haitian creole").
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownLanguage(text.to_owned());
        let spelled = text.trim().to_ascii_lowercase();
        let code = spelled.split(['-', '_']).next().unwrap_or_default();
        let code = ALIASES.iter().find(|(alias, _)| *alias == code).map_or(code, |(_, known)| *known);
        (0u8..)
            .zip(LANGUAGES)
            .find(|(_, (short, long, name))| *short == code || *long == code || *name == spelled)
            .map(|(index, _)| Language(index))
            .ok_or_else(unknown)
    }
}

/// The language that a caller asks for; `None` where it is to be detected: "auto", or nothing.
///
/// # Errors
/// The text is not a spelling of a language of Whisper models, see [`Language::from_str`].
pub fn asked(text: &str) -> Result<Option<Language>, UnknownLanguage> {
    match text.trim() {
        "" => Ok(None),
        auto if auto.eq_ignore_ascii_case("auto") => Ok(None),
        named => named.parse().map(Some),
    }
}

impl TryFrom<String> for Language {
    type Error = UnknownLanguage;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.code().to_owned()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Code, ISO 639-3 code and English name, in the order of the models' language tokens.
#[rustfmt::skip]
const LANGUAGES: [(&str, &str, &str); 100] = [
    ("en", "eng", "english"), ("zh", "zho", "chinese"), ("de", "deu", "german"), ("es", "spa", "spanish"),
    ("ru", "rus", "russian"), ("ko", "kor", "korean"), ("fr", "fra", "french"), ("ja", "jpn", "japanese"),
    ("pt", "por", "portuguese"), ("tr", "tur", "turkish"), ("pl", "pol", "polish"), ("ca", "cat", "catalan"),
    ("nl", "nld", "dutch"), ("ar", "ara", "arabic"), ("sv", "swe", "swedish"), ("it", "ita", "italian"),
    ("id", "ind", "indonesian"), ("hi", "hin", "hindi"), ("fi", "fin", "finnish"), ("vi", "vie", "vietnamese"),
    ("he", "heb", "hebrew"), ("uk", "ukr", "ukrainian"), ("el", "ell", "greek"), ("ms", "msa", "malay"),
    ("cs", "ces", "czech"), ("ro", "ron", "romanian"), ("da", "dan", "danish"), ("hu", "hun", "hungarian"),
    ("ta", "tam", "tamil"), ("no", "nor", "norwegian"), ("th", "tha", "thai"), ("ur", "urd", "urdu"),
    ("hr", "hrv", "croatian"), ("bg", "bul", "bulgarian"), ("lt", "lit", "lithuanian"), ("la", "lat", "latin"),
    ("mi", "mri", "maori"), ("ml", "mal", "malayalam"), ("cy", "cym", "welsh"), ("sk", "slk", "slovak"),
    ("te", "tel", "telugu"), ("fa", "fas", "persian"), ("lv", "lav", "latvian"), ("bn", "ben", "bengali"),
    ("sr", "srp", "serbian"), ("az", "aze", "azerbaijani"), ("sl", "slv", "slovenian"), ("kn", "kan", "kannada"),
    ("et", "est", "estonian"), ("mk", "mkd", "macedonian"), ("br", "bre", "breton"), ("eu", "eus", "basque"),
    ("is", "isl", "icelandic"), ("hy", "hye", "armenian"), ("ne", "nep", "nepali"), ("mn", "mon", "mongolian"),
    ("bs", "bos", "bosnian"), ("kk", "kaz", "kazakh"), ("sq", "sqi", "albanian"), ("sw", "swa", "swahili"),
    ("gl", "glg", "galician"), ("mr", "mar", "marathi"), ("pa", "pan", "punjabi"), ("si", "sin", "sinhala"),
    ("km", "khm", "khmer"), ("sn", "sna", "shona"), ("yo", "yor", "yoruba"), ("so", "som", "somali"),
    ("af", "afr", "afrikaans"), ("oc", "oci", "occitan"), ("ka", "kat", "georgian"), ("be", "bel", "belarusian"),
    ("tg", "tgk", "tajik"), ("sd", "snd", "sindhi"), ("gu", "guj", "gujarati"), ("am", "amh", "amharic"),
    ("yi", "yid", "yiddish"), ("lo", "lao", "lao"), ("uz", "uzb", "uzbek"), ("fo", "fao", "faroese"),
    ("ht", "hat", "haitian creole"), ("ps", "pus", "pashto"), ("tk", "tuk", "turkmen"), ("nn", "nno", "nynorsk"),
    ("mt", "mlt", "maltese"), ("sa", "san", "sanskrit"), ("lb", "ltz", "luxembourgish"), ("my", "mya", "myanmar"),
    ("bo", "bod", "tibetan"), ("tl", "tgl", "tagalog"), ("mg", "mlg", "malagasy"), ("as", "asm", "assamese"),
    ("tt", "tat", "tatar"), ("haw", "haw", "hawaiian"), ("ln", "lin", "lingala"), ("ha", "hau", "hausa"),
    ("ba", "bak", "bashkir"), ("jw", "jav", "javanese"), ("su", "sun", "sundanese"), ("yue", "yue", "cantonese"),
];

/// Other spellings: old and bibliographic codes, and names that other programs use.
#[rustfmt::skip]
const ALIASES: [(&str, &str); 62] = [
    ("iw", "he"), ("in", "id"), ("ji", "yi"), ("jp", "ja"), ("jv", "jw"), ("nb", "no"), ("nob", "no"), ("mo", "ro"),
    ("sh", "sr"), ("fil", "tl"), ("cmn", "zh"), ("cn", "zh"), ("ua", "uk"), ("cz", "cs"), ("dk", "da"), ("gr", "el"),
    ("chi", "zh"), ("ger", "de"), ("fre", "fr"), ("dut", "nl"), ("may", "ms"), ("zsm", "ms"), ("cze", "cs"),
    ("rum", "ro"), ("mao", "mi"), ("wel", "cy"), ("slo", "sk"), ("per", "fa"), ("pes", "fa"), ("mac", "mk"),
    ("baq", "eu"), ("ice", "is"), ("arm", "hy"), ("alb", "sq"), ("geo", "ka"), ("bur", "my"), ("tib", "bo"),
    ("gre", "el"), ("arb", "ar"), ("lvs", "lv"), ("ekk", "et"), ("azj", "az"), ("swh", "sw"), ("npi", "ne"),
    ("khk", "mn"), ("als", "sq"), ("scr", "hr"), ("scc", "sr"), ("mandarin", "zh"), ("castilian", "es"), ("flemish", "nl"), ("burmese", "my"),
    ("valencian", "ca"), ("haitian", "ht"), ("letzeburgesch", "lb"), ("pushto", "ps"), ("panjabi", "pa"),
    ("moldavian", "ro"), ("moldovan", "ro"), ("sinhalese", "si"), ("farsi", "fa"), ("filipino", "tl"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_read_and_one_is_written() {
        for (spelling, code) in [
            ("EN", "en"),
            ("english", "en"),
            ("en-US", "en"),
            ("en_GB", "en"),
            (" pt-BR ", "pt"),
            ("zh-Hant-TW", "zh"),
            ("zho", "zh"),
            ("chi", "zh"),
            ("Haitian Creole", "ht"),
            ("iw", "he"),
            ("in", "id"),
            ("jw", "jw"),
            ("jv", "jw"),
            ("nb-NO", "no"),
            ("jp", "ja"),
            ("Mandarin", "zh"),
            ("yue", "yue"),
        ] {
            assert_eq!(asked(spelling).unwrap().map(Language::code), Some(code), "{spelling}");
        }
        assert_eq!(asked("auto").unwrap(), asked("").unwrap());
        assert_eq!(asked("AUTO").unwrap(), None);
    }

    #[test]
    fn no_spelling_means_two_languages() {
        for language in Language::all() {
            for (spelling, code) in [
                (language.code(), language.code()),
                (LANGUAGES[usize::from(language.0)].1, language.code()),
                (language.name(), language.code()),
            ] {
                assert_eq!(spelling.parse::<Language>().unwrap().code(), code, "{spelling}");
            }
        }
        for (at, (alias, code)) in ALIASES.iter().enumerate() {
            let is_known = |(short, long, name): &(&str, &str, &str)| [short, long, name].contains(&alias);
            assert!(!LANGUAGES.iter().any(is_known), "{alias} is in both tables");
            assert!(ALIASES.iter().skip(at + 1).all(|(other, _)| other != alias), "{alias} is there twice");
            assert!(LANGUAGES.iter().any(|(short, ..)| short == code), "{code}");
        }
    }

    #[test]
    fn an_unknown_code_is_an_error_that_names_it() {
        let error = "klingon".parse::<Language>().unwrap_err();
        assert!(error.to_string().contains("klingon"));
        assert!("".parse::<Language>().is_err());
    }
}
