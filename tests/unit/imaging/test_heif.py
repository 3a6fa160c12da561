"""HEIF and AVIF containers are checked and reduced before a decoder sees them."""

import re
import struct
from io import BytesIO
from time import sleep

import pytest
from PIL import Image
from pipeline.errors import CorruptImage, ImageTooLarge, Rejected, UnsupportedFormat
from pipeline.imaging.containers.coded_size import av1_sizes, configured_units, hevc_sizes
from pipeline.imaging.containers.heif import Aperture, read_still
from pipeline.imaging.containers.heif_items import MAX_ITEMS
from pipeline.imaging.profiles import CodePoints
from pipeline.imaging.source import open_image
from pipeline.model import Format, Size

from tests.unit.imaging.containers import (
    ALPHA,
    HIDDEN,
    Item,
    aperture,
    auxiliary,
    box,
    coded,
    container,
    full,
    grid,
    nclx,
    size,
)
from tests.unit.imaging.pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    WHITE,
    corners,
    heic,
    rendered,
    result,
    saved,
    variant,
)

BRANDS = {Format.AVIF: b"avif", Format.HEIC: b"heic"}
FORMATS = pytest.mark.parametrize("format_", BRANDS)


def still(*properties: bytes, format_: Format = Format.AVIF) -> bytes:
    item = coded(corners(), format_, *properties)
    return container({1: item}, brand=BRANDS[format_])


def tiled(format_: Format, *, wide: bool = False) -> bytes:
    """A grid of four tiles, each of one colour."""
    colors = [RED, GREEN, BLUE, WHITE]
    tiles = {
        number: coded(Image.new("RGB", (64, 64), color), format_)
        for number, color in enumerate(colors, 2)
    }
    for tile in tiles.values():
        tile.flags = HIDDEN
    return container(
        {1: grid(2, 2, 120, 100), **tiles},
        [(b"dimg", 1, [2, 3, 4, 5])],
        brand=BRANDS[format_],
        wide=wide,
    )


def with_alpha(*, one_ipma: bool = True) -> bytes:
    """A picture whose left half is transparent."""
    mask = Image.new("L", (96, 64), 255)
    mask.paste(0, (0, 0, 48, 64))
    return container(
        {
            1: coded(corners(), Format.AVIF),
            2: coded(mask, Format.AVIF, auxiliary(ALPHA)),
        },
        [(b"auxl", 2, [1])],
        one_ipma=one_ipma,
    )


def shown(file: bytes) -> Image.Image:
    return result(file, width=500, height=500, format=Format.PNG)


def rejection(file: bytes) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        rendered(file)
    return refusal.value


def assert_corners(image: Image.Image) -> None:
    places = [(0.1, 0.1, RED), (0.9, 0.1, GREEN), (0.9, 0.9, BLUE), (0.1, 0.9, WHITE)]
    for across, down, color in places:
        pixel = image.convert("RGB").getpixel((int(across * image.width), int(down * image.height)))
        assert pixel == pytest.approx(color, abs=9)


@FORMATS
def test_picture_is_shown(format_: Format) -> None:
    image = shown(still(format_=format_))
    assert image.size == (96, 64)
    assert_corners(image)


@FORMATS
@pytest.mark.parametrize("wide", [False, True])
def test_tiles_form_a_grid(format_: Format, wide: bool) -> None:
    image = shown(tiled(format_, wide=wide))
    assert image.size == (120, 100)
    places = [(5, 5, RED), (110, 5, GREEN), (5, 90, BLUE), (110, 90, WHITE)]
    for across, down, color in places:
        assert image.getpixel((across, down)) == pytest.approx(color, abs=9)


@pytest.mark.parametrize("one_ipma", [True, False], ids=["one ipma box", "one for each item"])
def test_alpha_is_found_in_any_number_of_ipma_boxes(one_ipma: bool) -> None:
    image = shown(with_alpha(one_ipma=one_ipma))
    assert image.mode == "RGBA"
    assert image.getchannel("A").getpixel((5, 5)) == 0
    assert image.getpixel((90, 5)) == pytest.approx((*GREEN, 255), abs=9)


@FORMATS
def test_clean_aperture_cuts_the_picture(format_: Format) -> None:
    file = still(aperture(40, 20, right=8, down=-10), format_=format_)
    with open_image(BytesIO(file), LIMITS) as source:
        assert source.picture.size == Size(width=40, height=20)
        assert source.coded_pixels == 96 * 64
    image = shown(file)
    assert image.size == (40, 20)
    # From 36 to 76 across and 12 to 32 down: the upper quarters meet at 48.
    assert image.getpixel((2, 10)) == pytest.approx(RED, abs=9)
    assert image.getpixel((35, 10)) == pytest.approx(GREEN, abs=9)


def test_clean_aperture_of_an_avif_with_alpha_cuts_both() -> None:
    mask = Image.new("L", (96, 64), 255)
    mask.paste(0, (0, 0, 48, 64))
    items = {
        1: coded(corners(), Format.AVIF, aperture(40, 20)),
        2: coded(mask, Format.AVIF, auxiliary(ALPHA), aperture(40, 20)),
    }
    image = shown(container(items, [(b"auxl", 2, [1])]))
    assert image.size == (40, 20)
    assert image.getchannel("A").getpixel((2, 2)) == 0
    assert image.getpixel((38, 2)) == pytest.approx((*GREEN, 255), abs=9)


@pytest.mark.parametrize("cut", [aperture(200, 20), aperture(40, 20, right=60), aperture(0, 20)])
def test_clean_aperture_beyond_the_picture_is_damage(cut: bytes) -> None:
    assert isinstance(rejection(still(cut)), CorruptImage)


@FORMATS
def test_colour_information_is_read(format_: Format) -> None:
    file = still(nclx(12, 16, 9, full_range=False), format_=format_)
    with open_image(BytesIO(file), LIMITS) as source:
        assert source.image.info["cicp"] == CodePoints(12, 16)


def test_colours_of_tiles_are_those_of_the_picture() -> None:
    tile = coded(Image.new("RGB", (64, 64)), Format.AVIF, nclx(9, 16, 9))
    file = container({1: grid(1, 1, 64, 64), 2: tile}, [(b"dimg", 1, [2])])
    assert read_still(BytesIO(file), Format.AVIF).points == CodePoints(9, 16)


def test_colour_information_of_an_animation_is_read() -> None:
    with open_image(BytesIO(animation()), LIMITS) as source:
        assert source.image.info["cicp"][:2] == (1, 13)


@pytest.mark.parametrize(
    ("format_", "width", "height"),
    [(Format.AVIF, 20_000, 20_000), (Format.HEIC, 20_000, 20_000), (Format.AVIF, 40_000, 1_000)],
)
def test_pictures_beyond_a_decoders_limit_are_too_large(
    format_: Format, width: int, height: int
) -> None:
    item = coded(corners(), format_)
    item.properties[0] = size(width, height)
    file = container({1: item}, brand=BRANDS[format_])
    refusal = rejection(file)
    assert isinstance(refusal, ImageTooLarge)
    assert (refusal.details["width"], refusal.details["height"]) == (width, height)


def test_cropped_pixels_count_against_the_limit() -> None:
    item = coded(corners(), Format.AVIF, aperture(10, 10))
    item.properties[0] = size(9_000, 9_000)
    assert isinstance(rejection(container({1: item})), ImageTooLarge)


def test_every_tile_counts_however_small_the_picture_is() -> None:
    tile = coded(corners(), Format.AVIF)
    tile.properties[0] = size(4_000, 4_000)
    file = container({1: grid(2, 2, 10, 10), 2: tile}, [(b"dimg", 1, [2, 2, 2, 2])])
    assert isinstance(rejection(file), ImageTooLarge)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (b"unci", "uncompressed"),
        (b"jpeg", "JPEG"),
        (b"j2k1", "JPEG 2000"),
        (b"avc1", "AVC"),
        (b"vvc1", "VVC"),
        (b"iden", "derived"),
        (b"iovl", "overlays"),
        (b"tmap", "tone-mapped"),
        (b"????", "of the kind '????'"),
    ],
)
@FORMATS
def test_picture_of_another_coding_is_unsupported_and_named(
    format_: Format, kind: bytes, name: str
) -> None:
    item = coded(corners(), format_)
    item.kind = kind
    refusal = rejection(container({1: item}, brand=BRANDS[format_]))
    assert isinstance(refusal, UnsupportedFormat)
    assert name in str(refusal)


def test_derived_pictures_within_a_grid_are_refused() -> None:
    items = {1: grid(1, 1, 64, 64), 2: grid(1, 1, 64, 64), 3: coded(corners(), Format.AVIF)}
    file = container(items, [(b"dimg", 1, [2]), (b"dimg", 2, [3])])
    assert isinstance(rejection(file), UnsupportedFormat)


def test_grid_of_itself_is_refused() -> None:
    assert isinstance(
        rejection(container({1: grid(1, 1, 64, 64)}, [(b"dimg", 1, [1])])), UnsupportedFormat
    )


def test_pictures_that_refer_to_one_another_are_shown_without_their_references() -> None:
    items = {1: coded(corners(), Format.AVIF), 2: coded(corners(), Format.AVIF)}
    links = [(b"dimg", 1, [2]), (b"dimg", 2, [1]), (b"auxl", 1, [1]), (b"cdsc", 2, [2, 1])]
    file = container(items, links)
    assert_corners(shown(file))
    assert b"iref" not in read_still(BytesIO(file), Format.AVIF).file


def test_data_repeated_many_times_are_damage() -> None:
    item = coded(corners(), Format.AVIF)
    item.parts = 500
    assert "bytes, the file" in str(rejection(container({1: item})))


def test_tiles_that_are_the_same_are_stored_once() -> None:
    tile = coded(Image.effect_noise((64, 64), 90).convert("RGB"), Format.AVIF)
    tiles = dict.fromkeys(range(2, 6), tile)
    file = container({1: grid(2, 2, 128, 128), **tiles}, [(b"dimg", 1, [2, 3, 4, 5])])
    shared = read_still(BytesIO(share(file, tile.data)), Format.AVIF)
    assert shared.file.count(tile.data) == 1
    assert shown(shared.file).size == (128, 128)


def share(file: bytes, data: bytes) -> bytes:
    """Return *file* with the first of its equal *data* in the place of the others."""
    first = file.index(data)
    for at in range(first + len(data), len(file), len(data)):
        file = file.replace(struct.pack(">II", at, len(data)), struct.pack(">II", first, len(data)))
    return file[: first + len(data)]


def test_data_constructed_from_other_items_is_refused() -> None:
    item = coded(corners(), Format.AVIF)
    item.method = 2
    assert isinstance(rejection(container({1: item})), UnsupportedFormat)


def test_data_in_another_file_is_refused() -> None:
    item = coded(corners(), Format.AVIF)
    item.data_reference = 1
    assert isinstance(rejection(container({1: item})), UnsupportedFormat)


def test_encrypted_picture_is_refused() -> None:
    item = coded(corners(), Format.AVIF)
    item.protection = 1
    assert "encrypted" in str(rejection(container({1: item})))


def test_unsupported_essential_property_is_named() -> None:
    item = coded(corners(), Format.AVIF, full(b"uncC", bytes(8)))
    item.essential |= {b"uncC"}
    refusal = rejection(container({1: item}))
    assert isinstance(refusal, UnsupportedFormat)
    assert "'uncC'" in str(refusal)


def test_decoder_sees_only_the_picture() -> None:
    secrets = [
        Item(kind=b"iovl", data=b"SECRET overlay"),
        Item(kind=b"unci", data=b"SECRET pixels", properties=[full(b"uncC", b"SECRET")]),
        Item(kind=b"mime", data=b"SECRET page", content_type=b"text/html"),
        coded(corners(), Format.HEIC, auxiliary(b"SECRET depth")),
    ]
    items = {1: coded(corners(), Format.AVIF, full(b"SECR", b"ET")), **dict(enumerate(secrets, 2))}
    file = container(items, [(b"cdsc", 4, [1]), (b"auxl", 5, [1]), (b"thmb", 3, [1])])
    file += box(b"mpvd", b"SECRET video") + b"SECRET trailer"
    assert b"SECR" not in read_still(BytesIO(file), Format.AVIF).file
    assert_corners(shown(file))


def test_gain_map_is_noticed() -> None:
    items = {1: coded(corners(), Format.AVIF), 2: Item(kind=b"tmap")}
    assert read_still(BytesIO(container(items)), Format.AVIF).has_gain_map
    assert not read_still(BytesIO(still()), Format.AVIF).has_gain_map


def test_metadata_of_the_picture_stay() -> None:
    items = {
        1: coded(corners(), Format.AVIF),
        2: Item(kind=b"Exif", data=b"\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        3: Item(kind=b"mime", data=b"<x/>", content_type=b"application/rdf+xml"),
    }
    file = container(items, [(b"cdsc", 2, [1]), (b"cdsc", 3, [1])])
    with open_image(BytesIO(file), LIMITS) as source:
        assert source.image.info["exif"]
        assert source.image.info["xmp"] == b"<x/>"


def with_primary(number: int) -> bytes:
    return container({1: coded(corners(), Format.AVIF)}, primary=number)


DAMAGED = {
    "no primary item": with_primary(7),
    "tiles missing": container({1: grid(2, 2, 9, 9)}, [(b"dimg", 1, [])]),
    "tile unknown": container({1: grid(1, 1, 9, 9)}, [(b"dimg", 1, [9])]),
    "no size": container({1: Item(kind=b"av01", data=b"1")}),
    "no pixels": container({1: Item(kind=b"av01", data=b"1", properties=[size(0, 9)])}),
    "data beyond the end": still()[:-9],
    "two meta boxes of items": still().replace(b"idat", b"iloc"),
    "no places": still().replace(b"iloc", b"free"),
    "no items": still().replace(b"iinf", b"free"),
    "too many items": container({number: Item(kind=b"Exif") for number in range(1, MAX_ITEMS + 2)}),
    "property out of reach": still().replace(b"\0\1\3\1\x82\3", b"\0\1\3\1\x82\x7f"),
    "grid without a payload": container({1: Item(kind=b"grid", properties=[size(9, 9)])}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_inconsistent_container_is_damage(name: str) -> None:
    refusal = rejection(DAMAGED[name])
    assert isinstance(refusal, CorruptImage)
    assert not re.search(r"\w+Error\b|struct\.error", str(refusal))


@pytest.mark.parametrize("name", ["iinf", "ipco", "infe", "iloc", "iprp", "ipma", "ispe", "pitm"])
@pytest.mark.parametrize("length", [0, 7, 8, 9, 0x7FFFFFFF])
def test_box_of_a_wrong_length_is_damage(name: str, length: int) -> None:
    file = bytearray(still())
    at = file.index(name.encode()) - 4
    file[at : at + 4] = struct.pack(">I", length)
    assert isinstance(rejection(bytes(file)), CorruptImage)


@FORMATS
@pytest.mark.parametrize("wanted", [(64, 64), (96, 32), (32, 64)])
def test_picture_that_is_coded_larger_than_its_container_says_is_damage(
    format_: Format, wanted: tuple[int, int]
) -> None:
    item = coded(corners(600, 400), format_)
    item.properties[0] = size(*wanted)
    refusal = rejection(container({1: item}, brand=BRANDS[format_]))
    assert isinstance(refusal, CorruptImage)
    assert re.search(f"{wanted[0]} x {wanted[1]} is coded as 60[08] x 40[08]", str(refusal))


def test_size_within_the_coded_data_counts_as_that_of_the_configuration() -> None:
    item, large = (coded(corners(*sides), Format.HEIC) for sides in ((96, 64), (600, 400)))
    configuration = large.properties[1][8:]
    units = list(configured_units(memoryview(configuration)))
    item.data = b"".join(struct.pack(">I", len(unit)) + unit for unit in units) + item.data
    assert "is coded as" in str(rejection(container({1: item}, brand=b"heic")))


def test_sizes_of_coded_pictures_are_those_that_encoders_write() -> None:
    for width, height in ((96, 64), (1, 1), (130, 70), (4000, 33)):
        picture = Image.new("RGB", (width, height))
        avif = coded(picture, Format.AVIF)
        heif = coded(picture, Format.HEIC)
        assert set(av1_sizes(avif.data)) == {(width, height)}
        (declared,) = set(hevc_sizes(memoryview(heif.properties[1][8:]), heif.data))
        assert all(0 <= of - side < 64 for of, side in zip(declared, (width, height), strict=True))


def test_heif_without_a_still_picture_is_unsupported() -> None:
    file = box(b"ftyp", b"heic", bytes(4), b"mif1") + box(b"moov")
    assert isinstance(rejection(file), UnsupportedFormat)


def test_any_byte_of_the_container_may_change() -> None:
    """Every file is rendered or rejected; no other exception is raised."""
    sound = with_alpha()
    for at in range(8, sound.index(b"mdat")):
        for value in (0, 0xFF, sound[at] ^ 0x81):
            file = sound[:at] + bytes([value]) + sound[at + 1 :]
            try:
                read_still(BytesIO(file), Format.AVIF)
            except Rejected:
                continue


def animation(alpha: bool = False) -> bytes:
    frames = [Image.new("RGBA" if alpha else "RGB", (64, 48), color) for color in (RED, BLUE)]
    return saved(frames[0], Format.AVIF, save_all=True, append_images=frames[1:], duration=70)


def test_animation_keeps_its_frames() -> None:
    made = rendered(animation())
    assert made.picture.frames == 2


def test_stills_of_an_animation_do_not_reach_the_decoder() -> None:
    file = animation()
    assert file.count(b"av1C") == 2
    with open_image(BytesIO(file), LIMITS) as source:
        given = source.content()
    assert b"meta" not in given
    assert given[given.index(b"ftyp") :][:40].count(b"avif") == 0


@pytest.mark.parametrize("table", [b"stsz", b"stco", b"stts", b"stsc", b"stsd", b"trak", b"mdia"])
def test_sample_table_of_an_animation_beyond_the_file_is_damage(table: bytes) -> None:
    file = bytearray(animation())
    at = file.index(table) + (4 if table in (b"trak", b"mdia") else 12 if table == b"stsz" else 8)
    file[at : at + 4] = b"\x7f\xff\xff\xff"
    refusal = rejection(bytes(file))
    assert isinstance(refusal, CorruptImage)


@pytest.mark.parametrize("name", [b"mvhd", b"tkhd", b"mdhd", b"elst", b"hdlr", b"stbl"])
@pytest.mark.parametrize("change", ["missing", "empty"])
def test_animation_that_lacks_a_header_is_shown_or_rejected(name: bytes, change: str) -> None:
    file = bytearray(animation())
    at = file.index(name, file.index(b"moov"))
    length = struct.unpack_from(">I", file, at - 4)[0]
    if change == "empty" and length >= 16:
        file[at - 4 : at + 12] = struct.pack(">I4sI4s", 8, name, length - 8, b"free")
    else:
        file[at : at + 4] = b"free"
    try:
        rendered(bytes(file))
    except CorruptImage:
        return


def test_animation_of_another_coding_is_unsupported_and_named() -> None:
    file = animation()
    at = file.index(b"av01", file.index(b"stsd"))
    refusal = rejection(file[:at] + b"mjpg" + file[at + 4 :])
    assert isinstance(refusal, UnsupportedFormat)
    assert "'mjpg'" in str(refusal)


def test_coded_size_of_an_animation_counts() -> None:
    file = animation()
    at = file.index(b"av01", file.index(b"stsd")) + 4 + 24
    refusal = rejection(file[:at] + struct.pack(">HH", 30_000, 30_000) + file[at + 4 :])
    assert isinstance(refusal, ImageTooLarge)


def test_aperture_is_that_of_the_standard() -> None:
    file = still(aperture(40, 20, right=8, down=-10))
    assert read_still(BytesIO(file), Format.AVIF).aperture == Aperture(36, 12, 76, 32)


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (corners(mode="RGBA"), {"quality": -1}),
        (corners(600, 400), {"tile_size": 256}),
        (corners(), {"chroma": 444, "save_nclx_profile": False}),
    ],
    ids=["alpha", "tiles", "no nclx"],
)
def test_files_of_another_encoder_are_shown(image: Image.Image, options: dict[str, object]) -> None:
    assert_corners(shown(heic(image, **options)))


@pytest.mark.parametrize("turn", range(1, 9))
@FORMATS
def test_rotation_and_mirroring_of_the_container_are_applied(format_: Format, turn: int) -> None:
    rotation, mirror = divmod(turn, 2)
    properties = [box(b"irot", bytes([rotation % 4])), box(b"imir", bytes([mirror]))]
    file = still(*properties, format_=format_)
    # Rotated anticlockwise, then mirrored: from top to bottom, or from left to right.
    flip = Image.Transpose.FLIP_LEFT_RIGHT if mirror else Image.Transpose.FLIP_TOP_BOTTOM
    wanted = corners().rotate(90 * (rotation % 4), expand=True).transpose(flip)
    image = shown(file)
    assert image.size == wanted.size
    for place in [(3, 3), (image.width - 3, 3), (3, image.height - 3)]:
        assert image.getpixel(place) == pytest.approx(wanted.getpixel(place), abs=9)


def test_encoding_an_animation_is_reproducible() -> None:
    file = animation()
    first = rendered(file, variant(format=Format.AVIF)).renditions[0].body
    sleep(1.1)  # its timestamps are whole seconds
    second = rendered(file, variant(format=Format.AVIF)).renditions[0].body
    assert first == second
    assert rendered(first).picture.frames == 2
