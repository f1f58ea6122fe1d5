import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { newDatasource } from '../testing';
import { WeirVariableQuery } from '../types';
import { VariableQueryEditor } from './VariableQueryEditor';

async function edit(query: Partial<WeirVariableQuery>) {
  const onChange = jest.fn();
  const datasource = newDatasource();
  jest.spyOn(datasource, 'values').mockResolvedValue([]);
  function Page() {
    const [now, setNow] = useState(query as WeirVariableQuery);
    return (
      <VariableQueryEditor
        datasource={datasource}
        query={now}
        onChange={(q) => {
          onChange(q);
          setNow(q);
        }}
        onRunQuery={() => undefined}
      />
    );
  }
  await act(async () => void render(<Page />)); // until the fields are there
  return { onChange, user: userEvent.setup({ delay: null }) };
}

test('values of a field, once what is typed is left', async () => {
  const { onChange, user } = await edit({ refId: 'V', kind: 'values', field: 'in if' });
  await user.type(screen.getByLabelText('Begin with'), '1');
  await user.click(screen.getByLabelText('Filter'));
  expect(onChange).toHaveBeenLastCalledWith({ refId: 'V', kind: 'values', field: 'in if', prefix: '1' });
  await user.keyboard('proto tcp{Escape}{Shift>}{Enter}{/Shift}');
  expect(onChange).toHaveBeenLastCalledWith({
    refId: 'V',
    kind: 'values',
    field: 'in if',
    prefix: '1',
    where: 'proto tcp',
  });
  await user.tab();
  expect(onChange).toHaveBeenCalledTimes(2);
});

test('other kinds have no field', async () => {
  await edit({ refId: 'V', kind: 'exporters' });
  expect(screen.queryByLabelText('Field')).not.toBeInTheDocument();
});
