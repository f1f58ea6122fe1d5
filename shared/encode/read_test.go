package encode_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// What the profile flat writes of each column is read as the same value.
func TestSetText(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	flat := encode.New(encode.Flat)
	for x := range flow.Field(flow.NumFields) {
		for range 20 {
			var b flow.Batch
			var want, got flow.Flow
			if a := want.Addr(x); a != nil {
				*a = flow.AddrFrom4([4]byte{byte(rng.Uint32()), 2, 3, byte(rng.Uint32())})
				if rng.IntN(2) == 0 {
					*a = flow.Addr{0x20, 1, 14: byte(rng.Uint32()), 15: byte(rng.Uint32())}
				}
			} else if flow.Fields[x].Kind == flow.KindStr {
				want.SetUint(x, uint64(b.Strings.Intern([]byte("a \"name\""))))
			} else {
				v := rng.Uint64() >> rng.IntN(64)
				if flow.Fields[x].Kind == flow.KindMAC {
					v &= 1<<48 - 1
				}
				want.SetUint(x, v)
			}
			want.Set.Add(x)
			line := flat.AppendJSON(nil, &b, &want)
			var cells map[string]json.RawMessage
			if err := json.Unmarshal(line, &cells); err != nil || len(cells) != 1 {
				t.Fatalf("%s: %v", line, err)
			}
			text := string(cells[flow.Fields[x].Flat])
			if strings.HasPrefix(text, `"`) {
				if err := json.Unmarshal(cells[flow.Fields[x].Flat], &text); err != nil {
					t.Fatal(err)
				}
			}
			if err := encode.SetText(&b, &got, x, text); err != nil || got != want {
				t.Fatalf("%s is read as %+v, %v", line, got, err)
			}
		}
	}
}

func TestSetTextRefuses(t *testing.T) {
	for x, texts := range map[flow.Field][]string{
		flow.FieldSrcAddr: {"", "10.0.0", "nonsense"},
		flow.FieldSrcPort: {"", "-1", "65536", "http"},
		flow.FieldSrcMAC:  {"", "00:01", "00:00:00:00:00:00:00:01"},
		flow.FieldAppID:   {"", "3", "256:1", "1:72057594037927936", "x:1"},
		flow.FieldStart:   {"", "now", "9223372036854775808"},
		flow.FieldBytes:   {"1.5", "18446744073709551616"},
	} {
		for _, text := range texts {
			var f flow.Flow
			if err := encode.SetText(&flow.Batch{}, &f, x, text); err == nil || f != (flow.Flow{}) {
				t.Errorf("%s %q is taken: %+v", flow.Fields[x].Flat, text, f)
			}
		}
	}
}
