//! The table of variables in `model.bin`, as CTranslate2's `src/models/model.cc` reads it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::error::Fault;
use super::super::reader::Reader;

const NEWEST_BINARY_VERSION: u32 = 6;
/// The newest revision of the Whisper specification that CTranslate2 4 reads.
const NEWEST_REVISION: u32 = 3;
const SPECIFICATION: &str = "WhisperSpec";
/// large-v3 in int8 has about 1,600 with their scales.
const MOST_VARIABLES: u32 = 4096;
const LONGEST_NAME: u16 = 256;
const MOST_DIMS: u8 = 3;

/// How a variable's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    F32,
    I8,
    I16,
    I32,
    F16,
    Bf16,
}

impl Number {
    /// By the number in the file since version 4.
    fn from_id(id: u8) -> Option<Self> {
        Some(match id {
            0 => Self::F32,
            1 => Self::I8,
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::F16,
            5 => Self::Bf16,
            _ => return None,
        })
    }

    /// By the size of an item, which is all that older versions have.
    fn from_item_bytes(bytes: u8) -> Option<Self> {
        Some(match bytes {
            4 => Self::F32,
            2 => Self::I16,
            1 => Self::I8,
            _ => return None,
        })
    }

    pub fn id(self) -> u8 {
        match self {
            Self::F32 => 0,
            Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 => 3,
            Self::F16 => 4,
            Self::Bf16 => 5,
        }
    }

    pub fn bytes(self) -> u64 {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
        }
    }

    pub fn is_float(self) -> bool {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => true,
            Self::I8 | Self::I16 | Self::I32 => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub number: Number,
    /// None for a single number.
    pub dims: Vec<u32>,
    /// Of a single integer.
    pub value: Option<i64>,
}

/// All variables by their names; an alias has a copy of what it stands for.
#[derive(Debug)]
pub struct Table {
    named: HashMap<String, Variable>,
    stored: usize,
}

impl Table {
    /// Reads the whole file but for the weights, which are skipped.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let version = reader.u32("the header")?;
        // Version 1 has no name of a specification.
        if !(2..=NEWEST_BINARY_VERSION).contains(&version) {
            return Err(Fault::Invalid(format!(
                "its binary version is {version}, 2 to {NEWEST_BINARY_VERSION} expected; convert the model \
                 again with ct2-transformers-converter"
            )));
        }
        let specification = text(reader, "the header")?;
        if specification != SPECIFICATION {
            return Err(Fault::Invalid(format!("it is a {specification:?}, {SPECIFICATION:?} expected")));
        }
        let revision = reader.u32("the header")?;
        if revision > NEWEST_REVISION {
            return Err(Fault::Invalid(format!(
                "its revision is {revision}, at most {NEWEST_REVISION} expected"
            )));
        }
        let mut table = Self { named: HashMap::new(), stored: 0 };
        table.read_variables(reader, version)?;
        if version >= 3 {
            table.read_aliases(reader)?;
        }
        match reader.left() {
            0 => Ok(table),
            surplus => Err(Fault::Surplus(surplus)),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.named.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// How many variables are stored; aliases are not.
    pub fn variables(&self) -> usize {
        self.stored
    }

    fn read_variables(&mut self, reader: &mut Reader<'_>, version: u32) -> Result<(), Fault> {
        let count = counted(reader, "variables")?;
        for _ in 0..count {
            let (name, variable) = variable(reader, version)?;
            match self.named.entry(name) {
                Entry::Vacant(entry) => entry.insert(variable),
                Entry::Occupied(entry) => {
                    return Err(Fault::Invalid(format!("it has the variable {:?} twice", entry.key())));
                }
            };
        }
        self.stored = self.named.len();
        Ok(())
    }

    /// An alias of a name that is not there is ignored, as CTranslate2 does. Scales come along.
    fn read_aliases(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let count = counted(reader, "aliases")?;
        for _ in 0..count {
            let alias = text(reader, "an alias")?;
            let name = text(reader, "an alias")?;
            for suffix in ["", "_scale", "_zero"] {
                if let Some(variable) = self.named.get(&format!("{name}{suffix}")).cloned() {
                    self.named.entry(format!("{alias}{suffix}")).or_insert(variable);
                }
            }
        }
        Ok(())
    }
}

fn counted(reader: &mut Reader<'_>, what: &str) -> Result<u32, Fault> {
    let count = reader.u32(&format!("the number of {what}"))?;
    if count > MOST_VARIABLES {
        return Err(Fault::Invalid(format!("it has {count} {what}, at most {MOST_VARIABLES} expected")));
    }
    Ok(count)
}

/// A text and the NUL at its end, after their length.
fn text(reader: &mut Reader<'_>, inside: &str) -> Result<String, Fault> {
    let length = reader.u16(inside)?;
    if !(2..=LONGEST_NAME).contains(&length) {
        return Err(Fault::Invalid(format!("{inside} has a name of {length} bytes")));
    }
    let mut bytes = vec![0; usize::from(length)];
    reader.fill(&mut bytes, inside)?;
    bytes.pop();
    String::from_utf8(bytes).map_err(|_| Fault::Invalid(format!("{inside} has a name that is not UTF-8")))
}

fn variable(reader: &mut Reader<'_>, version: u32) -> Result<(String, Variable), Fault> {
    let name = text(reader, "a variable")?;
    let inside = format!("the variable {name}");
    let rank = reader.byte(&inside)?;
    if rank > MOST_DIMS {
        return Err(Fault::Invalid(format!("its variable {name:?} has {rank} dimensions")));
    }
    let dims = (0..rank).map(|_| reader.u32(&inside)).collect::<Result<Vec<_>, _>>()?;
    let id = reader.byte(&inside)?;
    let number = if version >= 4 { Number::from_id(id) } else { Number::from_item_bytes(id) };
    let Some(number) = number else {
        return Err(Fault::Invalid(format!("its variable {name:?} is of the unknown type {id}")));
    };
    let size = u64::from(reader.u32(&inside)?);
    // Older versions count items. Neither form has room for 4 GiB, and no variable is as large.
    let bytes = if version >= 4 { size } else { size * number.bytes() };
    let expected = dims
        .iter()
        .try_fold(number.bytes(), |bytes, dim| bytes.checked_mul(u64::from(*dim)).filter(|b| *b > 0));
    if expected != Some(bytes) {
        return Err(Fault::Invalid(format!(
            "its variable {name:?} of {dims:?} numbers has {bytes} bytes, {} expected",
            expected.map_or_else(|| "another shape".to_owned(), |bytes| bytes.to_string())
        )));
    }
    let value = if dims.is_empty() { integer(reader, number, &inside)? } else { None };
    if !dims.is_empty() {
        reader.skip(bytes, &inside)?;
    }
    Ok((name, Variable { number, dims, value }))
}

fn integer(reader: &mut Reader<'_>, number: Number, inside: &str) -> Result<Option<i64>, Fault> {
    Ok(match number {
        Number::I8 => Some(i64::from(i8::from_le_bytes(reader.array(inside)?))),
        Number::I16 => Some(i64::from(i16::from_le_bytes(reader.array(inside)?))),
        Number::I32 => Some(i64::from(i32::from_le_bytes(reader.array(inside)?))),
        Number::F32 | Number::F16 | Number::Bf16 => {
            reader.skip(number.bytes(), inside)?;
            None
        }
    })
}
