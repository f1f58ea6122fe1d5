//go:build cgo

package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Limits are what a store's questions may take.
type Limits struct {
	Threads int           // 0: one per CPU
	Memory  int64         // octets; beyond it DuckDB writes to the disk; 0: 1 GiB
	Spill   int64         // octets on the disk; 0: 8 GiB
	Heavy   int           // questions at once, others wait in order; 0: 2
	Timeout time.Duration // of one question, waiting included; 0: none
}

// A duckDB is DuckDB in this process. It reads files of one folder, and nothing
// else.
type duckDB struct {
	db     duckdb.Database
	dir    string
	turns  turns
	limits Limits
	eager  bool // a rollup is used even where flows are fewer rows: for tests

	mu     sync.Mutex
	free   []duckdb.Connection
	closed bool
	later  map[string]time.Time // hours that could not be summed
}

// openDuckDB opens DuckDB for the files of a folder.
func openDuckDB(dir string, l Limits) (*duckDB, error) {
	if l.Memory == 0 {
		l.Memory = 1 << 30
	}
	if l.Spill == 0 {
		l.Spill = 8 << 30
	}
	if l.Heavy == 0 {
		l.Heavy = 2
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	spill := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(spill, 0o700); err != nil {
		return nil, err
	}
	d := &duckDB{dir: dir, limits: l, turns: turns{free: l.Heavy}}
	if duckdb.Open(":memory:", &d.db) != duckdb.StateSuccess {
		return nil, errors.New("DuckDB does not open")
	}
	c, err := d.take()
	if err != nil {
		duckdb.Close(&d.db)
		return nil, err
	}
	defer d.give(c)
	// The order counts: nothing can be set once the configuration is locked.
	settings := []string{
		"SET allowed_directories = [" + literal(dir+"/") + ", " + literal(noPattern(dir)+"/") + "]",
		"SET temp_directory = " + literal(spill),
		fmt.Sprintf("SET max_temp_directory_size = '%d bytes'", l.Spill),
		fmt.Sprintf("SET memory_limit = '%d bytes'", l.Memory),
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET preserve_insertion_order = false",
		"SET TimeZone = 'UTC'",
		"SET enable_external_access = false",
	}
	if l.Threads > 0 {
		settings = append(settings, fmt.Sprintf("SET threads = %d", l.Threads))
	}
	for _, s := range append(settings, "SET lock_configuration = true") {
		if err := d.run(context.Background(), c, s, nil, nil); err != nil {
			d.close()
			return nil, fmt.Errorf("open DuckDB: %w", err)
		}
	}
	return d, nil
}

// literal writes a text of ours, such as a folder's name, as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (d *duckDB) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for i := range d.free {
		duckdb.Disconnect(&d.free[i])
	}
	d.free = nil
	duckdb.Close(&d.db)
}

func (d *duckDB) take() (duckdb.Connection, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return duckdb.Connection{}, errors.New("the store is closed")
	}
	if n := len(d.free); n > 0 {
		c := d.free[n-1]
		d.free = d.free[:n-1]
		return c, nil
	}
	var c duckdb.Connection
	if duckdb.Connect(d.db, &c) != duckdb.StateSuccess {
		return c, errors.New("DuckDB takes no connection")
	}
	return c, nil
}

func (d *duckDB) give(c duckdb.Connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		duckdb.Disconnect(&c)
		return
	}
	d.free = append(d.free, c)
}

// query runs a statement when its turn has come, and gives each chunk of rows to
// row. When ctx ends it stops at once.
func (d *duckDB) query(ctx context.Context, sql string, args []any, row func(*rows) error) error {
	if d.limits.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.limits.Timeout)
		defer cancel()
	}
	if err := d.turns.wait(ctx); err != nil {
		return err
	}
	defer d.turns.done()
	c, err := d.take()
	if err != nil {
		return err
	}
	defer d.give(c)
	return d.run(ctx, c, sql, args, row)
}

// run runs a statement on a connection.
func (d *duckDB) run(ctx context.Context, c duckdb.Connection, sql string, args []any, row func(*rows) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// DuckDB forgets an interruption when it begins a statement, so that it is
	// told again until this function ends.
	ended, told := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		for {
			duckdb.Interrupt(c)
			select {
			case <-ended:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	defer func() {
		close(ended)
		if !stop() {
			<-told
		}
	}()
	err := d.execute(c, sql, args, row)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (d *duckDB) execute(c duckdb.Connection, sql string, args []any, row func(*rows) error) error {
	var st duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&st)
	if duckdb.Prepare(c, sql, &st) != duckdb.StateSuccess {
		return d.plain(duckdb.PrepareError(st))
	}
	for i, a := range args {
		v := valueOf(a)
		state := duckdb.BindValue(st, duckdb.IdxT(i+1), v)
		duckdb.DestroyValue(&v)
		if state != duckdb.StateSuccess {
			return d.plain(duckdb.PrepareError(st))
		}
	}
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePrepared(st, &res) != duckdb.StateSuccess {
		return d.plain(duckdb.ResultError(&res))
	}
	if row == nil {
		return nil
	}
	for {
		chunk := duckdb.FetchChunk(res)
		if chunk.Ptr == nil {
			return nil
		}
		err := row(&rows{chunk: chunk, n: int(duckdb.DataChunkGetSize(chunk))})
		duckdb.DestroyDataChunk(&chunk)
		if err != nil {
			return err
		}
	}
}

// valueOf makes a parameter of a value.
func valueOf(a any) duckdb.Value {
	switch a := a.(type) {
	case uint64:
		return duckdb.CreateUInt64(a)
	case int64:
		return duckdb.CreateInt64(a)
	case string:
		return duckdb.CreateVarchar(a)
	case []byte:
		return duckdb.CreateBlob(a)
	case []string:
		text := duckdb.CreateLogicalType(duckdb.TypeVarchar)
		defer duckdb.DestroyLogicalType(&text)
		all := make([]duckdb.Value, len(a))
		for i, s := range a {
			all[i] = duckdb.CreateVarchar(s)
		}
		list := duckdb.CreateListValue(text, all)
		for i := range all {
			duckdb.DestroyValue(&all[i])
		}
		return list
	}
	panic(fmt.Sprintf("store: a parameter of type %T", a)) // our own fault
}

// errUnread is what DuckDB's other errors are: files that can't be read, mostly.
var errUnread = errors.New("the store can't answer")

// filesName is what DuckDB calls a file of ours in an error.
var filesName = regexp.MustCompile(`"?[^\s"]*\.(parquet|tmp)\b"?`)

// plain makes an error of what DuckDB says. Folders and files are nobody's
// business who asks.
func (d *duckDB) plain(text string) error {
	text = strings.NewReplacer(d.dir, "store", noPattern(d.dir), "store").Replace(text)
	text = filesName.ReplaceAllString(text, "a file")
	text, _, _ = strings.Cut(text, "\n")
	if strings.HasPrefix(text, "Out of Memory") {
		return errors.New("the question needs more memory than it may take: ask for a shorter time, for fewer columns, or with a filter")
	}
	return fmt.Errorf("%w: %s", errUnread, text)
}

// rows are a chunk of a result.
type rows struct {
	chunk duckdb.DataChunk
	n     int
}

// column returns a column of r, valid as long as r.
func (r *rows) column(i int) column {
	v := duckdb.DataChunkGetVector(r.chunk, duckdb.IdxT(i))
	t := duckdb.VectorGetColumnType(v)
	c := column{data: duckdb.VectorGetData(v), valid: duckdb.VectorGetValidity(v), typ: duckdb.GetTypeId(t)}
	duckdb.DestroyLogicalType(&t)
	return c
}

// A column is one of a chunk.
type column struct {
	data, valid unsafe.Pointer
	typ         duckdb.Type
}

func at[T any](c *column, i int) T {
	var x T
	return *(*T)(unsafe.Add(c.data, uintptr(i)*unsafe.Sizeof(x)))
}

func (c *column) null(i int) bool {
	return c.valid != nil && *(*uint64)(unsafe.Add(c.valid, i/64*8))>>(i%64)&1 == 0
}

// uint returns a number, 0 of NULL.
func (c *column) uint(i int) uint64 {
	w := c.wide(i)
	if w.hi != 0 {
		return math.MaxUint64
	}
	return w.lo
}

// wide returns a number that is not negative, 0 of NULL.
func (c *column) wide(i int) wide {
	if c.null(i) {
		return wide{}
	}
	switch c.typ {
	case duckdb.TypeUBigInt:
		return wide{lo: at[uint64](c, i)}
	case duckdb.TypeBigInt:
		return wide{lo: uint64(at[int64](c, i))}
	case duckdb.TypeHugeInt, duckdb.TypeUHugeInt:
		return at[wide](c, i)
	case duckdb.TypeDouble:
		return wide{lo: uint64(at[float64](c, i))}
	case duckdb.TypeUInteger:
		return wide{lo: uint64(at[uint32](c, i))}
	case duckdb.TypeInteger:
		return wide{lo: uint64(at[int32](c, i))}
	case duckdb.TypeUSmallInt:
		return wide{lo: uint64(at[uint16](c, i))}
	case duckdb.TypeUTinyInt, duckdb.TypeBoolean:
		return wide{lo: uint64(at[uint8](c, i))}
	}
	panic(fmt.Sprintf("store: a column of DuckDB's type %d", c.typ)) // our own fault
}

// text returns a text or octets, "" of NULL.
func (c *column) text(i int) string {
	if c.null(i) {
		return ""
	}
	s := at[duckdb.StringT](c, i)
	return duckdb.StringTData(&s)
}

// wide is a number of 128 bits, as DuckDB has it in memory.
type wide struct{ lo, hi uint64 }
