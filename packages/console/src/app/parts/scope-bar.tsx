import { useState } from 'preact/hooks';

import { type Fields, useAddress } from '../state/address.ts';
import { DEFAULT_RANGE } from '../state/scope.ts';
import { useKeys } from './keys.ts';

/** Ranges by the text of their start. */
const RANGES: readonly (readonly [from: string, text: string])[] = [
  ['6h', 'Last 6 hours'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  [DEFAULT_RANGE, 'Last 30 days'],
  ['all', 'All time'],
];

/** Range, filters and as-of time of the page: what its address says, and how to change it. */
export function ScopeBar() {
  const { fields, set } = useAddress();
  const { from = DEFAULT_RANGE, to, as_of, source, type, imported } = fields;
  const isNamed = to === undefined && RANGES.some(([name]) => name === from);
  return (
    <form class="scope" onSubmit={(event) => event.preventDefault()} aria-label="Range and filters">
      <select
        aria-label="Range"
        value={isNamed ? from : 'own'}
        onChange={(event) => {
          const { value } = event.currentTarget;
          if (value !== 'own') set({ from: value, to: null, cursor: null });
        }}
      >
        {RANGES.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
        {!isNamed && <option value="own">Own range</option>}
      </select>
      {!isNamed && (
        <Chip
          name="range"
          text={`${short(from)} → ${to === undefined ? 'now' : short(to)}`}
          clear={{ from: null, to: null }}
        />
      )}
      {source !== undefined && <Chip name="source" text={source} clear={{ source: null }} />}
      {type !== undefined && <Chip name="type" text={type} clear={{ type: null }} />}
      <AsOf asOf={as_of} set={set} />
      <label class="check">
        <input
          type="checkbox"
          checked={imported === 'true'}
          onChange={(event) => set({ imported: event.currentTarget.checked ? 'true' : null })}
        />
        imports
      </label>
    </form>
  );
}

const short = (time: string) => time.replace(/:00Z$/, 'Z').replace('T', ' ');

/** A filter that is set, with a button that removes it. */
function Chip({ name, text, clear }: { name: string; text: string; clear: Fields }) {
  const { set } = useAddress();
  return (
    <span class="chip">
      <span class="dim">{name}</span> {text}
      <button type="button" aria-label={`Remove the filter ${name}`} onClick={() => set(clear)}>
        ×
      </button>
    </span>
  );
}

/** The receive time as of which everything is shown. */
function AsOf({ asOf, set }: { asOf: string | undefined; set: (fields: Fields) => void }) {
  const [isOpen, setOpen] = useState(false);
  useKeys({ '.': () => setOpen(true) });
  if (!isOpen)
    return (
      <span class={`chip${asOf === undefined ? '' : ' on'}`}>
        <button type="button" class="plain" onClick={() => setOpen(true)}>
          <span class="dim">as of</span> {asOf === undefined ? 'now' : short(asOf)}
        </button>
        {asOf !== undefined && (
          <button type="button" aria-label="Back to now" onClick={() => set({ as_of: null })}>
            ×
          </button>
        )}
      </span>
    );
  const save = (value: string) => {
    setOpen(false);
    set({ as_of: value.trim() === '' ? null : value.trim() });
  };
  return (
    <input
      class="as-of"
      aria-label="As of this receive time"
      placeholder="2026-02-01T08:00:00Z, or 3h"
      defaultValue={asOf ?? ''}
      ref={(element) => element?.focus()}
      onKeyDown={(event) => {
        if (event.key === 'Enter') save(event.currentTarget.value);
        if (event.key === 'Escape') setOpen(false);
      }}
      onBlur={() => setOpen(false)}
    />
  );
}
