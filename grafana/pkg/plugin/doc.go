// Package plugin is Grafana's datasource of flows: it listens for NetFlow and
// IPFIX itself, keeps the newest flows in a [engine.Window], and answers
// queries from there.
//
// The SDK makes a [Datasource] for each change of the settings and disposes of
// the one before a little later. Sockets and window outlive both: they belong to
// the [Hub], one in the process.
package plugin
