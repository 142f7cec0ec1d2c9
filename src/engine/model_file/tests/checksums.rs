use std::fs;

use super::ggml_files::Copy;
use super::small::Folder;
use super::*;

#[test]
fn a_checksum_beside_the_model_is_compared() {
    let copy = Copy::new();
    let sidecar = copy.path.with_extension("bin.sha256");
    let good = fs::read_to_string(Path::new(MODEL).with_extension("bin.sha256")).unwrap();
    let files = VerifiedFiles::default();
    files.verify(&copy.path, &|| true).unwrap();

    fs::write(&sidecar, good.to_uppercase()).unwrap();
    files.verify(&copy.path, &|| true).unwrap();

    fs::write(&sidecar, "0".repeat(64)).unwrap();
    let error = files.verify(&copy.path, &|| true).unwrap_err();
    assert!(matches!(error, ChecksumError::File(ModelFileError::WrongChecksum { .. })), "{error}");

    for bad in ["", "abc  model.bin", "<html>"] {
        fs::write(&sidecar, bad).unwrap();
        let error = files.verify(&copy.path, &|| true).unwrap_err();
        assert!(matches!(error, ChecksumError::File(ModelFileError::BadSidecar { .. })), "{error}");
    }
}

#[test]
fn damaged_weights_are_found_by_their_checksum_alone() {
    let whole = fs::metadata(MODEL).unwrap().len();
    let copy = Copy::patched(whole - 100, b"damage");
    let sidecar = Path::new(MODEL).with_extension("bin.sha256");
    ModelHeader::read(&copy.path).unwrap();
    fs::copy(sidecar, copy.path.with_extension("bin.sha256")).unwrap();
    let error = VerifiedFiles::default().verify(&copy.path, &|| true).unwrap_err();
    assert!(matches!(error, ChecksumError::File(ModelFileError::WrongChecksum { .. })), "{error}");
}

#[test]
fn a_version_of_a_file_is_hashed_once() {
    let files = VerifiedFiles::default();
    files.verify(Path::new(MODEL), &|| true).unwrap();
    // Hashing calls `keep_going`; without hashing it is not called.
    files.verify(Path::new(MODEL), &|| panic!("hashed again")).unwrap();
}

#[test]
fn hashing_can_be_given_up() {
    let error = VerifiedFiles::default().verify(Path::new(MODEL), &|| false).unwrap_err();
    assert!(matches!(error, ChecksumError::GivenUp));
}

#[test]
fn a_folder_has_its_checksum_in_it() {
    let folder = Folder::converted();
    let files = VerifiedFiles::default();
    assert_eq!(files.verify(folder.path(), &|| true).unwrap(), folder.header().unwrap());
    folder.write("model.bin.sha256", format!("{}  model.bin", "0".repeat(64)).as_bytes());
    let error = files.verify(folder.path(), &|| true).unwrap_err();
    assert!(matches!(error, ChecksumError::File(ModelFileError::WrongChecksum { .. })), "{error}");
    let actual = error.to_string().split("SHA-256 ").nth(1).unwrap()[..64].to_owned();
    folder.write("model.bin.sha256", actual.as_bytes());
    // The hash is remembered.
    files.verify(folder.path(), &|| panic!("hashed again")).unwrap();
}
