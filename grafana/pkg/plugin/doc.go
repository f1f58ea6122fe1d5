// Package plugin is Grafana's datasource of flows. It asks a weir collector over
// HTTP, or listens for NetFlow, IPFIX and sFlow itself, keeps the newest flows in a
// [engine.Window], and answers queries from there. Questions are those of package
// query both ways, and so are the answers that frames are made of.
//
// The SDK makes a [Datasource] for each change of the settings and disposes of
// the one before a little later. Sockets and window outlive both: they belong to
// the [Hub], one in the process.
package plugin
