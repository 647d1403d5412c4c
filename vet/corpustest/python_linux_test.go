package corpustest

import (
	_ "embed"
	"encoding/json"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

//go:embed driver.py
var driver string

// runPython runs the jobs one after another in one interpreter, each with the case's modules loaded anew.
func runPython(t *testing.T, jobs []job) []answer {
	t.Helper()
	for _, peer := range []string{"flask", "django", "fastapi", "starlette", "aiohttp", "multipart"} {
		testenv.Need(t, peer)
	}
	given, err := json.Marshal(jobs)
	must(t, err)
	var answers []answer
	must(t, json.Unmarshal(testenv.Python(t, driver, given), &answers))
	return answers
}
