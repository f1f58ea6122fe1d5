package api

// StoreStats is what /metrics tells of the embedded store.
type StoreStats struct {
	Segments     int
	Flows        uint64  // in segments
	Octets       int64   // of segments
	Rollups      int     // files
	Sums         int64   // octets of rollups
	Tail         int     // flows that are in no segment yet
	Journal      int64   // octets
	Unwritten    uint64  // flows that would not survive a crash now
	UnwrittenFor float64 // seconds: how long the oldest of them has been
	Refused      uint64  // flows that the store could not take
	Recovered    uint64  // flows that the journal gave back at the start
	Bad          int     // files that are set aside
}

var (
	mStoreFlows     = newMetric("store_flows", "Flows in the store: in segments, or in memory until there are enough for one.", "where")
	mStoreOctets    = newMetric("store_octets", "What the store takes on disk: segments, rollups, journal.", "what")
	mStoreFiles     = newMetric("store_files", "Files of the store: segments, rollups; bad ones, which are set aside.", "what")
	mUnwritten      = newMetric("store_unacknowledged_flows", "Flows that came and would not survive a crash now: the journal has them within 200 ms.")
	mUnwrittenFor   = newMetric("store_unacknowledged_seconds", "How long the oldest of them has been.")
	mStoreRefused   = newMetric("store_refused_flows_total", "Flows that the store could not take.")
	mStoreRecovered = newMetric("store_recovered_flows_total", "Flows that the journal gave back at the start.")

	storeMetrics = []*metric{mStoreFlows, mStoreOctets, mStoreFiles, mUnwritten, mUnwrittenFor, mStoreRefused, mStoreRecovered}
)

// tell gives the metrics.
func (x *StoreStats) tell(count func(*metric, uint64, ...string), gauge func(*metric, float64, ...string)) {
	gauge(mStoreFlows, float64(x.Flows), "segments")
	gauge(mStoreFlows, float64(x.Tail), "memory")
	gauge(mStoreOctets, float64(x.Octets), "segments")
	gauge(mStoreOctets, float64(x.Sums), "rollups")
	gauge(mStoreOctets, float64(x.Journal), "journal")
	gauge(mStoreFiles, float64(x.Segments), "segments")
	gauge(mStoreFiles, float64(x.Rollups), "rollups")
	gauge(mStoreFiles, float64(x.Bad), "bad")
	gauge(mUnwritten, float64(x.Unwritten))
	gauge(mUnwrittenFor, x.UnwrittenFor)
	count(mStoreRefused, x.Refused)
	count(mStoreRecovered, x.Recovered)
}
