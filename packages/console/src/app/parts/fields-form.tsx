import type { ComponentChildren } from 'preact';

import { useAddress } from '../state/address.ts';

/** A field by the name that it has in the address, and its label. */
export type AddressField = readonly [name: string, label: string];

/** A form whose fields are those of the address; submitting it sets them, and `also`. Its children are a hint next to the button. */
export function FieldsForm(props: {
  readonly fields: readonly AddressField[];
  readonly button: string;
  readonly also?: Readonly<Record<string, string>>;
  readonly children: ComponentChildren;
}) {
  const { fields, set } = useAddress();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const given = props.fields.map(([name]) => [name, String(form.get(name) ?? '').trim() || null]);
    set({ ...Object.fromEntries(given), ...props.also });
  };
  return (
    <form class="panel form" onSubmit={submit}>
      <div class="fields">
        {props.fields.map(([name, label]) => (
          <label key={name} class="field">
            {label}
            <input name={name} defaultValue={fields[name] ?? ''} spellcheck={false} autocomplete="off" />
          </label>
        ))}
      </div>
      <p class="row">
        <button type="submit" class="primary">
          {props.button}
        </button>
        <span class="dim">{props.children}</span>
      </p>
    </form>
  );
}
