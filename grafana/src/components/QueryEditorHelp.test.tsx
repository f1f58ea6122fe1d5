import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';

import { questionOf } from '../language/question';
import { language } from '../language/testing';
import { newDatasource } from '../testing';
import { WeirQuery } from '../types';
import { examples, QueryEditorHelp } from './QueryEditorHelp';

test('examples run as they are', async () => {
  const onClickExample = jest.fn();
  render(
    <QueryEditorHelp datasource={newDatasource()} query={{ refId: 'A' } as WeirQuery} onClickExample={onClickExample} />
  );
  const buttons = screen.getAllByRole('button');
  expect(buttons).toHaveLength(examples.length);
  await userEvent.click(screen.getByRole('button', { name: 'matrix 50 src as x dst as by bytes (as sankey)' }));
  expect(onClickExample).toHaveBeenCalledWith({
    refId: 'A',
    editor: 'code',
    question: 'matrix 50 src as x dst as by bytes',
    format: 'sankey',
  });
});

test('examples are what the backend understands', () => {
  expect(
    examples.map(({ query: { format: _, live: __, ...q } }) => q.question ?? questionOf({ refId: 'A', ...q }))
  ).toEqual(language.examples);
});
