import os

from flask import Flask, redirect, request, url_for
from werkzeug.utils import secure_filename

app = Flask(__name__)
app.config["UPLOAD_FOLDER"] = os.environ["BASE"]
app.config["MAX_CONTENT_LENGTH"] = 16 * 1000 * 1000


@app.route("/upload", methods=["POST"])
def upload():
    file = request.files["file"]
    filename = secure_filename(file.filename)
    file.save(os.path.join(app.config["UPLOAD_FOLDER"], filename))
    return redirect(url_for("upload"))
