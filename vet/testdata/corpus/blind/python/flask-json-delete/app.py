import os

from flask import Flask, jsonify, request

app = Flask(__name__)
app.config["STORE"] = os.environ["BASE"]


@app.post("/api/files/delete")
def delete_file():
    data = request.get_json(force=True)
    target = os.path.join(app.config["STORE"], data["name"])
    if os.path.exists(target):
        os.remove(target)
        return jsonify(deleted=data["name"])
    return jsonify(error="no such file"), 404
