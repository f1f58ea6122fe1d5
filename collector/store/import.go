package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// maxLine is the length of the longest line of JSON that is read.
const maxLine = 1 << 20

// Import reads files into the store: Parquet of the store's schema, JSON lines of
// the profile flat, and files of nfcapd if nfdump is installed; which of them, the
// name and the first octets tell. It returns how many flows there were. They count
// for the time when they arrived first, where they say so.
func (s *Store) Import(ctx context.Context, files []string, p Progress) (n uint64, err error) {
	var total, done int64
	for _, name := range files {
		st, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		total += st.Size()
	}
	for _, name := range files {
		st, err := os.Stat(name)
		if err != nil {
			return n, err
		}
		f := &importing{s: s, ctx: ctx}
		p.tell(done, total)
		err = f.file(name)
		n += f.n
		if err != nil {
			return n, fmt.Errorf("import %s: %w", name, err)
		}
		done += st.Size()
	}
	p.tell(done, total)
	return n, s.Flush(ctx)
}

// An importing is a file that is imported.
type importing struct {
	s   *Store
	ctx context.Context
	n   uint64
	b   flow.Batch
}

func (x *importing) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case string(head) == magic:
		return readFile(name, x.write)
	case strings.HasPrefix(filepath.Base(name), "nfcapd.") || isNfcapd(head):
		return x.nfcapd(name)
	}
	return x.lines(in)
}

// write adds the flows of b.
func (x *importing) write(b *flow.Batch) error {
	if err := x.s.Write(x.ctx, b); err != nil {
		return err
	}
	x.n += uint64(len(b.Flows))
	return nil
}

// flush adds what is in x.b, if that is enough, or all.
func (x *importing) flush(all bool) error {
	if len(x.b.Flows) < readRows && !all {
		return nil
	}
	err := x.write(&x.b)
	x.b.Reset()
	return err
}

// lines reads lines of JSON.
func (x *importing) lines(in *bufio.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := readJSON(&x.b, line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := x.flush(false); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return x.flush(true)
}

// readJSON appends the flow of a line. What is no column is passed over.
func readJSON(b *flow.Batch, line []byte) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var values map[string]any
	if err := d.Decode(&values); err != nil {
		return fmt.Errorf("not a flow as JSON: %w", err)
	}
	var f flow.Flow
	for name, v := range values {
		x, ok := fieldByFlat[name]
		if !ok || v == nil {
			continue
		}
		if err := encode.SetText(b, &f, x, fmt.Sprint(v)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if f.Set.Len() == 0 {
		return errors.New("it has no column that weir knows: is it of the profile flat?")
	}
	b.Flows = append(b.Flows, f)
	return nil
}
