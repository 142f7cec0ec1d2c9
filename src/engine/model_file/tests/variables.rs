//! Takes a `model.bin` apart and writes it again, as any converter might have written it.

#[derive(Clone)]
pub struct Stored {
    pub name: String,
    pub dims: Vec<u32>,
    /// Type number of version 4 and later.
    pub kind: u8,
    pub bytes: Vec<u8>,
}

#[derive(Clone)]
pub struct ModelBin {
    pub version: u32,
    pub specification: String,
    pub revision: u32,
    pub variables: Vec<Stored>,
    pub aliases: Vec<(String, String)>,
}

const ITEM_BYTES: [u32; 6] = [4, 1, 2, 4, 2, 2];

impl ModelBin {
    pub fn parse(file: &[u8]) -> Self {
        let mut input = Input(file);
        let version = input.u32();
        let specification = input.text();
        let revision = input.u32();
        let variables = (0..input.u32())
            .map(|_| {
                let name = input.text();
                let rank = input.take(1)[0];
                let dims = (0..rank).map(|_| input.u32()).collect();
                let kind = input.take(1)[0];
                let bytes = input.u32() as usize;
                Stored { name, dims, kind, bytes: input.take(bytes).to_vec() }
            })
            .collect();
        let aliases = (0..input.u32()).map(|_| (input.text(), input.text())).collect();
        assert_eq!(input.0.len(), 0);
        Self { version, specification, revision, variables, aliases }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = self.version.to_le_bytes().to_vec();
        text(&mut file, &self.specification);
        file.extend(self.revision.to_le_bytes());
        file.extend((self.variables.len() as u32).to_le_bytes());
        for Stored { name, dims, kind, bytes } in &self.variables {
            text(&mut file, name);
            file.push(dims.len() as u8);
            file.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
            let item_bytes = ITEM_BYTES[usize::from(*kind)];
            if self.version >= 4 {
                file.push(*kind);
                file.extend((bytes.len() as u32).to_le_bytes());
            } else {
                file.push(item_bytes as u8);
                file.extend((bytes.len() as u32 / item_bytes).to_le_bytes());
            }
            file.extend_from_slice(bytes);
        }
        if self.version >= 3 {
            file.extend((self.aliases.len() as u32).to_le_bytes());
            for (alias, name) in &self.aliases {
                text(&mut file, alias);
                text(&mut file, name);
            }
        }
        file
    }

    pub fn get(&mut self, name: &str) -> &mut Stored {
        self.variables.iter_mut().find(|variable| variable.name == name).unwrap()
    }

    pub fn remove(&mut self, name: &str) -> Stored {
        let index = self.variables.iter().position(|variable| variable.name == name).unwrap();
        self.variables.remove(index)
    }

    /// Gives variables another type; the numbers become zero.
    pub fn retype(&mut self, kind: u8, which: impl Fn(&Stored) -> bool) {
        for variable in self.variables.iter_mut().filter(|variable| !variable.dims.is_empty()) {
            if which(variable) {
                variable.kind = kind;
                let numbers = variable.dims.iter().product::<u32>();
                variable.bytes = vec![0; (numbers * ITEM_BYTES[usize::from(kind)]) as usize];
            }
        }
    }

    /// Quantises as converters do, with a scale for each row or, for int16, one for all.
    pub fn quantise(&mut self, kind: u8, which: impl Fn(&Stored) -> bool) {
        self.retype(kind, &which);
        let scales: Vec<_> = self
            .variables
            .iter()
            .filter(|variable| which(variable) && !variable.dims.is_empty())
            .map(|variable| {
                let dims: Vec<u32> = variable.dims.iter().copied().take(usize::from(kind == 1)).collect();
                let rows = dims.iter().product::<u32>() as usize;
                let bytes = 1f32.to_le_bytes().repeat(rows);
                Stored { name: format!("{}_scale", variable.name), dims, kind: 0, bytes }
            })
            .collect();
        self.variables.extend(scales);
    }
}

pub fn is_matrix(variable: &Stored) -> bool {
    variable.name.ends_with("weight") && variable.dims.len() == 2
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u16 + 1).to_le_bytes());
    file.extend_from_slice(text.as_bytes());
    file.push(0);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn text(&mut self) -> String {
        let length = u16::from_le_bytes(self.take(2).try_into().unwrap());
        let bytes = self.take(usize::from(length));
        String::from_utf8(bytes[..bytes.len() - 1].to_vec()).unwrap()
    }
}
