package main

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// header is the first line of every file in registry/.
var header = []string{"id", "name", "type", "semantics", "units"}

// An enterprise is one file of registry/.
type enterprise struct {
	pen      uint32
	name     string // as in the file's name
	elements []element
}

// An element is one line, with the Go names of its type and semantics.
type element struct {
	id                    uint16
	name, typ, sem, units string
}

const reversePEN = 29305 // RFC 5103: made from IANA's elements, never listed

var (
	fileName    = regexp.MustCompile(`^(\d+)-([a-z0-9-]+)\.csv$`)
	elementName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,199}$`)
)

// The Go constant for each text of IANA's subregistries.
var types = map[string]string{
	"octetArray": "OctetArray",
	"unsigned8":  "Unsigned8", "unsigned16": "Unsigned16", "unsigned32": "Unsigned32",
	"unsigned64": "Unsigned64", "unsigned256": "Unsigned256",
	"signed8": "Signed8", "signed16": "Signed16", "signed32": "Signed32", "signed64": "Signed64",
	"float32": "Float32", "float64": "Float64", "boolean": "Boolean",
	"macAddress": "MACAddress", "string": "String",
	"dateTimeSeconds": "DateTimeSeconds", "dateTimeMilliseconds": "DateTimeMilliseconds",
	"dateTimeMicroseconds": "DateTimeMicroseconds", "dateTimeNanoseconds": "DateTimeNanoseconds",
	"ipv4Address": "IPv4Address", "ipv6Address": "IPv6Address",
	"basicList": "BasicList", "subTemplateList": "SubTemplateList",
	"subTemplateMultiList": "SubTemplateMultiList",
}

var semantics = map[string]string{
	"": "Default", "default": "Default", "quantity": "Quantity",
	"totalCounter": "TotalCounter", "deltaCounter": "DeltaCounter",
	"identifier": "Identifier", "flags": "Flags", "list": "List",
	"snmpCounter": "SNMPCounter", "snmpGauge": "SNMPGauge",
}

// read reads the CSV files of dir, lowest enterprise number first.
func read(dir string) ([]enterprise, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		return nil, err
	}
	var all []enterprise
	for _, p := range paths {
		e, err := readFile(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b enterprise) int { return cmp.Compare(a.pen, b.pen) })
	for i := 1; i < len(all); i++ {
		if all[i].pen == all[i-1].pen {
			return nil, fmt.Errorf("%s: two files for enterprise %d", dir, all[i].pen)
		}
	}
	if len(all) == 0 || all[0].pen != 0 {
		return nil, fmt.Errorf("%s: no file of IANA's elements (0-….csv)", dir)
	}
	return all, nil
}

func readFile(path string) (e enterprise, err error) {
	m := fileName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return e, fmt.Errorf("the name is not <pen>-<name>.csv")
	}
	pen, err := strconv.ParseUint(m[1], 10, 32)
	if err != nil {
		return e, err
	}
	if pen == reversePEN {
		return e, fmt.Errorf("enterprise %d is derived from IANA's elements", pen)
	}
	e.pen, e.name = uint32(pen), m[2]
	f, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return e, err
	}
	if len(lines) < 2 || !slices.Equal(lines[0], header) {
		return e, fmt.Errorf("the header is not %q, or nothing follows it", strings.Join(header, ","))
	}
	for i, l := range lines[1:] {
		x, err := parse(l)
		if err != nil {
			return e, fmt.Errorf("line %d: %w", i+2, err)
		}
		if i > 0 && x.id <= e.elements[i-1].id {
			return e, fmt.Errorf("line %d: id %d does not ascend", i+2, x.id)
		}
		e.elements = append(e.elements, x)
	}
	return e, nil
}

func parse(l []string) (element, error) {
	x := element{name: l[1], typ: types[l[2]], sem: semantics[l[3]], units: l[4]}
	id, err := strconv.ParseUint(l[0], 10, 15)
	switch {
	case err != nil || id == 0:
		return x, fmt.Errorf("id %q is not in 1 to 32767", l[0])
	case !elementName.MatchString(x.name):
		return x, fmt.Errorf("name %q is not letters and digits", x.name)
	case x.typ == "":
		return x, fmt.Errorf("unknown type %q", l[2])
	case x.sem == "":
		return x, fmt.Errorf("unknown semantics %q", l[3])
	}
	x.id = uint16(id)
	return x, nil
}
