import { css, cx } from '@emotion/css';
import { GrafanaTheme2, TimeRange } from '@grafana/data';
import { Portal, useStyles2 } from '@grafana/ui';
import React, { KeyboardEvent, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';

import type { WeirDatasource } from '../datasource';
import { accept, complete, Completion, Item, namedValues, valueItems } from '../language/complete';
import { Fields } from '../language/fields';
import { highlight } from '../language/highlight';
import { placeOf } from '../language/place';
import { Language } from '../language/walk';
import { Verdict } from '../types';

interface Props {
  id: string;
  /** What it is for, to those who don't see it. */
  label: string;
  language: Language;
  value: string;
  datasource: WeirDatasource;
  fields: Fields;
  range?: TimeRange;
  /** What is wrong with the value. */
  mistake?: Verdict;
  placeholder?: string;
  onChange: (value: string) => void;
  /** Shift or Ctrl and Enter. */
  onRun: () => void;
  onBlur?: () => void;
}

interface Suggestions {
  completion: Completion;
  items: Item[];
  /** Of the one that Enter takes; -1: none. */
  active: number;
  place: { left: number; top: number; bottom: number };
}

/** How many items are shown. */
const shown = 50;

/**
 * LanguageEditor is where somebody writes a question or a filter: a text field over its
 * own text in colours, and a list of what may come next. It needs nothing else that has
 * to be loaded.
 */
export function LanguageEditor(props: Props) {
  const { id, label, language, value, datasource, fields, range, mistake, placeholder, onChange, onRun, onBlur } =
    props;
  const styles = useStyles2(getStyles);
  const area = useRef<HTMLTextAreaElement>(null);
  const colours = useRef<HTMLPreElement>(null);
  const [suggestions, setSuggestions] = useState<Suggestions>();
  const caret = useRef<number>();
  const spaced = useRef(false); // what was accepted has brought its space along
  const asked = useRef(0);
  const listId = useId();

  // What is accepted leaves the caret behind it.
  useLayoutEffect(() => {
    if (caret.current !== undefined) {
      area.current?.setSelectionRange(caret.current, caret.current);
      caret.current = undefined;
    }
  }, [value]);

  useEffect(() => () => void asked.current++, []);

  const close = () => {
    asked.current++;
    setSuggestions(undefined);
  };

  /** suggest shows what may come next; values, once they are known. */
  const suggest = (text: string, at: number, forced: boolean) => {
    const mine = ++asked.current;
    const completion = complete(text, at, language, fields);
    const { prefix, valuesOf } = completion;
    const typed = prefix !== '' || /(^|[\s([,=<>~!])$/.test(text.slice(0, at));
    if (!typed && !forced) {
      setSuggestions(undefined);
      return;
    }
    const names = valuesOf ? namedValues(valuesOf, prefix) : [];
    const show = (values: string[]) => {
      const all = [...valueItems([...new Set(values)]), ...completion.items];
      const items = all.filter((i) => i.label !== prefix).slice(0, shown);
      const active = prefix !== '' && items.length === Math.min(all.length, shown) ? 0 : -1;
      setSuggestions(
        items.length > 0
          ? { completion, items, active, place: placeAt(area.current!, colours.current!, completion.from) }
          : undefined
      );
    };
    // Operators come before names of values where one may be left out.
    show(prefix !== '' || completion.items.length === 0 ? names : []);
    if (valuesOf?.group) {
      datasource.values(valuesOf.name, { prefix, range, limit: 20 }).then(
        (values) => asked.current === mine && show([...values, ...names]),
        () => undefined // it may be written all the same
      );
    }
  };

  const take = (item: Item) => {
    if (!suggestions) {
      return;
    }
    const done = accept(value, suggestions.completion, item);
    close();
    caret.current = done.caret;
    spaced.current = done.text[done.caret - 1] === ' ';
    onChange(done.text);
    area.current?.focus();
    suggest(done.text, done.caret, false);
  };

  const onKeyDown = (e: KeyboardEvent<HTMLTextAreaElement>) => {
    if (e.key === 'Enter' && (e.shiftKey || e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      close();
      onRun();
      return;
    }
    const typed = e.key === ' ' && !e.ctrlKey && spaced.current;
    spaced.current = spaced.current && e.key === 'Shift';
    if (typed) {
      e.preventDefault();
      return;
    }
    if (e.key === ' ' && e.ctrlKey) {
      e.preventDefault();
      suggest(value, e.currentTarget.selectionStart, true);
      return;
    }
    if (!suggestions) {
      return;
    }
    const { items, active } = suggestions;
    const move = (to: number) => {
      e.preventDefault();
      setSuggestions({ ...suggestions, active: (to + items.length) % items.length });
    };
    switch (e.key) {
      case 'ArrowDown':
        return move(active + 1);
      case 'ArrowUp':
        return move(active < 0 ? items.length - 1 : active - 1);
      case 'Enter':
      case 'Tab':
        if (active >= 0) {
          e.preventDefault();
          take(items[active]);
        } else {
          close();
        }
        return;
      case 'Escape':
        e.preventDefault();
        e.stopPropagation();
        return close();
      case 'ArrowLeft':
      case 'ArrowRight':
      case 'Home':
      case 'End':
        return close();
    }
  };

  const spans = useMemo(() => highlight(value, language, fields), [value, language, fields]);
  const mark = mistake && placeOf(value, mistake);
  return (
    <div className={styles.box}>
      <pre ref={colours} className={cx(styles.layout, styles.layer)} aria-hidden>
        {spans.map((s) => (
          <span key={s.from} className={styles[s.class]}>
            {s.text}
          </span>
        ))}
        {'\n'}
      </pre>
      {mark && (
        <pre className={cx(styles.layout, styles.layer, styles.over)} aria-hidden>
          {value.slice(0, mark.from)}
          <span className={styles.mark} data-testid="mistake">
            {value.slice(mark.from, mark.to) || ' '}
          </span>
        </pre>
      )}
      <textarea
        ref={area}
        id={id}
        className={cx(styles.layout, styles.area)}
        aria-label={label}
        aria-invalid={mistake !== undefined}
        role="combobox"
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-expanded={suggestions !== undefined}
        aria-controls={suggestions && listId}
        aria-activedescendant={suggestions && suggestions.active >= 0 ? `${listId}-${suggestions.active}` : undefined}
        value={value}
        rows={language === 'filter' ? 1 : 2}
        placeholder={placeholder}
        spellCheck={false}
        autoCapitalize="off"
        autoCorrect="off"
        autoComplete="off"
        onChange={(e) => {
          onChange(e.currentTarget.value);
          suggest(e.currentTarget.value, e.currentTarget.selectionStart, false);
        }}
        onKeyDown={onKeyDown}
        onClick={() => {
          spaced.current = false;
          close();
        }}
        onBlur={() => {
          close();
          onBlur?.();
        }}
      />
      {suggestions && (
        <Portal>
          <List id={listId} {...suggestions} onTake={take} />
        </Portal>
      )}
    </div>
  );
}

/** List shows what may come next, below the word at the caret or, where there is no room, above it. */
function List({
  id,
  items,
  active,
  place,
  onTake,
}: Omit<Suggestions, 'completion'> & { id: string; onTake: (item: Item) => void }) {
  const styles = useStyles2(getStyles);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView?.({ block: 'nearest' });
  }, [active]);
  const below = place.bottom + height < window.innerHeight || place.top < height;
  const style = { left: place.left, ...(below ? { top: place.bottom } : { bottom: window.innerHeight - place.top }) };
  return (
    <ul ref={list} id={id} role="listbox" aria-label="Suggestions" className={styles.list} style={style}>
      {items.map((item, n) => (
        // The field has the focus and keeps it, and the keys.
        <li
          key={`${item.kind} ${item.label}`}
          id={`${id}-${n}`}
          role="option"
          aria-selected={n === active}
          className={cx(styles.item, n === active && styles.active)}
          onMouseDown={(e) => e.preventDefault()}
          onClick={() => onTake(item)}
        >
          <span className={styles[kinds[item.kind]]}>{item.label}</span>
          {item.detail && <span className={styles.detail}>{item.detail}</span>}
        </li>
      ))}
    </ul>
  );
}

const kinds = { keyword: 'keyword', field: 'field', operator: 'operator', value: 'value' } as const;

/** How high the list is at most, in pixels. */
const height = 260;

/** placeAt is where on the screen a character is. */
function placeAt(area: HTMLElement, pre: HTMLElement, at: number): Suggestions['place'] {
  const whole = area.getBoundingClientRect();
  const usual = { left: whole.left, top: whole.top, bottom: whole.bottom };
  const range = document.createRange();
  if (!range.getBoundingClientRect) {
    return usual;
  }
  let left = at;
  const texts = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const { length } = node.textContent ?? '';
    if (left <= length) {
      range.setStart(node, left);
      range.setEnd(node, left);
      const { left: x, top, bottom } = range.getBoundingClientRect();
      return top === 0 && bottom === 0
        ? usual
        : { left: Math.max(0, Math.min(x, window.innerWidth - 320)), top, bottom: bottom + 4 };
    }
    left -= length;
  }
  return usual;
}

const getStyles = (theme: GrafanaTheme2) => {
  const colour = theme.visualization.getColorByName;
  return {
    box: css({
      position: 'relative',
      display: 'grid',
      width: '100%',
      minHeight: theme.spacing(4),
      background: theme.components.input.background,
      border: `1px solid ${theme.components.input.borderColor}`,
      borderRadius: theme.shape.radius.default,
      '&:focus-within': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: 1 },
    }),
    // The layers lie over one another, so that they must break their lines alike.
    layout: css({
      gridArea: '1 / 1',
      margin: 0,
      padding: '6px 8px',
      border: 'none',
      background: 'transparent',
      fontFamily: theme.typography.fontFamilyMonospace,
      fontSize: theme.typography.bodySmall.fontSize,
      lineHeight: '20px',
      letterSpacing: 0,
      fontVariantLigatures: 'none',
      tabSize: 4,
      whiteSpace: 'pre-wrap',
      overflowWrap: 'anywhere',
      wordBreak: 'normal',
    }),
    layer: css({ pointerEvents: 'none', userSelect: 'none', overflow: 'hidden', color: theme.colors.text.primary }),
    over: css({ color: 'transparent' }),
    area: css({
      width: '100%',
      height: '100%',
      resize: 'none',
      overflow: 'hidden',
      outline: 'none',
      color: 'transparent',
      caretColor: theme.colors.text.primary,
      '&::placeholder': { color: theme.colors.text.disabled },
    }),
    mark: css({ textDecoration: `underline wavy ${theme.colors.error.text}`, textDecorationSkipInk: 'none' }),
    keyword: css({ color: colour('purple') }),
    field: css({ color: colour('blue') }),
    operator: css({ color: theme.colors.text.secondary }),
    value: css({ color: colour('orange') }),
    text: css({ color: colour('orange') }),
    comment: css({ color: theme.colors.text.disabled, fontStyle: 'italic' }),
    variable: css({ color: colour('green') }),
    plain: css({}),
    bad: css({ color: theme.colors.error.text }),
    list: css({
      position: 'fixed',
      zIndex: theme.zIndex.portal,
      maxHeight: height,
      minWidth: 240,
      maxWidth: 520,
      overflowY: 'auto',
      margin: 0,
      padding: theme.spacing(0.5),
      listStyle: 'none',
      background: theme.colors.background.elevated ?? theme.colors.background.primary,
      border: `1px solid ${theme.colors.border.weak}`,
      borderRadius: theme.shape.radius.default,
      boxShadow: theme.shadows.z3,
      fontSize: theme.typography.bodySmall.fontSize,
    }),
    item: css({
      display: 'flex',
      gap: theme.spacing(2),
      justifyContent: 'space-between',
      padding: theme.spacing(0.5, 1),
      cursor: 'pointer',
      fontFamily: theme.typography.fontFamilyMonospace,
      '&:hover': { background: theme.colors.action.hover },
    }),
    active: css({ background: theme.colors.action.selected }),
    detail: css({
      color: theme.colors.text.secondary,
      fontFamily: theme.typography.fontFamily,
      overflow: 'hidden',
      textOverflow: 'ellipsis',
      whiteSpace: 'nowrap',
    }),
  };
};
