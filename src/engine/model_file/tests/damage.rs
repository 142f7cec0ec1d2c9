//! Ten thousand pieces of random damage from fixed seeds: whatever the bytes are, the checks and the conversion return, and they
//! allocate no more than a few times the file.

use std::io::Cursor;
use std::ops::Range;

use fastrand::Rng;

use super::super::ctranslate2::{self, model::Table};
use super::super::ggml::{self, tensors};
use super::super::reader::Reader;
use super::small::{self, Folder};
use super::*;

/// A valid file, where its structure is, and what reads it.
struct Subject<'a> {
    bytes: Vec<u8>,
    /// Everything but weights and texts.
    structure: Vec<Range<usize>>,
    read: &'a dyn Fn(&[u8]),
}

const EXTREMES: [u32; 12] =
    [0, 1, 2, 5, 0xFF, 0xFFFF, 0x1_0000, 0x10_0000, 0x4000_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];

impl Subject<'_> {
    fn damage(&mut self, times: usize, seed: u64) {
        (self.read)(&self.bytes);
        let mut random = Rng::with_seed(seed);
        for _ in 0..times {
            match random.u8(..10) {
                0..4 => self.overwrite(&mut random, |random, old| {
                    old.iter()
                        .take(random.usize(1..=old.len()))
                        .map(|byte| byte ^ (1 << random.u8(..8)))
                        .collect()
                }),
                4..8 => self.overwrite(&mut random, |random, _| {
                    EXTREMES[random.usize(..EXTREMES.len())].to_le_bytes()[..random.usize(1..=4)].to_vec()
                }),
                8 => (self.read)(&self.bytes[..self.place(&mut random)]),
                _ => self.splice(&mut random),
            }
        }
    }

    fn place(&self, random: &mut Rng) -> usize {
        let range = random.usize(..self.structure.len());
        random.usize(self.structure[range].clone())
    }

    /// Changes up to four bytes, and restores them.
    fn overwrite(&mut self, random: &mut Rng, new: impl FnOnce(&mut Rng, &[u8]) -> Vec<u8>) {
        let start = self.place(random);
        let end = self.bytes.len().min(start + 4);
        let old = self.bytes[start..end].to_vec();
        for (byte, new) in self.bytes[start..end].iter_mut().zip(new(random, &old)) {
            *byte = new;
        }
        (self.read)(&self.bytes);
        self.bytes[start..end].copy_from_slice(&old);
    }

    /// Puts a piece of the structure at another place, over what is there, before it, or in place of it.
    fn splice(&self, random: &mut Rng) {
        let (from, to) = (self.place(random), self.place(random));
        let piece = self.bytes[from..self.bytes.len().min(from + random.usize(1..100))].to_vec();
        let over = self.bytes.len().min(to + [0, piece.len(), random.usize(..100)][random.usize(..3)]);
        let spliced = [&self.bytes[..to], &piece, &self.bytes[over..]].concat();
        (self.read)(&spliced);
    }
}

fn reader(bytes: &[u8]) -> Reader<'_> {
    Reader::new(Cursor::new(bytes), bytes.len() as u64)
}

#[test]
fn damaged_ggml_headers_never_panic() {
    let first_tensor = small::first_tensor() as usize;
    // The first words of the vocabulary are a byte each.
    let words = VOCABULARY as usize..VOCABULARY as usize + 400;
    let mut subject = Subject {
        bytes: small::ggml(WeightType::F16, 1)[..first_tensor + 100].to_vec(),
        structure: vec![0..FILTERS as usize + 8, 0..FILTERS as usize + 8, words],
        read: &|bytes| drop(ggml::check(&mut reader(bytes))),
    };
    subject.damage(1500, 1);
}

#[test]
fn damaged_ggml_tensors_never_panic() {
    let bytes = small::ggml(WeightType::F16, 1).split_off(small::first_tensor() as usize);
    let names = [b"encoder.", b"decoder."];
    let structure = (0..bytes.len())
        .filter(|at| names.iter().any(|name| bytes[*at..].starts_with(*name)))
        .map(|at| at - 24..at + 40)
        .collect::<Vec<_>>();
    assert!(structure.len() > 40);
    let walk = |bytes: &[u8]| {
        drop(tensors::walk(&mut reader(bytes), &small::SHAPE, WeightType::F16, &mut |tensor, reader| {
            reader.skip(tensor.bytes, "a tensor")
        }));
    };
    let mut subject = Subject { bytes, structure, read: &walk };
    subject.damage(3300, 2);
    let convert = |bytes: &[u8]| {
        if let Ok(model) = convert::model(&mut reader(bytes), &small::SHAPE, WeightType::F16) {
            assert!(model.len() < 2 * bytes.len());
        }
    };
    Subject { read: &convert, ..subject }.damage(200, 3);
}

#[test]
fn damaged_ctranslate2_models_never_panic() {
    let mut bytes = convert::model(
        &mut reader(&small::ggml(WeightType::F16, 1)[small::first_tensor() as usize..]),
        &small::SHAPE,
        WeightType::F16,
    )
    .unwrap();
    let aliases = bytes.len() - 60;
    let structure = [b"encoder/", b"decoder/"]
        .iter()
        .flat_map(|name| bytes.windows(8).enumerate().filter(move |(_, window)| window == name))
        .map(|(at, _)| at - 2..at + 60)
        .chain([0..30, aliases..bytes.len()])
        .map(|range| range.start..range.end.min(bytes.len()))
        .collect::<Vec<_>>();
    bytes.shrink_to_fit();
    let read =
        |bytes: &[u8]| drop(Table::read(&mut reader(bytes)).and_then(|t| ctranslate2::variables::check(&t)));
    Subject { bytes, structure, read: &read }.damage(4100, 4);
}

#[test]
fn damaged_configurations_and_vocabularies_never_panic() {
    let folder = Folder::converted();
    let config = folder.read("config.json");
    let structure: Vec<_> = std::iter::once(0..config.len()).collect();
    let shape = folder.header().unwrap().shape;
    let read = |bytes: &[u8]| drop(ctranslate2::config::parse(bytes, &shape));
    Subject { bytes: config, structure, read: &read }.damage(800, 5);

    let vocabulary = folder.read("vocabulary.json");
    let structure = vec![0..vocabulary.len(), vocabulary.len() - 30_000..vocabulary.len()];
    let read = |bytes: &[u8]| {
        for json in [true, false] {
            drop(ctranslate2::vocabulary::parse(bytes, json, &shape));
        }
    };
    Subject { bytes: vocabulary, structure, read: &read }.damage(60, 6);
}

/// Damage that the header's check does not see: weights and words.
#[test]
fn damaged_weights_and_words_never_panic() {
    let folder = Folder::new();
    let bytes = small::ggml(WeightType::F16, 1);
    let structure = vec![VOCABULARY as usize..small::first_tensor() as usize, 0..bytes.len()];
    let read = |bytes: &[u8]| {
        let path = folder.write("ggml.bin", bytes);
        let Ok(header) = ModelHeader::read(&path) else { return };
        let vocabulary = Vocabulary::read(&header);
        let converted = convert::to_ctranslate2(&path, &header);
        assert_eq!(vocabulary.is_ok(), converted.is_ok());
        if let (Ok(vocabulary), Ok(converted)) = (vocabulary, converted) {
            assert!(vocabulary.token_strings().count() == 51_865);
            assert!(converted.model.len() < 2 * bytes.len() && converted.vocabulary.len() < 8 * bytes.len());
        }
    };
    Subject { bytes, structure, read: &read }.damage(40, 7);
}
