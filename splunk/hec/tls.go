package hec

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// secure returns how indexers are trusted: by the system's authorities or those
// of the file CA, and under their host's name or Name.
func (c *Config) secure() (*tls.Config, error) {
	var pool *x509.CertPool
	if c.CA != "" {
		var err error
		if pool, err = authorities("hec_ca", c.CA); err != nil {
			return nil, err
		}
	}
	if c.Name == "" {
		return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, nil
	}
	return named(pool, c.Name, []string{c.Name}), nil
}

// authorities reads a file of certificates. splunkd hands a name over as it is
// written in inputs.conf, with $SPLUNK_HOME in it.
func authorities(key, file string) (*x509.CertPool, error) {
	file = os.ExpandEnv(file)
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s has no certificate in PEM", key, file)
	}
	return pool, nil
}

// named returns a configuration that accepts certificates that pool vouches for
// and that have one of the names. Splunk's own certificates have their name as
// common name only, which crypto/tls doesn't look at: so the check is done here,
// the chain as crypto/tls does it.
func named(pool *x509.CertPool, server string, names []string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         server,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("there is no certificate")
			}
			cert := s.PeerCertificates[0]
			between := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := cert.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between})
			if err == nil && !hasName(cert, names) {
				err = fmt.Errorf("it is of %q, and none of %s", cert.Subject.CommonName, strings.Join(names, ", "))
			}
			if err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
			}
			return nil
		},
	}
}

// hasName tells whether a certificate has one of the names: as it ought to, or
// as its common name if it has no others.
func hasName(c *x509.Certificate, names []string) bool {
	others := len(c.DNSNames)+len(c.IPAddresses)+len(c.URIs)+len(c.EmailAddresses) > 0
	for _, n := range names {
		if c.VerifyHostname(n) == nil || !others && strings.EqualFold(c.Subject.CommonName, n) {
			return true
		}
	}
	return false
}
