import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.post("/f")
def f():
    doc = request.get_json()
    return send_file(os.path.join(BASE, doc["file"]["name"]))
