import os
import shutil

from flask import Flask, redirect, request

app = Flask(__name__)


@app.post("/move")
def move():
    base = os.environ["BASE"]
    src, dst = (os.path.join(base, request.form[k]) for k in ("src", "dst"))
    shutil.move(src, dst)
    return redirect("/")
