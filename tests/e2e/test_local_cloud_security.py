"""Web pages, other machines and programs without its secret cannot use the local cloud."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import ClientError

from tools import subprocesses
from tools.local.cloud import Cloud, running_cloud

BUCKET = "secret-bucket"
SIGNED = "AWS4-HMAC-SHA256 Credential={}{}, SignedHeaders=host, Signature=0"
SCOPE = "/20200101/eu-central-2/s3/aws4_request"
GARBAGE = (
    *("", "Bearer x", "AWS test:0", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential="),
    *(SIGNED.format(key, SCOPE) for key in ("", "test", "000000000000")),
)
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nplanted\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nbody\r\n--x--\r\n'
)
PATHS = ("/", f"/{BUCKET}", f"/{BUCKET}/secret.txt", "/2015-03-31/functions", "/_ministack/health")
QUERY = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&X-Amz-SignedHeaders=host"
UNSIGNED_QUERIES = (
    *("", "?delete", "?policy", "?X-Amz-Signature=0", "?X-Amz-Signature=0&X-Amz-Credential=test"),
    *(
        f"{QUERY}&X-Amz-Date=20990101T000000Z&X-Amz-Expires=1&X-Amz-Credential={quote(credential)}"
        for credential in (f"test{SCOPE}", "test/0/0/s3", "test/0/0/sqs/x", SCOPE)
    ),
    f"?X-Amz-Algorithm=NONE&X-Amz-Signature=0&X-Amz-Credential=test{quote(SCOPE)}",
    f"{QUERY.lower()}&x-amz-credential=test{quote(SCOPE)}",
    "?AWSAccessKeyId=test&Signature=0&Expires=9999999999",
)


@pytest.fixture(scope="module")
def bucket(cloud: Cloud) -> Iterator[str]:
    s3 = boto3.client("s3")
    s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-2"}
    )
    s3.put_object(Bucket=BUCKET, Key="secret.txt", Body=b"secret")
    yield BUCKET
    for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def status(cloud: Cloud, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> int:
    """Return the status of a request without a signature in its headers."""
    return response(cloud, path, method, body, **headers).status


def response(
    cloud: Cloud, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> http.client.HTTPResponse:
    port = int(cloud.endpoint.rpartition(":")[2])
    with closing(
        http.client.HTTPSConnection("127.0.0.1", port, context=trust(cloud))
    ) as connection:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        received = connection.getresponse()
        received.read()
        return received


def trust(cloud: Cloud) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=cloud.environment["AWS_CA_BUNDLE"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("authorization", GARBAGE)
def test_an_unsigned_request_is_refused(
    cloud: Cloud, bucket: str, path: str, authorization: str
) -> None:
    assert status(cloud, path, Authorization=authorization) in {400, 403, 404}


@pytest.mark.parametrize("query", UNSIGNED_QUERIES)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_a_query_is_no_signature(cloud: Cloud, bucket: str, method: str, query: str) -> None:
    assert status(cloud, f"/{bucket}{query}", method, b"") in {400, 403}


@pytest.mark.parametrize("query", ["", "?delete", "?policy", "?uploads"])
def test_an_unsigned_form_writes_nothing(cloud: Cloud, bucket: str, query: str) -> None:
    form = {"Content_Type": "multipart/form-data; boundary=x"}

    assert status(cloud, f"/{bucket}{query}", "POST", FORM, **form) == 403

    assert "planted" not in keys()


def keys() -> list[str]:
    return [entry["Key"] for entry in boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]


@pytest.mark.parametrize("address", ["/_ministack/reset", "/_ministack/config", "/_localstack/x"])
def test_ministacks_own_endpoints_are_closed(cloud: Cloud, bucket: str, address: str) -> None:
    assert status(cloud, address, "POST", b"{}") == 403

    assert keys() == ["secret.txt"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost", "127.0.0.1", "127.0.0.1.evil.example", "[::1]", "x:{port}"],
)
def test_dns_rebinding_is_refused(cloud: Cloud, bucket: str, host: str) -> None:
    port = cloud.endpoint.rpartition(":")[2]
    link = boto3.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "secret.txt"}
    )
    path = link.removeprefix(cloud.endpoint)

    assert status(cloud, path) == 200
    assert status(cloud, path, Host=host.format(port=port)) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_even_a_signed_request_of_another_origins_page_is_refused(
    cloud: Cloud, bucket: str, origin: str
) -> None:
    link = (
        boto3.client("s3")
        .generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "secret.txt"})
        .removeprefix(cloud.endpoint)
    )

    assert status(cloud, link) == 200
    assert status(cloud, link, Origin=cloud.endpoint) == 200
    assert status(cloud, link, Origin=origin) == 403


def test_no_answer_is_open_to_all_origins(cloud: Cloud, bucket: str) -> None:
    link = boto3.client("sqs").generate_presigned_url("list_queues")
    headers = response(cloud, link.removeprefix(cloud.endpoint), Origin=cloud.endpoint).headers

    assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_credentials_of_another_cloud_are_refused(cloud: Cloud, tmp_path: Path) -> None:
    with running_cloud(tmp_path / "home") as other:
        environment = other.environment
    mine = cloud.environment
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert {environment[name] for name in names}.isdisjoint(mine[name] for name in names)
    for key in (
        environment["AWS_ACCESS_KEY_ID"],
        mine["AWS_ACCESS_KEY_ID"],
        "test",
        "000000000000",
    ):
        iam = boto3.client(
            "iam", aws_access_key_id=key, aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"]
        )
        with pytest.raises(ClientError):
            iam.list_users()


def test_only_the_user_can_read_the_secret(cloud: Cloud) -> None:
    assert (cloud.home / "credentials.json").stat().st_mode & 0o077 == 0


def test_every_port_listens_on_this_machine_only(cloud: Cloud) -> None:
    listening = [local for local, inode in sockets() if inode in inodes(cloud)]

    assert len(listening) == 2  # with TLS and, for the buckets to refuse, without
    assert {address for address, _ in listening} == {"127.0.0.1"}


def sockets() -> Iterator[tuple[tuple[str, int], str]]:
    """Yield the address and the inode of every listening socket on this machine."""
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(file).read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == "0A":
                numbers = reversed(bytes.fromhex(address)) if len(address) == 8 else []
                text = ".".join(map(str, numbers)) or address
                yield (text, int(port, 16)), fields[9]


def inodes(cloud: Cloud) -> set[str]:
    """Return the sockets of the server and its children."""
    session = cloud.server_pid
    pids = [pid for pid in subprocesses._all_pids() if subprocesses._session(pid) == session]
    assert session in pids
    found = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if link.is_symlink() and (target := str(link.readlink())).startswith("socket:"):
                found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found
