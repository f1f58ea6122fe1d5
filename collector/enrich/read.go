package enrich

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pointer is a row's pointer type.
type pointer[T any] interface {
	*T
	row
}

// readRows reads a table: CSV, whose first line has the keys, or a YAML list.
func readRows[T any, P pointer[T]](path string) ([]T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []T
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".csv":
		rows, err = readCSV[T, P](text)
	case ".yaml", ".yml":
		rows, err = readYAML[T](text)
	default:
		return nil, fmt.Errorf("%s: a table's name ends in .csv, .yaml or .yml", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range rows {
		P(&rows[i]).at().file = path
	}
	return rows, nil
}

func readYAML[T any](text []byte) (rows []T, err error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	err = d.Decode(&rows)
	if err == nil {
		var more yaml.Node
		if err = d.Decode(&more); err == nil {
			return nil, fmt.Errorf("line %d: another document: write all into one list, without --- between", more.Line)
		}
	}
	if err != io.EOF {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return rows, nil
}

func readCSV[T any, P pointer[T]](text []byte) (rows []T, err error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	r.Comment = '#'
	r.TrimLeadingSpace = true
	head, err := r.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("line 1: write the keys, as %s", strings.Join(keys(P(new(T))), ","))
	}
	if err != nil {
		return nil, err
	}
	for i := range head {
		head[i] = strings.ToLower(strings.TrimSpace(head[i]))
		if x := P(new(T)); !slices.Contains(keys(x), head[i]) {
			return nil, unknown(x, head[i], 1)
		}
		if slices.Contains(head[:i], head[i]) {
			return nil, fmt.Errorf("line 1: %s is there twice: remove one", head[i])
		}
	}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		rows = append(rows, *new(T))
		x := P(&rows[len(rows)-1])
		x.at().line = line
		for i, v := range cells {
			if v = strings.TrimSpace(v); v == "" {
				continue
			}
			if err := set(x, head[i], &yaml.Node{Kind: yaml.ScalarNode, Value: v, Line: line}); err != nil {
				return nil, err
			}
		}
	}
}
