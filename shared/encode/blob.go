package encode

import (
	"cmp"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
)

// A blob is a key with its value, or several of one column, ready to be copied
// as a whole: columns of one octet have few values.
type blob struct {
	text [47]byte
	n    uint8
}

// put writes b to dst, which has room for 48 octets, and returns how long it is.
func (b *blob) put(dst []byte) int {
	*(*[47]byte)(dst) = b.text
	return int(b.n)
}

// blob returns the table of blobs for a key and the texts of a column of one
// octet, behind those of before, if there are any; nil if the values are not
// texts or a blob would be too long. name is all that the table is made of.
func (e *Encoder) blob(name string, h how, json bool, before *[256]blob) *[256]blob {
	if h < asText || h > asFlowType {
		return nil
	}
	key := name
	if before != nil { // name ends with this key, behind the "?" of the one before
		for i := len(name) - 1; i >= 0; i-- {
			if name[i] == '?' {
				key = name[i+1:]
				break
			}
		}
	}
	name = strconv.Itoa(int(h)) + strconv.FormatBool(json) + name
	if t, ok := e.blobs[name]; ok {
		return t
	}
	t := new([256]blob)
	for i := range t {
		var d []byte
		if before != nil {
			d = append(d, before[i].text[:before[i].n]...)
		}
		d = append(d, key...)
		if text := shortText(h, uint8(i)); json {
			d = strconv.AppendQuote(d, text)
		} else {
			d = appendStr(d, []byte(text))
		}
		if len(d) > len(t[i].text) {
			t = nil
			break
		}
		t[i].n = uint8(copy(t[i].text[:], d))
	}
	e.blobs[name] = t
	return t
}

// shortText is how a column of one octet is written.
func shortText(h how, x uint8) string {
	number := strconv.Itoa(int(x))
	switch h {
	case asProto:
		return cmp.Or(flow.ProtoName(x), number)
	case asDirection:
		switch x {
		case 0:
			return "inbound"
		case 1:
			return "outbound"
		}
		return "unknown"
	case asInterface:
		switch x {
		case 0:
			return "ingress"
		case 1:
			return "egress"
		}
	case asFlowType:
		switch x {
		case 10:
			return "ipfix"
		case flow.SFlow5:
			return "sflow_5"
		}
		return "netflow_v" + number
	}
	return number
}
