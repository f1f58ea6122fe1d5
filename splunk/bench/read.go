//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
)

// A tally counts events, and of them those of two flows.
type tally struct{ events, pairs atomic.Int64 }

// bytesIn is how many values of an event come before the answer's octets.
const bytesIn = 7

// add counts an event whose values, with '|' between, begin behind mark.
func (t *tally) add(line, mark []byte) {
	i := bytes.Index(line, mark)
	if i < 0 {
		return
	}
	t.events.Add(1)
	v := line[i+len(mark):]
	for range bytesIn {
		_, v, _ = bytes.Cut(v, []byte("|"))
	}
	if len(v) > 0 && v[0] != '|' {
		t.pairs.Add(1)
	}
}

// stream reads the events of a stream until it ends.
func (t *tally) stream(r io.Reader) error {
	closed := false
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 256<<10), 1<<20)
	for lines.Scan() {
		closed = string(lines.Bytes()) == "</stream>"
		t.add(lines.Bytes(), []byte("<data>"))
	}
	if lines.Err() == nil && !closed {
		return errors.New("the stream isn't closed")
	}
	return lines.Err()
}

// A collector stands in for an event collector that is always well.
type collector struct {
	*httptest.Server
	tally
	ca string // file of who vouches for it
}

const token = "11111111-2222-3333-4444-555555555555"

func newCollector(dir string) (*collector, error) {
	c := &collector{ca: filepath.Join(dir, "ca.pem")}
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.StartTLS()
	return c, os.WriteFile(c.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}), 0o600)
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Splunk "+token {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it is sent again
	}
	for line := range bytes.Lines(body) {
		c.add(line, []byte(`"event":"`))
	}
	io.WriteString(w, `{"text":"Success","code":0}`)
}
