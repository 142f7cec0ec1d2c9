//! Whose a place of recordings is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use object_store::path::Path as Location;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use super::directory::private;

/// Holds the id of the owner that used the place first. Every place that a service has used has one.
pub(super) fn mark(prefix: &Location) -> Location {
    prefix.clone().join("verbatim-owner")
}

/// Whose a place of recordings is: files with ids.
pub(super) struct Owner {
    /// Of the storage folder, or of the database that several services share.
    pub id: PathBuf,
    /// Of the storage folder, from before it had the database.
    pub before: Option<PathBuf>,
}

/// Whether the place is this owner's: the first that asks gets it. In a place of another one nothing is removed that no job needs: jobs
/// of the other one may need it.
///
/// # Errors
/// [`Error::NotFound`] where there is no such place, or what reading and writing in it failed with.
///
/// # Blocking
/// Reads and writes small files.
pub(super) async fn is_ours(
    place: &dyn ObjectStore,
    prefix: &Location,
    owner: &Owner,
) -> Result<bool, Error> {
    let of_file = |error: io::Error| Error::Generic { store: "id", source: Box::new(error) };
    let own = own_id(&owner.id).map_err(of_file)?;
    let before = owner.before.as_deref().map(own_id).transpose().map_err(of_file)?;
    let mark = mark(prefix);
    let found = match place.get(&mark).await {
        Ok(found) => Some(found.bytes().await?),
        Err(Error::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    match found {
        Some(found) if found == own.as_bytes() => Ok(true),
        Some(found) if before.is_none_or(|before| found != before.as_bytes()) => Ok(false),
        _ => place.put(&mark, own.into_bytes().into()).await.map(|_| true),
    }
}

/// Made when it is first asked for.
pub(super) fn own_id(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(id) => Ok(id),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = Uuid::now_v7().to_string();
            let mut file = private(fs::File::options().create_new(true).write(true)).open(path)?;
            io::Write::write_all(&mut file, id.as_bytes())?;
            file.sync_all()?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_place_belongs_to_the_first_folder_that_asks() {
        let (place, prefix) = (InMemory::new(), Location::from("a/b"));
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let owner = |dir: &tempfile::TempDir, before| Owner { id: dir.path().join("id"), before };
        let database = tempfile::tempdir().unwrap();
        let later = owner(&database, Some(first.path().join("id")));
        let (first, second) = (owner(&first, None), owner(&second, None));
        assert!(is_ours(&place, &prefix, &first).await.unwrap());
        assert!(!is_ours(&place, &prefix, &second).await.unwrap());
        assert!(is_ours(&place, &prefix, &first).await.unwrap());
        assert!(is_ours(&place, &Location::from("a/c"), &second).await.unwrap());
        // The first folder has a database now, which it shares.
        assert!(is_ours(&place, &prefix, &later).await.unwrap());
        assert!(!is_ours(&place, &prefix, &first).await.unwrap());
        assert!(!is_ours(&place, &Location::from("a/c"), &later).await.unwrap());
    }
}
