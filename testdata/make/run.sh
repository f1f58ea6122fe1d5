#!/bin/bash
# Remakes every capture in ../pcap and ../same, then the expected records.
#
#	run.sh [OUTDIR]    OUTDIR stands for testdata/, to compare without overwriting
#
# Needs install.sh to have run, and root: it works in a network namespace of
# its own, so nothing on the machine is in its way and nothing leaves loopback.
# The exporters live by a clock that stands still (libfaketime), some seconds
# after the traffic, so that the same bytes come out on every run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath "${1:-$here/..}")

if [ -z "${MAKE_INSIDE:-}" ]; then
	MAKE_INSIDE=1 exec unshare --net "$here/run.sh" "$out"
fi
ip link set lo up
echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range # one source port, always the same

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cd "$build"
python3 "$here/traffic.py" traffic.pcap
cp "$here"/{networks.lst,pretag.map} .

# The traffic is from 10:00:00.250 to 10:00:50.250 on 2 November 2026.
before="2026-11-02 09:00:00"
after="2026-11-02 10:00:55"
fake=(env TZ=UTC "LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1)"
	"FAKETIME_TIMESTAMP_FILE=$build/clock" FAKETIME_NO_CACHE=1)

receive() { # OUT.pcap PORT: begin to record
	mkdir -p "$(dirname "$1")"
	rm -f ready
	"${fake[@]}" python3 "$here/receive.py" "$1" "$2" >ready &
	receiver=$!
	until grep -qs ready ready; do sleep 0.02; done
}

received() {
	sleep 0.2
	kill "$receiver"
	wait "$receiver" || true
}

softflowd() { # OUT ARG...
	echo "$after" >clock
	receive "$out/$1.pcap" 2055
	# A pid namespace, as meteringProcessId is the pid. -a: see README.md.
	"${fake[@]}" unshare --pid --fork softflowd -r traffic.pcap -a -d -c none -p pid -n 127.0.0.1:2055 "${@:2}" \
		>log 2>&1 || { cat log; exit 1; }
	received
}

pmacctd() { # OUT VERSION CLOCK-AT-BOOT CONFIG...
	echo "$3" >clock
	receive "$out/$1.pcap" 2055
	{
		sed "s/@VERSION@/$2/; s/@PORT@/2055/" "$here/pmacctd.conf"
		printf '%s\n' "${@:4}"
	} >conf
	"${fake[@]}" pmacctd -f conf >log 2>&1 &
	local pid=$!
	until grep -q "Exporting flows to" log; do sleep 0.05; done
	sleep 0.5 # it notes its boot time now, and reads the packets a second later
	echo "$after" >clock
	wait "$pid" || { cat log; exit 1; }
	received
}

rich="aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,src_as,dst_as,src_mask,dst_mask,src_mac,dst_mac"
plain="aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags"
few="host 10.20.1.11 or host 2001:db8:20:1::11" # some conversations

for v in 5 9 10; do
	dir=pcap/v$v
	[ $v = 10 ] && dir=pcap/ipfix
	softflowd $dir/softflowd -v $v
	tagged=$plain
	[ $v = 10 ] && tagged=$plain,tag # in an enterprise's element, 43874/1
	pmacctd $dir/pmacctd $v "$before" "$tagged" "pre_tag_map: pretag.map"
	pmacctd $dir/pmacctd-sampled $v "$before" "$plain" "pmacctd_ext_sampling_rate: 100" "pcap_filter: $few"
done
softflowd pcap/v1/softflowd -v 1
# Flows from before the exporter's boot: switched times below zero.
pmacctd pcap/v5/pmacctd-reboot 5 "$after" "$plain" "pcap_filter: $few"
pmacctd pcap/v9/pmacctd-uptime 9 "$before" "$plain" "timestamps_secs: true" "pcap_filter: $few"
softflowd pcap/ipfix/softflowd-biflow -v 10 -b
for unit in sec micro nano; do
	softflowd pcap/ipfix/softflowd-$unit -v 10 -A $unit "$few"
done

# One exporter per version, each from an address and with a domain of its own.
mkdir -p "$out/same"
pmacctd same/5 5 "$before" "$rich" "nfprobe_source_ip: 127.0.0.5" "nfprobe_engine: 1:5"
echo 40009 40009 >/proc/sys/net/ipv4/ip_local_port_range
pmacctd same/9 9 "$before" "$rich" "nfprobe_source_ip: 127.0.0.9" "nfprobe_engine: 9"
echo 40010 40010 >/proc/sys/net/ipv4/ip_local_port_range
pmacctd same/10 10 "$before" "$rich" "nfprobe_source_ip: 127.0.0.10" "nfprobe_engine: 10"
cat "$out/same/5.pcap" <(tail -c +25 "$out/same/9.pcap") <(tail -c +25 "$out/same/10.pcap") >"$out/same/same.pcap"
rm "$out"/same/{5,9,10}.pcap

python3 "$here/expect.py" "$out"
