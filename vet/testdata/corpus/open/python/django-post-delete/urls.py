import os

from django.views.decorators.csrf import csrf_exempt
from django.http import HttpResponse
from django.urls import path, re_path

BASE = os.environ["BASE"]


@csrf_exempt
def f(request):
    os.remove(os.path.join(BASE, request.POST.get("name", "")))
    return HttpResponse(status=204)


urlpatterns = [path("f", f)]
