package modinput

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// oracle returns a document that Splunk's SDKs test with, or that splunkd sent.
func oracle(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "oracle", "splunk", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("Splunk's own documents are not on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	// The SDKs keep them as UTF-16; on the wire they are UTF-8.
	if len(data) >= 2 && data[0] == 0xfe && data[1] == 0xff || len(data) >= 2 && data[0] == 0 {
		u := make([]uint16, len(data)/2)
		for i := range u {
			u[i] = binary.BigEndian.Uint16(data[2*i:])
		}
		return string(utf16.Decode(u))
	}
	return string(data)
}

// open is a reader that gives text and then neither more nor an end, as a pipe
// that splunkd keeps open.
func open(t *testing.T, text string) io.Reader {
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	go w.Write([]byte(text))
	return r
}

// within fails if f isn't back soon.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("not back after %s", d)
	}
}

const inputDocument = `<?xml version="1.0" encoding="UTF-8"?>
<input>
  <server_host>splunk</server_host>
  <server_uri>https://127.0.0.1:8089</server_uri>
  <session_key>k</session_key>
  <checkpoint_dir>/opt/splunk/var/lib/splunk/modinputs/weir</checkpoint_dir>
  <configuration>
    <stanza name="weir://a &amp; b" app="TA-weir">
      <param name="host">$decideOnStartup</param>
      <param name="index">net</param>
      <param name="listeners"> 127.0.0.1:0 </param>
      <param_list name="tags"><value>x</value><value>y</value></param_list>
    </stanza>
  </configuration>
</input>`

func TestReadInput(t *testing.T) {
	within(t, 5*time.Second, func() {
		in, err := ReadInput(open(t, inputDocument))
		s := in.Stanzas
		if err != nil || len(s) != 1 {
			t.Errorf("%v, %v", s, err)
			return
		}
		if in.CheckpointDir != "/opt/splunk/var/lib/splunk/modinputs/weir" || in.ServerURI != "https://127.0.0.1:8089" || in.SessionKey != "k" || in.ServerHost != "splunk" || s[0].App != "TA-weir" {
			t.Errorf("%+v", in)
		}
		if s[0].Name != "weir://a & b" || s[0].Get("listeners") != "127.0.0.1:0" || s[0].Get("tags") != "x,y" || s[0].Get("none") != "" {
			t.Errorf("%+v", s[0])
		}
	})
}

func TestReadInputRefuses(t *testing.T) {
	f := func(doc string) {
		t.Helper()
		if s, err := ReadInput(strings.NewReader(doc)); err == nil {
			t.Errorf("%q gives %v", doc, s)
		}
	}
	f("")
	f("<input>")
	f("<items></items>")
	f("<input><configuration></input>")
	f("<input>" + strings.Repeat("x", maxDocument) + "</input>")
}

func TestReadOracleInputs(t *testing.T) {
	f := func(name string, stanzas int, param, value string) {
		t.Run(name, func(t *testing.T) {
			doc := oracle(t, name)
			within(t, 5*time.Second, func() {
				in, err := ReadInput(open(t, doc))
				s := in.Stanzas
				if err != nil || len(s) != stanzas {
					t.Errorf("%v, %v", s, err)
				} else if stanzas > 0 && s[stanzas-1].Get(param) != value {
					t.Errorf("%s is %q: %v", param, s[stanzas-1].Get(param), s)
				}
			})
		})
	}
	for _, sdk := range []string{"splunk-sdk-python/", "splunk-sdk-java/"} {
		f(sdk+"conf_with_0_inputs.xml", 0, "", "")
		f(sdk+"conf_with_2_inputs.xml", 2, "multiValue2", "value3,value4")
	}
	f("splunk-otel-ta/Splunk_TA_otel.inputs.xml", 1, "host", "$decideOnStartup")
	f("splunk-otel-ta/install.inputs.xml", 1, "uninstall", "false")
	f("splunk-otel-ta-v2/testdata/Splunk_TA_otel.inputs.xml", 1, "start_by_shell", "false")
}

func TestReadOracleItems(t *testing.T) {
	for _, name := range []string{"splunk-sdk-python/validation.xml", "splunk-sdk-java/validation.xml"} {
		t.Run(name, func(t *testing.T) {
			doc := oracle(t, name)
			within(t, 5*time.Second, func() {
				s, err := ReadItem(open(t, doc))
				if err != nil || s.Name != "aaa" || s.Get("param2") != "value2" || s.Get("multiValue") != "value1,value2" {
					t.Errorf("%+v, %v", s, err)
				}
			})
		})
	}
}

func TestReadItemWantsOne(t *testing.T) {
	for _, doc := range []string{"<items></items>", `<items><item name="a"/><item name="b"/></items>`} {
		if s, err := ReadItem(strings.NewReader(doc)); err == nil {
			t.Errorf("%s gives %v", doc, s)
		}
	}
}
