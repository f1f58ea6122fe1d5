package query

import (
	"testing"
	"time"
)

func TestAskOthers(t *testing.T) {
	f := func(as func(*Question) (string, error), text, want string) {
		t.Helper()
		got, err := as(ask(t, text))
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\nis   %s\nwant %s", text, got, want)
		}
	}
	const over = "TZ=UTC nfdump -R DIR -t 2026/11/26.10:00:00-2026/11/26.11:00:00 "
	nf := (*Question).Nfdump
	f(nf, "top 5 src by bits from 10:00 to 11:00 where proto tcp and not port 22", over+"-s srcip/bytes -n 5 'proto tcp and not port 22'")
	f(nf, "top src,dst port by packets from 10:00 to 11:00", over+"-A srcip,dstport -O packets -n 10")
	f(nf, "top src/24/48 by flows", `nfdump has no prefixes for both families at once, as "src ip/24/48"`)
	f(nf, "top ip from 10:00 to 11:00", over+"-s ip/bytes -n 10")
	f(nf, "flows 7 by packets from 10:00 to 11:00 where host 10.0.0.1", over+"-O packets -n 7 'ip 10.0.0.1'")
	f(nf, "flows", "nfdump lists the oldest flows first: write flows by bytes, or weir query alone")
	f(nf, "conversations from 10:00 to 11:00", over+"-B -O bytes -n 10")
	f(nf, "top app_name", `nfdump doesn't group by "app_name"`)
	f(nf, "top src where app_name ~ x", `nfdump's filters have no "app_name"`)
	f(nf, "top src where port 80-90", `nfdump's filters have no ranges, as that of "port"`)
	f(nf, "count src", "nfdump doesn't count different values")
	f(nf, "series src", "nfdump knows no bins, no matrices, and no directions apart")

	const search = "search `weir_flows` earliest=1795687200 latest=1795690800 | "
	spl := (*Question).SPL
	f(spl, "top 5 src,dst by bytes, flows from 10:00 to 11:00 where dst port 443 and src net 10.0.0.0/8",
		search+"where (dest_port=443) AND (cidrmatch(\"10.0.0.0/8\", src_ip)) | `weir_scaled` | stats sum(scaled_bytes) AS bytes, count AS flows BY src_ip, dest_ip | sort 5 -bytes")
	f(spl, "series 4 app by bits from 10:00 to 11:00 every 5min raw where port 80-90 or flags SA",
		search+"where ((src_port>=80 AND src_port<=90) OR (dest_port>=80 AND dest_port<=90)) OR (protocol_number=6 AND (floor(tcp_flags/2)%2=1 AND floor(tcp_flags/16)%2=1)) | timechart span=300s per_second(eval(bytes*8)) AS bits BY app limit=4")
	f(spl, "count src by exporter from 10:00 to 11:00", search+"`weir_scaled` | stats dc(src_ip) AS distinct_src_addr BY dvc_ip | sort 10 -distinct_src_addr")
	f(spl, "top ip, dscp by packets from 10:00 to 11:00 where not app ~ '^a\"' and duration > 1s and dscp ef",
		search+`where (NOT (match(app, "^a\""))) AND ((duration*1000000000)>1000000000) AND (floor(tos/4)%64=46) | `+"`weir_scaled`"+` | eval ip=mvdedup(mvappend(src_ip, dest_ip)) | eval dscp=floor(tos/4)%64 | stats sum(scaled_packets) AS packets BY ip, dscp | sort 10 -packets`)
	f(spl, "flows 3 from 10:00 to 11:00", search+"head 3")
	f(spl, "conversations", "SPL puts no conversations together: let the add-on stitch them")
	f(spl, "flows where bps > 1m", `the add-on's events have no "bps"`)

	g := (*Question).Grafana
	f(g, "series 8 app_name by bits last 6h where proto tcp", `{"type":"timeseries","metric":"bits","groupBy":["app_name"],"limit":8,"filter":"proto tcp"}`)
	f(g, "top src, dst port by packets", `{"type":"top","metric":"packets","groupBy":["src_addr","dst_port"],"limit":10}`)
	f(g, "flows", `{"type":"flows","limit":100}`)
	f(g, "top ip", `{"show":"top","limit":10,"by":["ip"],"metrics":["bytes"]}`)
	f(g, "top if by bits p95", `{"show":"top","limit":10,"by":["if"],"metrics":["bits p95"],"every":"5min"}`)
	f(g, "matrix 5 src as x dst as by bits, flows raw last 1h previous zone Europe/Berlin where not port 53",
		`{"show":"matrix","limit":5,"by":["src as","dst as"],"metrics":["bits","flows"],"zone":"Europe/Berlin","where":"not port 53","raw":true,"previous":true}`)
	f(g, "conversations 3 by packets idle 1min", `{"show":"conversations","limit":3,"metrics":["packets"],"idle":"1min"}`)
	f(g, "top against 2026-01-01 to 2026-01-02", "the datasource compares with what is as long before its range: ask with previous")
}

// A panel's range and bins hold where a question has none of its own.
func TestAskIn(t *testing.T) {
	asking := asking.Truncate(time.Hour)
	in := Scope{From: asking.Add(-2 * time.Hour).UnixNano(), To: asking.Add(-time.Hour).UnixNano(), Bin: int64(time.Minute)}
	f := func(a Asked, from, to time.Duration, bin int64) {
		t.Helper()
		q, err := a.AskIn(asking, in)
		if err != nil || q.From != asking.Add(from).UnixNano() || q.To != asking.Add(to).UnixNano() || q.Bin != bin {
			t.Errorf("%+v is %s, %v", a, q, err)
		}
	}
	const h = time.Hour
	f(Asked{Question: "series src"}, -2*h, -h, int64(time.Minute))
	f(Asked{Show: "series"}, -2*h, -h, int64(time.Minute))
	f(Asked{Question: "series every 10min"}, -2*h, -h, int64(10*time.Minute))
	f(Asked{Question: "top src last 1h"}, -h, 0, 0)
	f(Asked{Question: "top src previous"}, -2*h, -h, 0)
	q, err := (&Asked{Show: "top", Previous: true}).AskIn(asking, in)
	if err != nil || q.Against != [2]int64{asking.Add(-3 * h).UnixNano(), asking.Add(-2 * h).UnixNano()} {
		t.Errorf("%s, %v", q, err)
	}
}
