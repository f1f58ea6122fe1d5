#!/bin/bash
# Runs a real exporter against 127.0.0.1:PORT, which must be bound already.
#
#	live.sh softflowd 1|5|9|10 PORT
#	live.sh pmacctd 5|9|10 PORT
#	live.sh fprobe 1|5|7 PORT
#	live.sh openvswitch 5|sflow PORT
#
# The flows lie in the minute before now. When the exporter has sent them all,
# prints what it was fed and can see (v1, v5 and v7: IPv4 alone), one line of
# JSON:
#
#	{"exporter":"pmacctd","version":"9","flows":47,"packets":288,"bytes":157582}
#
# flows are unidirectional; so are the records of the exporters. sFlow's flows are
# its samples, which are all packets. Open vSwitch's v5 counts the octets of frames.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '/live.sh/s/^#\t//p' "$here/live.sh" >&2; exit 2; }
[ $# = 3 ] || usage
exporter=$1 version=$2 port=$3
case $exporter-$version in
softflowd-[15] | pmacctd-5 | fprobe-[157]) counted=ipv4 ;;
softflowd-9 | softflowd-10 | pmacctd-9 | pmacctd-10) counted=all ;;
openvswitch-5) counted=frames ;;
openvswitch-sflow) counted=samples ;;
*) usage ;;
esac

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cd "$build"
PATH=$PATH:/usr/sbin
python3 "$here/traffic.py" traffic.pcap $(($(date +%s) - 55))

case $exporter in
softflowd)
	softflowd -r traffic.pcap -a -d -c none -p pid -v "$version" -n "127.0.0.1:$port"
	;;
pmacctd)
	cp "$here/networks.lst" .
	sed "s/@PLUGIN@/nfprobe/g; s/@PORT@/$port/" "$here/pmacctd.conf" >conf
	echo "nfprobe_version: $version" >>conf
	echo "aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,src_as,dst_as,src_mask,dst_mask" >>conf
	pmacctd -f conf
	;;
fprobe)
	"$here/slowly.sh" traffic.pcap | fprobe -i - -n "$version" -f ip -q 1000 -s 3600 -d 3600 -e 3600 -l 2 "127.0.0.1:$port"
	;;
openvswitch)
	kind=netflow
	[ $version = sflow ] && kind=sflow
	python3 "$here/openvswitch.py" $kind "$port"
	;;
esac >log 2>&1 || { cat log >&2; exit 1; }

echo "{\"exporter\":\"$exporter\",\"version\":\"$version\",$(python3 "$here/traffic.py" --totals $counted | tr -d '{ ')"
