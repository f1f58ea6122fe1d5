//go:build real

package browser

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

const pluginID = "weir-flows-datasource"

// A datasource is what Grafana keeps of one; its JSON is that of Grafana's API.
type datasource struct {
	ID               int64           `json:"id"`
	UID              string          `json:"uid"`
	OrgID            int64           `json:"orgId"`
	Name             string          `json:"name"`
	Type             string          `json:"type"`
	TypeName         string          `json:"typeName"`
	Access           string          `json:"access"`
	URL              string          `json:"url"`
	User             string          `json:"user"`
	Database         string          `json:"database"`
	BasicAuth        bool            `json:"basicAuth"`
	BasicAuthUser    string          `json:"basicAuthUser"`
	WithCredentials  bool            `json:"withCredentials"`
	IsDefault        bool            `json:"isDefault"`
	JSONData         json.RawMessage `json:"jsonData"`
	SecureJSONFields map[string]bool `json:"secureJsonFields"`
	Version          int             `json:"version"`
	ReadOnly         bool            `json:"readOnly"`

	secure  map[string]string
	updated time.Time
}

// datasources holds those of all organisations.
type datasources struct {
	mu  sync.Mutex
	all []datasource
}

func (d *datasources) add(org int64, uid, name, jsonData string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, datasource{
		ID: int64(len(d.all) + 1), UID: uid, OrgID: org, Name: name, Type: pluginID, TypeName: "Weir flows", Access: "proxy",
		JSONData: json.RawMessage(jsonData), SecureJSONFields: map[string]bool{}, Version: 1,
		secure: map[string]string{}, updated: time.Now(),
	})
}

func (d *datasources) of(org int64) (all []datasource) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.all {
		if s.OrgID == org {
			all = append(all, s)
		}
	}
	return all
}

func (d *datasources) find(org int64, uid string) (datasource, bool) {
	for _, s := range d.of(org) {
		if s.UID == uid {
			return s, true
		}
	}
	return datasource{}, false
}

// save takes what a configuration page sends. Secrets that it doesn't send stay;
// an empty one is none.
func (d *datasources) save(org int64, uid string, sent datasource, secure map[string]string) (datasource, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.all {
		s := &d.all[i]
		if s.OrgID != org || s.UID != uid {
			continue
		}
		if sent.Version != s.Version {
			return *s, http.StatusConflict
		}
		kept := maps.Clone(s.secure)
		maps.Copy(kept, secure)
		sent.ID, sent.UID, sent.OrgID, sent.Type, sent.Version = s.ID, s.UID, s.OrgID, s.Type, s.Version+1
		sent.secure, sent.updated, sent.SecureJSONFields = kept, time.Now(), map[string]bool{}
		for key, secret := range kept {
			if secret != "" {
				sent.SecureJSONFields[key] = true
			}
		}
		*s = sent
		return sent, http.StatusOK
	}
	return datasource{}, http.StatusNotFound
}

// context is what the backend hears of s with each request.
func (s datasource) context() *pluginv2.PluginContext {
	namespace := "default"
	if s.OrgID != 1 {
		namespace = fmt.Sprint("org-", s.OrgID)
	}
	c := backend.ToProto().PluginContext(backend.PluginContext{
		Namespace: namespace, PluginID: pluginID, PluginVersion: "0.1.0",
		User: &backend.User{Login: "admin", Name: "admin", Email: "admin@localhost", Role: "Admin"},
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: s.ID, UID: s.UID, Name: s.Name, Type: s.Type, URL: s.URL, User: s.User, Database: s.Database,
			BasicAuthEnabled: s.BasicAuth, BasicAuthUser: s.BasicAuthUser,
			JSONData: s.JSONData, DecryptedSecureJSONData: s.secure, Updated: s.updated,
		},
		GrafanaConfig: config.NewGrafanaCfg(map[string]string{config.AppURL: "http://localhost:3000/"}),
	})
	c.OrgId = s.OrgID
	return c
}
