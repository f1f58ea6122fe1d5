package source

import (
	"errors"
	"fmt"
)

// TLS says who we are to exporters that connect, and who they must be.
type TLS struct {
	Cert       string     `yaml:"cert"`        // PEM file: our certificate, then those that vouch for it
	Key        string     `yaml:"key"`         // PEM file: its private key
	ClientCA   string     `yaml:"client_ca"`   // PEM file: those that vouch for exporters; without it anyone who may connect may send
	ClientAuth ClientAuth `yaml:"client_auth"` // require (with client_ca the default), optional or none
	Names      []string   `yaml:"names"`       // an exporter's certificate must be of one of these (host name or address); empty: any
}

// ClientAuth says whether exporters must show a certificate.
type ClientAuth string

const (
	Require  ClientAuth = "require"  // one that client_ca vouches for
	Optional ClientAuth = "optional" // that, or none
	None     ClientAuth = "none"     // none is asked for
)

func (t *TLS) empty() bool {
	return t.Cert == "" && t.Key == "" && t.ClientCA == "" && t.ClientAuth == "" && len(t.Names) == 0
}

// auth returns ClientAuth, or its default.
func (t *TLS) auth() ClientAuth {
	switch {
	case t.ClientAuth != "":
		return t.ClientAuth
	case t.ClientCA != "":
		return Require
	}
	return None
}

// Validate says what is wrong with t. The files are read when the listener opens.
func (t TLS) Validate() error {
	switch a := t.auth(); {
	case t.Cert == "" || t.Key == "":
		return errors.New("write cert and key, the PEM files of the certificate that exporters are shown")
	case a != Require && a != Optional && a != None:
		return fmt.Errorf("client_auth is %q: write require, optional or none", string(a))
	case a != None && t.ClientCA == "":
		return fmt.Errorf("client_auth is %s: write client_ca, the PEM file of those that vouch for exporters", a)
	case a != Require && len(t.Names) > 0:
		return errors.New("names says who exporters must be: write client_ca, and client_auth: require")
	}
	return nil
}
