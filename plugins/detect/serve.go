package detect

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/plugins/internal/wire"
	"github.com/weirflow/weir/shared/flow"
)

// Serve is the main of a detector's program: it serves d to the weir that
// started the process, and ends the process when weir goes away. Started by
// hand, it says so and exits with 1. It doesn't return.
func Serve(m Manifest, d Detector) {
	s := &server{manifest: m, detector: d}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: wire.Handshake,
		Plugins:         plugin.PluginSet{wire.PluginName: s},
		Logger:          hclog.NewNullLogger(),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			s.grpc = grpc.NewServer(append(opts,
				grpc.MaxRecvMsgSize(wire.MaxMessage), grpc.MaxSendMsgSize(wire.MaxMessage),
				grpc.InitialWindowSize(wire.Window), grpc.InitialConnWindowSize(wire.Window),
				grpc.ReadBufferSize(wire.Buffer), grpc.WriteBufferSize(wire.Buffer),
			)...)
			s.unfed = time.AfterFunc(patience, s.grpc.Stop)
			return s.grpc
		},
	})
	os.Exit(0)
}

// A server is a Detector behind gRPC.
type server struct {
	plugin.NetRPCUnsupportedPlugin
	detectpb.UnimplementedDetectorServer

	manifest Manifest
	detector Detector
	grpc     *grpc.Server
	running  sync.Mutex  // held while the detector is fed
	unfed    *time.Timer // ends the process
}

// GRPCServer makes a server a plugin.GRPCPlugin.
func (s *server) GRPCServer(_ *plugin.GRPCBroker, r *grpc.Server) error {
	detectpb.RegisterDetectorServer(r, s)
	return nil
}

// GRPCClient makes a server a plugin.GRPCPlugin; hosts have their own.
func (s *server) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a detector's process hosts no detectors")
}

func (s *server) Describe(context.Context, *detectpb.DescribeRequest) (*detectpb.Manifest, error) {
	m := &s.manifest
	return &detectpb.Manifest{Name: m.Name, Version: m.Version, Doc: m.Doc, Fields: m.Fields}, nil
}

// patience is how long a process waits to be fed: its host may have died before
// it came to that.
const patience = time.Minute

// grace is how long a process lives on when nobody feeds it any more: time for
// an error to arrive, and for the host to end the process itself.
const grace = time.Second

func (s *server) Run(stream detectpb.Detector_RunServer) error {
	if !s.running.TryLock() {
		return status.Error(codes.FailedPrecondition, "the detector is being fed already")
	}
	s.unfed.Stop()
	context.AfterFunc(stream.Context(), func() {
		time.Sleep(grace)
		s.grpc.Stop()
	})
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	dec, err := wire.NewDecoder(first.GetOpen())
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if err := stream.Send(&detectpb.Output{}); err != nil {
		return err
	}
	in := Input{Flows: &flow.Batch{}}
	var found []Finding
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		b := m.GetBatch()
		if err := dec.Decode(in.Flows, b); err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		in.Watermark, in.Late = b.GetWatermark(), int(b.GetLate())
		in.Exporters = appendExporters(in.Exporters[:0], b.GetExporters())
		found = s.detector.Detect(found[:0], in)
		out := &detectpb.Output{Seq: b.GetSeq()}
		for i := range found {
			out.Findings = append(out.Findings, message(&found[i]))
		}
		if err := stream.Send(out); err != nil {
			return err
		}
		clear(found)
	}
}

func appendExporters(dst []ExporterStatus, from []*detectpb.Exporter) []ExporterStatus {
	for _, e := range from {
		x := ExporterStatus{Domain: e.GetDomain(), LastSeen: e.GetLastSeen(), Received: e.GetReceived(), Missing: e.GetMissing()}
		copy(x.Exporter[:], e.GetAddr())
		dst = append(dst, x)
	}
	return dst
}

// message returns what the detector said of f, for the wire.
func message(f *Finding) *detectpb.Finding {
	m := &detectpb.Finding{
		Key: f.Key, Class: f.Class, Severity: uint32(f.Severity), Confidence: f.Confidence,
		Start: f.Start, End: f.End, Metrics: f.Metrics,
		Explanation: f.Explanation, Technique: f.Technique, Actions: f.Actions,
	}
	for _, e := range f.Entities {
		m.Entities = append(m.Entities, &detectpb.Entity{Role: e.Role, Kind: e.Kind, Value: e.Value})
	}
	for _, k := range f.Evidence[:min(len(f.Evidence), MaxEvidence)] {
		m.Evidence = append(m.Evidence, &detectpb.FlowKey{
			SrcAddr: k.SrcAddr[:], DstAddr: k.DstAddr[:], SrcPort: uint32(k.SrcPort), DstPort: uint32(k.DstPort),
			Proto: uint32(k.Proto), Start: k.Start, End: k.End, Exporter: k.Exporter[:],
		})
	}
	return m
}
