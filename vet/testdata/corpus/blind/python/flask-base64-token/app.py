import base64
import os

from flask import Flask, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


def decode(token: str) -> str:
    return base64.urlsafe_b64decode(token.encode()).decode()


@app.route("/s/<token>")
def shared(token):
    name = decode(token)
    return send_file(os.path.join(BASE, name))
