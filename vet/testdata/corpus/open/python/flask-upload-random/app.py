import os
import secrets

from flask import Flask, abort, request

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.post("/f")
def f():
    up = request.files["file"]
    up.save(os.path.join(BASE, secrets.token_hex(16)))
    return "", 204
