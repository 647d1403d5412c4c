package main

import "github.com/alecthomas/kong"

var flagGroups = []kong.Group{
	{Key: "where", Title: "Where, and for whom"},
	{Key: "who", Title: "Who is known by the word of others"},
	{Key: "upstream", Title: "The application"},
	{Key: "routes", Title: "Routes that the application serves badly"},
	{Key: "what", Title: "What is served"},
	{Key: "how", Title: "How it is sent"},
	{Key: "limits", Title: "Limits"},
	{Key: "audit", Title: "The record"},
	{Key: "process", Title: "The process"},
	{Key: "target", Title: "What is attacked, and where names go"},
	{Key: "oracles", Title: "What the probe can see"},
	{Key: "pace", Title: "How much, and how fast"},
	{Key: "report", Title: "The report"},
	{Key: "may", Title: "What the command may do"},
	{Key: "held", Title: "How it is held to that"},
	{Key: "instead", Title: "Instead of running it so"},
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

Signals: SIGTERM and SIGINT stop, after running downloads or --grace; SIGHUP reads certificate, users, grants and keys of links again.

Examples:
  rootbound serve files
  rootbound serve --listen 127.0.0.1:0 --download-route /download files
  rootbound serve --site --listen :8443 --public --tls-cert cert.pem --tls-key key.pem public
  rootbound serve --mount music=/srv/music --mount films=/srv/films
  rootbound serve --users users --listen :8443 --tls-cert cert.pem --tls-key key.pem files
  rootbound serve --users users --policies policies.cedar --groups groups files
  rootbound serve --users users --state /var/lib/rootbound/rootbound.db --login --base-url https://files.example files
  rootbound serve --link-keys link.keys --listen :8443 --tls-cert cert.pem --tls-key key.pem files
  rootbound serve --jwt-issuer https://op.example --jwt-audience files files
  rootbound serve --login --state state.db --base-url https://files.example --oidc-issuer https://op.example --oidc-client-id rootbound files
  rootbound serve --tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem files
  rootbound serve --trusted-proxy 127.0.0.1 --proxy-user-header Remote-User files
  rootbound serve --audit /var/log/rootbound/audit.log --audit-required --audit-key audit.key --checkpoint-to /mnt/elsewhere/checkpoints files
  rootbound serve --state default --listen :8443 --tls-cert cert.pem --tls-key key.pem files
  rootbound serve --state postgres://rootbound@db.example/rootbound?sslmode=verify-full --config rootbound.toml
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
  rootbound gate --upstream http://127.0.0.1:5000 --root files --take 'GET /download?file={name}' --ask /auth-check --watch
  rootbound gate --upstream http://127.0.0.1:5000 --root files --audit /var/log/rootbound/audit.log
  rootbound gate --config rootbound.toml
`,
	"rootbound confine": `
The kernel (Landlock, a seccomp filter, no_new_privs) holds the command and everything it starts to what is named here.
The process becomes the command: its exit status and its signals are the command's own. The program itself, its
interpreter, its loader and the system's shared libraries are allowed unasked; nothing else is. --read gives reading and
listing, --exec also executing, --write also changing, each for everything beneath a directory. Rules are about files as
they are at start: one that is replaced later is another file, its directory is not.

Exit status here: that of the command; 2 where it could not be started as asked.

Examples:
  rootbound confine --preset python --read files --bind 5000 --net tcp -- python3 app/app.py
  rootbound confine --read /srv/files --net none --hide -- tar -cf - /srv/files
  rootbound confine --preset php --read public --write uploads --bind 8000 -- php -S 127.0.0.1:8000 -t public
  rootbound confine --preset python --read app --explain --format json -- python3 app/app.py
  rootbound confine --learn -- python3 app/app.py
`,
	"rootbound inspect": `
It walks without following anything, opens nothing but regular files, and reads at most 64 KiB of each. Each finding has a rule,
explained in docs/rules/; what could not be looked at is said at the end. --watch prints a line for each change.

Exit status 1: something was found that the baseline does not accept. What is only information does not count.

Examples:
  rootbound inspect files
  rootbound inspect --format sarif --output inspect.sarif files
  rootbound inspect --write-baseline accepted.json files
  rootbound inspect --baseline accepted.json files
  rootbound inspect --watch --interval 1m files
`,
	"rootbound user": `
Examples:
  rootbound user add alice --group staff
  rootbound user list
  rootbound user hash alice > users
`,
	"rootbound user add": `
The password is asked for on a terminal, or is the first line of standard input. Running servers with the same state know
the user within two seconds.

Examples:
  rootbound user add alice
  rootbound user add bob --group staff --group editors --state /var/lib/rootbound/rootbound.db
  rootbound user add carol --state postgres://rootbound@db.example/rootbound?sslmode=verify-full
`,
	"rootbound user list": `
Examples:
  rootbound user list
  rootbound user list --format json --config rootbound.toml
`,
	"rootbound user disable": `
The user's sessions end, and tokens rest until the user is enabled again. Running servers refuse the user within two seconds.

Examples:
  rootbound user disable alice
`,
	"rootbound user enable": `
Examples:
  rootbound user enable alice
`,
	"rootbound user passwd": `
The password is asked for on a terminal, or is the first line of standard input. The user's sessions end; tokens go on.

Examples:
  rootbound user passwd alice
`,
	"rootbound user groups": `
They take the place of the groups before, which 'rootbound user list' shows. Running servers follow within two seconds; whoever
signed in at an OpenID provider has the groups of that moment.

Examples:
  rootbound user groups alice --group staff --group editors
  rootbound user groups alice --none
`,
	"rootbound user remove": `
Sessions and tokens go with the user, and links that the user made are revoked: the next user of that name gets none of
it. To lock somebody out for a while, disable the user.

Examples:
  rootbound user remove alice
`,
	"rootbound user hash": `
The password is asked for on a terminal, or is the first line of standard input. The file is as 'htpasswd -B' writes it, too.

Examples:
  rootbound user hash alice > users
  rootbound serve --users users files
`,
	"rootbound token": `
Examples:
  rootbound token create --user alice --label backup --may read,list --on reports/ > token
  rootbound token list
  rootbound token revoke 2fdlcbgs4ir7hhxxq3vd5k6nya
`,
	"rootbound token create": `
A program sends the token as 'Authorization: Bearer TOKEN'. It gives what its user may have, or less, and ends with the
user. Only a digest of it is kept: whoever loses it makes another. A server with the same state knows it at once.

Examples:
  rootbound token create --user alice --label backup --may read,list --on reports/ > token
  rootbound token create --user alice --expires 12h --format json
  rootbound token create --user alice --users users --state /var/lib/rootbound/rootbound.db
  rootbound token create --user alice --state postgres://rootbound@db.example/rootbound
`,
	"rootbound token list": `
USED is when a token was last used, to the minute.

Examples:
  rootbound token list
  rootbound token list --user alice --format json
`,
	"rootbound token revoke": `
Running servers refuse the token within two seconds, and for good.

Examples:
  rootbound token revoke 2fdlcbgs4ir7hhxxq3vd5k6nya
`,
	"rootbound authz": `
Examples:
  rootbound authz explain --config rootbound.toml --as alice reports/2026.pdf
  rootbound authz test --config rootbound.toml expected.txt
`,
	"rootbound authz explain": `
The grants are those of the configuration file's [[grant]] tables and of the file of policies that it, or --policies, names.
Nothing that is served is looked at: NAME need not exist. Groups are those of --groups, of the state that --state names, and
of --group. Exit status 1: it is denied.

Examples:
  rootbound authz explain --config rootbound.toml --as alice reports/2026.pdf
  rootbound authz explain --config rootbound.toml --state rootbound.db --as alice --action list reports/
  rootbound authz explain --config rootbound.toml --as carol --group staff reports/2026.pdf
  rootbound authz explain --policies policies.cedar --groups groups --as bob --format json reports/2026.pdf
`,
	"rootbound authz test": `
A line is SUBJECT ACTION NAME allow|deny; SUBJECT may be - for whoever presents no credential, # begins a comment. Groups are
those of --groups and of the state that --state names. Exit status 1: something is decided otherwise.

Examples:
  rootbound authz test --config rootbound.toml expected.txt
`,
	"rootbound link": `
Examples:
  rootbound link create --link-keys link.keys --expires 24h reports/2026.pdf
  rootbound link list --state rootbound.db
  rootbound link revoke --state rootbound.db k1/6Q2MEBQ3WSXGDGRHFHZ6XBJMFU
`,
	"rootbound link list": `
Links that an application made are listed once a server with this state was shown them. The address of a link is told when
it is made, and never again.

Examples:
  rootbound link list --state rootbound.db
  rootbound link list --state rootbound.db --by alice --format json
`,
	"rootbound link revoke": `
Servers with this state refuse the link within two seconds. KEY and ID are the second and the fourth of the parts that dots
divide in the link; a link that no server was shown yet can be taken back by them.

Examples:
  rootbound link revoke --state rootbound.db k1/6Q2MEBQ3WSXGDGRHFHZ6XBJMFU
`,
	"rootbound link create": `
Whoever has the link may have the file, or everything beneath the directory, without a credential. It is signed by the first
of the keys, and a server that has that key takes it. With --state it is listed from now on, and can be taken back, as can
any link that a server with that state was shown; without, nothing ends it but its time, a policy that forbids it, or the
end of its key. A key is made by: (umask 077; echo "k1:$(openssl rand -base64 32)" > link.keys)

Examples:
  rootbound link create --link-keys link.keys --expires 24h reports/2026.pdf
  rootbound link create --config rootbound.toml --expires 1h --base-url https://files.example --as-attachment reports/2026.pdf
  rootbound link create --link-keys link.keys --expires 168h --from 192.0.2.0/24 --to alice reports/
  rootbound link create --link-keys link.keys --state rootbound.db --expires 24h --uses 1 reports/2026.pdf
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
	"rootbound audit": `
Examples:
  rootbound audit verify /var/log/rootbound/audit.log
  rootbound audit search --name reports/2026.pdf /var/log/rootbound/audit.log
  rootbound audit keygen /etc/rootbound/audit.key
`,
	"rootbound audit verify": `
Every record holds the hash of the one before it, so that whatever was changed, removed, inserted or moved shows at the
first record behind it. A chain alone does not show that its end was cut off, or that all of it was written anew:
checkpoints do, and those that were kept on another machine (--checkpoint-to of serve) do so whoever changed the log.

Exit status 1: the log is not what was written.

Examples:
  rootbound audit verify /var/log/rootbound/audit.log
  rootbound audit verify --key audit.pub --checkpoints /mnt/elsewhere/checkpoints /var/log/rootbound/audit.log
`,
	"rootbound audit search": `
Examples:
  rootbound audit search --name reports/2026.pdf /var/log/rootbound/audit.log
  rootbound audit search --subject alice --since 2026-01-31T00:00:00Z /var/log/rootbound/audit.log
  rootbound audit search --reason no-grant --format json /var/log/rootbound/audit.log
`,
	"rootbound audit export": `
The chain is verified on the way; what is missing or was changed ends the export, and nothing behind it is sent. The cursor
keeps how far the receiver has come, so that the next export goes on there; a record may arrive twice, never not at all. The
body of each message is the record as it stands in the log: the receiver can verify the chain as well.

Exit status 1: records are missing or were changed, or the receiver did not take them.

Examples:
  rootbound audit export --to syslog+unix:///dev/log --cursor /var/lib/rootbound/syslog.cursor /var/log/rootbound/audit.log
  rootbound audit export --follow --to syslog+tls://logs.example:6514 --cursor logs.cursor /var/log/rootbound/audit.log
  rootbound audit export --follow --to https://collector.example/v1/logs --header-file token --cursor otlp.cursor /var/log/rootbound/audit.log
`,
	"rootbound audit keygen": `
Keep the printed public key apart from the log: it is what proves that checkpoints are ours.

Examples:
  rootbound audit keygen /etc/rootbound/audit.key > audit.pub
`,
	"rootbound probe": `
FUZZ stands where the server takes names: in the path, the query, --data, a --header or a --cookie. With --base the probe
plants files with random content above and beside the server's base directory, and reports a server that hands them out;
--plant also plants a file and links within. All of it is removed at the end, when interrupted too; after a kill,
--clean DIR (or the next run) removes what is left. Without --base only what answers show can be judged.

Only this machine is attacked, unless --i-am-authorized-for names the host: attack nothing that is not yours.

Examples:
  rootbound probe --base files --plant http://127.0.0.1:8080/
  rootbound probe --base files --plant http://127.0.0.1:5000/download?file=FUZZ
  rootbound probe --mode json --data {"name":"FUZZ"} --base files http://127.0.0.1:5000/api/download
  rootbound probe --mode upload --field file --base uploads http://127.0.0.1:5000/upload
  rootbound probe --base files --plant --race files/incoming http://127.0.0.1:8080/
  rootbound probe --i-am-authorized-for files.example --file index.html --rate 20 https://files.example/
  rootbound probe --base files --format sarif --output probe.sarif --baseline accepted.json http://127.0.0.1:8080/
  rootbound probe --clean files
`,
	"rootbound vet": `
Names are followed from where a request gives them to where a file is opened, sent, written or removed, through assignments,
joins and the project's own functions. Nothing of what is read is run. A finding is unsafe (a request that shows it stands
with it), guarded (what remains is said) or information. 'go vet -vettool' takes this program, too.

Exit status 1: something was found that is more than information.

Examples:
  rootbound vet app
  rootbound vet --format sarif --output vet.sarif app /etc/nginx/nginx.conf
  rootbound vet --write-baseline accepted.json app
  rootbound vet --baseline accepted.json app
  rootbound vet --fix diff app
`,
	"rootbound review": `
A directory is looked at as inspect does, and as vet does where it holds source or web server configuration; a file as vet does;
a URL as probe does, with its rules: only this machine, unless --i-am-authorized-for names the host, and --base names the
directory that canaries are planted around. A target that cannot be looked at does not stop the others. 'rootbound review verify'
checks a signed report.

--compare LAST tells what is new, gone and still there since that report, of JSON or HTML, and may be the file that
--output replaces. A LAST that does not exist makes everything new.

Exit status 1: something was found that the baseline does not accept (with --compare: something that is new), or a target could
not be looked at to its end. 2: nothing could be looked at, or wrong use; no report is written then.

Examples:
  rootbound review -o review.html files app
  rootbound review -o review.html --base files --plant files http://127.0.0.1:8080/
  rootbound review --skip inspect --format sarif -o review.sarif app
  rootbound review --compare last.json -o last.json files
  rootbound review --sign review.key --config rootbound.toml -o review.html files
`,
	"rootbound review verify": `
Keys are made by 'rootbound audit keygen'. Every byte of the report is signed: what is seen on the page, and the data in it. The
key says who vouches for the report; that what stands in it is true only whoever holds the key can say.

Exit status 1: the report is not what was signed, or a --config is not the one that it speaks for.

Examples:
  rootbound review verify --key review.pub review.html
  rootbound review verify --key review.pub --config rootbound.toml review.html
`,
	"rootbound completion": `
Examples:
  rootbound completion bash > /etc/bash_completion.d/rootbound
  rootbound completion zsh > "${fpath[1]}/_rootbound"
  rootbound completion fish > ~/.config/fish/completions/rootbound.fish
`,
}
