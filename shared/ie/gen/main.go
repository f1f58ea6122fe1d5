// Command gen turns the registries of shared/ie into Go. It reads
// registry/<pen>-<name>.csv and writes zelements.go beside it:
//
//	go run ./shared/ie/gen
//
// With -xml it reads a registry in IANA's XML form instead and prints it as
// CSV, which is how a file of registry/ comes to be:
//
//	go run ./shared/ie/gen -xml ipfix.xml >shared/ie/registry/0-iana.csv
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("shared/ie/gen: ")
	dir := flag.String("dir", "shared/ie", "folder of the package ie")
	src := flag.String("xml", "", "print this XML registry as CSV, write nothing")
	flag.Parse()
	if err := run(*dir, *src); err != nil {
		log.Fatal(err)
	}
}

func run(dir, src string) error {
	if src != "" {
		f, err := os.Open(src)
		if err != nil {
			return err
		}
		defer f.Close()
		return convert(os.Stdout, f)
	}
	regs, err := read(filepath.Join(dir, "registry"))
	if err != nil {
		return err
	}
	code, err := render(regs)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "zelements.go"), code, 0o644)
}
