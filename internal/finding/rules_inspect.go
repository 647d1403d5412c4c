package finding

import (
	"slices"

	"github.com/rootbound/rootbound/internal/reason"
)

// The rules of inspect about what kind of thing lies beneath a base directory.
const (
	LinkEscape    = ID(reason.LinkEscape)
	LinkDangling  = ID("link-dangling")
	LinkLoop      = ID(reason.LinkLoop)
	HardLink      = ID(reason.HardLink)
	SpecialFile   = ID(reason.SpecialFile)
	SetID         = ID("set-id")
	Executable    = ID("executable")
	WorldWritable = ID("world-writable")
	OtherOwner    = ID("other-owner")
	MountPoint    = ID("mount-point")
	PathWritable  = ID("path-writable")
	PlaceSystem   = ID("place-system")
	PlaceWebRoot  = ID("place-web-root")
	PlaceHome     = ID("place-home")
	PlaceProgram  = ID("place-program")
)

// inspectRules are the rules that inspect knows.
var inspectRules = slices.Concat(inspectKindRules, inspectPlaceRules, inspectNameRules, inspectContentRules)

var inspectKindRules = []Rule{
	{
		ID: LinkEscape, Tools: []string{"inspect", "probe"}, Severity: High, Refused: []reason.Code{reason.LinkEscape, reason.LinkRefused},
		Sentence: "a symbolic link leads out of the directory",
		Remedy:   "Remove the link, or move what it points to into the directory; serve another directory as a mount of its own.",
		Why: "A check of the requested text does not see links: `report.pdf` is a harmless name, and whoever follows the link behind it hands out " +
			"what lies elsewhere. Python's `open`, Flask's `send_from_directory`, `http.Dir` and nginx without `disable_symlinks` follow it. " +
			"Links out through a directory give everything beneath their target.",
		Example: "files/report.pdf -> ../../etc/passwd\nfiles/old -> /srv/archive",
		Fix: "rootbound serve --mount old=/srv/archive files   # follows no link; what is meant to be served is named\n" +
			"d, err := rootbound.Open(\"files\", rootbound.Config{}); err = d.Send(w, r, name, rootbound.SendOptions{})   // Go\n" +
			"app.config[\"USE_X_SENDFILE\"] = True   # Flask names the file; rootbound gate --upstream http://127.0.0.1:5000 --root files opens it",
	},
	{
		ID: LinkDangling, Tools: []string{"inspect"}, Severity: Low, Refused: []reason.Code{reason.LinkRefused},
		Sentence: "a symbolic link leads to what does not exist",
		Remedy:   "Remove the link.",
		Why: "Whoever can create its target decides what is handed out under the link's name; and a program that writes through it makes a file where " +
			"nobody expects one.",
		Example: "files/latest -> releases/2019",
		Fix:     "find files -xtype l -print",
	},
	{
		ID: LinkLoop, Tools: []string{"inspect"}, Severity: Low, Refused: []reason.Code{reason.LinkLoop},
		Sentence: "symbolic links lead back to themselves",
		Remedy:   "Remove one link of the loop.",
		Why:      "A program that walks the tree and follows links does not come to an end, and one that opens the name answers with an error of its own.",
		Example:  "files/a -> b\nfiles/b -> a",
		Fix:      "rm files/a",
	},
	{
		ID: HardLink, Tools: []string{"inspect"}, Severity: Medium, Refused: []reason.Code{reason.HardLink},
		Sentence: "a file has other names (hard links) outside of the directory",
		Remedy:   "Copy the file, so that it is one of its own, or refuse such files.",
		Why: "A hard link is the file itself: no check of names or paths, and no kernel rule about where an open may end, tells it from a file that was put " +
			"there. Whoever may write into the directory and reach a file on the same file system can have it served.",
		Example: "ln /home/app/settings.py files/notes.txt",
		Fix:     "rootbound serve --hardlinks refuse files\nrootbound.Open(\"files\", rootbound.Config{Hardlinks: rootbound.HardlinksRefuse})   // Go\ncp --preserve=mode files/notes.txt tmp && mv tmp files/notes.txt",
	},
	{
		ID: SpecialFile, Tools: []string{"inspect"}, Severity: Medium, Refused: []reason.Code{reason.SpecialFile},
		Sentence: "it is a FIFO, a socket or a device",
		Remedy:   "Remove it: only regular files can be downloaded.",
		Why: "Opening a FIFO waits for a writer, so that each request costs a thread for good; opening a device does whatever the device does; reading " +
			"one may never end.",
		Example: "prw-r--r-- files/pipe\nbrw-rw-rw- files/sda",
		Fix:     "find files ! -type f ! -type d ! -type l -print",
	},
	{
		ID: SetID, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "a file runs with the rights of its owner or group (set-user-ID, set-group-ID)",
		Remedy:   "Take the bit away (chmod u-s,g-s).",
		Why:      "Files that are served are content. One that gives its rights to whoever runs it is a way from a write into this directory to those rights.",
		Example:  "-rwsr-xr-x root files/tool",
		Fix:      "chmod u-s,g-s files/tool",
	},
	{
		ID: Executable, Tools: []string{"inspect"}, Severity: Info,
		Sentence: "files are executable",
		Remedy:   "Take the bits away where nobody runs the files (chmod a-x), or mount the file system noexec.",
		Why:      "A file that a server hands out needs no execute bit. Where another server takes it for a CGI program, a request runs it.",
		Example:  "-rwxr-xr-x files/install.sh",
		Fix:      "find files -type f -perm /111 -exec chmod a-x {} +",
	},
	{
		ID: WorldWritable, Tools: []string{"inspect"}, Severity: High, Refused: nil,
		Sentence: "everybody on this machine may write to it",
		Remedy:   "Take that right away (chmod o-w).",
		Why: "Any local program can add files and links to what is served, replace files between a check and an open, and put pages into your site. " +
			"A directory with the sticky bit still takes new names from everybody.",
		Example: "drwxrwxrwx files/uploads",
		Fix:     "chmod -R o-w files",
	},
	{
		ID: OtherOwner, Tools: []string{"inspect"}, Severity: Low,
		Sentence: "things in the directory belong to another user than the directory itself",
		Remedy:   "Give them to the owner of the directory (chown), or know why that user may change what is served.",
		Why:      "The owner of a file can change its content and its mode at any time; the owner of a directory can swap what is in it while a server checks it.",
		Example:  "drwxr-xr-x www   files\n-rw-r--r-- alice files/index.html",
		Fix:      "chown -R --no-dereference www files",
	},
	{
		ID: MountPoint, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "another file system, or another part of one, is mounted in the directory",
		Remedy:   "Unmount it, or serve it as a mount of its own (--mount NAME=DIR), so that what is served is written down.",
		Why: "A mount leads elsewhere as a link does, and no rule about links sees it. A bind mount of a directory hands out that directory; " +
			"a network file system can hang each request.",
		Example: "files/shared on /home/shared (bind)",
		Fix:     "umount files/shared\nrootbound serve --mount shared=/home/shared",
	},
}

var inspectPlaceRules = []Rule{
	{
		ID: PathWritable, Tools: []string{"inspect"}, Severity: High,
		Sentence: "others may rename or replace a directory on the way to this one",
		Remedy:   "Move the directory beneath ones that only root or the server's own user may write to, or take that right away.",
		Why: "Whoever may write into a directory above can put another tree in the place of this one, before the server starts or while a program opens by path. " +
			"rootbound holds the directory by a descriptor from its start on; the next start opens whatever is there.",
		Example: "drwxrwxr-x staff /srv/shared\n/srv/shared/files is served",
		Fix:     "chmod g-w,o-w /srv/shared",
	},
	{
		ID: PlaceSystem, Tools: []string{"inspect"}, Severity: High,
		Sentence: "the directory is a part of the system",
		Remedy:   "Serve a directory that holds nothing but what is meant for download.",
		Why:      "Everything that the server's user may read there can be downloaded: passwords' hashes, keys, processes' memory.",
		Example:  "rootbound serve /etc",
		Fix:      "rootbound serve /srv/files",
	},
	{
		ID: PlaceWebRoot, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "the directory is inside the root of a web server",
		Remedy:   "Move it out of the web root.",
		Why:      "Another server may hand out the same files without these rules: no grants, no signed links, no record.",
		Example:  "/var/www/html/private",
		Fix:      "mv /var/www/html/private /srv/private\nrootbound serve /srv/private",
	},
	{
		ID: PlaceHome, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "the directory is a home directory",
		Remedy:   "Serve a directory of its own.",
		Why:      "History, keys, tokens and settings of programs lie beside the files, and programs add new ones at any time.",
		Example:  "rootbound serve /home/alice",
		Fix:      "rootbound serve /srv/files",
	},
	{
		ID: PlaceProgram, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "a program that is running was started from this directory",
		Remedy:   "Keep programs, their settings and their sources apart from the files that are served.",
		Why: "The directory of an application holds its settings, its source and its state. Where it is the directory that is served as well, each " +
			"of them is one request away; and where uploads go into it, an upload can become the program.",
		Example: "/srv/app/app.py is running\n/srv/app is served",
		Fix:     "rootbound serve /srv/app-files",
	},
}
