package flow

// The tables of Go.

var goKinds = map[string]string{
	"net/http.Request.Body":                    "body",
	"net/http.Request.URL":                     "net/url.URL",
	"net/http.Request.Form":                    "dict:query",
	"net/http.Request.PostForm":                "dict:form",
	"net/http.Request.Header":                  "dict:header",
	"net/http.Request.MultipartForm":           "multipart.Form",
	"multipart.Form.File":                      "gofiles",
	"multipart.Form.Value":                     "dict:form",
	"mime/multipart.Form.File":                 "gofiles",
	"mime/multipart.Form.Value":                "dict:form",
	"cookie.Value":                             "",
	"github.com/gin-gonic/gin.Context.Request": "net/http.Request",
	"archive/zip.ReadCloser.File":              "members",
	"archive/zip.Reader.File":                  "members",
	"path/filepath.Separator":                  "sep",
	"os.PathSeparator":                         "sep",
}

var rootedPath = Source{What: "the request's path", Via: "urlpath", Param: "rooted", holds: anything}

var goTexts = map[string]Source{
	"net/http.Request.RequestURI":        {What: "the request's target", Via: "urlpath", holds: anything},
	"net/http.Request.Host":              {What: "the header Host", Via: "header", Param: "Host", holds: anything},
	"net/url.URL.Path":                   rootedPath,
	"net/url.URL.RawPath":                rootedPath,
	"net/url.URL.RawQuery":               {What: "the query", Via: "query", holds: anything},
	"mime/multipart.FileHeader.Filename": {What: "the file name of the upload", Via: "upload", holds: oneName},
	"archive/zip.File.Name":              {What: "the name of a member of the archive", Via: "archive", holds: anything},
	"archive/tar.Header.Name":            {What: "the name of a member of the archive", Via: "archive", holds: anything},
	"archive/tar.Header.Linkname":        {What: "the target of a link in the archive", Via: "archive", holds: anything},
	"net/http.Cookie.Value":              {What: "a cookie", Via: "cookie", holds: anything},
}

// goCallTexts are methods and functions whose result is text from a request; at is where the field's name stands.
type goCallText struct {
	via   string
	at    int
	holds caps
}

var goCallTexts = map[string]goCallText{
	"net/http.Request.FormValue":     {"query", 0, anything},
	"net/http.Request.PostFormValue": {"form", 0, anything},
	"net/http.Request.PathValue":     {"path", 0, anything},
	"net/http.Request.UserAgent":     {"header", -1, anything},
	"net/http.Request.Referer":       {"header", -1, anything},
	"net/url.URL.EscapedPath":        {"urlpath", -1, anything},
	"net/url.URL.RequestURI":         {"urlpath", -1, anything},
	"net/url.URL.String":             {"urlpath", -1, anything},
	"mime/multipart.Part.FileName":   {"upload", -1, oneName},
	"mime/multipart.Part.FormName":   {"form", -1, anything},
	"net/textproto.MIMEHeader.Get":   {"header", 0, anything},

	"github.com/gin-gonic/gin.Context.Query":           {"query", 0, anything},
	"github.com/gin-gonic/gin.Context.DefaultQuery":    {"query", 0, anything},
	"github.com/gin-gonic/gin.Context.GetQuery":        {"query", 0, anything},
	"github.com/gin-gonic/gin.Context.PostForm":        {"form", 0, anything},
	"github.com/gin-gonic/gin.Context.DefaultPostForm": {"form", 0, anything},
	"github.com/gin-gonic/gin.Context.GetHeader":       {"header", 0, anything},
	"github.com/gin-gonic/gin.Context.Cookie":          {"cookie", 0, anything},
	"github.com/gin-gonic/gin.Context.Param":           {"path", 0, anything},
	"github.com/labstack/echo.Context.Param":           {"path", 0, anything},
	"github.com/labstack/echo.Context.QueryParam":      {"query", 0, anything},
	"github.com/labstack/echo.Context.FormValue":       {"form", 0, anything},
	"github.com/gofiber/fiber.Ctx.Params":              {"path", 0, anything},
	"github.com/gofiber/fiber.Ctx.Query":               {"query", 0, anything},
	"github.com/gofiber/fiber.Ctx.FormValue":           {"form", 0, anything},
	"github.com/gofiber/fiber.Ctx.Get":                 {"header", 0, anything},
	"github.com/gofiber/fiber.Ctx.Cookies":             {"cookie", 0, anything},
	"github.com/gofiber/fiber.Ctx.Path":                {"urlpath", -1, anything},
	"github.com/go-chi/chi.URLParam":                   {"path", 1, anything},
}

func goSink(verb, name string, at int) pySink { return pySink{sink{name: name, does: verb}, at, nil} }

func goDir(verb, name string, at int) pySink {
	return pySink{sink{name: name, does: verb, dir: true}, at, nil}
}

var goSinks = map[string][]pySink{
	"os.Open":                               {goSink("opens", "os.Open", 0)},
	"os.OpenFile":                           {goSink("opens", "os.OpenFile", 0)},
	"os.ReadFile":                           {goSink("opens", "os.ReadFile", 0)},
	"os.Create":                             {goSink("writes", "os.Create", 0)},
	"os.WriteFile":                          {goSink("writes", "os.WriteFile", 0)},
	"os.Remove":                             {goDir("deletes", "os.Remove", 0)},
	"os.RemoveAll":                          {goDir("deletes", "os.RemoveAll", 0)},
	"os.Rename":                             {goSink("moves", "os.Rename", 0), goSink("moves", "os.Rename", 1)},
	"os.Mkdir":                              {goSink("makes", "os.Mkdir", 0)},
	"os.MkdirAll":                           {goSink("makes", "os.MkdirAll", 0)},
	"os.ReadDir":                            {goDir("lists", "os.ReadDir", 0)},
	"os.Symlink":                            {goSink("links", "os.Symlink", 0), goSink("links", "os.Symlink", 1)},
	"os.Link":                               {goSink("links", "os.Link", 0), goSink("links", "os.Link", 1)},
	"os.Truncate":                           {goSink("writes", "os.Truncate", 0)},
	"os.Chmod":                              {goSink("changes", "os.Chmod", 0)},
	"os.OpenRoot":                           {goDir("opens a directory named by", "os.OpenRoot", 0)},
	"os.OpenInRoot":                         {goDir("opens a directory named by", "os.OpenInRoot", 0)},
	"os.DirFS":                              {goDir("opens a directory named by", "os.DirFS", 0)},
	"os.CopyFS":                             {goDir("writes", "os.CopyFS", 0)},
	"io/ioutil.ReadFile":                    {goSink("opens", "ioutil.ReadFile", 0)},
	"io/ioutil.WriteFile":                   {goSink("writes", "ioutil.WriteFile", 0)},
	"io/ioutil.ReadDir":                     {goDir("lists", "ioutil.ReadDir", 0)},
	"net/http.Dir":                          {goDir("serves a directory named by", "http.Dir", 0)},
	"net/http.ServeFile":                    {goSink("sends", "http.ServeFile", 2)},
	"path/filepath.Walk":                    {goDir("lists", "filepath.Walk", 0)},
	"path/filepath.WalkDir":                 {goDir("lists", "filepath.WalkDir", 0)},
	"archive/zip.OpenReader":                {goSink("opens", "zip.OpenReader", 0)},
	"text/template.ParseFiles":              {goSink("opens", "template.ParseFiles", 0)},
	"html/template.ParseFiles":              {goSink("opens", "template.ParseFiles", 0)},
	"syscall.Open":                          {goSink("opens", "syscall.Open", 0)},
	"github.com/gin-gonic/gin.Context.File": {goSink("sends", "Context.File", 0)},
	"github.com/gin-gonic/gin.Context.FileAttachment":   {goSink("sends", "Context.FileAttachment", 0)},
	"github.com/gin-gonic/gin.Context.SaveUploadedFile": {goSink("writes", "Context.SaveUploadedFile", 1)},
	"github.com/labstack/echo.Context.File":             {goSink("sends", "Context.File", 0)},
	"github.com/labstack/echo.Context.Attachment":       {goSink("sends", "Context.Attachment", 0)},
	"github.com/labstack/echo.Context.Inline":           {goSink("sends", "Context.Inline", 0)},
	"github.com/gofiber/fiber.Ctx.SendFile":             {goSink("sends", "Ctx.SendFile", 0)},
	"github.com/gofiber/fiber.Ctx.Download":             {goSink("sends", "Ctx.Download", 0)},
	"github.com/gofiber/fiber.Ctx.SaveFile":             {goSink("writes", "Ctx.SaveFile", 1)},
}

// goSame are functions whose first argument comes back, or less of it.
var goSame = map[string]bool{
	"path/filepath.FromSlash": true, "path/filepath.ToSlash": true, "strings.ToLower": true, "strings.ToUpper": true, "strings.TrimRight": true,
	"strings.TrimSuffix": true, "builtins.string": true, "strings.Clone": true, "strings.ToValidUTF8": true, "strings.Title": true,
	"net/url.PathEscape": true, "net/url.QueryEscape": true, "html.EscapeString": true, "strings.Map": true, "strings.TrimRightFunc": true,
}

// goResults are what functions return that is neither text nor the project's.
var goResults = map[string]string{
	"encoding/json.NewDecoder":                  "encoding/json.Decoder",
	"os.OpenRoot":                               "os.Root",
	"os.Root.OpenRoot":                          "os.Root",
	"os.Root.FS":                                "fs.rooted",
	"archive/zip.NewReader":                     "archive/zip.Reader",
	"archive/zip.OpenReader":                    "archive/zip.ReadCloser",
	"archive/tar.NewReader":                     "archive/tar.Reader",
	"archive/tar.Reader.Next":                   "archive/tar.Header",
	"net/http.Request.MultipartReader":          "mime/multipart.Reader",
	"mime/multipart.Reader.NextPart":            "mime/multipart.Part",
	"mime/multipart.Reader.NextRawPart":         "mime/multipart.Part",
	"net/url.URL.Query":                         "dict:query",
	"net/http.Request.Cookie":                   "net/http.Cookie",
	"net/url.ParseQuery":                        "dict:query",
	"mime/multipart.NewReader":                  "mime/multipart.Reader",
	"errors.New":                                "error",
	"fmt.Errorf":                                "error",
	"errors.Join":                               "error",
	"github.com/gin-gonic/gin.Context.FormFile": "mime/multipart.FileHeader",
	"github.com/labstack/echo.Context.FormFile": "mime/multipart.FileHeader",
	"github.com/gofiber/fiber.Ctx.FormFile":     "mime/multipart.FileHeader",
	"github.com/labstack/echo.Context.Request":  "net/http.Request",
	"github.com/gorilla/mux.Vars":               "dict:path",
	"github.com/rootbound/rootbound.Open":       "github.com/rootbound/rootbound.Dir",
}

var goNever = map[string]bool{
	"os.Exit": true, "log.Fatal": true, "log.Fatalf": true, "log.Fatalln": true, "builtins.panic": true, "runtime.Goexit": true,
	"log.Panic": true, "log.Panicf": true,
}
