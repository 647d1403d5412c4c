import os

from flask import Flask, send_from_directory

app = Flask(__name__)


@app.route("/files/<path:filename>")
def files(filename):
    return send_from_directory(os.environ["BASE"], filename, as_attachment=True)
