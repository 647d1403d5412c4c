import os

from django.http import FileResponse
from django.urls import path, re_path

BASE = os.environ["BASE"]


def f(request, name):
    return FileResponse(open(os.path.join(BASE, name), "rb"))


urlpatterns = [re_path(r"^d/(?P<name>.+)$", f)]
