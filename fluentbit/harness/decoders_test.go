package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ugorji/go/codec"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/testdata"
)

// What the plugin hands over means the same to three decoders that know nothing
// of one another: the harness's, vmihailenco/msgpack and ugorji/codec. Every
// capture goes through it, in every schema, with all kinds of events.
func TestDecoders(t *testing.T) {
	for _, schema := range []string{"ecs", "ipfix", "flat", "cim", "otel"} {
		t.Run(schema, func(t *testing.T) {
			t.Parallel()
			text := t.TempDir() + "/text"
			p := start(t, []string{"--text", text}, []string{"listeners=127.0.0.1:0", "schema=" + schema, "append=direct", "types=flows,options,counters,stats,findings"})
			sent := replay(t, p.addrs(t, 1)[schema])
			at, have := time.Now(), -1
			until(t, "the last event", func() bool {
				if n := len(p.events(t, 0, 0)); n != have {
					at, have = time.Now(), n
				}
				return have >= sent && time.Since(at) > time.Second
			})
			if code := p.end(t); code != 0 {
				t.Errorf("status %d", code)
			}

			lines, err := os.ReadFile(text + ".0")
			if err != nil {
				t.Fatal(err)
			}
			byHarness := strings.Split(strings.TrimSuffix(string(lines), "\n\n"), "\n\n")
			data, err := os.ReadFile(p.out + ".0")
			if err != nil {
				t.Fatal(err)
			}
			one := msgpack.NewDecoder(bytes.NewReader(data))
			h := &codec.MsgpackHandle{WriteExt: true}
			h.RawToString = true
			h.MapType = reflect.TypeFor[map[string]any]()
			two := codec.NewDecoderBytes(data, h)
			values := 0
			for i, event := range byHarness {
				want := map[string]string{}
				for line := range strings.Lines(event) {
					path, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
					if _, twice := want[path]; twice {
						t.Errorf("event %d: %s twice", i, path)
					}
					want[path] = value
				}
				values += len(want)
				got := map[string]string{}
				if err := walk(got, "", one); err != nil {
					t.Fatalf("event %d: msgpack: %v", i, err)
				}
				differ(t, i, "msgpack", got, want)
				var v any
				if err := two.Decode(&v); err != nil {
					t.Fatalf("event %d: codec: %v", i, err)
				}
				got = map[string]string{}
				if err := leaves(got, "", v); err != nil {
					t.Fatalf("event %d: codec: %v", i, err)
				}
				differ(t, i, "codec", got, want)
				if t.Failed() {
					return
				}
			}
			if _, err := one.PeekCode(); err != io.EOF {
				t.Errorf("msgpack: more events than the harness's %d", len(byHarness))
			}
			if n := two.NumBytesRead(); n != len(data) {
				t.Errorf("codec: %d octets of %d", n, len(data))
			}
			t.Logf("%d events, %d values", len(byHarness), values)
		})
	}
}

// replay sends all captures, and returns how many records they have.
func replay(t *testing.T, to netip.AddrPort) (records int) {
	err := fs.WalkDir(testdata.FS, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".pcap") {
			return err
		}
		f, err := testdata.FS.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err = source.Replay(context.Background(), func(uint16) netip.AddrPort { return to }, source.ReplayOptions{}, f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		lines, err := fs.ReadFile(testdata.FS, strings.TrimSuffix(name, ".pcap")+".jsonl")
		records += bytes.Count(lines, []byte("\n"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if records < 500 {
		t.Fatalf("the captures have only %d records", records)
	}
	return records
}

func differ(t *testing.T, i int, who string, got, want map[string]string) {
	if maps.Equal(got, want) {
		return
	}
	for path, w := range want {
		if g, ok := got[path]; g != w {
			t.Errorf("event %d: %s: %s is %s (present: %t), want %s", i, who, path, g, ok, w)
		}
	}
	for path, g := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("event %d: %s: %s is %s, and isn't there", i, who, path, g)
		}
	}
}

// walk reads a value and puts down its parts as the harness does.
func walk(dst map[string]string, path string, d *msgpack.Decoder) error {
	c, err := d.PeekCode()
	if err != nil {
		return err
	}
	switch {
	case msgpcode.IsExt(c):
		id, n, err := d.DecodeExtHeader()
		if err != nil {
			return err
		}
		b := make([]byte, n)
		if err := d.ReadFull(b); err != nil {
			return err
		}
		dst[path] = fmt.Sprintf("ext %d:%s", id, printable(b))
	case msgpcode.IsFixedMap(c) || c == msgpcode.Map16 || c == msgpcode.Map32:
		n, err := d.DecodeMapLen()
		if err != nil {
			return err
		}
		if n == 0 {
			dst[path] = "empty map"
		}
		for range n {
			k, err := d.DecodeString()
			if err != nil {
				return err
			}
			if err := walk(dst, path+"/"+printable([]byte(k)), d); err != nil {
				return err
			}
		}
	case msgpcode.IsFixedArray(c) || c == msgpcode.Array16 || c == msgpcode.Array32:
		n, err := d.DecodeArrayLen()
		if err != nil {
			return err
		}
		if n == 0 {
			dst[path] = "empty array"
		}
		for i := range n {
			if err := walk(dst, fmt.Sprintf("%s/%d", path, i), d); err != nil {
				return err
			}
		}
	default:
		v, err := d.DecodeInterface()
		if err != nil {
			return err
		}
		return leaves(dst, path, v)
	}
	return nil
}

// leaves puts down the parts of v.
func leaves(dst map[string]string, path string, v any) error {
	switch v := v.(type) {
	case nil:
		dst[path] = "nil -"
	case bool:
		dst[path] = map[bool]string{false: "bool 0", true: "bool 1"}[v]
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		dst[path] = fmt.Sprintf("int %d", v)
	case float32:
		dst[path] = fmt.Sprintf("float %016x", math.Float64bits(float64(v)))
	case float64:
		dst[path] = fmt.Sprintf("float %016x", math.Float64bits(v))
	case string:
		dst[path] = fmt.Sprintf(`str "%s"`, printable([]byte(v)))
	case []byte:
		dst[path] = fmt.Sprintf(`bin "%s"`, printable(v))
	case codec.RawExt:
		dst[path] = fmt.Sprintf("ext %d:%s", v.Tag, printable(v.Data))
	case []any:
		if len(v) == 0 {
			dst[path] = "empty array"
		}
		for i, x := range v {
			if err := leaves(dst, fmt.Sprintf("%s/%d", path, i), x); err != nil {
				return err
			}
		}
	case map[string]any:
		if len(v) == 0 {
			dst[path] = "empty map"
		}
		for k, x := range v {
			if err := leaves(dst, path+"/"+printable([]byte(k)), x); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%s is a %T", path, v)
	}
	return nil
}

// printable writes octets as the harness does.
func printable(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		if c > ' ' && c < 0x7f && c != '\\' {
			s.WriteByte(c)
		} else {
			fmt.Fprintf(&s, `\x%02x`, c)
		}
	}
	return s.String()
}
