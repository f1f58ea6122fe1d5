// Grafana's way to its server.

import { type BackendSrv, type BackendSrvRequest, config, type FetchError, type FetchResponse } from '@grafana/runtime';
import { from, lastValueFrom, type Observable, Subject } from 'rxjs';
import { finalize, takeUntil } from 'rxjs/operators';

// Requests of the same requestId replace each other.
const running = new Map<string, Subject<void>>();

async function send<T>(request: BackendSrvRequest, signal: AbortSignal): Promise<FetchResponse<T>> {
  const url = new URL(request.url, location.origin + '/');
  for (const [key, value] of Object.entries(request.params ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) {
        url.searchParams.append(key, String(one));
      }
    }
  }
  const headers = new Headers({
    Accept: 'application/json, text/plain, */*',
    'X-Grafana-Org-Id': String(config.bootData.user.orgId),
    ...request.headers,
  });
  let body: string | undefined;
  if (request.data !== undefined && request.method !== 'GET') {
    body = typeof request.data === 'string' ? request.data : JSON.stringify(request.data);
    headers.set('Content-Type', 'application/json');
  }
  const answer = await fetch(url, { method: request.method ?? 'GET', headers, body, signal });
  const text = await answer.text();
  let data: any = text;
  try {
    data = JSON.parse(text);
  } catch {
    // It's text.
  }
  const { ok, redirected, status, statusText, type } = answer;
  if (!ok) {
    const error: FetchError = {
      status,
      statusText,
      data: typeof data === 'string' ? { error: statusText, message: data, response: data } : data,
      config: request,
    };
    throw error;
  }
  return {
    data,
    status,
    statusText,
    ok,
    headers: answer.headers,
    redirected,
    type,
    url: url.toString(),
    config: request,
  };
}

class Backend implements BackendSrv {
  fetch<T>(request: BackendSrvRequest): Observable<FetchResponse<T>> {
    const abort = new AbortController();
    let answers = from(send<T>(request, abort.signal)).pipe(finalize(() => abort.abort()));
    if (request.requestId) {
      const id = request.requestId;
      running.get(id)?.next();
      const ended = new Subject<void>();
      running.set(id, ended);
      answers = answers.pipe(takeUntil(ended));
    }
    return answers;
  }
  datasourceRequest<T>(request: BackendSrvRequest) {
    return lastValueFrom(this.fetch<T>(request));
  }
  async request<T>(request: BackendSrvRequest): Promise<T> {
    return (await lastValueFrom(this.fetch<T>(request))).data;
  }
  get<T>(url: string, params?: any, requestId?: string, options?: Partial<BackendSrvRequest>) {
    return this.request<T>({ ...options, method: 'GET', url, params, requestId });
  }
  delete<T>(url: string, data?: unknown, options?: Partial<BackendSrvRequest>) {
    return this.request<T>({ ...options, method: 'DELETE', url, data });
  }
  post<T>(url: string, data?: unknown, options?: Partial<BackendSrvRequest>) {
    return this.request<T>({ ...options, method: 'POST', url, data });
  }
  patch<T>(url: string, data?: unknown, options?: Partial<BackendSrvRequest>) {
    return this.request<T>({ ...options, method: 'PATCH', url, data });
  }
  put<T>(url: string, data?: unknown, options?: Partial<BackendSrvRequest>) {
    return this.request<T>({ ...options, method: 'PUT', url, data });
  }
  chunked(): never {
    throw new Error('the host page has no chunked answers');
  }
}

export const backend: BackendSrv = new Backend();
