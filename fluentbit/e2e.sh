#!/usr/bin/env bash
# Holds a Fluent Bit to what weir sent it: e2e.sh --help
# shellcheck disable=SC2317 # functions are called by name, too
set -euo pipefail

usage() {
	cat <<'EOF'
Usage: fluentbit/e2e.sh [--keep] FLUENT_BIT

Runs FLUENT_BIT, the path of a fluent-bit, with in_weir.so as its input and the
outputs file and es, and sends flows. Each step prints how many were sent and
how many came out of either output:

  flows      made-up NetFlow v9, and every capture in testdata
  pause      es doesn't answer until mem_buf_limit makes Fluent Bit pause
  two        the same with two inputs, of which one is paused
  reload     SIGHUP while flows come
  moved      the same, and the listeners of two inputs become those of one
  end        SIGTERM right behind the last flow
  no thread  with threaded off (callback only)

for append callback and direct, with the schemas ecs and flat. It takes UDP and
TCP ports from 26210 on, on 127.0.0.1 (PORT is another first one).

  --keep     keep the directory of configurations, logs and outputs

Status: 0; 1 if a step did not get what was sent; 2 if it could not be run.
EOF
}

keep=''
if [ "${1:-}" = --help ]; then
	usage
	exit 0
fi
if [ "${1:-}" = --keep ]; then
	keep=1
	shift
fi
if [ $# != 1 ] || [ ! -x "$1" ]; then
	usage >&2
	exit 2
fi
fluent_bit=$(realpath "$1")
cd "$(dirname "$0")/.."
port=${PORT:-26210}
sink_port=$((port + 1))
dir=$(mktemp -d)
pid='' sink_pid='' second='' third='' status=0

cleanup() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	[ -z "$sink_pid" ] || kill "$sink_pid" 2>/dev/null || true
	if [ -n "$keep" ] || [ "$status" != 0 ]; then
		echo "kept: $dir"
	else
		rm -rf "$dir"
	fi
}
trap cleanup EXIT

fail() {
	echo "e2e: $*" >&2
	status=2
	exit 2
}

sink() { # sink METHOD PATH
	curl -sS -X "$1" "http://127.0.0.1:$sink_port$2"
}

# until_true SECONDS COMMAND…: waits until COMMAND succeeds.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

logged() { # logged N TEXT: TEXT is in the log N times
	[ -f "$dir/log" ] && [ "$(grep -cF "$2" "$dir/log")" -ge "$1" ]
}

in_file() { cat "$dir"/out/* 2>/dev/null | wc -l; }
in_es() { echo $(($(sink GET /count) - es_before)); }
arrived() { [ "$(in_file)" -ge "$1" ] && [ "$(in_es)" -ge "$1" ]; }

configure() { # configure APPEND SCHEMA [PROPERTY…]: with a second input if $second is set
	cat >"$dir/fluent-bit.yaml" <<EOF
service:
  flush: 1
  grace: 10
  log_level: info
  hot_reload: on
plugins:
  - $PWD/build/in_weir.so
pipeline:
  inputs:
    - name: weir
      listeners: udp://127.0.0.1:$port${third:+,udp://127.0.0.1:$third}
      append: $1
      schema: $2
      types: flows
$(printf '      %s\n' "${@:3}")
${second:+
    - name: weir
      listeners: udp://127.0.0.1:$second
      append: $1
      schema: $2
      types: flows}
  outputs:
    - name: file
      match: '*'
      path: $dir/out
      format: plain
    - name: es
      match: '*'
      host: 127.0.0.1
      port: $sink_port
      index: weir
      suppress_type_name: on
      retry_limit: no_limits
EOF
}

start() { # start APPEND SCHEMA [PROPERTY…]: likewise
	configure "$@"
	rm -rf "$dir/out"
	mkdir "$dir/out"
	es_before=$(sink GET /count)
	"$fluent_bit" -Y -c "$dir/fluent-bit.yaml" >"$dir/log" 2>&1 &
	pid=$!
	until_true 20 logged $((second > 0 ? 2 : 1)) 'listening on' || fail "Fluent Bit did not start: $(tail -3 "$dir/log")"
	sleep 0.5
}

stop() {
	kill -TERM "$pid"
	wait "$pid" || fail "Fluent Bit ended with status $?: $(tail -3 "$dir/log")"
	pid=''
}

gen() { # gen RATE SECONDS [PORT]
	bin/weir gen --to "127.0.0.1:${3:-$port}" --protocol netflow9 --rate "$1" --duration "${2}s" 2>>"$dir/gen.log"
}

# result STEP SENT: both outputs must have as much.
result() {
	local file es verdict=ok
	file=$(in_file)
	es=$(in_es)
	if [ "$file" != "$2" ] || [ "$es" != "$2" ]; then
		verdict=DIFFERS
		status=1
		mkdir -p "$dir/failed"
		cp "$dir/log" "$dir/failed/$(echo "$what $1" | tr ' ' -).log"
	fi
	printf '%-16s %-9s sent %8d   file %8d   es %8d   %s\n' "$what" "$1" "$2" "$file" "$es" "$verdict"
}

make -s fluentbit build
go build -o "$dir/sink" ./fluentbit/harness/sink
"$dir/sink" --listen "127.0.0.1:$sink_port" &
sink_pid=$!
until_true 10 sink GET /count >/dev/null 2>&1 || fail "the sink did not start"
sleep 0.2
kill -0 "$sink_pid" 2>/dev/null || fail "port $sink_port is taken: set PORT to a free one"

captures=()
in_captures=0
while read -r f; do
	n=$(bin/weir decode "$f" 2>/dev/null | wc -l) || true
	if [ "$n" -gt 0 ]; then
		captures+=("$f")
		in_captures=$((in_captures + n))
	fi
done < <(find testdata/pcap testdata/same -name '*.pcap' | sort)

"$fluent_bit" --version | head -1
for append in callback direct; do
	for schema in ecs flat; do
		what="$append $schema"

		start "$append" "$schema"
		gen 5000 3
		for f in "${captures[@]}"; do
			bin/weir replay --to "127.0.0.1:$port" --flat-out "$f" 2>>"$dir/gen.log"
		done
		sent=$((15000 + in_captures))
		until_true 15 arrived "$sent" || true
		result flows "$sent"
		stop

		start "$append" "$schema" 'mem_buf_limit: 2M'
		sink POST /hold
		gen 10000 4
		until_true 15 logged 1 'paused (mem buf overlimit' || fail "Fluent Bit did not pause"
		sink POST /release
		until_true 30 arrived 40000 || true
		result pause 40000
		stop

		second=$((port + 2))
		start "$append" "$schema" 'mem_buf_limit: 2M'
		sink POST /hold
		gen 2000 4 "$second" &
		gen_pid=$!
		gen 10000 4
		wait "$gen_pid"
		until_true 15 logged 1 'paused (mem buf overlimit' || fail "Fluent Bit did not pause"
		sink POST /release
		until_true 30 arrived 48000 || true
		result two 48000
		stop
		second=''

		start "$append" "$schema"
		gen 5000 4 &
		gen_pid=$!
		sleep 2
		kill -HUP "$pid"
		wait "$gen_pid"
		until_true 15 logged 2 'listening on' || fail "Fluent Bit did not reload"
		gen 5000 1
		until_true 15 arrived 25000 || true
		result reload 25000
		stop

		second=$((port + 2))
		start "$append" "$schema"
		gen 5000 3 "$second" &
		gen_pid=$!
		sleep 1
		third=$second second=''
		configure "$append" "$schema"
		kill -HUP "$pid"
		wait "$gen_pid"
		until_true 15 logged 4 'listening on' || fail "Fluent Bit did not reload: $(tail -3 "$dir/log")"
		gen 5000 1
		gen 5000 1 "$third"
		until_true 15 arrived 25000 || true
		result moved 25000
		stop
		third=''

		start "$append" "$schema"
		gen 5000 3
		stop
		result end 15000

		[ "$append" = callback ] || continue
		start "$append" "$schema" 'threaded: off'
		gen 5000 3
		until_true 15 arrived 15000 || true
		result 'no thread' 15000
		stop
	done
done
exit "$status"
