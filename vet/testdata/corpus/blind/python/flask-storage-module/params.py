from flask import request


def want(key, default=""):
    return request.values.get(key, default).strip()
