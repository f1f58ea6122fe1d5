package encode

import (
	"net/netip"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// The values are those of the PyPI package communityid 1.5, the first four also
// those of the specification's own table.
func TestCommunityID(t *testing.T) {
	f := func(want, src, dst string, proto uint8, a, b uint16) {
		t.Helper()
		x := flow.Flow{Proto: proto}
		x.SrcAddr, x.DstAddr = flow.AddrFrom(netip.MustParseAddr(src)), flow.AddrFrom(netip.MustParseAddr(dst))
		x.Set = communityFields
		if proto == 1 || proto == 58 {
			x.ICMPType = a<<8 | b
		} else {
			x.SrcPort, x.DstPort = a, b
		}
		var batch flow.Batch
		d := NewWith(ECS, Options{CommunityID: true}).AppendEvents(nil, &batch, []flow.Flow{x, x})
		for _, e := range readEvents(t, d) {
			if got := e.record["network.community_id"]; got != want {
				t.Errorf("%s %s %d %d %d: %v, want %s", src, dst, proto, a, b, got, want)
			}
		}
	}
	f("1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "128.232.110.120", "66.35.250.204", 6, 34855, 80)
	f("1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "66.35.250.204", "128.232.110.120", 6, 80, 34855)
	f("1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "192.168.1.52", "8.8.8.8", 17, 54585, 53)
	f("1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "192.168.0.89", "192.168.0.1", 1, 8, 0)
	f("1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "192.168.0.1", "192.168.0.89", 1, 0, 0)
	f("1:dgKgM1qx/z8bJmR2nHMgkjr7560=", "192.168.0.89", "192.168.0.1", 1, 20, 5)
	f("1:o3zT92uTgnRWv/YrDVeXcWumpC4=", "192.168.0.1", "192.168.0.89", 1, 3, 1)
	f("1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 58, 135, 0)
	f("1:/OGBt9BN1ofenrmSPWYicpij2Vc=", "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:507:0:1:260:97ff:fe07:69ea", 58, 3, 0)
	f("1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=", "10.1.24.4", "10.1.12.1", 46, 0, 0)
	f("1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=", "192.168.170.8", "192.168.170.56", 132, 7, 80)
	f("1:qeBXWWJ6LNA0HAl4qDQoU51DBHk=", "2001:db8::2", "2001:db8::1", 6, 5, 5)
	f("1:n8YIsyd6FjUbQ7cJZcY75bi6O98=", "10.0.0.1", "10.0.0.1", 6, 9, 5)
	for kind, want := range map[uint16]string{
		0: "1:YcMyyWJfhc95EW1GfXt6jlZ3DiQ=", 5: "1:nvrpoNniff5C2UH6Xtm3KEfPcWk=", 8: "1:E5tNYkCqpM09ZPfoLcq+JJj0QuQ=",
		9: "1:qhJTvE/Qez7ZPSOGlcKJAzRpSO0=", 10: "1:DYhYhWnv1hFRoB3VRnwSDthRB4g=", 13: "1:th9CqcxflNss8X17pecPidKDzKw=",
		14: "1:6zK3cgZa+RmEpj3VhWmGXnOWUZk=", 15: "1:+aoxZIkY0OuCwCZ+bbNV9kGNc5I=", 16: "1:cB4rCi6yiOWeiOghtxw4EOnHisM=",
		17: "1:l/VKACLiArrnbEnOQacsEqDOAlg=", 18: "1:pBxqyIdNW2nuGKUHpPBwrujq1iE=",
	} {
		f(want, "10.0.0.2", "10.0.0.1", 1, kind, 3)
	}
	for kind, want := range map[uint16]string{
		128: "1:YDcnf7YthUKAbDNo6Cs3rX4jq4w=", 129: "1:u2vMS3HiWth2lIMKHB1fjELshpQ=", 130: "1:xps6Lwc0qSxO2d8X+k4jnhqfpP0=",
		131: "1:00K5zJ2eLsDMSeSVZcN3NeAa3kQ=", 132: "1:eHGPFzsLFGKH8lrNPOuB2WtqQm4=", 133: "1:QtPNtSu54LNnRaBsOVcKuZTB5oQ=",
		134: "1:j9J4Qsivj289oKjVsnIMK9RRB8s=", 136: "1:R9HBIi387RnKhKUU53rFlnl803U=", 139: "1:EyvsTyxh629HwHG1XyqvKuccnPM=",
		140: "1:Sk22M0RiSzqPc3Ud7RgLkieiFvo=", 144: "1:tpS7VP1V1DNOq0L6LOxDDupNGcA=", 145: "1:ms66bqjCiS0Nx3DNXCp9wH22xNw=",
	} {
		f(want, "2001:db8::2", "2001:db8::1", 58, kind, 3)
	}
}
