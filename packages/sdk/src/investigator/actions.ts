import { type ActionName, type ActOf, type ReportOf, ROUTES, toWire } from '@pik/schema';

import { type Asking, ask, type CallOptions, wire } from './ask.ts';

/** Does a declared action by name. */
export type Act = <N extends ActionName>(name: N, given: ActOf<N>, options?: CallOptions) => Promise<ReportOf<N>>;

/** Creates `act` over a connection. Every action is safe to repeat. */
export function actionsOver(asking: Asking): Act {
  return (name, given, options) => {
    const { params, fields, bodyFields } = ROUTES[name];
    const part = (declared: object) =>
      Object.fromEntries(
        Object.entries(given).filter(([field, value]) => value !== undefined && Object.hasOwn(declared, field)),
      );
    const body = Object.keys(bodyFields).length === 0 ? {} : { body: wire(part(bodyFields)) };
    return ask(asking, name, { params: toWire(part(params)), query: toWire(part(fields)), ...body, ...options });
  };
}
