// Values that the examples of methods use without declaring them.

/** The investigator whose methods they show. */
declare const kit: import('@pik/sdk/investigator').Investigator;

/** A schema of a payload, as of zod. */
declare const orderSchema: {
  parse(payload: unknown): {
    readonly order_id: string;
    readonly total: number;
    readonly sku: string;
    readonly status: string;
  };
};
