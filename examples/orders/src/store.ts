import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

/** An order as stored in the database. Times are RFC 3339 texts. */
export interface Order {
  readonly order_id: string;
  readonly customer: string;
  readonly total_cents: number;
  readonly paid_at: string | null;
  readonly shipped_at: string | null;
}

const SCHEMA = `CREATE TABLE IF NOT EXISTS orders (
  order_id TEXT PRIMARY KEY, customer TEXT NOT NULL, total_cents INTEGER NOT NULL,
  paid_at TEXT, shipped_at TEXT, is_reported INTEGER NOT NULL DEFAULT 0
) STRICT`;

/** The orders of a shop, in a database file. */
export class OrderStore implements Disposable {
  readonly #db: DatabaseSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(SCHEMA);
  }

  place({ customer, total_cents }: { customer: string; total_cents: number }): Order {
    const order_id = randomUUID();
    this.#db
      .prepare('INSERT INTO orders (order_id, customer, total_cents) VALUES (?, ?, ?)')
      .run(order_id, customer, total_cents);
    return this.get(order_id) as Order;
  }

  get(orderId: string): Order | undefined {
    return this.#db.prepare('SELECT * FROM orders WHERE order_id = ?').get(orderId) as Order | undefined;
  }

  pay(orderId: string): Order | undefined {
    this.#db.prepare('UPDATE orders SET paid_at = ? WHERE order_id = ?').run(now(), orderId);
    return this.get(orderId);
  }

  ship(orderId: string): Order | undefined {
    this.#db.prepare('UPDATE orders SET shipped_at = ? WHERE order_id = ?').run(now(), orderId);
    return this.get(orderId);
  }

  /** Shipped orders that were not reported yet; each is returned once. */
  takeUnreported(): Order[] {
    const where = 'WHERE shipped_at IS NOT NULL AND is_reported = 0';
    const orders = this.#db.prepare(`SELECT * FROM orders ${where}`).all() as unknown as Order[];
    this.#db.exec(`UPDATE orders SET is_reported = 1 ${where}`);
    return orders;
  }

  /** Marks an order as reported. */
  markReported(orderId: string): void {
    this.#db.prepare('UPDATE orders SET is_reported = 1 WHERE order_id = ?').run(orderId);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function now(): string {
  return new Date().toISOString();
}
