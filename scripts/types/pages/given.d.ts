// Values that the pages use without declaring them: each stands for one of the reader's own.

declare const url: string;
declare const apiKey: string;
declare const order: { order_id: string; total_cents: number };
declare const cart: readonly string[];
declare const catalog: Readonly<Record<'order.placed' | 'page.viewed', { identity?: 'content' | 'occurrence' }>>;
declare function placeOrder(producer: object, cart: readonly string[]): void;
