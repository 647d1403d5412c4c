import os

from flask import Flask, request, send_from_directory
from werkzeug.utils import secure_filename

app = Flask(__name__)
app.config.update(GALLERY=os.environ["BASE"])


@app.route("/gallery")
def gallery():
    album = request.args.get("album", "default")
    photo = secure_filename(request.args.get("photo", ""))
    folder = os.path.join(app.config["GALLERY"], album)
    return send_from_directory(folder, photo)
