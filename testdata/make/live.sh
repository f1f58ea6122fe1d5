#!/bin/bash
# Runs a real exporter against 127.0.0.1:PORT, which must be bound already.
#
#	live.sh softflowd|pmacctd 5|9|10 PORT
#
# The flows lie in the minute before now. When the exporter has sent them all,
# prints what it was fed and can see (v5: IPv4 alone), one line of JSON:
#
#	{"exporter":"pmacctd","version":9,"flows":47,"packets":288,"bytes":157582}
#
# flows are unidirectional; so are the records of both exporters.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n 's/^#\t//p' "$here/live.sh" >&2; exit 2; }
[ $# = 3 ] || usage
exporter=$1 version=$2 port=$3
case $version in 5) family=ipv4 ;; 9 | 10) family=all ;; *) usage ;; esac

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cd "$build"
python3 "$here/traffic.py" traffic.pcap $(($(date +%s) - 55))

case $exporter in
softflowd)
	command=(softflowd -r traffic.pcap -a -d -c none -p pid -v "$version" -n "127.0.0.1:$port")
	;;
pmacctd)
	cp "$here/networks.lst" .
	sed "s/@VERSION@/$version/; s/@PORT@/$port/" "$here/pmacctd.conf" >conf
	echo "aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,src_as,dst_as,src_mask,dst_mask" >>conf
	command=(pmacctd -f conf)
	;;
*) usage ;;
esac
"${command[@]}" >log 2>&1 || { cat log >&2; exit 1; }

echo "{\"exporter\":\"$exporter\",\"version\":$version,$(python3 "$here/traffic.py" --totals $family | tr -d '{ ')"
