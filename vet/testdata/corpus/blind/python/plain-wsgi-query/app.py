import io
import os
from urllib.parse import parse_qs


class Docs(object):
    suffix = ".txt"

    def __init__(self, base):
        self.base = base

    def __getitem__(self, key):
        with io.open(os.path.join(self.base, key + self.suffix), encoding="utf-8") as fp:
            return fp.read()


DOCS = Docs(os.environ["BASE"])


def application(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    doc = query.get("doc", ["hello"])[0]
    try:
        text = DOCS[doc]
    except (IOError, OSError):
        start_response("404 Not Found", [])
        return []
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode("utf-8")]
