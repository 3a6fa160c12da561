"""What of the pinned packages goes into the function's."""

import json
import re
from pathlib import PurePosixPath

import pytest
from package import SERVICES, SOURCE, _is_litter, _is_used, _trimmed


def test_the_service_models_are_those_that_the_function_makes_clients_for() -> None:
    sources = "".join(file.read_text() for file in SOURCE.rglob("*.py"))

    assert set(re.findall(r'client\(\s*"([a-z0-9]+)"', sources)) == set(SERVICES)


@pytest.mark.parametrize(
    "path",
    [
        "PIL/JpegImagePlugin.py",
        "PIL/_imagingft.cpython-313-aarch64-linux-gnu.so",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/partitions.json",
        "aws_lambda_powertools/logging/logger.py",
        "pillow.libs/libtiff-0c352bdc.so.6.3.0",
    ],
)
def test_what_the_function_loads_is_packed(path: str) -> None:
    assert _is_used(PurePosixPath(path))


@pytest.mark.parametrize(
    "path",
    [
        "PIL/EpsImagePlugin.py",
        "PIL/_imagingtk.cpython-313-aarch64-linux-gnu.so",
        "PIL/_imaging.pyi",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/data/s3/2006-03-01/examples-1.json",
        "pillow-13.0.0.dist-info/METADATA",
    ],
)
def test_what_the_function_never_loads_is_not(path: str) -> None:
    assert not _is_used(PurePosixPath(path))


@pytest.mark.parametrize("path", [".DS_Store", "pipeline/__pycache__/a.pyc", "requirements.txt"])
def test_litter_among_the_sources_stays_behind(path: str) -> None:
    assert _is_litter(PurePosixPath(path))


def test_the_list_of_endpoints_keeps_the_services_in_use_and_all_else() -> None:
    services: dict[str, object] = {"s3": {"endpoints": {}}, "ec2": {"endpoints": {}}}
    document = {"version": 3, "partitions": [{"regions": {"eu-west-1": {}}, "services": services}]}

    trimmed = json.loads(_trimmed(json.dumps(document).encode()))

    [partition] = trimmed["partitions"]
    assert partition == {"regions": {"eu-west-1": {}}, "services": {"s3": {"endpoints": {}}}}
