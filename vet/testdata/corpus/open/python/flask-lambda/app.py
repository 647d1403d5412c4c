import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


resolve = lambda n: os.path.join(BASE, n)


@app.get("/f")
def f():
    return send_file(resolve(request.args["name"]))
