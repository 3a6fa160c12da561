"""A web page that attacks the local cloud, in a real browser."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.upload_page import browser
from tools.local.cloud import Cloud

__all__ = ["browser"]

BUCKET = "target"

# Every request is sent in all ways that a page has: readable, opaque, or as a form.
ATTACK = """
async ({ cloud, key, link, bucket }) => {
  const signature = `AWS4-HMAC-SHA256 Credential=${key}/20990101/eu-central-2/lambda/aws4_request, `
    + "SignedHeaders=host, Signature=0";
  const form = new FormData();
  form.append("key", "planted");
  form.append("file", new Blob(["planted"]));
  const attempts = {
    "list buckets": ["/", {}],
    "read with a signed link": [link, {}],
    "create a function": ["/2015-03-31/functions", {
      method: "POST", headers: { authorization: signature }, body: "{}" }],
    "create a function as plain text": ["/2015-03-31/functions", { method: "POST", body: "{}" }],
    "reset": ["/_ministack/reset", { method: "POST" }],
    "settings": ["/_ministack/config", { method: "POST", body: "{}" }],
    "write by a form": [`/${bucket}`, { method: "POST", body: form }],
    "delete": [`/${bucket}?delete`, { method: "POST", body: "<Delete/>" }],
    "purge a queue": ["/?Action=ListQueues", {}],
    "put an object": [`/${bucket}/planted`, { method: "PUT", body: "planted" }],
  };
  const read = {};
  for (const [name, [path, options]] of Object.entries(attempts)) {
    const url = path.startsWith("https:") ? path : cloud + path;
    for (const mode of ["cors", "no-cors"])
      await fetch(url, { ...options, mode, credentials: mode === "cors" ? "omit" : "include" })
        .then(async answer => { if (answer.type !== "opaque") read[name] = answer.status; })
        .catch(() => {});
  }
  const image = new Image();
  read.image = await new Promise(done => {
    image.onload = () => done("shown");
    image.onerror = () => done("refused");
    image.src = `${cloud}/${bucket}/pixel.gif`;
  });
  return read;
}
"""
PIXEL = bytes.fromhex("47494638396101000100800000ff0000ffffff2c00000000010001000002024401003b")


@pytest.fixture
def hostile_page(browser: Browser) -> Iterator[Page]:
    """Open an empty page of another origin, from another port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>Hostile</title>")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    yield page
    context.close()
    server.shutdown()
    server.server_close()


def test_a_hostile_page_reads_nothing_and_changes_nothing(cloud: Cloud, hostile_page: Page) -> None:
    s3 = boto3.client("s3")
    region: Any = {"LocationConstraint": "eu-central-2"}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
    s3.put_object(Bucket=BUCKET, Key="pixel.gif", Body=PIXEL, ContentType="image/gif")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "pixel.gif"})
    target = {
        "cloud": cloud.endpoint,
        "key": cloud.environment["AWS_ACCESS_KEY_ID"],
        "link": link,
        "bucket": BUCKET,
    }

    functions = boto3.client("lambda").list_functions()["Functions"]

    read = hostile_page.evaluate(ATTACK, target)

    assert read == {"image": "refused"}, json.dumps(read)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
        "pixel.gif"
    ]
    assert boto3.client("lambda").list_functions()["Functions"] == functions
