package modinput

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/weirflow/weir/splunk/hec"
)

// readToken gets the token from Splunk's credential storage, unless the stanza
// has it.
func (c *HECConfig) readToken(ctx context.Context, in *Input) (err error) {
	if c.Token != "" {
		return nil
	}
	realm, user, _ := strings.Cut(c.Secret, ":")
	c.stored = &hec.Secret{
		URI: in.ServerURI, SessionKey: in.SessionKey, Host: in.ServerHost, App: in.Stanzas[0].App,
		Realm: realm, User: user, CA: c.SplunkdCA, Name: c.SplunkdName,
	}
	c.Token, err = c.stored.Read(ctx)
	return err
}

// ErrToken ends Run when event collectors are in trouble and there is another
// token in Splunk's credential storage: splunkd starts the input again, and that
// reads it.
var ErrToken = errors.New("the token in Splunk's credential storage is another one now: starting again with it")

// watchToken looks every so often whether the token has changed, as long as an
// event collector is in trouble, and calls end if it has. Where the storage can't
// be read the old one stays.
func (c *HECConfig) watchToken(ctx context.Context, every time.Duration, s *hec.Sink, end func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !slices.ContainsFunc(s.Stats().Indexers, func(x hec.Indexer) bool { return x.Trouble != "" }) {
			continue
		}
		if token, err := c.stored.Read(ctx); err == nil && token != c.Token {
			end(ErrToken)
			return
		}
	}
}
