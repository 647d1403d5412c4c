import hashlib
import os

from flask import Flask, request, send_file

app = Flask(__name__)
CACHE = os.environ["BASE"]


def cache_path(key: str) -> str:
    return os.path.join(CACHE, "thumb-" + hashlib.sha256(key.encode()).hexdigest())


@app.route("/thumb")
def thumb():
    path = cache_path(request.args["src"])
    if not os.path.exists(path):
        with open(path, "wb") as out:
            out.write(b"\x89PNG")
    return send_file(path, mimetype="image/png")
