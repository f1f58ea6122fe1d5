import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { fields } from '../language/testing';
import { Language } from '../language/walk';
import { newDatasource, range } from '../testing';
import { Verdict } from '../types';
import { LanguageEditor } from './LanguageEditor';

function edit({
  value = '',
  language = 'question' as Language,
  values = [] as string[],
  mistake = undefined as Verdict | undefined,
} = {}) {
  const datasource = newDatasource();
  const asked = jest
    .spyOn(datasource, 'values')
    .mockImplementation(async (_, options) => values.filter((v) => v.startsWith(options!.prefix!)));
  const onRun = jest.fn();
  const onBlur = jest.fn();
  function Page() {
    const [text, setText] = useState(value);
    return (
      <>
        <LanguageEditor
          id="q"
          label="Question"
          language={language}
          value={text}
          datasource={datasource}
          fields={fields}
          range={range}
          mistake={mistake}
          onChange={setText}
          onRun={onRun}
          onBlur={onBlur}
        />
        <button>elsewhere</button>
      </>
    );
  }
  render(<Page />);
  return {
    area: screen.getByLabelText<HTMLTextAreaElement>('Question'),
    asked,
    onRun,
    onBlur,
    user: userEvent.setup({ delay: null }),
  };
}

const options = () => screen.queryAllByRole('option').map((o) => o.textContent);

describe('LanguageEditor', () => {
  it('completes words, fields and values by keyboard alone', async () => {
    const { area, user, asked } = edit({ values: ['tcp', 'tunnel x'] });
    await user.click(area);
    await user.keyboard('se');
    expect(options()).toEqual(['seriesthe same over time']);
    await user.keyboard('{Enter}sr');
    expect(area.value).toBe('series sr');
    expect(area).toHaveAttribute('aria-activedescendant', screen.getAllByRole('option')[0].id);
    await user.keyboard('{Tab}w{Enter}');
    expect(area.value).toBe('series src ip where ');
    await user.keyboard('prot{Enter}= tu');
    await waitFor(() => expect(options()).toEqual(['tunnel x']));
    await user.keyboard('{Enter}');
    expect(area.value).toBe('series src ip where proto = "tunnel x" ');
    expect(asked).toHaveBeenLastCalledWith('proto', { prefix: 'tu', range, limit: 20 });
    await user.keyboard('an{Enter}');
    expect(area.value).toBe('series src ip where proto = "tunnel x" and ');
  });

  it('takes what the mouse points at, and keeps the caret behind it', async () => {
    const { area, user } = edit({ value: 'top s where proto tcp' });
    await user.click(area);
    act(() => area.setSelectionRange(5, 5));
    await user.keyboard('r');
    await user.click(screen.getByRole('option', { name: /^src port/ }));
    expect(area.value).toBe('top src port where proto tcp');
    expect(area).toHaveFocus();
    expect(area.selectionStart).toBe('top src port '.length);
  });

  it('takes the space that comes by habit for the one that is there', async () => {
    const { area, user } = edit();
    await user.click(area);
    await user.keyboard('se{Enter} 1 0');
    expect(area.value).toBe('series 1 0');
    await user.keyboard(' wh{Enter}{Backspace} ');
    expect(area.value).toBe('series 1 0 where ');
  });

  it('leaves Enter a new line where nothing is chosen', async () => {
    const { area, user } = edit();
    await user.click(area);
    await user.keyboard('top ');
    expect(screen.getByRole('listbox')).toBeInTheDocument();
    expect(area).not.toHaveAttribute('aria-activedescendant');
    await user.keyboard('{Enter}by{Escape}');
    expect(screen.queryByRole('listbox')).not.toBeInTheDocument();
    expect(area.value).toBe('top \nby');
    await user.keyboard(' {Escape}{Control>} {/Control}');
    expect(options()).toContain('bitsbits; over time bits a second');
  });

  it('runs on Shift+Enter and Ctrl+Enter, and tells when it is left', async () => {
    const { area, user, onRun, onBlur } = edit({ value: 'top' });
    await user.click(area);
    await user.keyboard('{Shift>}{Enter}{/Shift}{Control>}{Enter}{/Control}');
    expect(onRun).toHaveBeenCalledTimes(2);
    expect(area.value).toBe('top');
    await user.click(screen.getByText('elsewhere'));
    expect(onBlur).toHaveBeenCalledTimes(1);
  });

  it('shows the place of a mistake', () => {
    const mistake = { valid: false, error: 'no field', line: 2, column: 3, caret: 'a bad\n  ^^^' };
    edit({ value: 'top\na bad', mistake });
    expect(screen.getByTestId('mistake')).toHaveTextContent(/^bad$/);
    expect(screen.getByLabelText('Question')).toHaveAttribute('aria-invalid', 'true');
  });

  it('colours the text that is there, and shows hostile values as text', async () => {
    const hostile = '<img src=x onerror="window.hacked=1">';
    const { area, user } = edit({
      language: 'filter',
      value: `app_name = ' ${hostile}' and app_name = `,
      values: [hostile],
    });
    await user.click(area);
    await user.keyboard('"<');
    await waitFor(() => expect(options()).toEqual([hostile]));
    expect(document.querySelector('img')).toBeNull();
    await user.keyboard('{Enter}');
    expect(area.value).toBe(`app_name = ' ${hostile}' and app_name = '${hostile}' `);
    expect(document.querySelector('pre')!.textContent).toBe(area.value + '\n');
  });

  it('goes on where values can’t be had', async () => {
    const { area, user, asked } = edit({ language: 'filter' });
    asked.mockRejectedValue(new Error('gone'));
    await user.click(area);
    await user.keyboard('proto = t');
    expect(options()).toEqual(['tcp']);
  });

  it('shows only what belongs to the last key', async () => {
    const { area, user, asked } = edit({ language: 'filter' });
    let late: (values: string[]) => void = () => undefined;
    asked.mockImplementationOnce(() => new Promise((resolve) => (late = resolve))).mockResolvedValue(['49']);
    await user.click(area);
    await user.keyboard('dst port = 4');
    await act(async () => late(['42']));
    await user.keyboard('{Backspace}4');
    await waitFor(() => expect(options()).toEqual(['49']));
  });
});
