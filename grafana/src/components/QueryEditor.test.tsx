import { act, fireEvent, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { newDatasource, range } from '../testing';
import { Verdict, WeirQuery } from '../types';
import { QueryEditor } from './QueryEditor';

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getTemplateSrv: () => ({ replace: (text: string) => text }),
}));

jest.mock('@grafana/ui', () => ({ ...jest.requireActual('@grafana/ui'), ...jest.requireActual('./comboboxes') }));

const good: Verdict = { valid: true, question: 'top' };

async function edit(query: Partial<WeirQuery>, judge: (q: WeirQuery) => Verdict = () => good) {
  const datasource = newDatasource();
  jest.spyOn(datasource, 'values').mockResolvedValue(['443', '53']);
  const validate = jest.spyOn(datasource, 'validate').mockImplementation(async (q) => judge(q));
  const run = jest.fn();
  let last: WeirQuery = { refId: 'A', ...query };
  function Page() {
    const [query, setQuery] = useState(last);
    return (
      <>
        <QueryEditor
          datasource={datasource}
          query={query}
          range={range}
          onChange={(q) => setQuery((last = q))}
          onRunQuery={() => run(last)}
        />
        <button>elsewhere</button>
      </>
    );
  }
  await act(async () => void render(<Page />)); // until the fields are there
  return {
    last: () => last,
    run,
    validate,
    user: userEvent.setup({ delay: null }),
    question: () => screen.getByTestId('question').textContent,
  };
}

const choose = (label: string, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });
const offered = (label: string) => screen.getByLabelText(label).dataset.offered!.split('|');

describe('the builder', () => {
  it('begins a new query, and stores it', async () => {
    const { last, question } = await edit({});
    await waitFor(() => expect(last()).toMatchObject({ editor: 'builder', show: 'series', by: ['src ip'] }));
    expect(question()).toBe('series 10 src ip by bits');
  });

  it('leaves a query of the first kind as it is until somebody changes it', async () => {
    const old = { refId: 'A', type: 'top', metric: 'bits', groupBy: ['SrcAS'], limit: 5 };
    const { last, question } = await edit(old as Partial<WeirQuery>);
    expect(question()).toBe('top 5 SrcAS by bits');
    expect(last()).toEqual(old);
    choose('Show', 'series');
    expect(last()).toEqual({
      refId: 'A',
      editor: 'builder',
      show: 'series',
      by: ['SrcAS'],
      metrics: ['bits'],
      limit: 5,
    });
  });

  it('shows what files for provisioning leave empty', async () => {
    const { question } = await edit({ show: 'top', by: null, metrics: null, where: null } as unknown as WeirQuery);
    expect(question()).toBe('top');
  });

  it('makes a question by hand', async () => {
    const { user, last, run, question } = await edit({ show: 'series', by: ['src ip'], metrics: ['bits'] });
    choose('Show', 'top');
    choose('as', 'p95');
    await user.click(screen.getByLabelText('Previous period'));
    await user.type(screen.getByLabelText('Top'), '7{Enter}');
    await user.click(screen.getByLabelText('Count once'));
    expect(question()).toBe('top 7 src ip by bits p95 dedup previous');
    expect(run).toHaveBeenLastCalledWith(
      expect.objectContaining({ show: 'top', limit: 7, metrics: ['bits p95'], previous: true })
    );
    choose('Show', 'flows');
    expect(last()).toMatchObject({ show: 'flows', metrics: ['bits'] });
    expect(last().by).toBeUndefined();
    expect(last().previous).toBeUndefined();
  });

  it('groups by several columns, and by networks', async () => {
    const { last, question } = await edit({ show: 'top', by: ['src ip'] });
    await waitFor(() => expect(offered('by')).toEqual(expect.arrayContaining(['dst as', 'pair', 'dst ip/24/48'])));
    expect(offered('by')).not.toContain('bps');
    choose('by', 'src ip|dst ip/16');
    expect(last().by).toEqual(['src ip', 'dst ip/16']);
    expect(question()).toBe('top src ip, dst ip/16');
  });

  it('measures several things', async () => {
    const { user, last } = await edit({ show: 'top', by: ['src ip'], metrics: ['bytes'] });
    await user.click(screen.getByRole('button', { name: 'Measure' }));
    choose('and', 'distinct');
    choose('values of', 'dst port');
    expect(last().metrics).toEqual(['bytes', 'distinct dst port']);
    await user.click(screen.getByRole('button', { name: 'Remove measure 1' }));
    expect(last().metrics).toEqual(['distinct dst port']);
  });

  it('filters by rows, with values that occur, and by text', async () => {
    const { user, last, run, question } = await edit({ show: 'flows' });
    await user.click(screen.getByRole('button', { name: 'Filter' }));
    expect(last().where).toBeUndefined(); // it says nothing yet
    choose('Where', 'dst port');
    choose('Comparison', 'in');
    await waitFor(() => expect(offered('Value')).toEqual(['443', '53']));
    choose('Value', '443|53');
    expect(last().where).toBe('dst port in [443 53]');
    expect(run).toHaveBeenLastCalledWith(expect.objectContaining({ where: 'dst port in [443 53]' }));
    await user.click(screen.getByLabelText('Filter', { selector: 'textarea' }));
    await user.keyboard('proto tcp or proto udp{Escape}');
    expect(question()).toBe('flows where dst port in [443 53] and (proto tcp or proto udp)');
    await user.click(screen.getByRole('button', { name: 'Remove filter' }));
    expect(last().where).toBe('proto tcp or proto udp');
  });

  it('shows filters as rows where it can', async () => {
    await edit({ show: 'top', where: 'src net 10/8 and flags SA and (port 1 or port 2)' });
    expect((await screen.findAllByLabelText('Comparison')).map((c) => (c as HTMLInputElement).value)).toEqual([
      '=',
      'has',
    ]);
    expect(screen.getByLabelText('Filter', { selector: 'textarea' })).toHaveValue('port 1 or port 2');
  });

  it('says what is wrong, and where', async () => {
    const { user } = await edit({ show: 'top' }, ({ where }) =>
      where === 'prto tcp'
        ? { valid: false, field: 'where', error: '"prto" is no field', line: 1, column: 1, caret: 'prto tcp\n^^^^' }
        : good
    );
    await user.click(screen.getByLabelText('Filter', { selector: 'textarea' }));
    await user.keyboard('prto tcp');
    expect(await screen.findByTestId('verdict')).toHaveTextContent('where: column 1: "prto" is no field');
    expect(screen.getByTestId('mistake')).toHaveTextContent('prto');
  });

  it('runs once when a changed filter is left', async () => {
    const { user, run } = await edit({ editor: 'builder', show: 'top' });
    await user.click(screen.getByLabelText('Filter', { selector: 'textarea' }));
    await user.click(screen.getByText('elsewhere'));
    expect(run).not.toHaveBeenCalled();
    await user.click(screen.getByLabelText('Filter', { selector: 'textarea' }));
    await user.keyboard('port 53');
    await user.click(screen.getByText('elsewhere'));
    expect(run).toHaveBeenCalledTimes(1);
    expect(run).toHaveBeenLastCalledWith(expect.objectContaining({ where: 'port 53' }));
  });

  it('asks for findings', async () => {
    const { user, last, validate } = await edit({ show: 'top', by: ['src ip'] });
    choose('Show', 'findings');
    choose('Least severity', 'high');
    await user.type(screen.getByLabelText('Class'), 'scan{Enter}');
    await user.type(screen.getByLabelText('Detector'), 'sweep{Enter}');
    expect(last()).toMatchObject({ show: 'findings', severity: 'high', class: 'scan', detector: 'sweep' });
    expect(screen.queryByTestId('question')).not.toBeInTheDocument();
    expect(validate).not.toHaveBeenCalledWith(expect.objectContaining({ show: 'findings' }));
  });

  it('offers the formats that an answer can have', async () => {
    const { last } = await edit({ show: 'flows' });
    expect(offered('Format')).toEqual(['', 'table', 'logs']);
    choose('Format', 'logs');
    expect(last().format).toBe('logs');
    choose('Show', 'series');
    expect(last().format).toBeUndefined();
  });

  it('shows what a link has brought along', async () => {
    const adhoc = [
      { key: 'src_addr', operator: '=', value: '10.0.0.1', row: true },
      { key: 'app_name', operator: '=', value: `a"b'` },
    ];
    const { user, last } = await edit({ show: 'flows', where: 'proto tcp', adhoc });
    expect(screen.getAllByTestId('adhoc').map((e) => e.textContent)).toEqual([
      'src_addr = 10.0.0.1',
      `app_name = a"b'`,
    ]);
    await user.click(screen.getByRole('button', { name: 'Edit' }));
    expect(last()).toMatchObject({ where: 'proto tcp and src_addr = 10.0.0.1', adhoc: [adhoc[1]] });
    await user.click(screen.getByRole('button', { name: 'Remove app_name' }));
    expect(last().adhoc).toBeUndefined();
  });

  it('tails', async () => {
    const { user, run } = await edit({ show: 'flows' });
    await user.click(screen.getByLabelText('Live'));
    expect(run).toHaveBeenLastCalledWith(expect.objectContaining({ live: true }));
  });
});

describe('the code editor', () => {
  it('takes over what the builder has, and gives it back', async () => {
    const { user, last } = await edit({
      editor: 'builder',
      show: 'top',
      by: ['src ip'],
      metrics: ['bytes'],
      where: 'port 53',
    });
    await user.click(screen.getByLabelText('Code'));
    expect(screen.getByLabelText('Question')).toHaveValue('top src ip by bytes where port 53');
    expect(last()).toMatchObject({ editor: 'code', question: 'top src ip by bytes where port 53' });
    await user.click(screen.getByLabelText('Builder'));
    expect(last()).toEqual({
      refId: 'A',
      editor: 'builder',
      show: 'top',
      by: ['src ip'],
      metrics: ['bytes'],
      where: 'port 53',
    });
  });

  it('warns before a changed text is lost', async () => {
    const { user, last } = await edit({ editor: 'code', question: 'top src as', show: 'top', by: ['src ip'] });
    await user.click(screen.getByLabelText('Builder'));
    expect(screen.getByText('It would go back to: top src ip')).toBeInTheDocument();
    expect(last().editor).toBe('code');
    await user.click(screen.getByRole('button', { name: 'Keep the text' }));
    await user.click(screen.getByLabelText('Builder'));
    await user.click(screen.getByRole('button', { name: 'Use the builder' }));
    expect(last()).toEqual({ refId: 'A', editor: 'builder', show: 'top', by: ['src ip'] });
  });

  it('judges what is written, and runs it on Shift+Enter', async () => {
    const { user, run, validate } = await edit({ editor: 'code', question: '' }, ({ question }) =>
      question === 'tap'
        ? { valid: false, error: 'no question begins with "tap"', line: 1, column: 1, caret: 'tap\n^^^' }
        : good
    );
    await user.click(screen.getByLabelText('Question'));
    await act(() => new Promise((done) => setTimeout(done, 400)));
    expect(validate).not.toHaveBeenCalled(); // there is nothing yet
    await user.keyboard('tap');
    expect(await screen.findByTestId('verdict')).toHaveTextContent('column 1: no question begins with "tap"');
    await user.keyboard('{Backspace>3}top src{Escape}{Shift>}{Enter}{/Shift}');
    expect(run).toHaveBeenCalledTimes(1);
    expect(run).toHaveBeenLastCalledWith(expect.objectContaining({ question: 'top src' }));
    await waitFor(() => expect(screen.queryByTestId('verdict')).not.toBeInTheDocument());
  });

  it('is what a query with a question is shown in', async () => {
    await edit({ question: 'count src' });
    expect(screen.getByLabelText('Question')).toHaveValue('count src');
  });
});

test('a backend that doesn’t answer is told', async () => {
  const datasource = newDatasource();
  datasource.fields = () => Promise.reject({ data: { error: 'listen: port taken' } });
  jest.spyOn(datasource, 'validate').mockRejectedValue(new Error('x'));
  render(
    <QueryEditor
      datasource={datasource}
      query={{ refId: 'A', show: 'top' }}
      onChange={() => undefined}
      onRunQuery={() => undefined}
    />
  );
  expect(await screen.findByText('listen: port taken')).toBeInTheDocument();
});
