package encode

import (
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// The direction across the home networks' edge takes the place of that through
// the interface, which is not lost.
func TestPerimeterBeforeDirection(t *testing.T) {
	var b flow.Batch
	f := &b.Grow(1)[0]
	*f = flow.Flow{Direction: 1}
	f.Set = flow.SetOf(flow.FieldDirection)
	e := New(ECS)
	if got, want := string(e.AppendJSON(nil, &b, f)), `{"network":{"direction":"outbound"},"netflow":{}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f.Perimeter = flow.Name(b.Strings.Intern([]byte("internal")))
	f.Set.Add(flow.FieldPerimeter)
	if got, want := string(e.AppendJSON(nil, &b, f)), `{"network":{"direction":"internal"},"netflow":{"flow_direction":1}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
