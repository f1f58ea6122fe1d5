package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes one for 127.0.0.1, and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return cert, key, pool
}

// With a certificate the API speaks TLS 1.2 or newer, and nothing else.
func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	d := start(t, func(c *Config, _ *Deps) { c.Cert, c.Key = cert, key })
	if !strings.HasPrefix(d.URL(), "https://127.0.0.1:") {
		t.Fatalf("URL is %s", d.URL())
	}
	with := func(c *tls.Config) Client {
		tr := &http.Transport{TLSClientConfig: c}
		t.Cleanup(tr.CloseIdleConnections)
		return Client{URL: d.URL(), HTTP: &http.Client{Transport: tr}}
	}
	c := with(&tls.Config{RootCAs: pool})
	if s, err := c.Status(t.Context()); err != nil || s.Version != "test" {
		t.Errorf("status is %+v: %v", s, err)
	}
	c = with(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	c = with(&tls.Config{})
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("a certificate that nobody vouches for is taken")
	}
	plain, err := http.Get(strings.Replace(d.URL(), "https:", "http:", 1) + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	if b, _ := io.ReadAll(plain.Body); plain.StatusCode != http.StatusBadRequest || strings.Contains(string(b), "ready") {
		t.Errorf("without TLS: %s: %s", plain.Status, b)
	}
}

// One who opens a connection and says nothing, before TLS or within, is let go.
func TestTLSSilence(t *testing.T) {
	cert, key, pool := certificate(t)
	d := start(t, func(c *Config, _ *Deps) { c.Cert, c.Key, c.Connections = cert, key, 1 })
	c, err := net.Dial("tcp", d.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer tr.CloseIdleConnections()
	client := Client{URL: d.URL(), HTTP: &http.Client{Transport: tr}}
	if _, err := client.Status(t.Context()); err != nil { // once the silent one is gone
		t.Error(err)
	}
}

// What is wrong with the files is said when the API opens.
func TestOpenErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := func(change func(*Config, *Deps), want string) {
		t.Helper()
		c := Default()
		c.Listen = "127.0.0.1:0"
		d := start(t, nil)
		deps := d.deps
		change(&c, &deps)
		s, err := New(c, deps)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	f(func(c *Config, _ *Deps) { c.Listen = l.Addr().String() }, "set api.listen")
	f(func(c *Config, _ *Deps) { c.Cert, c.Key = "/no/cert.pem", "/no/key.pem" }, "/no/cert.pem")
	f(func(c *Config, _ *Deps) { c.Tokens = []Token{{Name: "prometheus", Role: Viewer, File: "/no/token"}} }, "tokens: prometheus: open /no/token")
	f(func(_ *Config, d *Deps) { d.Token = write(t, "x") }, "remove it")
}
