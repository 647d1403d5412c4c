import csv
import io
import os

from flask import Flask, request, send_file
from werkzeug.utils import secure_filename

app = Flask(__name__)


def rows():
    with open(os.path.join(os.environ["BASE"], "hello.txt")) as fh:
        return [[line.strip()] for line in fh]


@app.route("/export")
def export():
    text = io.StringIO()
    csv.writer(text).writerows(rows())
    data = io.BytesIO(text.getvalue().encode())
    return send_file(data, download_name=secure_filename(request.args["name"]), as_attachment=True)
