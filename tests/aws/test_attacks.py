"""Hostile files and keys: the result is a clean image, or a rejection."""

import io
import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.aws.invoking import failures, handle, processed_keys, upload
from tests.factories import picture, record, variants
from tests.polyglots import POLYGLOTS, SCRIPT, saved

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.usefixtures("configured")

NO_PICTURES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">' + SCRIPT + b"</svg>",
    "svg with a declaration": b'<?xml version="1.0"?><svg>' + SCRIPT + b"</svg>",
    "html": b"<!doctype html><html>" + SCRIPT + b"</html>",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n" + SCRIPT,
    "binary eps": b"\xc5\xd0\xd3\xc6\x1e\0\0\0" + b"\0" * 22 + b"%!PS-Adobe-3.0\n" + SCRIPT,
    "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript>>>>endobj\n" + SCRIPT,
    "xbm": b"#define x_width 8\n#define x_height 8\nstatic char x_bits[] = {" + SCRIPT,
    "zip": b"PK\3\4" + SCRIPT,
    "php": b"<?php system($_GET['c']); ?>" + SCRIPT,
    "program": b"\x7fELF\2\1\1" + SCRIPT,
    "icon": b"\0\0\1\0\1\0" + SCRIPT,
    "video": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + SCRIPT,
    "ppm": b"P6 9 9 255 " + SCRIPT,
    # These begin like a picture and continue as something else.
    "gif that is a script": b"GIF89a/*" + b"*/=1;alert(1)//" + SCRIPT,
    "jpeg that is html": b"\xff\xd8\xff" + SCRIPT,
    "png that is html": b"\x89PNG\r\n\x1a\n" + SCRIPT,
    "webp that is html": b"RIFF\xff\0\0\0WEBPVP8 " + SCRIPT,
    "bmp that is html": b"BM" + b"\0" * 12 + b"\x28\0\0\0" + SCRIPT,
    "tiff that is html": b"II*\0\x08\0\0\0" + SCRIPT,
    "avif that is html": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + SCRIPT,
    "heic that is html": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + SCRIPT,
    "jpeg 2000 that is html": b"\xff\x4f\xff\x51" + SCRIPT,
}


@pytest.mark.parametrize("content", NO_PICTURES.values(), ids=NO_PICTURES.keys())
def test_a_file_that_is_not_a_picture_is_rejected_whatever_its_name(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str, content: bytes
) -> None:
    assert handle(upload(s3, "photo.jpg", content)) == {"rejected": 1}

    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] in {"unsupported-format", "corrupt-image"}
    assert processed_keys(s3) == []
    assert SCRIPT.decode() not in json.dumps(failure)


@pytest.mark.parametrize("content", POLYGLOTS.values(), ids=POLYGLOTS.keys())
def test_only_the_picture_of_a_polyglot_file_is_published(s3: "S3Client", content: bytes) -> None:
    assert SCRIPT in content
    assert handle(upload(s3, "photo.jpg", content)) == {"published": 1}

    [key] = processed_keys(s3)
    response = s3.get_object(Bucket="processed", Key=key)
    body = response["Body"].read()
    assert b"script" not in body
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == (100, 67)
        assert response["ContentType"] == Image.MIME[image.format or ""]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
@pytest.mark.parametrize("name", ["page.html", "photo.jpg"])
def test_the_content_type_comes_from_the_content_not_the_uploader(
    s3: "S3Client", kind: str, name: str
) -> None:
    announced = upload(s3, name, saved(kind))
    s3.copy_object(
        Bucket="source",
        Key=name,
        CopySource={"Bucket": "source", "Key": name},
        MetadataDirective="REPLACE",
        ContentType="text/html",
        ContentDisposition="inline; filename=page.html",
    )
    assert handle(announced) == {"published": 1}

    response = s3.get_object(Bucket="processed", Key=name)
    assert response["ContentType"] == f"image/{kind.lower()}"
    assert "ContentDisposition" not in response


KEYS = [
    "../../etc/passwd.jpg",
    "cats/../../tom.jpg",
    "..",
    ".",
    "./tom.jpg",
    ".jpg",
    "...jpg",
    "/tom.jpg",
    "//tom//.jpg",
    "C:\\cats\\tom.jpg",
    "tom\n.jpg",
    'tom.jpg\r\n{"level": "INFO", "message": "published"}',
    "tom\x01\x1b[31m\x7f.jpg",
    "tom\u2028\u0085\u202egpj.exe",
    "%2e%2e%2ftom.jpg",
    "{variant}{0.__class__}.jpg",
    "$(id) `id` ;rm -rf ~ '\" <script>.jpg",
    "=cmd|'/C calc'!A0.jpg",
    "x" * 1020 + ".jpg",
    "é" * 510 + ".jpg",
    "tom.jpg/tom.jpg/",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_hostile_key_is_processed_like_any_other(
    s3: "S3Client", log: io.StringIO, key: str
) -> None:
    assert handle(upload(s3, key, picture())) == {"published": 1}

    assert processed_keys(s3) == [key]
    [line] = log.getvalue().splitlines()
    assert json.loads(line)["source"]["key"] == key


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (".pipeline/tom.jpg", "key-reserved"),
        (".pipeline/manifests/" + "0" * 64 + ".json", "key-reserved"),
        # The extension of the format, .webp, is longer than that of the key.
        ("x" * 1020 + ".jpg", "key-too-long"),
    ],
)
def test_a_key_that_is_too_long_for_its_images_is_rejected(
    s3: "S3Client",
    sqs: "SQSClient",
    failure_queue_url: str,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    reason: str,
) -> None:
    monkeypatch.setenv("VARIANTS", variants(web={"width": 50, "format": "webp"}))
    assert handle(upload(s3, key, picture())) == {"rejected": 1}

    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == reason
    assert processed_keys(s3) == []
    [line] = log.getvalue().splitlines()
    assert json.loads(line)["source"]["key"] == key


@pytest.mark.parametrize("encoded", ["%ff%fe.jpg", "%c3.jpg", "%ed%a0%80.jpg"])
def test_a_key_that_is_not_utf8_is_rejected(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str, encoded: str
) -> None:
    announced = record("tom.jpg")
    announced["s3"]["object"]["key"] = encoded
    assert handle(announced) == {"rejected": 1}

    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == "unreadable-event"


def test_an_upload_never_overwrites_the_image_of_another_source_with_its_name(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIANTS", variants(large={"width": 90}, small={"width": 60}))
    monkeypatch.setenv("KEY_TEMPLATE", "{directory}{stem}-{variant}{extension}")
    handle(upload(s3, "tom.jpg", picture()))
    before = s3.head_object(Bucket="processed", Key="tom-small.jpg")
    assert handle(upload(s3, "tom-small.jpg", picture(color=(0, 0, 0)))) == {"published": 1}

    assert processed_keys(s3) == [
        "tom-large.jpg",
        "tom-small-large.jpg",
        "tom-small-small.jpg",
        "tom-small.jpg",
    ]
    after = s3.head_object(Bucket="processed", Key="tom-small.jpg")
    assert after["ETag"] == before["ETag"]


def test_an_image_never_overwrites_that_of_another_source(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIANTS", variants(**{"small": {"width": 60}, "x-small": {"width": 30}}))
    monkeypatch.setenv("KEY_TEMPLATE", "{directory}{stem}-{variant}{extension}")
    handle(upload(s3, "tom.jpg", picture()))
    before = s3.head_object(Bucket="processed", Key="tom-x-small.jpg")
    assert handle(upload(s3, "tom-x.jpg", picture(color=(0, 0, 0)))) == {"rejected": 1}

    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == "key-collision"
    assert processed_keys(s3) == ["tom-small.jpg", "tom-x-small.jpg"]
    after = s3.head_object(Bucket="processed", Key="tom-x-small.jpg")
    assert after["ETag"] == before["ETag"]
