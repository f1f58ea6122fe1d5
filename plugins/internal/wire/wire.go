// Package wire is what a detector's process and its host agree on: how they
// recognise one another, how much they send at once, and how rows become
// columns and rows again.
//
// A batch crosses as flat columns, only those that the detector asked for. Both
// ways the loops go by column over blocks of rows that stay in the cache.
package wire

//go:generate go run ./gen

import (
	"github.com/hashicorp/go-plugin"

	"github.com/weirflow/weir/shared/flow"
)

// Handshake is how a process knows that it was started as a detector.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "WEIR_DETECTOR",
	MagicCookieValue: "b1f0c3de-one-flow-at-a-time",
}

// PluginName is the one name in go-plugin's set of plugins.
const PluginName = "detector"

const (
	MaxRows    = 8192     // in a batch
	MaxMessage = 64 << 20 // octets of a message, either way
	Window     = 4 << 20  // octets under way before the receiver reads
	Buffer     = 256 << 10
)

// block is the number of rows that the loops go over at a time: about 20 KiB.
const block = 64

// width returns the octets of a value of column x.
func width(x flow.Field) int { return int(flow.Fields[x].Size) }
