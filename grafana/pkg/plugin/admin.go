package plugin

import (
	"fmt"
	"strconv"
)

// Admin is what Grafana's administrator sets of the plugin, in grafana.ini's section
// [plugin.weir-flows-datasource]: it is there before there are datasources.
type Admin struct {
	Listen   string // GF_PLUGIN_LISTEN: the process listens there from its start to its end
	WindowMB string // GF_PLUGIN_WINDOW_MB: of that, in MiB; "": as datasources have it
}

// Administer lets the process listen where a says. Datasources without addresses of
// their own have these. What is wrong is logged, and tried again at each request.
func (h *Hub) Administer(a Admin) {
	s := h.defaults
	if a.Listen == "" {
		return
	}
	s.Listen, s.administered = a.Listen, a.Listen
	if a.WindowMB != "" {
		mb, err := strconv.Atoi(a.WindowMB)
		if err != nil {
			h.log.Error("not listening", "error", fmt.Sprintf("GF_PLUGIN_WINDOW_MB is %q: write a number of MiB", a.WindowMB))
			return
		}
		s.WindowMB = mb
	}
	if err := s.Validate(); err != nil {
		h.log.Error("not listening", "error", fmt.Sprintf("GF_PLUGIN_LISTEN: %v", err))
		return
	}
	h.defaults, h.admin = s, a
	h.process = &Datasource{hub: h, settings: s}
	if _, err := h.process.listening(); err != nil {
		h.log.Error("not listening", "error", err)
	}
}

// wake lets the process listen again if it should and doesn't.
func (h *Hub) wake() {
	if h.process == nil {
		return
	}
	if _, err := h.process.listening(); err != nil {
		h.log.Debug("not listening", "error", err)
	}
}
