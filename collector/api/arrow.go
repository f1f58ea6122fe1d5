package api

import (
	"encoding/json"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/weirflow/weir/shared/query"
)

func writeJSON(w io.Writer, t *query.Table) error { return json.NewEncoder(w).Encode(t) }

// arrowTypes are those of the cells of columns.
var arrowTypes = map[query.CellKind]arrow.DataType{
	query.TextCell:  arrow.BinaryTypes.String,
	query.UintCell:  arrow.PrimitiveTypes.Uint64,
	query.FloatCell: arrow.PrimitiveTypes.Float64,
	query.TimeCell:  arrow.FixedWidthTypes.Timestamp_ns,
}

// arrowRows is how many rows a record batch has.
const arrowRows = 8192

// writeArrow writes t's flat rows as a stream of Arrow IPC. The schema's metadata
// "weir" is the answer's JSON without rows and series, but for Other's, which is in
// no row; a field's are its unit and its role.
func writeArrow(w io.Writer, t *query.Table) error {
	columns, rows := t.Flat()
	head := *t
	head.Rows, head.Series = nil, nil
	for _, l := range t.Series {
		if l.Row < 0 {
			head.Series = append(head.Series, l)
		}
	}
	about, err := json.Marshal(&head)
	if err != nil {
		return err
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowTypes[c.Kind], Nullable: true,
			Metadata: arrow.MetadataFrom(map[string]string{"unit": c.Unit, "role": string(c.Role)})}
	}
	meta := arrow.NewMetadata([]string{"weir"}, []string{string(about)})
	schema := arrow.NewSchema(fields, &meta)
	out := ipc.NewWriter(w, ipc.WithSchema(schema))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	n := 0
	flush := func() error {
		batch := b.NewRecordBatch()
		defer batch.Release()
		n = 0
		return out.Write(batch)
	}
	for row := range rows {
		for i, c := range row {
			appendArrow(b.Field(i), c)
		}
		if n++; n == arrowRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil { // an empty one, if nothing else, has the schema written
		return err
	}
	return out.Close()
}

func appendArrow(b array.Builder, c query.Cell) {
	if c.IsNone() {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(c.Text)
	case *array.Uint64Builder:
		b.Append(c.Uint)
	case *array.Float64Builder:
		b.Append(c.Float)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(c.Time))
	}
}
