package pipeline

import (
	"reflect"
	"testing"

	"github.com/weirflow/weir/shared/decode"
)

// Each count of a decoder goes into the sum.
func TestAllIsAdded(t *testing.T) {
	var one, sum decode.Stats
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Uint64 {
			f.SetUint(uint64(i) + 1)
		}
	}
	for i := range one.Faults {
		one.Faults[i] = uint64(100 + i)
	}
	add(&sum, &one)
	if sum != one {
		t.Errorf("%+v, want %+v", sum, one)
	}
	add(&sum, &one)
	if sum.Withdrawn != 2*one.Withdrawn || sum.Faults[decode.ErrShort] != 2*one.Faults[decode.ErrShort] {
		t.Errorf("%+v after two", sum)
	}
}
