package api

import (
	"regexp"
	"strings"
	"testing"
)

// The page is as its policy wants it: nothing inline, nothing from outside, and no
// HTML made of texts.
func TestPage(t *testing.T) {
	d := start(t, nil)
	w, html := d.ask(t, "GET", "/", "")
	if w.StatusCode != 200 || w.Header.Get("Content-Security-Policy") != pagePolicy || w.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s, headers %v", w.Status, w.Header)
	}
	for _, name := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if name[1] == "data:," {
			continue
		}
		if w, body := d.ask(t, "GET", "/"+name[1], ""); w.StatusCode != 200 || body == "" {
			t.Errorf("%s: %s", name[1], w.Status)
		}
	}
	_, js := d.ask(t, "GET", "/page.js", "")
	_, css := d.ask(t, "GET", "/page.css", "")
	for _, x := range []struct{ name, text, no string }{
		{"index.html", html, `<script>|<style|\bon\w+=|style=|https?:`},
		{"page.js", js, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|localStorage|https?://[^w]`},
		{"page.css", css, `url\(|@import`},
	} {
		if found := regexp.MustCompile(x.no).FindString(x.text); found != "" {
			t.Errorf("%s has %q", x.name, found)
		}
	}
	if w, body := d.ask(t, "GET", "/page.html", ""); w.StatusCode != 404 || !strings.Contains(body, "openapi.yaml") {
		t.Errorf("/page.html: %s: %s", w.Status, body)
	}
	if w, _ := d.ask(t, "POST", "/", ""); w.StatusCode != 405 {
		t.Errorf("POST /: %s", w.Status)
	}
}
