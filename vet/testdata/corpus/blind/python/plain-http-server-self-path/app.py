import os
from http.server import BaseHTTPRequestHandler, HTTPServer

ROOT = os.environ["BASE"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/":
            path = "/hello.txt"
        try:
            with open(ROOT + path, "rb") as f:
                body = f.read()
        except IOError:
            self.send_error(404, "File Not Found")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("", 8000), Handler).serve_forever()
