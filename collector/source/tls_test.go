package source

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/template"
)

// An authority vouches for certificates.
type authority struct {
	t    testing.TB
	dir  string
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{t: t, dir: t.TempDir(), name: name}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	return a
}

var serial int64

// sign makes a certificate, and leaves it in a.dir.
func (a *authority) sign(c *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	serial++
	c.SerialNumber = big.NewInt(serial)
	c.NotBefore = time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, with := c, key
	if by != nil {
		parent, with = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), with)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	name := c.Subject.CommonName
	a.put(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.put(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) put(name string, b []byte) {
	a.t.Helper()
	if err := os.WriteFile(a.path(name), b, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue makes a certificate of both uses.
func (a *authority) issue(name string) {
	a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
}

func (a *authority) pair(name string) tls.Certificate {
	a.t.Helper()
	p, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// server returns the settings of a listener that a vouches for, and for whose
// exporters a vouches too.
func (a *authority) server() TLS {
	a.issue("collector")
	return TLS{Cert: a.path("collector.pem"), Key: a.path("collector.key"), ClientCA: a.path(a.name + ".pem")}
}

// dialTLS connects, and sends a message: only the answer to that tells a client
// of TLS 1.3 whether it was let in.
func dialTLS(t testing.TB, x *Listener, cfg *tls.Config) (*tls.Conn, error) {
	t.Helper()
	c, err := tls.Dial("tcp", x.Addr().String(), cfg)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	_, err = c.Write(ipfixMessage(100, 7))
	return c, err
}

func TestTLS(t *testing.T) {
	a, other := newAuthority(t, "ca"), newAuthority(t, "other")
	x := openStream(t, Listen{Address: "tls://127.0.0.1:0", TLS: a.server()}, nil)
	a.issue("exporter")
	other.issue("stranger")

	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c, err := dialTLS(t, x, &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("exporter")}, MinVersion: version, MaxVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		write(t, c, bytes.Repeat(ipfixMessage(60000, 8), 2)) // several records each
		got := next(t, x.Sources()[0], 3)
		if d := got[0]; d.From != portOf(c.LocalAddr()) || d.To != x.Addr() || d.Over != template.TLS || !d.Opened || len(d.Data) != 100 {
			t.Errorf("%+v", d)
		}
		if len(got[2].Data) != 60000 {
			t.Errorf("the third message has %d octets", len(got[2].Data))
		}
		c.Close()
		if d := next(t, x.Sources()[0], 1)[0]; !d.Closed {
			t.Errorf("the end is %+v", d)
		}
	}

	refused := x.Stats().Handshakes
	f := func(what string, cfg *tls.Config) {
		t.Helper()
		c, err := dialTLS(t, x, cfg)
		if err == nil {
			ends(t, c)
		}
		refused++
		eventually(t, x, what, func(s Stats) bool { return s.Handshakes == refused && s.Connections == 0 })
		nothing(t, x.Sources()[0])
	}
	f("no certificate", &tls.Config{RootCAs: a.pool()})
	f("one that another vouches for", &tls.Config{RootCAs: a.pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p := other.pair("stranger")
		return &p, nil
	}})
	f("an old version", &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("exporter")}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "old"}, NotAfter: time.Now().Add(-time.Minute), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, a)
	f("one that has expired", &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("old")}})
	a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "web"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, a)
	f("one for servers only", &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("web")}})
}

// Records that are cut short end the connection, and nothing of them is taken.
func TestTLSTruncated(t *testing.T) {
	a := newAuthority(t, "ca")
	x := openStream(t, Listen{Address: "tls://127.0.0.1:0", TLS: a.server()}, nil)
	a.issue("exporter")

	raw := dialTCP(t, x)
	write(t, raw, []byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}) // a hello that begins
	raw.CloseWrite()
	ends(t, raw)
	eventually(t, x, "the handshake to fail", func(s Stats) bool { return s.Handshakes == 1 && s.Connections == 0 })
	raw = dialTCP(t, x)
	write(t, raw, ipfixMessage(20, 1)) // without TLS
	ends(t, raw)
	eventually(t, x, "the handshake to fail", func(s Stats) bool { return s.Handshakes == 2 && s.Connections == 0 })

	cut := &cutting{TCPConn: dialTCP(t, x)}
	c := tls.Client(cut, &tls.Config{ServerName: "collector", RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("exporter")}})
	write(t, c, ipfixMessage(100, 1))
	next(t, x.Sources()[0], 1)
	cut.drop = 3
	write(t, c, ipfixMessage(100, 2))
	cut.CloseWrite()
	if d := next(t, x.Sources()[0], 1)[0]; !d.Closed {
		t.Errorf("got %d octets of a record that was cut short", len(d.Data))
	}
	eventually(t, x, "the end", func(s Stats) bool { return s.Connections == 0 })
}

// cutting leaves out the last octets of what is written.
type cutting struct {
	*net.TCPConn
	drop int
}

func (c *cutting) Write(b []byte) (int, error) {
	if _, err := c.TCPConn.Write(b[:len(b)-c.drop]); err != nil {
		return 0, err
	}
	return len(b), nil
}

func TestTLSNames(t *testing.T) {
	a := newAuthority(t, "ca")
	settings := a.server()
	settings.Names = []string{"core.example.net", "edge.example.net"}
	x := openStream(t, Listen{Address: "tls://127.0.0.1:0", TLS: settings}, nil)
	a.issue("edge.example.net")
	a.issue("printer.example.net")
	if _, err := dialTLS(t, x, &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("edge.example.net")}}); err != nil {
		t.Fatal(err)
	}
	next(t, x.Sources()[0], 1)
	if c, err := dialTLS(t, x, &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("printer.example.net")}}); err == nil {
		ends(t, c)
	}
	eventually(t, x, "the other name", func(s Stats) bool { return s.Handshakes == 1 })
}

func TestTLSOptional(t *testing.T) {
	a, other := newAuthority(t, "ca"), newAuthority(t, "other")
	settings := a.server()
	settings.ClientAuth = Optional
	x := openStream(t, Listen{Address: "tls://127.0.0.1:0", TLS: settings}, nil)
	if _, err := dialTLS(t, x, &tls.Config{RootCAs: a.pool()}); err != nil {
		t.Fatal(err)
	}
	next(t, x.Sources()[0], 1)
	other.issue("stranger")
	if c, err := dialTLS(t, x, &tls.Config{RootCAs: a.pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p := other.pair("stranger")
		return &p, nil
	}}); err == nil {
		ends(t, c)
	}
	eventually(t, x, "a wrong certificate", func(s Stats) bool { return s.Handshakes == 1 })
}

// A renewed certificate is shown without a restart, and one that can't be read
// leaves the old one.
func TestTLSReload(t *testing.T) {
	a := newAuthority(t, "ca")
	settings := a.server()
	var log bytes.Buffer
	id, err := newIdentity(settings, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	old := id.current()
	id.checked = time.Time{}
	if id.current() != old {
		t.Error("read again without a change")
	}
	a.issue("collector")
	if id.current() != old {
		t.Error("files were looked at twice within a second")
	}
	id.checked = time.Time{}
	renewed := id.current()
	if bytes.Equal(renewed.cert.Certificate[0], old.cert.Certificate[0]) {
		t.Error("the renewed certificate was not read")
	}
	a.put("collector.key", []byte("oops"))
	id.checked = time.Time{}
	if id.current() != renewed || !strings.Contains(log.String(), "the old ones stay") {
		t.Errorf("a broken key: %s", log.String())
	}
}

func TestTLSErrors(t *testing.T) {
	a := newAuthority(t, "ca")
	good := a.server()
	f := func(want string, change func(*TLS)) {
		t.Helper()
		s := good
		change(&s)
		x, err := Open(Listen{Address: "tls://127.0.0.1:0", TLS: s}, Default())
		if err == nil {
			x.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	a.put("empty.pem", nil)
	f("nowhere.pem", func(s *TLS) { s.Cert = a.path("nowhere.pem") })
	f("private key", func(s *TLS) { s.Key = a.path("ca.key") })
	f("client_ca", func(s *TLS) { s.ClientCA = a.path("nowhere.pem") })
	f("holds no certificate", func(s *TLS) { s.ClientCA = a.path("empty.pem") })
}
