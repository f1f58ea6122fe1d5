// Package api is weir over HTTP: what is known of the exporters and wrong with
// them, flows as they come, metrics, health. openapi.yaml, which it serves too,
// says what it answers.
//
// # Who may ask
//
// Without more it listens on loopback, where everyone may look. That would be
// enough for any web page that a browser of this machine shows to ask as well, so
// requests that call us by a name that we were not told (DNS rebinding), or that
// come from another site's page, are refused; there is no CORS. What changes
// something always needs a token: a page can't know one. The first start writes
// one to DATA/token, which only its owner may read, and the command line uses it.
//
// Beyond loopback everything needs a token, whose [Role] says what it is good
// for; but the files of the page at / tell nothing, and are for everyone: the page
// asks for the token, and keeps it for its tab.
package api
