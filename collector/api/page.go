package api

import (
	"embed"
	"net/http"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page use its own script, style and API, and nothing else; it
// can't make HTML of a text.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// file answers with a file of the page. It tells nothing of the network, so that
// everyone may have it: who may not look further is asked for a token there.
func file(name, kind string) func(*Server, http.ResponseWriter, *http.Request) {
	content, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic("the page has no " + name)
	}
	return func(_ *Server, w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		w.Write(content)
	}
}
