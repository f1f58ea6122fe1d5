package sink

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/shared/encode"
)

// File says how flows are written into files, or to standard output.
type File struct {
	Path     string        `yaml:"path"`     // of the file; %Y %m %d %H %M %S are the time in UTC when it is begun; "-" is standard output
	Format   string        `yaml:"format"`   // json, a line for each record; msgpack; or protobuf, each message behind its length
	Profile  string        `yaml:"profile"`  // names of the fields: ipfix, ecs, flat, cim or otel; protobuf has its own
	Records  string        `yaml:"records"`  // flows, or all: options and counters too (json and protobuf)
	Compress string        `yaml:"compress"` // none, gzip or zstd
	Size     source.Size   `yaml:"size"`     // a file that has so many octets is closed and the next begun, with a number in its name, as 1GiB; 0: none is
	Every    time.Duration `yaml:"every"`    // a file is begun at each multiple of this in UTC, as 1h, when there are flows for it; 0: none is
	Sync     string        `yaml:"sync"`     // the disk is told to keep what was written: at a file's close, with each batch, or never
}

// When a file is synced.
const (
	syncClose = "close"
	syncBatch = "batch"
	syncNever = "never"
)

const (
	recordsFlows = "flows"
	recordsAll   = "all"
)

// stdout is the path of standard output.
const stdout = "-"

// DefaultFile is JSON with IANA's names; Path is still to be set.
func DefaultFile() File {
	return File{Format: formatJSON, Profile: encode.IPFIX.String(), Records: recordsFlows, Compress: compressNone, Sync: syncClose}
}

// Validate says what is wrong with c, and what to write instead.
func (c File) Validate() error {
	if c.Path == "" {
		return errors.New(`path is empty: write the file's name, as /var/lib/weir/flows/%Y%m%d.jsonl, or "-" for standard output`)
	}
	if _, err := encode.ParseProfile(c.Profile); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	for _, err := range []error{
		oneOf("format", c.Format, formats),
		oneOf("records", c.Records, []string{recordsFlows, recordsAll}),
		oneOf("compress", c.Compress, compressions),
		oneOf("sync", c.Sync, []string{syncClose, syncBatch, syncNever}),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case c.Records == recordsAll && c.Format == formatMsgpack:
		return errors.New("records is all, which msgpack has no form for: write format json or protobuf, or records: flows")
	case c.Size < 0 || c.Size > 0 && c.Size < 4096:
		return fmt.Errorf("size is %d: write 4096 octets or more, as 1GiB, or 0 for no limit", c.Size)
	case c.Every < 0 || c.Every > 0 && c.Every < time.Second || c.Every%time.Second != 0:
		return fmt.Errorf("every is %s: write whole seconds, as 1h, or 0s for one file", c.Every)
	case c.Path == stdout && (c.Size > 0 || c.Every > 0):
		return errors.New("size and every are for files: standard output is never begun anew")
	case c.Path == stdout:
		return nil
	case strings.HasSuffix(c.Path, "/"):
		return fmt.Errorf("path %q is a directory: write a file's name in it, as %s", c.Path, filepath.Join(c.Path, "%Y%m%d.jsonl"))
	}
	return c.validateName()
}

// validateName says whether the path can be expanded, and gives each file a name
// of its own.
func (c File) validateName() error {
	from := time.Unix(0, 0)
	a, err := expand(c.Path, from)
	if err != nil || c.Every == 0 {
		return err
	}
	b, err := expand(c.Path, from.Add(c.Every))
	if a == b {
		return fmt.Errorf("every is %s, and path %q is the same then: put the time into it, as flows-%%Y%%m%%d-%%H%%M%%S.jsonl", c.Every, c.Path)
	}
	return err
}
