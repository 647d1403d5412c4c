import os

from flask import Flask, flash, redirect, request

UPLOAD_FOLDER = os.environ["BASE"]
ALLOWED = {"txt", "pdf", "png", "jpg"}

app = Flask(__name__)
app.secret_key = "dev"


def allowed_file(filename):
    return "." in filename and filename.rsplit(".", 1)[1].lower() in ALLOWED


@app.route("/upload", methods=["GET", "POST"])
def upload():
    if request.method == "POST":
        file = request.files["file"]
        if file and allowed_file(file.filename):
            file.save(os.path.join(UPLOAD_FOLDER, file.filename))
            flash("stored")
        return redirect("/upload")
    return "<form method=post enctype=multipart/form-data><input type=file name=file></form>"
