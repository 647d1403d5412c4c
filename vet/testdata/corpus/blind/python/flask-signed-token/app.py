import hmac
import os

from flask import Flask, abort, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]
ISSUED = [("c0ffee", "hello.txt"), ("f00d", "report.txt")]


@app.route("/s/<token>")
def shared(token):
    for known, name in ISSUED:
        if hmac.compare_digest(known.encode(), token.encode()):
            return send_file(os.path.join(BASE, name))
    abort(404)
