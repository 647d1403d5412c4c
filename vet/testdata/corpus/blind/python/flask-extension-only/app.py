import os
from flask import Flask, request, abort

app = Flask(__name__)


@app.route("/read")
def read_file():
    filename = request.args.get("file", "")
    base, ext = os.path.splitext(filename)
    if ext not in (".txt", ".md"):
        abort(415)
    try:
        return open(os.environ["BASE"] + os.sep + filename).read()
    except FileNotFoundError:
        return "Not found", 404
