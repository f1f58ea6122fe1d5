package enrich

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// A database is a MaxMind-format file. It is read into memory: whoever writes
// over the file can't pull it away under a reader, and the last batch that uses
// an old one frees it.
type database struct {
	path  string
	stamp stamp
	*maxminddb.Reader
}

func openDatabase(path string) (*database, error) {
	s, err := stampOf(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := maxminddb.OpenBytes(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &database{path, s, r}, nil
}

// A place is what databases say of an address.
type place struct {
	country string // ISO 3166-1, two letters; "" where it is unknown, or anycast
	as      uint32
}

// at returns where in the database an address has its record, which many
// share, and whether it has one.
func (d *database) at(a netip.Addr) (maxminddb.Result, bool) {
	r := d.Lookup(a)
	return r, r.Err() == nil && r.Found()
}

// read reads a record in the ways that GeoIP2, GeoLite2, DB-IP, IPinfo and
// ip-location-db write them.
func read(r maxminddb.Result) (p place) {
	if anycast := false; r.DecodePath(&anycast, "traits", "is_anycast") != nil || !anycast {
		for _, path := range [][]any{{"country", "iso_code"}, {"country_code"}, {"country"}} {
			var s string
			if r.DecodePath(&s, path...) == nil && len(s) == 2 {
				p.country = strings.ToUpper(s)
				break
			}
		}
	}
	for _, path := range []string{"autonomous_system_number", "asn"} {
		if r.DecodePath(&p.as, path) == nil && p.as != 0 {
			break
		}
		var s string // IPinfo's: AS64500
		if r.DecodePath(&s, path) == nil && strings.HasPrefix(s, "AS") {
			if n, err := strconv.ParseUint(s[2:], 10, 32); err == nil {
				p.as = uint32(n)
				break
			}
		}
	}
	return p
}
