package plugin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/weirflow/weir/shared/flow"
)

// Bounds on what a collector's answer may make us hold.
const (
	mostArrowHead = 16 << 20             // octets of a message's head; a schema's has all that is no row
	mostArrowBody = 64 << 20             // octets of a message's body
	mostColumns   = len(flow.Set{}) * 64 // as a record has at most
)

// An arrowGuard is a stream of Arrow IPC of which package ipc can believe the counts and
// lengths: each is compared with what is there before ipc makes room for it. It lets
// through what a collector writes: a schema of plain columns, then batches of rows;
// nothing that is nested, compressed or in a dictionary.
type arrowGuard struct {
	r      io.Reader
	head   []byte // that was looked at, and is not read yet
	body   int64  // octets behind it
	number int    // of messages
	ended  bool   // the last one has come
}

// Read implements io.Reader.
func (g *arrowGuard) Read(p []byte) (int, error) {
	for len(g.head) == 0 && g.body == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.head) > 0 {
		n := copy(p, g.head)
		g.head = g.head[n:]
		return n, nil
	}
	n, err := g.r.Read(p[:min(int64(len(p)), g.body)])
	g.body -= int64(n)
	if errors.Is(err, io.EOF) && g.body > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next looks at a message's head.
func (g *arrowGuard) next() error {
	var prefix [8]byte
	if _, err := io.ReadFull(g.r, prefix[:4]); err != nil {
		if g.ended {
			return err
		}
		return unexpected(err)
	}
	if binary.LittleEndian.Uint32(prefix[:]) != 1<<32-1 {
		return errors.New("the answer is no stream of Arrow")
	}
	if _, err := io.ReadFull(g.r, prefix[4:]); err != nil {
		return unexpected(err)
	}
	n := int64(binary.LittleEndian.Uint32(prefix[4:]))
	if n > mostArrowHead {
		return fmt.Errorf("the answer has a head of %d octets, of at most %d", n, mostArrowHead)
	}
	head, err := io.ReadAll(io.LimitReader(g.r, n)) // grows with what comes
	if err != nil {
		return err
	}
	if int64(len(head)) < n {
		return io.ErrUnexpectedEOF
	}
	if g.ended = n == 0; !g.ended {
		if g.body, err = flatHead(head).check(g.number); err != nil {
			return err
		}
	}
	g.head = append(prefix[:], head...)
	g.number++
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A flatHead is the head of a message: a FlatBuffer (Message.fbs, Schema.fbs of Arrow).
// Its methods panic where something lies outside.
type flatHead []byte

// Slots of tables, in the order of their fields.
const (
	messageType, messageHeader, messageBody                    = 6, 8, 10
	schemaFields, schemaMeta                                   = 6, 8
	fieldName, fieldDictionary, fieldChildren, fieldMeta       = 4, 12, 14, 16
	batchNodes, batchBuffers, batchCompression, batchVariadics = 6, 8, 10, 12
	metaKey, metaValue                                         = 4, 6

	ofSchema, ofBatch = 1, 3
)

// check returns how long the body of message number is.
func (b flatHead) check(number int) (body int64, err error) {
	defer func() {
		if recover() != nil {
			body, err = 0, errors.New("the answer has a head that makes no sense")
		}
	}()
	message := b.at(0)
	if at := b.field(message, messageBody); at > 0 {
		body = int64(binary.LittleEndian.Uint64(b[at:]))
	}
	if body < 0 || body > mostArrowBody {
		return 0, fmt.Errorf("the answer has a body of %d octets, of at most %d", body, mostArrowBody)
	}
	kind, want := byte(0), byte(ofBatch)
	if at := b.field(message, messageType); at > 0 {
		kind = b[at]
	}
	if number == 0 {
		want = ofSchema
	}
	head := b.at(b.field(message, messageHeader))
	switch {
	case kind != want:
		return 0, fmt.Errorf("the answer has a message of kind %d, not %d", kind, want)
	case kind == ofSchema:
		return body, b.schema(head)
	}
	return body, b.batch(head)
}

// schema looks at a schema: what it names can't be more than there is.
func (b flatHead) schema(at int) error {
	left := 2 * len(b) // several may share a text
	n, fields := b.vector(at, schemaFields, 4)
	if n > mostColumns {
		return fmt.Errorf("the answer has %d columns, of at most %d", n, mostColumns)
	}
	for i := range n {
		f := b.at(fields + 4*i)
		if children, _ := b.vector(f, fieldChildren, 4); children > 0 || b.field(f, fieldDictionary) > 0 {
			return errors.New("the answer has a column that is no plain one")
		}
		left -= b.text(f, fieldName)
		left -= b.texts(f, fieldMeta, left)
	}
	if left -= b.texts(at, schemaMeta, left); left < 0 {
		return errors.New("the answer names more than it has")
	}
	return nil
}

// batch looks at a batch of rows.
func (b flatHead) batch(at int) error {
	b.vector(at, batchNodes, 16)
	b.vector(at, batchBuffers, 16)
	if n, _ := b.vector(at, batchVariadics, 8); n > 0 || b.field(at, batchCompression) > 0 {
		return errors.New("the answer has rows that are no plain ones")
	}
	return nil
}

// at follows the offset at a place.
func (b flatHead) at(place int) int { return place + int(binary.LittleEndian.Uint32(b[place:])) }

// field returns where a table has a field, 0 if it hasn't.
func (b flatHead) field(table, slot int) int {
	fields := table - int(int32(binary.LittleEndian.Uint32(b[table:])))
	if slot >= int(binary.LittleEndian.Uint16(b[fields:])) {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(b[fields+slot:]))
	if offset == 0 {
		return 0
	}
	return table + offset
}

// vector returns how many elements of a size a table has in a field, and where. They are
// there.
func (b flatHead) vector(table, slot, size int) (n, at int) {
	place := b.field(table, slot)
	if place == 0 {
		return 0, 0
	}
	place = b.at(place)
	n, at = int(binary.LittleEndian.Uint32(b[place:])), place+4
	_ = b[at : at+n*size]
	return n, at
}

// text returns the length of a text, which is there.
func (b flatHead) text(table, slot int) int {
	n, _ := b.vector(table, slot, 1)
	return n
}

// texts returns the length of all keys and values in a field, until that is too much.
func (b flatHead) texts(table, slot, most int) (sum int) {
	n, pairs := b.vector(table, slot, 4)
	for i := 0; i < n && sum <= most; i++ {
		pair := b.at(pairs + 4*i)
		sum += b.text(pair, metaKey) + b.text(pair, metaValue)
	}
	return sum
}
