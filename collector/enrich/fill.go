package enrich

import "github.com/weirflow/weir/shared/flow"

// put writes the text x into a column of f, if there is one.
func (w *worker) put(b *flow.Batch, f *flow.Flow, column *flow.Name, field flow.Field, x label) {
	if x == 0 {
		return
	}
	n := w.labels.name(b, x)
	if n == 0 {
		w.tally.noRoom++
		return
	}
	*column = n
	f.Set.Add(field)
}

// flow fills the columns of f.
func (w *worker) flow(b *flow.Batch, f *flow.Flow, of *exporterView) {
	w.tally.flows++
	w.put(b, f, &f.ExporterName, flow.FieldExporterName, of.name)
	w.put(b, f, &f.ExporterSite, flow.FieldExporterSite, of.site)
	w.tally.exporters.note(of.name != 0)

	sampling := of.sampling
	if f.InIf != 0 {
		v := w.iface(of, f.InIf)
		w.put(b, f, &f.InIfName, flow.FieldInIfName, v.name)
		w.put(b, f, &f.InIfDesc, flow.FieldInIfDesc, v.description)
		w.put(b, f, &f.InIfRole, flow.FieldInIfRole, v.role)
		if v.speed != 0 {
			f.InIfSpeed = v.speed
			f.Set.Add(flow.FieldInIfSpeed)
		}
		if v.sampling != 0 && !egress(f) {
			sampling = v.sampling
		}
		w.tally.interfaces.note(v.name != 0)
	}
	if f.OutIf != 0 {
		v := w.iface(of, f.OutIf)
		w.put(b, f, &f.OutIfName, flow.FieldOutIfName, v.name)
		w.put(b, f, &f.OutIfDesc, flow.FieldOutIfDesc, v.description)
		w.put(b, f, &f.OutIfRole, flow.FieldOutIfRole, v.role)
		if v.speed != 0 {
			f.OutIfSpeed = v.speed
			f.Set.Add(flow.FieldOutIfSpeed)
		}
		if v.sampling != 0 && egress(f) {
			sampling = v.sampling
		}
		w.tally.interfaces.note(v.name != 0)
	}
	if sampling != 0 {
		f.SamplingRate = uint32(sampling)
		f.Set.Add(flow.FieldSamplingRate)
	}
	if of.shift != 0 {
		shift(f, of.shift)
	}
	if f.Set.Has(flow.FieldInVRF) {
		w.put(b, f, &f.InVRFName, flow.FieldInVRFName, w.vrf(of, f.InVRF))
	}
	if f.Set.Has(flow.FieldOutVRF) {
		w.put(b, f, &f.OutVRFName, flow.FieldOutVRFName, w.vrf(of, f.OutVRF))
	}
	w.application(b, f, of)
	if w.tables.located {
		w.addresses(b, f)
	}
}

// pass counts f, of which there is nothing to say, as flow does.
func (w *worker) pass(f *flow.Flow) {
	t := &w.tally
	t.flows++
	t.exporters.Misses++
	if f.InIf != 0 {
		t.interfaces.Misses++
	}
	if f.OutIf != 0 {
		t.interfaces.Misses++
	}
	t.applications.note(f.Set.Has(flow.FieldAppName))
}

// egress tells whether f was observed on its way out.
func egress(f *flow.Flow) bool { return f.Direction == 1 }

// shift puts an exporter's clock right. A time that is ours already stays.
func shift(f *flow.Flow, by int64) {
	ours := f.Marks&flow.TimeReplaced != 0
	if f.Set.Has(flow.FieldStart) && !(ours && f.Start == f.Received) {
		f.Start += by
	}
	if f.Set.Has(flow.FieldEnd) && !(ours && f.End == f.Received) {
		f.End += by
	}
}

// application names what f carries.
func (w *worker) application(b *flow.Batch, f *flow.Flow, of *exporterView) {
	if f.Set.Has(flow.FieldAppName) {
		w.tally.applications.note(true)
		return
	}
	var x label
	guessed := false
	if f.Set.Has(flow.FieldAppID) {
		x = w.app(of, f.AppID)
	}
	if x == 0 {
		if n := w.tables.ports.find(f); n != 0 {
			x, guessed = w.ports[n-1], true
		}
	}
	w.tally.applications.note(x != 0)
	if x == 0 {
		return
	}
	n := w.labels.name(b, x)
	if n == 0 {
		w.tally.noRoom++
		return
	}
	f.AppName = flow.Str(n)
	f.Set.Add(flow.FieldAppName)
	if guessed {
		w.tally.guessed++
		f.Marks |= flow.AppGuessed
	}
}

// addresses says where f's addresses are.
func (w *worker) addresses(b *flow.Batch, f *flow.Flow) {
	side := 0
	if f.Set.Has(flow.FieldSrcAddr) {
		v := w.addr(&f.SrcAddr)
		w.put(b, f, &f.SrcNet, flow.FieldSrcNet, v.name)
		w.put(b, f, &f.SrcSite, flow.FieldSrcSite, v.site)
		w.put(b, f, &f.SrcRole, flow.FieldSrcRole, v.role)
		w.put(b, f, &f.SrcCountry, flow.FieldSrcCountry, v.country)
		if f.SrcAS == 0 && v.as != 0 {
			f.SrcAS = v.as
			f.Set.Add(flow.FieldSrcAS)
		}
		if v.home {
			side |= 2
		}
		w.tally.addr(v)
	}
	if f.Set.Has(flow.FieldDstAddr) {
		v := w.addr(&f.DstAddr)
		w.put(b, f, &f.DstNet, flow.FieldDstNet, v.name)
		w.put(b, f, &f.DstSite, flow.FieldDstSite, v.site)
		w.put(b, f, &f.DstRole, flow.FieldDstRole, v.role)
		w.put(b, f, &f.DstCountry, flow.FieldDstCountry, v.country)
		if f.DstAS == 0 && v.as != 0 {
			f.DstAS = v.as
			f.Set.Add(flow.FieldDstAS)
		}
		if v.home {
			side |= 1
		}
		w.tally.addr(v)
		if len(w.tables.cfg.Home) > 0 && f.Set.Has(flow.FieldSrcAddr) {
			w.put(b, f, &f.Perimeter, flow.FieldPerimeter, w.edge[side])
		}
	}
}
