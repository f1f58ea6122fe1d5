// Command gen writes fluentbit/conf/index-template.json: how OpenSearch and
// Elasticsearch are to index records of the schema ecs; and fluentbit/FIELDS.md, the
// reference of all fields.
//
// Names and types of columns come from flow.Fields, as package encode writes
// them; those of elements without a column from the registries, where the
// registry knows better than the first value that comes. What is neither is in
// fixed.go.
package main

//go:generate go run . -dir ..

import (
	"bytes"
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	dir := flag.String("dir", "..", "the folder fluentbit/conf of the repository")
	flag.Parse()
	t, err := template()
	if err != nil {
		log.Fatal(err)
	}
	write(filepath.Join(*dir, "index-template.json"), append(appendJSON(nil, t, ""), '\n'))
	write(filepath.Join(*dir, "..", "FIELDS.md"), []byte(fields()))
}

// write writes a file, unless it is so already.
func write(path string, out []byte) {
	if old, _ := os.ReadFile(path); bytes.Equal(old, out) {
		return
	}
	if err := os.WriteFile(path, out, 0o644); err != nil {
		log.Fatal(err)
	}
}
