package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirflow/weir/collector/api"
	"github.com/weirflow/weir/shared/query"
)

// apiFlags say which weir a command asks.
type apiFlags struct {
	url, http, token, tokenFile, data, ca string
}

func (f *apiFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.url, "api", "http://"+api.Default().Listen, "`URL` of the weir that runs")
	fl.StringVar(&f.http, "http", "", "`ADDR` of the weir that runs, host:port; a shorter --api")
	fl.StringVar(&f.token, "token", "", "`TOKEN` for it; default: WEIR_TOKEN, or DIR/token of --data for a weir on this machine")
	fl.StringVar(&f.tokenFile, "token-file", "", "`FILE` that holds the token")
	fl.StringVar(&f.data, "data", "", "`DIR` of its data")
	fl.StringVar(&f.ca, "ca", "", "PEM `FILE` of who vouches for its certificate; default: the system's")
}

// client returns what asks the weir that runs.
func (f *apiFlags) client() (*api.Client, error) {
	if f.http != "" {
		if f.url = f.http; !strings.Contains(f.url, "://") {
			f.url = "http://" + f.url
		}
	}
	u, err := url.Parse(f.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("--api: %q is no URL: write it as http://127.0.0.1:8085", f.url)
	}
	c := &api.Client{URL: f.url, Token: f.token}
	if f.tokenFile != "" {
		if c.Token, err = api.ReadToken(f.tokenFile); err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
	}
	if c.Token == "" {
		c.Token = os.Getenv("WEIR_TOKEN")
	}
	if c.Token == "" && f.data != "" && onThisMachine(u.Hostname()) { // no other gets it
		if c.Token, err = api.ReadToken(filepath.Join(f.data, "token")); err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
	}
	if f.ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca: %s holds no certificate", f.ca)
	}
	c.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	return c, nil
}

// onThisMachine tells whether a host is loopback's, or an address of ours.
func onThisMachine(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	all, err := net.InterfaceAddrs()
	return a.IsLoopback() || err == nil && slices.ContainsFunc(all, func(x net.Addr) bool {
		n, ok := x.(*net.IPNet)
		return ok && n.IP.Equal(net.IP(a.AsSlice()))
	})
}

// hinted adds to an error of asking what to do about it.
func hinted(err error) error {
	var p *api.ProblemError
	switch {
	case errors.Is(err, api.ErrAbsent):
		return fmt.Errorf("%w: start it with: weir run; or say where it is: --api URL", err)
	case errors.As(err, &p) && p.Status == http.StatusUnauthorized:
		return fmt.Errorf("%w; give it with --token, WEIR_TOKEN, or --data DIR", err)
	}
	return err
}

// filterArgs reads a filter from arguments, which the shell may have split, and
// returns its text.
func filterArgs(args []string) (string, error) {
	text := strings.Join(args, " ")
	_, err := query.Parse(text)
	if s := new(query.SyntaxError); errors.As(err, &s) {
		return "", usagef("%w\n%s", err, s.Caret())
	}
	return text, err
}

// completeExporters offers the addresses of exporters to the shell.
func (f *apiFlags) completeExporters(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const no = cobra.ShellCompDirectiveNoFileComp
	c, err := f.client()
	if err != nil || len(args) > 0 {
		return nil, no
	}
	x, err := c.Exporters(cmd.Context())
	if err != nil {
		return nil, no
	}
	var all []cobra.Completion
	for _, e := range x.Exporters {
		all = append(all, cobra.CompletionWithDesc(e.Address.String(), e.Name))
	}
	return all, no
}
