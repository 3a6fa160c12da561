"""A file that is still downloading reads like a complete one, and reports a broken download."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline import download, imaging
from pipeline.download import Download
from pipeline.errors import CorruptImage, TransientFailure, UnsupportedFormat
from pipeline.model import Format

from tests.unit.imaging.pictures import LIMITS, STYLE, VARIANT, heic, saved, scene

STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 60)),
    st.tuples(st.just("start"), st.integers(0, 60)),
    st.tuples(st.just("move"), st.integers(-60, 60)),
    st.tuples(st.just("end"), st.integers(-60, 5)),
)
WHENCE = {"start": io.SEEK_SET, "move": io.SEEK_CUR, "end": io.SEEK_END}


class Body:
    """Gives *data* in small pieces, then raises *failure*, if any, at its end."""

    def __init__(self, data: bytes, failure: Exception | None = None, piece: int = 7) -> None:
        self.data = io.BytesIO(data)
        self.failure = failure
        self.piece = piece
        self.is_closed = False

    def read(self, size: int) -> bytes:
        block = self.data.read(min(size, self.piece))
        if self.failure and not block:
            raise self.failure
        return block

    def close(self) -> None:
        self.is_closed = True

    def download(self, length: int) -> io.BufferedReader:
        return io.BufferedReader(Download(read=self.read, close=self.close, length=length))


@given(data=st.binary(max_size=50), piece=st.integers(1, 60), steps=st.lists(STEPS, max_size=12))
def test_it_reads_like_a_complete_file(
    data: bytes, piece: int, steps: list[tuple[str, int]]
) -> None:
    whole = Download(read=Body(data, piece=piece).read, close=lambda: None, length=len(data))
    there = io.BytesIO(data)
    for name, number in steps:
        if name == "read":
            assert whole.read(number) == there.read(number)
        elif name == "start" or there.tell() + number >= 0 <= len(data) + number:
            assert whole.seek(number, WHENCE[name]) == there.seek(number, WHENCE[name])
        assert whole.tell() == there.tell()


def test_a_position_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="position -1"):
        Body(b"data").download(4).seek(-5, io.SEEK_END)


def test_its_length_is_known_before_anything_is_read() -> None:
    body = Body(b"data")
    assert body.download(4).seek(0, io.SEEK_END) == 4
    assert body.data.tell() == 0


def test_at_most_one_block_more_than_requested_is_read() -> None:
    body = Body(bytes(1 << 20), piece=1 << 20)
    body.download(1 << 20).read(16)
    assert body.data.tell() == download._BLOCK


@pytest.mark.parametrize("announced", [3, 5])
def test_a_body_of_the_wrong_length_is_transient(announced: int) -> None:
    with pytest.raises(TransientFailure, match=f"4 bytes arrived, {announced} were announced"):
        Body(b"data").download(announced).read(announced)


def test_the_last_byte_is_returned_only_after_the_final_checks() -> None:
    file = Body(b"data", TransientFailure("the checksum differs")).download(4)
    with pytest.raises(TransientFailure, match="checksum"):
        file.read(4)


def test_closing_discards_the_rest() -> None:
    body = Body(b"data")
    body.download(4).close()
    assert body.is_closed
    assert body.data.tell() == 0


def picture(format_: Format) -> bytes:
    image = scene(300, 200)
    return heic(image) if format_ is Format.HEIC else saved(image, format_)


def process(file: io.BufferedReader) -> None:
    with imaging.open_image(file, LIMITS) as source:
        list(imaging.render(source, [VARIANT], STYLE))


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 1.0])
def test_a_broken_connection_is_not_blamed_on_the_file(format_: Format, share: float) -> None:
    data = picture(format_)
    body = Body(data[: int(len(data) * share)], TransientFailure("reset by peer"), piece=512)
    with pytest.raises(TransientFailure, match="reset by peer"):
        process(body.download(len(data)))
    assert share == 0 or body.data.tell() > 0


@pytest.mark.parametrize("format_", Format)
def test_a_picture_is_processed_only_after_the_whole_download(format_: Format) -> None:
    # Data after the picture, such as a video, is read although decoding does not need it.
    data = picture(format_) + bytes(500_000)
    body = Body(data, piece=512)
    process(body.download(len(data)))
    assert body.data.tell() == len(data)
    assert body.is_closed


def without_pixels(data: bytes) -> bytes:
    return data.replace(b"IDAT", b"IDATnone", 1)


@pytest.mark.parametrize("damage", [without_pixels, lambda data: b"what?" + data[5:]])
def test_damage_is_the_files_own_only_if_the_checks_say_so(
    damage: Callable[[bytes], bytes],
) -> None:
    data = damage(picture(Format.PNG)) + bytes(500_000)
    with pytest.raises((CorruptImage, UnsupportedFormat)):
        process(Body(data, piece=512).download(len(data)))
    late = Body(data, TransientFailure("the checksum differs"), piece=512)
    with pytest.raises(TransientFailure, match="checksum"):
        process(late.download(len(data)))


def test_abandoned_work_reads_no_more() -> None:
    data = picture(Format.BMP)
    body = Body(data, piece=512)
    with pytest.raises(KeyError), imaging.open_image(body.download(len(data)), LIMITS):
        raise KeyError
    assert body.data.tell() < len(data)
    assert body.is_closed
