package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/weirflow/weir/shared/ie"
)

// An enterprise is one file of registry/.
type enterprise struct {
	pen      uint32
	name     string // as in the file's name
	elements []ie.Element
}

var fileName = regexp.MustCompile(`^(\d+)-([a-z0-9-]+)\.csv$`)

// read reads the CSV files of dir, lowest enterprise number first: IANA's
// elements, NetFlow v9's above 32767, then those of each enterprise.
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
	slices.SortFunc(all, func(a, b enterprise) int {
		return cmp.Or(cmp.Compare(a.pen, b.pen), cmp.Compare(a.elements[0].ID, b.elements[0].ID))
	})
	return all, check(all)
}

// check reports what keeps the files from making one table.
func check(all []enterprise) error {
	if len(all) < 2 || all[0].pen != 0 || all[1].pen != 0 ||
		all[0].elements[len(all[0].elements)-1].ID > 1<<15-1 || all[1].elements[0].ID < 1<<15 {
		return errors.New("want a file 0-….csv of IANA's elements and one of NetFlow v9's above 32767")
	}
	type key struct {
		pen  uint32
		name string
	}
	ids := map[key]uint16{}
	for i, e := range all {
		if i > 1 && e.pen == all[i-1].pen {
			return fmt.Errorf("two files for enterprise %d: %s, %s", e.pen, all[i-1].name, e.name)
		}
		for _, x := range e.elements {
			k := key{x.PEN, x.Name}
			if id, ok := ids[k]; ok {
				return fmt.Errorf("%d-%s.csv: %d and %d are both named %s", e.pen, e.name, id, x.ID, x.Name)
			}
			ids[k] = x.ID
		}
	}
	return nil
}

func readFile(path string) (e enterprise, err error) {
	m := fileName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return e, errors.New("the name is not <pen>-<name>.csv")
	}
	pen, err := strconv.ParseUint(m[1], 10, 32)
	if err != nil {
		return e, err
	}
	e.pen, e.name = uint32(pen), m[2]
	f, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer f.Close()
	if e.elements, err = ie.ReadCSV(f, e.pen); err != nil {
		return e, err
	}
	if len(e.elements) == 0 {
		return e, errors.New("no elements")
	}
	for i, x := range e.elements[1:] {
		if x.ID <= e.elements[i].ID {
			return e, fmt.Errorf("id %d does not ascend", x.ID)
		}
	}
	return e, nil
}
