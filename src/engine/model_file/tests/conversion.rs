use half::f16;

use super::small::{self, Folder};
use super::variables::ModelBin;
use super::*;

fn convert(path: &Path) -> Result<convert::Converted, ModelFileError> {
    convert::to_ctranslate2(path, &ModelHeader::read(path).unwrap())
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<2>().0.iter().map(|pair| f16::from_le_bytes(*pair).to_f32())
}

#[test]
fn queries_keys_and_values_are_joined() {
    let file = small::ggml(WeightType::F16, 1);
    let folder = Folder::new();
    let path = folder.write("ggml.bin", &file);
    let mut model = ModelBin::parse(&convert(&path).unwrap().model);
    let tensor = |name: &str, bytes: usize| {
        let at = file.windows(name.len()).position(|window| window == name.as_bytes()).unwrap() + name.len();
        file[at..at + bytes].to_vec()
    };
    let joined = ["query", "key", "value"]
        .map(|part| tensor(&format!("decoder.blocks.0.attn.{part}.weight"), 64 * 64 * 2))
        .concat();
    assert_eq!(model.get("decoder/layer_0/self_attention/linear_0/weight").bytes, joined);
    let joined = ["key", "value"]
        .map(|part| tensor(&format!("decoder.blocks.0.cross_attn.{part}.weight"), 64 * 64 * 2))
        .concat();
    assert_eq!(model.get("decoder/layer_0/attention/linear_1/weight").bytes, joined);
    let halves = |name: &str| -> Vec<u8> {
        let numbers = tensor(name, 64 * 4);
        let numbers =
            numbers.as_chunks::<4>().0.iter().map(|bytes| f16::from_f32(f32::from_le_bytes(*bytes)));
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    };
    let bias = [
        halves("decoder.blocks.0.attn.query.bias"),
        vec![0; 128],
        halves("decoder.blocks.0.attn.value.bias"),
    ];
    assert_eq!(model.get("decoder/layer_0/self_attention/linear_0/bias").bytes, bias.concat());
    let bias = [vec![0; 128], halves("decoder.blocks.0.cross_attn.value.bias")];
    assert_eq!(model.get("decoder/layer_0/attention/linear_1/bias").bytes, bias.concat());
    assert_eq!(model.get("encoder/conv1/weight").dims, [64, 80, 3]);
    assert_eq!(model.get("encoder/conv1/weight").bytes, tensor("encoder.conv1.weight", 64 * 80 * 3 * 2));
}

#[test]
fn the_quantised_model_differs_from_the_other_by_rounding_only() {
    let (exact, quantised) = (convert(Path::new(MODEL_F16)).unwrap(), convert(Path::new(MODEL)).unwrap());
    assert_eq!(exact.model.len(), quantised.model.len());
    assert_eq!(exact.config, quantised.config);
    let mut quantised = ModelBin::parse(&quantised.model);
    for variable in ModelBin::parse(&exact.model).variables {
        let other = quantised.get(&variable.name);
        assert_eq!((&variable.dims, variable.kind), (&other.dims, other.kind));
        if variable.kind != 4 {
            assert_eq!(variable.bytes, other.bytes);
            continue;
        }
        let largest = floats(&variable.bytes).fold(0f32, |most, number| most.max(number.abs()));
        for (a, b) in floats(&variable.bytes).zip(floats(&other.bytes)) {
            assert!((a - b).abs() <= largest / 127.0, "{}: {a} {b}", variable.name);
        }
    }
}

#[test]
fn every_readable_weight_type_makes_a_valid_folder() {
    for (weight_type, file_type) in [
        (WeightType::F32, 0),
        (WeightType::F16, 1),
        (WeightType::Q4_0, 2002),
        (WeightType::Q4_1, 3),
        (WeightType::Q8_0, 2007),
        (WeightType::Q5_0, 8),
        (WeightType::Q5_1, 1009),
    ] {
        let folder = Folder::new();
        let path = folder.write("ggml.bin", &small::ggml(weight_type, file_type));
        let header = ModelHeader::read(&path).unwrap();
        assert_eq!((header.weight_type, header.shape), (weight_type, small::SHAPE));
        assert_eq!(header.whisper_cpp_reads(), weight_type != WeightType::F32);
        let converted = convert(&path).unwrap();
        assert!(converted.model.capacity() - converted.model.len() < 1 << 15);
        folder.write("model.bin", &converted.model);
        folder.write("config.json", &converted.config);
        folder.write("vocabulary.json", &converted.vocabulary);
        let header = folder.header().unwrap();
        assert_eq!((header.weight_type, header.shape), (WeightType::F16, small::SHAPE));
    }
}

#[test]
fn f32_weights_keep_their_values() {
    let folder = Folder::new();
    let path = folder.write("ggml.bin", &small::ggml(WeightType::F32, 0));
    let mut model = ModelBin::parse(&convert(&path).unwrap().model);
    let numbers: Vec<f32> = floats(&model.get("decoder/layer_0/ffn/linear_0/weight").bytes).collect();
    assert!(numbers.iter().all(|number| number.abs() <= 0.5) && numbers.iter().any(|number| *number < -0.4));
    let error = ModelHeader::read(&path).unwrap().check_whisper_cpp().unwrap_err().to_string();
    assert!(error.contains("f32 weights") && error.contains("use a ggml file with f16"), "{error}");
}

#[test]
fn the_lists_of_tokens_are_those_of_published_folders() {
    let config: serde_json::Value =
        serde_json::from_slice(&convert(Path::new(MODEL)).unwrap().config).unwrap();
    // As in the config.json of faster-whisper-base.
    #[rustfmt::skip]
    let suppressed = [
        1, 2, 7, 8, 9, 10, 14, 25, 26, 27, 28, 29, 31, 58, 59, 60, 61, 62, 63, 90, 91, 92, 93, 359, 503, 522, 542,
        873, 893, 902, 918, 922, 931, 1350, 1853, 1982, 2460, 2627, 3246, 3253, 3268, 3536, 3846, 3961, 4183, 4667,
        6585, 6647, 7273, 9061, 9383, 10428, 10929, 11938, 12033, 12331, 12562, 13793, 14157, 14635, 15265, 15618,
        16553, 16604, 18362, 18956, 20075, 21675, 22520, 26130, 26161, 26435, 28279, 29464, 31650, 32302, 32470,
        36865, 42863, 47425, 49870, 50254, 50258, 50358, 50359, 50360, 50361, 50362,
    ];
    assert_eq!(config["suppress_ids"], serde_json::json!(suppressed.to_vec()));
    assert_eq!(config["suppress_ids_begin"], serde_json::json!([220, 50_257]));
    assert_eq!(config["lang_ids"], serde_json::json!((50_259..50_358).collect::<Vec<_>>()));
    assert_eq!(config["alignment_heads"], serde_json::json!([[1, 0], [1, 1], [2, 0], [2, 1]]));
}

#[test]
fn k_quants_are_refused_with_what_to_use() {
    let header = ModelHeader { weight_type: WeightType::Q4K, ..ModelHeader::read(Path::new(MODEL)).unwrap() };
    let error = convert::to_ctranslate2(Path::new(MODEL), &header).unwrap_err().to_string();
    assert!(error.contains("q4_k weights") && error.contains("use a file with f16"), "{error}");
}

#[test]
fn a_file_that_changed_since_its_header_is_refused() {
    let folder = Folder::new();
    let path = folder.write("ggml.bin", &small::ggml(WeightType::F16, 1));
    let header = ModelHeader::read(&path).unwrap();
    for other in [small::ggml(WeightType::Q8_0, 7), std::fs::read(MODEL).unwrap()] {
        folder.write("ggml.bin", &other);
        assert!(matches!(convert::to_ctranslate2(&path, &header), Err(ModelFileError::Changed { .. })));
        assert!(matches!(Vocabulary::read(&header), Err(ModelFileError::Changed { .. })));
    }
}

/// With a published model in both forms, for instance those of get_weights.py:
/// `VERBATIM_TEST_GGML=ggml-base.bin VERBATIM_TEST_CTRANSLATE2=base cargo test published`.
#[test]
fn a_published_model_is_converted_bit_by_bit() {
    let (Some(ggml), Some(folder)) =
        (std::env::var_os("VERBATIM_TEST_GGML"), std::env::var_os("VERBATIM_TEST_CTRANSLATE2"))
    else {
        return;
    };
    let folder = Path::new(&folder);
    let published = ModelHeader::read(folder).unwrap();
    let started = std::time::Instant::now();
    let converted = convert(Path::new(&ggml)).unwrap();
    println!("converted in {:?}", started.elapsed());
    let model = std::fs::read(folder.join("model.bin")).unwrap();
    let mut expected = ModelBin::parse(&model);
    let found = ModelBin::parse(&converted.model);
    assert_eq!(found.variables.len(), expected.variables.len());
    assert_eq!((found.version, found.revision, &found.aliases), (6, 3, &expected.aliases));
    for variable in &found.variables {
        let other = expected.get(&variable.name);
        assert_eq!((&variable.dims, variable.kind), (&other.dims, other.kind), "{}", variable.name);
        assert!(variable.bytes == other.bytes, "{} differs", variable.name);
    }
    let vocabulary = Vocabulary::read(&published).unwrap();
    let own = DecodingConfig::read(&published, &vocabulary).unwrap();
    let made: serde_json::Value = serde_json::from_slice(&converted.config).unwrap();
    assert_eq!(made["suppress_ids"], serde_json::json!(own.suppress_ids));
    assert_eq!(made["suppress_ids_begin"], serde_json::json!(own.suppress_ids_begin));
    assert_eq!(made["alignment_heads"], serde_json::json!(own.alignment_heads));
    let tokens: Vec<String> = serde_json::from_slice(&converted.vocabulary).unwrap();
    for (id, (made, own)) in tokens.iter().zip(vocabulary.token_strings()).enumerate() {
        assert!(made == own || ["<|nocaptions|>", "<|iw|>"].contains(&own), "{id}: {made} {own}");
    }
}
