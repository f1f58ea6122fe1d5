package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/ie"
)

// AddElements reads CSV files of information elements (see ie.ReadCSV) and puts
// them in front of those that are built in. A file is named for its enterprise
// number, as "9-cisco.csv" is; where it isn't, the number comes before it, as in
// "9=mine.csv". No files take back what earlier ones have added.
func AddElements(files []string) error {
	var all []ie.Element
	for _, f := range files {
		pen, path, err := enterprise(f)
		if err != nil {
			return err
		}
		elements, err := readElements(path, pen)
		if err != nil {
			return err
		}
		all = append(all, elements...)
	}
	if err := ie.Extend(all); err != nil {
		return fmt.Errorf("elements of %s: %w", strings.Join(files, ", "), err)
	}
	return nil
}

func readElements(path string, pen uint32) ([]ie.Element, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	elements, err := ie.ReadCSV(r, pen)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return elements, nil
}

// enterprise takes the enterprise number from a file's name, or from before it.
func enterprise(file string) (pen uint32, path string, err error) {
	if number, rest, ok := strings.Cut(file, "="); ok {
		if n, err := strconv.ParseUint(number, 10, 32); err == nil {
			return uint32(n), rest, nil
		}
	}
	number, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".csv"), "-")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, "", fmt.Errorf("%s: which enterprise's elements? Name the file as 9-cisco.csv, or write 9=%s", file, file)
	}
	return uint32(n), file, nil
}
