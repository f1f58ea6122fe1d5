// Grafana Live: the channels of datasources.

import {
  type DataFrameJSON,
  type DataQueryResponse,
  type LiveChannelAddress,
  LiveChannelConnectionState,
  type LiveChannelEvent,
  LiveChannelEventType,
  LoadingState,
  StreamingDataFrame,
  toLiveChannelId,
} from '@grafana/data';
import { config, type GrafanaLiveSrv, type LiveDataStreamOptions } from '@grafana/runtime';
import { Observable, of } from 'rxjs';
import { backend } from './backend';

function getStream<T>(address: LiveChannelAddress): Observable<LiveChannelEvent<T>> {
  const id = toLiveChannelId(address);
  return new Observable((to) => {
    const query = new URLSearchParams({ orgId: String(config.bootData.user.orgId) });
    if (address.data !== undefined) {
      query.set('data', JSON.stringify(address.data));
    }
    const source = new EventSource(`/api/live/${id}?${query}`);
    const status = (state: LiveChannelConnectionState, more: object) =>
      to.next({ type: LiveChannelEventType.Status, id, timestamp: Date.now(), state, ...more });
    source.addEventListener('subscribed', (e) => {
      status(LiveChannelConnectionState.Connected, { message: JSON.parse(e.data) ?? undefined });
    });
    source.addEventListener('packet', (e) => {
      to.next({ type: LiveChannelEventType.Message, message: JSON.parse(e.data) });
    });
    source.addEventListener('refused', (e) => {
      source.close();
      status(LiveChannelConnectionState.Invalid, { error: JSON.parse(e.data) });
    });
    return () => source.close();
  });
}

// A channel's frames become one that grows, or is replaced, as the options say.
function getDataStream(options: LiveDataStreamOptions): Observable<DataQueryResponse> {
  const key = options.key ?? toLiveChannelId(options.addr);
  return new Observable((to) => {
    const frame = StreamingDataFrame.empty(options.buffer);
    const push = (message: DataFrameJSON) => {
      frame.push(message);
      to.next({ key, state: LoadingState.Streaming, data: [frame] });
    };
    if (options.frame) {
      push(options.frame);
    }
    const from = getStream<DataFrameJSON>(options.addr).subscribe((event) => {
      if (event.type === LiveChannelEventType.Message) {
        push(event.message);
      } else if (event.type === LiveChannelEventType.Status) {
        if (event.error) {
          const { message } = event.error as { message: string };
          to.next({
            key,
            state: LoadingState.Error,
            data: [frame],
            error: { message: `Streaming channel error: ${message}` },
          });
        } else if (event.message) {
          push(event.message);
        }
      }
    });
    return () => from.unsubscribe();
  });
}

export const live: GrafanaLiveSrv = {
  getConnectionState: () => of(true),
  getStream,
  getDataStream,
  getPresence: () => Promise.resolve({ users: [] }),
  publish: (address, data) => backend.post(`/api/live/publish/${toLiveChannelId(address)}`, data),
};
