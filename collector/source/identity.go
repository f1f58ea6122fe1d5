package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// An identity is who we are to exporters, and who vouches for them. Its files
// are read again when they have changed, so that a certificate can be renewed
// without a restart; connections that exist stay.
type identity struct {
	cfg TLS
	log *slog.Logger

	mu      sync.Mutex
	now     *papers
	checked time.Time
}

// papers are what the files hold.
type papers struct {
	cert   tls.Certificate
	pool   *x509.CertPool // nil: nobody is asked for a certificate
	stamps [3]stamp
	config *tls.Config
}

// A stamp tells whether a file has changed.
type stamp struct {
	size     int64
	modified time.Time
}

// checkEvery is how often the files are looked at, at most.
const checkEvery = time.Second

// newIdentity reads the files.
func newIdentity(cfg TLS, log *slog.Logger) (*identity, error) {
	p, err := cfg.read()
	if err != nil {
		return nil, err
	}
	if p.pool == nil {
		log.Warn("tls: exporters need no certificate: anyone who can connect may send (client_ca says who vouches for them)", "cert", cfg.Cert)
	}
	return &identity{cfg: cfg, log: log, now: p, checked: time.Now()}, nil
}

// current returns the papers as they are now. Where they can't be read, those
// from before stay.
func (id *identity) current() *papers {
	id.mu.Lock()
	defer id.mu.Unlock()
	if time.Since(id.checked) < checkEvery {
		return id.now
	}
	id.checked = time.Now()
	if id.cfg.stamps() == id.now.stamps {
		return id.now
	}
	p, err := id.cfg.read()
	if err != nil {
		id.log.Warn("tls: certificates have changed, and can't be read: the old ones stay", "error", err)
		return id.now
	}
	id.log.Info("tls: certificates read again", "cert", id.cfg.Cert)
	id.now = p
	return p
}

func (t *TLS) files() [3]string { return [3]string{t.Cert, t.Key, t.ClientCA} }

func (t *TLS) stamps() (all [3]stamp) {
	for i, name := range t.files() {
		if f, err := os.Stat(name); err == nil {
			all[i] = stamp{f.Size(), f.ModTime()}
		}
	}
	return all
}

// read reads the files.
func (t *TLS) read() (*papers, error) {
	p := &papers{stamps: t.stamps()} // before: a change meanwhile is seen the next time
	var err error
	if p.cert, err = tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		return nil, fmt.Errorf("tls: cert %s, key %s: %w", t.Cert, t.Key, err)
	}
	if t.auth() != None {
		pem, err := os.ReadFile(t.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("tls: client_ca: %w", err)
		}
		p.pool = x509.NewCertPool()
		if !p.pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: client_ca %s holds no certificate in PEM form", t.ClientCA)
		}
	}
	p.config = &tls.Config{
		MinVersion:             tls.VersionTLS12,
		Certificates:           []tls.Certificate{p.cert},
		ClientCAs:              p.pool,
		ClientAuth:             map[ClientAuth]tls.ClientAuthType{Require: tls.RequireAndVerifyClientCert, Optional: tls.VerifyClientCertIfGiven, None: tls.NoClientCert}[t.auth()],
		SessionTicketsDisabled: true, // what vouched for a client may have changed
		VerifyPeerCertificate:  t.verify,
	}
	return p, nil
}

// tls returns the configuration of a listener, which is current for each
// connection.
func (id *identity) tls() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return id.current().config, nil },
	}
}

var errName = errors.New("the certificate is of none of the names that are allowed")

// verify checks whose certificate it is that was found to be valid.
func (t *TLS) verify(_ [][]byte, chains [][]*x509.Certificate) error {
	if len(t.Names) == 0 {
		return nil
	}
	for _, chain := range chains {
		for _, name := range t.Names {
			if chain[0].VerifyHostname(name) == nil {
				return nil
			}
		}
	}
	return errName
}
