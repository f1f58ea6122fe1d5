package plugin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// mostLine is how long a line of a stream may be, in octets.
const mostLine = 1 << 20

// tail fills x from the collector's stream of flows.
func (c *collector) tail(ctx context.Context, x *catch) error {
	params := url.Values{"profile": {"flat"}, "notes": {"true"}}
	if x.filter != nil {
		params.Set("filter", x.filter.String())
	}
	body, err := c.sendBy(ctx, c.streams, http.MethodGet, "/api/v1/flows/tail", params, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	x.trouble("")
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, mostLine)
	for lines.Scan() {
		if err := x.line(lines.Bytes()); err != nil {
			return fmt.Errorf("%s/api/v1/flows/tail: %w", c.url, err)
		}
	}
	switch err := lines.Err(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return fmt.Errorf("%s/api/v1/flows/tail: %w", c.url, io.ErrUnexpectedEOF)
	default:
		return fmt.Errorf("%s/api/v1/flows/tail: %w", c.url, err)
	}
}

// missedMark begins a line that says how many flows weir had no room for.
var missedMark = []byte(`{"weir":`)

// line takes a flow in profile flat, or a note.
func (x *catch) line(text []byte) error {
	if bytes.HasPrefix(text, missedMark) {
		var note struct {
			Weir struct{ Missed uint64 }
		}
		if err := json.Unmarshal(text, &note); err != nil {
			return err
		}
		x.miss(note.Weir.Missed)
		return nil
	}
	if x.full() {
		x.miss(1)
		return nil
	}
	var cells map[string]json.RawMessage
	if err := json.Unmarshal(text, &cells); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	f := flow.Flow{}
	for name, v := range cells {
		c, ok := flow.FieldByName(name)
		if !ok || flow.Fields[c].Flat != name {
			continue // an element without a column
		}
		if err := setColumn(x.batch, &f, c, v); err != nil {
			return fmt.Errorf("%s is %s: %w", name, v, err)
		}
	}
	x.batch.Grow(1)[0] = f
	x.tell()
	return nil
}

var errValue = errors.New("it is no such value")

// setColumn gives f, which will be of b, a column's value as profile flat has it.
func setColumn(b *flow.Batch, f *flow.Flow, x flow.Field, v json.RawMessage) error {
	text := string(v)
	if v[0] == '"' {
		if err := json.Unmarshal(v, &text); err != nil {
			return err
		}
	}
	if flow.Fields[x].Kind == flow.KindStr && v[0] != '"' || encode.SetText(b, f, x, text) != nil {
		return errValue
	}
	return nil
}
