import os

from django.http import FileResponse, HttpResponseNotFound
from django.urls import path


def ticket(request, ticket_id):
    pdf = os.path.join(os.environ["BASE"], "%s.txt" % ticket_id)
    if not os.path.isfile(pdf):
        return HttpResponseNotFound()
    return FileResponse(open(pdf, "rb"), as_attachment=True)


urlpatterns = [path("t/<uuid:ticket_id>", ticket)]
