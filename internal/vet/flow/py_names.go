package flow

// The tables of Python: what qualified names stand for.

// pyAliases give one name to what several packages offer.
var pyAliases = map[string]string{
	"flask.helpers.send_file":                        "flask.send_file",
	"flask.helpers.send_from_directory":              "flask.send_from_directory",
	"flask.globals.request":                          "flask.request",
	"quart.request":                                  "flask.request",
	"quart.send_file":                                "flask.send_file",
	"quart.send_from_directory":                      "flask.send_from_directory",
	"werkzeug.utils.send_file":                       "flask.send_file",
	"werkzeug.utils.send_from_directory":             "flask.send_from_directory",
	"werkzeug.secure_filename":                       "werkzeug.utils.secure_filename",
	"werkzeug.security.safe_join":                    "werkzeug.utils.safe_join",
	"flask.safe_join":                                "werkzeug.utils.safe_join",
	"flask.helpers.safe_join":                        "werkzeug.utils.safe_join",
	"django.utils._os.safe_join":                     "werkzeug.utils.safe_join",
	"werkzeug.exceptions.abort":                      "flask.abort",
	"fastapi.responses.FileResponse":                 "starlette.responses.FileResponse",
	"fastapi.Request":                                "starlette.Request",
	"starlette.requests.Request":                     "starlette.Request",
	"fastapi.requests.Request":                       "starlette.Request",
	"fastapi.UploadFile":                             "starlette.UploadFile",
	"starlette.datastructures.UploadFile":            "starlette.UploadFile",
	"fastapi.datastructures.UploadFile":              "starlette.UploadFile",
	"aiohttp.web.Request":                            "aiohttp.Request",
	"aiohttp.web_request.Request":                    "aiohttp.Request",
	"aiohttp.web.BaseRequest":                        "aiohttp.Request",
	"django.http.HttpRequest":                        "django.Request",
	"django.http.request.HttpRequest":                "django.Request",
	"rest_framework.request.Request":                 "django.Request",
	"django.conf.urls.url":                           "django.urls.re_path",
	"io.open":                                        "builtins.open",
	"codecs.open":                                    "builtins.open",
	"aiofiles.open":                                  "builtins.open",
	"aiofiles.threadpool.open":                       "builtins.open",
	"anyio.open_file":                                "builtins.open",
	"gzip.open":                                      "builtins.open",
	"bz2.open":                                       "builtins.open",
	"lzma.open":                                      "builtins.open",
	"posixpath.join":                                 "os.path.join",
	"pathlib.PurePath":                               "pathlib.Path",
	"pathlib.PosixPath":                              "pathlib.Path",
	"pathlib.PurePosixPath":                          "pathlib.Path",
	"anyio.Path":                                     "pathlib.Path",
	"os.path.lexists":                                "os.path.exists",
	"os.path.isfile":                                 "os.path.exists",
	"os.path.isdir":                                  "os.path.exists",
	"os.access":                                      "os.path.exists",
	"os.stat":                                        "os.path.exists",
	"os.lstat":                                       "os.path.exists",
	"aiofiles.os.path.exists":                        "os.path.exists",
	"aiofiles.os.path.isfile":                        "os.path.exists",
	"aiofiles.os.remove":                             "os.remove",
	"os.unlink":                                      "os.remove",
	"urllib.parse.unquote_plus":                      "urllib.parse.unquote",
	"urllib.parse.unquote_to_bytes":                  "urllib.parse.unquote",
	"urllib.unquote":                                 "urllib.parse.unquote",
	"werkzeug.urls.url_unquote":                      "urllib.parse.unquote",
	"urllib.parse.urlsplit":                          "urllib.parse.urlparse",
	"base64.urlsafe_b64decode":                       "base64.b64decode",
	"base64.standard_b64decode":                      "base64.b64decode",
	"base64.b32decode":                               "base64.b64decode",
	"base64.b16decode":                               "base64.b64decode",
	"bytes.fromhex":                                  "base64.b64decode",
	"binascii.unhexlify":                             "base64.b64decode",
	"html.unescape":                                  "base64.b64decode",
	"regex.match":                                    "re.match",
	"django.utils.text.slugify":                      "django.utils.text.get_valid_filename",
	"slugify.slugify":                                "django.utils.text.get_valid_filename",
	"django.core.files.storage.default_storage.open": "storage.open",
	"werkzeug.exceptions.NotFound":                   "abort.404",
}

// pyKinds say what an attribute of an object of a framework is.
var pyKinds = map[string]string{
	"flask.request.args":             "dict:query",
	"flask.request.form":             "dict:form",
	"flask.request.values":           "dict:query",
	"flask.request.headers":          "dict:header",
	"flask.request.cookies":          "dict:cookie",
	"flask.request.view_args":        "dict:path",
	"flask.request.files":            "files",
	"starlette.Request.query_params": "dict:query",
	"starlette.Request.path_params":  "dict:path",
	"starlette.Request.headers":      "dict:header",
	"starlette.Request.cookies":      "dict:cookie",
	"starlette.Request.url":          "url",
	"starlette.Request.scope":        "scope",
	"aiohttp.Request.match_info":     "dict:path",
	"aiohttp.Request.query":          "dict:query",
	"aiohttp.Request.headers":        "dict:header",
	"aiohttp.Request.cookies":        "dict:cookie",
	"aiohttp.Request.rel_url":        "url",
	"aiohttp.Request.url":            "url",
	"django.Request.GET":             "dict:query",
	"django.Request.POST":            "dict:form",
	"django.Request.COOKIES":         "dict:cookie",
	"django.Request.META":            "dict:header",
	"django.Request.headers":         "dict:header",
	"django.Request.FILES":           "djfiles",
	"django.Request.query_params":    "dict:query",
	"url.query":                      "dict:query",
	"url.query_params":               "dict:query",
	"django.View.kwargs":             "dict:path",
	"os.sep":                         "sep",
	"os.path.sep":                    "sep",
	"posixpath.sep":                  "sep",
	"string.ascii_letters":           "letters",
	"string.digits":                  "letters",
	"string.ascii_lowercase":         "letters",
	"string.ascii_uppercase":         "letters",
	"string.hexdigits":               "letters",
}

// pyTexts are attributes that are text from a request.
var pyTexts = map[string]Source{
	"flask.request.path":              {What: "the request's path", Via: "urlpath", holds: anything},
	"flask.request.full_path":         {What: "the request's path", Via: "urlpath", holds: anything},
	"flask.request.query_string":      {What: "the query", Via: "query", holds: anything},
	"flask.request.data":              {What: "the request's body", Via: "form", holds: anything},
	"flask.request.json":              {What: "the JSON of the request", Via: "json", holds: anything},
	"url.path":                        {What: "the request's path", Via: "urlpath", holds: anything},
	"url.raw_path":                    {What: "the request's path", Via: "urlpath", holds: anything},
	"aiohttp.Request.path":            {What: "the request's path", Via: "urlpath", holds: anything},
	"aiohttp.Request.raw_path":        {What: "the request's path", Via: "urlpath", holds: anything},
	"aiohttp.Request.query_string":    {What: "the query", Via: "query", holds: anything},
	"aiohttp.Request.path_qs":         {What: "the request's path", Via: "urlpath", holds: anything},
	"django.Request.path":             {What: "the request's path", Via: "urlpath", holds: anything},
	"django.Request.path_info":        {What: "the request's path", Via: "urlpath", holds: anything},
	"django.Request.body":             {What: "the request's body", Via: "form", holds: anything},
	"django.Request.data":             {What: "the JSON of the request", Via: "json", holds: anything},
	"http.server.Handler.path":        {What: "the request's path", Via: "urlpath", holds: anything},
	"http.server.Handler.requestline": {What: "the request line", Via: "urlpath", holds: anything},
}

// pyCallTexts are methods whose result is text from a request.
var pyCallTexts = map[string]Source{
	"flask.request.get_json":             {What: "the JSON of the request", Via: "json", holds: anything},
	"flask.request.get_data":             {What: "the request's body", Via: "form", holds: anything},
	"starlette.Request.json":             {What: "the JSON of the request", Via: "json", holds: anything},
	"starlette.Request.body":             {What: "the request's body", Via: "form", holds: anything},
	"aiohttp.Request.json":               {What: "the JSON of the request", Via: "json", holds: anything},
	"aiohttp.Request.text":               {What: "the request's body", Via: "form", holds: anything},
	"aiohttp.Request.read":               {What: "the request's body", Via: "form", holds: anything},
	"tornado.Handler.get_argument":       {What: "an argument of the request", Via: "query", holds: anything},
	"tornado.Handler.get_query_argument": {What: "an argument of the request", Via: "query", holds: anything},
	"tornado.Handler.get_body_argument":  {What: "an argument of the request", Via: "form", holds: anything},
}

// pySinks are functions that use a path: the place of the argument, its keywords.
type pySink struct {
	sink
	at    int
	names []string
}

func opens(name string, at int, names ...string) pySink {
	return pySink{sink{name: name, does: "opens"}, at, names}
}

func does(verb, name string, at int, names ...string) pySink {
	return pySink{sink{name: name, does: verb}, at, names}
}

func dirs(verb, name string, at int, names ...string) pySink {
	return pySink{sink{name: name, does: verb, dir: true}, at, names}
}

var pySinks = map[string][]pySink{
	"builtins.open":                     {opens("open", 0, "file", "filename")},
	"os.open":                           {opens("os.open", 0, "path")},
	"tokenize.open":                     {opens("tokenize.open", 0)},
	"linecache.getlines":                {opens("linecache.getlines", 0)},
	"mmap.open":                         {opens("open", 0)},
	"os.remove":                         {does("deletes", "os.remove", 0, "path")},
	"os.rmdir":                          {dirs("deletes", "os.rmdir", 0)},
	"os.removedirs":                     {dirs("deletes", "os.removedirs", 0)},
	"os.rename":                         {does("moves", "os.rename", 0, "src"), does("moves", "os.rename", 1, "dst")},
	"os.replace":                        {does("moves", "os.replace", 0, "src"), does("moves", "os.replace", 1, "dst")},
	"os.link":                           {does("links", "os.link", 0), does("links", "os.link", 1)},
	"os.symlink":                        {does("links", "os.symlink", 0), does("links", "os.symlink", 1)},
	"os.makedirs":                       {does("makes", "os.makedirs", 0, "name")},
	"os.mkdir":                          {does("makes", "os.mkdir", 0, "path")},
	"os.listdir":                        {dirs("lists", "os.listdir", 0, "path")},
	"os.scandir":                        {dirs("lists", "os.scandir", 0, "path")},
	"os.walk":                           {dirs("lists", "os.walk", 0, "top")},
	"os.chmod":                          {does("changes", "os.chmod", 0)},
	"os.truncate":                       {does("writes", "os.truncate", 0)},
	"shutil.copy":                       {does("copies", "shutil.copy", 0, "src"), does("copies", "shutil.copy", 1, "dst")},
	"shutil.copy2":                      {does("copies", "shutil.copy2", 0, "src"), does("copies", "shutil.copy2", 1, "dst")},
	"shutil.copyfile":                   {does("copies", "shutil.copyfile", 0, "src"), does("copies", "shutil.copyfile", 1, "dst")},
	"shutil.copytree":                   {dirs("copies", "shutil.copytree", 0, "src"), dirs("copies", "shutil.copytree", 1, "dst")},
	"shutil.move":                       {dirs("moves", "shutil.move", 0, "src"), dirs("moves", "shutil.move", 1, "dst")},
	"shutil.rmtree":                     {dirs("deletes", "shutil.rmtree", 0, "path")},
	"shutil.make_archive":               {dirs("packs", "shutil.make_archive", 2, "root_dir")},
	"flask.send_file":                   {does("sends", "send_file", 0, "path_or_file", "filename_or_fp")},
	"starlette.responses.FileResponse":  {does("sends", "FileResponse", 0, "path")},
	"aiohttp.web.FileResponse":          {does("sends", "web.FileResponse", 0, "path")},
	"sanic.response.file":               {does("sends", "sanic.response.file", 0, "location")},
	"starlette.staticfiles.StaticFiles": {dirs("serves", "StaticFiles", -1, "directory")},
	"zipfile.ZipFile":                   {opens("zipfile.ZipFile", 0, "file")},
	"tarfile.open":                      {opens("tarfile.open", 0, "name")},
	"PIL.Image.open":                    {opens("Image.open", 0)},
	"numpy.load":                        {opens("numpy.load", 0)},
	"pandas.read_csv":                   {opens("pandas.read_csv", 0)},
	"runpy.run_path":                    {opens("runpy.run_path", 0)},
	"logging.FileHandler":               {does("writes", "logging.FileHandler", 0)},
	"sqlite3.connect":                   {opens("sqlite3.connect", 0)},
}

// pyPathSinks are methods of pathlib.Path, and of strings that are none.
var pyPathSinks = map[string]sink{
	"open":        {name: "Path.open", does: "opens"},
	"read_text":   {name: "Path.read_text", does: "opens"},
	"read_bytes":  {name: "Path.read_bytes", does: "opens"},
	"write_text":  {name: "Path.write_text", does: "writes"},
	"write_bytes": {name: "Path.write_bytes", does: "writes"},
	"unlink":      {name: "Path.unlink", does: "deletes"},
	"rmdir":       {name: "Path.rmdir", does: "deletes", dir: true},
	"iterdir":     {name: "Path.iterdir", does: "lists", dir: true},
	"touch":       {name: "Path.touch", does: "writes"},
	"mkdir":       {name: "Path.mkdir", does: "makes"},
	"rename":      {name: "Path.rename", does: "moves"},
	"symlink_to":  {name: "Path.symlink_to", does: "links"},
	"hardlink_to": {name: "Path.hardlink_to", does: "links"},
}

// pySame are methods and functions that give back the same text, or less of it.
var pySame = map[string]bool{
	"lower": true, "upper": true, "casefold": true, "title": true, "capitalize": true, "encode": true, "decode": true, "absolute": true,
	"as_posix": true, "swapcase": true, "zfill": true, "expandtabs": true, "with_suffix": true, "rstrip": true, "removesuffix": true,
	"expanduser": true, "group": true, "groups": true, "read": true, "getvalue": true, "tobytes": true,
}

var pyWild = map[string]bool{
	"flask.request": true, "flask.send_file": true, "flask.send_from_directory": true, "flask.abort": true, "os.path.join": true,
	"pathlib.Path": true,
}

// pyNever are calls that do not return.
var pyNever = map[string]bool{
	"flask.abort": true, "sys.exit": true, "os._exit": true, "builtins.exit": true, "builtins.quit": true, "bottle.abort": true,
}
