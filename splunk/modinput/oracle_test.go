package modinput

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// paths returns the elements and attributes of a document, as a/b and a/b@c, and
// the texts of its elements.
func paths(t *testing.T, name, doc string) (root string, all map[string]string) {
	t.Helper()
	all = map[string]string{}
	d := xml.NewDecoder(strings.NewReader(doc))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	at := ""
	for {
		token, err := d.Token()
		if err == io.EOF {
			if root == "" {
				t.Fatalf("%s is empty", name)
			}
			return root, all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if at == "" {
				root = e.Name.Local
			}
			at = path.Join(at, e.Name.Local)
			all[at] = ""
			for _, a := range e.Attr {
				all[at+"@"+a.Name.Local] = a.Value
			}
		case xml.EndElement:
			if at = path.Dir(at); at == "." {
				at = ""
			}
		case xml.CharData:
			if at != "" {
				all[at] += string(e)
			}
		}
	}
}

// All documents that are there are read: what splunkd says is understood, and an
// event of ours has no element that those of Splunk's SDKs lack.
func TestOracleDocuments(t *testing.T) {
	const folder = "../../../shared/oracle/splunk"
	seen := map[string]int{}
	theirs := map[string]bool{"stream": true}
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".xml") {
			return err
		}
		doc := oracle(t, name)
		root, all := paths(t, name, doc)
		seen[root]++
		switch root {
		case "input":
			in, err := ReadInput(open(t, doc))
			_, has := all["input/configuration/stanza"]
			if err != nil || in.ServerURI != all["input/server_uri"] || in.SessionKey != all["input/session_key"] ||
				in.CheckpointDir != all["input/checkpoint_dir"] || in.ServerHost != all["input/server_host"] || len(in.Stanzas) > 0 != has {
				t.Errorf("%s: %+v, %v", name, in, err)
			}
			for _, s := range in.Stanzas {
				if s.Name == "" || s.Get("index") == "" && s.Get("interval") == "" {
					t.Errorf("%s: %+v", name, s)
				}
			}
		case "items":
			if s, err := ReadItem(open(t, doc)); err != nil || s.Name != all["items/item@name"] || len(s.Params) < 2 {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
		case "stream", "event":
			for k := range all {
				theirs[strings.TrimPrefix("stream/"+k, "stream/stream/")] = true
			}
		case "error", "scheme", "arg": // there are tests of what we say
		default:
			t.Errorf("%s is a %s", name, root)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("Splunk's own documents are not on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", seen)
	for _, root := range []string{"input", "items", "error", "scheme", "arg", "stream", "event"} {
		if seen[root] < 2 {
			t.Errorf("%d documents are a %s", seen[root], root)
		}
	}
	var out spy
	s := NewStream(&out, parsed(t, Param{"stitch", "false"}), nil)
	b := batch(1)
	b.Options = append(b.Options, flow.Option{Exporter: b.Flows[0].Exporter, Received: 1e18, Version: 9})
	if err := errors.Join(s.Open(), s.Write(t.Context(), b), s.End(t.Context())); err != nil {
		t.Fatal(err)
	}
	_, ours := paths(t, "ours", out.text.String())
	for k := range ours {
		if !theirs[k] {
			t.Errorf("nobody else says %s", k)
		}
	}
}
