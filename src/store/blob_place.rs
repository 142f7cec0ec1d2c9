//! What `[storage] blobs` names.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;
use url::Url;

/// Where recordings are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobPlace {
    /// The folder `blobs` of the storage folder.
    Own,
    Folder(PathBuf),
    /// `s3`, `gs` or `az`, a bucket and a prefix.
    Bucket(Url),
}

impl BlobPlace {
    /// # Errors
    /// The text is not an address, has another scheme, or has more than a bucket and a prefix.
    pub fn parse(text: &str) -> Result<Self, BadBlobPlace> {
        if text.is_empty() {
            return Ok(Self::Own);
        }
        let unknown = || BadBlobPlace::Unknown { text: text.to_owned() };
        let url = Url::parse(text).map_err(|_| match text.contains('@') {
            true => BadBlobPlace::Secret,
            false => unknown(),
        })?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        if !is_plain || url.query().is_some() || url.fragment().is_some() {
            return Err(BadBlobPlace::Secret);
        }
        match url.scheme() {
            "file" => url.to_file_path().map(Self::Folder).map_err(|()| unknown()),
            "s3" | "gs" | "az" if url.host_str().is_some_and(|bucket| !bucket.is_empty()) => {
                Ok(Self::Bucket(url))
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for BlobPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => write!(f, "[storage] dir"),
            Self::Folder(dir) => write!(f, "{}", dir.display()),
            Self::Bucket(url) => write!(f, "{url}"),
        }
    }
}

/// Why a text names no place of recordings. What may hold a password is not part of the message.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum BadBlobPlace {
    #[error(
        "{text:?} is not an address of recordings: use file:///folder, s3://bucket/prefix, gs://bucket/prefix or \
         az://container/prefix"
    )]
    Unknown { text: String },
    #[error(
        "an address of recordings has no user, password, query or fragment: set credentials in the environment"
    )]
    Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket_with_a_prefix() {
        assert_eq!(BlobPlace::parse(""), Ok(BlobPlace::Own));
        assert_eq!(BlobPlace::parse("file:///srv/a%20b"), Ok(BlobPlace::Folder("/srv/a b".into())));
        for text in ["s3://bucket", "s3://bucket/a/b", "gs://bucket/a", "az://container/a"] {
            assert_eq!(BlobPlace::parse(text), Ok(BlobPlace::Bucket(text.parse().unwrap())));
        }
    }

    #[test]
    fn what_is_not_a_place_is_refused_without_its_secrets() {
        for text in
            ["blobs", "/srv/blobs", "ftp://host/a", "http://host/a", "s3:///a", "s3:bucket", "file://host/a"]
        {
            let error = BlobPlace::parse(text).unwrap_err();
            assert_eq!(error, BadBlobPlace::Unknown { text: text.into() });
        }
        for text in ["s3://key:secret@bucket/a", "az://c/a?sig=secret", "s3://key:secret@", "gs://b/a#secret"]
        {
            let error = BlobPlace::parse(text).unwrap_err().to_string();
            assert!(error.contains("environment") && !error.contains("secret@"), "{error}");
        }
    }
}
