package encode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// A Profile is a way to name columns.
type Profile uint8

const (
	IPFIX Profile = iota // IANA's element names: sourceIPv4Address
	ECS                  // Elastic's Common Schema, nested: source.ip
	Flat                 // short snake case: src_addr
	CIM                  // Splunk's Common Information Model: src_ip
	OTel                 // OpenTelemetry's attributes: source.address
)

var profiles = [...]string{"ipfix", "ecs", "flat", "cim", "otel"}

// Profiles returns the names of all profiles.
func Profiles() []string { return slices.Clone(profiles[:]) }

func (p Profile) String() string {
	if int(p) < len(profiles) {
		return profiles[p]
	}
	return "unknown"
}

// ParseProfile returns the profile of that name.
func ParseProfile(name string) (Profile, error) {
	if i := slices.Index(profiles[:], name); i >= 0 {
		return Profile(i), nil
	}
	return 0, fmt.Errorf("no profile %q: it is one of %s", name, strings.Join(profiles[:], ", "))
}

// numericTimes tells whether p has times as Unix nanoseconds.
func (p Profile) numericTimes() bool { return p == Flat || p == OTel }

// Name returns the name of column x, the first if it has several. In ECS a dot
// leads into a map.
func (p Profile) Name(x flow.Field) string { return p.paths(x)[0].Name }

// paths returns where profile p puts column x.
func (p Profile) paths(x flow.Field) []flow.Path {
	c := &flow.Fields[x]
	switch p {
	case ECS:
		return c.ECS
	case Flat:
		return []flow.Path{{Name: c.Flat}}
	case CIM:
		return []flow.Path{{Name: c.CIM}}
	case OTel:
		return c.OTel
	}
	return []flow.Path{{Name: c.IPFIX}}
}
