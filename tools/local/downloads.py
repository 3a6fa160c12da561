"""Download objects of the processed bucket to files named by their keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import manifests
from pipeline.keys import manifest_key
from pipeline.manifests import Manifest
from pipeline.settings import Manifest as ManifestSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Downloads:
    """The files in *folder*, each downloaded on first use."""

    def __init__(self, s3: "S3Client", bucket: str, folder: Path) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._folder = folder

    def file(self, key: str) -> Path:
        """Return the file with the object under *key*."""
        file = self._folder / key
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._s3.download_file(self._bucket, key, str(file))
        return file

    def manifest(self, source_key: str, settings: Mapping[str, Any]) -> Manifest:
        """Return the manifest of a source, with every image that it lists downloaded.

        *settings* is the value of the `manifest` variable.
        """
        template = settings.get("key_template") or ManifestSettings().key_template
        key = manifest_key(template, source_key=source_key)
        manifest = manifests.read(self.file(key).read_bytes())
        if manifest is None:
            raise ValueError(f"{key} is not a manifest of version {manifests.VERSION}")
        for image in manifest.images:
            self.file(image.key)
        return manifest
