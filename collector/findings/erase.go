package findings

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/weirflow/weir/collector/erase"
	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/shared/flow"
)

// partly ends the name of a file that is being written in another's place.
const partly = ".new"

// Erase removes the findings that name an address: in a text, or in the flows that show
// them. Lines that nobody can read go with them. It returns how many findings went.
func (s *Store) Erase(ctx context.Context, a netip.Addr) (erased int, err error) {
	m := matcher{flow.AddrFrom(a.Unmap().WithZone("")), erase.NewText(a)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.days {
		named := 0
		unread, err := s.each(ctx, d.name, d.octets, func(f *detect.Finding, _ []byte) {
			if m.names(f) {
				named++
			}
		})
		if err == nil && named+int(unread) > 0 {
			var left *day
			if left, err = s.without(ctx, d, &m); err == nil {
				s.days[i], s.octets = left, s.octets-d.octets+left.octets
				erased += named
			}
		}
		if err != nil {
			return erased, fmt.Errorf("findings: %w", err)
		}
	}
	return erased, nil
}

// without writes a day anew, without what names the address.
func (s *Store) without(ctx context.Context, d *day, m *matcher) (left *day, err error) {
	path := s.path(d.name)
	file, err := os.OpenFile(path+partly, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	left = &day{name: d.name, looked: true}
	out := bufio.NewWriter(file)
	_, err = s.each(ctx, d.name, d.octets, func(f *detect.Finding, line []byte) {
		if !m.names(f) {
			out.Write(line) // an error is Flush's too
			left.octets += int64(len(line))
			left.end = max(left.end, f.End)
		}
	})
	if err = errors.Join(err, out.Flush(), file.Sync(), file.Close()); err == nil {
		err = os.Rename(path+partly, path)
	}
	if err != nil {
		os.Remove(path + partly)
	}
	return left, err
}

// A matcher finds an address in findings.
type matcher struct {
	addr flow.Addr
	text erase.Text
}

func (m *matcher) names(f *detect.Finding) bool {
	texts := append([]string{f.Key, f.Explanation, f.Detector, f.Version}, f.Actions...)
	for _, e := range f.Entities {
		texts = append(texts, e.Role, e.Kind, e.Value)
	}
	for name := range f.Metrics {
		texts = append(texts, name)
	}
	for _, t := range texts {
		if m.text.In([]byte(t)) {
			return true
		}
	}
	for _, k := range f.Evidence {
		if k.SrcAddr == m.addr || k.DstAddr == m.addr || k.Exporter == m.addr {
			return true
		}
	}
	return false
}
