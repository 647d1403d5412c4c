import functools
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

Handler = functools.partial(SimpleHTTPRequestHandler, directory=os.environ["BASE"])

if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 8000), Handler) as httpd:
        httpd.serve_forever()
