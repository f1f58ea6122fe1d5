import { fireEvent, render, screen } from '@testing-library/react';
import React, { useState } from 'react';

import { Settings } from '../settings';
import { ConfigEditor } from './ConfigEditor';

const empty = {
  id: 1,
  uid: 'weir',
  url: '',
  basicAuth: false,
  basicAuthUser: '',
  jsonData: {},
  secureJsonFields: {},
  readOnly: false,
} as unknown as Settings;

/** edit shows the editor, and returns what is set at last. */
function edit(start: Partial<Settings> = {}) {
  let last = { ...empty, ...start };
  function Page() {
    const [options, setOptions] = useState(last);
    return <ConfigEditor options={options} onOptionsChange={(o) => setOptions((last = o as Settings))} />;
  }
  render(<Page />);
  return () => last;
}

describe('ConfigEditor', () => {
  it('listens itself unless it is told otherwise', () => {
    const last = edit();
    expect(screen.getByLabelText('Direct')).toBeChecked();
    fireEvent.change(screen.getByLabelText(/Listen addresses/), { target: { value: 'udp://:2055' } });
    expect(last().jsonData).toEqual({ mode: 'direct', listen: 'udp://:2055' });
    expect(screen.getByText(/Whoever reaches these ports/)).toBeInTheDocument();
    fireEvent.change(screen.getByLabelText(/Memory for flows/), { target: { value: '128' } });
    expect(last().jsonData.window_mb).toBe(128);
  });

  it('says at once what is wrong with an address', () => {
    edit();
    fireEvent.change(screen.getByLabelText(/Listen addresses/), { target: { value: 'udp://2055' } });
    expect(screen.getByRole('alert')).toHaveTextContent('host:port');
  });

  it('asks a collector', () => {
    const last = edit();
    fireEvent.click(screen.getByLabelText('Collector'));
    fireEvent.change(screen.getByLabelText(/^URL/), { target: { value: 'https://weir.example' } });
    fireEvent.change(screen.getByLabelText(/^Token/), { target: { value: 'secret' } });
    expect(last()).toMatchObject({
      url: 'https://weir.example',
      jsonData: { mode: 'collector' },
      secureJsonData: { token: 'secret' },
    });
  });

  it('takes the place of a provisioned URL', () => {
    const last = edit({ jsonData: { mode: 'collector', url: 'http://a:1' } });
    expect(screen.getByLabelText(/^URL/)).toHaveValue('http://a:1');
    fireEvent.change(screen.getByLabelText(/^URL/), { target: { value: 'http://b:1' } });
    expect(last().url).toBe('http://b:1');
    expect(last().jsonData).toEqual({ mode: 'collector' });
    expect(screen.getByLabelText(/^URL/)).toHaveValue('http://b:1');
  });

  it('forgets a token', () => {
    const last = edit({ jsonData: { mode: 'collector' }, secureJsonFields: { token: true } });
    fireEvent.click(screen.getByRole('button', { name: /reset/i }));
    expect(last().secureJsonFields.token).toBe(false);
    expect(screen.getByLabelText(/^Token/)).toHaveValue('');
  });

  it('has what Grafana has for HTTP', () => {
    const last = edit({ jsonData: { mode: 'collector' } });
    fireEvent.click(screen.getByText('TLS, authentication, headers'));
    fireEvent.change(screen.getByLabelText(/^Timeout/), { target: { value: '60' } });
    fireEvent.click(screen.getByLabelText(/^Skip TLS verify/));
    fireEvent.click(screen.getByLabelText(/^Basic authentication/));
    fireEvent.change(screen.getByLabelText(/^User/), { target: { value: 'ann' } });
    expect(last()).toMatchObject({
      basicAuth: true,
      basicAuthUser: 'ann',
      jsonData: { timeout: 60, tlsSkipVerify: true },
    });
  });
});
