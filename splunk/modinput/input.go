package modinput

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// An Input is what splunkd hands to a modular input that is to run.
type Input struct {
	CheckpointDir string // where it may keep what survives a restart
	ServerURI     string // of splunkd's management port
	SessionKey    string // for it
	ServerHost    string // a name of this machine
	Stanzas       []Stanza
}

// A Stanza is the part of inputs.conf that splunkd hands to a modular input.
type Stanza struct {
	Name   string // "weir://core"; only "core" when it is to be validated
	App    string // that the stanza is of; "" when it is to be validated
	Params []Param
}

// A Param is a setting of a Stanza. A list has its values joined with commas.
type Param struct{ Name, Value string }

// Get returns the value of a setting, "" if it isn't there.
func (s Stanza) Get(name string) string {
	for _, p := range s.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

type xmlStanza struct {
	Name   string `xml:"name,attr"`
	App    string `xml:"app,attr"`
	Params []struct {
		Name  string `xml:"name,attr"`
		Value string `xml:",chardata"`
	} `xml:"param"`
	Lists []struct {
		Name   string   `xml:"name,attr"`
		Values []string `xml:"value"`
	} `xml:"param_list"`
}

func (x xmlStanza) stanza() Stanza {
	s := Stanza{Name: x.Name, App: x.App}
	for _, p := range x.Params {
		s.Params = append(s.Params, Param{p.Name, strings.TrimSpace(p.Value)})
	}
	for _, l := range x.Lists {
		s.Params = append(s.Params, Param{l.Name, strings.Join(l.Values, ",")})
	}
	return s
}

// ReadInput reads the document that splunkd writes to a modular input that is
// to run. It reads up to the end of the element input
// and doesn't wait for the end of r, which splunkd may keep open.
func ReadInput(r io.Reader) (Input, error) {
	var doc struct {
		XMLName       xml.Name    `xml:"input"`
		CheckpointDir string      `xml:"checkpoint_dir"`
		ServerURI     string      `xml:"server_uri"`
		SessionKey    string      `xml:"session_key"`
		ServerHost    string      `xml:"server_host"`
		Stanzas       []xmlStanza `xml:"configuration>stanza"`
	}
	if err := read(r, &doc); err != nil {
		return Input{}, fmt.Errorf("read input from splunkd: %w", err)
	}
	in := Input{
		CheckpointDir: strings.TrimSpace(doc.CheckpointDir), ServerURI: strings.TrimSpace(doc.ServerURI),
		SessionKey: strings.TrimSpace(doc.SessionKey), ServerHost: strings.TrimSpace(doc.ServerHost),
	}
	for _, x := range doc.Stanzas {
		in.Stanzas = append(in.Stanzas, x.stanza())
	}
	return in, nil
}

// ReadItem reads the document that splunkd writes when arguments are to be
// validated, and returns its one item. It doesn't wait for the end of r either.
func ReadItem(r io.Reader) (Stanza, error) {
	var doc struct {
		XMLName xml.Name    `xml:"items"`
		Items   []xmlStanza `xml:"item"`
	}
	if err := read(r, &doc); err != nil {
		return Stanza{}, fmt.Errorf("read items from splunkd: %w", err)
	}
	if len(doc.Items) != 1 {
		return Stanza{}, fmt.Errorf("read items from splunkd: %d items instead of one", len(doc.Items))
	}
	return doc.Items[0].stanza(), nil
}

// maxDocument bounds what is read of a document.
const maxDocument = 16 << 20

func read(r io.Reader, doc any) error {
	d := xml.NewDecoder(io.LimitReader(r, maxDocument))
	// splunkd writes UTF-8. A document whose declaration could be read is not
	// UTF-16, whatever it says.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d.Decode(doc)
}
