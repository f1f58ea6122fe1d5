// Command dashboards writes the dashboards that the Grafana datasource brings, into
// grafana/src/dashboards.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
)

//go:generate go run . ../src/dashboards

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: dashboards DIR")
	}
	dir := os.Args[1]
	for _, b := range boards {
		if err := os.WriteFile(filepath.Join(dir, b.file()), b.encode(), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// boards are all dashboards, in the order of their links.
var boards = []board{overview, talkers, conversations, interfaces, applications, peering, health, findings}

// encode returns b as it is committed.
func (b board) encode() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b.model()); err != nil {
		log.Fatal("dashboards: bug: ", err) // maps, texts and numbers make JSON
	}
	return out.Bytes()
}
