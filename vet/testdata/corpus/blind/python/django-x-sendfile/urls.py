import os

from django.http import HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

ROOT = os.environ["BASE"]


@require_safe
def protected(request):
    filename = request.GET["file"]
    response = HttpResponse(content_type="")
    response["Content-Disposition"] = "attachment"
    response["X-Sendfile"] = "{}/{}".format(ROOT, filename)
    return response


urlpatterns = [path("dl", protected)]
