import os

from django.http import HttpResponse
from django.urls import path, re_path

BASE = os.environ["BASE"]


def f(request, name):
    return HttpResponse(open(BASE + "/" + name, "rb").read())


urlpatterns = [path("d/<path:name>", f)]
