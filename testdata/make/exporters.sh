# What run.sh runs: one function per exporter, each of which records in
# $out/NAME.pcap what the exporter sends. To be sourced in a network and mount
# namespace of its own, in a directory that may be written to, with $here and
# $out set.
#
# The exporters live by a clock that stands still (libfaketime), some seconds
# after the traffic, or goes as we say. Their ports, process ids and random
# numbers are fixed, so that the same bytes come out on every run.
ip link set lo up
port() { echo "$1 $1" >/proc/sys/net/ipv4/ip_local_port_range; } # one source port, always the same
port 40000
yes weir 2>/dev/null | head -c 65536 >random || true
mount --bind random /dev/random
mount --bind random /dev/urandom

# The traffic is from 10:00:00.250 to 10:00:50.250 on 2 November 2026.
before="2026-11-02 09:00:00"
after="2026-11-02 10:00:55"
fake=(env TZ=UTC "LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1)"
	"FAKETIME_TIMESTAMP_FILE=$PWD/clock" FAKETIME_NO_CACHE=1)

receive() { # NAME: begin to record
	mkdir -p "$(dirname "$out/$1")"
	rm -f ready
	"${fake[@]}" python3 "$here/receive.py" "$out/$1.pcap" 2055 >ready &
	receiver=$!
	until grep -qs ready ready; do sleep 0.02; done
}

received() {
	sleep 0.2
	kill "$receiver"
	wait "$receiver" || true
}

softflowd() { # NAME ARG...
	echo "$after" >clock
	receive "$1"
	# A pid namespace, as meteringProcessId is the pid. -a: see README.md.
	"${fake[@]}" unshare --pid --fork softflowd -r traffic.pcap -a -d -c none -p pid -n 127.0.0.1:2055 "${@:2}" \
		>log 2>&1 || { cat log; exit 1; }
	received
}

pmacctd() { # NAME PLUGIN CLOCK-AT-BOOT CONFIG...
	echo "$3" >clock
	receive "$1"
	{
		sed "s/@PLUGIN@/$2/g; s/@PORT@/2055/" "$here/pmacctd.conf"
		printf '%s\n' "${@:4}"
	} >conf
	"${fake[@]}" pmacctd -f conf >log 2>&1 &
	local pid=$!
	until grep -q "Exporting flows to" log; do sleep 0.05; done
	sleep 0.5 # it notes its boot time now, and reads the packets a second later
	echo "$after" >clock
	# sfprobe may be gone before the core, which then calls itself failed.
	wait "$pid" || grep -q "no more plugins active" log || { cat log; exit 1; }
	received
}

nfprobe() { # NAME VERSION CLOCK-AT-BOOT CONFIG...
	pmacctd "$1" nfprobe "$3" "nfprobe_version: $2" "${@:4}"
}

sfprobe() { # NAME CONFIG...: each packet is a sample
	pmacctd "$1" sfprobe "$after" "sampling_rate: 1" "sfprobe_agentip: 127.0.0.7" "sfprobe_agentsubid: 3" "${@:2}"
}

fprobe() { # NAME VERSION
	echo "$after" >clock
	receive "$1"
	# Nothing expires by itself.
	"$here/slowly.sh" traffic.pcap | "${fake[@]}" unshare --pid --fork fprobe \
		-i - -n "$2" -f ip -x 7:9 -q 1000 -s 3600 -d 3600 -e 3600 -l 2 127.0.0.1:2055 \
		>log 2>&1 || { cat log; exit 1; }
	received
}

nfreplay() { # NAME VERSION CAPTURE: what nfcapd stores of a capture of ours
	echo "$after" >clock
	rm -rf nfcapd
	mkdir nfcapd
	"${fake[@]}" nfcapd -b 127.0.0.1 -p 2056 -w nfcapd -t 3600 >log 2>&1 &
	local pid=$!
	until grep -q Startup log; do sleep 0.02; done
	python3 "$here/resend.py" "$out/$3.pcap" 2056
	sleep 0.3
	kill "$pid"
	wait "$pid" || { cat log; exit 1; }
	receive "$1"
	# setarch: it sends an engine that it never set, octets of an address.
	"${fake[@]}" setarch -R nfreplay -r nfcapd/nfcapd.* -H 127.0.0.1 -p 2055 -v "$2" >log 2>&1 || { cat log; exit 1; }
	received
}

openvswitch() { # NAME netflow|ipfix|sflow [HOST...]: its clock goes with the packets
	echo "$before" >clock
	receive "$1"
	python3 "$here/openvswitch.py" "$2" 2055 --clock "$PWD/clock" "${@:3}" >log 2>&1 || { cat log; exit 1; }
	received
}
