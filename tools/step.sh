# Sourced by the other scripts: step HEADLINE COMMAND... runs a command below a
# headline and prints how long it took.

step() {
	headline=$1
	shift
	began=$(date +%s)
	printf '\n== %s\n' "$headline"
	"$@" || {
		printf '== FAILED: %s (%d s)\n' "$headline" $(($(date +%s) - began)) >&2
		exit 1
	}
	printf '== ok: %s (%d s)\n' "$headline" $(($(date +%s) - began))
}
