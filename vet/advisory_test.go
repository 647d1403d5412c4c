package vet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
)

// advisory is a fault that was published, in a few lines of ours: what was wrong is unsafe, and what was done about it is not.
type advisory struct{ file, frame, wrong, right string }

var advisories = map[string]advisory{
	// aiohttp: with follow_symlinks nothing compared the path with the directory.
	"CVE-2024-23334": {
		"app.py", `import os
from pathlib import Path
from aiohttp import web

class Static:
    async def handle(self, request):
        name = request.match_info["filename"]
%s
        return web.FileResponse(path)

    def __init__(self, app, directory):
        self.directory = Path(directory)
        app.router.add_get("/static/{filename:.*}", self.handle)
`, `        path = self.directory.joinpath(name).resolve()
        if not self.links:
            path.relative_to(self.directory)`, `        joined = self.directory.joinpath(name)
        if self.links:
            normal = Path(os.path.normpath(joined))
            normal.relative_to(self.directory)
            path = normal.resolve()
        else:
            path = joined.resolve()
            path.relative_to(self.directory)`,
	},
	// Starlette: commonprefix compares letters, so that static_private is beneath static.
	"CVE-2023-29159": {
		"app.py", `import os
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

async def static(request):
    directory = os.path.realpath("static")
    path = os.path.realpath(os.path.join(directory, request.path_params["path"]))
    if %s([path, directory]) != directory:
        return None
    return FileResponse(path)

app = Starlette(routes=[Route("/static/{path:path}", static)])
`, `os.path.commonprefix`, `os.path.commonpath`,
	},
	// Django: the same with startswith, in archives that projects are made from.
	"CVE-2025-59682": {
		"archive.py", `import os, shutil, zipfile

def extract(upload, to):
    to = os.path.abspath(to)
    archive = zipfile.ZipFile(upload)
    for name in archive.namelist():
        path = os.path.abspath(os.path.join(to, name))
        if %s:
            raise ValueError(name)
        with open(path, "wb") as out:
            shutil.copyfileobj(archive.open(name), out)
`, `not path.startswith(to)`, `os.path.commonpath([to, path]) != to`,
	},
	// Grafana: a relative path is not cleaned of its first '..'.
	"CVE-2021-43798": {
		"plugin.go", `package plugin

import (
	"net/http"
	"os"
	"path/filepath"

	"github.com/gorilla/mux"
)

func asset(w http.ResponseWriter, r *http.Request) {
	name := %s
	f, err := os.Open(filepath.Join("/srv/plugins", name))
	if err == nil {
		defer f.Close()
	}
}
`, `filepath.Clean(mux.Vars(r)["name"])`, `filepath.Clean(filepath.Join("/", mux.Vars(r)["name"]))`,
	},
}

func TestAdvisories(t *testing.T) {
	for id, a := range advisories {
		t.Run(id, func(t *testing.T) {
			if !calledUnsafe(t, a.file, fmt.Sprintf(a.frame, a.wrong)) {
				t.Error("what was published as a fault is not found")
			}
			if calledUnsafe(t, a.file, fmt.Sprintf(a.frame, a.right)) {
				t.Error("what was done about it is called unsafe")
			}
		})
	}
}

func calledUnsafe(t *testing.T, file, text string) bool {
	t.Helper()
	return slices.ContainsFunc(run(t, write(t, map[string]string{file: text})).Findings, func(f finding.Finding) bool {
		return f.Severity == finding.High
	})
}

// A URL that a function is given can be one that the program asks for. The URL of a request that is handed on is not.
func TestURLOfAClient(t *testing.T) {
	const client = "package x\n\nimport (\n\t\"net/http\"\n\t\"net/url\"\n\t\"os\"\n)\n\nfunc fetch(u *url.URL) { os.Open(u.Path) }\n"
	if calledUnsafe(t, "x.go", client) {
		t.Error("a client is taken for a server")
	}
	if !calledUnsafe(t, "x.go", client+"\nfunc h(w http.ResponseWriter, r *http.Request) { fetch(r.URL) }\n") {
		t.Error("the URL of a request is lost on its way")
	}
}

// Headers that are a setting are nobody's; those of a request are a stranger's, also where a struct carries them.
func TestHeadersOfASetting(t *testing.T) {
	const setting = "package x\n\nimport (\n\t\"net/http\"\n\t\"os\"\n)\n\ntype loader struct{ h http.Header }\n\nfunc (l *loader) load() { os.Open(l.h.Get(\"X-File\")) }\n"
	if calledUnsafe(t, "x.go", setting) {
		t.Error("a setting is taken for a request")
	}
	if !calledUnsafe(t, "x.go", setting+"\nfunc h(w http.ResponseWriter, r *http.Request) { (&loader{h: r.Header}).load() }\n") {
		t.Error("the headers of a request are lost on their way")
	}
}

// What routers of others call a parameter is one, whatever their version.
func TestRouters(t *testing.T) {
	for module, body := range map[string]string{
		"github.com/labstack/echo/v4": `func h(c echo.Context) error { return c.File("/srv/" + c.Param("*")) }`,
		"github.com/gin-gonic/gin":    `func h(c *gin.Context) { c.File("/srv/" + c.Query("x")) }`,
		"github.com/gofiber/fiber/v2": `func h(c *fiber.Ctx) error { return c.SendFile("/srv/" + c.Params("*")) }`,
		"github.com/go-chi/chi/v5":    `func h(w http.ResponseWriter, r *http.Request) { os.ReadFile("/srv/" + chi.URLParam(r, "*")) }`,
		"github.com/gorilla/mux":      `func h(w http.ResponseWriter, r *http.Request) { os.ReadFile("/srv/" + mux.Vars(r)["p"]) }`,
	} {
		text := "package x\n\nimport (\n\t\"net/http\"\n\t\"os\"\n\n\t\"" + module + "\"\n)\n\n" + body + "\n"
		if !calledUnsafe(t, "x.go", text) {
			t.Errorf("%s: nothing is found in\n%s", module, strings.TrimSpace(body))
		}
	}
}
