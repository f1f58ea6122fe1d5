package hec

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Secret says where Splunk keeps a password for us: its credential storage
// (storage/passwords), which splunkd lets a modular input read.
//
// splunkd's certificate is checked always. Out of the box Splunk's own authority
// has signed it, which is the same in all installations of the world, with a key
// that anybody has: on the way to another machine it proves nothing. So
//
//   - the chain must lead to CA, always;
//   - beyond loopback, the certificate must have Name, or the host of URI;
//   - on loopback, where server_uri points to, and where nobody listens in but
//     this machine's own administrators, it may also have the name of Splunk's own
//     certificates, SplunkServerDefaultCert, or this machine's: certificates
//     rarely have 127.0.0.1.
//
// A name is looked for where it belongs, among the alternative names, and in the
// common name if there are none.
type Secret struct {
	URI        string // server_uri, as splunkd says it
	SessionKey string // session_key, as splunkd says it
	App        string // whose storage; "": TA-weir
	Realm      string // of the entry; may be empty
	User       string // of the entry
	CA         string // PEM file of those that vouch for splunkd; "": $SPLUNK_HOME/etc/auth/cacert.pem
	Name       string // that its certificate must have; "": as said above
	Host       string // server_host, as splunkd says it: a name of this machine
}

const (
	defaultApp  = "TA-weir"
	splunksName = "SplunkServerDefaultCert"
	// secretTime is how long splunkd may take.
	secretTime = 10 * time.Second
)

// Read returns the password, within ten seconds.
func (s Secret) Read(ctx context.Context) (string, error) {
	password, err := s.read(ctx)
	if err != nil {
		return "", fmt.Errorf("read %s from Splunk's credential storage: %w", s.title(), err)
	}
	return password, nil
}

func (s Secret) title() string {
	if s.Realm == "" {
		return s.User
	}
	return s.Realm + ":" + s.User
}

// command is what to do when the entry isn't there. curl looks for one name in a
// certificate: on loopback, that of Splunk's own.
func (s Secret) command() string {
	at, how := strings.TrimRight(s.URI, "/"), ""
	if u, err := url.Parse(s.URI); err == nil && u.Scheme == "https" {
		how = ` --cacert "` + cmp.Or(s.CA, "$SPLUNK_HOME/etc/auth/cacert.pem") + `"`
		name := s.Name
		if name == "" && loopback(u.Hostname()) {
			name = splunksName
		}
		if name != "" {
			port := cmp.Or(u.Port(), "443")
			how += fmt.Sprintf(" --connect-to %s:%s:%s", name, port, u.Host)
			at = "https://" + name + ":" + port + strings.TrimRight(u.Path, "/")
		}
	}
	realm := ""
	if s.Realm != "" {
		realm = " -d realm=" + s.Realm
	}
	return fmt.Sprintf("curl%s -u admin %s/servicesNS/nobody/%s/storage/passwords -d name=%s%s --data-urlencode password@FILE", how, at, cmp.Or(s.App, defaultApp), s.User, realm)
}

func (s Secret) read(ctx context.Context) (string, error) {
	u, err := url.Parse(s.URI)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("server_uri is %q: it ought to be as https://127.0.0.1:8089", s.URI)
	case s.SessionKey == "":
		return "", errors.New("splunkd sent no session_key, without which it tells nothing")
	case s.User == "":
		return "", errors.New("the entry has no name: write it as realm:name")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", fmt.Errorf("server_uri is %s: the session key doesn't go over the network in the clear; write enableSplunkdSSL = true in server.conf", s.URI)
	}
	var secure *tls.Config
	if u.Scheme == "https" {
		if secure, err = s.secure(u.Hostname()); err != nil {
			return "", err
		}
	}
	// An entry is named realm:user: with a backslash before colons in either.
	escape := strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace
	entry := escape(s.Realm) + ":" + escape(s.User) + ":"
	at := strings.TrimRight(s.URI, "/") + "/servicesNS/nobody/" + url.PathEscape(cmp.Or(s.App, defaultApp)) + "/storage/passwords/" + strings.ReplaceAll(url.PathEscape(entry), ":", "%3A") + "?output_mode=json"

	ctx, cancel := context.WithTimeout(ctx, secretTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Splunk "+s.SessionKey)
	t := &http.Transport{TLSClientConfig: secure} // and no proxy
	defer t.CloseIdleConnections()
	c := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a, err := c.Do(r)
	if err != nil {
		return "", s.inWords(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return "", s.inWords(err)
	}
	return s.password(a.StatusCode, data)
}

// password finds it in splunkd's answer.
func (s Secret) password(status int, data []byte) (string, error) {
	var doc struct {
		Entry []struct {
			Content struct {
				Password string `json:"clear_password"`
				User     string `json:"username"`
				Realm    string `json:"realm"`
			} `json:"content"`
		} `json:"entry"`
		Messages []struct {
			Text string `json:"text"`
		} `json:"messages"`
	}
	err := json.Unmarshal(data, &doc)
	says := fmt.Sprintf("splunkd answers %d", status)
	if err == nil && len(doc.Messages) > 0 {
		text := doc.Messages[0].Text
		says += " " + strconv.QuoteToASCII(text[:min(len(text), 200)])
	}
	switch {
	case status == http.StatusUnauthorized:
		return "", fmt.Errorf("%s: the session key is not accepted; restart the input, so that it gets a new one", says)
	case status == http.StatusForbidden:
		return "", fmt.Errorf("%s: the input's user needs the capability list_storage_passwords", says)
	case status == http.StatusNotFound:
		return "", fmt.Errorf("%s: there is no such entry; make it by %s", says, s.command())
	case status != http.StatusOK:
		return "", errors.New(says)
	case err != nil:
		return "", fmt.Errorf("splunkd's answer isn't JSON: %w", err)
	}
	for _, e := range doc.Entry {
		if e.Content.User != s.User || e.Content.Realm != s.Realm {
			continue
		}
		if p := strings.TrimSpace(e.Content.Password); p != "" {
			return p, nil
		}
		return "", fmt.Errorf("the entry is empty: make it anew by %s", s.command())
	}
	return "", fmt.Errorf("splunkd's answer has no such entry; make it by %s", s.command())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s Secret) secure(host string) (*tls.Config, error) {
	ca := s.ca()
	if ca == "" {
		return nil, errors.New("SPLUNK_HOME is not set, so we don't know who vouches for splunkd: write a PEM file as splunkd_ca")
	}
	pool, err := authorities("splunkd_ca", ca)
	if err != nil {
		return nil, err
	}
	names := []string{cmp.Or(s.Name, host)}
	if s.Name == "" && loopback(host) {
		names = append(names, "localhost", splunksName)
		if s.Host != "" {
			names = append(names, s.Host)
		}
		if own, err := os.Hostname(); err == nil && own != s.Host {
			names = append(names, own)
		}
	}
	return named(pool, host, names), nil
}

func (s Secret) ca() string {
	if s.CA != "" {
		return s.CA
	}
	if home := os.Getenv("SPLUNK_HOME"); home != "" {
		return filepath.Join(home, "etc", "auth", "cacert.pem")
	}
	return ""
}

func (s Secret) inWords(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // its text has the address
	}
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) {
		return fmt.Errorf("splunkd's certificate is not accepted: write the file of those that vouch for it as splunkd_ca (now %s), and its name as splunkd_name if it is another: %w", s.ca(), err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("splunkd did not answer within %s: %w", secretTime, err)
	}
	return fmt.Errorf("%s: %w", s.URI, err)
}
