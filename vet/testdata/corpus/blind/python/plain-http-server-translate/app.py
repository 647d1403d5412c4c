import os
import urllib.parse
from http.server import SimpleHTTPRequestHandler


class Handler(SimpleHTTPRequestHandler):
    """Serves ROOT whatever the working directory is."""

    def translate_path(self, path):
        path = urllib.parse.unquote(path.partition("?")[0])
        return os.path.join(os.environ["BASE"], path.lstrip("/"))

    def log_message(self, format, *args):
        pass
