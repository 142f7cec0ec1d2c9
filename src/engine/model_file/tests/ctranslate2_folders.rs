use std::io::Cursor;
use std::sync::LazyLock;

use super::super::ctranslate2::model::Table;
use super::super::error::Fault;
use super::super::reader::Reader;
use super::small::Folder;
use super::variables::{ModelBin, Stored, is_matrix};
use super::*;

fn bundled() -> ModelHeader {
    ModelHeader::read(Path::new(MODEL_F16)).unwrap()
}

/// What is said of a changed `model.bin`.
fn check(change: impl FnOnce(&mut ModelBin)) -> Result<(Shape, WeightType), Fault> {
    static MODEL: LazyLock<ModelBin> =
        LazyLock::new(|| ModelBin::parse(&Folder::converted().read("model.bin")));
    let mut model = MODEL.clone();
    change(&mut model);
    let bytes = model.to_bytes();
    let table = Table::read(&mut Reader::new(Cursor::new(&bytes), bytes.len() as u64))?;
    ctranslate2::variables::check(&table)
}

fn refusal(change: impl FnOnce(&mut ModelBin)) -> String {
    match check(change).expect_err("a damaged model was accepted") {
        Fault::Invalid(what) => what,
        other => format!("{other:?}"),
    }
}

#[test]
fn a_converted_model_is_a_folder_of_the_same_shape() {
    let folder = Folder::converted();
    let header = folder.header().unwrap();
    assert_eq!((header.format, header.weight_type), (Format::CTranslate2, WeightType::F16));
    assert_eq!(header.shape, bundled().shape);
    let files = ["model.bin", "config.json", "vocabulary.json"];
    assert_eq!(header.bytes, files.map(|name| folder.read(name).len() as u64).iter().sum::<u64>());
    assert_eq!(header.weights_path(), folder.path().join("model.bin"));
    assert!(matches!(header.check_whisper_cpp(), Err(ModelFileError::NotForWhisperCpp { .. })));
}

#[test]
fn every_weight_type_of_a_converter_is_accepted() {
    let all = |_: &Stored| true;
    let int16 = |model: &mut ModelBin| {
        model.retype(0, all);
        model.quantise(2, is_matrix);
    };
    let weight_type = |change: &dyn Fn(&mut ModelBin)| check(change).unwrap().1;
    assert_eq!(weight_type(&|model| model.retype(0, all)), WeightType::F32);
    assert_eq!(weight_type(&|model| model.retype(5, all)), WeightType::Bf16);
    assert_eq!(weight_type(&|model| model.quantise(1, is_matrix)), WeightType::Int8);
    // With convolutions, as newer converters do.
    let quantise_all = |model: &mut ModelBin| model.quantise(1, |variable| variable.name.ends_with("weight"));
    assert_eq!(weight_type(&quantise_all), WeightType::Int8);
    assert_eq!(weight_type(&int16), WeightType::Int16);
    for version in [3, 4, 5] {
        let old = |model: &mut ModelBin| {
            int16(model);
            model.version = version;
        };
        assert_eq!(weight_type(&old), WeightType::Int16);
    }
}

#[test]
fn weights_may_be_stored_once_or_twice() {
    check(|model| {
        model.aliases.clear();
        let name = "decoder/projection/weight".to_owned();
        let embeddings = model.get("decoder/embeddings/weight").clone();
        model.variables.push(Stored { name, ..embeddings });
    })
    .unwrap();
    // Converters store any two equal variables once.
    check(|model| {
        let name = "encoder/layer_1/self_attention/layer_norm/beta".to_owned();
        model.remove(&name);
        model.aliases.push((name, "encoder/layer_0/self_attention/layer_norm/beta".into()));
    })
    .unwrap();
}

#[test]
fn missing_files_are_named() {
    for name in ["model.bin", "config.json", "vocabulary.json"] {
        let folder = Folder::converted();
        folder.remove(name);
        assert!(folder.error().contains(&format!("has no {name}")), "{}", folder.error());
    }
    assert!(Folder::new().error().contains("has no model.bin"));
    let folder = Folder::converted();
    folder.write("config.json", b"");
    assert!(folder.error().contains("is empty"));
}

#[test]
fn a_model_that_is_cut_or_too_long_is_refused() {
    let folder = Folder::converted();
    let model = folder.read("model.bin");
    let mut cuts: Vec<usize> = (0..40).map(|part| model.len() * part / 40).collect();
    cuts.extend([1, 5, 7, 18, 20, 24, 40, model.len() - 1, model.len() - 30, model.len() - 60]);
    for cut in cuts.into_iter().filter(|cut| *cut > 0) {
        folder.write("model.bin", &model[..cut]);
        let error = folder.error();
        assert!(error.contains("cut short"), "cut at {cut}: {error}");
    }
    folder.write("model.bin", &[model.as_slice(), b"more"].concat());
    assert!(folder.error().contains("has 4 bytes after its last tensor"));
}

#[test]
fn other_models_and_newer_versions_are_refused() {
    assert!(refusal(|model| model.specification = "TransformerSpec".into()).contains("TransformerSpec"));
    assert!(refusal(|model| model.version = 7).contains("binary version is 7"));
    assert!(refusal(|model| model.version = 1).contains("binary version is 1"));
    assert!(refusal(|model| model.revision = 4).contains("revision is 4"));
}

#[test]
fn every_variable_is_checked() {
    for expected in ctranslate2::variables::expected(&bundled().shape) {
        let name = expected.name;
        if name != "decoder/projection/weight" {
            let error = refusal(|model| drop(model.remove(&name)));
            assert!(error.contains(&format!("no variable {name:?}")), "{name}: {error}");
        }
    }
    type Change = fn(&mut ModelBin);
    let odd: [(Change, &str); 12] = [
        (|model| model.get("encoder/conv1/bias").dims[0] = 127, "254 expected"),
        (|model| model.get("encoder/conv1/bias").dims = vec![64, 2], "dimensions [64, 2]"),
        (|model| model.get("encoder/conv1/bias").dims = vec![u32::MAX; 3], "another shape"),
        (|model| model.get("encoder/conv1/bias").dims = vec![0], "another shape"),
        (|model| model.get("encoder/conv1/bias").kind = 2, "of the type I16"),
        (|model| model.aliases.clear(), "decoder/projection/weight"),
        (|model| model.aliases[0].1 = "decoder/layer_norm/beta".into(), "decoder/projection/weight"),
        (|model| model.variables.push(model.variables[9].clone()), "twice"),
        (|model| model.quantise(1, |variable| variable.name.contains("embeddings")), "of the type F16"),
        (|model| model.retype(1, is_matrix), "weight_scale\""),
        (
            |model| {
                model.quantise(1, is_matrix);
                model.get("decoder/layer_0/ffn/linear_0/weight_scale").dims = vec![512, 1];
            },
            "linear_0/weight_scale",
        ),
        (
            |model| {
                let name = "decoder/layer_0/self_attention/rotary_dim".into();
                model.variables.push(Stored { name, dims: vec![], kind: 3, bytes: vec![0; 4] });
            },
            "rotary_dim",
        ),
    ];
    for (change, reason) in odd {
        let error = refusal(change);
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn numbers_that_are_used_as_indices_are_checked() {
    for (name, value) in [
        ("encoder/num_heads", 0),
        ("decoder/num_heads", 0),
        ("decoder/num_heads", -2),
        ("decoder/num_heads", 4),
        ("decoder/alignment_layer", 3),
        ("decoder/alignment_layer", -4),
        ("decoder/alignment_heads", 3),
    ] {
        let error = refusal(|model| model.get(name).bytes = i16::to_le_bytes(value).into());
        assert!(error.contains(name) || error.contains("head count"), "{name} = {value}: {error}");
    }
    for name in ["decoder/alibi", "decoder/activation", "decoder/scale_embeddings"] {
        let error = refusal(|model| model.get(name).bytes = vec![1]);
        assert!(error.contains(name), "{error}");
    }
    assert!(refusal(|model| drop(model.remove("decoder/num_heads"))).contains("decoder/num_heads"));
    check(|model| drop(model.remove("decoder/alignment_heads"))).unwrap();
    // What newer converters write as well.
    for name in ["decoder/alibi_use_positive_positions", "decoder/scale_alibi"] {
        check(|model| {
            model.variables.push(Stored { name: name.into(), dims: vec![], kind: 1, bytes: vec![1] });
        })
        .unwrap();
    }
}

#[test]
fn ids_and_heads_of_the_configuration_are_checked() {
    let folder = Folder::converted();
    for (json, reason) in [
        (r#"{"suppress_ids": [1, 51865]}"#, "suppress_ids contains 51865"),
        (r#"{"suppress_ids_begin": [4294967295]}"#, "suppress_ids_begin contains"),
        (r#"{"lang_ids": [99999]}"#, "lang_ids contains 99999"),
        (r#"{"suppress_ids": [-1]}"#, "configuration"),
        (r#"{"suppress_ids": [1.5]}"#, "configuration"),
        (r#"{"suppress_ids": "1"}"#, "configuration"),
        (r#"{"alignment_heads": [[3, 0]]}"#, "alignment_heads contains [3, 0]"),
        (r#"{"alignment_heads": [[0, 2]]}"#, "alignment_heads contains [0, 2]"),
        (r#"{"alignment_heads": [[0]]}"#, "configuration"),
        (r#"{"quantization_type": 1}"#, "AWQ"),
        (r#"{"layer_norm_epsilon": 0}"#, "layer_norm_epsilon"),
        ("[]", "configuration"),
        ("{", "configuration"),
    ] {
        folder.write("config.json", json.as_bytes());
        let error = folder.error();
        assert!(error.contains(reason) && error.contains("config.json"), "{json}: {error}");
    }
}

#[test]
fn lists_that_a_folder_lacks_are_completed() {
    let folder = Folder::converted();
    let read = || {
        let header = folder.header().unwrap();
        DecodingConfig::read(&header, &Vocabulary::read(&header).unwrap()).unwrap()
    };
    let whole = read();
    assert!(whole.in_folder);
    assert_eq!(whole.alignment_heads, [(1, 0), (1, 1), (2, 0), (2, 1)]);
    assert_eq!((whole.lang_ids.len(), whole.lang_ids[0]), (99, 50_259));
    for json in ["{}", r#"{"alignment_heads": null, "lang_ids": [], "suppress_ids": null}"#] {
        folder.write("config.json", json.as_bytes());
        let completed = read();
        assert!(!completed.in_folder);
        assert_eq!(DecodingConfig { in_folder: true, ..completed }, whole);
    }
    folder.write("config.json", br#"{"alignment_heads": [[2, 1]], "suppress_ids": [], "max_length": 448}"#);
    let own = read();
    assert_eq!((own.alignment_heads, own.suppress_ids), (vec![(2, 1)], vec![]));
}

#[test]
fn a_folder_is_read_with_its_configuration_completed() {
    let folder = Folder::converted();
    let (model, config) = (folder.read("model.bin"), folder.read("config.json"));
    folder.write("config.json", b"{}");
    let converted = convert::to_ctranslate2(folder.path(), &folder.header().unwrap()).unwrap();
    assert!(converted.model == model && converted.vocabulary == folder.read("vocabulary.json"));
    assert_eq!(String::from_utf8(converted.config), String::from_utf8(config));
}

#[test]
fn a_vocabulary_of_lines_is_accepted() {
    let folder = Folder::converted();
    let tokens: Vec<String> = serde_json::from_slice(&folder.read("vocabulary.json")).unwrap();
    folder.remove("vocabulary.json");
    for text in [tokens.join("\n"), tokens.join("\n") + "\n", tokens.join("\r\n") + "\r\n"] {
        folder.write("vocabulary.txt", text.as_bytes());
        let vocabulary = Vocabulary::read(&folder.header().unwrap()).unwrap();
        assert!(vocabulary.token_strings().eq(tokens.iter()));
    }
    folder.write("vocabulary.txt", tokens[..51_000].join("\n").as_bytes());
    assert!(folder.error().contains("it has 51000 tokens, 51865 expected"), "{}", folder.error());
    folder.write("vocabulary.txt", b"\xff\xfe");
    assert!(folder.error().contains("not UTF-8"));
    folder.write("vocabulary.json", b"{}");
    assert!(folder.error().contains("not a list of tokens"));
}
