"""Serve the in-memory S3 on 127.0.0.1, for a function in its own process."""

from contextlib import AbstractContextManager

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders

from tools.bench.loopback import Handler, serving
from tools.bench.s3 import MemoryS3


def served(s3: MemoryS3) -> AbstractContextManager[str]:
    """Serve requests from *s3* inside the block; yield the host and port."""

    class S3Handler(Handler):
        def _respond(self) -> None:
            headers = HTTPHeaders()
            for name, value in self.headers.items():
                headers.add_header(name, value)
            url = f"http://{self.headers['Host']}{self.path}"
            response = s3(AWSPreparedRequest(self.command, url, headers, self.body(), False))
            sent = response.raw.read()
            self.send_response_only(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in response.headers:
                self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_HEAD = do_PUT = do_DELETE = _respond  # noqa: N815 - http.server's names

    return serving(S3Handler)
