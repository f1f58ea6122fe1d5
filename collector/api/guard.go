package api

import (
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// problem answers with an error.
func problem(w http.ResponseWriter, code int, format string, args ...any) {
	answer(w, code, Problem{Error: fmt.Sprintf(format, args...)})
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(v) // an error is the connection's: there is nobody to tell
}

// guard refuses what no honest client sends, before anything else is looked at.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch host := hostOf(r.Host); {
		case !s.serves(r, host):
			problem(w, http.StatusForbidden, "this weir does not serve host %q: if it should, set api.hosts: [%s]", host, host)
		case foreign(r):
			problem(w, http.StatusForbidden, "requests from pages of other sites are refused: open this address itself, or use a program")
		case !jsonBody(r):
			problem(w, http.StatusUnsupportedMediaType, "a body must be JSON: set Content-Type: application/json")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
		}
	})
}

// hostOf returns the host of a Host header, without port and brackets.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// serves tells whether host is a name of ours: loopback's, one that the operator
// has set, or the very address that the request came to. A page that had its own
// name point at us would show that.
func (s *Server) serves(r *http.Request, host string) bool {
	same := func(h string) bool { return strings.EqualFold(h, strings.TrimSuffix(host, ".")) }
	if loopback(host) || slices.ContainsFunc(s.cfg.Hosts, same) {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap() == a.Unmap()
}

// foreign tells whether a browser says that another site's page is asking.
// Following a link to us is no harm: the page doesn't see the answer.
func foreign(r *http.Request) bool {
	for _, o := range r.Header.Values("Origin") {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	link := (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !link
}

// jsonBody tells whether the body, if there is one, is JSON.
func jsonBody(r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == "application/json"
}

// allow answers who may not use what needs the role, and returns false. On
// loopback everyone may look.
func (s *Server) allow(w http.ResponseWriter, r *http.Request, need Role) bool {
	if need == anyone {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme == "" && s.cfg.local() && need == Viewer {
		return true
	}
	var k *key
	if strings.EqualFold(scheme, "Bearer") {
		k = find(s.keys, strings.TrimSpace(token))
	}
	switch {
	case k == nil && scheme == "":
		w.Header().Set("WWW-Authenticate", `Bearer realm="weir"`)
		problem(w, http.StatusUnauthorized, "this needs a token of role %s: send Authorization: Bearer TOKEN; DATA/token holds one, more are set in api.tokens", need)
	case k == nil:
		w.Header().Set("WWW-Authenticate", `Bearer realm="weir", error="invalid_token"`)
		problem(w, http.StatusUnauthorized, "the token is not known: DATA/token holds one, more are set in api.tokens")
	case k.role < need:
		problem(w, http.StatusForbidden, "token %s is of role %s: this needs %s", k.name, k.role, need)
	default:
		return true
	}
	return false
}
