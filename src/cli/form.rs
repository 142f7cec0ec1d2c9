//! Whether results are for people or for programs.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Words,
    Json,
}

impl Form {
    pub(super) fn is_json(self) -> bool {
        self == Self::Json
    }
}

/// The flag `--json`.
impl From<bool> for Form {
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Words }
    }
}
