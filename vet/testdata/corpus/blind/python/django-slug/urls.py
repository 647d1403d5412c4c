import os

from django.http import Http404, HttpResponse
from django.urls import path


def help_page(request, topic):
    filename = os.path.join(os.environ["BASE"], topic + ".txt")
    try:
        with open(filename, encoding="utf-8") as fh:
            return HttpResponse(fh.read(), content_type="text/plain")
    except FileNotFoundError:
        raise Http404(topic)


urlpatterns = [path("help/<slug:topic>", help_page)]
