package sink

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// Whatever a server answers, no more than maxReply octets of it are read, and
// what we take for an acknowledgement an independent decoder does too.
func FuzzAck(f *testing.F) {
	for _, m := range []any{
		map[string]string{"ack": "p8n9gmxTQVC8/nh2wlKKeQ=="},
		map[string]any{"x": []any{1, -1, 1 << 40, 1.5, float32(1), nil, true, []byte("b")}, "ack": "a"},
		map[string]any{"deep": map[string]any{"er": []any{[]any{[]any{}}}}},
		[]any{"HELO", map[string]any{}},
	} {
		data, err := msgpack.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("\x81\xa1x\xd7\x00........"))
	f.Add([]byte("\xdf\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		l := &link{in: unpacker{r: bufio.NewReaderSize(in, 16)}}
		id, err := l.ack()
		if read := len(data) - in.Len(); read > maxReply+16 {
			t.Fatalf("%d octets were read", read)
		}
		if err != nil {
			return
		}
		d := msgpack.NewDecoder(bytes.NewReader(data))
		n, err := d.DecodeMapLen()
		if err != nil {
			t.Fatalf("%q, but: %v", id, err)
		}
		want := ""
		for range n {
			key, err := d.DecodeString()
			if err != nil {
				t.Fatalf("%q, but: %v", id, err)
			}
			if key != "ack" {
				if err := d.Skip(); err != nil {
					return // it doesn't know all extensions
				}
				continue
			}
			if want, err = d.DecodeString(); err != nil {
				t.Fatalf("%q, but: %v", id, err)
			}
		}
		if id != want {
			t.Fatalf("%q, want %q", id, want)
		}
	})
}
