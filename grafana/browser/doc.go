// Package browser has no code but a test: the frontend as it was built runs in
// Chromium, within a page that gives it what Grafana gives, and over a host that
// serves it as Grafana does from the backend's binary. Neither is Grafana: panels
// that aren't in Grafana's npm packages are missing, and what users may do.
//
//	make grafana
//	go test -tags real -run TestRealBrowser -v ./grafana/browser
//
// page/ has the page, tests/ what is done on it; build/grafana/screenshots is what it
// looked like. ONLY=TEXT runs the tests with that in their names. With
// WEIR_BROWSER_STAY=1 the host stays after them, to look at the page in a browser of
// one's own.
package browser
