//! Reads ggml files. Every number is checked before it is used, and the file must be exactly as long as
//! its header says.

mod header;
pub(super) mod tensors;

use std::path::Path;

use super::error::{Fault, ModelFileError};
use super::format::Format;
use super::model_header::ModelHeader;
use super::open::open;
use super::reader::Reader;
use super::shape::Shape;
use super::weight_type::WeightType;

pub(super) use header::words;

/// Reads the header and walks the tensors without reading a weight.
pub(super) fn read_header(path: &Path) -> Result<ModelHeader, ModelFileError> {
    let (file, bytes) = open(path)?;
    let mut reader = Reader::of_file(file, bytes);
    let (shape, weight_type, tensors) = check(&mut reader).map_err(|fault| fault.in_file(path, bytes))?;
    Ok(ModelHeader { path: path.to_owned(), format: Format::Ggml, bytes, shape, weight_type, tensors })
}

pub(super) fn check(reader: &mut Reader<'_>) -> Result<(Shape, WeightType, usize), Fault> {
    let (shape, weight_type) = header::read(reader)?;
    words(reader, &shape, &mut |_| {})?;
    let tensors = tensors::walk(reader, &shape, weight_type, &mut |tensor, reader| {
        reader.skip(tensor.bytes, "a tensor")
    })?;
    Ok((shape, weight_type, tensors))
}

/// Opens a file whose header was read before and stops where its vocabulary starts.
pub(super) fn reopen(header: &ModelHeader) -> Result<Reader<'static>, ModelFileError> {
    let changed = || ModelFileError::Changed { path: header.path.clone() };
    let (file, bytes) = open(&header.path)?;
    if bytes != header.bytes {
        return Err(changed());
    }
    let mut reader = Reader::of_file(file, bytes);
    let found = header::read(&mut reader).map_err(|fault| fault.in_file(&header.path, bytes))?;
    if found != (header.shape, header.weight_type) {
        return Err(changed());
    }
    Ok(reader)
}
