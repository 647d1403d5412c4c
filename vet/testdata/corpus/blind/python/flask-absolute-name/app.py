import mimetypes
import os

from flask import Flask, request, make_response

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.route("/attachment")
def attachment():
    name = request.args["name"]
    if ".." in name:
        return "bad name", 400
    with open(os.path.join(BASE, name), "rb") as fh:
        body = fh.read()
    resp = make_response(body)
    resp.headers["Content-Type"] = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return resp
