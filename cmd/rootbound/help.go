package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

var flagGroups = []kong.Group{
	{Key: "where", Title: "Where, and for whom"},
	{Key: "upstream", Title: "The application"},
	{Key: "routes", Title: "Routes that the application serves badly"},
	{Key: "what", Title: "What is served"},
	{Key: "how", Title: "How it is sent"},
	{Key: "limits", Title: "Limits"},
	{Key: "process", Title: "The process"},
}

const exitStatus = `Exit status: 0 fine; 1 something was found, or the work was cut short; 2 wrong use: flags, configuration,
a directory, an address or a certificate that cannot be used.
`

// examples end the help of each command. The keys are the commands as they are typed.
var examples = map[string]string{
	"rootbound": `
Examples:
  rootbound serve files
  rootbound config check rootbound.toml
  rootbound completion bash > rootbound.bash
`,
	"rootbound serve": `
In GLOB, * and ? match within an element of a name and ** any number of elements; a pattern without / matches at any
depth. Three lists that differ: --hide leaves names out of listings and serves them all the same; --deny refuses names
(403) and lists none of them; --allow refuses every file that it does not name. A flag that is true in the
configuration file is lifted by --FLAG=false.

Signals: SIGTERM and SIGINT stop, after running downloads or --grace; SIGHUP reads the certificate again.

Examples:
  rootbound serve files
  rootbound serve --listen 127.0.0.1:0 --download-route /download files
  rootbound serve --site --listen :8443 --public --tls-cert cert.pem --tls-key key.pem public
  rootbound serve --mount music=/srv/music --mount films=/srv/films
  rootbound serve --config rootbound.toml
`,
	"rootbound gate": `
The application behind decides who may have which file and names it in X-Sendfile, X-LIGHTTPD-send-file or
X-Accel-Redirect; the gate opens it beneath DIR and sends it. Everything else is passed through. What the application
names outside of DIR is the 404, in every mode. Anybody may reach the address: the application decides.

A route of --take is answered without the application, in its own spelling; other spellings of it are the 404. In a
rule {name} is a field of the query or the rest of the path. Several applications stand in a file, as [[upstream]].

Examples:
  rootbound gate --upstream http://127.0.0.1:5000 --root files
  rootbound gate --upstream unix:app.sock --root /app/files=/srv/files --tls-cert cert.pem --tls-key key.pem
  rootbound gate --upstream http://127.0.0.1:5000 --accel /protected/=files --announce x-accel-redirect
  rootbound gate --upstream http://127.0.0.1:5000 --root files --take GET_/download?file={name} --ask /auth-check --watch
  rootbound gate --config rootbound.toml
`,
	"rootbound config": `
Examples:
  rootbound config check rootbound.toml
`,
	"rootbound config check": `
The file may be "-" for standard input. Everything is tried that 'serve' or 'gate --config FILE' would need, but no socket is
opened: keys, values, addresses, directories, certificate, user.

Examples:
  rootbound config check rootbound.toml
  rootbound config check --format json rootbound.toml
`,
	"rootbound completion": `
Examples:
  rootbound completion bash > /etc/bash_completion.d/rootbound
  rootbound completion zsh > "${fpath[1]}/_rootbound"
  rootbound completion fish > ~/.config/fish/completions/rootbound.fish
`,
}

// helpWithExamples prints kong's help, what else there is to know, and examples last.
func helpWithExamples(o kong.HelpOptions, ctx *kong.Context) error {
	node := ctx.Selected()
	if node == nil {
		node = ctx.Model.Node
	}
	if err := kong.DefaultHelpPrinter(o, ctx); err != nil {
		return err
	}
	words := strings.Fields(node.FullPath())
	path := words[0]
	for _, w := range words[1:] {
		if !strings.HasPrefix(w, "<") && !strings.HasPrefix(w, "[") {
			path += " " + w
		}
	}
	before, after, _ := strings.Cut(examples[path], "\nExamples:\n")
	_, err := fmt.Fprint(ctx.Stdout, before, "\n", exitStatus, "\nExamples:\n", after)
	return err
}
