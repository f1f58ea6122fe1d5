package ie

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Columns is the first line of a CSV file of elements.
const Columns = "id,name,type,semantics,units"

const (
	maxCSV  = 8 << 20 // no registry comes near it
	maxLine = 1 << 10
)

// ReadCSV reads the elements of an enterprise in the form that registry/ has:
//
//	# any remark
//	id,name,type,semantics,units
//	1,octetDeltaCount,unsigned64,deltaCounter,octets
//
// Semantics and units may be empty; nothing is quoted. Ids come in any order,
// each once. An error says which line is wrong and why. No more than 8 MiB are
// read.
func ReadCSV(r io.Reader, pen uint32) ([]Element, error) {
	limited := &io.LimitedReader{R: r, N: maxCSV + 1}
	in := bufio.NewScanner(limited)
	in.Buffer(nil, maxLine)
	var elements []Element
	lineOf := map[uint16]int{}
	header, n := false, 0
	for in.Scan() {
		n++
		l := strings.TrimRight(in.Text(), " \t\r")
		if n == 1 {
			l = strings.TrimPrefix(l, "\ufeff") // as spreadsheets begin a file
		}
		switch {
		case l == "" || l[0] == '#':
			continue
		case !header && l != Columns:
			return nil, fmt.Errorf("line %d: the header is not %q", n, Columns)
		case !header:
			header = true
			continue
		}
		e, err := parseElement(l, pen)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if first, ok := lineOf[e.ID]; ok {
			return nil, fmt.Errorf("line %d: id %d is on line %d already", n, e.ID, first)
		}
		lineOf[e.ID] = n
		elements = append(elements, e)
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: longer than %d bytes", n+1, maxLine)
	case err != nil:
		return nil, fmt.Errorf("after line %d: %w", n, err)
	case limited.N == 0:
		return nil, fmt.Errorf("after line %d: more than %d MiB", n, maxCSV>>20)
	case !header:
		return nil, errors.New("no header " + Columns)
	}
	return elements, nil
}

func parseElement(line string, pen uint32) (Element, error) {
	l := strings.Split(line, ",")
	if len(l) != 5 {
		return Element{}, fmt.Errorf("%d columns, not 5", len(l))
	}
	id, err := strconv.ParseUint(l[0], 10, 16)
	if err != nil {
		return Element{}, fmt.Errorf("id %q is not a number below 65536", l[0])
	}
	typ := slices.Index(typeNames[:], l[2])
	if typ < 0 {
		return Element{}, fmt.Errorf("unknown type %q", l[2])
	}
	sem := int(Default)
	if l[3] != "" {
		sem = slices.Index(semanticsNames[:], l[3])
	}
	if sem < 0 {
		return Element{}, fmt.Errorf("unknown semantics %q", l[3])
	}
	e := Element{PEN: pen, ID: uint16(id), Type: Type(typ), Semantics: Semantics(sem), Name: l[1], Units: l[4]}
	return e, e.check()
}

// check reports what makes e impossible, whatever other elements there are.
// Names become keys of JSON: they hold nothing that would have to be escaped.
func (e Element) check() error {
	switch {
	case e.PEN == ReversePEN:
		return fmt.Errorf("enterprise %d is made from the elements of enterprise 0", ReversePEN)
	case e.PEN == 0 && e.ID == 0:
		return errors.New("id 0 is reserved")
	case e.PEN != 0 && e.ID > maxID:
		return fmt.Errorf("id %d of enterprise %d is not in 0 to %d", e.ID, e.PEN, maxID)
	case e.Name == "" || len(e.Name) > maxName || !isLetter(rune(e.Name[0])) || strings.ContainsFunc(e.Name, notInName):
		return fmt.Errorf("name %.80q is not a letter and up to %d letters, digits, - or _", e.Name, maxName-1)
	case int(e.Type) >= len(typeNames):
		return fmt.Errorf("unknown type %d", e.Type)
	case int(e.Semantics) >= len(semanticsNames):
		return fmt.Errorf("unknown semantics %d", e.Semantics)
	case len(e.Units) > maxUnits || strings.ContainsFunc(e.Units, notInUnits):
		return fmt.Errorf("units %.80q are not up to %d letters, digits, spaces, or one of -_./%%", e.Units, maxUnits)
	}
	return nil
}

const (
	maxName  = 200 // the tables count a name's bytes in 8 bits
	maxUnits = 64
)

func isLetter(r rune) bool { return 'a' <= r|0x20 && r|0x20 <= 'z' }

func notInName(r rune) bool {
	return !isLetter(r) && (r < '0' || r > '9') && r != '-' && r != '_'
}

func notInUnits(r rune) bool { return notInName(r) && !strings.ContainsRune(" ./%", r) }
