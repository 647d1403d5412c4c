import os

from django.http import HttpResponse
from django.urls import path, re_path

BASE = os.environ["BASE"]


def f(request):
    with open(os.path.join(BASE, request.GET["name"])) as fh:
        return HttpResponse(fh.read())


urlpatterns = [path("f", f)]
