package hec

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An authority signs certificates, as Splunk's common one does.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), "cacert.pem")}
	der, key := a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "SplunkCommonCA"}, IsCA: true, BasicConstraintsValid: true})
	a.key = key
	a.cert, _ = x509.ParseCertificate(der)
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(t *testing.T, x *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x.SerialNumber = big.NewInt(time.Now().UnixNano())
	if x.NotAfter.IsZero() {
		x.NotAfter = time.Now().Add(time.Hour)
	}
	x.NotBefore = x.NotAfter.Add(-2 * time.Hour)
	parent, signer := x, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// splunkd answers as its REST interface does, with a certificate of a.
func (a *authority) splunkd(t *testing.T, x *x509.Certificate, entries map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say := func(status int, text string) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"messages":[{"type":"ERROR","text":%q}]}`, text)
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/servicesNS/nobody/TA-weir/storage/passwords/")
		password, known := entries[name]
		switch {
		case r.Header.Get("Authorization") == "Splunk plain":
			say(403, "You (user=plain) do not have permission")
		case r.Header.Get("Authorization") != "Splunk session":
			say(401, "call not properly authenticated")
		case !ok || !known || r.URL.Query().Get("output_mode") != "json":
			say(404, "Could not find object id="+name)
		case password == "broken":
			fmt.Fprint(w, "<?xml")
		default:
			parts := strings.Split(strings.ReplaceAll(name, `\:`, "\x00"), ":")
			unescape := strings.NewReplacer("\x00", ":", `\\`, `\`).Replace
			json.NewEncoder(w).Encode(map[string]any{"entry": []any{map[string]any{"name": name, "content": map[string]any{
				"realm": unescape(parts[0]), "username": unescape(parts[1]), "clear_password": password, "encr_password": "$7$…",
			}}}})
		}
	}))
	der, key := a.sign(t, x)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = quietLog
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func splunks() *x509.Certificate { // as it is out of the box: no alternative names
	return &x509.Certificate{Subject: pkix.Name{CommonName: splunksName, Organization: []string{"SplunkUser"}}}
}

func TestSecret(t *testing.T) {
	a := newAuthority(t)
	s := a.splunkd(t, splunks(), map[string]string{"weir:hec:": token + "\n", ":bare:": "b", `a\:b:c/d\\e:`: "odd", "weir:empty:": "", "weir:broken:": "broken"})
	for _, x := range []struct {
		realm, user, want, wrong string
		change                   func(*Secret)
	}{
		{realm: "weir", user: "hec", want: token},
		{user: "bare", want: "b"},
		{realm: "a:b", user: `c/d\e`, want: "odd"},
		{realm: "weir", user: "other", wrong: "there is no such entry; make it by curl --cacert "},
		{realm: "weir", user: "empty", wrong: "the entry is empty"},
		{realm: "weir", user: "broken", wrong: "isn't JSON"},
		{realm: "weir", user: "hec", wrong: "the session key is not accepted", change: func(s *Secret) { s.SessionKey = "old" }},
		{realm: "weir", user: "hec", wrong: "list_storage_passwords", change: func(s *Secret) { s.SessionKey = "plain" }},
		{realm: "weir", user: "hec", wrong: "no session_key", change: func(s *Secret) { s.SessionKey = "" }},
		{realm: "weir", user: "hec", wrong: "server_uri is", change: func(s *Secret) { s.URI = "127.0.0.1" }},
		{realm: "weir", user: "hec", wrong: "in the clear", change: func(s *Secret) { s.URI = "http://192.0.2.1:8089" }},
		{realm: "weir", user: "hec", wrong: "no such entry", change: func(s *Secret) { s.App = "other" }},
		{realm: "weir", wrong: "the entry has no name"},
	} {
		q := Secret{URI: s.URL, SessionKey: "session", Realm: x.realm, User: x.user, CA: a.file}
		if x.change != nil {
			x.change(&q)
		}
		got, err := q.Read(context.Background())
		if got != x.want || (err == nil) != (x.wrong == "") || err != nil && (!strings.Contains(err.Error(), x.wrong) || strings.Contains(err.Error(), "session\"")) {
			t.Errorf("%s:%s is %q, %v; want %q, %q", x.realm, x.user, got, err, x.want, x.wrong)
		}
	}
}

// curl takes the command that a missing entry is answered with, and splunkd's
// certificate as it is out of the box.
func TestSecretCommand(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip(err)
	}
	a := newAuthority(t)
	posted := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		posted <- r.URL.Path + " " + r.PostForm.Encode()
	}))
	der, key := a.sign(t, splunks())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	defer s.Close()
	home := t.TempDir()
	file := filepath.Join(home, "token")
	data, err := os.ReadFile(a.file)
	auth := filepath.Join(home, "etc", "auth")
	if err = errors.Join(err, os.WriteFile(file, []byte("a+b"), 0o600), os.MkdirAll(auth, 0o700), os.WriteFile(filepath.Join(auth, "cacert.pem"), data, 0o600)); err != nil {
		t.Fatal(err)
	}
	command := Secret{URI: s.URL, Realm: "weir", User: "hec"}.command()
	c := exec.Command("sh", "-c", strings.NewReplacer("-u admin", "-sS -u admin:changeme", "FILE", file).Replace(command))
	c.Env = append(os.Environ(), "SPLUNK_HOME="+home)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if got, want := <-posted, "/servicesNS/nobody/TA-weir/storage/passwords name=hec&password=a%2Bb&realm=weir"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, x := range []struct {
		of   Secret
		want string
	}{
		{Secret{URI: "https://127.0.0.1:8089", User: "hec"}, `curl --cacert "$SPLUNK_HOME/etc/auth/cacert.pem" --connect-to SplunkServerDefaultCert:8089:127.0.0.1:8089 -u admin https://SplunkServerDefaultCert:8089/servicesNS/nobody/TA-weir/`},
		{Secret{URI: "https://hf.example.net:8089/", CA: "/ca.pem", User: "hec"}, `curl --cacert "/ca.pem" -u admin https://hf.example.net:8089/servicesNS/`},
		{Secret{URI: "https://[::1]:8089", Name: "hf.example.net", User: "hec"}, `--connect-to hf.example.net:8089:[::1]:8089 -u admin https://hf.example.net:8089/`},
		{Secret{URI: "http://127.0.0.1:8089", User: "hec"}, "curl -u admin http://127.0.0.1:8089/servicesNS/"},
	} {
		if got := x.of.command(); !strings.Contains(got, x.want) {
			t.Errorf("%s, want %s", got, x.want)
		}
	}
}

// Whom we tell the session key.
func TestSecretTrust(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	entries := map[string]string{":hec:": "password"}
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	named := func(names ...string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: splunksName}, DNSNames: names}
	}
	late := splunks()
	late.NotAfter = time.Now().Add(-time.Minute)
	const no = "splunkd's certificate is not accepted"
	for _, x := range []struct {
		name   string
		cert   *x509.Certificate
		change func(*Secret)
		wrong  string
	}{
		{"out of the box", splunks(), nil, ""},
		{"for the address", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, nil, ""},
		{"for this machine", named(own), nil, ""},
		{"for what splunkd says", named("hf.example.net"), func(s *Secret) { s.Host = "hf.example.net" }, ""},
		{"for another machine", named("idx.example.net"), nil, no},
		{"for what the setting says", named("idx.example.net"), func(s *Secret) { s.Name = "idx.example.net" }, ""},
		{"a name that is set is the only one", splunks(), func(s *Secret) { s.Name = "idx.example.net" }, no},
		{"another authority's", splunks(), func(s *Secret) { s.CA = other.file }, no},
		{"too old", late, nil, no},
		{"common name beside others", named("x.example.net"), nil, no},
		{"no file", splunks(), func(s *Secret) { s.CA = "/nowhere" }, "splunkd_ca: open /nowhere"},
		{"no SPLUNK_HOME", splunks(), func(s *Secret) { s.CA = "" }, "SPLUNK_HOME is not set"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Setenv("SPLUNK_HOME", "")
			q := Secret{URI: a.splunkd(t, x.cert, entries).URL, SessionKey: "session", User: "hec", CA: a.file}
			if x.change != nil {
				x.change(&q)
			}
			got, err := q.Read(context.Background())
			if x.wrong == "" && (err != nil || got != "password") || x.wrong != "" && (err == nil || !strings.Contains(err.Error(), x.wrong)) {
				t.Errorf("%q, %v; want %q", got, err, x.wrong)
			}
		})
	}
	// Beyond loopback, Splunk's own name says nothing.
	q := Secret{CA: a.file}
	for host, want := range map[string]bool{"127.0.0.1": true, "::1": true, "localhost": true, "hf.example.net": false, "192.0.2.1": false} {
		c, err := q.secure(host)
		if err != nil {
			t.Fatal(err)
		}
		der, _ := a.sign(t, splunks())
		leaf, _ := x509.ParseCertificate(der)
		if err := c.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}); (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	// Where nothing is set, Splunk's own file is taken.
	home := t.TempDir()
	t.Setenv("SPLUNK_HOME", home)
	if got, want := (Secret{}).ca(), filepath.Join(home, "etc", "auth", "cacert.pem"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := os.MkdirAll(filepath.Join(home, "etc", "auth"), 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "etc", "auth", "cacert.pem"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ca := range []string{"", "$SPLUNK_HOME/etc/auth/cacert.pem"} {
		q := Secret{URI: a.splunkd(t, splunks(), entries).URL, SessionKey: "session", User: "hec", CA: ca}
		if got, err := q.Read(context.Background()); err != nil || got != "password" {
			t.Errorf("%q: %q, %v", ca, got, err)
		}
	}
}

func TestSecretSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	q := Secret{URI: "https://" + l.Addr().String(), SessionKey: "session", User: "hec", CA: newAuthority(t).file}
	if _, err := q.Read(ctx); err == nil || !strings.Contains(err.Error(), "did not answer") {
		t.Errorf("error %v", err)
	}
}
