import os

from flask import Flask, abort, jsonify, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


def listing():
    with os.scandir(BASE) as entries:
        return sorted(e.path for e in entries if e.is_file(follow_symlinks=False) and e.name.endswith(".txt"))


@app.route("/files")
def files():
    return jsonify([os.path.basename(p) for p in listing()])


@app.route("/files/<int:index>")
def file(index):
    try:
        return send_file(listing()[index])
    except IndexError:
        abort(404)
