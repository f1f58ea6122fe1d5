package main

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/ie"
)

// convert writes the elements of an XML registry as CSV. Ranges, reserved
// numbers and elements without a name are left out; so are the descriptions.
func convert(w io.Writer, r io.Reader) error {
	var doc struct {
		Registries []struct {
			ID      string `xml:"id,attr"`
			Records []struct {
				ID        string `xml:"elementId"`
				Name      string `xml:"name"`
				Type      string `xml:"dataType"`
				Semantics string `xml:"dataTypeSemantics"`
				Units     string `xml:"units"`
			} `xml:"record"`
		} `xml:"registry"`
	}
	if err := xml.NewDecoder(r).Decode(&doc); err != nil {
		return fmt.Errorf("read XML registry: %w", err)
	}
	out := csv.NewWriter(w)
	out.Write(strings.Split(ie.Columns, ","))
	for _, g := range doc.Registries {
		if g.ID != "ipfix-information-elements" {
			continue
		}
		for _, x := range g.Records {
			row := []string{x.ID, x.Name, x.Type, x.Semantics, x.Units}
			for i := range row {
				row[i] = strings.TrimSpace(row[i])
			}
			if _, err := strconv.Atoi(row[0]); err != nil || row[1] == "" || row[2] == "" {
				continue
			}
			out.Write(row)
		}
	}
	out.Flush()
	return out.Error()
}
