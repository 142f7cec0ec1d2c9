//! Which storage folder a place of recordings belongs to.

use std::fs;
use std::io;
use std::path::Path;

use object_store::path::Path as Location;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use super::directory::private;

/// Holds the id of the storage folder that used the place first. Every place that a service has used has one.
pub(super) fn mark(prefix: &Location) -> Location {
    prefix.clone().join("verbatim-owner")
}

/// Whether the place is this storage folder's, whose id is in the file `id`: the first folder that asks gets it. In a place of
/// another one nothing is removed that no job needs: jobs of the other one may need it.
///
/// # Errors
/// [`Error::NotFound`] where there is no such place, or what reading and writing in it failed with.
///
/// # Blocking
/// Reads and writes a small file.
pub(super) async fn is_ours(place: &dyn ObjectStore, prefix: &Location, id: &Path) -> Result<bool, Error> {
    let of_file = |error: io::Error| Error::Generic { store: "id", source: Box::new(error) };
    let own = own_id(id).map_err(of_file)?;
    let mark = mark(prefix);
    match place.get(&mark).await {
        Ok(found) => Ok(found.bytes().await? == own.as_bytes()),
        Err(Error::NotFound { .. }) => {
            place.put(&mark, own.into_bytes().into()).await?;
            Ok(true)
        }
        Err(error) => Err(error),
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
        let (first, second) = (first.path().join("id"), second.path().join("id"));
        assert!(is_ours(&place, &prefix, &first).await.unwrap());
        assert!(!is_ours(&place, &prefix, &second).await.unwrap());
        assert!(is_ours(&place, &prefix, &first).await.unwrap());
        assert!(is_ours(&place, &Location::from("a/c"), &second).await.unwrap());
    }
}
