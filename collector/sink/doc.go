// Package sink is where flows go: into files or to standard output ([File]), and
// to Fluent Bit or Fluentd ([Forward]).
//
// Each kind of sink has a Config with its default; a [List] is those of a YAML
// file, and [Open] makes one:
//
//	sinks:
//	- type: file
//	  path: /var/lib/weir/flows/%Y%m%d-%H.jsonl.gz
//	  every: 1h
//	  compress: gzip
//	- type: forward
//	  servers: [tls://logs.example.net:24224]
//	  shared_key_file: /etc/weir/forward.key
//	  filter: proto tcp and not port 22
//	  queue: {overflow: spill, disk: 4GiB}
//
// A sink takes a batch whole or says why not. It keeps nothing of a batch but
// what waits for an acknowledgement, which is bounded, and tries again by itself;
// what happens to the flows behind is the queue's business.
package sink
