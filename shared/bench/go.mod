module github.com/weirflow/weir/shared/bench

go 1.26.5

require (
	github.com/netsampler/goflow2/v2 v2.2.6
	github.com/weirflow/weir v0.0.0
)

require (
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/weirflow/weir => ../..
