//! Models as CTranslate2 folders, as faster-whisper names and uses them.

use crate::models::checksum::Expected;
use crate::models::known::{KnownModel, Origin, Pin};

/// Of models that were converted from OpenAI's own files.
const TEXT: &[&str] = &["config.json", "tokenizer.json", "vocabulary.txt"];
/// Of models that were converted from Hugging Face's files.
const JSON: &[&str] = &["config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.json"];

/// With the SHA-256 of the hub's LFS pointers to `model.bin`, where it is known. The length of others is about that.
pub(super) const MODELS: &[KnownModel] = &[
    model(
        "faster-whisper-tiny",
        78_203_619,
        ("Systran/faster-whisper-tiny", TEXT),
        pinned("dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
    ),
    model(
        "faster-whisper-tiny.en",
        78_090_594,
        ("Systran/faster-whisper-tiny.en", TEXT),
        pinned("1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
    ),
    model(
        "faster-whisper-base",
        147_882_941,
        ("Systran/faster-whisper-base", TEXT),
        pinned("d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
    ),
    model(
        "faster-whisper-base.en",
        147_769_510,
        ("Systran/faster-whisper-base.en", TEXT),
        pinned("2a166925539a16005f14ff328359f9b9adb9dc4fb631bb3b227526862e93e2ef"),
    ),
    model(
        "faster-whisper-small",
        486_212_372,
        ("Systran/faster-whisper-small", TEXT),
        pinned("3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
    ),
    model(
        "faster-whisper-small.en",
        486_098_798,
        ("Systran/faster-whisper-small.en", TEXT),
        pinned("62b2a45b05ee59acb4a5341b33ee35e041395d378d418a18acfe4c9e768ee37a"),
    ),
    model(
        "faster-whisper-medium",
        1_530_571_735,
        ("Systran/faster-whisper-medium", TEXT),
        pinned("9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae"),
    ),
    model(
        "faster-whisper-medium.en",
        1_530_457_748,
        ("Systran/faster-whisper-medium.en", TEXT),
        pinned("11b220779aea4c6f3ce9d2549c8a95ea869ed84066864b999531ef53e594fe5b"),
    ),
    model(
        "faster-whisper-large-v1",
        3_089_578_414,
        ("Systran/faster-whisper-large-v1", TEXT),
        pinned("a3cce8081a5414206ab09a80aa410ebf9965feef52adafeead13f4a83398b1d1"),
    ),
    model(
        "faster-whisper-large-v2",
        3_089_578_858,
        ("Systran/faster-whisper-large-v2", TEXT),
        pinned("bf2a9746382e1aa7ffff6b3a0d137ed9edbd9670c3b87e5d35f5e85e70d0333a"),
    ),
    model(
        "faster-whisper-large-v3",
        3_090_835_702,
        ("Systran/faster-whisper-large-v3", JSON),
        pinned("69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1"),
    ),
    model(
        "faster-whisper-large-v3-turbo",
        1_621_665_983,
        ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", JSON),
        pinned("e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
    ),
    model(
        "faster-distil-whisper-small.en",
        335_542_354,
        ("Systran/faster-distil-whisper-small.en", JSON),
        pinned("1187de3982cdcf962a2fb8f797e429fb4651b875b18fe9ce50b58b52fc9072b7"),
    ),
    model(
        "faster-distil-whisper-medium.en",
        792_060_626,
        ("Systran/faster-distil-whisper-medium.en", JSON),
        pinned("d4cb75d823dcd2647191064da76f026774c06c036908f38456165368d0e2d66a"),
    ),
    model(
        "faster-distil-whisper-large-v2",
        1_516_100_000,
        ("Systran/faster-distil-whisper-large-v2", JSON),
        Pin::Hub,
    ),
    model(
        "faster-distil-whisper-large-v3",
        1_516_479_628,
        ("Systran/faster-distil-whisper-large-v3", JSON),
        pinned("b79368e19b6623813609431a6e5ee309a71506701ebc49fd7820e692dec7c5f5"),
    ),
    model(
        "faster-distil-whisper-large-v3.5",
        1_516_479_656,
        ("distil-whisper/distil-large-v3.5-ct2", JSON),
        pinned("c58b88b8585ffcd2135fddaaf421ce72cb223b32edea70d156aed1dea319a119"),
    ),
];

const fn model(
    name: &'static str,
    bytes: u64,
    (repository, files): (&'static str, &'static [&'static str]),
    pin: Pin,
) -> KnownModel {
    KnownModel { name, bytes, origin: Origin::Folder { repository, files }, pin }
}

const fn pinned(sha256: &'static str) -> Pin {
    Pin::Pinned(Expected::sha256(sha256))
}
