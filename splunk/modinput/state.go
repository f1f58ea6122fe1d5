package modinput

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/template"
)

// A stanza keeps what survives a restart in a folder of its own in splunkd's
// checkpoint directory: the collector's snapshot of templates, sampling rates and
// names, and a file that says on which ports the stanza listens. Stanzas that
// share a port read one another's snapshots: when a process starts or stops, the
// kernel deals the exporters of the port out anew, and data comes to one process
// whose templates went to another.
const (
	snapshotFile = "templates" // as the collector calls them
	lockFile     = "lock"
	portsFile    = "ports"
)

const (
	maxSiblings   = 256
	maxPortsFile  = 4 << 10
	lookEvery     = time.Second // at most
	lookForMisses = 50 * time.Millisecond
	refreshEvery  = 10 * time.Second // without a miss
)

// stateDir returns the folder of a stanza in checkpoints.
func stateDir(checkpoints, stanza string) string {
	return filepath.Join(checkpoints, folderPrefix+folderName(strings.TrimPrefix(stanza, Scheme+"://")))
}

const folderPrefix = "stanza-"

// folderName makes any stanza's name one of a file, on file systems too that
// don't tell upper from lower case: all but small letters, digits, '-' and '_'
// becomes '%' and two hexadecimal digits. A long name ends with its hash.
func folderName(stanza string) string {
	var b []byte
	for _, c := range []byte(stanza) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b = append(b, c)
		} else {
			b = append(b, '%', hexLower[c>>4], hexLower[c&15])
		}
	}
	if len(b) > 120 {
		h := sha256.Sum256([]byte(stanza))
		b = append(b[:80], "%-"+hex.EncodeToString(h[:16])...)
	}
	return string(b)
}

// openState makes the folder of a stanza, for its owner alone. It is no good if
// what is in it can't be opened: splunkd may have run as another user.
func openState(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{lockFile, snapshotFile} {
		path := filepath.Join(dir, name)
		if i, err := os.Lstat(path); err == nil && !i.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", path)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		if err == nil {
			f.Close()
		}
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(dir, 0o700), f.Close(), os.Remove(f.Name()))
}

// savePorts tells siblings where the stanza listens.
func savePorts(dir string, addrs []netip.AddrPort) error {
	var b []byte
	for _, a := range addrs {
		b = append(strconv.AppendUint(b, uint64(a.Port()), 10), '\n')
	}
	f, err := os.CreateTemp(dir, portsFile+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, portsFile))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// siblings looks into the snapshots of the stanzas that share a port with this
// one.
type siblings struct {
	dir   string // of this stanza
	ports []uint16
	store *template.Store
	limit int64 // octets of a snapshot
	log   *slog.Logger
	seen  map[string]version // of the snapshots that were taken in, or are no good
}

// A version tells a file from what it was before.
type version struct {
	at   time.Time
	size int64
}

func newSiblings(dir string, addrs []netip.AddrPort, store *template.Store, octets int64, log *slog.Logger) *siblings {
	s := &siblings{dir: dir, store: store, limit: octets, log: log, seen: map[string]version{}}
	if s.limit <= 0 {
		s.limit = template.DefaultLimits().Octets
	}
	for _, a := range addrs {
		s.ports = append(s.ports, a.Port())
	}
	return s
}

// run looks when data has come whose template isn't known, once a second at
// most and as long as it waits; and now and then for templates that changed.
func (s *siblings) run(ctx context.Context) {
	tick := time.NewTicker(lookForMisses)
	defer tick.Stop()
	var told uint64
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ever, waiting := s.store.Missed()
		since := time.Since(last)
		if since < lookEvery || ever == told && waiting == 0 && since < refreshEvery {
			continue
		}
		s.look()
		told, last = ever, time.Now()
	}
}

// look takes in the snapshots that have changed, and returns how many.
func (s *siblings) look() (taken int) {
	all, err := filepath.Glob(filepath.Join(escapeGlob(filepath.Dir(s.dir)), folderPrefix+"*"))
	if err != nil {
		return 0
	}
	n := 0
	for _, dir := range all {
		if dir == s.dir {
			continue
		}
		if n++; n > maxSiblings {
			return taken
		}
		path := filepath.Join(dir, snapshotFile)
		i, err := os.Lstat(path)
		if err != nil {
			continue
		}
		v := version{i.ModTime(), i.Size()}
		if s.seen[path] == v || !s.shares(dir) {
			continue
		}
		s.seen[path] = v
		d, err := readOwn(path, s.limit)
		if err == nil {
			err = s.store.Restore(d)
		}
		if err != nil {
			s.log.Warn("templates of another stanza of the port can't be read", "file", path, "error", err)
			continue
		}
		taken++
	}
	return taken
}

// escapeGlob keeps Glob from understanding a directory's name.
func escapeGlob(dir string) string {
	if filepath.Separator == '\\' {
		return dir // there is no escaping there, nor '*' and '?' in names
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// shares tells whether the stanza of dir listens on a port of ours.
func (s *siblings) shares(dir string) bool {
	d, err := readOwn(filepath.Join(dir, portsFile), maxPortsFile)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(d)) {
		p, err := strconv.ParseUint(strings.TrimSpace(line), 10, 16)
		if err == nil && slices.Contains(s.ports, uint16(p)) {
			return true
		}
	}
	return false
}

// readOwn reads a file of limit octets at most that nobody but our user can have
// written.
func readOwn(path string, limit int64) ([]byte, error) {
	f, err := openOwn(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !i.Mode().IsRegular():
		return nil, errors.New("it is no file")
	case i.Size() > limit:
		return nil, fmt.Errorf("it has %d octets, more than %d", i.Size(), limit)
	}
	if err := owned(i); err != nil {
		return nil, err
	}
	d, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(d)) > limit {
		err = fmt.Errorf("it has more than %d octets", limit)
	}
	return d, err
}

var errNotOurs = errors.New("it is not ours alone to write")
