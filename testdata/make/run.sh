#!/bin/bash
# Remakes every capture in ../pcap and ../same, then the expected records.
#
#	run.sh [OUTDIR]    OUTDIR stands for testdata/, to compare without overwriting
#
# Needs install.sh to have run, and root: it works in namespaces of its own, so
# nothing on the machine is in its way and nothing leaves loopback.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath "${1:-$here/..}")

if [ -z "${MAKE_INSIDE:-}" ]; then
	MAKE_INSIDE=1 exec unshare --net --mount "$here/run.sh" "$out"
fi
build=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$build"' EXIT
cd "$build"
python3 "$here/traffic.py" traffic.pcap
cp "$here"/{networks.lst,pretag.map} .
. "$here/exporters.sh"

rich="aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,src_as,dst_as,src_mask,dst_mask,src_mac,dst_mac"
plain="aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags"
few="host 10.20.1.11 or host 2001:db8:20:1::11" # some conversations

for v in 5 9 10; do
	dir=pcap/v$v
	[ $v = 10 ] && dir=pcap/ipfix
	softflowd $dir/softflowd -v $v
	tagged=$plain
	[ $v = 10 ] && tagged=$plain,tag # in an enterprise's element, 43874/1
	nfprobe $dir/pmacctd $v "$before" "$tagged" "pre_tag_map: pretag.map"
	nfprobe $dir/pmacctd-sampled $v "$before" "$plain" "pmacctd_ext_sampling_rate: 100" "pcap_filter: $few"
done
softflowd pcap/v1/softflowd -v 1
# Flows from before the exporter's boot: switched times below zero.
nfprobe pcap/v5/pmacctd-reboot 5 "$after" "$plain" "pcap_filter: $few"
nfprobe pcap/v9/pmacctd-uptime 9 "$before" "$plain" "timestamps_secs: true" "pcap_filter: $few"
softflowd pcap/ipfix/softflowd-biflow -v 10 -b
for unit in sec micro nano; do
	softflowd pcap/ipfix/softflowd-$unit -v 10 -A $unit "$few"
done
softflowd pcap/ipfix/softflowd-psamp -v psamp "arp or udp port 123 or tcp port 3389"
for v in 1 5 7; do
	fprobe pcap/v$v/fprobe $v
done
nfreplay pcap/v5/nfreplay 5 pcap/v9/pmacctd
nfreplay pcap/v9/nfreplay 9 pcap/v9/pmacctd
openvswitch pcap/v5/openvswitch netflow
openvswitch pcap/ipfix/openvswitch ipfix 10.20.1.11 2001:db8:20:1::11
openvswitch pcap/sflow/openvswitch sflow 10.20.1.11 2001:db8:20:1::11 10.20.1.13 10.20.2.25 10.20.3.1
sfprobe pcap/sflow/pmacctd "$rich" "pcap_filter: $few or host 10.20.1.13 or host 10.20.2.25 or host 10.20.3.1"

# One exporter per version, each from an address and with a domain of its own.
mkdir -p "$out/same"
nfprobe same/5 5 "$before" "$rich" "nfprobe_source_ip: 127.0.0.5" "nfprobe_engine: 1:5"
port 40009
nfprobe same/9 9 "$before" "$rich" "nfprobe_source_ip: 127.0.0.9" "nfprobe_engine: 9"
port 40010
nfprobe same/10 10 "$before" "$rich" "nfprobe_source_ip: 127.0.0.10" "nfprobe_engine: 10"
cat "$out/same/5.pcap" <(tail -c +25 "$out/same/9.pcap") <(tail -c +25 "$out/same/10.pcap") >"$out/same/same.pcap"
rm "$out"/same/{5,9,10}.pcap

python3 "$here/expect.py" "$out"
