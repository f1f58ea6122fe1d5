package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads a YAML file over the defaults.
func Load(path string) (Config, error) {
	c := Default()
	if err := Read(path, &c); err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Read reads a YAML file over v, which points to a struct. A key that doesn't
// exist is an error, which names it and its line; so is a second document.
func Read(path string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && err != io.EOF { // EOF: nothing but comments
		return fmt.Errorf("%s: %w", path, plain(err, reflect.TypeOf(v).Elem()))
	}
	var more yaml.Node
	switch err := d.Decode(&more); {
	case err == nil:
		return fmt.Errorf("%s: line %d: another document: write all into one, without --- between", path, more.Line)
	case err != io.EOF:
		return fmt.Errorf("%s: %w", path, plain(err, nil))
	}
	return nil
}

var unknownField = regexp.MustCompile(`^(line \d+): field (\S+) not found in type \S+$`)

// plain says in an operator's words what the YAML package says in Go's; t is
// what was read.
func plain(err error, t reflect.Type) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []string
	for _, e := range te.Errors {
		if m := unknownField.FindStringSubmatch(e); m != nil {
			e = fmt.Sprintf("%s: unknown key %q%s", m[1], m[2], meant(m[2], yamlKeys(t)))
		}
		all = append(all, e)
	}
	return errors.New(strings.Join(all, "; "))
}
