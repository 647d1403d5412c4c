import os

from flask import Flask, abort, request, send_file
from werkzeug.utils import secure_filename

app = Flask(__name__)
DOWNLOADS = os.environ["BASE"]


@app.route("/download")
def download():
    filename = secure_filename(request.args.get("file", ""))
    if not filename:
        abort(400)
    path = os.path.join(DOWNLOADS, filename)
    if not os.path.isfile(path):
        abort(404)
    return send_file(path, as_attachment=True)
