"""Python's http.server, used as it should not be. See the README beside this."""

import hashlib
import os
import re
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BASE = os.path.realpath(os.environ.get("FILES", "files"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    wbufsize = 1 << 16

    def log_message(self, *args):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        name = dict(urllib.parse.parse_qsl(url.query)).get("file", "")
        route = {"/headers": self.headers_route, "/ranges": self.ranges_route, "/slow": self.slow_route}.get(url.path)
        if route is None:
            return self.answer(200, b"ready")
        try:
            route(name)
        except (OSError, ValueError):
            self.answer(404, b"not found\n")

    def contained(self, name):
        """The bytes of a file whose real path lies in BASE."""
        path = os.path.realpath(os.path.join(BASE, name))
        if not path.startswith(BASE + os.sep) or os.path.islink(os.path.join(BASE, name)):
            raise ValueError(name)
        with open(path, "rb") as f:
            return f.read()

    def headers_route(self, name):
        """http.server writes headers as they are, line ends too."""
        try:
            body = self.contained(name)
        except (OSError, ValueError):
            return self.answer(404, b"not found\n", X_Missing=name.encode("utf-8", "replace").decode("latin-1"))
        self.answer(200, body, Content_Disposition='inline; filename="%s"' % name)

    def ranges_route(self, name):
        """Every range is answered, however many there are and however they overlap."""
        body = self.contained(name)
        parts = []
        for spec in re.findall(r"(\d*)-(\d*)", self.headers.get("Range", "")):
            if spec == ("", ""):
                continue
            start = int(spec[0]) if spec[0] else max(0, len(body) - int(spec[1]))
            end = int(spec[1]) if spec[0] and spec[1] else len(body) - 1
            parts.append(b"--part\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % (start, end, len(body)) + body[start : end + 1] + b"\r\n")
        if not parts:
            return self.answer(200, body)
        self.answer(206, b"".join(parts) + b"--part--\r\n", Content_Type="multipart/byteranges; boundary=part")

    def slow_route(self, name):
        """The file is read and hashed before its place is judged: the answers are the same, their times are not."""
        path = os.path.join(BASE, name)
        with open(path, "rb") as f:
            data = f.read()
        for _ in range(4000):
            hashlib.sha256(data).digest()
        self.answer(200, self.contained(name))


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler).serve_forever()
